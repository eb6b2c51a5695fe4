-- database: engine
-- CALL ticketflow.deploy(): a desk from nothing, again, beside another, and refused.
\set ECHO none
BEGIN;
SELECT plan(12);

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

UPDATE ticketflow_migrations SET checksum = 'x' WHERE name = (SELECT min(name) FROM ticketflow_migrations);
SELECT throws_ok('CALL ticketflow.deploy()', '55000', NULL, 'a migration that differs from the applied one is refused');

SELECT * FROM finish();
ROLLBACK;
