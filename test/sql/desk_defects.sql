-- the 44 defects that the desk's predecessor recorded in its database: each may not happen here. The number is that of its list.
\set ECHO none
BEGIN;
SELECT plan(60);

SELECT is((SELECT count(*) FROM users), 0::bigint, '26 a new desk has no account, least of all one with a known password');
INSERT INTO organizations (id, name) VALUES (1, 'One'), (2, 'Two');
INSERT INTO users (id, email, role, is_approved, first_name, organization_id) VALUES
  ('ada', 'ada@x.test', 'admin', true, 'Ada', NULL), ('una', 'una@x.test', 'user', true, 'Una', NULL), ('uri', 'uri@x.test', 'user', true, NULL, NULL),
  ('cid', 'cid@x.test', 'customer', true, 'Cid', 1), ('cyd', 'cyd@x.test', 'customer', true, NULL, 2);
INSERT INTO teams (id, name) VALUES (1, 'One'), (2, 'Two');
INSERT INTO team_members (team_id, user_id) VALUES (1, 'una'), (2, 'uri');
CREATE FUNCTION act(who text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true); SELECT authenticate(who) $$;
CREATE FUNCTION act_as_owner() RETURNS void LANGUAGE sql AS $$ SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true) $$;
CREATE FUNCTION act_as_nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('role', 'none', true); SELECT authenticate_anonymous() $$;

-- Integrity and races (who does it at once: test/isolation)
SELECT act('cid');
SELECT api.create_task('Printer', 'jams', assigned_team_id => 1) \g /dev/null
SELECT api.create_task('Mail') \g /dev/null
SELECT act_as_owner();
SELECT min(id) AS printer, max(id) AS mail FROM tasks \gset
SELECT act('una');
SELECT api.assign_task(:printer, 'una'), api.add_comment(:printer, 'hidden', true), api.add_comment(:printer, 'shown'),
  api.record_auto_response(:printer, 'Try turning it off', 0.8) \g /dev/null
SELECT act('cid');
SELECT api.add_attachment(:printer, original_name => 'jam.jpg', mime_type => 'image/jpeg', file_size => 5) \g /dev/null
SELECT act('ada');
SELECT api.change_status(:mail, 'resolved') \g /dev/null
SELECT api.article_from_task(:mail) \g /dev/null
SELECT lives_ok(format('SELECT api.delete_task(%s)', :mail), '1 a ticket with an article, history and notifications can be deleted');
SELECT is((SELECT count(*) FROM task_history WHERE task_id = :mail) + (SELECT count(*) FROM knowledge_articles), 4::bigint, '1 which leaves its article and history');
SELECT act_as_owner();
INSERT INTO tasks (ticket_number, title, category, created_by) VALUES (format('TKT-%s-9999', extract(year FROM now())), 'x', 'bug', 'cid'), (format('TKT-%s-0999', extract(year FROM now())), 'x', 'bug', 'cid');
SELECT act('cid');
SELECT matches((SELECT ticket_number::text FROM api.create_task('After 9999')), '-10000$', '2 after 9999 comes 10000, though 9999 sorts later');
SELECT act('ada');
SELECT results_eq(format('SELECT resolved_at IS NOT NULL, closed_at IS NULL FROM api.change_status(%s, ''resolved'')', :printer), 'VALUES (true, true)', '3 solving is stamped');
SELECT results_eq(format('SELECT resolved_at IS NOT NULL, closed_at IS NOT NULL FROM api.change_status(%s, ''closed'')', :printer), 'VALUES (true, true)', '3 closing too');
SELECT results_eq(format('SELECT resolved_at IS NULL, closed_at IS NULL FROM api.change_status(%s, ''open'')', :printer), 'VALUES (true, true)', '3 and reopening clears both');
SELECT act_as_owner();
SELECT throws_ok($$INSERT INTO tasks (title, category, created_by) VALUES ('  ', 'bug', 'cid')$$, '23514', NULL, '4 a title says something');
SELECT throws_ok($$UPDATE tasks SET priority = 'not-valid'$$, '23503', NULL, '4 a priority is one');
SELECT throws_ok($$INSERT INTO tasks (title, category, created_by, status) VALUES ('x', 'bug', 'cid', 'not-valid')$$, '23503', NULL, '4 so is a status');
SELECT is_empty($$SELECT p.proname, a FROM pg_proc p, unnest(p.proargnames[1:p.pronargs]) a WHERE p.pronamespace = 'api'::regnamespace AND p.proname IN ('create_task', 'update_task', 'register', 'add_comment', 'create_article')
  AND a IN ('created_by', 'user_id', 'ticket_number', 'resolved_at', 'closed_at', 'role', 'is_approved', 'status', 'view_count', 'uploaded_by')$$, '5 no call takes a column that is the desk''s');
