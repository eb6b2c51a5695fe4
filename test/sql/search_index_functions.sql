-- database: engine
-- What looks into ticketflow indexes: statistics, explanation, similar documents, merging, checking, privileges; scans in odd shapes.
SET search_path = ticketflow, public;
SELECT plan(33);

CREATE TABLE d (id int PRIMARY KEY, document tsvector) WITH (autovacuum_enabled = off);
INSERT INTO d VALUES
  (1, setweight(to_tsvector('simple', 'printer jam'), 'A') || to_tsvector('simple', 'paper stuck in the printer')),
  (2, setweight(to_tsvector('simple', 'paper order'), 'A') || to_tsvector('simple', 'please order paper for the printer')),
  (3, to_tsvector('simple', 'the mail server is down')), (4, NULL), (5, to_tsvector('simple', 'quote '' and \ backslash "x"'));
CREATE INDEX d_rank ON d USING ticketflow (document);
INSERT INTO d SELECT i, to_tsvector('simple', 'filler text number ' || i) FROM generate_series(6, 40) i;

SELECT results_eq($$SELECT documents, null_documents, dead_rows, pending_rows, segments FROM bm25_stats('d_rank')$$,
  $$VALUES (39::bigint, 1::bigint, 0::bigint, 35::bigint, 1)$$, 'bm25_stats counts segments and the pending list');
SELECT is((SELECT round(average_lengths[4]::numeric, 6) FROM bm25_stats('d_rank')), round(4 / 39.0, 6), 'and averages lengths a label');
SELECT is((SELECT documents FROM bm25_indexes WHERE index = 'd_rank'::regclass), 39::bigint, 'bm25_indexes lists it');

-- explain: the parts add up, and equal the formula
SELECT is((SELECT sum((w->>'score')::float8) FROM jsonb_array_elements(bm25_explain('d_rank', document, 'printer|paper|paper|mail')->'words') w),
  bm25_score('d_rank', document, 'printer|paper|paper|mail'), 'bm25_explain: the words'' scores add up to the score') FROM d WHERE id = 1;
SELECT is(bm25_explain('d_rank', document, 'printer|paper|paper')->'words'->1->>'in_query', '2', 'it counts words of the query') FROM d WHERE id = 1;
SELECT is(bm25_explain('d_rank', document, 'printer')->'words'->0->'occurrences', '{"A": 1, "D": 1}', 'and occurrences a label') FROM d WHERE id = 1;
SELECT is(bm25_explain('d_rank', document, 'printer & !jam')->>'matches', 'false', 'and says when the query does not match') FROM d WHERE id = 1;
SELECT is(round(bm25_score('d_rank', document, 'mail')::numeric, 8),
  (SELECT round((ln(1 + (39 - 1 + .5) / (1 + .5)) * 2.2 * x / (1.2 + x))::numeric, 8) FROM (SELECT 1 / (1 - .75 + .75 * 5 / average_lengths[1]) AS x FROM bm25_stats('d_rank')) f),
  'a score is the published formula') FROM d WHERE id = 3;

SELECT is(similar_query('d_rank', document, 2)::text, '''printer'' | ''printer'' | ''printer'' | ''printer'' | ''paper''', 'similar_query: the best words, by label weight') FROM d WHERE id = 1;
SELECT lives_ok($$SELECT similar_query('d_rank', document) FROM d$$, 'similar_query survives quotes and backslashes');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM d WHERE document @@ (SELECT similar_query('d_rank', document) FROM d WHERE id = 1)
  ORDER BY document <@> (SELECT similar_query('d_rank', document) FROM d WHERE id = 1) LIMIT 2) x), ARRAY[1, 2], 'and finds what is like it');
SELECT is(similar_query('d_rank', to_tsvector('simple', 'unheard'))::text, '', 'an empty query where nothing is shared');
SELECT throws_ok($$SELECT similar_query('d_rank', '', 0)$$, '22023', NULL, 'terms are at least 1');

-- Query term frequency counts, and saturates.
SELECT cmp_ok(bm25_score('d_rank', document, 'printer|printer'), '>', bm25_score('d_rank', document, 'printer'), 'a repeated word counts more') FROM d WHERE id = 1;
SELECT cmp_ok(bm25_score('d_rank', document, 'printer|printer'), '<', 2 * bm25_score('d_rank', document, 'printer'), 'but less than twice') FROM d WHERE id = 1;

-- merge and check
DELETE FROM d WHERE id > 30;
VACUUM d;
SELECT lives_ok($$SELECT bm25_merge('d_rank')$$, 'bm25_merge');
SELECT results_eq($$SELECT documents, null_documents, dead_rows, pending_rows, segments FROM bm25_stats('d_rank')$$,
  $$VALUES (29::bigint, 1::bigint, 0::bigint, 0::bigint, 1)$$, 'leaves one segment without dead rows');
