-- who sees what: every actor and every ticket on every path, against the rule written out once more, row by row.
\set ECHO none
BEGIN;
SELECT plan(39);

-- The desk: two teams with their managers, three organisations (one shared), tickets in every position.
INSERT INTO organizations (id, name, is_shared) VALUES (1, 'Shared', true), (2, 'Closed', false), (3, 'Other shared', true);
INSERT INTO users (id, email, first_name, role, is_approved, is_active, organization_id, password, password_reset_token)
SELECT id, id || '@x.test', id, role, approved, active, org, 'secret hash of ' || id, 'secret token of ' || id FROM (VALUES
  ('ada', 'admin', true, true, NULL::int), ('mia', 'manager', true, true, NULL), ('moe', 'manager', true, true, NULL),
  ('una', 'user', true, true, NULL), ('uma', 'user', true, true, NULL), ('uri', 'user', true, true, NULL), ('udo', 'user', true, true, NULL),
  ('cid', 'customer', true, true, 1), ('cam', 'customer', true, true, 1), ('cyd', 'customer', true, true, 2), ('coy', 'customer', true, true, 2),
  ('cal', 'customer', true, true, 3), ('cox', 'customer', true, true, NULL),
  ('off', 'admin', true, false, NULL), ('new', 'admin', false, true, NULL), ('offc', 'customer', true, false, 1), ('newc', 'customer', false, true, 1)
) AS p (id, role, approved, active, org);
INSERT INTO teams (id, name, manager_id) VALUES (1, 'One', 'mia'), (2, 'Two', 'moe'), (3, 'Three', NULL);
-- A manager's own membership grants nothing, and a team's admin is a member like others.
INSERT INTO team_members (team_id, user_id, role) VALUES (1, 'una', 'member'), (1, 'uma', 'admin'), (2, 'uri', 'member'), (3, 'mia', 'member'), (3, 'udo', 'member');
CREATE TEMP TABLE positions (id int, what text, made_by text, kind text, person text, team int);
INSERT INTO positions VALUES
  (1, 'cid, nobody''s', 'cid', 'user', NULL, NULL), (2, 'colleague''s', 'cam', 'user', NULL, NULL), (3, 'closed organisation', 'cyd', 'user', NULL, NULL),
  (4, 'the other there', 'coy', 'user', NULL, NULL), (5, 'other shared', 'cal', 'user', NULL, NULL), (6, 'without organisation', 'cox', 'user', NULL, NULL),
  (7, 'una works', 'cyd', 'user', 'una', NULL), (8, 'uri works', 'cyd', 'user', 'uri', NULL), (9, 'mia works', 'cox', 'user', 'mia', NULL),
  (10, 'team one', 'cox', 'team', NULL, 1), (11, 'team two', 'cox', 'team', NULL, 2), (12, 'team three', 'cox', 'team', NULL, 3),
  (13, 'stale person', 'cox', 'team', 'una', 2), (14, 'stale team', 'cox', 'user', 'uri', 1), (15, 'una made, uri works', 'una', 'user', 'uri', NULL),
  (16, 'ada made', 'ada', 'user', 'ada', NULL), (17, 'udo works', 'cox', 'user', 'udo', NULL), (18, 'inactive made', 'offc', 'user', NULL, NULL),
  (19, 'off works', 'cox', 'user', 'off', NULL), (20, 'stale both ways', 'cox', 'team', 'udo', 3), (21, 'queued nowhere', 'cox', 'team', 'una', NULL);
