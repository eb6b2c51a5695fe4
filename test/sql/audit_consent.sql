-- audit: whose changes a log takes: those of its owner's choice, under the name that she chose, and of nobody else.
\set ECHO none
BEGIN;
SELECT plan(45);
SET client_min_messages = warning;
CREATE ROLE consent_own LOGIN;
CREATE ROLE consent_boss LOGIN;
CREATE ROLE consent_eve LOGIN;
CREATE SCHEMA consent_app AUTHORIZATION consent_own;
GRANT USAGE ON SCHEMA public, ticketflow TO consent_own, consent_boss, consent_eve;
SET search_path = public, ticketflow;
SET SESSION AUTHORIZATION consent_own;
CREATE TABLE consent_app.cust (id int PRIMARY KEY, name text, pw text);
CREATE TABLE consent_app.other (id int PRIMARY KEY, name text);
CREATE TABLE consent_app.part (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE consent_app.part_1 PARTITION OF consent_app.part FOR VALUES FROM (0) TO (10);
CREATE TABLE consent_app.base (id int PRIMARY KEY);
CREATE TABLE consent_app.child (PRIMARY KEY (id)) INHERITS (consent_app.base);
SELECT throws_ok($$SELECT audit_enable('consent_app.cust', log => 'public.audit_log')$$, '42501', NULL, 'who may not write to a log cannot have her table recorded in it');
RESET SESSION AUTHORIZATION;

-- a superuser does it
SELECT lives_ok($$SELECT audit_enable('consent_app.cust', redact => '{pw}')$$, 'a superuser has anybody''s table recorded');
SELECT results_eq($$SELECT target::text, log::text, table_name, noted_by = session_user FROM audit_consents$$, $$VALUES ('consent_app.cust', 'audit_log', 'cust', true)$$, 'which is noted beside the log');
SELECT ok(NOT has_table_privilege('consent_own', 'audit_log', 'INSERT'), 'the table''s owner gets no right on the log');
SET SESSION AUTHORIZATION consent_own;
SELECT lives_ok($$INSERT INTO consent_app.cust VALUES (1, 'Ann', 'secret'); UPDATE consent_app.cust SET name = 'Anna'; DELETE FROM consent_app.cust; TRUNCATE consent_app.cust$$, 'she changes her table as before');
SELECT throws_ok($$INSERT INTO audit_log (table_name, operation) VALUES ('cust', 'UPDATE')$$, '42501', NULL, 'and writes nothing to the log by herself');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT operation, COALESCE(new_values, old_values) ->> 'pw' FROM audit_log WHERE table_name = 'cust' ORDER BY id$$,
  $$VALUES ('INSERT', '[redacted]'), ('UPDATE', NULL), ('DELETE', '[redacted]'), ('TRUNCATE', NULL)$$, 'her changes are in the log');
SELECT is((SELECT count(*) FROM row_history('consent_app.cust', '{"id": 1}')), 4::bigint, 'and looked back at');
SELECT is((SELECT count(*) FROM audit_tables WHERE target = 'consent_app.cust'::regclass), 1::bigint, 'the view shows the table');
SELECT is((SELECT count(*) FROM audit_shapes WHERE table_name = 'cust'), 1::bigint, 'its columns are noted');

