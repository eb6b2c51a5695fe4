-- search: the index access method `ticketflow`, which ranks tsvectors by BM25F, and what looks into its indexes.

CREATE FUNCTION @extschema@.ticketflow_handler(internal) RETURNS index_am_handler
LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.ticketflow_handler(internal) IS 'Handler of the index access method ticketflow.';
CREATE ACCESS METHOD ticketflow TYPE INDEX HANDLER @extschema@.ticketflow_handler;
COMMENT ON ACCESS METHOD ticketflow IS 'Full-text search over tsvector, ranked by BM25F: WHERE document @@ query ORDER BY document <@> query LIMIT n.';

CREATE FUNCTION @extschema@.of_index(query tsquery, index regclass) RETURNS tsquery
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_of_index';
COMMENT ON FUNCTION @extschema@.of_index(tsquery, regclass) IS
  'Returns the query. In document <@> of_index(query, index) it names the index whose statistics rank; planning adds it by itself.';

CREATE FUNCTION @extschema@.bm25_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ticketflow_bm25_support';
COMMENT ON FUNCTION @extschema@.bm25_support(internal) IS 'Planner support of document <@> query: finds the index whose statistics rank.';

CREATE FUNCTION @extschema@.bm25_distance(document tsvector, query tsquery) RETURNS double precision
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 100 SUPPORT @extschema@.bm25_support
AS 'MODULE_PATHNAME', 'ticketflow_bm25_distance';
COMMENT ON FUNCTION @extschema@.bm25_distance(tsvector, tsquery) IS
  'Function of the operator <@>: the negative BM25F score of a document, so that ascending order is best first; 0 if it does not '
  'match. Takes the numbers of the index scan that ranks by this query, else those of a ticketflow index on the document '
  '(55000 if there is none; 42501 without SELECT on the indexed column).';
CREATE OPERATOR @extschema@.<@> (LEFTARG = tsvector, RIGHTARG = tsquery, FUNCTION = @extschema@.bm25_distance);
COMMENT ON OPERATOR @extschema@.<@> (tsvector, tsquery) IS 'negative BM25F score: ORDER BY document <@> query gives the best first';

CREATE OPERATOR CLASS @extschema@.tsvector_rank_ops DEFAULT FOR TYPE tsvector USING ticketflow AS
  OPERATOR 1 pg_catalog.@@ (tsvector, tsquery),
  OPERATOR 2 @extschema@.<@> (tsvector, tsquery) FOR ORDER BY pg_catalog.float_ops;
COMMENT ON OPERATOR CLASS @extschema@.tsvector_rank_ops USING ticketflow IS 'Documents with labels A to D as fields of BM25F.';

CREATE FUNCTION @extschema@.bm25_score(index regclass, document tsvector, query tsquery) RETURNS double precision
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5000 AS 'MODULE_PATHNAME', 'ticketflow_bm25_score';
COMMENT ON FUNCTION @extschema@.bm25_score(regclass, tsvector, tsquery) IS
  'The BM25F score of a document with the statistics of an index, 0 if it does not match; the negative of document <@> query '
  'in a scan of that index. Needs SELECT on the indexed column (42501).';
