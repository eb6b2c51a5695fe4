-- database: engine
-- What went wrong in other search extensions, tried here; docs/search-peers.md lists which report each test answers.
SET search_path = ticketflow, public;
SELECT plan(37);
SELECT setseed(0.2);
CREATE FUNCTION random_text(words int) RETURNS text LANGUAGE sql VOLATILE
RETURN (SELECT string_agg('w' || (power(200, random()))::int, ' ') FROM generate_series(1, words));
-- Whether the index of a table gives the rows that a look at every row gives, and passes its own check.
CREATE FUNCTION sound(tab regclass, idx regclass, q tsquery) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text; wanted text; faults text;
BEGIN
  PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true);
  EXECUTE format('SELECT string_agg(p::text || s, '' '' ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM (SELECT ctid p, 0 - (document <@> %1$L) s FROM %2$s WHERE document @@ %1$L ORDER BY document <@> %1$L) x) x', q, tab) INTO got;
  EXECUTE format('SELECT string_agg(ctid::text || bm25_score(%3$L, document, %1$L), '' '' ORDER BY bm25_score(%3$L, document, %1$L) DESC, ctid) FROM %2$s WHERE (document @@ %1$L) IS TRUE', q, tab, idx) INTO wanted;
  EXECUTE format('SELECT string_agg(fault, '' '') FROM bm25_check(%L)', idx) INTO faults;
  PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_sort', 'on', true);
  RETURN CASE WHEN got IS DISTINCT FROM wanted THEN 'differs' WHEN faults IS NOT NULL THEN faults WHEN got IS NULL THEN 'empty' ELSE 'sound' END;
END $$;

CREATE TABLE t (dropped_1 text, id serial, dropped_2 int, document tsvector) WITH (autovacuum_enabled = off);
CREATE INDEX t_rank ON t USING ticketflow (document) WITH (pending_pages = 1);
INSERT INTO t (document) SELECT to_tsvector('simple', random_text(1 + i % 50)) FROM generate_series(1, 2000) i;
SELECT is(sound('t', 't_rank', 'w1|w5|w30'), 'sound', 'mixed lengths: the bounds of blocks hold');
SELECT cmp_ok((SELECT segments FROM bm25_stats('t_rank')), '<', 64, 'one transaction of many inserts stays within the list of segments');
ALTER TABLE t DROP COLUMN dropped_1;
SELECT is(sound('t', 't_rank', 'w2&w3'), 'sound', 'after a column was dropped');
ALTER TABLE t DROP COLUMN dropped_2;
INSERT INTO t (document) SELECT to_tsvector('simple', random_text(9)) FROM generate_series(1, 100);
SELECT is(sound('t', 't_rank', 'w2|w3'), 'sound', 'rows written after columns were dropped');

-- A tid that is used again after VACUUM must not be found under its old words. So few rows die that their segment is not written anew.
INSERT INTO t (document) SELECT to_tsvector('simple', 'ghost') FROM generate_series(1, 40);
SELECT bm25_merge('t_rank') >= 0 AS merged \g /dev/null
CREATE TEMP TABLE ghosts AS SELECT ctid AS place FROM t WHERE document @@ 'ghost';
DELETE FROM t WHERE document @@ 'ghost';
VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) t;
INSERT INTO t (document) SELECT to_tsvector('simple', 'living') FROM generate_series(1, 40);
SELECT cmp_ok((SELECT count(*) FROM t, ghosts WHERE t.ctid = place), '>', 0::bigint, 'places of dead rows are used again');
SELECT is(sound('t', 't_rank', 'ghost'), 'empty', 'a reused row place is not found under its old words');
SELECT is(sound('t', 't_rank', 'living|w2'), 'sound', 'and under its new ones');
BEGIN;
SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
SELECT is((SELECT count(*) - count(DISTINCT ctid) FROM (SELECT ctid FROM t ORDER BY document <@> 'w2') x), 0::bigint, 'nor twice where all rows are ranked');
COMMIT;
DELETE FROM t WHERE document @@ 'living';
SELECT cmp_ok((SELECT documents FROM bm25_stats('t_rank')), '>=', (SELECT count(*) FROM t), 'documents are never fewer than those that have a word');
SELECT is(sound('t', 't_rank', 'w1'), 'sound', 'scores of the commonest word stay above zero and in order');

