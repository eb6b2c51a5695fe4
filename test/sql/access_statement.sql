-- what policies ask once a statement: right at once after every change, for every caller, and visible to the planner.
\set ECHO none
BEGIN;
SELECT plan(40);

INSERT INTO organizations (id, name, is_shared) VALUES (1, 'One', true);
INSERT INTO users (id, email, role, is_approved, organization_id) VALUES
  ('ada', 'ada@x.test', 'admin', true, NULL), ('mia', 'mia@x.test', 'manager', true, NULL), ('una', 'una@x.test', 'user', true, NULL),
  ('uri', 'uri@x.test', 'user', true, NULL), ('cid', 'cid@x.test', 'customer', true, 1), ('cam', 'cam@x.test', 'customer', true, NULL);
INSERT INTO teams (id, name, manager_id) VALUES (1, 'One', 'mia'), (2, 'Two', NULL);
INSERT INTO team_members (team_id, user_id) VALUES (1, 'una');
INSERT INTO tasks (title, category, created_by, assignee_type, assignee_id, assigned_team_id)
SELECT 'smoke ' || i, 'bug', CASE WHEN i % 2 = 0 THEN 'cid' ELSE 'cam' END, CASE WHEN i % 4 = 0 THEN 'team' ELSE 'user' END,
       CASE WHEN i % 4 <> 0 AND i % 100 < 2 THEN 'uri' END, CASE WHEN i % 4 = 0 THEN 2 - (i % 100 = 0)::int END FROM generate_series(1, 2000) i;