INSERT INTO tasks (id, ticket_number, title, description, category, created_by, assignee_type, assignee_id, assigned_team_id, tags)
SELECT id, 'M-2026-' || lpad(id::text, 4, '0'), what || ' zebra', 'body', 'support', made_by, kind, person, team, ARRAY['tag' || id] FROM positions;
INSERT INTO task_comments (task_id, user_id, content, is_internal) SELECT id, 'ada', 'public', false FROM positions UNION ALL SELECT id, 'ada', 'hidden giraffe', true FROM positions;
INSERT INTO task_attachments (task_id, filename, original_name, mime_type, file_size, file_path, uploaded_by) SELECT id, 'f', 'f', 'a/b', 1, 'f/' || id, 'ada' FROM positions;
DELETE FROM task_history;
INSERT INTO task_history (task_id, user_id, field, change_type) SELECT id, 'ada', 'title', 'created' FROM positions;
INSERT INTO ticket_auto_responses (task_id, response_text, confidence_score, applied_at) SELECT id, 'r', 0.5, now() FROM positions;
INSERT INTO ticket_complexity_scores (task_id, complexity_score) SELECT id, 50 FROM positions ON CONFLICT DO NOTHING;
INSERT INTO user_invitations (email, token, role, expires_at) VALUES ('i@x.test', 'secret token', 'user', now() + interval '1 day');
INSERT INTO api_keys (name, service, key_hash, created_by) SELECT 'k', 's', 'secret hash ' || id, id FROM users;
INSERT INTO sessions VALUES ('s', '{}', now());
DELETE FROM notifications;
INSERT INTO notifications (user_id, title, content, type) SELECT id, 't', 'c', 'system' FROM users;
INSERT INTO company_settings (company_name, aws_secret_access_key_ses) VALUES ('Desk', 'secret') ON CONFLICT DO NOTHING;

-- The rule of the design, as plainly as it can be said.
CREATE FUNCTION rule(who text, t tasks) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT COALESCE((SELECT CASE u.role
    WHEN 'admin' THEN true
    WHEN 'manager' THEN t.created_by = who
      OR (t.assignee_type = 'user' AND (t.assignee_id = who OR EXISTS (SELECT FROM teams x JOIN team_members m ON m.team_id = x.id
                                                                       WHERE x.manager_id = who AND m.user_id = t.assignee_id)))
      OR (t.assignee_type = 'team' AND EXISTS (SELECT FROM teams x WHERE x.id = t.assigned_team_id AND x.manager_id = who))
    WHEN 'user' THEN t.created_by = who
      OR (t.assignee_type = 'user' AND (t.assignee_id = who OR EXISTS (SELECT FROM team_members a, team_members b
                                                                       WHERE a.team_id = b.team_id AND a.user_id = who AND b.user_id = t.assignee_id)))
      OR (t.assignee_type = 'team' AND EXISTS (SELECT FROM team_members m WHERE m.team_id = t.assigned_team_id AND m.user_id = who))
    WHEN 'customer' THEN t.created_by = who
      OR EXISTS (SELECT FROM organizations o, users c WHERE o.id = u.organization_id AND o.is_shared AND c.id = t.created_by AND c.organization_id = o.id)
    END FROM users u WHERE u.id = who AND u.is_active AND u.is_approved), false) $$;

-- Who asks: each person with the database role of her role; those who may not, with the highest one.
CREATE TEMP TABLE actors AS
SELECT u.id AS who, CASE WHEN u.is_active AND u.is_approved THEN r.database_role ELSE 'ticketflow_admin' END::name AS with_role,
       u.is_active AND u.is_approved AS counts FROM users u JOIN user_roles r USING (role)
UNION ALL SELECT 'stranger', 'ticketflow_admin', false UNION ALL SELECT '', 'ticketflow_admin', false;
CREATE TEMP TABLE expected AS SELECT a.who, t.id AS task_id FROM actors a, tasks t WHERE rule(a.who, t);
CREATE TEMP TABLE seen (who text, path text, task_id int);
CREATE TEMP TABLE totals (who text, path text, total bigint);
CREATE TEMP TABLE refused (who text, path text, task_id int, state text, message text);
GRANT SELECT, INSERT ON seen, totals, refused, positions, actors, expected TO PUBLIC;

CREATE FUNCTION act(who text, with_role name) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true);
  SELECT set_config('app.current_user_id', who, true), set_config('role', with_role, true) $$;

