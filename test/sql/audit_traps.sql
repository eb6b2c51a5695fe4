-- database: engine
-- Tables of every kind under audit: what other projects' triggers lost, garbled or refused.
\set ECHO none
SET search_path = public, ticketflow;
CALL ticketflow.deploy();
BEGIN;
SELECT plan(39);
CREATE FUNCTION last_change(OUT l audit_log) LANGUAGE sql BEGIN ATOMIC SELECT a FROM audit_log a ORDER BY id DESC LIMIT 1; END;
CREATE FUNCTION ops() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT string_agg(operation, ' ' ORDER BY id) FROM audit_log; END;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM audit_log; END;

-- columns that come and go between two rows of one session
CREATE TABLE shifty (id int PRIMARY KEY, a int, b text, c text);
SELECT audit_enable('shifty');
INSERT INTO shifty VALUES (1, 1, 'b', 'c');
ALTER TABLE shifty DROP COLUMN a;
UPDATE shifty SET c = 'c2';
SELECT is((last_change()).new_values, '{"c": "c2"}'::jsonb, 'a dropped column does not shift the others');
ALTER TABLE shifty ADD COLUMN d int DEFAULT 5;
UPDATE shifty SET d = 6;
SELECT is((last_change()).old_values, '{"d": 5}'::jsonb, 'an added column has its default');
ALTER TABLE shifty RENAME COLUMN b TO "Weird ""name""; DROP";
UPDATE shifty SET "Weird ""name""; DROP" = E'tab\t"q"\\';
SELECT is((last_change()).new_values, jsonb_build_object('Weird "name"; DROP', E'tab\t"q"\\'), 'a renamed one its new name');
ALTER TABLE shifty ALTER COLUMN d TYPE text USING d::text;
UPDATE shifty SET d = 'x';
SELECT is((last_change()).old_values, '{"d": "6"}'::jsonb, 'a retyped one its new type');
SELECT lives_ok(format('ALTER TABLE shifty ADD COLUMN %I int; UPDATE shifty SET %I = 1', repeat('n', 63), repeat('n', 63)), 'a name of 63 bytes');

-- keys
CREATE TABLE pair (a int, b text, v int, PRIMARY KEY (b, a));
CREATE TABLE keyless (v int);
SELECT audit_enable('pair'), audit_enable('keyless');
INSERT INTO pair VALUES (1, 'x', 1);
SELECT is((last_change()).record_key, '{"a": 1, "b": "x"}'::jsonb, 'a composite key');
INSERT INTO keyless VALUES (1), (1);
SELECT clear();
UPDATE keyless SET v = 2;
SELECT is((SELECT count(*) FROM audit_log WHERE old_values = '{"v": 1}' AND record_key IS NULL), 2::bigint, 'no key: whole rows');
UPDATE pair SET a = 9;
SELECT is(((last_change()).record_key, (last_change()).new_values)::text, '("{""a"": 1, ""b"": ""x""}","{""a"": 9}")', 'a changed key is kept old and new');

-- statements of every kind
CREATE TABLE t (id int PRIMARY KEY, v int);
SELECT audit_enable('t'), clear();
INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 0;
INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 2;
INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING;
WITH d AS (DELETE FROM t RETURNING *) INSERT INTO t SELECT id + 1, v FROM d;
MERGE INTO t USING (VALUES (2, 7), (3, 8)) s (id, v) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
COPY t FROM STDIN;
10	1
11	1
\.
SELECT bag_eq('SELECT operation, record_key ->> ''id'' FROM audit_log',
  $$VALUES ('INSERT', '1'), ('UPDATE', '1'), ('DELETE', '1'), ('INSERT', '2'), ('UPDATE', '2'), ('INSERT', '3'), ('INSERT', '10'), ('INSERT', '11')$$,
  'ON CONFLICT both ways, a writing CTE, MERGE and COPY');