SELECT throws_ok($$UPDATE users SET is_active = false WHERE id = 'ada'$$, 'PT409', NULL, '6 the last administrator stays');
SELECT act('una');
SELECT throws_ok(format('SELECT api.change_status(%s, ''in_progress'', version => 1)', :printer), 'PT409', NULL, '6 a status is not written over a newer one');
SELECT act_as_owner();
UPDATE users SET password = hash_password('long enough') WHERE id = 'cid';
SELECT act_as_nobody();
SELECT is((SELECT string_agg(l.error_code, ' ' ORDER BY i) FROM generate_series(1, 6) i, api.login('cid@x.test', 'wrong' || i) l), 'PT401 PT401 PT401 PT401 PT401 PT423', '7 guesses are counted');
SELECT act('ada');
SELECT token AS invitation FROM api.invite_user('new@x.test') \gset
SELECT act('una');
SELECT throws_ok(format('SELECT api.accept_invitation(%L)', :'invitation'), '42501', NULL, '8 an invitation is for its address');
SELECT act_as_nobody();
SELECT lives_ok(format('SELECT api.accept_invitation(%L, ''long enough'')', :'invitation'), '8 which accepts it');
SELECT throws_ok(format('SELECT api.accept_invitation(%L, ''long enough'')', :'invitation'), 'PT400', NULL, '8 once');
SELECT act_as_owner();
INSERT INTO knowledge_articles (title, content, status) VALUES ('How', 'so', 'published') RETURNING id AS article \gset
SELECT act('cid');
SELECT api.vote_article(:article, true), api.vote_article(:article, true) \g /dev/null
SELECT results_eq(format('SELECT helpful_votes, unhelpful_votes, effectiveness_score FROM api.vote_article(%s, false)', :article), 'VALUES (0, 1, 0.00::numeric)', '9 a person has one vote, and scores stay between 0 and 1');
SELECT throws_ok(format('SELECT api.vote_article(%s, NULL)', :article), '22023', NULL, '9 a vote that says nothing is none');
SELECT throws_ok('SELECT api.vote_article(-1, true)', 'PT404', NULL, '9 nor is one on no article');
SELECT act('una');
SELECT api.apply_auto_response(:printer) \g /dev/null
SELECT throws_ok(format('SELECT api.apply_auto_response(%s)', :printer), 'PT409', NULL, '10 a response is sent once');
SELECT throws_ok(format('SELECT api.record_auto_response(%s, ''again'', 0.9)', :printer), 'PT409', NULL, '10 and recorded once');
SELECT act('ada');
SELECT results_eq(format('SELECT assignee_type::text, assignee_id::text, assigned_team_id FROM api.assign_task(%s, assigned_team_id => 2)', :printer), $$VALUES ('team', NULL::text, 2)$$, '11 a queued ticket has no person left');
SELECT act('una');
SELECT throws_ok(format('SELECT api.get_task(%s)', :printer), 'PT404', NULL, '11 and the person no right');
SELECT act_as_owner();
SELECT throws_ok($$INSERT INTO team_members (team_id, user_id) VALUES (1, 'una')$$, '23505', NULL, '12 nobody is twice in a team');
SELECT throws_ok($$INSERT INTO users (email) VALUES ('UNA@x.test')$$, '23505', NULL, '12 addresses differ by more than case');
SELECT throws_ok($$INSERT INTO user_invitations (email, token, role, expires_at) VALUES ('a@x.test', '1', 'user', now()), ('A@x.test', '2', 'user', now())$$, '23505', NULL, '12 an address has one open invitation');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute WHERE attname IN ('is_active', 'is_approved', 'is_internal', 'is_read', 'tags', 'task_id') AND NOT attnotnull AND attnum > 0 AND attrelid <> 'task_sources'::regclass
  AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'))$$, '13 flags, tags and tickets are never null');
CREATE FUNCTION thirty() RETURNS void LANGUAGE plpgsql AS $$
BEGIN FOR i IN 1..30 LOOP BEGIN INSERT INTO tasks (title, category, created_by) VALUES ('n' || i, 'bug', 'cid'); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$;
SELECT lives_ok('SELECT thirty()', '14 numbers need no connection of their own');
UPDATE tasks SET estimated_hours = 0, description = '' WHERE id = :printer;
UPDATE tasks SET estimated_hours = NULL, description = NULL WHERE id = :printer;
SELECT results_eq(format($$SELECT old_value, new_value FROM (SELECT * FROM task_history WHERE task_id = %s ORDER BY id DESC LIMIT 2) h ORDER BY field$$, :printer),
  $$VALUES ('', NULL), ('0.00', NULL)$$, '15 history keeps 0, empty and nothing apart') ;
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = ANY (conkey)
  WHERE contype = 'f' AND confdeltype = 'n' AND attnotnull AND connamespace = 'public'::regnamespace$$, '16 nothing that must be there is set to null');