ANALYZE tasks;
CREATE FUNCTION act(who text, with_role text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', who, true), set_config('role', with_role, true) $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN ' || query LOOP whole := whole || line || E'\n'; END LOOP; RETURN whole; END $$;

-- The functions
CREATE FUNCTION two() RETURNS integer LANGUAGE sql STABLE RETURN 2;
CREATE FUNCTION nothing() RETURNS text LANGUAGE sql STABLE RETURN NULL;
CREATE FUNCTION several_texts() RETURNS text[] LANGUAGE sql STABLE RETURN ARRAY['a', NULL, 'bb', repeat('c', 5000)];
CREATE FUNCTION numbers() RETURNS integer[] LANGUAGE sql STABLE RETURN ARRAY(SELECT i FROM generate_series(-500, 500, 5) i);
CREATE FUNCTION empty() RETURNS integer[] LANGUAGE sql STABLE RETURN '{}'::integer[];
CREATE FUNCTION chance() RETURNS integer LANGUAGE sql VOLATILE RETURN 2;
CREATE FUNCTION many() RETURNS SETOF integer LANGUAGE sql STABLE RETURN 2;
SELECT is(ticketflow.statement_value('two()', NULL::integer), 2, 'a value');
SELECT is(ticketflow.statement_value('nothing()', ''::text), NULL, 'null');
SELECT throws_ok($$SELECT ticketflow.statement_value('two()', NULL::text)$$, '22023', NULL, 'of the type that the function returns');
SELECT throws_ok($$SELECT ticketflow.statement_value('two()', NULL::integer), ticketflow.statement_value('two()', NULL::text)$$, '22023', NULL, 'also where it is known already');
SELECT throws_ok($$SELECT ticketflow.statement_value('two()', NULL::integer), ticketflow.statement_includes('two()', 'x'::text), ticketflow.statement_includes('two()', 2)$$, '22023', NULL, 'nor is it taken for an array');
CREATE FUNCTION three() RETURNS integer LANGUAGE sql STABLE RETURN 3;
SELECT results_eq($$SELECT ticketflow.statement_value(f, NULL::integer) FROM unnest('{two(),three(),two()}'::regprocedure[]) f$$, 'VALUES (2), (3), (2)', 'each row may ask another');
CREATE FUNCTION evens() RETURNS integer[] LANGUAGE sql STABLE RETURN ARRAY[2, 4];
CREATE FUNCTION odds() RETURNS integer[] LANGUAGE sql STABLE RETURN ARRAY[1, 3];
SELECT results_eq($$SELECT ticketflow.statement_includes(f, 2) FROM unnest('{evens(),odds(),evens()}'::regprocedure[]) f$$, 'VALUES (true), (false), (true)', 'of another array, too');
SELECT throws_ok($$SELECT ticketflow.statement_value('chance()', NULL::integer)$$, '22023', NULL, 'a volatile function is not asked once');
SELECT throws_ok($$SELECT ticketflow.statement_value('many()', NULL::integer)$$, '22023', NULL, 'nor a set');
SELECT throws_ok($$SELECT ticketflow.statement_value('pg_catalog.row_number()', NULL::bigint)$$, '22023', NULL, 'nor a window function');
SELECT throws_ok($$SELECT ticketflow.statement_value('pg_catalog.count()', NULL::bigint)$$, '22023', NULL, 'nor an aggregate');
CREATE FUNCTION setting() RETURNS text LANGUAGE sql STABLE RETURN current_setting('test.setting', true);
SET LOCAL test.setting = 'one';
SELECT is(ticketflow.statement_value('setting()', ''::text), 'one', 'what a setting says');
SET LOCAL test.setting = 'two';
SELECT is(ticketflow.statement_value('setting()', ''::text), 'two', 'is asked anew in the next statement');
SELECT throws_ok($$SELECT ticketflow.statement_value('plan_of(text)', NULL::text)$$, '22023', NULL, 'nor one with arguments');
-- Nothing but the command differs here: no other session commits, no setting changes, nothing is rolled back.
CREATE TABLE counted (a integer);
CREATE FUNCTION how_many() RETURNS integer LANGUAGE sql STABLE RETURN (SELECT count(*)::integer FROM counted);
CREATE FUNCTION as_counted() RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text := '';
BEGIN
  FOR i IN 1 .. 3 LOOP
    told := told || ticketflow.statement_value('how_many()', NULL::integer) || ' ';
    INSERT INTO counted VALUES (i);
  END LOOP;
  RETURN told;
END $$;
SELECT is(as_counted(), '0 1 2 ', 'an answer is good for one command');
REVOKE ALL ON FUNCTION two() FROM PUBLIC;
SELECT ticketflow.statement_value('two()', NULL::integer) \g /dev/null
SET LOCAL ROLE ticketflow_customer;
SELECT throws_ok($$SELECT ticketflow.statement_value('two()', NULL::integer)$$, '42501', NULL, 'an answer is not told to another role');
RESET ROLE;
SELECT act('', 'ticketflow_customer');
SELECT throws_ok($$SELECT ticketflow.statement_value('two()', NULL::integer)$$, '42501', NULL, 'nor one that the caller may not call, though it was just asked');
SELECT set_config('role', 'none', true);
SELECT results_eq($$SELECT x, ticketflow.statement_includes('several_texts()', x) FROM unnest(ARRAY['a', 'b', 'bb', '', NULL, repeat('c', 5000)]) x$$,
  $$VALUES ('a', true), ('b', false), ('bb', true), ('', false), (NULL, NULL), (repeat('c', 5000), true)$$, 'texts in an array');
SELECT is((SELECT array_agg(i) FROM generate_series(-600, 600) i WHERE ticketflow.statement_includes('numbers()', i)), numbers(), 'numbers in an array');
SELECT is(ticketflow.statement_includes('empty()', 1), false, 'an empty one has none');
SELECT throws_ok($$SELECT ticketflow.statement_includes('numbers()', 'x'::text)$$, '22023', NULL, 'an array of that type');

-- Right at once
CREATE FUNCTION seen() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM tasks';
SELECT act('una', 'ticketflow_user');
SELECT is(seen(), 20::bigint, 'una sees the queue of her team');
SELECT set_config('role', 'none', true);
SAVEPOINT s;
INSERT INTO team_members (team_id, user_id) VALUES (2, 'una');
SELECT act('una', 'ticketflow_user');
SELECT is(seen(), 500::bigint, 'a new membership counts in the same transaction');
SELECT set_config('role', 'none', true);
ROLLBACK TO s;
SELECT act('una', 'ticketflow_user');
SELECT is(seen(), 20::bigint, 'and not after it was rolled back');
SELECT act('uri', 'ticketflow_user');
SELECT is(seen(), 20::bigint, 'another person sees hers');
SELECT act('cid', 'ticketflow_customer');
SELECT is(seen(), 1000::bigint, 'a third hers');
SELECT act('nobody', 'ticketflow_customer');
SELECT is(seen(), 0::bigint, 'and nobody nothing');
CREATE FUNCTION pg_temp.several() RETURNS text LANGUAGE plpgsql AS $$
DECLARE answers text := '';
BEGIN
  FOR i IN 1..2 LOOP
    PERFORM set_config('app.current_user_id', 'una', true);
    answers := concat_ws(' ', answers, acting_person(), acting_rank());
    PERFORM set_config('app.current_user_id', 'cid', true);
    answers := concat_ws(' ', answers, acting_person(), acting_rank(), shared_organization());
  END LOOP;
  RETURN answers;
END $$;
SELECT set_config('role', 'none', true);
SELECT is(pg_temp.several(), ' una 2 cid 1 1 una 2 cid 1 1', 'one function may act for several');
PREPARE counting AS SELECT count(*) FROM tasks;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT act('una', 'ticketflow_user');
SELECT results_eq('counting', 'VALUES (20::bigint)', 'a prepared plan');
SELECT set_config('app.current_user_id', 'ada', true);
SELECT results_eq('counting', 'VALUES (0::bigint)', 'asks anew');
SELECT set_config('app.current_user_id', '', true);
SELECT results_eq('counting', 'VALUES (0::bigint)', 'each time');
SELECT set_config('role', 'none', true);
UPDATE users SET is_active = false WHERE id = 'una';
SELECT act('una', 'ticketflow_user');
SELECT is(seen(), 0::bigint, 'who is deactivated sees nothing from the next statement on');
SELECT set_config('role', 'none', true);
UPDATE users SET is_active = true WHERE id = 'una';

-- The planner
SELECT act('uri', 'ticketflow_user');
SELECT matches(plan_of('SELECT count(*) FROM tasks'), 'idx_tasks_assignee', 'an index of the column answers a membership');
SELECT cmp_ok(substring(plan_of('SELECT * FROM tasks') FROM 'rows=([0-9]+)')::int, '<', 60, 'and is estimated from the real list');
SELECT act('ada', 'ticketflow_admin');
SELECT is(seen(), 2000::bigint, 'administrators see all');
SELECT unalike(plan_of('SELECT count(*) FROM tasks'), '%statement_includes%', 'and nothing is asked for a row');
SELECT act('uri', 'ticketflow_user');
SELECT matches(plan_of($$SELECT task_id FROM task_documents WHERE ticketflow.matches(document, plainto_tsquery('english', 'smoke')) AND task_id > 0$$), 'SubPlan',
  'a search asks of its hits only whether they are visible');
SELECT set_config('role', 'none', true);

-- A desk whose owner is no superuser and forces the policies on herself.
CREATE ROLE test_owner LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO test_owner', current_database()) \gexec
SET SESSION AUTHORIZATION test_owner;
CALL ticketflow.deploy('forced', 'forced_api', 'forced_report');
SELECT format('ALTER TABLE forced.%I FORCE ROW LEVEL SECURITY', relname) FROM pg_class WHERE relnamespace = 'forced'::regnamespace AND relrowsecurity \gexec
INSERT INTO forced.users (id, email, role, is_approved) VALUES ('cee', 'cee@x.test', 'customer', true), ('ann', 'ann@x.test', 'admin', true);
SELECT set_config('app.current_user_id', 'cee', true);
SELECT is((SELECT title::text FROM forced_api.create_task('Under force')), 'Under force', 'functions work under FORCE ROW LEVEL SECURITY');
SELECT is((SELECT count(*) FROM forced_api.list_tasks()), 1::bigint, 'and list');
SELECT is((SELECT content FROM forced_api.add_comment((SELECT id FROM forced.tasks), 'still works')), 'still works', 'and write');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
