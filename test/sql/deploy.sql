-- database: engine
-- CALL ticketflow.deploy(): a desk from nothing, again, beside another, and refused.
\set ECHO none
BEGIN;
SELECT plan(36);

SELECT lives_ok('CALL ticketflow.deploy()', 'deploys into public, api and report');
CREATE TEMP TABLE applied AS SELECT * FROM ticketflow_migrations;
SELECT lives_ok('CALL ticketflow.deploy()', 'deploying again');
SELECT set_eq('SELECT * FROM ticketflow_migrations', 'SELECT * FROM applied', 'applies no migration twice');
SELECT lives_ok($$CALL ticketflow.deploy('Acme & "Sons"', 'acme_api', 'acme_report')$$, 'a second desk whose name needs quoting');
SELECT has_table('Acme & "Sons"', 'tasks', 'has its own tickets');

SELECT throws_ok($$CALL ticketflow.deploy('pg_mine', 'a1', 'r1')$$, '42602', NULL, 'a system schema is refused');
SELECT throws_ok($$CALL ticketflow.deploy('', 'a1', 'r1')$$, '42602', NULL, 'an empty name is refused');
SELECT throws_ok($$CALL ticketflow.deploy('one', 'one', 'r1')$$, '42602', NULL, 'one schema for two parts is refused');

CREATE SCHEMA busy;
CREATE TABLE busy.tasks (a int);
SELECT throws_ok($$CALL ticketflow.deploy('busy', 'busy_api', 'busy_report')$$, '42P07', NULL, 'a foreign table of the same name is in the way');
SELECT hasnt_table('busy', 'users', 'and nothing is half done');
SELECT hasnt_schema('busy_api', 'not even a schema');

-- schemas of another desk, and what a stranger could leave there
SELECT throws_ok($$CALL ticketflow.deploy('mine', 'acme_api', 'mine_report')$$, '55006', NULL, 'a schema that another desk exposes is refused');
SELECT throws_ok($$CALL ticketflow.deploy('acme_report', 'a1', 'r1')$$, '55006', NULL, 'also for the tables');
SELECT throws_ok($$CALL ticketflow.deploy('mine', 'public', 'mine_report')$$, '55006', NULL, 'so is the desk itself');
SELECT hasnt_schema('mine', 'and nothing is made');
CREATE ROLE test_stranger;
GRANT CREATE ON SCHEMA api TO PUBLIC;
SELECT throws_ok('CALL ticketflow.deploy()', '42501', 'everybody may create objects in schema "api"', 'a schema open to everybody is refused');
REVOKE CREATE ON SCHEMA api FROM PUBLIC;
GRANT CREATE ON SCHEMA api TO test_stranger;
SELECT lives_ok('CALL ticketflow.deploy()', 'one open to a role is warned of');
ALTER FUNCTION api.me() OWNER TO test_stranger;
SELECT throws_ok('CALL ticketflow.deploy()', '42501', 'function api.me() belongs to role "test_stranger"', 'a function of a stranger is not taken over');
ALTER FUNCTION api.me() OWNER TO CURRENT_USER;
ALTER VIEW report.flow OWNER TO test_stranger;
SELECT throws_ok('CALL ticketflow.deploy()', '42501', NULL, 'nor is a view');
ALTER VIEW report.flow OWNER TO CURRENT_USER;
REVOKE CREATE ON SCHEMA api FROM test_stranger;
CREATE SCHEMA hers AUTHORIZATION test_stranger;
SELECT throws_ok($$CALL ticketflow.deploy('hers', 'hers_api', 'hers_report')$$, '42501', 'schema "hers" belongs to role "test_stranger"', 'a stranger''s schema is refused');
CREATE SCHEMA left_over;
CREATE FUNCTION left_over.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
ALTER FUNCTION left_over.lower(varchar) OWNER TO test_stranger;
SELECT throws_ok($$CALL ticketflow.deploy('left_over', 'left_api', 'left_report')$$, '42501', NULL, 'so is one with something that she left there, whatever its name');
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sprung as %'', CURRENT_USER; END';
CREATE TABLE trap.ticketflow_desk (singleton boolean PRIMARY KEY DEFAULT true, api_schema text NOT NULL, report_schema text NOT NULL, deployed_at timestamptz NOT NULL DEFAULT now());
CREATE TRIGGER spring BEFORE INSERT ON trap.ticketflow_desk FOR EACH ROW EXECUTE FUNCTION trap.spring();
ALTER TABLE trap.ticketflow_desk OWNER TO test_stranger;
SELECT throws_ok($$CALL ticketflow.deploy('trap', 'trap_api', 'trap_report')$$, '42501', NULL, 'nor is anything written to a table that she left there');
DROP FUNCTION trap.spring() CASCADE;
SELECT throws_ok($$CALL ticketflow.deploy('trap', 'trap_api', 'trap_report')$$, '42501', 'table trap.ticketflow_desk belongs to role "test_stranger"', 'and having made the mark of a desk makes nobody trusted');
ALTER SCHEMA trap OWNER TO test_stranger;
SELECT throws_ok($$CALL ticketflow.deploy('trap', 'trap_api', 'trap_report')$$, '42501', 'schema "trap" belongs to role "test_stranger"', 'not even in a schema of her own');
CREATE SCHEMA shared;
CREATE TABLE shared.payroll (id int);
ALTER TABLE shared.payroll OWNER TO test_stranger;
SELECT lives_ok($$CALL ticketflow.deploy('shared', 'shared_api', 'shared_report')$$, 'a table of a name that no desk has is no matter');
ALTER TABLE shared.users OWNER TO test_stranger;
SELECT throws_ok($$CALL ticketflow.deploy('shared', 'shared_api', 'shared_report')$$, '42501', 'table shared.users belongs to role "test_stranger"', 'a table of the desk that was given away is');
SAVEPOINT owned;
SELECT format('ALTER DATABASE %I OWNER TO test_stranger', current_database()) \gexec
SELECT throws_ok('CALL ticketflow.deploy()', '42501', 'schema "public" belongs to role "test_stranger"', 'a superuser deploys into no schema of the owner of a database');
ROLLBACK TO owned;
SELECT lives_ok('CALL ticketflow.deploy()', 'mended, it deploys');