-- partitions and inheritance
CREATE TABLE part (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b (v int, region text NOT NULL, id int NOT NULL);
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('b');
SELECT audit_enable('part'), clear();
INSERT INTO part VALUES (1, 'a', 1);
UPDATE part SET region = 'b', v = 2;
UPDATE part_b SET v = 3;
SELECT is(ops(), 'INSERT DELETE INSERT UPDATE', 'a move between partitions, and a change of a partition itself');
SELECT is((SELECT array_agg(DISTINCT table_name) FROM audit_log), '{part}', 'have the table''s name');
SELECT is((last_change()).record_key, '{"id": 1, "region": "b"}'::jsonb, 'and its key, whatever the order of the partition''s columns');
SELECT is(row_as_of('part', '{"id": 1, "region": "b"}', 'infinity'), '{"v": 3, "id": 1, "region": "b"}'::jsonb, 'and can be looked back at');

-- types
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
CREATE TYPE point3 AS (x int, y numeric, at timestamptz);
CREATE TYPE mood AS ENUM ('fine', 'so so');
CREATE TABLE types (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, e email, p point3, ps point3[], m mood, j json, js json[], i int4range, u uuid, x xml, g int GENERATED ALWAYS AS (length(e)) STORED, arr text[], big numeric, oidv oid, bits bit(3));
SELECT audit_enable('types');
SET LOCAL TimeZone = 'Asia/Tokyo';
INSERT INTO types (e, p, ps, m, j, js, i, u, x, arr, big, oidv, bits) VALUES ('a@b', (1, 2.50, '2026-01-01 00:00+00'), ARRAY[(1, 2, NULL)::point3], 'so so', '{"a": "\u0000"}', ARRAY['{"b": "\u0000"}'::json],
  '[1,5)', '00000000-0000-0000-0000-000000000001', '<a/>', '{"a b",NULL}', 1e100, 7, '101');
RESET TimeZone;
SELECT is((last_change()).new_values -> 'p', '{"x": 1, "y": 2.50, "at": "2026-01-01T00:00:00+00:00"}'::jsonb, 'a row type, its time in UTC');
SELECT is((last_change()).new_values ->> 'j', '{"a": "\u0000"}', 'a json that jsonb refuses');
SELECT is((last_change()).new_values -> 'arr', '["a b", null]'::jsonb, 'an array');
SELECT is((last_change()).new_values -> 'g', '3'::jsonb, 'a generated column');
SELECT is((last_change()).new_values ->> 'm', 'so so', 'an enum');
SELECT lives_ok('UPDATE types SET j = ''{"a": 1e999999}'', e = NULL', 'no value fails the write');
SELECT is_empty('SELECT * FROM audit_verify()', 'and all have the digest that was made when they were written');

-- values that did not change are not fetched
CREATE TABLE wide (id int PRIMARY KEY, body text, n int);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
SELECT audit_enable('wide');
INSERT INTO wide VALUES (1, repeat('x', 1000000), 0);
SELECT pg_current_wal_insert_lsn() AS before \gset
UPDATE wide SET n = 1; UPDATE wide SET n = 2; UPDATE wide SET n = 3;
SELECT cmp_ok(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'before'), '<', 200000::numeric, 'three updates beside an unchanged megabyte write no megabyte');

-- rights
CREATE ROLE trap_clerk;
GRANT USAGE ON SCHEMA public TO trap_clerk;
GRANT INSERT, UPDATE, SELECT ON t TO trap_clerk;
SET LOCAL ROLE trap_clerk;
SELECT lives_ok('INSERT INTO public.t VALUES (50, 1)', 'who may change the table needs no right on the log');
SELECT throws_ok('SELECT * FROM public.audit_log', '42501', NULL, 'cannot read it');
SELECT throws_ok('DELETE FROM public.audit_log', '42501', NULL, 'cannot change it');
SELECT throws_ok('SELECT ticketflow.row_as_of(''public.t'', ''{"id": 50}'', now())', '42501', NULL, 'nor look back');
RESET ROLE;
SELECT is((SELECT database_role FROM audit_contexts WHERE id = (last_change()).context), 'trap_clerk', 'the acting role is recorded');
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE TABLE shadow.audit_log (x int);
SET LOCAL search_path = shadow, pg_catalog;
UPDATE public.t SET v = 100 WHERE id = 50;
RESET search_path;
SET LOCAL search_path = public, ticketflow;
SELECT is((last_change()).new_values, '{"v": 100}'::jsonb, 'a hostile search_path changes nothing');

-- A statement that fails when some of its rows are recorded, in a savepoint that is rolled back inside of one that is kept.
CREATE TABLE halfway (id int PRIMARY KEY);
SELECT audit_enable('halfway');
CREATE FUNCTION stop_at_five() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 5 THEN RAISE check_violation; END IF; RETURN NULL; END$$;
CREATE TRIGGER zz_last AFTER INSERT ON halfway FOR EACH ROW EXECUTE FUNCTION stop_at_five();
SAVEPOINT kept;
DO $$BEGIN INSERT INTO halfway SELECT generate_series(1, 9); EXCEPTION WHEN check_violation THEN NULL; END$$;
RELEASE kept;
INSERT INTO halfway VALUES (10);
SELECT results_eq($$SELECT record_key FROM audit_log WHERE table_name = 'halfway'$$, $$VALUES ('{"id": 10}'::jsonb)$$, 'rows of a statement that failed are not recorded');

