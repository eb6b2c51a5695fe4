-- what each database role may do with each table, column and function of a desk, by the catalog and by trying.
\set ECHO none
BEGIN;
SELECT plan(33);

CREATE TEMP TABLE roles AS SELECT unnest(ARRAY['ticketflow_anon', 'ticketflow_customer', 'ticketflow_user', 'ticketflow_manager', 'ticketflow_admin',
  'ticketflow_service', 'ticketflow_report', 'public'])::name AS role;
CREATE TEMP TABLE relations AS SELECT c.oid::regclass AS it, c.relname AS name, c.relkind, n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'api', 'report') AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- Writing
SELECT is_empty($$SELECT role, it, p FROM roles, relations, unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p WHERE has_table_privilege(role, it, p)
   AND NOT (name = 'sessions' AND role = 'ticketflow_service')$$, 'no role writes to any table or view');
SELECT is_empty($$SELECT role, it, p FROM roles, relations, unnest('{INSERT,UPDATE,REFERENCES}'::text[]) p WHERE has_any_column_privilege(role, it, p)
   AND NOT (name = 'sessions' AND role = 'ticketflow_service')$$, 'nor to any column');
SELECT is_empty($$SELECT role, c.oid::regclass FROM roles, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'api', 'report')
   AND c.relkind = 'S' AND has_sequence_privilege(role, c.oid, 'USAGE,SELECT,UPDATE')$$, 'nor uses a sequence');
SELECT is_empty($$SELECT role, n FROM roles, unnest('{public,api,report}'::text[]) n WHERE has_schema_privilege(role, n, 'CREATE')$$, 'nor makes anything in a schema');

-- Reading: rows only through a policy, and no secret at all
SELECT is_empty($$SELECT it, role FROM relations JOIN pg_class c ON c.oid = it, roles WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
   AND has_any_column_privilege(role, it, 'SELECT') AND name NOT IN ('user_roles', 'task_statuses', 'task_priorities', 'task_severities', 'task_categories',
     'status_transitions', 'task_field_rights')$$, 'what can be read and is no vocabulary has row level security');
SELECT is_empty($$SELECT it FROM relations JOIN pg_class c ON c.oid = it, roles WHERE c.relkind IN ('v', 'm') AND has_any_column_privilege(role, it, 'SELECT')
   AND NOT COALESCE('security_invoker=true' = ANY (c.reloptions) OR 'security_invoker=on' = ANY (c.reloptions) OR 'security_invoker=1' = ANY (c.reloptions), false)$$, 'a view that can be read asks in the name of its reader');
SELECT is_empty($$SELECT it FROM relations, roles WHERE relkind = 'm' AND has_any_column_privilege(role, it, 'SELECT')$$, 'no materialised view can be read');
SELECT is_empty($$SELECT role, it, attname FROM roles, relations JOIN pg_attribute ON attrelid = it WHERE attnum > 0 AND NOT attisdropped
   AND (attname ~ '(password|token|secret|hash)' AND attname !~ '^(prompt|completion)_tokens$' OR attname IN ('failed_login_attempts', 'locked_until', 'last_failed_login_at', 'sess'))
   AND has_column_privilege(role, it, attname, 'SELECT') AND attname <> 'password_changed_at' AND role <> 'ticketflow_service'$$, 'no role reads a password, token, hash, secret or lock counter');
SELECT is_empty($$SELECT it FROM relations WHERE has_any_column_privilege('ticketflow_anon', it, 'SELECT') OR has_any_column_privilege('public', it, 'SELECT')$$,
  'who has not signed in reads no table');
SELECT is_empty($$SELECT it FROM relations WHERE has_any_column_privilege('ticketflow_service', it, 'SELECT') AND name <> 'sessions'$$, 'the service''s own login neither');
SELECT is_empty($$SELECT it, attname FROM relations JOIN pg_attribute ON attrelid = it WHERE attnum > 0 AND NOT attisdropped AND attname ~ '(e_?mail|image|logo|path|address|sid)'
   AND has_column_privilege('ticketflow_report', it, attname, 'SELECT') AND it <> 'task_attachments'::regclass$$, 'reports show no contact detail');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname IN ('email', 'is_active', 'is_approved', 'department') AND has_column_privilege('ticketflow_customer', 'users', attname, 'SELECT')$$,
  'customers read names of people, no addresses');