-- what a DBA may have added in the meantime
INSERT INTO users (id, email, role, is_approved) VALUES ('dba', 'dba@x.test', 'admin', true);
ALTER TABLE tasks ADD COLUMN site text, ADD COLUMN shouted text GENERATED ALWAYS AS (upper(title)) STORED;
ALTER TABLE teams ADD COLUMN shouted text GENERATED ALWAYS AS (upper(name)) STORED;
SELECT lives_ok('CALL ticketflow.deploy()', 'generated columns on tickets and teams are no obstacle');
INSERT INTO tasks (title, category, created_by) VALUES ('one', 'incident', 'dba');
INSERT INTO teams (name, updated_at) VALUES ('night', '2001-01-01'), ('day', '2001-01-01');
UPDATE tasks SET title = title;
SELECT is((SELECT version FROM tasks), 1, 'a change of nothing still counts as none');
UPDATE tasks SET site = 'north';
SELECT is((SELECT version FROM tasks), 2, 'one of a column of hers counts');
SELECT is((SELECT shouted FROM tasks), 'ONE', 'and her generated column follows');
UPDATE teams SET name = name WHERE name = 'night';
SELECT is((SELECT updated_at FROM teams WHERE name = 'night'), '2001-01-01', 'a team that did not change keeps its stamp');
UPDATE teams SET name = 'nights' WHERE name = 'night';
SELECT is((SELECT updated_at FROM teams WHERE name = 'nights'), now(), 'one that did gets a new one');
ALTER TABLE tasks DROP COLUMN shouted;
UPDATE tasks SET site = 'south';
SELECT is((SELECT version FROM tasks), 3, 'and she may drop it again');

UPDATE ticketflow_migrations SET checksum = 'x' WHERE name = (SELECT min(name) FROM ticketflow_migrations);
SELECT throws_ok('CALL ticketflow.deploy()', '55000', NULL, 'a migration that differs from the applied one is refused');

SELECT * FROM finish();
ROLLBACK;
