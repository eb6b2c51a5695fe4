-- settings: branding for everybody, the rest for administrators, secrets for nobody; teams and organisations.
\set ECHO none
\set folder `d=$(mktemp -d /tmp/settings_key.XXXXXX) && chmod 755 $d && echo '  0123456789abcdef KEY ' >$d/good && echo 'another key, long enough' >$d/other && echo short >$d/short && chmod 644 $d/*; echo $d`
BEGIN;
SELECT plan(46);
CREATE FUNCTION act_as(person text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true);
  SELECT authenticate(person) $$;
CREATE FUNCTION act_as_owner() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true) $$;
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@x.test', 'admin', true), ('mia', 'mia@x.test', 'manager', true),
  ('una', 'una@x.test', 'user', true), ('cee', 'cee@x.test', 'customer', true), ('dee', 'dee@x.test', 'customer', true);

SELECT throws_ok('SELECT ticketflow.settings_key()', '55000', NULL, 'without a key file there is no key');
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.set_secret('microsoft_client_secret', 'hush')$$, '55000', NULL, 'and nothing is stored in clear instead');
SELECT act_as_owner();
SELECT set_config('ticketflow.settings_key_file', :'folder' || '/none', true) \g /dev/null
SELECT throws_ok('SELECT ticketflow.settings_key()', '55000', NULL, 'a file that is not there');
SELECT set_config('ticketflow.settings_key_file', :'folder' || '/short', true) \g /dev/null
SELECT throws_ok('SELECT ticketflow.settings_key()', '55000', NULL, 'a key that is too short');
SELECT set_config('ticketflow.settings_key_file', :'folder' || '/good', true) \g /dev/null
SELECT is(ticketflow.settings_key(), '0123456789abcdef KEY', 'a key is the file without blanks around it');

SELECT act_as('una');
SELECT throws_ok($$SELECT api.set_secret('microsoft_client_secret', 'hush')$$, '42501', NULL, 'users set no secret');
SELECT throws_ok('SELECT * FROM api.get_settings()', '42501', NULL, 'and read no settings');
SELECT act_as('ada');
SELECT lives_ok($$SELECT api.set_secret('microsoft_client_secret', 'hush')$$, 'an administrator sets one');
SELECT throws_ok($$SELECT api.set_secret('company_name', 'hush')$$, '22023', NULL, 'of three');
SELECT throws_ok($$SELECT api.set_secret(NULL, 'hush')$$, '22023', NULL, 'by its name');
SELECT results_eq('SELECT has_microsoft_client_secret, has_aws_secret_access_key_ses FROM api.get_settings()', 'VALUES (true, false)', 'and sees that it is set');
SELECT throws_ok('SELECT microsoft_client_secret FROM company_settings', '42501', NULL, 'but not what');
SELECT throws_ok($$SELECT company_secret('microsoft_client_secret')$$, '42501', NULL, 'not by the function either');
SELECT throws_ok('SELECT ticketflow.settings_key()', '42501', NULL, 'nor the key');
SELECT throws_ok('SET ticketflow.settings_key_file = ''/etc/passwd''', '42501', NULL, 'nor another file');
SELECT act_as_owner();
SELECT unalike((SELECT microsoft_client_secret FROM company_settings), '%hush%', 'the table holds no clear text');
SELECT is(company_secret('microsoft_client_secret'), 'hush', 'the desk''s own functions read it');
SELECT is(company_secret('aws_secret_access_key_ses'), NULL, 'one that is not set is null');
SELECT set_config('ticketflow.settings_key_file', :'folder' || '/other', true) \g /dev/null
SELECT throws_ok($$SELECT company_secret('microsoft_client_secret')$$, '55000', 'the secret "microsoft_client_secret" cannot be decrypted with this key', 'another key opens nothing');
SELECT act_as('ada');
SELECT lives_ok($$SELECT api.set_secret('microsoft_client_secret', '')$$, 'empty removes it');
SELECT is((SELECT has_microsoft_client_secret FROM api.get_settings()), false, 'and it is gone');

