-- what a login may try with its own temporary tables, triggers and settings, and must not reach with them.
\set ECHO none
BEGIN;
SELECT plan(15);

CREATE ROLE test_stranger LOGIN;
CREATE ROLE test_agent LOGIN;
INSERT INTO users (id, email, role, is_approved) VALUES
  ('agent', 'agent@x.test', 'user', true), ('other', 'other@x.test', 'user', true), ('cust', 'cust@x.test', 'customer', true);
SELECT bind_login('test_agent', 'agent') \g /dev/null
INSERT INTO teams (name) VALUES ('mine') RETURNING id AS team \gset
INSERT INTO team_members (team_id, user_id) VALUES (:team, 'agent'), (:team, 'other');
INSERT INTO tasks (title, category, status, assignee_id, created_by) VALUES ('shut', 'incident', 'closed', 'agent', 'cust') RETURNING id AS shut \gset
INSERT INTO tasks (title, category, status, assignee_id, created_by) VALUES ('fresh', 'incident', 'open', 'agent', 'cust') RETURNING id AS fresh \gset

-- Functions of triggers
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('public', 'api', 'report', 'ticketflow') AND p.prosecdef AND p.prorettype = 'trigger'::regtype AND has_function_privilege('test_stranger', p.oid, 'EXECUTE')$$,
  'nobody puts a trigger function with the owner''s rights on a table of her own');
SET SESSION AUTHORIZATION test_stranger;
CREATE TEMP TABLE bait (id text, role text, ticket_prefix text);
SELECT throws_ok('CREATE TRIGGER x AFTER UPDATE ON bait FOR EACH ROW EXECUTE FUNCTION unbind_logins()', '42501', NULL, 'not the one that unbinds logins');
SELECT throws_ok('CREATE TRIGGER x AFTER INSERT ON bait FOR EACH ROW EXECUTE FUNCTION follow_ticket_prefix()', '42501', NULL, 'nor the one that renames numbers');

-- Forged records
CREATE TEMP TABLE tasks (id integer PRIMARY KEY, title text, status text);
SELECT throws_ok($$SELECT ticketflow.audit_enable('pg_temp.tasks', log => 'public.audit_log')$$, '42501', NULL, 'a table of one''s own is not recorded in the desk''s log');
CREATE TRIGGER forge AFTER INSERT ON pg_temp.tasks FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger('{"table": "tasks", "log": "public.audit_log"}');
SELECT throws_ok($$INSERT INTO pg_temp.tasks VALUES (1, 'forged', 'open')$$, '42501', NULL, 'nor by a trigger made by hand');
DROP TRIGGER forge ON pg_temp.tasks;
CREATE TRIGGER forge AFTER INSERT ON pg_temp.tasks FOR EACH ROW
  EXECUTE FUNCTION ticketflow.history_trigger('{"row_key": "id", "row_key_name": "task_id", "label": "title", "log": "public.task_history"}');
SELECT throws_ok($$INSERT INTO pg_temp.tasks VALUES (1, 'forged', 'open')$$, '42501', NULL, 'nor as history of a ticket');
DROP TABLE pg_temp.tasks;
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM public.audit_log WHERE new_values ->> 'title' = 'forged') + (SELECT count(*) FROM task_history WHERE new_value = 'forged'), 0::bigint, 'nothing was forged');
CREATE TABLE granted (id integer PRIMARY KEY);
ALTER TABLE granted OWNER TO test_stranger;
SET SESSION AUTHORIZATION test_stranger;
SELECT throws_ok($$SELECT ticketflow.audit_enable('granted')$$, '42501', NULL, 'the owner of a table cannot consent to what is the log''s');
RESET SESSION AUTHORIZATION;
GRANT INSERT ON audit_log TO test_stranger;
SET SESSION AUTHORIZATION test_stranger;
SELECT lives_ok($$SELECT ticketflow.audit_enable('granted'); INSERT INTO granted VALUES (1)$$, 'INSERT on the log is enough');
RESET SESSION AUTHORIZATION;

-- Settings
SET SESSION AUTHORIZATION test_agent;
SELECT set_config('app.actor_kind', 'import', true) \g /dev/null
SELECT throws_ok(format($$SELECT api.change_status(%s, 'in_progress')$$, :shut), 'PT409', NULL, 'a login that calls itself an import obeys the transitions');
SELECT lives_ok(format($$SELECT api.add_comment(%s, 'hello')$$, :fresh), 'it may comment');
SELECT lives_ok(format($$SELECT api.change_status(%s, 'in_progress')$$, :fresh), 'and take its ticket up');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM notifications WHERE related_task_id = :fresh AND user_id = 'cust'), 2::bigint, 'and people are told');
SELECT is((SELECT string_agg(DISTINCT c.actor_kind, ',') FROM audit_log a JOIN audit_contexts c ON c.id = a.context WHERE a.user_id = 'agent'), 'user', 'the log says who it was');
UPDATE tasks SET status = 'in_progress' WHERE id = :shut;
SELECT is((SELECT status::text FROM tasks WHERE id = :shut), 'in_progress', 'the owner''s imports are believed');

SELECT * FROM finish();
ROLLBACK;
