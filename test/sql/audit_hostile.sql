-- Audit against hostile and odd tables: nobody crashes the server, reads what is not hers, or gains a right by it.
\set ECHO none
SET search_path = public, ticketflow;
CREATE ROLE audit_joe;
CREATE SCHEMA joe AUTHORIZATION audit_joe;
BEGIN;
SELECT plan(42);
CREATE FUNCTION last_change(OUT l audit_log) LANGUAGE sql BEGIN ATOMIC SELECT a FROM audit_log a ORDER BY id DESC LIMIT 1; END;

-- logs that are none
SET LOCAL ROLE audit_joe;
SET LOCAL search_path = joe, ticketflow, public;
CREATE TABLE joe.log (id bigserial, table_name text, operation text, user_id text, old_values jsonb, new_values jsonb, created_at timestamptz, transaction_id bigint, context bigint, record bigint,
  moved_to bigint, record_key jsonb, request_id text, cause text, row_digest bytea, rk bigint, field text, old_value text, new_value text, change_type text);
CREATE VIEW joe.v AS SELECT * FROM joe.log;
CREATE TABLE joe.t (id bigint PRIMARY KEY, v text);
SELECT throws_ok($$SELECT audit_enable('joe.t', log => 'joe.v')$$, '42809', NULL, 'a view is no log');
CREATE TRIGGER ticketflow_audit AFTER INSERT ON joe.t FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"log": "joe.v"}');
SELECT throws_ok($$INSERT INTO joe.t VALUES (1, 'x')$$, '42809', NULL, 'not even by a trigger made by hand');
DROP TRIGGER ticketflow_audit ON joe.t;
CREATE TABLE joe.parted (LIKE joe.log INCLUDING DEFAULTS) PARTITION BY RANGE (created_at);
CREATE TABLE joe.parted_1 PARTITION OF joe.parted FOR VALUES FROM ('2000-01-01') TO ('2200-01-01') PARTITION BY LIST (operation);
SELECT audit_enable('joe.t', log => 'joe.parted');
SELECT throws_ok($$INSERT INTO joe.t VALUES (1, 'x')$$, '42809', NULL, 'nor is a partition that has partitions');
SELECT throws_ok($$SELECT audit_enable('joe.t', log => 'public.tasks')$$, '42809', NULL, 'nor a table with other columns');

-- one log, two kinds of rows
SELECT audit_enable('joe.t', log => 'joe.log');
CREATE TRIGGER a_hist AFTER INSERT OR DELETE ON joe.t FOR EACH ROW EXECUTE FUNCTION ticketflow.history_trigger('{"log": "joe.log", "row_key": "id", "row_key_name": "rk", "label": "v"}');
INSERT INTO joe.t VALUES (1094795585, 'x');
SELECT results_eq('SELECT rk, new_value, new_values ->> ''id'' FROM joe.log ORDER BY id', $$VALUES (1094795585::bigint, 'x', NULL), (NULL, NULL, '1094795585')$$, 'each kind fills its own columns');

-- keys of the history
CREATE TABLE joe.h (id bigserial, task_id text, user_id text, field text, old_value text, new_value text, change_type text, created_at timestamptz, transaction_id bigint);
CREATE TABLE joe.loose (k text, v int);
CREATE TRIGGER hh AFTER INSERT OR UPDATE OR DELETE ON joe.loose FOR EACH ROW EXECUTE FUNCTION ticketflow.history_trigger('{"log": "joe.h", "row_key": "k"}');
INSERT INTO joe.loose VALUES (NULL, 1), ('a', 2);
DELETE FROM joe.loose;
SELECT results_eq('SELECT task_id, change_type FROM joe.h ORDER BY id', $$VALUES (NULL, 'created'), ('a', 'created'), (NULL, 'deleted'), ('a', 'deleted')$$, 'a null key is null');
DELETE FROM joe.h WHERE task_id IS NULL;
ALTER TABLE joe.h ALTER task_id SET NOT NULL;
SELECT throws_ok($$INSERT INTO joe.loose VALUES (NULL, 1)$$, '42809', NULL, 'and refused where it must not be');
ALTER TABLE joe.h DROP COLUMN task_id;
SELECT throws_ok($$INSERT INTO joe.loose VALUES ('b', 1)$$, '42809', NULL, 'a history without the column for the key is refused');

