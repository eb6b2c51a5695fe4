-- Audit against hostile and odd tables: nobody crashes the server, reads what is not hers, or gains a right by it.
\set ECHO none
SET search_path = public, ticketflow;
CREATE ROLE audit_joe;
CREATE SCHEMA joe AUTHORIZATION audit_joe;
BEGIN;
SELECT plan(62);
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
CREATE TRIGGER ticketflow_audit AFTER INSERT ON joe.t FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"log": "public.audit_log"}');
SELECT throws_ok($$INSERT INTO joe.t VALUES (1, 'x')$$, '42501', NULL, 'another''s log takes nothing from a trigger made by hand');
DROP TRIGGER ticketflow_audit ON joe.t;
CREATE TABLE joe.parted (LIKE joe.log INCLUDING DEFAULTS) PARTITION BY RANGE (created_at);
CREATE SEQUENCE joe.parted_id OWNED BY joe.parted.id;
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

-- the log changes while rows wait for it
CREATE TABLE joe.wait (id bigserial, task_id bigint, user_id text, field text, old_value text, new_value text, change_type text, created_at timestamptz, transaction_id bigint);
CREATE TABLE joe.changing (k bigint PRIMARY KEY, v int);
CREATE TRIGGER a_hh AFTER INSERT ON joe.changing FOR EACH ROW EXECUTE FUNCTION ticketflow.history_trigger('{"log": "joe.wait"}');
CREATE FUNCTION joe.alt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER TABLE joe.wait ALTER COLUMN task_id TYPE text'; RETURN NULL; END $$;
CREATE TRIGGER b_alt AFTER INSERT ON joe.changing FOR EACH ROW EXECUTE FUNCTION joe.alt();
SELECT throws_ok('INSERT INTO joe.changing VALUES (1094795586, 1)', '42809', NULL, 'a row that was made for another type is not written');

-- contexts that are none
CREATE TABLE joe.audit_log (LIKE joe.log INCLUDING DEFAULTS);
ALTER TABLE joe.audit_log ALTER id DROP DEFAULT, ALTER id ADD GENERATED ALWAYS AS IDENTITY;
CREATE VIEW joe.audit_contexts AS SELECT 1::bigint AS id, ''::bytea AS digest;
CREATE TABLE joe.plain (id int PRIMARY KEY);
SELECT audit_enable('joe.plain');
SELECT lives_ok('INSERT INTO joe.plain VALUES (1)', 'a view of contexts is no place for them');
DROP VIEW joe.audit_contexts;
CREATE TABLE joe.audit_contexts (id text, digest bytea, database_role text, login_role text, actor_kind text, client_address text, application_name text, first_seen timestamptz);
INSERT INTO joe.audit_contexts VALUES ('a');
CREATE INDEX ON joe.audit_contexts (id);
SELECT lives_ok('INSERT INTO joe.plain VALUES (2)', 'nor is a table with other types');
SELECT is((SELECT count(*) FROM joe.audit_log WHERE table_name = 'plain' AND context IS NULL), 2::bigint, 'the changes are recorded without');
ALTER TABLE joe.audit_log ADD COLUMN region text NOT NULL DEFAULT 'e' || 'u', ADD COLUMN twice bigint GENERATED ALWAYS AS (record * 0 + 2) STORED, ADD CONSTRAINT not_nine CHECK (record_key ->> 'id' <> '9');
INSERT INTO joe.plain VALUES (3), (4);
SELECT results_eq($$SELECT region, twice, count(*) FROM joe.audit_log GROUP BY 1, 2$$, $$VALUES ('eu', 2::bigint, 4::bigint)$$, 'columns that were added to a log get their defaults');
SELECT throws_ok('INSERT INTO joe.plain VALUES (9)', '23514', NULL, 'and its constraints hold');
CREATE TABLE joe.numberless (LIKE joe.log);
SELECT throws_ok($$SELECT audit_enable('joe.plain', log => 'joe.numberless')$$, '42809', NULL, 'a log without a sequence is refused');