-- a missing month, other tables
SELECT lives_ok($$INSERT INTO audit_log (table_name, operation, created_at) VALUES ('x', 'INSERT', '2020-01-05')$$, 'a month without a partition');
SELECT is((SELECT count(*) FROM audit_log_default), 1::bigint, 'goes to the default one');
CREATE TEMP TABLE passing (id int PRIMARY KEY);
SELECT audit_enable('passing');
INSERT INTO passing VALUES (1);
SELECT is((last_change()).table_name, 'passing', 'a temporary table leaves its trace');
SELECT is((SELECT array_agg(name ORDER BY name) FROM (SELECT c.relname::text AS name FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE g.tgname = 'ticketflow_audit') x WHERE name IN ('audit_log', 'task_history', 'sessions', 'notifications')), NULL, 'nothing records the log itself');
SELECT clear();
INSERT INTO organizations (name) VALUES ('Acme');
SELECT is((SELECT count(*) FROM task_history WHERE created_at < now() - interval '1 year'), 0::bigint, 'history is young');
INSERT INTO task_history (task_id, field, change_type, created_at) VALUES (1, 'status', 'updated', now() - interval '2 years');
DELETE FROM task_history WHERE created_at < NOW() - INTERVAL '1 year';
SELECT is((SELECT count(*) FROM task_history_archive), 1::bigint, 'the guide''s clean-up moves rows to the archive');
-- What the log writes by itself is what to_jsonb() writes: any day of 10,000 years, any text in an array.
CREATE TABLE plain (at timestamptz, local timestamp, day date, tags text[], names varchar(60)[]);
SELECT setseed(0.5) \g /dev/null
INSERT INTO plain SELECT '0001-01-01 UTC'::timestamptz + (random() * 3155e14)::bigint * interval '1 us', '9999-12-31'::timestamp - (random() * 10 ^ (n % 18))::bigint * interval '1 us',
  '0001-01-01'::date + n * 1200, ARRAY(SELECT CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE left(E'\\"\t\u0001ü漢' || md5(n::text), i % 40) END FROM generate_series(1, n % 70) i), NULL FROM generate_series(1, 3000) n;
INSERT INTO plain VALUES ('infinity', '-infinity', NULL, '{}', '{a,NULL}'), ('0001-01-01 UTC', '10000-01-01', '4000-03-01 BC', '{{a,b},{c,d}}', '{}'),
  ('0001-01-01 UTC'::timestamptz - interval '1 us', '2000-02-29 00:00:00.000001', NULL, '[5:6]={x,y}', NULL);
SET LOCAL timezone = 'UTC';
SELECT is((SELECT count(*) FROM plain p WHERE audit_image(p)::text = to_jsonb(p)::text), 3003::bigint, 'times and arrays are written as to_jsonb() writes them');
CREATE TEMP TABLE images AS SELECT audit_image(p) AS image FROM plain p;
SET LOCAL timezone = 'Asia/Kathmandu';
SELECT is((SELECT count(*) FROM (SELECT audit_image(p) FROM plain p EXCEPT SELECT image FROM images) x), 0::bigint, 'in UTC, whatever the session''s zone');
-- Columns that are computed when they are read (PostgreSQL 18) are nowhere in the row: not in the log, and not in what revert() writes.
SELECT current_setting('server_version_num')::int >= 180000 AS has_virtual \gset
\if :has_virtual
CREATE TABLE computed (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a + 1) VIRTUAL);
SELECT audit_enable('computed') \g /dev/null
INSERT INTO computed VALUES (1, 2);
UPDATE computed SET a = 3;
SELECT is((SELECT new_values FROM audit_log WHERE table_name = 'computed' AND operation = 'INSERT'), '{"a": 2, "id": 1}', 'a virtual column is not recorded');
SELECT is((SELECT new_values FROM audit_log WHERE table_name = 'computed' AND operation = 'UPDATE'), '{"a": 3}', 'nor is its change');
SELECT lives_ok($$SELECT revert(transaction_id) FROM audit_log WHERE table_name = 'computed' AND operation = 'UPDATE'$$, 'and it hinders no revert');
\else
SELECT skip('virtual columns came with PostgreSQL 18', 3);
\endif
SELECT * FROM finish();
ROLLBACK;
