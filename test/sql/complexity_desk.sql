-- complexity: what a desk knows of its tickets beside their text, what customers may learn of it, and who may train.
\set ECHO none
BEGIN;
SET LOCAL search_path = public, ticketflow;
SELECT plan(53);

INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@desk.test', 'admin', true), ('una', 'una@desk.test', 'user', true),
  ('cee', 'cee@desk.test', 'customer', true);

-- History: what had happened by a moment
INSERT INTO tasks (id, title, category, created_by, created_at) VALUES (1, 'Mail server does not answer', 'bug', 'cee', '2026-03-02 08:00+00');
DELETE FROM task_history;
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES
  (1, 'assignee_id', NULL, 'una', 'updated', '2026-03-02 09:00+00'), (1, 'assignee_id', 'una', 'ada', 'updated', '2026-03-02 10:00+00'),
  (1, 'status', 'open', 'on_hold', 'updated', '2026-03-02 10:00+00'), (1, 'status', 'on_hold', 'in_progress', 'updated', '2026-03-02 13:30+00'),
  (1, 'status', 'in_progress', 'resolved', 'updated', '2026-03-02 14:00+00'), (1, 'status', 'resolved', 'open', 'updated', '2026-03-03 08:00+00'),
  (1, 'status', 'open', 'on_hold', 'updated', '2026-03-03 09:00+00');
INSERT INTO task_comments (task_id, user_id, content, is_internal, created_at) VALUES
  (1, 'una', 'Since when?', false, '2026-03-02 09:10+00'), (1, 'una', 'No backup!', true, '2026-03-02 09:15+00'),
  (1, 'cee', 'Since eight.', false, '2026-03-02 09:20+00'), (1, 'cee', 'And again.', false, '2026-03-02 09:30+00'),
  (1, 'una', 'Done.', false, '2026-03-02 14:00+00');
SELECT is((h.comments, h.exchanges, h.attachments, h.reassignments, h.reopens, h.waiting_hours)::text, '(4,2,0,1,1,4.5)', 'comments, exchanges, reassignments, reopens and waiting are counted')
  FROM complexity_history(1, 'cee', '2026-03-03 10:00+00') h;
SELECT is((h.comments, h.exchanges, h.reassignments, h.reopens, h.waiting_hours)::text, '(3,1,1,0,1.0)', 'as of a moment in the past')
  FROM complexity_history(1, 'cee', '2026-03-02 11:00+00') h;
SELECT is((h.comments, h.exchanges, h.reassignments, h.reopens, h.waiting_hours)::text, '(0,0,0,0,0.0)', 'and of a ticket to which nothing has happened')
  FROM complexity_history(1, 'cee', '2026-03-02 08:00+00') h;

-- What customers may learn: nothing of internal comments
CREATE TEMP VIEW it AS SELECT s.complexity_score, s.factors, s.updated_at FROM ticket_complexity_scores s WHERE s.task_id = 1;
SELECT refresh_complexity('{1}');
CREATE TEMP TABLE before AS SELECT * FROM it;
SELECT count(*) AS kept FROM ticket_complexity_history \gset
INSERT INTO task_comments (task_id, user_id, content, is_internal) SELECT 1, 'una', 'internal ' || i, true FROM generate_series(1, 13) i;
SELECT results_eq('SELECT * FROM it', 'SELECT * FROM before', 'internal comments change no score and no factor');
SELECT is((SELECT count(*) FROM ticket_complexity_history), :kept::bigint, 'and leave no row in its history');
DELETE FROM task_comments WHERE content LIKE 'internal 1%';
SELECT results_eq('SELECT * FROM it', 'SELECT * FROM before', 'nor do they when they go');
UPDATE task_comments SET is_internal = false WHERE content = 'internal 2';
SELECT ok((SELECT factors @> '[{"name": "comments", "value": 5}]' FROM it), 'one that becomes public counts');
UPDATE task_comments SET content = 'edited' WHERE content = 'internal 2';
SELECT ok((SELECT factors @> '[{"name": "comments", "value": 5}]' FROM it), 'an edited one counts once');
UPDATE task_comments SET is_internal = true WHERE content = 'edited';
SELECT ok((SELECT factors @> '[{"name": "comments", "value": 4}]' FROM it), 'and one taken back no more');
UPDATE task_comments SET is_internal = NOT is_internal WHERE task_id = 1;
SELECT ok((SELECT factors @> '[{"name": "comments", "value": 9}]' FROM it), 'comments that change sides in one statement are counted anew');
UPDATE task_comments SET is_internal = NOT is_internal WHERE task_id = 1;