SELECT is_empty($$SELECT it FROM relations WHERE name IN ('sessions', 'login_attempts', 'password_reset_requests', 'ticketflow_migrations', 'visible_tasks') AND
   (SELECT bool_or(has_any_column_privilege(role, it, 'SELECT')) FROM roles WHERE role <> 'ticketflow_service')$$, 'some tables are for the desk alone');

-- Functions
CREATE TEMP TABLE functions AS SELECT p.oid::regprocedure AS it, p.proname AS name, n.nspname AS schema, p.prosecdef, p.proconfig, p.prokind, p.provolatile
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('public', 'api', 'report') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
SELECT is_empty($$SELECT it FROM functions WHERE schema = 'api' AND has_function_privilege('public', it, 'EXECUTE')$$, 'no api function is for everybody');
SELECT set_eq($$SELECT name::text FROM functions WHERE schema = 'api' AND has_function_privilege('ticketflow_anon', it, 'EXECUTE')$$,
  '{login,register,request_password_reset,reset_password,accept_invitation,branding}'::text[], 'who has not signed in calls these');
SELECT is_empty($$SELECT it FROM functions WHERE schema = 'api' AND NOT has_function_privilege('ticketflow_admin', it, 'EXECUTE')$$, 'administrators call all of them');
SELECT set_eq($$SELECT name::text FROM functions WHERE schema = 'public' AND prosecdef AND has_function_privilege('public', it, 'EXECUTE')
    AND NOT it::oid IN (SELECT tgfoid FROM pg_trigger) AND (SELECT prorettype FROM pg_proc WHERE oid = it) <> 'trigger'::regtype$$,
  '{find_acting_person,find_acting_role,find_acting_rank,find_shared_organization,find_visible_assignees,find_visible_teams,find_may_report,task_visible,require_person,require_role}'::text[],
  'of the desk''s functions with its owner''s rights everybody may call what tells one about oneself');
SELECT is_empty($$SELECT it FROM functions WHERE prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%')
    AND (SELECT prosqlbody FROM pg_proc WHERE oid = it) IS NULL$$, 'each function with its owner''s rights has a fixed search_path, or a body that was bound when it was made');
SELECT is_empty($$SELECT it FROM functions, unnest((SELECT proargnames FROM pg_proc WHERE oid = it)) a WHERE schema = 'api' AND a IN ('select', 'order', 'limit', 'offset', 'and', 'or', 'columns', 'on_conflict')$$,
  'no argument is called what a URL uses otherwise');
SELECT is_empty($$SELECT it FROM functions WHERE obj_description(it, 'pg_proc') IS NULL AND schema IN ('api', 'public') AND name NOT LIKE '\_%'$$, 'each function says what it does');
SELECT is_empty($$SELECT it FROM relations WHERE obj_description(it, 'pg_class') IS NULL$$, 'so does each table and view');

