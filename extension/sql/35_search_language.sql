-- search: how text becomes a document, and what keeps documents current.

CREATE OR REPLACE FUNCTION @extschema@.bounded_tsvector(configuration regconfig, body text) RETURNS tsvector
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_tsvector';
COMMENT ON FUNCTION @extschema@.bounded_tsvector(regconfig, text) IS
  'to_tsvector() that takes a text of any length: equal to it where that succeeds, and as far as a tsvector goes (1 MB of '
  'lexemes, the first 8 MB of text) where that refuses with 54000.';

CREATE DOMAIN @extschema@.text_vector AS tsvector;
COMMENT ON DOMAIN @extschema@.text_vector IS
  'The tsvector of a text, with an operator @@ of its own (see deploy()): what that asks tells nothing of hidden rows, so that row security lets it use an index.';

CREATE OR REPLACE FUNCTION @extschema@.vector_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_vector_support';
COMMENT ON FUNCTION @extschema@.vector_support(internal) IS
  'Private to the planner: reads bounded_tsvector(name, a || b) as joined_vector(), in queries and in indexes.';

CREATE OR REPLACE FUNCTION @extschema@.bounded_tsvector(configuration text, body text) RETURNS @extschema@.text_vector
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 SUPPORT @extschema@.vector_support
AS 'MODULE_PATHNAME', 'ticketflow_language_tsvector_named';
COMMENT ON FUNCTION @extschema@.bounded_tsvector(text, text) IS
  'The same with the configuration''s name as text. Errors: 42704 no such configuration.';

CREATE OR REPLACE FUNCTION @extschema@.joined_vector(configuration regconfig, parts text[]) RETURNS @extschema@.text_vector
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_joined_vector';
COMMENT ON FUNCTION @extschema@.joined_vector(regconfig, text[]) IS
  'bounded_tsvector() of the parts joined. It raises nothing, whatever the texts, so it is leakproof; null where a part is null, where the '
  'configuration is not one of PostgreSQL''s own, and in databases that are not in UTF-8.';

CREATE OR REPLACE FUNCTION @extschema@.build_documents(configuration regconfig, a text, b text, c text, d text[], hidden text[],
  OUT document tsvector, OUT hidden_document tsvector)
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 200
AS 'MODULE_PATHNAME', 'ticketflow_language_documents';
COMMENT ON FUNCTION @extschema@.build_documents(regconfig, text, text, text, text[], text[]) IS
  'One labelled document of four parts (a to d, labels A to D; null parts are left out), bounded as bounded_tsvector(). '
  'hidden_document holds the hidden texts too, with label D; null where there are none. Error: 22023 where the configuration is null.';

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

CREATE OR REPLACE FUNCTION @extschema@.any_of(config regconfig, body text) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_any_of';
COMMENT ON FUNCTION @extschema@.any_of(regconfig, text) IS
  'A query that any word of the text matches, for ranking; a repeated word stands in it as often (up to 8 times), so that it '
  'weighs more. Reads the first 64 kB; empty where the text has no word.';

CREATE OR REPLACE FUNCTION @extschema@.any_of(query tsquery) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_language_loosen';
COMMENT ON FUNCTION @extschema@.any_of(tsquery) IS
  'The query loosened: any of its terms instead of all of them and of phrases; what it refuses as a whole (a & !b) stays refused. '
  'Finds all that the query finds.';

CREATE OR REPLACE FUNCTION @extschema@.typed_query(configuration regconfig, typed text) RETURNS tsquery
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'ticketflow_language_typed';
COMMENT ON FUNCTION @extschema@.typed_query(regconfig, text) IS
  'websearch_to_tsquery() for a search box: never refuses, and a last word of two letters or more that nothing closes '
  '(a space, a quote) also matches as the beginning of a longer word. Reads the first 2 kB.';

CREATE OR REPLACE FUNCTION @extschema@.words_in(configuration regconfig, typed text, document tsvector, present boolean DEFAULT true)
RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200
AS 'MODULE_PATHNAME', 'ticketflow_language_words_in';
COMMENT ON FUNCTION @extschema@.words_in(regconfig, text, tsvector, boolean) IS
  'The words of what was typed, as they were written, that the document has (present) or has not; each once, stop words and '
  'refused words left out, 500 at most.';

CREATE OR REPLACE FUNCTION @extschema@.query_terms(query tsquery) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_language_terms';
COMMENT ON FUNCTION @extschema@.query_terms(tsquery) IS 'The lexemes of a query that a match may hold: all but those below a !.';

-- The ticket language: a parser, a dictionary and the configuration that puts them over English stemming.

