-- database: engine
-- Which schemas are desks: a stranger's tables that only look like one change nothing for anybody else.
\set ECHO none
BEGIN;
SET search_path = public, ticketflow;
SELECT plan(13);

CREATE ROLE test_liar;
CREATE SCHEMA lies AUTHORIZATION test_liar;
CREATE SCHEMA plain;
CREATE TABLE plain.payroll (id int PRIMARY KEY, salary int);
SET ROLE test_liar;
CREATE TABLE lies.ticketflow_desk ();
CREATE TABLE lies.ticket_series (prefix text, mask text, reset text, time_zone text, start_number bigint, mode text, permute_key bigint, is_default boolean);
CREATE TABLE lies.ticket_series_scopes (scope text, value text, prefix text, code text);
CREATE TABLE lies.ticket_counters (last_number bigint NOT NULL, prefix varchar(10) COLLATE "C" NOT NULL, period text COLLATE "C" NOT NULL, PRIMARY KEY (prefix, period));
CREATE TABLE lies.audit_log (id bigserial, table_name text, operation text, user_id text, old_values jsonb, new_values jsonb, created_at timestamptz,
  transaction_id bigint, context bigint, record bigint, moved_to bigint, record_key jsonb, request_id text, cause text, row_digest bytea);
CREATE TABLE lies.complexity_models ();
GRANT USAGE ON SCHEMA lies TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA lies TO PUBLIC;
RESET ROLE;

SELECT is(desks(), '{}', 'a table called ticketflow_desk makes no desk of a stranger''s schema');
SELECT matches(next_ticket_number('ACME'), '^ACME-\d{4}-0001$', 'numbers are drawn');
SELECT is((SELECT count(*) FROM lies.ticket_counters), 0::bigint, 'not from the stranger''s table');
SELECT is((SELECT count(*) FROM ticketflow.ticket_counters WHERE prefix = 'ACME'), 1::bigint, 'but from the extension''s');
SELECT throws_ok($$SELECT audit_enable('plain.payroll')$$, '55000', 'there is no audit_log', 'no change is recorded in the stranger''s log');
SELECT throws_ok($$SELECT complexity_desk()$$, '55000', NULL, 'no model is kept there');

-- Whoever may create schemas can make a desk, the first one even. That alone shows nothing of what others do.
SELECT format('GRANT CREATE ON DATABASE %I TO test_liar', current_database()) \gexec
SELECT throws_ok($$SELECT audit_enable('plain.payroll')$$, '55000', 'the log "lies.audit_log" belongs to role "test_liar", who has no rights of the owner of table "plain.payroll"',
  'a table is not recorded unasked for who may not read it');
CREATE TRIGGER by_hand AFTER INSERT ON plain.payroll FOR EACH ROW EXECUTE FUNCTION audit_trigger('{}');
SELECT throws_ok('INSERT INTO plain.payroll VALUES (1, 99999)', '55000', NULL, 'nor by a trigger that names no log');
DROP TRIGGER by_hand ON plain.payroll;
SELECT lives_ok($$SELECT audit_enable('plain.payroll', log => 'lies.audit_log'), audit_disable('plain.payroll')$$, 'only where the log is named');
SELECT format('REVOKE CREATE ON DATABASE %I FROM test_liar', current_database()) \gexec

CREATE TEMP TABLE ticketflow_desk ();
SELECT is(desks(), '{}', 'nor is the schema of temporary tables a desk');

CALL ticketflow.deploy('acme', 'acme_api', 'acme_report');
SELECT is(desks(), ARRAY['acme'::regnamespace], 'a deployed desk is one, the only one');
SELECT matches(next_ticket_number('ACME2'), '^ACME2-\d{4}-0001$', 'its series count, without its schema on the path');
SELECT lives_ok($$SELECT audit_enable('plain.payroll')$$, 'its log takes the changes of other tables');

SELECT * FROM finish();
ROLLBACK;