SELECT set_eq($$SELECT conrelid::regclass::text || '.' || attname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'
    AND (conrelid, attname) IN (('departments'::regclass, 'manager_id'), ('teams'::regclass, 'manager_id'), ('notifications'::regclass, 'related_task_id'), ('knowledge_articles'::regclass, 'source_task_id'))$$,
  '{departments.manager_id,teams.manager_id,notifications.related_task_id,knowledge_articles.source_task_id}'::text[], '17 what names a row refers to it');
INSERT INTO company_settings (company_name) VALUES ('Desk') ON CONFLICT DO NOTHING;
SELECT throws_ok($$INSERT INTO company_settings (company_name) VALUES ('Other')$$, '23505', NULL, '18 a desk has one configuration');
SELECT act('ada');
SELECT token AS lower FROM api.invite_user('ada@x.test', 'customer') \gset
SELECT is((SELECT role FROM api.accept_invitation(:'lower')), 'admin', '19 nobody loses a role by signing in another way');
SELECT act_as_owner();
UPDATE users SET password_changed_at = now() WHERE id = 'una';
SELECT throws_ok($$SELECT authenticate('una', now() - interval '1 minute')$$, 'PT401', NULL, '20 a session from before a new password is none, wherever it was saved');
SELECT ok(EXISTS (SELECT FROM pg_index WHERE indrelid = 'task_sources'::regclass AND indisunique), '21 what comes in twice is known by its source and id');

-- Leaks
SELECT is_empty($$SELECT r.rolname, c.relname, a.attname FROM pg_roles r, pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE r.rolname LIKE 'ticketflow\_%' AND c.relnamespace = 'public'::regnamespace
  AND (c.relname, a.attname) IN (('users', 'password'), ('users', 'password_reset_token'), ('api_keys', 'key_hash'), ('user_invitations', 'token'), ('company_settings', 'microsoft_client_secret'),
    ('company_settings', 'aws_secret_access_key_ses'), ('company_settings', 'aws_secret_access_key_bedrock')) AND has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')$$, '22 24 no role reads hashes, tokens and secrets');
SELECT act('ada');
SELECT token AS reset FROM api.request_password_reset('cid@x.test') \gset
SELECT key AS api_key FROM api.create_api_key('robot') \gset
SELECT act_as_owner();
SELECT is((SELECT password_reset_token::text FROM users WHERE id = 'cid'), encode(sha256(:'reset'::bytea), 'hex'), '23 of a reset token the hash is kept');
SELECT throws_ok($$SELECT encrypt_company_secret('x')$$, '55000', NULL, '24 without a key no secret is stored, rather than in clear');
SELECT results_eq('SELECT DISTINCT key_hash ~ ''^[0-9a-f]{64}$'' FROM api_keys', 'VALUES (true)', '25 of a key too');
SELECT ok(:'api_key' ~ '^tfk_[A-Za-z0-9_-]{43}$' AND (SELECT count(DISTINCT new_token()) FROM generate_series(1, 200)) = 200, '25 and keys are 256 bits of chance');
SELECT act('cyd');
SELECT is((SELECT count(*) FROM history_trail) + (SELECT count(*) FROM task_attachments) + (SELECT count(*) FROM ticket_auto_responses) + (SELECT count(*) FROM api.list_tasks()), 0::bigint, '27 another''s tickets show in no feed');
SELECT act_as_owner();
INSERT INTO notifications (user_id, title, content, type) VALUES ('cid', 't', 'c', 'system') RETURNING id AS message \gset
SELECT act('cyd');
SELECT throws_ok(format('SELECT api.mark_notification_read(%s)', :message), 'PT404', NULL, '28 nobody touches another''s notification');
SELECT act_as_nobody();
SELECT is((SELECT string_agg(error_code, ' ') FROM unnest('{%@x.test,_da@x.test,a%a@x.test}'::text[]) e, api.login(e, 'long enough')), 'PT401 PT401 PT401', '29 a pattern is no address');
SELECT act('cid');
SELECT throws_ok($$SELECT api.create_task('x', category => 'nonsense')$$, '22023', 'there is no category "nonsense"', '30 an error names no constraint');
SELECT act('cyd');
SELECT throws_ok(format('SELECT api.get_task(%s)', :printer), 'PT404', format('ticket %s does not exist', :printer), '31 what is out of sight is not there');

-- Speed
SELECT act_as_owner();
SELECT is_empty($$SELECT c, f FROM (VALUES ('tasks', 'status'), ('tasks', 'assignee_id'), ('tasks', 'created_by'), ('tasks', 'assigned_team_id'), ('task_comments', 'task_id'), ('task_history', 'task_id'),
    ('task_attachments', 'task_id'), ('notifications', 'user_id'), ('team_members', 'user_id'), ('team_members', 'team_id'), ('user_invitations', 'email')) n (c, f)
  WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = c::regclass AND a.attname = f)$$, '32 what is looked up has an index');