-- Nobody: whatever the database role, every function is refused or shows nothing.
CREATE TEMP TABLE answers (who text, it text, answer text);
CREATE TEMP TABLE nobody_sees (it text, n bigint);
GRANT ALL ON answers, functions, relations, nobody_sees TO PUBLIC;
INSERT INTO users (id, email, role, is_approved, is_active) VALUES ('ada', 'ada@x.test', 'admin', true, true), ('off', 'off@x.test', 'admin', true, false), ('new', 'new@x.test', 'admin', false, true);
INSERT INTO tasks (ticket_number, title, category, created_by) VALUES ('R-1', 'x', 'bug', 'ada');
INSERT INTO knowledge_articles (title, content, status) VALUES ('a', 'a', 'published');
DO $$
DECLARE f record; who text; n bigint; state text; call text;
BEGIN
  FOREACH who IN ARRAY ARRAY['', 'stranger', 'off', 'new'] LOOP
    PERFORM set_config('role', 'none', true);
    PERFORM set_config('app.current_user_id', who, true), set_config('role', 'ticketflow_admin', true);
    FOR f IN SELECT x.it, x.name, (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ' ORDER BY o) FROM unnest((SELECT proargtypes::oid[] FROM pg_proc WHERE oid = x.it)) WITH ORDINALITY a (t, o)) AS args
               FROM functions x WHERE schema = 'api' AND prokind = 'f' AND name NOT IN ('login', 'register', 'request_password_reset', 'reset_password', 'accept_invitation', 'branding') LOOP
      BEGIN
        EXECUTE format('SELECT count(q) FROM api.%I(%s) q', f.name, f.args) INTO n;
        state := CASE WHEN n = 0 THEN 'nothing' ELSE 'rows' END;
      EXCEPTION WHEN OTHERS THEN
        state := SQLSTATE;
      END;
      INSERT INTO answers VALUES (who, f.it, state);
    END LOOP;
  END LOOP;
  PERFORM set_config('role', 'none', true);
END $$;
SELECT cmp_ok((SELECT count(*) FROM answers), '>', 150::bigint, 'nobody tries every function');
SELECT is_empty($$SELECT * FROM answers WHERE answer NOT IN ('PT401', 'nothing', '42501') AND NOT it ~ '^api.(task_counts|search_)'
   AND NOT (answer LIKE '22%' OR answer = 'PT404')$$, 'and is shown nothing');
SELECT set_config('app.current_user_id', 'off', true), set_config('role', 'ticketflow_admin', true) \g /dev/null
SELECT is((SELECT sum(tickets) FROM api.task_counts()), 0::numeric, 'not even a number');
DO $$ DECLARE r record; n bigint; BEGIN
  FOR r IN SELECT it, name FROM pg_temp.relations WHERE has_table_privilege(it, 'SELECT') AND name NOT IN ('user_roles', 'task_statuses', 'task_priorities', 'task_severities', 'task_categories', 'status_transitions', 'task_field_rights', 'sealed_tables') LOOP
    EXECUTE format('SELECT count(*) FROM %s', r.it) INTO n;
    INSERT INTO nobody_sees VALUES (r.it, n);
  END LOOP;
END $$;
SELECT is_empty('SELECT * FROM nobody_sees WHERE n > 0 AND it NOT LIKE ''report.%''', 'nor a row of any table');
SELECT set_config('role', 'none', true) \g /dev/null

-- Reports: all tickets, no secret; several desks are walls for them too.
UPDATE tasks SET description = 'Call 555 0100', priority = 'high';
SELECT set_config('role', 'ticketflow_report', true) \g /dev/null
SELECT is((SELECT count(*) FROM tasks), 1::bigint, 'a report reads every ticket');
SELECT throws_ok('SELECT description FROM tasks', '42501', NULL, 'but not what its requester wrote');
SELECT is((SELECT string_agg(field, ',') FROM history_trail WHERE change_type = 'updated' AND field IN ('description', 'priority')), 'priority', 'nor what that was before');
SELECT throws_ok('SELECT content FROM knowledge_articles', '42501', NULL, 'nor articles');
SELECT throws_ok('SELECT email FROM users', '42501', NULL, 'no address');
SELECT throws_ok('SELECT * FROM task_documents', '42501', NULL, 'nor what search makes of internal comments');
SELECT set_config('role', 'none', true) \g /dev/null
CREATE ROLE test_report LOGIN IN ROLE ticketflow_report;
CALL ticketflow.deploy('second', 'second_api', 'second_report');
SET SESSION AUTHORIZATION test_report;
SELECT is((SELECT count(*) FROM public.tasks), 0::bigint, 'where there are two desks a report login reads neither unless it is bound');
RESET SESSION AUTHORIZATION;

-- What the DBA adds.
ALTER TABLE tasks ADD COLUMN new_field varchar(100);
ALTER TABLE users ADD COLUMN new_field varchar(100);
SELECT ok(has_column_privilege('ticketflow_customer', 'tasks', 'new_field', 'SELECT') AND NOT has_column_privilege('ticketflow_admin', 'users', 'new_field', 'SELECT'),
  'a new column shows on tickets and not on people');

SELECT * FROM finish();
ROLLBACK;