-- code in indexes of the log
CREATE FUNCTION joe.seen(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM FROM joe.h; RETURN current_user; END $$;
CREATE INDEX ON joe.log ((joe.seen(table_name)));
GRANT USAGE ON SCHEMA joe TO PUBLIC; GRANT INSERT, SELECT ON joe.log TO PUBLIC;
RESET ROLE;
SET LOCAL search_path = public, ticketflow, joe;
CREATE TABLE payroll (id int PRIMARY KEY);
SELECT audit_enable('payroll', log => 'joe.log');
SELECT lives_ok('INSERT INTO payroll VALUES (1), (2)', 'an index of the log that runs a query does not write its rows again');
SELECT is((SELECT count(*) FROM joe.log WHERE table_name = 'payroll'), 2::bigint, 'each row is written once');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM joe.log WHERE joe.seen(table_name) = 'audit_joe' AND table_name = 'payroll'), 2::bigint, 'it runs as the log''s owner, not as who changed the table');
RESET enable_seqscan;
SELECT throws_ok($$SELECT audit_seal('joe.log')$$, '55000', NULL, 'a log outside of a desk has no seals, and no function of its schema is called');
CREATE TEMP TABLE audit_log (x int);
SELECT lives_ok('SELECT audit_verify()', 'a temporary table of the log''s name stands in nobody''s way');
DROP TABLE pg_temp.audit_log;

-- shapes and options are anybody's to write, and nobody's to believe
SET LOCAL ROLE audit_joe;
CREATE TABLE joe.fake (id int PRIMARY KEY, title text);
CREATE TRIGGER ticketflow_audit AFTER INSERT ON joe.fake FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "tasks", "log": "public.audit_log"}');
CREATE TABLE joe.odd (id int PRIMARY KEY);
SELECT lives_ok($$CREATE TRIGGER ticketflow_audit AFTER INSERT ON joe.odd FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger()$$, 'a trigger without options');
CREATE TABLE joe.odd2 (id int PRIMARY KEY);
CREATE TRIGGER ticketflow_audit AFTER INSERT ON joe.odd2 FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"full": "maybe", "exclude": 7}');
RESET ROLE;
SELECT is((SELECT count(*) FROM audit_shapes WHERE table_name = 'tasks' AND NOT columns ? 'priority'), 0::bigint, 'who may not write to the log cannot say what its tables were');
SELECT results_eq($$SELECT target::text, "full", exclude FROM audit_tables WHERE target::text LIKE 'odd%'$$, $$VALUES ('odd', false, '{}'::text[]), ('odd2', false, '{}')$$, 'odd options break no view');

-- keys that are numbers, or checked late
CREATE TABLE inv (no numeric PRIMARY KEY, v int);
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
CREATE TABLE gauge (f float8, n numeric, PRIMARY KEY (n, f));
SELECT audit_enable('inv'), audit_enable('swap'), audit_enable('gauge');
INSERT INTO inv VALUES (7.0, 1), (99999999999999999999, 1), (7.5, 1); UPDATE inv SET v = 2;
SELECT is((SELECT array_agg((SELECT count(*) FROM row_history('inv', k::jsonb))) FROM unnest('{"{\"no\": 7}","{\"no\": 7.00}","{\"no\": 99999999999999999999}","{\"no\": 7.5}"}'::text[]) k),
  '{2,2,2,2}', 'a numeric key is found however it is spelled');
INSERT INTO gauge VALUES (1.0, 2.50); UPDATE gauge SET f = 1.5;
SELECT is((SELECT count(*) FROM row_history('gauge', '{"f": 1.5, "n": 2.5}')), 1::bigint, 'also as a part of a key');
INSERT INTO swap VALUES (1, 'one'); UPDATE swap SET v = 'two';
SELECT is((SELECT array_agg(record_key) FROM audit_log WHERE table_name = 'swap'), ARRAY['{"id": 1}', '{"id": 1}']::jsonb[], 'a deferrable key is a key');

-- settings of the session
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.w (id int PRIMARY KEY, r regclass, m money, rs regtype[]);
SELECT audit_enable('elsewhere.w');
SET LOCAL search_path = elsewhere, public, ticketflow;
INSERT INTO w VALUES (1, 'w', 12, '{w}');
SELECT is((last_change()).new_values, '{"m": "$12.00", "r": "elsewhere.w", "id": 1, "rs": ["elsewhere.w"]}'::jsonb, 'names and money do not depend on the session');
SELECT is(current_setting('search_path'), 'elsewhere, public, ticketflow', 'whose settings are as they were');
SET LOCAL search_path = public, ticketflow;