-- Every path that shows rows of tickets.
CREATE TEMP TABLE row_paths (path text, query text);
INSERT INTO row_paths VALUES
  ('table', 'SELECT id FROM tasks'), ('task_details', 'SELECT id FROM task_details'), ('list_tasks', 'SELECT id FROM api.list_tasks(page_size => 1000)'),
  ('task_visible', 'SELECT id FROM generate_series(0, 22) id WHERE task_visible(id)'),
  ('attachments', 'SELECT task_id FROM task_attachments'), ('history', 'SELECT task_id FROM task_history'),
  ('scores', 'SELECT task_id FROM ticket_complexity_scores'), ('responses', 'SELECT task_id FROM ticket_auto_responses'),
  ('public comments', 'SELECT task_id FROM task_comments WHERE NOT is_internal'), ('comment_details', 'SELECT task_id FROM comment_details WHERE NOT is_internal'),
  ('documents', 'SELECT task_id FROM task_documents'),
  ('search', 'SELECT id FROM api.search_tasks(''zebra'', 100)'), ('tags', 'SELECT substr(tag, 4)::int FROM api.list_tags()'),
  ('condition', 'SELECT id FROM tasks WHERE title LIKE ''%zebra'''), ('join', 'SELECT t.id FROM tasks t JOIN task_comments c ON c.task_id = t.id WHERE NOT c.is_internal'),
  ('lateral', 'SELECT d.id FROM generate_series(1, 21) i, LATERAL (SELECT id FROM task_details WHERE id = i) d');
CREATE TEMP TABLE total_paths (path text, query text);
INSERT INTO total_paths VALUES ('count', 'SELECT count(*) FROM tasks'), ('counts', 'SELECT sum(tickets)::bigint FROM api.task_counts()'),
  ('search total', 'SELECT COALESCE(max(total), 0) FROM api.search_tasks(''zebra'', 1)'), ('tags total', 'SELECT COALESCE(sum(tickets), 0)::bigint FROM api.list_tags()');
CREATE TEMP TABLE call_paths (path text, query text);
INSERT INTO call_paths VALUES
  ('get_task', 'SELECT api.get_task(%s)'), ('get_task_by_number', 'SELECT api.get_task_by_number(''m-2026-'' || lpad(''%s'', 4, ''0''))'),
  ('list_comments', 'SELECT api.list_comments(%s)'), ('task_timeline', 'SELECT api.task_timeline(%s)'), ('list_attachments', 'SELECT api.list_attachments(%s)'),
  ('add_comment', 'SELECT api.add_comment(%s, ''x'')'), ('add_attachment', 'SELECT api.add_attachment(%s, ''a'', ''a'', ''a/b'', 1, ''a'')'),
  ('change_status', 'SELECT api.change_status(%s, ''open'')'), ('update_task', 'SELECT api.update_task(%s)'),
  ('assign_task', 'SELECT api.assign_task(%s, assignee_id => ''una'')'), ('add_tags', 'SELECT api.add_tags(%s, ''{x}'')'),
  ('remove_tags', 'SELECT api.remove_tags(%s, ''{x}'')'), ('bulk_update', 'SELECT api.bulk_update(''{%s}'', priority => ''low'')');
GRANT SELECT ON row_paths, total_paths, call_paths TO PUBLIC;

CREATE PROCEDURE look() LANGUAGE plpgsql AS $$
DECLARE a record; p record; state text; message text;
BEGIN
  FOR a IN SELECT * FROM actors LOOP
    PERFORM act(a.who, a.with_role);
    FOR p IN SELECT * FROM row_paths LOOP
      EXECUTE format('INSERT INTO seen SELECT DISTINCT %L, %L, q.x FROM (%s) q (x)', a.who, p.path, p.query);
    END LOOP;
    FOR p IN SELECT * FROM total_paths LOOP
      EXECUTE format('INSERT INTO totals SELECT %L, %L, (%s)', a.who, p.path, p.query);
    END LOOP;
    FOR p IN SELECT c.path, n.id, format(c.query, n.id) AS query FROM call_paths c, generate_series(1, 22) AS n (id) LOOP
      BEGIN
        EXECUTE p.query;
        RAISE EXCEPTION 'done' USING ERRCODE = 'PT200';
      EXCEPTION WHEN OTHERS THEN
        -- Nothing of a call stays, only what it said.
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
      END;
      INSERT INTO refused VALUES (a.who, p.path, p.id, state, message);
    END LOOP;
  END LOOP;
  PERFORM set_config('role', 'none', true);
