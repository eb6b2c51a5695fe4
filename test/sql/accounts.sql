-- accounts: registering, signing in and out, lockout, reset, invitations, keys, administrators.
\set ECHO none
BEGIN;
SET LOCAL track_functions = 'all';
SELECT plan(82);

CREATE FUNCTION act_as(person text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true);
  SELECT authenticate(person) $$;
CREATE FUNCTION act_as_nobody() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true); SELECT authenticate_anonymous() $$;
CREATE FUNCTION act_as_owner() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true) $$;
INSERT INTO users (id, email, role, is_approved, first_name) VALUES
  ('ada', 'ada@desk.test', 'admin', true, 'Ada'), ('una', 'una@desk.test', 'user', true, 'Una'), ('sso', 'sso@desk.test', 'user', true, NULL);

-- Registering
SELECT act_as_nobody();
CREATE TEMP TABLE made AS SELECT * FROM api.register('Cee@Desk.test', 'long enough', 'Cee', 'Customer');
GRANT SELECT ON made TO PUBLIC;
SELECT results_eq('SELECT role, is_approved FROM made', $$VALUES ('customer'::text, false)$$, 'a new account is a customer who waits for approval');
SELECT throws_ok($$SELECT api.register('cee@desk.test', 'long enough')$$, '23505', NULL, 'an address registers once, whatever its case');
SELECT throws_ok($$SELECT api.register('sso@desk.test', 'long enough')$$, '23505', NULL, 'and never puts a password on another''s account');
SELECT throws_ok($$SELECT api.register('x@desk.test', 'short')$$, '22023', NULL, 'seven characters are too short');
SELECT throws_ok($$SELECT api.register('x@desk.test', repeat('x', 73))$$, '22023', NULL, 'what bcrypt would cut is refused');
SELECT throws_ok($$SELECT api.register('no address', 'long enough')$$, '22023', NULL, 'an address looks like one');
SELECT throws_ok($$SELECT api.register(NULL, 'long enough')$$, '22023', NULL, 'and is there');
SELECT throws_ok($$SELECT * FROM users$$, '42501', NULL, 'who has not signed in reads no table');
SELECT throws_ok($$SELECT * FROM api.me()$$, '42501', NULL, 'nor calls a function for people');
SELECT results_eq($$SELECT user_id, error_code FROM api.login('cee@desk.test', 'long enough')$$, $$VALUES (NULL::text, 'PT401'::text)$$,
  'an unapproved account does not sign in');
SELECT act_as_owner();
SELECT matches((SELECT password FROM users WHERE email = 'Cee@Desk.test'), '^\$2a\$10\$.{53}$', 'passwords are bcrypt hashes');

-- Approval
SELECT act_as('una');
SELECT throws_ok($$SELECT api.approve_user('una')$$, '42501', NULL, 'a user approves nobody');
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.approve_user('nobody')$$, 'PT404', NULL, 'nobody is not found');
SELECT results_eq('SELECT a.email::text, a.is_approved FROM made, api.approve_user(made.id) a', $$VALUES ('Cee@Desk.test', true)$$, 'an administrator approves');
SELECT act_as_nobody();
SELECT results_eq($$SELECT role, database_role, first_name, error_code FROM api.login('CEE@desk.test', 'long enough')$$,
  $$VALUES ('customer'::text, 'ticketflow_customer'::text, 'Cee'::text, NULL::text)$$, 'then the account signs in');
SELECT is((SELECT error_code FROM api.login('sso@desk.test', '')), 'PT401', 'an account without password does not');
SELECT is((SELECT error_code FROM api.login('nobody@desk.test', 'x')), 'PT401', 'nor one that is not there, with the same answer');
SELECT is(current_setting('response.status'), '401', 'and the status that the service sends');
SELECT is((SELECT error_code FROM api.login('%@desk.test', 'long enough')), 'PT401', 'a pattern is no address');
SELECT is((SELECT error_code FROM api.login(NULL, NULL)), 'PT401', 'nor is nothing');