-- Similar resolved tickets
SELECT is(similar_hours(1), NULL, 'without similar tickets there is no number');
INSERT INTO tasks (id, title, category, created_by, created_at, resolved_at, status, actual_hours)
SELECT 100 + i, CASE WHEN i <= 5 THEN 'Mail server is slow to answer' ELSE 'Printer jam in room ' || i END, 'bug', 'ada', timestamptz '2026-01-01' + i * interval '1 day',
       timestamptz '2026-01-02' + i * interval '1 day', 'resolved', CASE WHEN i <= 5 THEN 30 + i ELSE 0.5 END
  FROM generate_series(1, 40) i;
SELECT is(similar_hours(1), 33.0, 'it is the median of the most similar');
SELECT is(similar_hours(1, timestamptz '2026-01-05 12:00'), 32.0, 'of those that were resolved by a moment');
SELECT is(similar_hours(1, timestamptz '2026-01-03 12:00'), NULL, 'and nothing where they are too few');
SELECT is(similar_hours(4711), NULL, 'nor where there is no such ticket');

-- A model that learned from history uses it, and one that knows similar tickets asks for them
INSERT INTO tasks (id, title, description, category, priority, created_by, created_at, resolved_at, status, actual_hours)
SELECT 1000 + i, s.title, 'Please help', 'bug', (ARRAY['low', 'medium', 'high', 'urgent'])[1 + i % 4], (ARRAY['ada', 'una', 'cee'])[1 + i % 3],
       timestamptz '2026-02-01' + i * interval '1 hour', timestamptz '2026-02-02' + i * interval '1 hour', 'resolved', s.hours * (1 + i % 7 / 10.0)
  FROM generate_series(1, 300) i
  JOIN (VALUES (0, 'Reset the password of a phone', 0.5), (1, 'Migrate the database cluster', 30), (2, 'Replace the toner', 1), (3, 'Audit the network', 12)) s (n, title, hours)
    ON s.n = i * 7 % 4;
SELECT is((SELECT count(*) FROM complexity_training), 340::bigint, 'what is resolved with hours is learned from');
SELECT ok((SELECT min(similar_hours) FILTER (WHERE title LIKE 'Migrate%' AND task_id > 1200) > 20 AND max(similar_hours) FILTER (WHERE title LIKE 'Reset%' AND task_id > 1200) < 2
             FROM complexity_training), 'with the hours of similar tickets resolved before');
