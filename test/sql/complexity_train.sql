-- complexity: learning in the database, models as rows, scoring anew, deciding otherwise, escalation, reports.
\set ECHO none
BEGIN;
SET LOCAL search_path = public, ticketflow;
SELECT plan(59);

-- A desk whose effort follows what its tickets are about, with noise; 400 resolved tickets.
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@desk.test', 'admin', true), ('una', 'una@desk.test', 'user', true),
  ('cee', 'cee@desk.test', 'customer', true);
CREATE TEMP TABLE learned AS
SELECT i AS id, format('%s the %s', a.word, s.word) AS title, (ARRAY['Please help', NULL, 'As soon as you can, thank you very much'])[1 + i % 3] AS description,
       (ARRAY['low', 'medium', 'high', 'urgent'])[1 + (i * 31 / 7) % 4] AS priority, s.team, a.base * s.base * (1 + (i * 37 % 11) / 10.0) AS actual_hours,
       timestamptz '2026-01-01' + i * interval '1 hour' AS resolved_at
  FROM generate_series(1, 400) i
  JOIN (VALUES (0, 'Reset', 0.5), (1, 'Replace', 1), (2, 'Install', 2), (3, 'Audit', 4), (4, 'Migrate', 8)) a (n, word, base) ON a.n = i * 13 % 5
  JOIN (VALUES (0, 'phone', 0.6, 'a'), (1, 'printer', 0.7, 'a'), (2, 'laptop', 0.8, 'a'), (3, 'mailbox', 1, 'a'), (4, 'network', 2, 'b'),
               (5, 'scheduler', 2.5, 'b'), (6, 'database', 3, 'b')) s (n, word, base, team) ON s.n = i * 5 % 7;
CREATE TEMP TABLE fitted AS SELECT * FROM complexity_fit('SELECT * FROM learned', '{"penalty": 20, "bits": 12}');
SELECT ok(beats_baseline, 'what can be learned is learned') FROM fitted;
SELECT ok((report ->> 'rank_correlation')::numeric > 0.8, 'ranks are right') FROM fitted;
SELECT ok((report ->> 'error_ratio')::numeric < 0.7, 'and errors small') FROM fitted;
SELECT is(report ->> 'unit', 'hours', 'hours are hours') FROM fitted;
SELECT is((report ->> 'held_out')::int, 80, 'the newest fifth is held out') FROM fitted;
SELECT is(md5(f.model), (SELECT md5(model) FROM complexity_fit('SELECT * FROM learned', '{"penalty": 20, "bits": 12}')), 'the same tickets give the same model') FROM fitted f;
-- Also elsewhere, with another compiler, Eigen and PostgreSQL: pinned to the bit.
SELECT is(md5(model), '01b6359931cae6170b0eeba29662ad36', 'on every machine') FROM fitted;
SELECT is(md5(model), 'ae577c5dcfd9673fbe97eff4c949f593', 'with groups and a chosen penalty too') FROM complexity_fit('SELECT * FROM learned', '{"group": "team", "bits": 12}');
SELECT is(md5(f.model), (SELECT md5(model) FROM complexity_fit('SELECT * FROM learned ORDER BY random()', '{"penalty": 20, "bits": 12}')), 'in any order, where they tell a time') FROM fitted f;
SELECT ok((complexity_score('Migrate the database', NULL, model => model)).score > (complexity_score('Reset the phone', NULL, model => model)).score + 40, 'it tells hard from easy') FROM fitted;
SELECT ok((SELECT expected > 8 AND low <= expected AND expected <= high AND unit = 'hours' FROM fitted, complexity_effort('Migrate the database cluster', 'Please help', model => model)), 'and how many hours');
SELECT ok((SELECT bool_and((SELECT sum((x ->> 'points')::numeric) FROM jsonb_array_elements(factors) x) = score) FROM fitted f, learned l,
  LATERAL complexity_score(l.title, l.description, NULL, l.priority, NULL, jsonb_build_object('team', l.team), 70, f.model)), 'points add up with a learned model');
SELECT ok((SELECT bool_and(low <= medium AND medium <= high AND high <= urgent) FROM (SELECT
  (complexity_score(title, description, 'bug', 'low', model => model)).score AS low, (complexity_score(title, description, 'bug', 'medium', model => model)).score AS medium,
  (complexity_score(title, description, 'bug', 'high', model => model)).score AS high, (complexity_score(title, description, 'bug', 'urgent', model => model)).score AS urgent
  FROM fitted, learned) x), 'a learned priority never lowers the score when raised');
