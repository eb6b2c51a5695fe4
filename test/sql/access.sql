-- who acts: current_user_id() for superusers, the service, owners of desks, bound logins and everybody else.
\set ECHO none
BEGIN;
SELECT plan(29);

CREATE ROLE test_bound LOGIN IN ROLE ticketflow_manager;
CREATE ROLE test_stranger LOGIN IN ROLE ticketflow_admin;
CREATE ROLE test_service LOGIN IN ROLE ticketflow_service;
CREATE ROLE test_owner LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO test_owner', current_database()) \gexec
INSERT INTO users (id, email, role, is_approved) VALUES
  ('a', 'a@x.test', 'admin', true), ('m', 'm@x.test', 'manager', true), ('off', 'off@x.test', 'admin', true), ('new', 'new@x.test', 'admin', false);
UPDATE users SET is_active = false WHERE id = 'off';
INSERT INTO login_users VALUES ('test_bound', 'm');

SELECT is(ticketflow.current_user_id(), NULL, 'unset is nobody');
SET app.current_user_id = '';
SELECT is(ticketflow.current_user_id(), NULL, 'empty is nobody');
SET app.current_user_id = 'a';
SELECT is(ticketflow.current_user_id(), 'a', 'a superuser speaks for users');
SELECT is(ticketflow.current_user_id('public'), 'a', 'also on a named desk');
SELECT is(acting_person(), 'a', 'and acts as that person');
SET app.current_user_id = 'nobody';
SELECT is(ticketflow.current_user_id(), 'nobody', 'an unknown id is told as it is');
SELECT is(acting_person(), NULL, 'but is no person');
SET app.current_user_id = 'off';
SELECT is(acting_person(), NULL, 'an inactive person does not act');
SET app.current_user_id = 'new';
SELECT is(acting_person(), NULL, 'nor does one who is not approved');
SET app.current_user_id = 'a';

SET SESSION AUTHORIZATION test_service;
SELECT is(ticketflow.current_user_id(), 'a', 'the service speaks for users');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION test_bound;
SELECT is(ticketflow.current_user_id(), 'm', 'a bound login is its person, whatever it sets');
SELECT is(acting_role(), 'manager', 'with that person''s role');
SET ROLE ticketflow_manager;
SELECT is(ticketflow.current_user_id(), 'm', 'also after SET ROLE');
SELECT throws_ok('SET ROLE ticketflow_admin', '42501', NULL, 'and cannot take on a higher role');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION test_stranger;
SELECT is(ticketflow.current_user_id(), NULL, 'an unbound login is nobody, whatever it sets and whatever its role');
SELECT is((SELECT count(*) FROM tasks), 0::bigint, 'and sees nothing');
RESET SESSION AUTHORIZATION;

DELETE FROM login_users;
SET SESSION AUTHORIZATION test_bound;
SELECT is(ticketflow.current_user_id(), NULL, 'a binding that is gone in this transaction counts no more');
RESET SESSION AUTHORIZATION;
SAVEPOINT s;
UPDATE users SET role = 'manager' WHERE id = 'new';
INSERT INTO login_users VALUES ('test_bound', 'new');
UPDATE users SET is_approved = true WHERE id = 'new';
SET SESSION AUTHORIZATION test_bound;
SELECT is(ticketflow.current_user_id(), 'new', 'a new one counts at once');
ROLLBACK TO s;
SET SESSION AUTHORIZATION test_bound;
SELECT is(ticketflow.current_user_id(), NULL, 'and not after it was rolled back');
RESET SESSION AUTHORIZATION;

-- Two desks of different owners.
SET SESSION AUTHORIZATION test_owner;
CALL ticketflow.deploy('other', 'other_api', 'other_report');
SET app.current_user_id = 'a';
SELECT is(ticketflow.current_user_id('other'), 'a', 'the owner of a desk speaks for its users');
SELECT is(ticketflow.current_user_id('public'), NULL, 'and for nobody on another desk');
SELECT is(ticketflow.current_user_id(), NULL, 'nor where two desks leave it open which is meant');
SELECT is(other.acting_user(), 'a', 'each desk asks about itself');
SELECT is(public.acting_user(), NULL, 'so does the other');
RESET SESSION AUTHORIZATION;

-- A table that looks like a desk's gives its owner no voice where there is no argument, and hides no desk.
DROP SCHEMA other, other_api, other_report CASCADE;
CREATE ROLE test_liar LOGIN;
CREATE SCHEMA lies AUTHORIZATION test_liar;
SET SESSION AUTHORIZATION test_liar;
CREATE TABLE lies.ticketflow_desk (a int);
CREATE TABLE lies.login_users (role_name name, user_id varchar);
INSERT INTO lies.login_users VALUES ('test_liar', 'a');
SELECT is(ticketflow.current_user_id(), NULL, 'who makes a table like a desk''s speaks for nobody');
SELECT is(ticketflow.current_user_id('public'), NULL, 'least of all on the desk');
RESET SESSION AUTHORIZATION;
SELECT bind_login('test_bound', 'm') \g /dev/null
SET SESSION AUTHORIZATION test_bound;
SELECT is(ticketflow.current_user_id(), 'm', 'and the only desk stays the only one');
RESET SESSION AUTHORIZATION;

-- Deploying again leaves the policies alone: making one anew would take the strongest lock on its table.
CREATE TEMP TABLE policies AS SELECT oid FROM pg_policy;
CALL ticketflow.deploy();
SELECT set_eq('SELECT oid FROM pg_policy', 'SELECT oid FROM policies', 'a second deploy touches no policy');
SELECT throws_ok('SELECT ticketflow.current_user_id(''no_such_schema'')', '3F000', NULL, 'a schema that is not there is an error');

SELECT * FROM finish();
ROLLBACK;
