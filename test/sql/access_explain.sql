-- What plans and PostgreSQL's statistics tell a login from which row security hides tickets: nothing.
\set ECHO none
SET client_min_messages = warning;
SELECT plan(55);
SELECT 'explain_cid_' || pg_backend_pid() AS cid, 'explain_report_' || pg_backend_pid() AS reader, 'explain_watch_' || pg_backend_pid() AS watch,
  'explain_desk_' || pg_backend_pid() AS desk, 'explain_sham_' || pg_backend_pid() AS sham, current_database() AS database \gset
CREATE ROLE :cid LOGIN;
CREATE ROLE :reader LOGIN IN ROLE ticketflow_report;
CREATE ROLE :watch LOGIN IN ROLE pg_monitor;
INSERT INTO users (id, email, role, is_approved) VALUES ('cid', 'cid@x.test', 'customer', true), ('eve', 'eve@x.test', 'customer', true), ('ada', 'ada@x.test', 'admin', true);
SELECT bind_login(:'cid', 'cid') \g /dev/null
INSERT INTO tasks (title, category, created_by) SELECT 'a ticket', 'bug', CASE WHEN i % 10 = 0 THEN 'cid' ELSE 'eve' END FROM generate_series(1, 200) i;
INSERT INTO task_comments (task_id, user_id, content, is_internal) SELECT 10, 'ada', 'inside', true FROM generate_series(1, 30);
CREATE TABLE plain (a int);
INSERT INTO plain SELECT generate_series(1, 50);
GRANT SELECT ON plain TO PUBLIC;
CREATE FUNCTION plan_of(query text, options text DEFAULT 'ANALYZE') RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := '';
BEGIN FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP whole := whole || line || E'\n'; END LOOP; RETURN whole; END $$;
CREATE FUNCTION owners_plan() RETURNS text LANGUAGE sql SECURITY DEFINER RETURN plan_of('SELECT FROM tasks');
ANALYZE;

-- The first statement of a session: the library is not loaded yet.
\setenv TEST_LOGIN :cid
\setenv TEST_DATABASE :database
\set explained `psql -XqAt -U "$TEST_LOGIN" -d "$TEST_DATABASE" -v VERBOSITY=sqlstate -c "EXPLAIN ANALYZE SELECT 1 FROM tasks WHERE created_by = 'eve'" 2>&1`
\set estimated `psql -XqAt -U "$TEST_LOGIN" -d "$TEST_DATABASE" -v VERBOSITY=sqlstate -c "EXPLAIN SELECT 1 FROM tasks WHERE created_by = 'eve'" 2>&1`
\set printed `PGOPTIONS='-c debug_print_plan=on -c client_min_messages=log' psql -XqAt -U "$TEST_LOGIN" -d "$TEST_DATABASE" -v VERBOSITY=sqlstate -c "SELECT count(*) FROM tasks WHERE created_by = 'eve'" 2>&1`
SELECT is(:'explained'::text, 'ERROR:  42501', 'EXPLAIN ANALYZE is refused to the first statement of a session');
SELECT is(:'estimated'::text, 'ERROR:  42501', 'so is EXPLAIN');
SELECT is(:'printed'::text, '0', 'debug_print_plan prints no plan there');

SET SESSION AUTHORIZATION :cid;
SELECT is((SELECT count(*) FROM tasks), 20::bigint, 'she sees her tickets');
SELECT throws_ok(format('SELECT plan_of(%L, %L)', q, o), '42501', NULL, format('no plan (%s) of %s', o, q)) FROM
  (VALUES ('SELECT FROM tasks WHERE created_by = ''eve'''), ('SELECT count(*) FROM task_comments WHERE task_id = 10'), ('SELECT FROM (SELECT id FROM tasks LIMIT 5) t'),
          ('SELECT FROM plain WHERE a IN (SELECT id FROM tasks)'), ('WITH t AS MATERIALIZED (SELECT * FROM tasks) SELECT FROM t'), ('SELECT FROM history_trail'), ('SELECT FROM users')) queries (q),
  (VALUES ('ANALYZE'), ('COSTS'), ('ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF, SUMMARY OFF')) options (o);
