-- what a hostile caller of the functions tries: other people's files, keys that breed, addresses that run, times that tell, counts of what is hidden.
\set ECHO none
BEGIN;
SELECT plan(61);
INSERT INTO users (id, email, role, is_approved, first_name) VALUES ('ada', 'ada@x.test', 'admin', true, 'Ada'), ('abe', 'abe@x.test', 'admin', true, 'Abe'),
  ('una', 'una@x.test', 'user', true, 'Una'), ('cid', 'cid@x.test', 'customer', true, 'Cid'), ('cyd', 'cyd@x.test', 'customer', true, 'Cyd');
UPDATE users SET password = hash_password('long enough') WHERE id IN ('cid', 'ada');
CREATE FUNCTION act(who text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true); SELECT authenticate(who) $$;
CREATE FUNCTION act_as_owner() RETURNS void LANGUAGE sql AS $$ SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true) $$;
SELECT act('cid');
SELECT id AS mine FROM api.create_task('Mine') \gset
SELECT act('cyd');
SELECT id AS hers FROM api.create_task('Hers', 'a description that is long enough to be scored by its words and steps') \gset

-- Files
SELECT results_eq(format($$SELECT filename::text <> '' AND file_path = 'tasks/%s/' || filename, uploaded_by::text FROM api.add_attachment(%s, original_name => 'a.pdf', mime_type => 'application/pdf', file_size => 3)$$, :hers, :hers),
  $$VALUES (true, 'cyd')$$, 'the desk says where a file goes');
SELECT lives_ok(format($$SELECT api.add_attachment(%s, 'f.pdf', 'f.pdf', 'application/pdf', 3, 'store/cyd/f.pdf')$$, :hers), 'or takes a path');
SELECT act('cid');
SELECT throws_ok(format($$SELECT api.add_attachment(%s, 'f.pdf', 'f.pdf', 'application/pdf', 3, 'store/cyd/f.pdf')$$, :mine), '23505', NULL, 'that nobody else can claim');
SELECT throws_ok(format($$SELECT api.add_attachment(%s, %L, 'f', 'a/b', 3)$$, :mine, name), '22023', NULL, format('a file is not named %L', name)) FROM unnest(ARRAY['../f', 'a/b', '..', '.', E'a\nb', 'a\b', '']) name;
SELECT throws_ok(format($$SELECT api.add_attachment(%s, 'f', 'f', 'a/b', 3, %L)$$, :mine, path), '22023', NULL, format('nor at %L', path))
  FROM unnest(ARRAY['../../etc/passwd', '/etc/passwd', 'a/../b', 'file:///etc/passwd', E'a\nb', 'a\b', ' ', './a']) path;
SELECT throws_ok(format($$SELECT api.add_attachment(%s, original_name => 'f', mime_type => 'a/b')$$, :mine), '22023', NULL, 'it has a size');

-- Pictures
SELECT throws_ok(format('SELECT api.update_me(profile_image_url => %L)', url), '22023', NULL, format('no picture is at %s', url))
  FROM unnest(ARRAY['javascript:alert(1)', 'JavaScript:alert(1)', ' https://x.test/a', 'data:text/html,x', '//evil.test/a', 'ftp://x.test/a', 'https://x.test/"onload=', 'x.png', '/\evil.test']) url;
SELECT lives_ok(format('SELECT api.update_me(profile_image_url => %L)', url), format('one may be at %s', url)) FROM unnest(ARRAY['https://x.test/a.png?b=c', '/pictures/a.png']) url;
SELECT throws_ok($$SELECT api.create_task('x', repeat('x', 1000001))$$, '22023', NULL, 'a description has an end');

-- Whom customers see and burden
SELECT set_eq('SELECT id FROM api.assignable_users()', '{una}'::text[], 'a customer is shown no administrators');
SELECT throws_ok($$SELECT api.create_task('x', assignee_id => 'ada')$$, '22023', NULL, 'and assigns them nothing');
SELECT act('una');
SELECT set_eq('SELECT id FROM api.assignable_users()', '{una,ada,abe}'::text[], 'the staff is');

-- Internal comments do not count
SELECT act('ada');
SELECT api.assign_task(:hers, 'una') \g /dev/null
SELECT act('cyd');
CREATE TEMP TABLE score AS SELECT complexity_score, factors FROM ticket_complexity_scores WHERE task_id = :hers;
SELECT act('una');
SELECT api.add_comment(:hers, 'internal ' || i, true) FROM generate_series(1, 8) i \g /dev/null
SELECT act('cyd');
SELECT set_eq(format('SELECT complexity_score, factors FROM ticket_complexity_scores WHERE task_id = %s', :hers), 'TABLE pg_temp.score', 'internal comments change no score that a customer reads');

-- Articles
SELECT act_as_owner();
INSERT INTO knowledge_articles (title, content, status, updated_at) VALUES ('How', 'so', 'published', '2026-01-01') RETURNING id AS article \gset
SELECT act('cid');
SELECT api.view_article(:article), api.vote_article(:article, true) \g /dev/null
SELECT act_as_owner();
SELECT results_eq(format('SELECT view_count, helpful_votes, updated_at FROM knowledge_articles WHERE id = %s', :article), $$VALUES (1, 1, '2026-01-01'::timestamptz)$$, 'reading and voting do not make an article newer');
UPDATE knowledge_articles SET content = 'otherwise' WHERE id = :article;
SELECT is((SELECT updated_at FROM knowledge_articles WHERE id = :article), now(), 'rewriting does');

