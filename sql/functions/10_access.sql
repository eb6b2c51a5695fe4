-- access: who acts on this desk, what that person may see, and the policies and rights that follow from it.

DO $$
BEGIN
  -- The desk's own schema is written into the body: what acts on one desk means nothing on another.
  EXECUTE format(
    'CREATE OR REPLACE FUNCTION acting_user() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE '
    'BEGIN ATOMIC SELECT current_user_id(%L::regnamespace); END', quote_ident(current_schema()));
END
$$;
COMMENT ON FUNCTION acting_user() IS 'current_user_id() of this desk: an id that nobody has checked yet, or null.';

-- Any session can set app.actor_kind; only who could write to the tables by hand is believed.
CREATE OR REPLACE FUNCTION is_import() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT COALESCE(current_setting('app.actor_kind', true) = 'import' AND pg_has_role(SESSION_USER, CURRENT_USER, 'MEMBER'), false);
END;
COMMENT ON FUNCTION is_import() IS
  'Whether an import writes: app.actor_kind says so, and the login itself has the rights that the statement runs with.';

-- What policies ask for every row. find_NAME() looks, past the policies; PL/pgSQL, because it keeps its plans for the session.
-- NAME() is inlined into the query and asks it once a snapshot (see statement_value()), where the planner sees its answer too.
DO $$
DECLARE
  it record;
BEGIN
  FOR it IN SELECT * FROM (VALUES
    ('acting_person', 'text', 'The id of the person who acts, active and approved; null for anybody else.', $q$
      SELECT u.id FROM users u WHERE u.id = acting_user() AND u.is_active AND u.is_approved$q$),
    ('acting_role', 'text', 'The role of the person who acts (customer, user, manager, admin); null for nobody.', $q$
      SELECT u.role FROM users u WHERE u.id = acting_user() AND u.is_active AND u.is_approved$q$),
    ('acting_rank', 'integer', 'The rank of the acting person''s role: 1 customer, 2 user, 3 manager, 4 admin; null for nobody.', $q$
      SELECT r.rank FROM users u JOIN user_roles r USING (role) WHERE u.id = acting_user() AND u.is_active AND u.is_approved$q$),
    ('shared_organization', 'integer',
     'The organisation whose tickets the acting customer sees beside her own: hers, where it is shared; null for everybody else.', $q$
      SELECT o.id FROM users u JOIN organizations o ON o.id = u.organization_id
       WHERE u.id = acting_user() AND u.is_active AND u.is_approved AND u.role = 'customer' AND o.is_shared$q$),
    ('visible_assignees', 'text[]',
     'People whose assigned tickets the acting person sees: herself, and her team mates (user) or the members of the teams she manages (manager).', $q$
      WITH me AS (SELECT u.id, u.role FROM users u
                   WHERE u.id = acting_user() AND u.is_active AND u.is_approved AND u.role <> 'customer')
      SELECT array_agg(p.id) FROM (
        SELECT me.id FROM me
        UNION
        SELECT mate.user_id FROM me JOIN team_members mine ON mine.user_id = me.id JOIN team_members mate USING (team_id)
         WHERE me.role <> 'manager'
        UNION
        SELECT m.user_id FROM me JOIN teams t ON t.manager_id = me.id JOIN team_members m ON m.team_id = t.id
         WHERE me.role = 'manager') p$q$),
    ('visible_teams', 'integer[]', 'Teams whose queued tickets the acting person sees: her own (user) or those she manages (manager).', $q$
      WITH me AS (SELECT u.id, u.role FROM users u
                   WHERE u.id = acting_user() AND u.is_active AND u.is_approved AND u.role <> 'customer')
      SELECT array_agg(q.id) FROM (
        SELECT m.team_id AS id FROM me JOIN team_members m ON m.user_id = me.id WHERE me.role <> 'manager'
        UNION
        SELECT t.id FROM me JOIN teams t ON t.manager_id = me.id WHERE me.role = 'manager') q$q$),
    -- ticketflow_report belongs to the cluster; where several desks share a database, a login must be bound to this one.
    ('may_report', 'boolean',
     'Whether this login, a member of ticketflow_report, may read this desk: any where it is the only desk, else one bound in login_users.', $q$
      SELECT cardinality(desks()) <= 1
          OR EXISTS (SELECT FROM login_users l WHERE l.role_name = SESSION_USER)
          OR pg_catalog.pg_has_role(SESSION_USER, CURRENT_USER, 'MEMBER')$q$)) AS asked (name, type, meaning, query)
  LOOP
    EXECUTE format('CREATE OR REPLACE FUNCTION find_%s() RETURNS %s LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE '
                   'SET search_path FROM CURRENT AS %L', it.name, it.type, format(E'BEGIN\n  RETURN (%s);\nEND', it.query));
    EXECUTE format('COMMENT ON FUNCTION find_%s() IS %L', it.name, 'Private to ' || it.name || '(), which asks it once a snapshot.');
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$s() RETURNS %2$s LANGUAGE sql STABLE PARALLEL SAFE '
                   'RETURN statement_value(''find_%1$s()''::regprocedure, NULL::%2$s)', it.name, it.type);
    EXECUTE format('COMMENT ON FUNCTION %s() IS %L', it.name, it.meaning);
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION is_visible_assignee(user_id text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN statement_includes('find_visible_assignees()'::regprocedure, user_id);
COMMENT ON FUNCTION is_visible_assignee(text) IS 'Whether a person is one of visible_assignees(); fast for many rows, and by an index of the column.';

CREATE OR REPLACE FUNCTION is_visible_team(team_id integer) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN statement_includes('find_visible_teams()'::regprocedure, team_id);
COMMENT ON FUNCTION is_visible_team(integer) IS 'Whether a team is one of visible_teams(); fast for many rows, and by an index of the column.';

-- One place says what every table shows to whom. A policy is made anew only where its rule changed, since that takes
-- the table's strongest lock. The rights of a role are the rights of its database role and of the users row together.
CREATE OR REPLACE FUNCTION apply_policy(table_name regclass, policy name, for_role name, rule text, kind text DEFAULT 'PERMISSIVE') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  text_now text := format('%s %s: %s', CASE kind WHEN 'PERMISSIVE' THEN 'Shown to' ELSE 'Hidden from' END, for_role,
                          CASE kind WHEN 'PERMISSIVE' THEN rule ELSE 'unless ' || rule END);
BEGIN
  IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = table_name) THEN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', table_name);
  END IF;
  IF EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = table_name AND p.polname = policy
                AND obj_description(p.oid, 'pg_policy') = text_now) THEN
    RETURN;
  END IF;
  EXECUTE format('DROP POLICY IF EXISTS %I ON %s', policy, table_name);
  EXECUTE format('CREATE POLICY %I ON %s AS %s FOR SELECT TO %I USING (%s)', policy, table_name, kind, for_role, rule);
  EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', policy, table_name, text_now);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION apply_policy(regclass, name, name, text, text) IS
  'Deploy only: makes rule the policy of that name on a table, for SELECT by a database role, unless it is so already. kind: PERMISSIVE or RESTRICTIVE.';