PREPARE mine AS SELECT FROM tasks WHERE created_by = 'eve';
SELECT throws_ok('EXPLAIN ANALYZE EXECUTE mine', '42501', NULL, 'nor of a prepared statement');
SELECT throws_ok('EXPLAIN ANALYZE CREATE TEMP TABLE stolen AS SELECT FROM tasks', '42501', NULL, 'nor of what goes into a table');
SELECT throws_ok('EXPLAIN DECLARE c CURSOR FOR SELECT FROM tasks', '42501', NULL, 'nor of a cursor');
SELECT throws_ok('DO $$ BEGIN EXECUTE ''EXPLAIN ANALYZE SELECT FROM tasks''; END $$', '42501', NULL, 'nor inside of a function');
SET debug_print_plan = on;
SELECT throws_ok('SELECT FROM tasks WHERE created_by = ''eve''', '42501', NULL, 'nor in the messages');
SELECT lives_ok('SELECT FROM plain', 'messages on other tables are hers');
SET debug_print_plan = off;
SELECT lives_ok('SELECT plan_of(''SELECT FROM plain''), plan_of(''SELECT 1'')', 'plans of other tables are, too');
SELECT matches(owners_plan(), 'rows=200', 'what an owner''s function tells is the owner''s choice');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :reader;
SELECT throws_ok('SELECT plan_of(''SELECT FROM tasks'')', '42501', NULL, 'a report login that is not bound has no plans');
RESET SESSION AUTHORIZATION;

-- Those from whom nothing is hidden.
SELECT matches(plan_of('SELECT FROM tasks'), 'rows=200', 'a superuser explains');
SET ROLE ticketflow_customer;
SET app.current_user_id = 'cid';
SELECT matches(plan_of('SELECT FROM tasks'), 'rows=20 ', 'also in the role of somebody else');
RESET ROLE;
RESET app.current_user_id;
CREATE ROLE explain_owner LOGIN BYPASSRLS;
GRANT SELECT ON tasks TO explain_owner;
SET SESSION AUTHORIZATION explain_owner;
SELECT matches(plan_of('SELECT FROM tasks'), 'rows=200', 'so does who bypasses row security');
RESET SESSION AUTHORIZATION;
REVOKE ALL ON tasks FROM explain_owner;
ALTER ROLE explain_owner NOBYPASSRLS;
CREATE SCHEMA theirs AUTHORIZATION explain_owner;
CREATE TABLE theirs.ticketflow_desk ();
CREATE TABLE theirs.secret AS SELECT 1 AS a;
ALTER TABLE theirs.secret OWNER TO explain_owner;
ALTER TABLE theirs.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION explain_owner;
SELECT matches(plan_of('SELECT FROM theirs.secret'), 'rows=0', 'and a table''s owner whom it forces');
RESET SESSION AUTHORIZATION;
DROP OWNED BY explain_owner CASCADE;
DROP SCHEMA IF EXISTS theirs CASCADE;
DROP ROLE explain_owner;

-- auto_explain measures every statement and refuses none.
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_analyze = on;
SET auto_explain.log_nested_statements = on;
SET SESSION AUTHORIZATION :cid;
SELECT lives_ok('SELECT FROM tasks', 'auto_explain is for the server''s log and disturbs nobody');
RESET SESSION AUTHORIZATION;
SET auto_explain.log_min_duration = -1;

-- What PostgreSQL shows to everybody.
CREATE FUNCTION leaks() RETURNS TABLE (what text) LANGUAGE plpgsql AS $$
DECLARE query text;
BEGIN
  FOREACH query IN ARRAY ARRAY['SELECT n_live_tup FROM pg_stat_user_tables', 'SELECT seq_tup_read FROM pg_stat_xact_user_tables', 'SELECT heap_blks_read FROM pg_statio_user_tables',
    'SELECT idx_tup_read FROM pg_stat_user_indexes', 'SELECT reltuples FROM pg_class', 'SELECT relpages FROM pg_class', 'SELECT * FROM pg_class', 'SELECT c FROM pg_class c',
    'SELECT pg_relation_size(''tasks'')', 'SELECT pg_total_relation_size(''tasks'')', 'SELECT pg_table_size(''tasks'')', 'SELECT pg_indexes_size(''tasks'')',
    'SELECT pg_database_size(current_database())', 'SELECT tup_inserted FROM pg_stat_database', 'SELECT last_value FROM tasks_id_seq', 'SELECT 1 / (pg_sequence_last_value(''tasks_id_seq'') IS NOT NULL)::int',
    'SELECT FROM pg_statistic', 'SELECT FROM pg_statistic_ext_data', 'SELECT ticketflow.bm25_stats(''task_documents_rank'')',
    'SELECT ticketflow.bm25_explain(''task_documents_rank'', ''ticket'', ''ticket'')'] LOOP
    BEGIN
      EXECUTE query;
      what := query;
      RETURN NEXT;
    EXCEPTION WHEN insufficient_privilege OR division_by_zero THEN NULL; -- 18 answers null for a sequence that one may not read
    END;
  END LOOP;