END $$;
CALL look();

SELECT cmp_ok((SELECT count(*) FROM expected), '>', 60::bigint, 'the rule gives something to see');
SELECT is_empty('SELECT * FROM expected e WHERE who IN (SELECT who FROM actors WHERE NOT counts)', 'and nothing to the inactive, the unapproved, strangers and nobody');
SELECT set_eq(format('SELECT who, task_id FROM seen WHERE path = %L', path), 'SELECT who, task_id FROM expected', format('rows by %s', path)) FROM row_paths;
SELECT set_eq(format('SELECT who, total FROM totals WHERE path = %L', path),
  'SELECT a.who, (SELECT count(*) FROM expected e WHERE e.who = a.who) FROM actors a', format('totals by %s', path)) FROM total_paths;

-- Whatever else names tickets, now or later: no actor finds one there that is out of her sight.
CREATE TEMP TABLE named AS SELECT c.oid::regclass::text AS it, a.attname AS field, c.relnamespace::regnamespace::text AS schema FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace::regnamespace::text IN ('public', 'api', 'report') AND c.relkind IN ('r', 'v', 'm', 'p')
   AND a.attname IN ('task_id', 'related_task_id', 'source_task_id', 'ticket_id') AND a.atttypid IN ('int4'::regtype, 'int8'::regtype) AND NOT a.attisdropped;
GRANT SELECT ON named TO PUBLIC;
DO $$ DECLARE a record; n record; BEGIN
  FOR a IN SELECT * FROM actors LOOP
    PERFORM act(a.who, a.with_role);
    FOR n IN SELECT * FROM named WHERE CASE WHEN has_schema_privilege(schema, 'USAGE') THEN has_column_privilege(it, field, 'SELECT') END LOOP
      EXECUTE format('INSERT INTO seen SELECT DISTINCT %L, %L, q.%I FROM %s q WHERE q.%3$I IS NOT NULL', a.who, 'named ' || n.it, n.field, n.it);
    END LOOP;
  END LOOP;
  PERFORM set_config('role', 'none', true);
END $$;
SELECT cmp_ok((SELECT count(DISTINCT path) FROM seen WHERE path LIKE 'named %'), '>', 8::bigint, 'many tables and views name tickets');
SELECT is_empty($$SELECT * FROM seen s WHERE path LIKE 'named %' AND task_id BETWEEN 1 AND 21
  AND NOT EXISTS (SELECT FROM expected e WHERE e.who = s.who AND e.task_id = s.task_id)$$, 'and each shows those in sight only');

-- A call on a ticket out of sight is told the same as on one that is not there; the others are not told so.
SELECT is_empty($$SELECT * FROM refused r LEFT JOIN expected e USING (who, task_id) JOIN actors a USING (who)
  WHERE a.counts AND (r.state = 'PT404') <> (e.who IS NULL) AND NOT (r.state = '42501' AND e.who IS NULL)$$, 'calls: not found exactly where out of sight');
SELECT is_empty($$SELECT * FROM refused WHERE state = 'PT404' AND message NOT IN (
    format('ticket %s does not exist', task_id), format('ticket "m-2026-%s" does not exist', lpad(task_id::text, 4, '0')))$$, 'and in the words for one that is not there');
