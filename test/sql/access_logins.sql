-- database logins of people: binding, connection limits, and what a change of role does to them.
\set ECHO none
BEGIN;
SELECT plan(20);
CREATE ROLE test_una LOGIN;
CREATE ROLE test_mia LOGIN;
CREATE ROLE test_group;
CREATE ROLE test_viewer LOGIN IN ROLE ticketflow_report;
CREATE ROLE test_boss LOGIN IN ROLE ticketflow_admin;
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@x.test', 'admin', true), ('mia', 'mia@x.test', 'manager', true), ('una', 'una@x.test', 'user', true);
INSERT INTO tasks (title, category, created_by, assignee_id) VALUES ('x', 'bug', 'ada', 'una'), ('y', 'bug', 'ada', NULL);

SELECT throws_ok($$SELECT bind_login('test_una', 'nobody')$$, 'PT404', NULL, 'a login is bound to a person');
SELECT throws_ok($$SELECT bind_login('test_group', 'una')$$, '42704', NULL, 'and is one');
SELECT throws_ok($$SELECT bind_login('postgres', 'una')$$, '42704', NULL, 'of nobody who may do everything');
SELECT throws_ok($$INSERT INTO login_users VALUES ('test_boss', 'una')$$, '55000', NULL, 'a login above its person is not bound by hand');
SELECT lives_ok($$SELECT bind_login('test_una', 'una'), bind_login('test_mia', 'mia')$$, 'two logins');
SET SESSION AUTHORIZATION test_una;
SET app.current_user_id = 'ada';
SELECT is(acting_person(), 'una', 'one is una, whatever it sets');
SELECT is((SELECT count(*) FROM tasks), 1::bigint, 'and sees her ticket');
SELECT is((SELECT count(*) FROM api.list_tasks()), 1::bigint, 'in functions too');
SELECT lives_ok($$SELECT api.add_comment((SELECT id FROM tasks), 'from psql')$$, 'she writes through functions');
SELECT throws_ok($$INSERT INTO task_comments (task_id, user_id, content) VALUES ((SELECT id FROM tasks), 'una', 'x')$$, '42501', NULL, 'and not past them');
SELECT throws_ok('SELECT bind_login(''test_una'', ''ada'')', '42501', NULL, 'nor does she bind herself to another');
SELECT throws_ok('SELECT authenticate(''ada'')', '42501', NULL, 'nor sign in as one');
RESET SESSION AUTHORIZATION;
RESET app.current_user_id;
SELECT is((SELECT user_id::text FROM task_comments), 'una', 'the comment is hers');

SELECT throws_ok($$SELECT * FROM set_connection_limit('user', -2)$$, '22023', NULL, 'a limit is not below -1');
SELECT throws_ok($$SELECT * FROM set_connection_limit('emperor', 2)$$, '42704', NULL, 'of a role that is there');
SELECT results_eq($$SELECT * FROM set_connection_limit('user', 3)$$, $$VALUES ('test_una'::name, 3)$$, 'users may have three connections each');
SELECT results_eq($$SELECT role_name FROM set_connection_limit('report', 2) WHERE role_name = 'test_viewer'$$, $$VALUES ('test_viewer'::name)$$, 'reports two');
SELECT is((SELECT rolconnlimit FROM pg_roles WHERE rolname = 'test_una'), 3, 'which PostgreSQL enforces');

UPDATE users SET role = 'user' WHERE id = 'mia';
SELECT set_eq('SELECT role_name::text FROM login_users', ARRAY['test_una'], 'whose role changes loses her login');
SELECT bind_login('test_mia', 'mia') \g /dev/null
SELECT results_eq($$SELECT rolconnlimit, pg_has_role('test_mia', 'ticketflow_user', 'MEMBER'), pg_has_role('test_mia', 'ticketflow_manager', 'MEMBER')
  FROM pg_roles WHERE rolname = 'test_mia'$$, 'VALUES (3, true, false)', 'until it is bound anew, with the rights and the limit of the new role');
SELECT * FROM finish();
ROLLBACK;
