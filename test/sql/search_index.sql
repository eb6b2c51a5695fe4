-- database: engine
-- The index access method ticketflow: plans, ranks equal to an exhaustive ranking, boolean structure, inserts, VACUUM.
SET search_path = ticketflow, public;
SELECT plan(29);
SELECT setseed(0.3);
SET jit = off; -- enable_sort = off makes plans look dear enough to compile, which takes longer than they do

-- Statistics move when dead rows go: VACUUM runs where a test says so, not between two readings.
CREATE TABLE d (id serial PRIMARY KEY, document tsvector) WITH (autovacuum_enabled = off);
CREATE FUNCTION random_text(words int) RETURNS text LANGUAGE sql VOLATILE
RETURN (SELECT string_agg('w' || (power(500, random()))::int, ' ') FROM generate_series(1, words));
\ir ../lib/search_oracle.sql
INSERT INTO queries VALUES ('w30|w40'), ('w30&w40'), ('w1&!w2'), ('!w1'), ('w3<->w4'), ('w1<->w2&!w5'), ('w49:*'), ('w30:A'),
  ('w1:A&w2'), ('(w1|w2)&(w3|w4)'), ('w1|(w2<->w3)'), ('w1<2>w3'), ('nope'), ('w1|nope'), ('w3:*A<->w2'), ('!w1<->w2'),
  ('w1|w1|w1|w20|w30'), ('w7:AB|w7:D'), ('!(w1&w2)|w90'), ('');

INSERT INTO d (document) SELECT setweight(to_tsvector('simple', random_text(3 + i % 4)), 'A') || to_tsvector('simple', random_text(5 + i % 40))
FROM generate_series(1, 3000) i;
CREATE INDEX d_rank ON d USING ticketflow (document);
SELECT is(differences(), 0::bigint, 'a built index ranks like an exhaustive sort');
INSERT INTO d (document) SELECT to_tsvector('simple', random_text(5 + i % 40)) FROM generate_series(1, 500) i;
INSERT INTO d (document) VALUES (NULL), ('');
SELECT is(differences(), 0::bigint, 'and with pending documents');
DELETE FROM d WHERE id % 7 = 0;
SELECT is(differences(), 0::bigint, 'and with deleted ones');
VACUUM d;
SELECT is(differences(), 0::bigint, 'and after VACUUM');
UPDATE d SET document = to_tsvector('simple', random_text(10)) WHERE id % 5 = 0;
INSERT INTO d (document) SELECT strip(to_tsvector('simple', random_text(20))) FROM generate_series(1, 60) i;
SELECT is(differences(), 0::bigint, 'and after updates, with stripped documents pending');
VACUUM d;
SELECT is(differences(), 0::bigint, 'and with stripped documents in a segment');
INSERT INTO d (document) SELECT to_tsvector('simple', random_text(6000)) FROM generate_series(1, 3);
SELECT is(differences(), 0::bigint, 'and with documents of several pages');
REINDEX INDEX d_rank;
SELECT is(differences(), 0::bigint, 'and after REINDEX');
REINDEX INDEX CONCURRENTLY d_rank;
SELECT is(differences(), 0::bigint, 'and after REINDEX CONCURRENTLY');
SET maintenance_work_mem = '1MB';
INSERT INTO d (document) SELECT to_tsvector('simple', random_text(30)) FROM generate_series(1, 4000) i;
REINDEX INDEX d_rank;
RESET maintenance_work_mem;
SELECT is(differences(), 0::bigint, 'and after a build in little memory, from temporary segments');
SELECT is_empty($$SELECT * FROM bm25_check('d_rank')$$, 'which bm25_check approves');

-- Update churn: the document column is in the row itself, and every row is written ten times.
CREATE TABLE churn (id int PRIMARY KEY, status int, document tsvector) WITH (autovacuum_enabled = off);
INSERT INTO churn SELECT i, 0, to_tsvector('simple', random_text(30)) FROM generate_series(1, 1500) i;
CREATE INDEX churn_rank ON churn USING ticketflow (document);
CREATE INDEX churn_status ON churn (status);
CREATE TABLE before AS SELECT pg_relation_size('churn_rank') AS size,
  (SELECT array_agg(id || ':' || s ORDER BY s, id) FROM (SELECT id, document <@> 'w20|w3' AS s FROM churn WHERE document @@ 'w20|w3' ORDER BY document <@> 'w20|w3' LIMIT 100000) x) AS ranks;
