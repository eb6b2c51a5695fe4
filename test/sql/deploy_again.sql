-- database: engine
-- A desk outlives its engine: after DROP EXTENSION CASCADE, CREATE EXTENSION and deploy() it is whole again.
\set ECHO none
SET client_min_messages = warning;
CALL ticketflow.deploy();
BEGIN;
SELECT plan(8);
SET search_path = public, ticketflow;
INSERT INTO users (id, email, role, is_approved) VALUES ('dba', 'dba@x.test', 'admin', true);
INSERT INTO tasks (title, category, created_by) VALUES ('before', 'incident', 'dba');
CREATE TEMP VIEW things AS
  SELECT 'index ' || c.relname AS thing FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('trigger %s %s %s', t.tgrelid::regclass, t.tgname, t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
   WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'routine ' || p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('public'::regnamespace, 'api'::regnamespace)
  UNION ALL SELECT 'relation ' || c.oid::regclass FROM pg_class c WHERE c.relkind IN ('v', 'r') AND c.relnamespace IN ('public'::regnamespace, 'report'::regnamespace)
  UNION ALL SELECT format('policy %s %s', p.polrelid::regclass, p.polname) FROM pg_policy p;
CREATE TEMP TABLE before AS SELECT * FROM things;
DROP EXTENSION ticketflow CASCADE;
INSERT INTO tasks (title, category, created_by, ticket_number) VALUES ('meanwhile', 'incident', 'dba', format('TKT-%s-0007', extract(year FROM now())));
CREATE EXTENSION ticketflow;
SELECT lives_ok('CALL ticketflow.deploy()', 'the desk is deployed again');
SELECT is_empty('SELECT thing FROM pg_temp.before EXCEPT SELECT thing FROM pg_temp.things', 'and lacks nothing');
SELECT is((SELECT count(*) FROM tasks), 2::bigint, 'every ticket is there');
INSERT INTO tasks (title, category, created_by) VALUES ('afterwards', 'incident', 'dba');
SELECT is((SELECT ticket_number::text FROM tasks WHERE title = 'afterwards'), format('TKT-%s-0008', extract(year FROM now())), 'numbers go on after the highest');
SELECT set_config('app.current_user_id', 'dba', true) \g /dev/null
SELECT is((SELECT title FROM api.search_tasks('afterwards')), 'afterwards', 'search finds the new');
SELECT is((SELECT title FROM api.search_tasks('meanwhile')), 'meanwhile', 'and what came while the engine was away');
SELECT is((SELECT count(*) FROM audit_log WHERE new_values ->> 'title' = 'afterwards'), 1::bigint, 'changes are recorded');
SELECT lives_ok('CALL ticketflow.deploy()', 'and once more');
SELECT * FROM finish();
ROLLBACK;