END $$;
SET SESSION AUTHORIZATION :cid;
SELECT isnt_empty('SELECT * FROM leaks()', 'PostgreSQL shows its statistics to everybody');
SELECT throws_ok('SELECT ticketflow.hide_statistics()', '42501', NULL, 'who may not hide them');
RESET SESSION AUTHORIZATION;
-- A desk that deploy() made, and what is only called one.
CREATE ROLE :desk LOGIN;
CREATE ROLE :sham LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO %I, %I', :'database', :'desk', :'sham') \gexec
SET SESSION AUTHORIZATION :desk;
CALL ticketflow.deploy('other', 'other_api', 'other_report');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :sham;
CREATE SCHEMA sham;
CREATE TABLE sham.ticketflow_desk (api_schema text);
CREATE TABLE sham.tasks (id int);
CREATE FUNCTION sham.number_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER number BEFORE INSERT ON sham.tasks FOR EACH ROW EXECUTE FUNCTION sham.number_trigger();
RESET SESSION AUTHORIZATION;
SELECT cmp_ok(ticketflow.hide_statistics(), '>', 40::bigint, 'a superuser does');
SET SESSION AUTHORIZATION :desk;
SELECT isnt_empty('SELECT reltuples, pg_relation_size(oid) FROM pg_class', 'who owns a desk reads them');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :sham;
SELECT is_empty('SELECT * FROM leaks()', 'who made something that is only called a desk does not');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :cid;
SELECT is_empty('SELECT * FROM leaks()', 'then nothing is shown');
SELECT is_empty($$SELECT FROM pg_stats WHERE tablename IN ('tasks', 'task_comments', 'task_documents', 'users') AND schemaname = 'public'$$, 'nor by pg_stats');
SELECT is((SELECT last_value FROM pg_sequences WHERE sequencename = 'tasks_id_seq' AND schemaname = 'public'), NULL, 'nor by pg_sequences');
SELECT is((SELECT count(*) FROM api.list_tasks()), 20::bigint, 'her desk works');
RESET SESSION AUTHORIZATION;
\set described `psql -XqAt -U "$TEST_LOGIN" -d "$TEST_DATABASE" -c '\d tasks' 2>&1`
SELECT matches(:'described'::text, '^id.*created_by', 'psql''s \d works');
SET SESSION AUTHORIZATION :watch;
SELECT isnt_empty('SELECT n_live_tup FROM pg_stat_user_tables', 'monitoring goes on');
RESET SESSION AUTHORIZATION;
SELECT lives_ok('CALL maintain()', 'so does maintenance');
REASSIGN OWNED BY :desk TO CURRENT_USER;
SELECT ticketflow.hide_statistics(false) \g /dev/null
SELECT ticketflow.hide_statistics() \g /dev/null
SET SESSION AUTHORIZATION :desk;
SELECT is_empty('SELECT * FROM leaks()', 'who owned a desk once does not when they are hidden again');
RESET SESSION AUTHORIZATION;
SELECT ticketflow.hide_statistics(false) \g /dev/null
SET SESSION AUTHORIZATION :cid;
SELECT isnt_empty('SELECT * FROM leaks()', 'false shows them again');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT string_agg(a.grantee::text, ' ') FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'pg_class'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner), '0', 'to everybody and nobody besides');
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attacl IS NOT NULL), 0::bigint, 'without a right of a column');
DROP OWNED BY :cid, :reader, :watch, :desk, :sham;
DELETE FROM login_users;
DROP ROLE :cid, :reader, :watch, :desk, :sham;
SELECT * FROM finish();