-- Keys
SELECT act('ada');
SELECT key AS key FROM api.create_api_key('robot') \gset
SELECT act_as_owner();
SELECT authenticate_api_key(:'key') \g /dev/null
SELECT lives_ok('SELECT * FROM api.list_tasks()', 'a key works on tickets');
SELECT throws_ok($$SELECT api.create_api_key('child', expires_at => NULL)$$, '42501', NULL, 'it makes no key');
SELECT throws_ok($$SELECT api.change_password('long enough', 'another one')$$, '42501', NULL, 'no password');
SELECT throws_ok($$SELECT api.invite_user('x@x.test', 'admin')$$, '42501', NULL, 'no colleague');
SELECT throws_ok($$SELECT api.update_user('una', 'admin')$$, '42501', NULL, 'no administrator');
SELECT is((SELECT token FROM api.request_password_reset('una@x.test')), NULL, 'and gets no reset token');
SELECT act_as_owner();
SELECT act('ada');
SELECT lives_ok($$SELECT api.create_api_key('by hand')$$, 'who signed in does');

-- A lock is answered alike, and writes nothing
SELECT act_as_owner();
SELECT l.error_code FROM generate_series(1, 5) i, unnest('{cid@x.test,ghost@x.test}'::text[]) email, api.login(email, 'wrong' || i) l \g /dev/null
SAVEPOINT reading;
SET LOCAL transaction_read_only = on;
SELECT is((SELECT error_code FROM api.login('cid@x.test', 'wrong')), 'PT423', 'locked, with an account');
SELECT is((SELECT error_code FROM api.login('ghost@x.test', 'wrong')), 'PT423', 'and without');
ROLLBACK TO reading;
UPDATE users SET failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL;
CREATE TEMP TABLE log AS SELECT count(*) AS n FROM audit_log WHERE table_name = 'users';
SELECT api.login('cid@x.test', 'wrong'), api.login('cid@x.test', 'long enough') \g /dev/null
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 'users'), (SELECT n FROM log), 'signing in is no change of a person');
-- A login of a person compares no passwords: it could roll the attempt back
CREATE ROLE test_login LOGIN;
SELECT bind_login('test_login', 'cid') \g /dev/null
SET SESSION AUTHORIZATION test_login;
SELECT throws_ok($$SELECT api.login('ada@x.test', 'long enough')$$, '42501', NULL, 'a database login guesses no passwords');
SELECT throws_ok($$SELECT api.change_password('long enough', 'another one')$$, '42501', NULL, 'not even her own');
RESET SESSION AUTHORIZATION;

-- Nulls, raw errors, what ends
SELECT act('una');
SELECT throws_ok($$SELECT api.create_article('t', NULL)$$, '22023', NULL, 'an article says something');
SELECT throws_ok($$SELECT api.create_article('t', 'c', source => 'x')$$, '22023', NULL, 'and where it is from');
SELECT throws_ok($$SELECT api.create_article('t', 'c', repeat('x', 101))$$, '22023', NULL, 'in a short word');
SELECT cmp_ok((SELECT count(*) FROM api.list_users(after_id => NULL, page_size => NULL)), '>', 3::bigint, 'null is left out');
SELECT cmp_ok((SELECT count(*) FROM api.list_tasks(page_size => NULL)), '>', 0::bigint, 'everywhere');
SELECT act('cid');
SELECT key AS cids FROM api.create_api_key('robot') \gset
SELECT act('ada');
SELECT api.deactivate_user('cid') \g /dev/null
SELECT api.activate_user('cid') \g /dev/null
SELECT act_as_owner();
SELECT throws_ok($$UPDATE tasks SET actual_hours = 'NaN'$$, '23514', NULL, 'hours are a number');
SELECT throws_ok(format('SELECT authenticate_api_key(%L)', :'cids'), 'PT401', NULL, 'a key ends with its person');
SELECT throws_ok($$SELECT authenticate('cid', now() - interval '1 minute')$$, 'PT401', NULL, 'a token too');
INSERT INTO login_attempts VALUES ('x', 1, NULL, now() - interval '2 days');
INSERT INTO password_reset_requests (email, requested_at) VALUES ('ada@x.test', now() - interval '2 hours'), ('old@x.test', now() - interval '2 days');
SELECT is((SELECT count(*) FROM take_password_resets(1)), 0::bigint, 'a request of yesterday makes no token');
SELECT act('ada');
SELECT api.update_settings(time_zone => 'Europe/Oslo') \g /dev/null
SELECT is((SELECT time_zone FROM api.get_settings()), 'Europe/Oslo', 'the zone of reports is a setting');
SELECT act('una');
SELECT api.record_auto_response(:hers, 'Try it', 0.5) \g /dev/null
SELECT is((SELECT response_text FROM api.get_auto_response(:hers)), 'Try it', 'the staff reads what is proposed');
SELECT act('cyd');
SELECT is((SELECT count(*) FROM api.get_auto_response(:hers)), 0::bigint, 'customers what was sent');
SELECT * FROM finish();
ROLLBACK;
