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
  'in a scan of that index. A table stands for its one ticketflow index: bm25_score(tableoid, ...). Needs SELECT on the indexed column (42501).';

CREATE FUNCTION @extschema@.bm25_explain(index regclass, document tsvector, query tsquery) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5000 AS 'MODULE_PATHNAME', 'ticketflow_bm25_explain';
COMMENT ON FUNCTION @extschema@.bm25_explain(regclass, tsvector, tsquery) IS
  'How bm25_score comes about: the parameters, and for each word of the query its documents, idf, occurrences a label and share '
  'of the score. Needs SELECT on the indexed column, and refuses callers from whom row security hides rows (42501).';

CREATE FUNCTION @extschema@.similar_query(index regclass, document tsvector, terms integer DEFAULT 40) RETURNS tsquery
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5000 AS 'MODULE_PATHNAME', 'ticketflow_similar_query';
COMMENT ON FUNCTION @extschema@.similar_query(regclass, tsvector, integer) IS
  'An OR query of the words of a document that tell it best from others (frequency with label weights, times rarity in the index), '
  'each repeated as often as it counts: ORDER BY document <@> similar_query(...) finds documents like it. Up to 1000 terms '
  '(22023); empty where no word occurs in two documents. Needs SELECT on the indexed column (42501).';

CREATE FUNCTION @extschema@.bm25_stats(index regclass, OUT documents bigint, OUT null_documents bigint, OUT dead_rows bigint,
  OUT pending_rows bigint, OUT segments integer, OUT average_lengths double precision[], OUT segment_bytes bigint, OUT waiting_bytes bigint)
RETURNS record LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'ticketflow_bm25_stats';
COMMENT ON FUNCTION @extschema@.bm25_stats(regclass) IS
  'What a ticketflow index holds: documents (dead ones count until they are merged away), rows without a document, rows that '
  'VACUUM found dead, rows not in a segment yet, segments, average words a document for labels D, C, B, A, bytes of the '
  'segments, and bytes that wait for old snapshots before they are reused. Needs SELECT on the indexed column, and refuses '
  'callers from whom row security hides rows (42501).';

CREATE FUNCTION @extschema@.bm25_merge(index regclass) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 100000 AS 'MODULE_PATHNAME', 'ticketflow_bm25_merge';
COMMENT ON FUNCTION @extschema@.bm25_merge(regclass) IS
  'Merges the pending list and all segments into one segment and forgets dead rows; returns the pages freed from earlier merges. '
  'Searches and inserts go on. Only the owner may (42501); not on a standby (55000).';

CREATE FUNCTION @extschema@.bm25_check(index regclass) RETURNS TABLE (part text, id bigint, fault text)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 100000 AS 'MODULE_PATHNAME', 'ticketflow_bm25_check';
COMMENT ON FUNCTION @extschema@.bm25_check(regclass) IS
  'Verifies a ticketflow index against itself: order, sums, bounds, positions, ownership of pages. A row a fault; none where all '
  'is well. Takes no lock that stops anybody; only the owner may (42501).';

CREATE VIEW @extschema@.bm25_indexes AS
SELECT c.oid::pg_catalog.regclass AS index, i.indrelid::pg_catalog.regclass AS "table", pg_catalog.pg_relation_size(c.oid) AS bytes, s.*
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'ticketflow'
JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indisvalid
CROSS JOIN LATERAL @extschema@.bm25_stats(c.oid::pg_catalog.regclass) s
WHERE c.relkind = 'i' AND (c.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery()) AND pg_catalog.has_table_privilege(i.indrelid, 'SELECT') AND NOT pg_catalog.row_security_active(i.indrelid)
  AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace);
COMMENT ON VIEW @extschema@.bm25_indexes IS 'Each ticketflow index on a table that the current user may read, all rows of it, with bm25_stats.';
GRANT SELECT ON @extschema@.bm25_indexes TO PUBLIC;