SELECT is((complexity_score(NULL, NULL, NULL, NULL, NULL, '{"team": "b"}', 70, model)).score > (complexity_score(NULL, NULL, NULL, NULL, NULL, '{"team": "a"}', 70, model)).score, true, 'fields alone have a score, if learned') FROM fitted;

SELECT throws_ok($$SELECT * FROM complexity_fit('SELECT title FROM learned')$$, '42703', NULL, 'effort must be there');
SELECT throws_ok($$SELECT * FROM complexity_fit('SELECT title, title AS effort FROM learned')$$, '22023', NULL, 'and a number');
SELECT throws_ok($$SELECT * FROM complexity_fit('SELECT title, actual_hours FROM learned LIMIT 49')$$, '55000', NULL, 'from 49 tickets nothing is learned');
SELECT throws_ok($$SELECT * FROM complexity_fit('DELETE FROM learned RETURNING title, actual_hours')$$, NULL, NULL, 'a query that writes is refused');
SELECT throws_ok($$SELECT * FROM complexity_fit('SELECT title, actual_hours FROM learned', '{"pealty": 1}')$$, '22023', NULL, 'a misspelt option is refused');
SELECT throws_ok($$SELECT * FROM complexity_fit('SELECT title, actual_hours FROM learned', '{"group": "nowhere"}')$$, '42703', NULL, 'so is a group that is no column');
SELECT throws_ok($$SELECT * FROM complexity_fit(NULL)$$, '22023', NULL, 'and no query');
SELECT throws_ok($$SELECT complexity_score('a', 'b', model => set_byte(model, middle, (get_byte(model, middle) + 1) % 256)) FROM fitted, LATERAL (SELECT length(model) / 2) l (middle)$$, 'XX001', NULL, 'a damaged model is noticed');
SELECT is((SELECT report ->> 'unusable' FROM complexity_fit('SELECT title, NULLIF(actual_hours, 0.5) AS effort FROM learned UNION ALL SELECT ''x'', ''NaN'' UNION ALL SELECT ''x'', -1', '{"penalty": 20, "bits": 10}')),
  ((SELECT count(*) FROM learned WHERE actual_hours = 0.5) + 2)::text, 'null, not a number and negative efforts are counted, not learned');

-- Models are rows of the desk
CREATE TEMP TABLE trained AS SELECT * FROM train_complexity('hours', 'SELECT * FROM learned', '{"penalty": 20, "bits": 12}');
SELECT is((SELECT (version, activated)::text FROM trained), '(1,t)', 'a model that beats the median is activated');
SELECT is((train_complexity('hours', 'SELECT * FROM learned', '{"penalty": 20, "bits": 12, "activate": false}')).version, 2, 'the next is the next version');
SELECT is((SELECT array_agg(version) FROM complexity_models WHERE is_active), '{1}', 'activated only if wanted');
SELECT is((train_complexity('noise', 'SELECT md5(id::text) AS title, actual_hours, resolved_at FROM learned', '{"penalty": 20, "bits": 12}')).activated, false, 'noise is kept, not activated');
SELECT is(import_complexity_model(export_complexity_model('hours', 1), 'copy'), 1, 'a model travels as text');
SELECT is((SELECT md5(model) FROM complexity_models WHERE name = 'copy'), (SELECT md5(model) FROM complexity_models WHERE name = 'hours' AND version = 1), 'unchanged');
SELECT throws_ok($$SELECT export_complexity_model('nothing')$$, '42704', NULL, 'an unknown model is an error');
SELECT throws_ok($$SELECT import_complexity_model('{}')$$, '22023', NULL, 'so is what is no export');
SELECT throws_ok($$SELECT activate_complexity_model('nothing')$$, '42704', NULL, 'and activating what is not there');
SELECT throws_ok($$SELECT train_complexity('', 'SELECT * FROM learned')$$, '42602', NULL, 'a model has a name');

-- Tickets are scored by it
INSERT INTO tasks (title, category, created_by) VALUES ('Migrate the database cluster to new hardware', 'request', 'cee'), ('Password reset', 'request', 'ada');
CREATE TEMP TABLE ticket_ids AS SELECT id FROM tasks;
GRANT SELECT ON ticket_ids TO PUBLIC;
CREATE TEMP VIEW it AS SELECT s.* FROM ticket_complexity_scores s WHERE s.task_id = (SELECT min(id) FROM tasks);
SELECT is((SELECT model FROM it), 'hours v1', 'new tickets are scored by the active model');
SELECT ok((SELECT complexity_score > 70 AND escalation_recommended FROM it), 'and escalated where they are hard');
SELECT lives_ok('SELECT activate_complexity_model(NULL)', 'back to the shipped model');
SELECT is((SELECT scored FROM rescore_complexity_batch(0, false, 10)), 2, 'scoring anew');
SELECT is((SELECT model FROM it), 'shipped', 'brings scores up to date');