SET LOCAL ROLE ticketflow_report;
SELECT throws_ok('SELECT FROM complexity_training', '42501', NULL, 'reports do not read it: it tells descriptions');
SELECT throws_ok('SELECT document FROM task_documents', '42501', NULL, 'nor search documents');
RESET ROLE;
SELECT is((SELECT similar_hours FROM complexity_training WHERE task_id = 1001), NULL, 'the first of its kind knows none');
CREATE TEMP TABLE trained AS SELECT * FROM train_complexity('desk', options => '{"penalty": 20, "bits": 12}');
SELECT ok((SELECT activated FROM trained), 'the desk learns from itself');
SELECT ok((SELECT report -> 'fields' ?& ARRAY['similar_hours', 'waiting_hours', 'exchanges', 'reassignments', 'comments', 'requester', 'priority'] FROM trained), 'the report names what was learned');
INSERT INTO tasks (id, title, category, priority, created_by) VALUES (2, 'Migrate the database cluster again', 'bug', 'low', 'cee'), (3, 'Reset the password', 'bug', 'low', 'cee');
SELECT ok((SELECT max(complexity_score) FILTER (WHERE task_id = 2) > max(complexity_score) FILTER (WHERE task_id = 3) + 30 FROM ticket_complexity_scores), 'new tickets are told apart');
SELECT ok((SELECT f ->> 'value' > '20' FROM ticket_complexity_scores, jsonb_array_elements(factors) f WHERE task_id = 2 AND f ->> 'name' = 'similar_hours'), 'by similar tickets too');
SELECT is((SELECT sum((f ->> 'points')::numeric) FROM ticket_complexity_scores, jsonb_array_elements(factors) f WHERE task_id = 2),
  (SELECT complexity_score::numeric FROM ticket_complexity_scores WHERE task_id = 2), 'points add up');
SELECT ok((SELECT string_agg(explanation, ' ') ~ 'hours' AND bool_or(factor = 'similar hours') FROM complexity_lines(2)), 'and are explained in words');

-- Whatever a desk holds, raising priority or severity never lowers a score
UPDATE tasks SET actual_hours = actual_hours * CASE priority WHEN 'urgent' THEN 0.1 WHEN 'high' THEN 0.3 ELSE 1 END WHERE id > 1000;
SELECT is((train_complexity('desk', options => '{"penalty": 20, "bits": 12}')).version, 2, 'a desk that fixes urgent tickets first');
SELECT ok((SELECT bool_and(low <= medium AND medium <= high AND high <= urgent) FROM (
  SELECT max(c.score) FILTER (WHERE p = 'low') AS low, max(c.score) FILTER (WHERE p = 'medium') AS medium, max(c.score) FILTER (WHERE p = 'high') AS high,
         max(c.score) FILTER (WHERE p = 'urgent') AS urgent
    FROM complexity_training t, unnest(ARRAY['low', 'medium', 'high', 'urgent']) p, complexity_models m,
         LATERAL complexity_score(t.title, t.description, t.category, p, t.severity, model => m.model) c
   WHERE m.name = 'desk' AND m.version = 2 GROUP BY t.task_id) x), 'does not score them lower');

-- Errors come before the work, and say what is wrong
SELECT throws_ok($$SELECT train_complexity(NULL, 'SELECT 1 AS effort FROM pg_sleep(3600)')$$, '42602', NULL, 'a name is asked for first');
SELECT throws_ok($$SELECT train_complexity('a', 'SELECT 1 AS effort FROM pg_sleep(3600)', '{"activate": "maybe"}')$$, '22023', NULL, 'so is a choice');
SELECT lives_ok($$SELECT * FROM complexity_fit('SELECT title, actual_hours, resolved_at FROM tasks WHERE actual_hours > 0; ', '{"penalty": 20, "bits": 10}')$$, 'a semicolon at the end is no error');
SELECT lives_ok($$SELECT * FROM complexity_fit('SELECT a.*, a.* FROM complexity_training a', '{"penalty": 20, "bits": 10}')$$, 'nor are columns named twice');
SELECT is((SELECT report ->> 'groups' FROM complexity_fit('SELECT g::text AS product, g::text AS title, g AS effort FROM generate_series(1, 100) g', '{"penalty": 20, "bits": 10}')), '1', 'groups of one ticket are pooled');
SELECT is((SELECT report ->> 'unusable' FROM complexity_fit('SELECT g::text AS title, CASE WHEN g > 100 THEN 1e308 ELSE g END AS effort FROM generate_series(1, 120) g', '{"penalty": 20, "bits": 10}')), '20', 'endless efforts are no efforts');