-- partitions and inheritance
CREATE TABLE pp (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE pp1 PARTITION OF pp FOR VALUES FROM (0) TO (100);
SELECT audit_enable('pp');
CREATE TABLE pp2 PARTITION OF pp FOR VALUES FROM (100) TO (200);
INSERT INTO pp VALUES (1, 1), (101, 1);
DELETE FROM audit_log;
TRUNCATE pp1; 
SELECT is((SELECT array_agg(operation) FROM audit_log WHERE table_name = 'pp'), '{TRUNCATE}', 'TRUNCATE of a partition is recorded');
TRUNCATE pp2;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 2::bigint, 'also of one that came later');
TRUNCATE pp;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 3::bigint, 'and of the whole table once');
SELECT throws_ok($$SELECT audit_enable('pp1')$$, '55000', NULL, 'a partition is recorded with its table');
ALTER TABLE pp DETACH PARTITION pp1;
TRUNCATE pp1;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 3::bigint, 'a detached partition is no part of it');
SELECT is(audit_disable('pp'), true, 'recording a partitioned table stops');
TRUNCATE pp;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 3::bigint, 'for all of it');
CREATE TABLE parent (id int PRIMARY KEY, v int);
CREATE TABLE child (w int, PRIMARY KEY (id)) INHERITS (parent);
SELECT audit_enable('parent');
INSERT INTO child VALUES (5, 5, 5); UPDATE parent SET v = 9; DELETE FROM parent;
SELECT is((SELECT string_agg(operation, ' ' ORDER BY id) FROM audit_log WHERE table_name = 'child'), 'INSERT UPDATE DELETE', 'rows of inheriting tables are recorded under those'' names');
INSERT INTO child VALUES (6, 6, 6);
ALTER TABLE parent ADD COLUMN extra int DEFAULT 5;
SELECT is(row_as_of('child', '{"id": 6}', 'infinity') -> 'extra', '5', 'a column that came by the parent is known');
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE moody (id int PRIMARY KEY, m mood);
SELECT audit_enable('moody');
INSERT INTO moody VALUES (1, 'a');
DROP TYPE mood CASCADE;
SELECT is(row_as_of('moody', '{"id": 1}', 'infinity'), '{"id": 1}', 'and one that went with its type');

-- hidden columns
CREATE TABLE hiding (id int PRIMARY KEY, a int, b text);
SELECT audit_enable('hiding', exclude => '{b}');
SELECT throws_ok('ALTER TABLE hiding RENAME COLUMN b TO bb', '55006', NULL, 'a hidden column is not renamed out of hiding');
SELECT lives_ok('ALTER TABLE hiding RENAME COLUMN a TO aa', 'others are renamed');
SELECT throws_ok($$SELECT audit_enable('hiding', exclude => ARRAY[NULL])$$, '42703', NULL, 'null is no column');
SELECT throws_ok($$SELECT audit_enable(NULL)$$, '42809', 'cannot audit null: it is not a table', 'null is no table');

-- an identity key can be set back
CREATE TABLE gi (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int);
SELECT audit_enable('gi');
INSERT INTO gi (v) VALUES (1);
COMMIT;
SELECT clock_timestamp() AS before \gset
UPDATE gi SET v = 2;
BEGIN;
SELECT is(revert('gi', '{"id": 1}', :'before'), '{"v": 1, "id": 1}', 'a row with an identity key is set back');

-- questions that are none
SELECT throws_ok('SELECT audit_verify(NULL, NULL)', '22004', NULL, 'verifying no time is an error, not "intact"');
SELECT throws_ok(format('SELECT audit_verify(digests => %L)', d), '22023', NULL, format('so is the digest %s', d)) FROM unnest('{"{}","[1]","\"x\"","{\"seal\": 1, \"digest\": \"ab\"}"}'::text[]) d;
SELECT is_empty('SELECT * FROM audit_verify()', 'the whole is intact');
SELECT * FROM finish();
ROLLBACK;
DROP OWNED BY audit_joe CASCADE; DROP ROLE audit_joe;