REVOKE ALL ON FUNCTION apply_policy(regclass, name, name, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION apply_admin_policy(table_name regclass) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  -- The first makes the planner drop what the lower roles' policies ask of each row; the second, which names no column, is asked
  -- once a statement. Together they cost nothing and still show nothing to a database role without an administrator behind it.
  SELECT apply_policy(table_name, 'unrestricted', 'ticketflow_admin', 'true'),
         apply_policy(table_name, 'administrators', 'ticketflow_admin', $r$(SELECT acting_role() = 'admin')$r$, 'RESTRICTIVE');
END;
COMMENT ON FUNCTION apply_admin_policy(regclass) IS 'Deploy only: shows every row of a table to administrators, and none to others who have their database role.';
REVOKE ALL ON FUNCTION apply_admin_policy(regclass) FROM PUBLIC;

DO $$
DECLARE
  readable_history CONSTANT text := $r$may_report() AND field IS DISTINCT FROM 'description'$r$;
  it record;
BEGIN
  FOR it IN
    SELECT * FROM (VALUES
      ('tasks', 'own', 'ticketflow_customer', 'created_by = acting_person()'),
      ('tasks', 'organization', 'ticketflow_customer', 'organization_id = shared_organization()'),
      ('tasks', 'assigned', 'ticketflow_user', $r$assignee_type = 'user' AND is_visible_assignee(assignee_id)$r$),
      ('tasks', 'queued', 'ticketflow_user', $r$assignee_type = 'team' AND is_visible_team(assigned_team_id)$r$),
      ('tasks', 'report', 'ticketflow_report', 'may_report()'),

      ('task_comments', 'ticket', 'ticketflow_customer', $r$NOT is_internal AND EXISTS (SELECT FROM tasks t WHERE t.id = task_id)$r$),
      ('task_comments', 'internal', 'ticketflow_user', $r$acting_rank() >= 2 AND EXISTS (SELECT FROM tasks t WHERE t.id = task_id)$r$),
      ('task_comments', 'report', 'ticketflow_report', 'may_report()'),

      ('users', 'self', 'ticketflow_customer', 'id = acting_person()'),
      ('users', 'staff', 'ticketflow_customer', $r$role <> 'customer' AND acting_rank() >= 1$r$),
      ('users', 'colleagues', 'ticketflow_customer', 'organization_id = shared_organization()'),
      ('users', 'all', 'ticketflow_user', 'acting_rank() >= 2'),
      ('users', 'report', 'ticketflow_report', 'may_report()'),

      ('organizations', 'own', 'ticketflow_customer', 'id = (SELECT u.organization_id FROM users u WHERE u.id = acting_person())'),
      ('organizations', 'all', 'ticketflow_user', 'acting_rank() >= 2'),
      ('organizations', 'report', 'ticketflow_report', 'may_report()'),
      ('departments', 'all', 'ticketflow_customer', 'acting_rank() >= 1'),
      ('departments', 'report', 'ticketflow_report', 'may_report()'),
      ('teams', 'all', 'ticketflow_customer', 'acting_rank() >= 1'),
      ('teams', 'report', 'ticketflow_report', 'may_report()'),
      ('team_members', 'all', 'ticketflow_user', 'acting_rank() >= 2'),
      ('team_members', 'report', 'ticketflow_report', 'may_report()'),

      ('user_invitations', 'admin', 'ticketflow_admin', $r$acting_role() = 'admin'$r$),
      ('api_keys', 'own', 'ticketflow_customer', 'created_by = acting_person()'),
      ('api_keys', 'admin', 'ticketflow_admin', $r$acting_role() = 'admin'$r$),
      ('login_users', 'admin', 'ticketflow_admin', $r$acting_role() = 'admin'$r$),
      ('company_settings', 'all', 'ticketflow_customer', 'acting_rank() >= 1')
    ) AS rules (table_name, policy, for_role, rule)
  LOOP
    PERFORM apply_policy(it.table_name::regclass, it.policy, it.for_role, it.rule);
  END LOOP;

  PERFORM apply_admin_policy('tasks'), apply_admin_policy('task_comments');

  -- What belongs to a ticket follows it.
  FOR it IN
    SELECT * FROM (VALUES
      ('task_attachments', 'may_report()'),
      ('task_history', readable_history),
      ('task_history_archive', readable_history),
      ('ticket_complexity_scores', 'may_report()')
    ) AS rules (table_name, for_reports)
    WHERE to_regclass(table_name) IS NOT NULL
  LOOP
    PERFORM apply_policy(it.table_name::regclass, 'ticket', 'ticketflow_customer', 'EXISTS (SELECT FROM tasks t WHERE t.id = task_id)'),
            apply_admin_policy(it.table_name::regclass),
            apply_policy(it.table_name::regclass, 'report', 'ticketflow_report', it.for_reports);
  END LOOP;
  FOR it IN
    SELECT * FROM (VALUES
      ('ticket_auto_responses', 'sent', 'ticketflow_customer', 'applied_at IS NOT NULL AND EXISTS (SELECT FROM tasks t WHERE t.id = task_id)'),
      ('ticket_auto_responses', 'proposed', 'ticketflow_user', 'acting_rank() >= 2 AND EXISTS (SELECT FROM tasks t WHERE t.id = task_id)'),
      ('ticket_auto_responses', 'report', 'ticketflow_report', 'may_report()'),
      ('audit_log', 'admin', 'ticketflow_admin', $r$acting_role() = 'admin'$r$),
      ('knowledge_articles', 'published', 'ticketflow_customer', $r$status = 'published' AND acting_rank() >= 1$r$),
      ('knowledge_articles', 'own', 'ticketflow_user', 'created_by = acting_person() AND acting_rank() >= 2'),
      ('knowledge_articles', 'all', 'ticketflow_manager', 'acting_rank() >= 3'),
      ('knowledge_articles', 'report', 'ticketflow_report', 'may_report()'),
      ('ai_analytics', 'managers', 'ticketflow_manager', 'acting_rank() >= 3'),
      ('ai_analytics', 'report', 'ticketflow_report', 'may_report()'),
      ('notifications', 'own', 'ticketflow_customer', 'user_id = acting_person()')
    ) AS rules (table_name, policy, for_role, rule)
    WHERE to_regclass(table_name) IS NOT NULL
  LOOP
    PERFORM apply_policy(it.table_name::regclass, it.policy, it.for_role, it.rule);
  END LOOP;
END
$$;

-- Tables that no role reads: with row security on and no policy, a right given by mistake still shows nothing.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sessions', 'login_attempts', 'password_reset_requests', 'ticketflow_migrations', 'ticketflow_desk',
                               'maintenance_steps'] LOOP
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = name::regclass) THEN
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    END IF;
  END LOOP;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ticketflow_customer, ticketflow_report, ticketflow_service', current_schema());
