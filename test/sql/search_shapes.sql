-- database: engine
-- Ranked scans in every shape of executor: a plan must not change which rows come, in which order, or with which score.
SET search_path = ticketflow, public;
SELECT plan(54);
SELECT setseed(0.7);
CREATE TABLE d (id int PRIMARY KEY, kind int, other tsvector, document tsvector) WITH (autovacuum_enabled = off);
INSERT INTO d SELECT i, i % 10, 'other', to_tsvector('simple', 'w' || (power(60, random()))::int || ' w' || (power(60, random()))::int || repeat(' x', i % 17) || ' n' || i)
FROM generate_series(1, 2000) i;
INSERT INTO d VALUES (2001, 1, 'other', NULL), (2002, 2, 'other', ''), (2003, 3, 'other', NULL);
CREATE INDEX d_rank ON d USING ticketflow (document);
VACUUM ANALYZE d;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; result text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP result := result || line || E'\n'; END LOOP;
  RETURN result;
END $$;
CREATE TABLE settings (name text);
INSERT INTO settings VALUES ('enable_indexscan'), ('enable_bitmapscan'), ('enable_seqscan'), ('enable_sort'), ('enable_hashagg'), ('enable_indexonlyscan');
-- The answers of a query under each planner setting that is switched off, and with a generic plan.
CREATE FUNCTION answers(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE setting text; answer text;
BEGIN
  FOR setting IN SELECT name FROM settings LOOP
    PERFORM set_config(setting, 'off', true);
    EXECUTE 'SELECT COALESCE(string_agg(x::text, '' '' ORDER BY o), '''') FROM (SELECT row_number() OVER () o, x.* FROM (' || query || ' OFFSET 0) x) x' INTO answer;
    PERFORM set_config(setting, 'on', true);
    RETURN NEXT answer;
  END LOOP;
END $$;
CREATE FUNCTION same(query text, what text) RETURNS text LANGUAGE sql AS $$
  SELECT is(count(DISTINCT a), 1::bigint, what) FROM answers(query) a $$;

SELECT same(q, format('plans agree: %s', q)) FROM unnest(ARRAY[
  $$SELECT id, document <@> 'w3|w20' FROM d WHERE document @@ 'w3|w20' ORDER BY document <@> 'w3|w20', id$$,
  $$SELECT id, document <@> 'w3|w20' FROM d WHERE document @@ 'w3|w20' AND kind = 3 ORDER BY document <@> 'w3|w20', id LIMIT 7$$,
  $$SELECT sum(c), count(*) FROM (SELECT document <@> 'w20' AS s, count(*) c FROM d GROUP BY 1) x$$,
  $$SELECT count(*), count(s) FROM (SELECT id, document <@> 'w20' AS s FROM d ORDER BY document <@> 'w20' LIMIT 1990) x$$,
  $$SELECT count(*), count(s) FROM (SELECT id, document <@> 'w20' AS s FROM d ORDER BY document <@> 'w20') x$$,
  $$SELECT count(*) FROM (SELECT id, document <@> NULL::tsquery AS s FROM d ORDER BY document <@> NULL::tsquery LIMIT 5) x$$,
  $$SELECT count(*) FROM (SELECT id FROM d WHERE document @@ NULL::tsquery ORDER BY document <@> 'w3' LIMIT 5) x$$,
  $$SELECT count(*) FROM (SELECT id FROM d ORDER BY document <@> '' LIMIT 5000) x$$,
  $$SELECT id, rank() OVER (ORDER BY document <@> 'w3 & w20') FROM d WHERE document @@ 'w3|w20' ORDER BY 2, 1 LIMIT 40$$,
  $$SELECT DISTINCT ON (document <@> 'w7') document <@> 'w7' FROM d ORDER BY document <@> 'w7'$$,
  $$SELECT id FROM d WHERE document @@ '!w3' ORDER BY document <@> '!w3', id LIMIT 5$$,
  $$SELECT document <@> '!w3' FROM d WHERE document @@ '!w3' ORDER BY document <@> '!w3' LIMIT 1$$,
  $$SELECT a.id, b.id FROM d a JOIN d b ON b.id = a.id + 1 AND b.document @@ 'w2' WHERE a.document @@ 'w3' ORDER BY a.document <@> 'w3', a.id, b.id LIMIT 9$$,
  $$SELECT (SELECT id FROM d i WHERE document @@ o.q ORDER BY document <@> o.q, id LIMIT 1) FROM (VALUES ('w3'::tsquery), ('w5'), (NULL), ('w20 & n7')) o (q)$$,
  $$SELECT id FROM d WHERE document @@ 'w3' AND EXISTS (SELECT FROM d e WHERE e.id = d.id + 1 AND e.document @@ 'w2') ORDER BY document <@> 'w3', id LIMIT 5$$,
  $$WITH m AS MATERIALIZED (SELECT id, document, document <@> 'w3' s FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3' LIMIT 20) SELECT count(*) FROM m WHERE s = -bm25_score('d_rank', document, 'w3')$$,
  $$SELECT id FROM (SELECT id, document <@> 'w3|w9' s FROM d WHERE document @@ 'w3|w9' UNION ALL SELECT -id, document <@> 'w3|w9' FROM d WHERE document @@ 'w3|w9') u ORDER BY s, id LIMIT 20$$,
  $$SELECT count(*) FROM d$$, $$SELECT count(*) FROM d WHERE other @@ 'other'$$]) q;

SET enable_seqscan = off;
SELECT is((SELECT count(*) FROM d), 2003::bigint, 'count(*) where the index looks cheap');
RESET enable_seqscan;
SELECT doesnt_match(plan_of('SELECT count(*) FROM d'), 'Index Only Scan', 'rows are not counted without a look at them');

-- The score of a returned row: the scan's own number, whatever the row's other columns and however often it is asked for.
SELECT is((SELECT count(*) FROM (SELECT id, document, document <@> 'w3|w20' AS s, document <@> 'w3|w20' AS t FROM d WHERE document @@ 'w3|w20'
    ORDER BY document <@> 'w3|w20' LIMIT 100) x WHERE s <> t OR s <> -bm25_score('d_rank', document, 'w3|w20')), 0::bigint, 'the score in SELECT, twice, is bm25_score');
SELECT is((SELECT count(*) FROM (SELECT other, other <@> of_index('other|w3', 'd_rank') AS o FROM d WHERE document @@ 'other|w3' ORDER BY document <@> 'other|w3' LIMIT 10) x
    WHERE o <> -bm25_score('d_rank', other, 'other|w3')), 0::bigint, 'another column of the row is not taken for the ranked one');
UPDATE d SET document = document || to_tsvector('simple', (SELECT string_agg(md5(i::text), ' ') FROM generate_series(1, 400) i)) WHERE id IN (3, 5);
SELECT is((SELECT count(*) FROM (SELECT document <@> 'w1|x' AS s, document FROM d WHERE document @@ 'w1|x' ORDER BY document <@> 'w1|x') x
    WHERE s <> -bm25_score('d_rank', document, 'w1|x')), 0::bigint, 'also of a document that is stored out of line');

-- Prepared statements, and functions in PL/pgSQL.
PREPARE best(tsquery, int) AS SELECT id FROM d WHERE document @@ $1 ORDER BY document <@> $1 LIMIT $2;
CREATE TABLE given (mode text, ids text);
SELECT format($$SET plan_cache_mode = %s; CREATE TEMP TABLE r AS EXECUTE best('w3|w20|w9', 50); INSERT INTO given SELECT '%s', string_agg(id::text, ' ') FROM r; DROP TABLE r;
  CREATE TEMP TABLE r AS EXECUTE best(NULL, 50); INSERT INTO given SELECT 'null %s', count(*) FROM r; DROP TABLE r$$, m, m, m)
FROM unnest(ARRAY['force_custom_plan', 'force_generic_plan']) m \gexec
RESET plan_cache_mode;
SELECT is((SELECT count(DISTINCT ids) FROM given WHERE mode NOT LIKE 'null%'), 1::bigint, 'custom and generic plans agree');
SELECT is((SELECT string_agg(ids, ' ') FROM given WHERE mode LIKE 'null%'), '0 0', 'and with NULL');
CREATE FUNCTION rounds() RETURNS SETOF boolean LANGUAGE plpgsql AS $$
DECLARE a float8; b float8; dd tsvector := (SELECT document FROM d WHERE id = 500);
BEGIN
  FOR i IN 1..3 LOOP
    a := bm25_score('d_rank', dd, 'n500');
    SELECT -(document <@> 'n500') INTO b FROM d WHERE document @@ 'n500' AND id = 500 ORDER BY document <@> 'n500' LIMIT 1;
    RETURN NEXT a = b;
    PERFORM set_config('ticketflow.k1', '0.1', true) WHERE i = 1;
    INSERT INTO d SELECT 20000 + g + 500 * i, 0, 'other', to_tsvector('n500') FROM generate_series(1, 300) g WHERE i = 2;
  END LOOP;
  DELETE FROM d WHERE id > 20000;
END $$;
SELECT results_eq('SELECT * FROM rounds()', 'VALUES (true), (true), (true)', 'in PL/pgSQL, settings and rows that change between two calls count at once');

-- Cursors, locks, and changes under way.
BEGIN;
DECLARE c NO SCROLL CURSOR FOR SELECT id FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3';
DECLARE s SCROLL CURSOR FOR SELECT id FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3';
FETCH 2 FROM c;
FETCH 2 FROM s;
DELETE FROM d WHERE document @@ 'w3' AND id > 1000;
SELECT is((SELECT count(*) FROM d WHERE document @@ 'w3' AND id > 1000), 0::bigint, 'deleted rows are gone');
SELECT lives_ok('MOVE BACKWARD 1 FROM s', 'a SCROLL cursor keeps its rows and may go back');
SELECT lives_ok('MOVE ALL FROM c', 'a cursor goes on after its rows were deleted');
ROLLBACK;
SELECT results_eq($$SELECT id FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3' LIMIT 3 FOR UPDATE$$,
  $$SELECT id FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3' LIMIT 3$$, 'FOR UPDATE');
WITH u AS (UPDATE d SET kind = 77 WHERE id IN (SELECT id FROM d WHERE document @@ 'w3' ORDER BY document <@> 'w3' LIMIT 5) RETURNING 1)
SELECT is(count(*), 5::bigint, 'UPDATE of the best') FROM u;

-- Row security: no policy is bypassed, and what states counts outright is refused.
CREATE ROLE search_limited;
GRANT USAGE ON SCHEMA ticketflow TO search_limited;
GRANT SELECT ON d TO search_limited;
ALTER TABLE d ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON d TO search_limited USING (kind = 3);
CREATE VIEW v AS SELECT id, document FROM d WHERE kind = 4;
CREATE ROLE search_viewer;
GRANT USAGE ON SCHEMA ticketflow TO search_viewer;
GRANT SELECT ON v TO search_viewer;
SET ROLE search_limited;
SELECT is((SELECT count(*) FROM (SELECT id, kind FROM d WHERE document @@ 'w1|w3' ORDER BY document <@> 'w1|w3' LIMIT 10) x WHERE kind = 3), 10::bigint,
  'row security: ten rows, all of them allowed');
SELECT throws_ok($$SELECT bm25_stats('d_rank')$$, '42501', NULL, 'bm25_stats counts what row security hides, and is refused');
SELECT throws_ok($$SELECT bm25_explain('d_rank', 'w3', 'w3')$$, '42501', NULL, 'and bm25_explain');
SELECT is_empty('SELECT * FROM bm25_indexes', 'bm25_indexes leaves such indexes out');
SELECT is(similar_query('d_rank', 'n5 nowhere')::text, $$'nowhere' | 'n5'$$, 'similar_query does not tell which words others have');
SET ROLE search_viewer;
SELECT is((SELECT count(*) FROM (SELECT id, document <@> 'w1|w3' FROM v WHERE document @@ 'w1|w3' ORDER BY document <@> 'w1|w3' LIMIT 10) x), 10::bigint, 'through a view');
SET enable_indexscan = off;
SELECT is((SELECT count(*) FROM (SELECT id, document <@> 'w1|w3' FROM v WHERE document @@ 'w1|w3' ORDER BY document <@> 'w1|w3' LIMIT 10) x), 10::bigint,
  'also where no scan ranks: the rights on the table are those of the view''s owner');
RESET enable_indexscan;
SELECT throws_ok($$SELECT 'w1'::tsvector <@> of_index('w1', 'd_rank')$$, '42501', NULL, 'of_index written by hand needs the right');
RESET ROLE;
DROP VIEW v;
DROP OWNED BY search_limited, search_viewer;
DROP ROLE search_limited, search_viewer;

-- Tables of several parts.
CREATE TABLE par (id int, document tsvector);
CREATE TABLE ch () INHERITS (par);
INSERT INTO par SELECT g, to_tsvector('simple', 'y ' || CASE WHEN g = 7 THEN 'x' ELSE '' END) FROM generate_series(1, 3000) g;
INSERT INTO ch SELECT g, to_tsvector('simple', CASE WHEN g = 5001 THEN 'y' ELSE 'x' END) FROM generate_series(5001, 8000) g;
CREATE INDEX par_rank ON par USING ticketflow (document);
CREATE INDEX ch_rank ON ch USING ticketflow (document);
ANALYZE par, ch;
SELECT is((SELECT count(*) FROM (SELECT tableoid::regclass AS t, document, document <@> 'x|y' s FROM par WHERE document @@ 'x|y' ORDER BY document <@> 'x|y' LIMIT 3) p
    WHERE s IS DISTINCT FROM -bm25_score(t, document, 'x|y')), 0::bigint, 'inheritance: each row has the score of its own table''s index');
SELECT is((SELECT array_agg(s) = array_agg(s ORDER BY s) FROM (SELECT document <@> 'x|y' s FROM par WHERE document @@ 'x|y' ORDER BY document <@> 'x|y' LIMIT 4000) p), true, 'merged in order');
SELECT throws_ok($$SELECT bm25_score('d', '', 'x') FROM (SELECT set_config('x.y', '', true)) x, generate_series(1, 0) UNION ALL SELECT bm25_score('settings', '', 'x')$$, '42809', NULL,
  'a table without such an index');

-- A partitioned table: one set of numbers, whatever the plan.
CREATE TABLE pt (id int, k int, document tsvector) PARTITION BY RANGE (k);
CREATE TABLE pt_a PARTITION OF pt FOR VALUES FROM (0) TO (10);
CREATE TABLE pt_b PARTITION OF pt FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE pt_b1 PARTITION OF pt_b FOR VALUES FROM (0) TO (2000);
CREATE TABLE pt_b2 PARTITION OF pt_b FOR VALUES FROM (2000) TO (9000);
INSERT INTO pt SELECT g, g % 20, to_tsvector('simple', CASE WHEN g % 20 < 10 THEN 'y ' ELSE 'x ' END || CASE WHEN g % 97 = 0 THEN 'x y' ELSE 'z' || repeat(' u', g % 7) END) FROM generate_series(1, 4000) g;
CREATE INDEX pt_rank ON pt USING ticketflow (document);
CREATE INDEX pt_id ON pt (id);
ANALYZE pt;
SELECT same(q, format('plans agree: %s', q)) FROM unnest(ARRAY[
  $$SELECT id, document <@> 'x|y' FROM pt WHERE document @@ 'x|y' AND id BETWEEN 10 AND 12 ORDER BY document <@> 'x|y', id LIMIT 10$$,
  $$SELECT id, document <@> 'x|y:*' FROM pt WHERE document @@ 'x|y:*' ORDER BY document <@> 'x|y:*', id LIMIT 30$$,
  $$SELECT id, document <@> 'x' FROM pt WHERE document @@ 'x' AND k < 10 ORDER BY id LIMIT 10$$,
  $$SELECT id, document <@> 'x' FROM pt_b1 WHERE document @@ 'x' ORDER BY document <@> 'x', id LIMIT 10$$]) q;
SELECT is((SELECT count(*) FROM (SELECT tableoid t, document, document <@> 'x|y' s FROM pt WHERE document @@ 'x|y' ORDER BY document <@> 'x|y' LIMIT 500) x
  WHERE s IS DISTINCT FROM -bm25_score(t, document, 'x|y') OR s IS DISTINCT FROM -bm25_score('pt', document, 'x|y')), 0::bigint, 'partitions score by the whole table');

-- Two indexes on one column, with weights of their own: the one that is named ranks.
CREATE TABLE two (id int PRIMARY KEY, document tsvector) WITH (autovacuum_enabled = off);
INSERT INTO two SELECT g, CASE WHEN g = 1 THEN 'x:1A' WHEN g = 2 THEN 'x:1D,2D,3D' ELSE 'y:1D' END::tsvector FROM generate_series(1, 2000) g;
CREATE INDEX two_title ON two USING ticketflow (document) WITH (weights = '{0.01,0.01,0.01,9}', b = '0');
CREATE INDEX two_body ON two USING ticketflow (document) WITH (weights = '{9,1,1,0.01}', b = '0');
ANALYZE two;
SELECT same(q, format('plans agree: %s', q)) FROM unnest(ARRAY[
  $$SELECT id, document <@> of_index('x', 'two_title') FROM two WHERE document @@ 'x' ORDER BY document <@> of_index('x', 'two_title') LIMIT 1$$,
  $$SELECT id, document <@> of_index('x', 'two_body') FROM two WHERE document @@ 'x' ORDER BY document <@> of_index('x', 'two_body') LIMIT 1$$,
  $$SELECT id, document <@> 'x' FROM two WHERE document @@ 'x' ORDER BY document <@> 'x' LIMIT 1$$]) q;

-- Statistics are counted.
SELECT pg_stat_force_next_flush();
SELECT cmp_ok((SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'd_rank'), '>', 10::bigint, 'scans are counted in pg_stat_user_indexes');
-- A file that is built anew in place: what the session remembers of its segments must go.
CREATE TEMP TABLE emptied (id int, document tsvector) ON COMMIT DELETE ROWS;
CREATE INDEX emptied_document ON emptied USING ticketflow (document);
CREATE FUNCTION found_in_emptied(letters text) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
  INSERT INTO emptied SELECT g, to_tsvector('simple', letters || lpad(g::text, 6, '0') || ' common') FROM generate_series(1, 30000) g;
  PERFORM bm25_merge('emptied_document');
  RETURN (SELECT count(*) FROM (SELECT id FROM emptied WHERE document @@ (letters || '012345')::tsquery ORDER BY document <@> (letters || '012345')::tsquery LIMIT 5000) x);
END $$;
SELECT is(found_in_emptied('aaaa'), 1::bigint, 'a row of a temporary table');
SELECT is(found_in_emptied('bbbb'), 1::bigint, 'and, after ON COMMIT DELETE ROWS, one of the next transaction');
SELECT * FROM finish();
