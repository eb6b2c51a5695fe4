-- audit: several owners in one database, and people with few rights: what is hers works for each, and what is not does not stop her.
\set ECHO none
BEGIN;
SELECT plan(22);
CREATE ROLE test_anna; CREATE ROLE test_bert; CREATE ROLE test_nobody; CREATE ROLE test_login LOGIN IN ROLE ticketflow_admin;
SELECT format('GRANT CREATE ON DATABASE %I TO test_anna, test_bert', current_database()) \gexec
SET SESSION AUTHORIZATION test_anna;
CALL ticketflow.deploy('anna_d', 'anna_api', 'anna_rep');
SET SESSION AUTHORIZATION test_bert;
CALL ticketflow.deploy('bert_d', 'bert_api', 'bert_rep');
RESET SESSION AUTHORIZATION;
SET session_replication_role = replica;
INSERT INTO bert_d.users (id, email, role, is_active, is_approved) VALUES ('b', 'b@example.com', 'admin', true, true);
RESET session_replication_role;
SET SESSION AUTHORIZATION test_bert;
SET search_path = bert_d, ticketflow, public;
INSERT INTO tasks (title, category, created_by) VALUES ('one', 'bug', 'b');
SELECT jsonb_build_object('id', id) AS key FROM tasks \gset

SELECT isnt_empty($$SELECT FROM audit_tables WHERE log = 'bert_d.audit_log'::regclass$$, 'an owner sees which tables are recorded beside another owner''s desk');
SELECT is((SELECT count(*) FROM audit_tables WHERE log::oid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'anna_d')), 12::bigint, 'those of the other too');
SELECT is(row_as_of('tasks', :'key', 'infinity') ->> 'title', 'one', 'looks back');
SELECT is((SELECT count(*) FROM row_history('tasks', :'key')), 1::bigint, 'at a row''s history');
SELECT is((SELECT count(*) FROM changes_between('tasks', '-infinity', 'infinity')), 1::bigint, 'and at a time');
SELECT is((SELECT min(outcome) || count(*) FROM revert(pg_current_xact_id()::text::bigint) WHERE table_name = 'tasks'), 'reverted1', 'undoes a transaction');
SELECT is_empty('SELECT FROM tasks', 'as asked');
SELECT is(revert('tasks', :'key', 'infinity'), NULL, 'and one row');
SELECT lives_ok('SELECT audit_seal()', 'seals');
SELECT is_empty('SELECT * FROM audit_verify()', 'and verifies');
SELECT throws_ok($$SELECT ticketflow.row_as_of((SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'anna_d' AND c.relname = 'tasks'), '{"id": 1}', now())$$, '42501', NULL,
  'but not what is another''s');

-- Whose tables are recorded elsewhere, and who writes to them without any right there.
CREATE SCHEMA bert_other;
CREATE TABLE bert_other.t (id int PRIMARY KEY);
SELECT audit_enable('bert_other.t', log => 'bert_d.audit_log') \g /dev/null
GRANT USAGE ON SCHEMA bert_other TO test_nobody;
GRANT INSERT ON bert_other.t TO test_nobody;
RESET SESSION AUTHORIZATION;
SET ROLE test_nobody;
SELECT is((SELECT count(*) FROM ticketflow.audit_tables WHERE table_name = 't'), 1::bigint, 'audit_tables answers a role without any right');
-- The session knows the table by now; a change of it makes it look again.
RESET ROLE; ALTER TABLE bert_other.t ADD COLUMN v int; SET ROLE test_nobody;
SELECT lives_ok('INSERT INTO bert_other.t VALUES (1)', 'who may write to a table needs no right on the schema of its log');
RESET ROLE;
SELECT is((SELECT new_values FROM bert_d.audit_log WHERE table_name = 't'), '{"v": null, "id": 1}', 'the change is there');

-- A desk's admin, who is not its owner, verifies and proves.
SET SESSION AUTHORIZATION test_bert;
INSERT INTO bert_d.login_users VALUES ('test_login', 'b');
SELECT audit_seal() \g /dev/null
RESET SESSION AUTHORIZATION;
SET search_path = bert_d, ticketflow, public;
SET SESSION AUTHORIZATION test_login;
SELECT is(acting_role()::text, 'admin', 'a login of ticketflow_admin');
SELECT is_empty($$SELECT * FROM audit_verify(log => 'bert_d.audit_log')$$, 'verifies');
SELECT is_empty($$SELECT * FROM verify_changes('-infinity', 'infinity', NULL)$$, 'by the desk''s function too');
SELECT lives_ok($$SELECT audit_proof(1), audit_proof(1, ledger => 'task_history'), audit_digest()$$, 'asks for proofs');
SELECT lives_ok('SELECT * FROM audit_trail', 'reads the trail');
SELECT throws_ok('SELECT audit_seal()', '42501', NULL, 'and does not seal');
RESET SESSION AUTHORIZATION;
UPDATE bert_d.login_users SET user_id = 'b';
SET SESSION AUTHORIZATION test_login;
SELECT isnt_empty('SELECT FROM sealed_contexts', 'an admin sees the contexts of changes');
RESET SESSION AUTHORIZATION;
DELETE FROM bert_d.login_users;
SET SESSION AUTHORIZATION test_login;
SELECT is_empty('SELECT FROM sealed_contexts', 'whom nobody is bound to does not');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
ROLLBACK;
