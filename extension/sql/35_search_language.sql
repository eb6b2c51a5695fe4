-- search: how text becomes a document, and what keeps documents current.

CREATE OR REPLACE FUNCTION @extschema@.bounded_tsvector(configuration regconfig, body text) RETURNS tsvector
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_tsvector';
COMMENT ON FUNCTION @extschema@.bounded_tsvector(regconfig, text) IS
  'to_tsvector() that takes a text of any length: equal to it where that succeeds, and as far as a tsvector goes (1 MB of '
  'lexemes, the first 8 MB of text) where that refuses with 54000.';

CREATE OR REPLACE FUNCTION @extschema@.bounded_tsvector(configuration text, body text) RETURNS tsvector
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_tsvector_named';
COMMENT ON FUNCTION @extschema@.bounded_tsvector(text, text) IS
  'The same with the configuration''s name as text. Errors: 42704 no such configuration.';

CREATE OR REPLACE FUNCTION @extschema@.build_documents(configuration regconfig, a text, b text, c text, d text[], hidden text[],
  OUT document tsvector, OUT hidden_document tsvector)
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 200
AS 'MODULE_PATHNAME', 'ticketflow_language_documents';
COMMENT ON FUNCTION @extschema@.build_documents(regconfig, text, text, text, text[], text[]) IS
  'One labelled document of four parts (a to d, labels A to D; null parts are left out), bounded as bounded_tsvector(). '
  'hidden_document holds the hidden texts too, with label D; null where there are none.';

CREATE OR REPLACE FUNCTION @extschema@.text_differs(old text, new text) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_language_text_differs';
COMMENT ON FUNCTION @extschema@.text_differs(text, text) IS
  'IS DISTINCT FROM that does not fetch a long value which an UPDATE left alone; for the WHEN of a trigger.';

CREATE OR REPLACE FUNCTION @extschema@.refresh_trigger() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticketflow_language_refresh_trigger';
COMMENT ON FUNCTION @extschema@.refresh_trigger() IS
  'Trigger, arguments (function, key column [, watched columns]): calls the function, found in the table''s schema, with the '
  'keys (integer[]) of the rows that changed, as the table''s owner. AFTER, for each row, or for each statement with '
  'transition tables; then an update counts only where a watched column (comma-separated) changed.';

CREATE OR REPLACE FUNCTION @extschema@.any_of(configuration regconfig, body text) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_any_of';
COMMENT ON FUNCTION @extschema@.any_of(regconfig, text) IS
  'A query that any word of the text matches, for ranking; a repeated word stands in it as often (up to 8 times), so that it '
  'weighs more. Reads the first 64 kB; empty where the text has no word.';

CREATE OR REPLACE FUNCTION @extschema@.any_of(query tsquery) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_language_loosen';
COMMENT ON FUNCTION @extschema@.any_of(tsquery) IS
  'The query loosened: any of its terms instead of all of them and of phrases; what it refuses (!) stays refused.';

CREATE OR REPLACE FUNCTION @extschema@.typed_query(configuration regconfig, typed text) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_typed';
COMMENT ON FUNCTION @extschema@.typed_query(regconfig, text) IS
  'websearch_to_tsquery() for a search box: never refuses, and a last word of two letters or more that nothing closes '
  '(a space, a quote) also matches as the beginning of a longer word.';

CREATE OR REPLACE FUNCTION @extschema@.query_terms(query tsquery) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_language_terms';
COMMENT ON FUNCTION @extschema@.query_terms(tsquery) IS 'The lexemes of a query that a match may hold: all but those below a !.';