-- Insert-only tables: VACUUM calls only the cleanup.
CREATE TABLE only_inserts (id int, document tsvector);
CREATE INDEX only_rank ON only_inserts USING ticketflow (document);
INSERT INTO only_inserts SELECT i, to_tsvector('simple', random_text(10)) FROM generate_series(1, 300) i;
VACUUM only_inserts;
SELECT results_eq($$SELECT pending_rows, segments FROM bm25_stats('only_rank')$$, 'VALUES (0::bigint, 1)', 'VACUUM without dead rows makes a segment of what waits');

-- Transactions that fail, whole or in part.
BEGIN;
SAVEPOINT a;
INSERT INTO t (document) SELECT to_tsvector('simple', 'undone ' || random_text(30)) FROM generate_series(1, 400);
ROLLBACK TO a;
INSERT INTO t (document) VALUES (to_tsvector('simple', 'kept'));
SAVEPOINT b;
SELECT throws_ok($$SELECT id FROM t WHERE document @@ 'w1' ORDER BY document <@> 'w1' LIMIT 1 / (SELECT 0)$$, '22012', NULL, 'an error in the middle of a statement with a ranked scan');
ROLLBACK TO b;
SELECT is((SELECT count(*) FROM t WHERE document @@ 'undone'), 0::bigint, 'an aborted subtransaction leaves no row');
COMMIT;
SELECT is((SELECT count(*) FROM t WHERE document @@ 'kept'), 1::bigint, 'and what followed it stays');
DO $$ BEGIN
  BEGIN INSERT INTO t (document) SELECT to_tsvector('simple', 'lost') FROM generate_series(1, 300); RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN NULL; END;
END $$;
SELECT is((SELECT count(*) FROM t WHERE document @@ 'lost'), 0::bigint, 'nor does an exception block');
VACUUM t;
SELECT is(sound('t', 't_rank', 'kept|w1'), 'sound', 'VACUUM takes the remains');

-- Rewrites.
VACUUM FULL t;
SELECT is(sound('t', 't_rank', 'w1|w2|w3'), 'sound', 'after VACUUM FULL');
ALTER TABLE t ALTER COLUMN id TYPE bigint;
SELECT is(sound('t', 't_rank', 'w1|w2|w3'), 'sound', 'after ALTER TYPE rewrote the table');
ALTER TABLE t SET UNLOGGED;
SELECT is(sound('t', 't_rank', 'w1|w2|w3'), 'sound', 'unlogged');
ALTER TABLE t SET LOGGED;
SELECT is(sound('t', 't_rank', 'w1|w2|w3'), 'sound', 'and logged again');
BEGIN;
TRUNCATE t;
INSERT INTO t (document) VALUES ('fresh');
SELECT is((SELECT count(*) FROM t WHERE document @@ 'fresh|w1'), 1::bigint, 'TRUNCATE');
ROLLBACK;
SELECT is(sound('t', 't_rank', 'w1|w2|w3'), 'sound', 'undone');

-- Labels below NOT, on words without positions: as PostgreSQL decides.
CREATE TABLE sm (document tsvector);
INSERT INTO sm SELECT unnest(ARRAY['x:1', 'ab', 'ab:1A', 'ab:1D', '', 'ab:3C x:1A y', 'ab x', 'x:1A']::tsvector[]);
CREATE INDEX sm_rank ON sm USING ticketflow (document);
SELECT is((SELECT string_agg(q, ' ') FROM unnest(ARRAY['!ab:A', 'ab:A', 'ab:A & !x', '!(ab:C | x:A)', 'ab:*A', '!ab:A & !x:A', 'ab:D <-> x', '!(ab <-> x)', 'x:A | !ab:D']) q
  WHERE sound('sm', 'sm_rank', q::tsquery) NOT IN ('sound', 'empty')), NULL, 'labels and words without positions, below NOT');