-- The same work for every address: one comparison, whoever it is for.
SELECT act_as_owner();
INSERT INTO users (id, email, role, is_active, is_approved, password) VALUES ('off', 'off@desk.test', 'user', false, true, hash_password('long enough')), ('old', 'old@desk.test', 'user', true, true, 'scrypt:of:another:system');
CREATE FUNCTION comparisons(email text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before bigint := COALESCE((SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'crypt'), 0);
BEGIN
  PERFORM api.login(email, 'wrong');
  RETURN (SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'crypt') - before;
END $$;
SELECT results_eq($$SELECT comparisons(address) FROM unnest('{ada@desk.test,cee@desk.test,sso@desk.test,off@desk.test,old@desk.test,phantom@desk.test}'::text[]) address$$,
  'VALUES (1::bigint), (1), (1), (1), (1), (1)', 'with or without an account, a password or a right to enter, one hash is computed');
UPDATE users SET failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL;
SELECT act_as_nobody();

-- Lockout, the same for an address without an account
SELECT is((SELECT string_agg(l.error_code, ' ' ORDER BY i) FROM generate_series(1, 6) i, api.login('cee@desk.test', 'wrong' || i) l),
  'PT401 PT401 PT401 PT401 PT401 PT423', 'the sixth attempt is refused');
SELECT is((SELECT error_code FROM api.login('cee@desk.test', 'long enough')), 'PT423', 'even with the right password');
SELECT is((SELECT string_agg(l.error_code, ' ' ORDER BY i) FROM generate_series(1, 6) i, api.login('ghost@desk.test', 'wrong' || i) l),
  'PT401 PT401 PT401 PT401 PT401 PT423', 'an address without an account locks as well');
SELECT act_as_owner();
SELECT cmp_ok((SELECT locked_until - now() FROM users WHERE id = (SELECT id FROM made)), '>', interval '14 minutes 50 seconds', 'the lock holds 15 minutes');
UPDATE users SET locked_until = now() - interval '1 second' WHERE id = (SELECT id FROM made);
SELECT act_as_nobody();
SELECT is((SELECT string_agg(l.error_code, ' ' ORDER BY i) FROM generate_series(1, 6) i, api.login('cee@desk.test', 'wrong' || i) l),
  'PT401 PT401 PT401 PT401 PT401 PT423', 'after the lock there are five attempts again');
SELECT act_as_owner();
UPDATE users SET locked_until = NULL, failed_login_attempts = 4, last_failed_login_at = clock_timestamp() WHERE id = (SELECT id FROM made);
SELECT is((SELECT error_code FROM api.login('cee@desk.test', 'long enough')), NULL, 'the fifth attempt may be right');
SELECT is((SELECT failed_login_attempts FROM users WHERE id = (SELECT id FROM made)), 0, 'and clears the count');
UPDATE users SET failed_login_attempts = 4, last_failed_login_at = clock_timestamp() - interval '15 minutes' WHERE id = (SELECT id FROM made);
SELECT is((SELECT error_code FROM api.login('cee@desk.test', 'wrong')), 'PT401', 'after a quiet quarter of an hour');
SELECT is((SELECT failed_login_attempts FROM users WHERE id = (SELECT id FROM made)), 1, 'the count restarts');
CREATE TEMP TABLE before AS SELECT updated_at FROM users WHERE id = (SELECT id FROM made);
SELECT is((SELECT updated_at FROM users WHERE id = (SELECT id FROM made)), (SELECT updated_at FROM before), 'attempts do not change the person');

-- Who am I, and changing the password
SELECT act_as((SELECT id FROM made));
SELECT results_eq('SELECT email, role FROM api.me()', $$VALUES ('Cee@Desk.test'::text, 'customer'::text)$$, 'me');
SELECT lives_ok($$SELECT api.update_me(first_name => 'Cecily')$$, 'people change their name');
SELECT is((SELECT first_name FROM api.me()), 'Cecily', 'and it shows');
SELECT is((SELECT error_code FROM api.change_password('wrong', 'longer than before')), 'PT401', 'the current password is asked');
SELECT throws_ok($$SELECT api.change_password('long enough', 'short')$$, '22023', NULL, 'the new one has its rules');
SELECT act_as_owner();
INSERT INTO sessions SELECT 's1', jsonb_build_object('passport', jsonb_build_object('user', id)), now() + interval '1 day' FROM made;
INSERT INTO sessions VALUES ('s2', '{"passport": {"user": "una"}}', now() + interval '1 day');
SELECT act_as((SELECT id FROM made));
SELECT is((SELECT changed FROM api.change_password('long enough', 'longer than before')), true, 'the password changes');
SELECT act_as_owner();
SELECT set_eq('SELECT sid FROM sessions', ARRAY['s2'], 'which ends the sessions of that person');
SELECT throws_ok($$SELECT authenticate((SELECT id FROM made), now() - interval '1 hour')$$, 'PT401', NULL, 'and tokens issued before');
SELECT lives_ok($$SELECT act_as((SELECT id FROM made))$$, 'not later ones');
SELECT act_as('sso');
SELECT throws_ok($$SELECT api.change_password('', 'long enough')$$, 'PT409', NULL, 'who has no password here changes none');

-- Reset
SELECT act_as_nobody();
SELECT results_eq($$SELECT token FROM api.request_password_reset('cee@desk.test')$$, $$VALUES (NULL::text)$$, 'an anonymous caller gets no token');
SELECT results_eq($$SELECT token FROM api.request_password_reset('ghost@desk.test')$$, $$VALUES (NULL::text)$$, 'and the same answer for an unknown address');
SELECT act_as_owner();
CREATE TEMP TABLE mail AS SELECT * FROM take_password_resets();
GRANT SELECT ON mail TO PUBLIC;
SELECT results_eq('SELECT email FROM mail', $$VALUES ('Cee@Desk.test'::text)$$, 'what sends mail gets the known one');
SELECT is((SELECT count(*) FROM take_password_resets()), 0::bigint, 'once');
SELECT is((SELECT password_reset_token::text FROM users WHERE id = (SELECT id FROM made)),
  (SELECT encode(sha256(token::bytea), 'hex') FROM mail), 'only the hash of the token is stored');
SELECT act_as_nobody();
SELECT throws_ok($$SELECT api.reset_password('wrong', 'brand new one')$$, 'PT400', NULL, 'another token resets nothing');
SELECT throws_ok($$SELECT api.reset_password((SELECT password_reset_token FROM users LIMIT 1), 'brand new one')$$, '42501', NULL, 'nor can its hash be read');
SELECT lives_ok($$SELECT api.reset_password((SELECT token FROM mail), 'brand new one')$$, 'the token sets a password');
SELECT throws_ok($$SELECT api.reset_password((SELECT token FROM mail), 'brand new two')$$, 'PT400', NULL, 'once');
SELECT is((SELECT error_code FROM api.login('cee@desk.test', 'brand new one')), NULL, 'which signs in');
SELECT act_as('ada');
SELECT isnt((SELECT token FROM api.request_password_reset('cee@desk.test')), NULL, 'an administrator gets the token at once');
SELECT act_as_owner();
UPDATE users SET password_reset_token = hash_token('old'), password_reset_expires = now() WHERE id = (SELECT id FROM made);
SELECT throws_ok($$SELECT api.reset_password('old', 'brand new two')$$, 'PT400', NULL, 'an expired token resets nothing');
SELECT is((SELECT token FROM api.request_password_reset('sso@desk.test')), NULL, 'who has no password here gets no token');

-- Invitations
SELECT act_as('una');
SELECT throws_ok($$SELECT api.invite_user('new@desk.test')$$, '42501', NULL, 'users invite nobody');
SELECT act_as('ada');
CREATE TEMP TABLE invited AS SELECT * FROM api.invite_user('new@desk.test', 'manager');
GRANT SELECT ON invited TO PUBLIC;
SELECT matches((SELECT token FROM invited), '^[A-Za-z0-9_-]{43}$', 'the token is 43 characters that a URL can hold');
SELECT throws_ok($$SELECT api.invite_user('NEW@desk.test')$$, '23505', NULL, 'one open invitation an address');
SELECT throws_ok($$SELECT api.invite_user('b@desk.test', 'emperor')$$, '22023', NULL, 'into a role that is');
SELECT throws_ok($$SELECT api.invite_user('b@desk.test', expires_at => now() + interval '31 days')$$, '22023', NULL, 'for 30 days at most');
SELECT throws_ok($$SELECT api.invite_user('b@desk.test', expires_at => now())$$, '22023', NULL, 'and not for the past');
SELECT throws_ok($$SELECT token FROM user_invitations$$, '42501', NULL, 'nobody reads the hash, not even an administrator');
SELECT act_as('una');
SELECT throws_ok($$SELECT api.accept_invitation((SELECT token FROM invited))$$, '42501', NULL, 'an invitation is for its address');
SELECT act_as_nobody();
SELECT results_eq($$SELECT role FROM api.accept_invitation((SELECT token FROM invited), 'long enough', 'New')$$, $$VALUES ('manager'::text)$$,
  'who accepts has the invited role');
SELECT is((SELECT error_code FROM api.login('new@desk.test', 'long enough')), NULL, 'and signs in at once');
SELECT throws_ok($$SELECT api.accept_invitation((SELECT token FROM invited), 'long enough')$$, 'PT400', NULL, 'an invitation is accepted once');
SELECT act_as('ada');
CREATE TEMP TABLE more AS SELECT 1 AS n, * FROM api.invite_user('una@desk.test', 'manager') UNION ALL SELECT 2, * FROM api.invite_user('c@desk.test')
  UNION ALL SELECT 3, * FROM api.invite_user('d@desk.test');
GRANT SELECT ON more TO PUBLIC;
SELECT lives_ok($$SELECT api.cancel_invitation((SELECT id FROM more WHERE n = 2))$$, 'an invitation is cancelled');
SELECT throws_ok($$SELECT api.cancel_invitation((SELECT id FROM more WHERE n = 2))$$, 'PT404', NULL, 'once');
SELECT act_as_owner();
UPDATE user_invitations SET expires_at = now() WHERE email = 'd@desk.test';
SELECT act_as('ada');
SELECT set_eq('SELECT email, state FROM api.list_invitations()', $$VALUES ('new@desk.test', 'accepted'), ('una@desk.test', 'pending'),
  ('c@desk.test', 'cancelled'), ('d@desk.test', 'expired')$$, 'the clock judges what is expired');
SELECT act_as_nobody();
SELECT throws_ok($$SELECT api.accept_invitation((SELECT token FROM more WHERE n = 2), 'long enough')$$, 'PT400', NULL, 'a cancelled one is worthless');
SELECT throws_ok($$SELECT api.accept_invitation((SELECT token FROM more WHERE n = 3), 'long enough')$$, 'PT400', NULL, 'so is an expired one');
SELECT act_as('una');
SELECT is((SELECT role FROM api.accept_invitation((SELECT token FROM more WHERE n = 1))), 'manager', 'who has an account takes the higher role');

-- Keys
SELECT act_as('una');
CREATE TEMP TABLE keys AS SELECT * FROM api.create_api_key('robot');
GRANT SELECT ON keys TO PUBLIC;
SELECT matches((SELECT key FROM keys), '^tfk_[A-Za-z0-9_-]{43}$', 'a key is shown when it is made');
SELECT throws_ok('SELECT key_hash FROM api_keys', '42501', NULL, 'and its hash never');
SELECT act_as_owner();
SELECT is((SELECT key_hash::text FROM api_keys), (SELECT encode(sha256(key::bytea), 'hex') FROM keys), 'the hash is SHA-256');
SELECT is((SELECT id FROM authenticate_api_key((SELECT key FROM keys))), 'una', 'the key acts in the name of who made it');
SELECT act_as((SELECT id FROM made));
SELECT throws_ok('SELECT api.revoke_api_key((SELECT id FROM keys))', 'PT404', NULL, 'another''s key is not there');
SELECT act_as('una');
SELECT lives_ok('SELECT api.revoke_api_key((SELECT id FROM keys))', 'one''s own is revoked');
SELECT act_as_owner();
SELECT throws_ok('SELECT authenticate_api_key((SELECT key FROM keys))', 'PT401', NULL, 'and signs nobody in any more');

-- Administrators
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.deactivate_user('ada')$$, 'PT409', NULL, 'nobody deactivates herself');
SELECT lives_ok($$SELECT api.deactivate_user('una')$$, 'others');
SELECT act_as_owner();
SELECT throws_ok($$SELECT authenticate('una')$$, 'PT401', NULL, 'who are out at once');
SELECT throws_ok($$UPDATE users SET is_active = false WHERE role = 'admin'$$, 'PT409', NULL, 'the last administrator stays, whoever asks');

SELECT * FROM finish();
ROLLBACK;