SELECT throws_ok($$SELECT api.update_settings(ticket_prefix => 'A-B')$$, '22023', NULL, 'a prefix is letters and digits');
SELECT lives_ok($$SELECT api.update_settings(company_name => 'Desk & Sons', ticket_prefix => 'HD')$$, 'settings change');
SELECT lives_ok($$SELECT api.update_settings(logo_mime_type => 'image/png')$$, 'one by one');
SELECT is((SELECT ticket_prefix FROM api.get_settings()), 'HD', 'and keep the others');
SELECT is((SELECT company_name FROM api.branding()), 'Desk & Sons', 'branding shows');
SELECT set_config('role', 'none', true) \g /dev/null
SELECT authenticate_anonymous() \g /dev/null
SELECT is((SELECT company_name FROM api.branding()), 'Desk & Sons', 'to everybody');

-- Teams
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.create_team('One', manager_id => 'una')$$, '22023', NULL, 'a team is managed by a manager');
SELECT throws_ok($$SELECT api.create_team(' ')$$, '22023', NULL, 'and has a name');
SELECT lives_ok($$SELECT api.create_team('One', manager_id => 'mia')$$, 'a team');
SELECT throws_ok($$SELECT api.create_team('One')$$, '23505', NULL, 'by that name once');
SELECT lives_ok($$SELECT api.create_team('Two')$$, 'another');
SELECT act_as('mia');
SELECT is((SELECT user_id FROM api.add_team_member((SELECT id FROM teams WHERE name = 'One'), 'una')), 'una'::varchar, 'its manager takes people in');
SELECT throws_ok($$SELECT api.add_team_member((SELECT id FROM teams WHERE name = 'One'), 'mia')$$, '42501', NULL, 'not herself');
SELECT throws_ok($$SELECT api.add_team_member((SELECT id FROM teams WHERE name = 'Two'), 'una')$$, '42501', NULL, 'not into others'' teams');
SELECT throws_ok($$SELECT api.add_team_member((SELECT id FROM teams WHERE name = 'One'), 'cee')$$, '22023', NULL, 'not customers');
SELECT is((SELECT count(*) FROM api.list_team_members((SELECT id FROM teams WHERE name = 'One'))), 1::bigint, 'the list');
SELECT lives_ok($$SELECT api.remove_team_member((SELECT id FROM teams WHERE name = 'One'), 'una')$$, 'and lets them go');
SELECT throws_ok($$SELECT api.remove_team_member((SELECT id FROM teams WHERE name = 'One'), 'una')$$, 'PT404', NULL, 'once');

-- Organisations: shared, unshared, left
SELECT act_as('ada');
SELECT lives_ok($$SELECT api.create_organization('Acme', true)$$, 'an organisation that shares');
SELECT lives_ok($$SELECT u.* FROM unnest('{cee,dee}'::text[]) p, api.update_user(p, organization_id => (SELECT id FROM organizations)) u$$, 'with two customers');
SELECT act_as('cee');
SELECT lives_ok($$SELECT api.create_task('Ours')$$, 'a ticket of one');
SELECT act_as('dee');
SELECT is((SELECT count(*) FROM api.list_tasks()), 1::bigint, 'is seen by the other');
SELECT throws_ok($$SELECT api.update_task((SELECT id FROM tasks), title => 'Mine')$$, '42501', NULL, 'but not changed');
SELECT act_as('ada');
SELECT lives_ok($$SELECT api.update_organization((SELECT id FROM organizations), is_shared => false)$$, 'unshared');
SELECT act_as('dee');
SELECT is((SELECT count(*) FROM api.list_tasks()), 0::bigint, 'it is out of sight');
SELECT act_as_owner();
SELECT * FROM finish();
ROLLBACK;
\! rm -rf /tmp/settings_key.??????