-- Limits of what can be in a document or a query.
INSERT INTO t (document) SELECT (SELECT array_to_tsvector(array_agg('k' || i)) FROM generate_series(1, 60000) i);
SELECT is((SELECT count(*) FROM t WHERE document @@ 'k1 & k60000'), 1::bigint, 'a document of 60,000 words, over many pages');
INSERT INTO t (document) SELECT array_to_tsvector(ARRAY[repeat('x', 2046), 'long']);
SELECT is((SELECT count(*) FROM t WHERE document @@ (repeat('x', 2046) || ' & long')::tsquery), 1::bigint, 'the longest word that a tsvector holds');
INSERT INTO t (document) SELECT to_tsvector('simple', repeat('often ', 400));
SELECT is((SELECT count(*) FROM t WHERE document @@ 'often'), 1::bigint, 'more occurrences than a tsvector counts');
SELECT lives_ok($$SELECT count(*) FROM (SELECT string_agg('w' || i, '|')::tsquery FROM generate_series(1, 3000) i) y (q), LATERAL (SELECT id FROM t WHERE document @@ q ORDER BY document <@> q LIMIT 5) x$$,
  'a query of 3,000 words');
SET enable_seqscan = off;
SELECT throws_ok(format($$SELECT count(*) FROM t WHERE document @@ %L$$, repeat('!(a&', 2500) || 'b' || repeat(')', 2500)), '54000', NULL, 'a query nested too deeply is refused');
RESET enable_seqscan;
SELECT is(sound('t', 't_rank', 'often|long|k7|w1'), 'sound', 'all of it in the pending list and in segments');
SELECT lives_ok($$SELECT bm25_merge('t_rank')$$, 'and merged');
SELECT is(sound('t', 't_rank', 'often|long|k7|w1'), 'sound', 'into one segment');

-- Many scans at once, of the same index by different queries, read in turns: no lock is held between rows, no score mixed up.
BEGIN;
SELECT format('DECLARE c%s CURSOR FOR SELECT document <@> %L AS s, -bm25_score(''t_rank'', document, %2$L) AS t FROM t WHERE document @@ %2$L ORDER BY document <@> %2$L', i, 'w1|w' || i)
FROM generate_series(1, 250) i \gexec
CREATE TEMP TABLE seen (s float8, t float8);
CREATE FUNCTION take(c refcursor) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r record; n bigint := 0;
BEGIN
  FOR i IN 1..4 LOOP FETCH c INTO r; n := n + (r.s IS DISTINCT FROM r.t)::int; END LOOP;
  RETURN n;
END $$;
SELECT is((SELECT sum(take(('c' || i)::refcursor)) FROM generate_series(1, 2) turn, generate_series(1, 250) i), 0::numeric, '250 open scans, read in turns, each with its own score');
COMMIT;

-- Partitions whose columns stand elsewhere; other kinds of relation.
CREATE TABLE p (id int, document tsvector) PARTITION BY RANGE (id);
CREATE TABLE p1 (gone int, document tsvector, id int);
ALTER TABLE p1 DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (500);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (1000);
CREATE INDEX p_rank ON p USING ticketflow (document);
INSERT INTO p SELECT i, to_tsvector('simple', random_text(5 + i % 20)) FROM generate_series(1, 999) i;
ANALYZE p;
SELECT is((SELECT count(*) FROM (SELECT tableoid t, document, document <@> 'w1|w9' s FROM p WHERE document @@ 'w1|w9' ORDER BY document <@> 'w1|w9' LIMIT 500) x
  WHERE s IS DISTINCT FROM -bm25_score(t, document, 'w1|w9')), 0::bigint, 'partitions whose columns stand in another order');
CREATE MATERIALIZED VIEW m AS SELECT id, document FROM p;
CREATE INDEX m_rank ON m USING ticketflow (document);
CREATE UNIQUE INDEX m_id ON m (id);
INSERT INTO p SELECT i, 'fresh' FROM generate_series(1, 3) i;
DELETE FROM p WHERE ctid IN (SELECT ctid FROM p WHERE id IN (1, 2, 3) AND NOT document @@ 'fresh');
REFRESH MATERIALIZED VIEW CONCURRENTLY m;
SELECT is((SELECT count(*) FROM m WHERE document @@ 'fresh'), 3::bigint, 'a materialized view, refreshed concurrently');
SELECT is(sound('m', 'm_rank', 'w1|fresh'), 'sound', 'and its index');
INSERT INTO t AS old (id, document) SELECT id, document FROM t LIMIT 5;
SELECT throws_ok('CREATE INDEX ON t USING ticketflow (id)', '42704', NULL, 'a column of another type has no operator class');
SELECT throws_ok('CREATE INDEX ON t USING ticketflow (document, document)', '0A000', NULL, 'several columns are refused when the index is made');
SELECT * FROM finish();
