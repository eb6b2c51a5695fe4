-- The type of a column that views, policies, triggers and functions of the desk name.
\set ECHO none
SET client_min_messages = warning;
SELECT plan(26);
INSERT INTO users (id, email, role, is_approved, first_name) VALUES ('ada', 'ada@x.test', 'admin', true, 'Ada'), ('cid', 'cid@x.test', 'customer', true, 'Cid'), ('eve', 'eve@x.test', 'customer', true, 'Eve');
INSERT INTO tasks (title, category, created_by, estimated_hours) VALUES ('printer on fire', 'bug', 'cid', 2.5), ('other', 'bug', 'eve', NULL);
CREATE ROLE alter_reader;
CREATE ROLE alter_super SUPERUSER;
GRANT SELECT ON report.tickets TO alter_reader;
GRANT EXECUTE ON FUNCTION api.search_tasks TO alter_reader;
CREATE TEMP TABLE objects AS SELECT * FROM all_objects();
CREATE TEMP TABLE grants AS SELECT * FROM all_grants();
CREATE TEMP TABLE definitions AS SELECT pg_get_policydef FROM (SELECT polrelid::regclass || ' ' || polname || ' ' || pg_get_expr(polqual, polrelid) AS pg_get_policydef FROM pg_policy) p;
SELECT throws_ok('ALTER TABLE tasks ALTER COLUMN status TYPE text', '0A000', NULL, 'PostgreSQL refuses');
SELECT lives_ok(format('CALL alter_column_type(%L, %L, %L)', t, c, new), format('%s.%s becomes %s', t, c, new)) FROM (VALUES
  ('tasks', 'title', 'text'), ('tasks', 'status', 'text'), ('tasks', 'created_by', 'varchar(200)'), ('tasks', 'estimated_hours', 'numeric(14,3)'),
  ('tasks', 'category', 'text'), ('tasks', 'severity', 'varchar(80)'), ('users', 'first_name', 'text'), ('users', 'email', 'text'), ('task_comments', 'content', 'varchar(2000000)'),
  ('tasks', 'assignee_type', 'text')) AS changes (t, c, new);
SELECT is((SELECT string_agg(atttypid::regtype::text, ' ' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attname IN ('title', 'status', 'category', 'estimated_hours')), 'text numeric text text', 'they are that');
SELECT is_empty('SELECT * FROM objects EXCEPT SELECT * FROM all_objects()', 'nothing of the desk is missing');
SELECT is_empty('SELECT * FROM grants EXCEPT SELECT * FROM all_grants()', 'nor a grant');
SELECT is((SELECT count(*) FROM pg_policy), (SELECT count(*) FROM definitions), 'nor a policy');
UPDATE tasks SET status = 'in_progress' WHERE id = 1;
SELECT is((SELECT new_value FROM task_history WHERE task_id = 1 AND field = 'status'), 'in_progress', 'history goes on');
SELECT set_config('app.current_user_id', 'ada', false) \g /dev/null
SELECT is((SELECT title::text FROM api.search_tasks('printer')), 'printer on fire', 'search finds');
SELECT lives_ok($$SELECT * FROM api.create_task(title => 'new', category => 'bug')$$, 'functions work');
SET ROLE ticketflow_customer;
SELECT set_config('app.current_user_id', 'cid', false) \g /dev/null
SELECT results_eq('SELECT title::text FROM tasks', $$VALUES ('printer on fire')$$, 'policies hold');
RESET ROLE;
RESET app.current_user_id;
SELECT lives_ok($$CALL alter_column_type('tasks', 'estimated_hours', 'integer', 'round(estimated_hours)')$$, 'a value can be converted');
SELECT is((SELECT estimated_hours FROM tasks WHERE id = 1), 3, 'by the given expression');
CREATE VIEW mine AS SELECT priority FROM tasks;
CREATE FUNCTION most_urgent() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM tasks WHERE priority = 'high'; END;
SELECT throws_ok($$CALL alter_column_type('tasks', 'priority', 'text; DROP TABLE tags')$$, '42601', NULL, 'a type is a type''s name');
SELECT throws_like($$CALL alter_column_type('tasks', 'priority', 'text')$$, '%objects of yours depend on it', 'objects of a DBA are not dropped');
SELECT is((SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attname = 'priority'), 'character varying', 'then nothing is changed');
SELECT has_view('mine');
DROP VIEW mine;
DROP FUNCTION most_urgent();
SET ROLE alter_super;
SELECT throws_ok($$CALL alter_column_type('tasks', 'priority', 'text')$$, '42501', 'only the desk''s owner may do this', 'what is made anew must not become another superuser''s');
RESET ROLE;
REVOKE ALL ON ALL TABLES IN SCHEMA report FROM alter_reader;
REVOKE ALL ON FUNCTION api.search_tasks FROM alter_reader;
DROP ROLE alter_reader, alter_super;
SELECT * FROM finish();