SELECT format(statement, i) FROM generate_series(1, 4) i, unnest(ARRAY['UPDATE churn SET status = %s', 'VACUUM churn']) WITH ORDINALITY AS t (statement, n)
ORDER BY i, n \gexec
CREATE TABLE between_times AS SELECT pg_relation_size('churn_rank') AS size;
SELECT format(statement, i) FROM generate_series(5, 10) i, unnest(ARRAY['UPDATE churn SET status = %s', 'VACUUM churn']) WITH ORDINALITY AS t (statement, n)
ORDER BY i, n \gexec
SELECT cmp_ok(pg_relation_size('churn_rank'), '<=', size * 5 / 4, 'update churn: pages are reused, the index is no larger after ten rounds than after four') FROM between_times;
SELECT is((SELECT array_agg(id || ':' || s ORDER BY s, id) FROM (SELECT id, document <@> 'w20|w3' AS s FROM churn WHERE document @@ 'w20|w3' ORDER BY document <@> 'w20|w3' LIMIT 100000) x), ranks,
  'and ranks as before') FROM before;
SELECT results_eq($$SELECT documents, dead_rows, pending_rows, segments FROM bm25_stats('churn_rank')$$, $$VALUES (1500::bigint, 0::bigint, 0::bigint, 1)$$,
  'in one segment, without dead rows');
SELECT is_empty($$SELECT * FROM bm25_check('churn_rank')$$, 'bm25_check approves');

-- Plans
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; result text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP;
  RETURN result;
END $$;
SELECT matches(plan_of($$SELECT id FROM d ORDER BY document <@> 'w3' LIMIT 5$$), '^Limit\s+->  Index Scan using d_rank', 'a ranked scan has no Sort');
SELECT matches(plan_of($$SELECT id FROM d WHERE document @@ 'w30 & w40' ORDER BY document <@> 'w30 & w40' LIMIT 5$$), 'Index Cond.*Order By', 'the condition is in the index too');
SET enable_seqscan = off;
SELECT matches(plan_of($$SELECT count(*) FROM d WHERE document @@ 'w30 & w40'$$), 'Index Scan .*d_rank', 'a condition alone uses the index');
SELECT is((SELECT count(*) FROM queries WHERE (SELECT count(*) FROM d WHERE document @@ q) <> (SELECT count(*) FROM d WHERE (document @@ q) IS TRUE)),
  0::bigint, 'a bitmap finds what matches');
SET enable_bitmapscan = off;
SELECT is((SELECT count(*) FROM queries WHERE (SELECT count(*) FROM d WHERE document @@ q) <> (SELECT count(*) FROM d WHERE (document @@ q) IS TRUE)),
  0::bigint, 'a plain scan finds what matches');
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Conditions and ranking may differ: all rows of the condition come, those that the ranking query does not match last.
SELECT is((SELECT count(*) FROM (SELECT id FROM d WHERE document @@ 'w1' ORDER BY document <@> 'w2 & w3') x),
  (SELECT count(*) FROM d WHERE (document @@ 'w1') IS TRUE), 'no row of the condition is lost to the ranking');
SELECT is((SELECT count(*) FROM (SELECT id FROM d WHERE document @@ 'w1' AND document @@ 'w2' ORDER BY document <@> 'w2|w3') x),
  (SELECT count(*) FROM d WHERE (document @@ 'w1&w2') IS TRUE), 'two conditions');

SELECT is((SELECT count(*) FROM d WHERE document <@> 'w3|w40' IS DISTINCT FROM -bm25_score('d_rank', document, 'w3|w40')), 0::bigint,
  'the operator gives the same number where no index scan runs');
SELECT throws_ok($$SELECT to_tsvector('x') <@> 'x'$$, '55000', NULL, 'a document without an index has no statistics, and the operator says so');
SELECT throws_ok($$SELECT bm25_score('d_pkey', '', 'w1')$$, '42809', NULL, 'bm25_score of another kind of index');
SELECT throws_ok($$CREATE INDEX ON d USING ticketflow (document) WITH (weights = '{1,2}')$$, '22023', NULL, 'weights are four numbers');
SELECT throws_ok($$CREATE INDEX ON d USING ticketflow (document) WITH (b = 2)$$, '22023', NULL, 'b is between 0 and 1');
ALTER INDEX d_rank SET (k1 = 0.9, b = '{0.4,0.4,0.4,0.3}', weights = '{1,1,1,5}');
SELECT is(differences(), 0::bigint, 'k1, b and weights change without a rebuild');
SET ticketflow.weights = '{1,0,0,0}';
SELECT is(differences(), 0::bigint, 'and for one session');
SELECT * FROM finish();