END
$$;

CREATE OR REPLACE FUNCTION grant_report_columns(relation regclass, hidden name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('REVOKE SELECT ON %s FROM ticketflow_report', relation);
  EXECUTE (SELECT format('GRANT SELECT (%s) ON %s TO ticketflow_report', string_agg(quote_ident(attname), ', ' ORDER BY attnum), relation)
             FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attname <> hidden);
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION grant_report_columns(regclass, name) IS
  'Lets ticketflow_report read each column but the one of free text. A column added later shows to reports when the desk is deployed again.';
REVOKE ALL ON FUNCTION grant_report_columns(regclass, name) FROM PUBLIC;

-- Whole tables where nothing is secret, so that a column that the DBA adds shows; columns where something is. Reports read no text that
-- requesters write at length: it holds telephone numbers and passwords.
GRANT SELECT ON tasks TO ticketflow_customer;
GRANT SELECT ON user_roles, task_statuses, task_priorities, task_severities, task_categories, status_transitions,
  task_field_rights TO ticketflow_customer, ticketflow_report;
GRANT SELECT ON task_comments, task_attachments TO ticketflow_customer;
-- Reports count comments and files; what people wrote to each other, and where files are, is nothing to count.
GRANT SELECT (id, task_id, user_id, is_internal, created_at, updated_at) ON task_comments TO ticketflow_report;
GRANT SELECT (id, task_id, mime_type, file_size, uploaded_by, created_at) ON task_attachments TO ticketflow_report;
GRANT SELECT (id, task_id, confidence_score, model_used, prompt_tokens, completion_tokens, was_helpful, created_at, applied_at, comment_id)
  ON ticket_auto_responses TO ticketflow_report;
GRANT SELECT (id, first_name, last_name, profile_image_url, role, organization_id) ON users TO ticketflow_customer;
GRANT SELECT (id, email, first_name, last_name, profile_image_url, role, department, is_active, is_approved, created_at,
  updated_at, organization_id) ON users TO ticketflow_user;
GRANT SELECT (id, first_name, last_name, role, department, is_active, is_approved, created_at, organization_id) ON users TO ticketflow_report;
GRANT SELECT (id, name, is_active) ON teams, departments TO ticketflow_customer;
GRANT SELECT (id, name, is_shared) ON organizations TO ticketflow_customer;
GRANT SELECT ON teams, departments, organizations, team_members TO ticketflow_user, ticketflow_report;
GRANT SELECT (id, email, role, department_id, invited_by, status, expires_at, created_at) ON user_invitations TO ticketflow_admin;
GRANT SELECT (id, name, service, is_active, created_by, last_used, created_at, key_prefix, expires_at) ON api_keys TO ticketflow_customer;
GRANT SELECT ON login_users TO ticketflow_admin;
GRANT SELECT (id, company_name, logo_data, logo_mime_type, ticket_prefix, updated_at) ON company_settings TO ticketflow_customer;
GRANT SELECT (aws_access_key_id_ses, aws_region_ses, aws_access_key_id_bedrock, aws_region_bedrock, microsoft_client_id,
  microsoft_tenant_id, created_at) ON company_settings TO ticketflow_admin;

DO $$
DECLARE
  it record;
BEGIN
  FOR it IN SELECT * FROM (VALUES
      ('task_history', 'ticketflow_customer, ticketflow_report'),
      ('task_history_archive', 'ticketflow_customer, ticketflow_report'),
      ('ticket_complexity_scores', 'ticketflow_customer, ticketflow_report'),
      ('ticket_auto_responses', 'ticketflow_customer'),
      ('knowledge_articles', 'ticketflow_customer'),
      ('ai_analytics', 'ticketflow_manager, ticketflow_report'),
      ('notifications', 'ticketflow_customer'),
      ('audit_log', 'ticketflow_admin')) AS rights (table_name, roles)
    WHERE to_regclass(table_name) IS NOT NULL
  LOOP
    EXECUTE format('GRANT SELECT ON %I TO %s', it.table_name, it.roles);
  END LOOP;
END
$$;
SELECT grant_report_columns('tasks', 'description');
SELECT grant_report_columns('knowledge_articles', 'content');

-- The same rule for functions that run as the owner and so past the policies. The planner may push conditions into this
-- view, which has no barrier; therefore nobody but the owner may read it. Only the id, so that a DBA can alter other columns.
CREATE OR REPLACE VIEW visible_tasks AS
SELECT t.id
  FROM tasks t
 WHERE t.created_by = acting_person()
    OR t.organization_id = shared_organization()
    OR t.assignee_type = 'user' AND is_visible_assignee(t.assignee_id)
    OR t.assignee_type = 'team' AND is_visible_team(t.assigned_team_id)
    OR acting_role() = 'admin';
COMMENT ON VIEW visible_tasks IS
  'Ids of the tickets that the acting person sees: the rule of the policies on tasks, for functions that run as the desk''s owner. Grant it to nobody.';

CREATE OR REPLACE FUNCTION task_visible(task_id integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM visible_tasks v WHERE v.id = task_visible.task_id);
END;
COMMENT ON FUNCTION task_visible(integer) IS 'Whether the acting person sees this ticket; false where there is none.';

CREATE OR REPLACE FUNCTION require_person() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
AS $$
DECLARE
  person text := acting_person();
BEGIN
  IF person IS NULL THEN
    RAISE EXCEPTION 'nobody is signed in'
      USING ERRCODE = 'PT401', HINT = 'Sign in as an active, approved person.';
  END IF;
  RETURN person;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_person() IS 'The id of the acting person. Error: PT401 nobody acts.';

CREATE OR REPLACE FUNCTION require_role(role text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
AS $$
DECLARE
  person text := require_person();
BEGIN
  IF acting_rank() >= (SELECT r.rank FROM user_roles r WHERE r.role = require_role.role) THEN
    RETURN person;
  END IF;
  RAISE EXCEPTION 'permission denied: this needs the role %', role
    USING ERRCODE = 'insufficient_privilege', HINT = 'Ask an administrator of the desk.';
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_role(text) IS
  'The id of the acting person, who has at least this role. Errors: PT401 nobody acts, 42501 the role is lower.';

CREATE OR REPLACE FUNCTION require_task(task_id integer, lock_for_change boolean DEFAULT true) RETURNS tasks
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  task tasks;
  person text := require_person();
BEGIN
  -- The question, the lock, the question again: what is out of sight is neither locked nor slower than what is not there, and
  -- what was visible a moment ago may have been reassigned or deleted meanwhile.
  IF NOT task_visible(task_id) THEN
    task.id := NULL;
  ELSIF lock_for_change THEN
    SELECT t.* INTO task FROM tasks t WHERE t.id = task_id FOR NO KEY UPDATE;
  ELSE
    SELECT t.* INTO task FROM tasks t WHERE t.id = task_id FOR KEY SHARE;
  END IF;
  IF task.id IS NULL OR NOT task_visible(task_id) THEN
    RAISE EXCEPTION 'ticket % does not exist', task_id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted, or is not yours to see.';
  END IF;
  RETURN task;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_task(integer, boolean) IS
  'Locks a ticket that the acting person sees, for a change of it or only against its deletion. Errors: PT401, PT404 absent or hidden.';
REVOKE ALL ON FUNCTION require_task(integer, boolean) FROM PUBLIC;