-- Who may write models may train
CREATE ROLE t_trainer;
GRANT USAGE ON SCHEMA ticketflow, public TO t_trainer;
GRANT ALL ON complexity_models TO t_trainer;
CREATE TABLE learned AS SELECT title, actual_hours AS effort FROM tasks WHERE actual_hours > 0;
GRANT SELECT ON learned TO t_trainer;
ALTER TABLE complexity_models DISABLE ROW LEVEL SECURITY;
SET ROLE t_trainer;
SELECT ok((train_complexity('theirs', 'SELECT * FROM learned', '{"penalty": 20, "bits": 10}')).version = 1, 'with the rights of the caller');
RESET ROLE;
SELECT throws_ok($$SET LOCAL ROLE ticketflow_report; SELECT train_complexity('theirs', 'SELECT 1.0 AS effort, title FROM (SELECT 1) a, (SELECT ''a'' AS title FROM generate_series(1, 60)) b', '{"penalty": 20, "bits": 10}')$$, '42501', NULL, 'and not without');
RESET ROLE;

-- Never due, and due since ever
SELECT is(ARRAY[task_sla_risk(now(), 'infinity', NULL), task_sla_risk(now(), '-infinity', NULL), task_sla_risk('-infinity', now() + interval '1 day', NULL),
                task_sla_risk('-infinity', 'infinity', NULL), task_sla_risk('infinity', now() + interval '1 day', NULL), task_sla_risk('infinity', 'infinity', NULL)],
  '{0,1,1,0,1,0}', 'endless times have a risk');
INSERT INTO tasks (id, title, description, created_by, category, due_date) VALUES
  (9001, 'Replace the toner', 'b', 'cee', 'bug', 'infinity'), (9002, 'Replace the toner', 'b', 'cee', 'bug', '-infinity'), (9003, 'Replace the toner', 'b', 'cee', 'bug', NULL);
SELECT is((SELECT array_agg(d.details -> 'sla_risk' ORDER BY d.task_id) FROM complexity_details('{9001,9002,9003}') d), '{0,1,0}', 'and such tickets are written');
UPDATE tasks SET due_date = 'infinity' WHERE id IN (9002, 9003);
UPDATE tasks SET due_date = '-infinity' WHERE id = 9003;
SELECT is((SELECT count(*) FROM ticket_complexity_scores WHERE task_id > 9000), 3::bigint, 'and scored');
UPDATE complexity_settings SET threshold = 1;
SELECT set_config('app.current_user_id', 'ada', true), setval('tasks_id_seq', 10000) \g /dev/null
SELECT is((SELECT array_agg((task_id, sla_risk)::text ORDER BY task_id) FROM api.escalations(1000) WHERE task_id > 9000), '{"(9001,0)","(9002,0)","(9003,1)"}', 'and escalated');
SELECT lives_ok($$SELECT api.create_task('x', 'y', due_date => 'infinity')$$, 'and created by the interface');
DO $$
DECLARE it regclass;
BEGIN
  FOR it IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' LOOP
    EXECUTE format('SELECT count(r::text) FROM %s r', it);
  END LOOP;
END
$$;
SELECT pass('every report reads them');
SELECT set_config('app.current_user_id', '', true) \g /dev/null

-- Endless times elsewhere: a defined answer, the same on every major
SELECT is(ARRAY[hours_between('-infinity', now()), hours_between(now(), 'infinity'), hours_between('infinity', 'infinity'), hours_between(NULL, now()),
                hours_between('2026-01-01 10:00', '2026-01-01 11:30')]::numeric(4,2)[], '{NULL,NULL,NULL,NULL,1.50}', 'endless spans have no hours');