SELECT is_empty($$SELECT * FROM bm25_check('d_rank')$$, 'bm25_check finds nothing');
SELECT throws_ok($$SELECT bm25_merge('d_pkey')$$, '42809', NULL, 'another kind of index');
SELECT throws_ok($$SELECT bm25_stats(0)$$, '42P01', NULL, 'an index that does not exist');

-- scans in odd shapes
CREATE FUNCTION best(q tsquery) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id FROM d ORDER BY document <@> q LIMIT 1 LOOP RETURN r.id; END LOOP;
END $$;
SELECT is(best('mail'), 3, 'in PL/pgSQL');
PREPARE p(tsquery) AS SELECT id FROM d WHERE document @@ $1 ORDER BY document <@> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
SELECT results_eq('EXECUTE p(''mail'')', ARRAY[3], 'with a generic plan');
SELECT is((SELECT array_agg(x.id ORDER BY x.n) FROM unnest(ARRAY['mail', 'jam', 'filler & 7']) WITH ORDINALITY AS q (q, n),
  LATERAL (SELECT id, q.n FROM d WHERE document @@ q.q::tsquery ORDER BY document <@> q.q::tsquery LIMIT 1) x), ARRAY[3, 1, 7], 'as the inner side of a join');
CREATE TABLE e (id int, document tsvector);
INSERT INTO e SELECT i, to_tsvector('simple', 'mail ' || repeat('x ', i)) FROM generate_series(1, 10) i;
CREATE INDEX e_rank ON e USING ticketflow (document);
SET enable_seqscan = off;
SELECT is((SELECT count(*) FROM (
    (SELECT 'd_rank'::regclass AS i, document, document <@> 'mail' AS s FROM d WHERE document @@ 'mail' ORDER BY document <@> 'mail' LIMIT 5) UNION ALL
    (SELECT 'e_rank', document, document <@> 'mail' FROM e WHERE document @@ 'mail' ORDER BY document <@> 'mail' LIMIT 5)) u
  WHERE s IS DISTINCT FROM -bm25_score(i, document, 'mail')), 0::bigint, 'UNION ALL of two scans: each row has its own index''s score');
CREATE TABLE parted (id int, document tsvector) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (50);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (50) TO (100);
INSERT INTO parted SELECT i, to_tsvector('simple', 'mail ' || repeat('y', i % 9) || repeat(' z', i % 5)) FROM generate_series(1, 99) i;
CREATE INDEX parted_rank ON parted USING ticketflow (document);
SELECT is((SELECT array_agg(s) = array_agg(s ORDER BY s) FROM (SELECT document <@> 'mail' s FROM parted WHERE document @@ 'mail' ORDER BY document <@> 'mail' LIMIT 50) x), true,
  'partitions: merged in order of score');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM e ORDER BY document <@> 'mail';
FETCH 3 FROM c;
SAVEPOINT s;
SELECT throws_ok($$FETCH BACKWARD 1 FROM c$$, '55000', NULL, 'a cursor refuses to go backwards');
ROLLBACK TO s;
INSERT INTO e VALUES (11, to_tsvector('simple', 'mail'));
ROLLBACK;
SELECT is((SELECT count(*) FROM e WHERE document @@ 'mail'), 10::bigint, 'a rolled back insert is not found');
CREATE TEMP TABLE t AS SELECT * FROM e;
CREATE INDEX t_rank ON t USING ticketflow (document);
SELECT is((SELECT count(*) FROM t WHERE document @@ 'mail'), 10::bigint, 'a temporary index');
CREATE INDEX CONCURRENTLY e_partial ON e USING ticketflow (document) WHERE id > 5;
SELECT is((SELECT count(*) FROM e WHERE document @@ 'mail' AND id > 5), 5::bigint, 'a partial index built concurrently');
CREATE INDEX e_expression ON e USING ticketflow (setweight(document, 'A'));
SELECT is((SELECT count(*) FROM e WHERE setweight(document, 'A') @@ 'mail:A'), 10::bigint, 'an expression index');
RESET enable_seqscan;

-- privileges: statistics tell about rows
CREATE ROLE search_reader;
GRANT USAGE ON SCHEMA ticketflow TO search_reader;
SET ROLE search_reader;
SELECT throws_ok($$SELECT bm25_score('d_rank', '', 'mail')$$, '42501', NULL, 'bm25_score needs SELECT');
SELECT throws_ok($$SELECT bm25_merge('d_rank')$$, '42501', NULL, 'bm25_merge needs ownership');
RESET ROLE;
GRANT SELECT (document) ON d TO search_reader;
SET ROLE search_reader;
SELECT lives_ok($$SELECT bm25_score('d_rank', '', 'mail')$$, 'SELECT on the column is enough');
RESET ROLE;
REVOKE ALL ON d FROM search_reader;
REVOKE USAGE ON SCHEMA ticketflow FROM search_reader;
DROP ROLE search_reader;
SELECT * FROM finish();
