-- The schema guide against a deployed desk: every table with its columns, types, defaults, indexes and foreign keys, with the
-- corrections of docs/decisions.md and no other difference. A type may only be wider, a column only stricter.
\set ECHO none
BEGIN;
SELECT plan(78);

-- table | columns as the guide has them: name type [! = NOT NULL] [= default]
CREATE TEMP TABLE guide (table_name text, columns text);
INSERT INTO guide VALUES
('users', 'id varchar!, email varchar!, password varchar, password_reset_token varchar, password_reset_expires timestamp, first_name varchar(100), last_name varchar(100),
  profile_image_url varchar(500), role varchar(50)=user, department varchar(100), is_active boolean=true, is_approved boolean=false, failed_login_attempts integer=0,
  locked_until timestamp, created_at timestamp=now(), updated_at timestamp=now()'),
('tasks', 'id integer!=serial, ticket_number varchar(20)!, title varchar(255)!, description text, category varchar(50)!, status varchar(50)=open, priority varchar(20)=medium,
  severity varchar(20)=normal, assignee_id varchar, assignee_type varchar(10)=user, assigned_team_id integer, created_by varchar!, last_updated_by varchar, due_date timestamp,
  estimated_hours numeric(5;2), actual_hours numeric(5;2), tags text[], created_at timestamp=now(), updated_at timestamp=now(), resolved_at timestamp, closed_at timestamp'),
('teams', 'id integer!=serial, name varchar(100)!, description text, manager_id varchar, is_active boolean=true, created_at timestamp=now(), updated_at timestamp=now()'),
('team_members', 'id integer!=serial, team_id integer, user_id varchar, role varchar(20)=member, joined_at timestamp=now()'),
('task_comments', 'id integer!=serial, task_id integer, user_id varchar!, content text!, is_internal boolean=false, created_at timestamp=now(), updated_at timestamp=now()'),
('task_history', 'id integer!=serial, task_id integer, user_id varchar, field varchar(50)!, old_value text, new_value text, change_type varchar(20)!, created_at timestamp=now()'),
('ticket_auto_responses', 'id integer!=serial, task_id integer, response_text text!, confidence_score numeric(3;2)!, model_used varchar(100), prompt_tokens integer,
  completion_tokens integer, was_helpful boolean, feedback_reason text, created_at timestamp=now()'),
('ticket_complexity_scores', 'id integer!=serial, task_id integer, complexity_score integer!, factors jsonb, escalation_recommended boolean=false, created_at timestamp=now()'),
('knowledge_articles', 'id integer!=serial, title varchar(255)!, content text!, category varchar(100), tags text[], status varchar(20)=draft, source varchar(20)=manual,
  source_task_id integer, effectiveness_score numeric(3;2), view_count integer=0, helpful_votes integer=0, unhelpful_votes integer=0, created_by varchar,
  created_at timestamp=now(), updated_at timestamp=now()'),
('ai_analytics', 'id integer!=serial, date date!, metric_name varchar(50)!, metric_value numeric(10;2), metadata jsonb, created_at timestamp=now()'),
('company_settings', 'id integer!=serial, company_name varchar(255), logo_data text, logo_mime_type varchar(50), ticket_prefix varchar(10)=TKT, aws_access_key_id_ses varchar(100),
  aws_secret_access_key_ses varchar(100), aws_region_ses varchar(20)=us-east-1, aws_access_key_id_bedrock varchar(100), aws_secret_access_key_bedrock varchar(100),
  aws_region_bedrock varchar(20)=us-east-1, microsoft_client_id varchar(100), microsoft_client_secret varchar(100), microsoft_tenant_id varchar(100),
  created_at timestamp=now(), updated_at timestamp=now()'),
('api_keys', 'id integer!=serial, name varchar(100)!, service varchar(50)!, key_hash varchar(255)!, is_active boolean=true, created_by varchar, last_used timestamp, created_at timestamp=now()'),
('sessions', 'sid varchar!, sess jsonb!, expire timestamp!'),
('departments', 'id integer!=serial, name varchar(100)!, description text, manager_id varchar, is_active boolean=true, created_at timestamp=now(), updated_at timestamp=now()'),
('user_invitations', 'id integer!=serial, email varchar(255)!, token varchar(255)!, role varchar(50)!, department_id integer, invited_by varchar, status varchar(20)=pending,
  expires_at timestamp!, created_at timestamp=now()'),
('task_attachments', 'id integer!=serial, task_id integer, filename varchar(255)!, original_name varchar(255)!, mime_type varchar(100)!, file_size integer!, file_path varchar(500)!,
  description text, uploaded_by varchar, created_at timestamp=now()'),
('notifications', 'id integer!=serial, user_id varchar, title varchar(255)!, content text!, type varchar(50)!, related_task_id integer, is_read boolean=false, created_at timestamp=now()'),
('audit_log', 'table_name text, operation text, user_id text, old_values jsonb, new_values jsonb, created_at timestamp');

CREATE TEMP VIEW wanted AS
  SELECT g.table_name, m[1] AS name, m[2] AS type, NULLIF(split_part(trim(both '()' FROM m[3]), ';', 1), '')::int AS size,
         NULLIF(split_part(trim(both '()' FROM m[3]), ';', 2), '')::int AS scale, m[4] = '!' AS required, m[6] AS fallback
    FROM guide g, regexp_split_to_table(g.columns, ',\s*') c, regexp_match(c, '^(\w+) ([a-z]+(?:\[\])?)(\([0-9;]+\))?(!)?(=(.*))?$') m;
CREATE TEMP VIEW found AS
  SELECT c.relname::text AS table_name, a.attname::text AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
         CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 0 THEN a.atttypmod - 4 WHEN a.atttypid = 'numeric'::regtype AND a.atttypmod > 0 THEN (a.atttypmod - 4) >> 16 END AS size,
         CASE WHEN a.atttypid = 'numeric'::regtype THEN (a.atttypmod - 4) & 65535 END AS scale, pg_get_expr(d.adbin, d.adrelid) AS fallback
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
   WHERE c.relnamespace = 'public'::regnamespace;
CREATE TEMP VIEW difference AS
  SELECT w.table_name, format('%s: %s', w.name, CASE
      WHEN f.name IS NULL THEN 'missing'
      WHEN f.type <> ALL (CASE w.type WHEN 'varchar' THEN '{character varying,text}' WHEN 'timestamp' THEN '{timestamp with time zone}'
        WHEN 'integer' THEN '{integer,bigint}' ELSE ARRAY[w.type] END::text[]) THEN 'is ' || f.type
      WHEN f.size < w.size OR f.scale < w.scale OR f.size - f.scale < w.size - w.scale OR (w.size IS NULL AND f.size IS NOT NULL) THEN 'is narrower'
      WHEN w.required AND NOT f.required THEN 'may be null'
      WHEN w.fallback = 'serial' AND f.fallback NOT LIKE 'nextval(%' THEN 'is not serial'
      WHEN w.fallback NOT IN ('serial', split_part(trim(both '''' FROM split_part(COALESCE(f.fallback, ''), '::', 1)), '::', 1)) THEN 'has default ' || COALESCE(f.fallback, 'none') END) AS what
    FROM wanted w LEFT JOIN found f USING (table_name, name);
SELECT is((SELECT count(*) FROM wanted), 168::bigint, 'the list below names every column of the guide');
SELECT is((SELECT string_agg(d.what, '; ') FROM difference d WHERE d.table_name = g.table_name AND d.what NOT LIKE '%: '), NULL, 'table ' || g.table_name) FROM guide g;

-- index | table | columns; an index that only repeats a UNIQUE is covered by that.
CREATE TEMP TABLE indexes (name text, table_name text, columns text);
INSERT INTO indexes SELECT split_part(i, ' ', 1), split_part(i, ' ', 2), split_part(i, ' ', 3) FROM unnest(ARRAY[
  'idx_users_email users email', 'idx_users_role users role', 'idx_users_department users department', 'idx_users_is_active users is_active,is_approved',
  'idx_tasks_status tasks status', 'idx_tasks_assignee tasks assignee_id', 'idx_tasks_created_by tasks created_by', 'idx_tasks_category tasks category', 'idx_tasks_priority tasks priority',
  'idx_tasks_due_date tasks due_date', 'idx_tasks_created_at tasks created_at', 'idx_tasks_ticket_number tasks ticket_number', 'idx_teams_manager teams manager_id',
  'idx_team_members_team team_members team_id', 'idx_team_members_user team_members user_id', 'idx_task_comments_task task_comments task_id', 'idx_task_comments_user task_comments user_id',
  'idx_task_comments_created task_comments created_at', 'idx_task_history_task task_history task_id', 'idx_task_history_user task_history user_id', 'idx_task_history_created task_history created_at',
  'idx_auto_responses_task ticket_auto_responses task_id', 'idx_auto_responses_confidence ticket_auto_responses confidence_score', 'idx_auto_responses_helpful ticket_auto_responses was_helpful',
  'idx_complexity_task ticket_complexity_scores task_id', 'idx_complexity_score ticket_complexity_scores complexity_score', 'idx_complexity_escalation ticket_complexity_scores escalation_recommended',
  'idx_knowledge_category knowledge_articles category', 'idx_knowledge_status knowledge_articles status', 'idx_knowledge_source knowledge_articles source',
  'idx_knowledge_effectiveness knowledge_articles effectiveness_score', 'idx_ai_analytics_date ai_analytics date', 'idx_ai_analytics_metric ai_analytics metric_name',
  'idx_api_keys_service api_keys service', 'idx_api_keys_active api_keys is_active', 'idx_sessions_expire sessions expire', 'idx_invitations_email user_invitations email',
  'idx_invitations_token user_invitations token', 'idx_invitations_status user_invitations status', 'idx_attachments_task task_attachments task_id', 'idx_attachments_uploaded_by task_attachments uploaded_by',
  'idx_notifications_user notifications user_id', 'idx_notifications_unread notifications user_id,is_read', 'idx_notifications_type notifications type']) i;
CREATE TEMP VIEW found_indexes AS
  SELECT x.indexrelid::regclass::text AS name, x.indrelid::regclass::text AS table_name, x.indisunique,
         (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON (a.attrelid, a.attnum) = (x.indrelid, k.attnum)) AS columns
    FROM pg_index x WHERE x.indpred IS NULL;
SELECT is_empty($$SELECT * FROM indexes i WHERE NOT EXISTS (SELECT FROM found_indexes f WHERE f.table_name = i.table_name AND f.columns = i.columns AND (f.name = i.name OR f.indisunique))$$,
  'every index of the guide is there, or a UNIQUE that does its work');
SELECT is_empty($$SELECT f.* FROM found_indexes f JOIN found_indexes u ON u.table_name = f.table_name AND u.columns = f.columns AND u.indisunique AND u.name <> f.name WHERE f.table_name IN (SELECT table_name FROM guide) AND f.columns <> ''$$,
  'no index repeats a UNIQUE');
SELECT is(am.amname || split_part(pg_get_indexdef(i.name::regclass), ' USING gin ', 2) LIKE 'gin(%title%', true, i.name || ' indexes the text of its table')
  FROM (VALUES ('idx_tasks_search'), ('idx_knowledge_search')) i(name) JOIN pg_class c ON c.oid = i.name::regclass JOIN pg_am am ON am.oid = c.relam;

-- table column referenced-table rule of the guide (- = none); what is not as printed is a correction.
CREATE TEMP TABLE keys (table_name text, column_name text, target text, cascades boolean);
INSERT INTO keys SELECT split_part(k, ' ', 1), split_part(k, ' ', 2), split_part(k, ' ', 3), k LIKE '%cascade' FROM unnest(ARRAY[
  'tasks assignee_id users', 'tasks assigned_team_id teams', 'tasks created_by users', 'tasks last_updated_by users', 'teams manager_id users', 'team_members team_id teams cascade',
  'team_members user_id users cascade', 'task_comments task_id tasks cascade', 'task_comments user_id users', 'ticket_auto_responses task_id tasks cascade', 'ticket_complexity_scores task_id tasks cascade',
  'knowledge_articles source_task_id tasks', 'knowledge_articles created_by users', 'api_keys created_by users', 'departments manager_id users', 'user_invitations department_id departments',
  'user_invitations invited_by users', 'task_attachments task_id tasks cascade', 'task_attachments uploaded_by users', 'notifications user_id users cascade', 'notifications related_task_id tasks']) k;
SELECT is((SELECT f.confdeltype = 'c' FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND f.conkey = ARRAY[a.attnum]
            WHERE f.contype = 'f' AND f.conrelid = k.table_name::regclass AND a.attname = k.column_name AND f.confrelid = k.target::regclass), k.cascades,
  format('%s.%s references %s%s', k.table_name, k.column_name, k.target, CASE WHEN k.cascades THEN ' and goes with it' ELSE '' END)) FROM keys k;
SELECT is_empty($$SELECT * FROM pg_constraint WHERE contype = 'f' AND conrelid = 'task_history'::regclass$$, 'the history outlives its ticket and its author');

SELECT is_empty(format($$SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = %L::regclass HAVING count(*) <> 1$$, g.table_name), g.table_name || ' has a primary key') FROM guide g
 -- The guide does not say what audit_log looks like; a key would cost a third of a row again (docs/decisions.md).
 WHERE g.table_name <> 'audit_log';
SELECT ok(EXISTS (SELECT FROM found_indexes f WHERE f.table_name = u.table_name AND f.columns = u.columns AND f.indisunique), format('%s(%s) is unique', u.table_name, u.columns))
  FROM (VALUES ('tasks', 'ticket_number'), ('teams', 'name'), ('team_members', 'team_id,user_id'), ('ai_analytics', 'date,metric_name'), ('departments', 'name'), ('user_invitations', 'token'),
               ('ticket_auto_responses', 'task_id'), ('ticket_complexity_scores', 'task_id')) u(table_name, columns);

-- The owner's own columns: with a default, and seen through the functions that return rows of the table.
CREATE FUNCTION pg_temp.widen() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE target regclass;
BEGIN
  FOR target IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
    BEGIN
      EXECUTE format('ALTER TABLE %s ADD COLUMN her_own integer DEFAULT 3', target);
    EXCEPTION WHEN OTHERS THEN RETURN NEXT SQLERRM; END;
  END LOOP;
END $$;
SELECT is_empty('SELECT pg_temp.widen()', 'every table takes a new column with a default');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype JOIN pg_class c ON c.oid = t.typrelid
  WHERE p.prosqlbody IS NOT NULL AND c.relkind = 'r' AND p.pronamespace::regnamespace::text IN ('public', 'api', 'report')$$,
  'no function that returns rows of a table has the columns of today in its body');
INSERT INTO knowledge_articles (title, content) VALUES ('x', 'y');
SELECT is((SELECT to_jsonb(a) ->> 'her_own' FROM api.list_articles() a), '3', 'such a column is seen through a function');

-- Values that the guide lists are words of the desk.
SELECT lives_ok(format($$INSERT INTO users (id, email, role) VALUES (%L, %L, %L)$$, r, r || '@example.com', r), 'role ' || r) FROM unnest('{customer,user,manager,admin}'::text[]) r;
SELECT lives_ok(format($$INSERT INTO tasks (ticket_number, title, category, status, priority, severity, created_by) SELECT 'G-' || row_number() OVER (), 'x', 'bug', s, p, v, 'admin'
  FROM unnest('{open,in_progress,resolved}'::text[]) s, unnest('{low,medium,high,urgent}'::text[]) p, unnest('{minor,normal,major,critical}'::text[]) v$$), 'statuses, priorities and severities');
SELECT * FROM finish();
ROLLBACK;