-- Deciding otherwise
SELECT authenticate('cee');
SELECT throws_ok(format('SELECT api.override_complexity(%s, 10, ''easy'')', (SELECT min(id) FROM tasks)), '42501', NULL, 'a customer does not decide');
SELECT ok((SELECT count(*) > 5 AND max(points) FILTER (WHERE factor = 'score') = sum(points) FILTER (WHERE factor <> 'score') FROM api.explain_complexity((SELECT min(id) FROM tasks))), 'but reads why');
SELECT count(*) AS lines FROM api.explain_complexity((SELECT min(id) FROM tasks)) \gset
SELECT min(id) AS first, max(id) AS other FROM (SELECT id FROM pg_temp.ticket_ids) t \gset
SAVEPOINT reading;
SET LOCAL transaction_read_only = on;
SELECT count(*) AS read_only_lines FROM api.explain_complexity(:first) \gset
ROLLBACK TO reading;
SELECT is(:read_only_lines, :lines, 'where nothing may be written or locked too, as on a standby');
SELECT throws_ok('SELECT * FROM api.explain_complexity(' || :other || ')', 'PT404', 'ticket ' || :other || ' does not exist', 'but not of other people''s tickets');
SELECT throws_ok('SELECT * FROM api.explain_complexity(NULL)', 'PT404', NULL, 'nor of none');
RESET ROLE;
SELECT set_config('app.current_user_id', 'ada', true);
SELECT throws_ok(format('SELECT api.override_complexity(%s, 101, ''x'')', (SELECT min(id) FROM tasks)), '22023', NULL, 'a score is 0 to 100');
SELECT throws_ok(format('SELECT api.override_complexity(%s, 10, '' '')', (SELECT min(id) FROM tasks)), '22023', NULL, 'an override has a reason');
SELECT is((SELECT complexity_score FROM api.override_complexity((SELECT min(id) FROM tasks), 95, 'no vendor support')), 95, 'a person decides');
SELECT ok((SELECT escalation_recommended AND (SELECT sum((x ->> 'points')::numeric) FROM jsonb_array_elements(factors) x) = 95 FROM it), 'points still add up, and the advice follows');
UPDATE tasks SET priority = 'high' WHERE id = (SELECT min(id) FROM tasks);
SELECT is((SELECT complexity_score FROM it), 95, 'computing anew respects it');
SELECT ctid AS kept FROM ticket_complexity_scores WHERE task_id = (SELECT min(id) FROM tasks) \gset
SELECT refresh_complexity(ARRAY(SELECT id FROM tasks)) \g /dev/null
SELECT is((SELECT ctid FROM ticket_complexity_scores WHERE task_id = (SELECT min(id) FROM tasks)), :'kept', 'and writes nothing where nothing changed');
SELECT is((SELECT (ticket_number IS NOT NULL, score, level)::text FROM api.escalations()), '(t,95,"very high")', 'escalations lists it');
SELECT is((SELECT complexity_score FROM api.override_complexity((SELECT min(id) FROM tasks), NULL)), (SELECT computed_score FROM it), 'and back');
SELECT ok((SELECT array_agg(complexity_score ORDER BY id) @> '{95}' AND count(DISTINCT model) = 2 FROM ticket_complexity_history WHERE task_id = (SELECT min(id) FROM tasks)), 'every score is kept');
SELECT is(api.set_complexity_threshold(100), 100, 'the threshold is the desk''s');
SELECT is((SELECT count(*) FROM api.escalations()), 0::bigint, 'and counts at once');
SELECT throws_ok('SELECT api.set_complexity_threshold(101)', '22023', NULL, 'a threshold is a score');
SELECT throws_ok('SELECT api.train_complexity_model()', '55000', NULL, 'a desk without resolved tickets learns nothing');

-- Reports
SELECT is((SELECT (count(*), sum(tickets), sum(open_tickets))::text FROM report.complexity_distribution), '(5,2,2)', 'five levels hold every scored ticket');
UPDATE tasks SET status = 'in_progress';
UPDATE tasks SET status = 'resolved', actual_hours = 5;
SELECT is((SELECT (sum(solved_tickets), min(median_actual_hours))::text FROM report.complexity_accuracy), '(2,5.00)', 'solved ones are held against their hours');
SELECT is((SELECT (count(*), sum(tickets))::text FROM report.complexity_drift), '(1,2)', 'and months against each other');

SELECT * FROM finish();
ROLLBACK;