-- it is this table under this name
SET SESSION AUTHORIZATION consent_own;
CREATE TRIGGER ticketflow_audit AFTER INSERT ON consent_app.other FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "cust", "log": "public.audit_log"}');
SELECT throws_ok('INSERT INTO consent_app.other VALUES (1)', '42501', NULL, 'another table of hers is not recorded as that one');
DROP TRIGGER ticketflow_audit ON consent_app.other;
DROP TRIGGER ticketflow_audit ON consent_app.cust;
CREATE TRIGGER ticketflow_audit AFTER INSERT ON consent_app.cust FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "users", "log": "public.audit_log"}');
SELECT throws_ok('INSERT INTO consent_app.cust VALUES (2)', '42501', NULL, 'nor that table as the desk''s');
SELECT is((SELECT count(*) FROM audit_tables WHERE target = 'consent_app.cust'::regclass), 0::bigint, 'and the view does not believe it');
DROP TRIGGER ticketflow_audit ON consent_app.cust;
CREATE TRIGGER ticketflow_audit AFTER INSERT ON consent_app.cust FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "cust", "log": "public.audit_log_default"}');
SELECT throws_ok('INSERT INTO consent_app.cust VALUES (2)', '42501', NULL, 'nor in another place');
DROP TRIGGER ticketflow_audit ON consent_app.cust;
CREATE TRIGGER ticketflow_history AFTER INSERT ON consent_app.cust FOR EACH ROW EXECUTE FUNCTION ticketflow.history_trigger('{"table": "cust", "row_key": "id", "log": "public.task_history"}');
SELECT throws_ok('INSERT INTO consent_app.cust VALUES (2)', '42501', NULL, 'nor in the history of tickets');
DROP TRIGGER ticketflow_history ON consent_app.cust;
SELECT lives_ok($$SELECT audit_enable('consent_app.cust', redact => '{pw,name}', log => 'public.audit_log')$$, 'the owner may change what is recorded of it');
SELECT throws_ok($$SELECT audit_enable('consent_app.cust', table_name => 'tasks', log => 'public.audit_log')$$, '42501', NULL, 'not under which name');
SELECT lives_ok($$INSERT INTO consent_app.cust VALUES (2, 'Bob', 'x')$$, 'it goes on being recorded');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT new_values ->> 'name' FROM audit_log WHERE table_name = 'cust' ORDER BY id DESC LIMIT 1), '[redacted]', 'as she said last');

-- partitions and inheriting tables
SELECT audit_enable('consent_app.part');
SELECT audit_enable('consent_app.base');
SET SESSION AUTHORIZATION consent_own;
CREATE TABLE consent_app.part_2 PARTITION OF consent_app.part FOR VALUES FROM (10) TO (20);
SELECT lives_ok('INSERT INTO consent_app.part VALUES (1, 1), (2, 11); INSERT INTO consent_app.child VALUES (1)', 'partitions, also later ones, and inheriting tables are recorded with it');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT table_name, count(*) FROM audit_log WHERE table_name IN ('part', 'child') GROUP BY 1 ORDER BY 1$$, $$VALUES ('child', 1::bigint), ('part', 2)$$, 'each under its name');

-- the end of it
SELECT ok(audit_disable('consent_app.cust'), 'who owns the log ends it');
SELECT is_empty($$SELECT FROM audit_consents WHERE target = 'consent_app.cust'::regclass$$, 'and nothing is noted any more');
SET SESSION AUTHORIZATION consent_own;
SELECT throws_ok($$SELECT audit_enable('consent_app.cust', log => 'public.audit_log')$$, '42501', NULL, 'so the table''s owner cannot begin again');
DROP TABLE consent_app.child, consent_app.base;
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM audit_consents), 3::bigint, 'a table that is gone is still noted');
SELECT audit_partitions();
SELECT results_eq('SELECT target::text FROM audit_consents', $$VALUES ('consent_app.part')$$, 'until maintenance forgets it');

-- the owner of the log, who is no superuser
CREATE SCHEMA consent_desk AUTHORIZATION consent_boss;
SET SESSION AUTHORIZATION consent_boss;
SELECT audit_create_log('consent_desk');
SELECT throws_ok($$SELECT audit_enable('consent_app.other', log => 'consent_desk.audit_log')$$, '42501', NULL, 'the log''s owner needs the right to put a trigger on the table');
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA consent_app TO consent_boss;
GRANT TRIGGER ON consent_app.other TO consent_boss;
SET SESSION AUTHORIZATION consent_boss;
SELECT lives_ok($$SELECT audit_enable('consent_app.other', log => 'consent_desk.audit_log')$$, 'with it she has it recorded');
SET SESSION AUTHORIZATION consent_own;
SELECT lives_ok('INSERT INTO consent_app.other VALUES (7)', 'and its owner needs no right on the log or its schema');
SET SESSION AUTHORIZATION consent_boss;
SELECT is((SELECT count(*) FROM consent_desk.audit_log), 1::bigint, 'the change is there');
RESET SESSION AUTHORIZATION;