SELECT ok((SELECT proargnames @> '{ticket_number,assignee_name,created_by_name}'::text[] OR prorettype = 'task_details'::regtype FROM pg_proc WHERE oid::regproc::text = 'api.list_tasks'), '33 a list carries names, in one statement');
SET LOCAL enable_seqscan = off;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN ' || query LOOP whole := whole || line; END LOOP; RETURN whole; END $$;
SELECT alike(plan_of($$DELETE FROM sessions s WHERE COALESCE(s.sess #>> '{passport,user}', s.sess ->> 'user_id') = 'una'$$), '%sessions_person%', '34 a person''s sessions are found by an index');
RESET enable_seqscan;
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid IN ('tasks'::regclass, 'task_attachments'::regclass) AND atttypid = 'bytea'::regtype$$, '35 files are not in the rows');

-- Time
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE atttypid = 'timestamp'::regtype AND c.relnamespace IN ('public'::regnamespace, 'api'::regnamespace, 'report'::regnamespace)$$,
  '36 every time says its zone');
SELECT act('cid');
SELECT is((WITH RECURSIVE page AS ((SELECT id, created_at, 1 AS n FROM api.list_tasks(page_size => 1)) UNION ALL
    SELECT t.id, t.created_at, p.n + 1 FROM page p, LATERAL api.list_tasks(before_created_at => p.created_at, before_id => p.id, page_size => 1) t WHERE p.n < 100)
  SELECT count(*) || ' ' || count(DISTINCT id) FROM page), (SELECT count(*) || ' ' || count(*) FROM tasks), '37 rows of one instant come once each');
SELECT act_as_owner();
INSERT INTO tasks (id, title, category, created_by, status, created_at, resolved_at, updated_at) VALUES (9000, 'old', 'bug', 'cid', 'resolved', '2026-01-01', '2026-01-02', '2026-01-02');
UPDATE tasks SET tags = '{x}' WHERE id = 9000;
SELECT is((SELECT full_resolution_seconds FROM report.tickets WHERE task_id = 9000), 86400::bigint, '38 a later change does not lengthen a solution');

-- Deploying
SAVEPOINT s;
UPDATE ticketflow_migrations SET checksum = 'other' WHERE name ~ 'desk';
SELECT throws_ok('CALL ticketflow.deploy()', '55000', NULL, '39 a schema that is not the expected one is refused');
ROLLBACK TO s;
SELECT lives_ok('CALL ticketflow.deploy()', '40 deploying again is no error');
CREATE SCHEMA half;
CREATE TABLE half.tasks (id int);
SELECT throws_ok($$CALL ticketflow.deploy('half', 'half_api', 'half_report')$$, NULL, NULL, '41 what is in the way stops a deploy');
SELECT is(to_regclass('half.users'), NULL, '41 whole');
SELECT is_empty($$SELECT objid::regclass FROM pg_depend WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND objid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')$$, '42 the desk''s tables are dumped: none belongs to an extension');

-- Figures
INSERT INTO ticket_auto_responses (task_id, response_text, confidence_score, was_helpful, created_at) VALUES (9000, 'r', 0.5, false, now());
SELECT roll_up_ai_analytics() \g /dev/null
SELECT is((SELECT metric_value::int FROM ai_analytics WHERE metric_name = 'auto_responses_helpful' AND date = (now() AT TIME ZONE 'UTC')::date), 0, '43 helpful counts those that were');
INSERT INTO tasks (id, title, category, created_by) VALUES (9001, '???', 'bug', 'cid');
SELECT is((SELECT count(*) FROM ticket_complexity_scores WHERE task_id = 9001 AND complexity_score = 50 AND factors IS NULL), 0::bigint, '44 no score is made up');
SELECT * FROM finish();
ROLLBACK;