CREATE OR REPLACE FUNCTION @extschema@.language_start(internal, integer) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_start';
COMMENT ON FUNCTION @extschema@.language_start(internal, integer) IS 'Private to text search parser ticketflow.';
CREATE OR REPLACE FUNCTION @extschema@.language_token(internal, internal, internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_token';
COMMENT ON FUNCTION @extschema@.language_token(internal, internal, internal) IS 'Private to text search parser ticketflow.';
CREATE OR REPLACE FUNCTION @extschema@.language_end(internal) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_end';
COMMENT ON FUNCTION @extschema@.language_end(internal) IS 'Private to text search parser ticketflow.';
CREATE OR REPLACE FUNCTION @extschema@.language_types(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_types';
COMMENT ON FUNCTION @extschema@.language_types(internal) IS 'Private to text search parser ticketflow.';
CREATE TEXT SEARCH PARSER @extschema@.ticketflow (
  START = @extschema@.language_start, GETTOKEN = @extschema@.language_token, END = @extschema@.language_end,
  LEXTYPES = @extschema@.language_types, HEADLINE = pg_catalog.prsd_headline);
COMMENT ON TEXT SEARCH PARSER @extschema@.ticketflow IS
  'Keeps identifiers, error codes, versions, paths, C++ and addresses in one token; SELECT * FROM ts_token_type(''ticketflow.ticketflow'').';

CREATE OR REPLACE FUNCTION @extschema@.language_parts_init(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_parts_init';
COMMENT ON FUNCTION @extschema@.language_parts_init(internal) IS 'Private to text search template ticketflow_parts.';
CREATE OR REPLACE FUNCTION @extschema@.language_parts_lexize(internal, internal, internal, internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_parts_lexize';
COMMENT ON FUNCTION @extschema@.language_parts_lexize(internal, internal, internal, internal) IS 'Private to text search template ticketflow_parts.';
CREATE TEXT SEARCH TEMPLATE @extschema@.ticketflow_parts (
  INIT = @extschema@.language_parts_init, LEXIZE = @extschema@.language_parts_lexize);
COMMENT ON TEXT SEARCH TEMPLATE @extschema@.ticketflow_parts IS
  'A token as a whole and by its parts, at one position; parameter Dictionary: the dictionary for what is only letters.';
CREATE TEXT SEARCH DICTIONARY @extschema@.ticketflow_parts (
  TEMPLATE = @extschema@.ticketflow_parts, Dictionary = 'pg_catalog.english_stem');
COMMENT ON TEXT SEARCH DICTIONARY @extschema@.ticketflow_parts IS 'Wholes and parts of identifiers, codes and addresses; words by english_stem.';

CREATE TEXT SEARCH CONFIGURATION @extschema@.ticketflow (PARSER = @extschema@.ticketflow);
ALTER TEXT SEARCH CONFIGURATION @extschema@.ticketflow ADD MAPPING FOR word WITH pg_catalog.english_stem;
ALTER TEXT SEARCH CONFIGURATION @extschema@.ticketflow ADD MAPPING FOR ideograph WITH pg_catalog.simple;
ALTER TEXT SEARCH CONFIGURATION @extschema@.ticketflow
  ADD MAPPING FOR accented, numword, number, email, url, path, version, identifier, hyphenated, acronym, symbol, address
  WITH @extschema@.ticketflow_parts;
COMMENT ON TEXT SEARCH CONFIGURATION @extschema@.ticketflow IS
  'The language of tickets: English, with identifiers, error codes, versions, paths, C++ and addresses found whole and by part.';

CREATE OR REPLACE FUNCTION @extschema@.snippet(configuration regconfig, bodies text[], query tsquery, max_words integer DEFAULT 30)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'ticketflow_language_snippet';
COMMENT ON FUNCTION @extschema@.snippet(regconfig, text[], tsquery, integer) IS
  'Where the bodies match the query best: up to max_words (1 to 1000) words of the first one with most of its terms, as HTML, '
  'escaped, matches in <mark>. Without a match the beginning of the first. Reads 128 kB at most. Errors: 22023 max_words.';

CREATE OR REPLACE FUNCTION @extschema@.matches_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_language_matches_support';
COMMENT ON FUNCTION @extschema@.matches_support(internal) IS 'Private to the planner: reads matches() as the operator @@, which indexes answer.';
CREATE OR REPLACE FUNCTION @extschema@.matches(document tsvector, query tsquery) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100 SUPPORT @extschema@.matches_support
AS 'MODULE_PATHNAME', 'ticketflow_language_matches';
COMMENT ON FUNCTION @extschema@.matches(tsvector, tsquery) IS
  'document @@ query for tables with row security: uses an index where a policy would keep @@ from it.';

CREATE OR REPLACE FUNCTION @extschema@.vector_matches(document @extschema@.text_vector, query tsquery) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100 SUPPORT @extschema@.matches_support
AS 'MODULE_PATHNAME', 'ticketflow_language_matches';
COMMENT ON FUNCTION @extschema@.vector_matches(@extschema@.text_vector, tsquery) IS 'The function of a desk''s operator @@: matches() of a text_vector.';