-- lists of others
SELECT ok(audit_may_record('consent_app.other', 'consent_desk.audit_log', 'other'), 'a list of the log''s owner is asked');
ALTER TABLE consent_desk.audit_consents OWNER TO consent_eve;
SELECT ok(NOT audit_may_record('consent_app.other', 'consent_desk.audit_log', 'other'), 'one that is not the log''s owner''s says nothing');
DROP TABLE consent_desk.audit_consents;
CREATE VIEW consent_desk.audit_consents AS SELECT 'consent_app.other'::regclass AS target, 'consent_desk.audit_log'::regclass AS log, 'other'::text AS table_name;
ALTER VIEW consent_desk.audit_consents OWNER TO consent_boss;
SELECT ok(NOT audit_may_record('consent_app.other', 'consent_desk.audit_log', 'other'), 'nor does a view');
DROP VIEW consent_desk.audit_consents;
CREATE TABLE consent_desk.audit_consents (target oid, log regclass, table_name text);
ALTER TABLE consent_desk.audit_consents OWNER TO consent_boss;
INSERT INTO consent_desk.audit_consents VALUES ('consent_app.other'::regclass, 'consent_desk.audit_log', 'other');
SELECT ok(NOT audit_may_record('consent_app.other', 'consent_desk.audit_log', 'other'), 'nor a table with other columns');

-- logs without a desk
SET SESSION AUTHORIZATION consent_own;
SELECT throws_ok($$SELECT audit_create_log('consent_desk')$$, '42501', NULL, 'a log is made where one may make tables');
SELECT is(audit_create_log('consent_app')::text, 'consent_app.audit_log', 'a log for a schema');
SELECT lives_ok($$SELECT audit_enable('consent_app.part'); SELECT audit_enable('consent_app.cust')$$, 'takes its tables');
INSERT INTO consent_app.cust VALUES (5, 'Eve', 'pw');
UPDATE consent_app.cust SET name = 'Eva' WHERE id = 5;
SELECT results_eq($$SELECT operation, new_values ->> 'name' FROM row_history('consent_app.cust', '{"id": 5}')$$, $$VALUES ('INSERT', 'Eve'), ('UPDATE', 'Eva')$$, 'and is looked back at');
SELECT results_eq($$SELECT audit_create_log('consent_app') = 'consent_app.audit_log'::regclass, count(*) FROM consent_app.audit_log$$, 'VALUES (true, 2::bigint)', 'making it again changes nothing');
RESET SESSION AUTHORIZATION;
CREATE SCHEMA consent_guide;
CREATE TABLE consent_guide.audit_log (id serial PRIMARY KEY, table_name varchar(100) NOT NULL, operation varchar(10) NOT NULL, user_id varchar, old_values jsonb, new_values jsonb, created_at timestamp DEFAULT now());
INSERT INTO consent_guide.audit_log (table_name, operation) VALUES ('t', 'UPDATE');
CREATE TABLE consent_guide.t (id int PRIMARY KEY, v text);
SELECT throws_ok($$SELECT audit_enable('consent_guide.t')$$, '42809', NULL, 'a log with the guide''s columns is not enough');
SELECT lives_ok($$SELECT audit_create_log('consent_guide'); SELECT audit_enable('consent_guide.t'); INSERT INTO consent_guide.t VALUES (1, 'x')$$, 'until it is completed');
SELECT results_eq($$SELECT id, operation::text, record_key, row_digest IS NOT NULL FROM consent_guide.audit_log ORDER BY id$$, $$VALUES (1::bigint, 'UPDATE', NULL::jsonb, false), (2, 'INSERT', '{"id": 1}', true)$$, 'it keeps its rows and takes ours');
SELECT is((SELECT seqtypid::regtype::text FROM pg_sequence WHERE seqrelid = 'consent_guide.audit_log_id_seq'::regclass), 'bigint', 'with numbers that do not end');
SELECT lives_ok($$SELECT audit_create_log('public')$$, 'a desk''s log is complete');
SELECT results_eq($$SELECT count(*) FROM pg_index WHERE indrelid = 'audit_log'::regclass$$, 'VALUES (1::bigint)', 'and stays as it is');
SELECT * FROM finish();
ROLLBACK;