SELECT is_empty($$SELECT * FROM refused r JOIN actors a USING (who) WHERE NOT a.counts AND state <> 'PT401'$$, 'who may not act is told to sign in, whatever the call');
SELECT is_empty($$SELECT * FROM refused JOIN actors USING (who) WHERE with_role = 'ticketflow_customer' AND path IN ('assign_task', 'add_tags', 'remove_tags', 'bulk_update') AND state <> '42501'$$,
  'customers assign, tag and bulk-change nothing');
SELECT is_empty($$SELECT * FROM refused JOIN expected USING (who, task_id) WHERE path IN ('get_task', 'get_task_by_number', 'list_comments', 'task_timeline', 'list_attachments', 'add_comment', 'add_attachment', 'update_task')
  AND state <> 'PT200'$$, 'what is in sight is read and commented');

-- Internal comments
CREATE TEMP TABLE internal (who text, path text, n bigint);
GRANT ALL ON internal TO PUBLIC;
DO $$ DECLARE a record; BEGIN
  FOR a IN SELECT * FROM actors LOOP
    PERFORM act(a.who, a.with_role);
    INSERT INTO internal SELECT a.who, 'table', count(*) FROM task_comments WHERE is_internal
      UNION ALL SELECT a.who, 'details', count(*) FROM comment_details WHERE content LIKE 'hidden%'
      UNION ALL SELECT a.who, 'search', count(*) FROM api.search_tasks('giraffe', 100);
  END LOOP;
  PERFORM set_config('role', 'none', true);
END $$;
SELECT set_eq('SELECT who, path, n FROM internal', $$SELECT a.who, p, CASE WHEN a.with_role IN ('ticketflow_user', 'ticketflow_manager', 'ticketflow_admin')
    THEN (SELECT count(*) FROM expected e WHERE e.who = a.who) ELSE 0 END FROM actors a, unnest('{table,details,search}'::text[]) p$$,
  'internal comments are seen, counted and found by the staff only');
SELECT act('cid', 'ticketflow_user');
SELECT is((SELECT count(*) FROM task_comments WHERE is_internal), 0::bigint, 'a customer with a higher database role sees none either');
SELECT is((SELECT count(*) FROM tasks), 3::bigint, 'and no more tickets');
SELECT act('cid', 'ticketflow_admin');
SELECT is((SELECT count(*) FROM tasks), 0::bigint, 'one with the administrators'' sees nothing');
SELECT set_config('role', 'none', true);

-- A function that tells what it is shown, cheap enough to be asked first.
CREATE TEMP TABLE told (what text);
GRANT ALL ON told TO PUBLIC;
CREATE FUNCTION pg_temp.tell(what text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS 'BEGIN INSERT INTO told VALUES (what); RETURN true; END';
SELECT act('cyd', 'ticketflow_customer');
SELECT is((SELECT count(*) FROM tasks WHERE pg_temp.tell(title)), 3::bigint, 'a curious condition on tickets');
SELECT is((SELECT count(*) FROM task_details d WHERE pg_temp.tell(d.title)), 3::bigint, 'on the view');
SELECT is((SELECT count(*) FROM api.list_tasks() t WHERE pg_temp.tell(t.title)), 3::bigint, 'on the function');
SELECT is((SELECT count(*) FROM users WHERE pg_temp.tell(id) AND role = 'customer'), 1::bigint, 'and on people');
SELECT set_config('role', 'none', true);
SELECT is_empty($$SELECT what FROM told WHERE what NOT IN (SELECT t.title FROM tasks t JOIN expected e ON e.task_id = t.id WHERE e.who = 'cyd')
  AND what NOT IN (SELECT id FROM users WHERE id = 'cyd' OR role <> 'customer')$$, 'is shown nothing more');
SELECT act('cyd', 'ticketflow_customer');
SELECT is((SELECT count(*) FROM pg_stats WHERE tablename IN ('tasks', 'users', 'task_comments')), 0::bigint, 'statistics show no values');
SELECT set_config('role', 'none', true);

SELECT * FROM finish();
ROLLBACK;