-- code in indexes of the log
CREATE FUNCTION joe.seen(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM FROM joe.h; PERFORM set_config('app.cause', 'joe', false); RETURN current_user; END $$;
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
SET LOCAL app.cause = 'mine';
INSERT INTO payroll VALUES (3);
SELECT is(current_setting('app.cause'), 'mine', 'and leaves no setting behind');
DROP INDEX joe.log_seen_idx;
CREATE FUNCTION joe.compare(a text, b text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_user <> 'audit_joe' THEN RAISE EXCEPTION 'run as %', current_user; END IF; RETURN bttextcmp(a, b); END $$;
CREATE OPERATOR CLASS joe.own_order FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 joe.compare(text, text);
GRANT EXECUTE ON FUNCTION joe.compare TO PUBLIC;
ALTER FUNCTION joe.compare OWNER TO audit_joe;
-- A log without columns of its own, which would go through the executor for those.
CREATE SCHEMA joe_own AUTHORIZATION audit_joe;
SET LOCAL ROLE audit_joe;
SELECT audit_create_log('joe_own');
RESET ROLE;
CREATE INDEX ON joe_own.audit_log (operation joe.own_order);
CREATE TABLE payroll_too (id int PRIMARY KEY);
SELECT audit_enable('payroll_too', log => 'joe_own.audit_log');
SELECT lives_ok('INSERT INTO payroll_too VALUES (1), (2), (3)', 'so does what orders an index in somebody''s own way');
DROP OPERATOR CLASS joe.own_order USING btree CASCADE;
RESET app.cause;
SELECT throws_ok($$SELECT audit_seal('joe.log')$$, '55000', NULL, 'a log outside of a desk has no seals, and no function of its schema is called');
CREATE TEMP TABLE audit_log (x int);
SELECT lives_ok('SELECT audit_verify()', 'a temporary table of the log''s name stands in nobody''s way');
DROP TABLE pg_temp.audit_log;

-- a table of a stranger that claims to be the desk's
INSERT INTO users (id, email) VALUES ('ann', 'ann@example.com');
INSERT INTO tasks (id, title, category, created_by) VALUES (1, 'right', 'bug', 'ann');
UPDATE tasks SET title = 'oops' WHERE id = 1;
CREATE TABLE joe.fake0 (id int PRIMARY KEY, title text);
INSERT INTO joe.fake0 VALUES (1, 'oops');
ALTER TABLE joe.fake0 OWNER TO audit_joe;
CREATE TRIGGER ticketflow_audit AFTER TRUNCATE ON joe.fake0 EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "tasks", "log": "public.audit_log"}');
SELECT is_empty($$SELECT * FROM audit_tables WHERE target = 'joe.fake0'::regclass$$, 'is not listed');
CREATE TABLE twin (id int PRIMARY KEY);
CREATE TABLE moody0 (id int PRIMARY KEY);
SELECT audit_enable('twin', table_name => 'shard'), audit_enable('moody0', table_name => 'shard') FROM (SELECT 1) x;
INSERT INTO twin VALUES (1);
SELECT throws_ok('SELECT * FROM revert(pg_current_xact_id()::text::bigint)', '42P09', NULL, 'a name that two tables are recorded under reverts neither');

-- who asks a desk does not run its owner's code with her own rights
CREATE ROLE audit_app;
CREATE FUNCTION asked() RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(current_user::text)';
ALTER TABLE audit_log OWNER TO audit_app;
SELECT is(audit_ask_desk('public', 'SELECT %I.asked()'), '"audit_app"', 'a superuser asks as the desk''s owner');
ALTER TABLE audit_log OWNER TO CURRENT_USER;
SET LOCAL ROLE audit_joe;
SELECT throws_ok($$SELECT audit_as_owner('public.tasks', 'SELECT 1')$$, '42501', NULL, 'and nobody becomes an owner by it');
RESET ROLE;

-- the address that a service tells
SELECT set_config('app.client_address', '2001:db8::7', true);
INSERT INTO twin VALUES (2);
SELECT is((SELECT client_address FROM audit_contexts WHERE id = (last_change()).context), '2001:db8::7', 'a service says who its client is');
SELECT set_config('app.client_address', 'no address', true);
INSERT INTO twin VALUES (3);
SELECT is((SELECT client_address FROM audit_contexts WHERE id = (last_change()).context), NULL, 'what is no address is not believed');
SELECT set_config('app.client_address', '', true);

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
SELECT is((last_change()).old_values, '{"partition": "public.pp1"}'::jsonb, 'with its name');
SELECT results_eq($$SELECT k, (SELECT count(*) FROM row_history('pp', jsonb_build_object('id', k))) FROM unnest('{1,99,100,101}'::int[]) k$$, 'VALUES (1, 1::bigint), (99, 1), (100, 0), (101, 0)', 'in the history of its keys, and of no others');
TRUNCATE pp2;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 2::bigint, 'also of one that came later');
TRUNCATE pp;
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'pp'), 3::bigint, 'and of the whole table once');
SAVEPOINT two_partitions;
TRUNCATE pp1, pp2;
SELECT results_eq('SELECT old_values FROM audit_log WHERE id > (SELECT max(id) FROM audit_log) - 2 ORDER BY id', $$VALUES ('{"partition": "public.pp1"}'::jsonb), ('{"partition": "public.pp2"}')$$, 'two partitions in one statement are two');
ALTER TABLE pp1 RENAME TO pp9;
SELECT is((SELECT count(*) FROM row_history('pp', '{"id": 101}')), 5::bigint, 'a name that is gone may have been any partition');
ROLLBACK TO two_partitions;
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