SELECT is((SELECT h.waiting_hours FROM complexity_history(1, 'cee', 'infinity') h), 3.5, 'waiting without an end is not counted');
SELECT is((SELECT h.comments FROM complexity_history(1, 'cee', '-infinity') h), 0::bigint, 'and before all times nothing had happened');
INSERT INTO tasks (id, ticket_number, title, category, created_by, created_at, resolved_at, status)
SELECT 9100 + n, 'E-' || n, 'Defragment the abacus', 'bug', 'ada', created_at, resolved_at, 'resolved'
  FROM (VALUES (1, timestamptz '-infinity', timestamptz '2026-01-02'), (2, '2026-01-01', 'infinity'), (3, '-infinity', 'infinity'), (4, 'infinity', '-infinity'), (5, '-infinity', '-infinity')) v (n, created_at, resolved_at);
SELECT is((SELECT count(*) FROM ticket_complexity_scores WHERE task_id BETWEEN 9101 AND 9105), 5::bigint, 'tickets since ever and resolved never are scored');
SELECT is(similar_hours(9101), NULL, 'and tell no hours to similar ones');
INSERT INTO tasks (id, title, category, created_by, created_at, resolved_at, status)
SELECT 9110 + n, 'Defragment the abacus', 'bug', 'ada', '2026-01-01', timestamptz '2026-01-01' + n * interval '1 hour', 'resolved' FROM generate_series(1, 3) n;
SELECT is(similar_hours(9101, 'infinity'), 2.0, 'beside which others still do');
SELECT is((SELECT count(*) FROM complexity_training WHERE task_id BETWEEN 9101 AND 9120), 0::bigint, 'without hours of work none is learned from');
SAVEPOINT few_hours;
UPDATE tasks SET actual_hours = CASE WHEN id IN (9101, 9102) THEN 7 WHEN id = 9103 THEN 0 END WHERE id <> 9113;
UPDATE tasks SET actual_hours = 0 WHERE id = 9113;
SELECT is((SELECT array_agg((task_id, effort::numeric(4,1))::text ORDER BY task_id) FROM complexity_training WHERE task_id BETWEEN 9101 AND 9120), '{"(9111,1.0)","(9112,2.0)","(9113,3.0)"}',
  'where few have hours of work, nor is what has no beginning or end');
ROLLBACK TO few_hours;
UPDATE tasks SET actual_hours = 7 WHERE id BETWEEN 9101 AND 9105;
SELECT is((SELECT array_agg((task_id, effort, comments, waiting_hours)::text ORDER BY task_id) FROM complexity_training WHERE task_id BETWEEN 9101 AND 9120),
  '{"(9101,7.00,0,0.0)","(9102,7.00,0,0.0)","(9103,7.00,0,0.0)","(9104,7.00,0,0.0)","(9105,7.00,0,0.0)"}', 'known hours of work count whatever the times');

-- What a batch costs must not grow with the desk: each ticket by the indexes on its id
CREATE FUNCTION pg_temp.plan_of_details() RETURNS text LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE line text; result text := '';
BEGIN
  FOR line IN EXPLAIN (COSTS OFF) SELECT * FROM complexity_details('{1,2,3}') LOOP result := result || line || E'\n'; END LOOP;
  RETURN result;
END $$;
-- Of changes that came at one moment, as when tickets are brought in, the planner knows nothing yet: where it may, it adds the index on times.
INSERT INTO task_history (task_id, field, old_value, new_value, change_type)
SELECT 20000 + i, 'title', repeat('a', 100), repeat('b', 100), 'updated' FROM generate_series(1, 10000) i;
SELECT ok(plan !~ 'idx_task_history_created|Function Scan on complexity_history' AND plan ~ 'idx_task_history_task', 'no index on times is read for each') FROM pg_temp.plan_of_details() plan;

-- A stranger's table of the same name is no desk
CREATE SCHEMA stranger CREATE TABLE complexity_models (name text);
SET LOCAL search_path = stranger, public, ticketflow;
SELECT is(complexity_desk()::text, 'public', 'a table of that name makes no desk');
SET LOCAL search_path = public, ticketflow;

SELECT * FROM finish();
ROLLBACK;
