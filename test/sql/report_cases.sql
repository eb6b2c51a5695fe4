-- Each report against a case worked out by hand; the zone is New York, the night of 31 October 2026 in which clocks go back.
\set ECHO none
BEGIN;
SELECT plan(34);
INSERT INTO company_settings (company_name, time_zone) VALUES ('Hand-made', 'America/New_York');
INSERT INTO users (id, email, first_name, role, is_approved) VALUES ('cus', 'c@example.org', 'Cus', 'customer', true), ('ann', 'a@example.org', 'Ann', 'user', true),
  ('bob', 'b@example.org', 'Bob', 'user', true), ('ada', 'ada@example.org', 'Ada', 'admin', true);
INSERT INTO teams (id, name) VALUES (1, 'One'), (2, 'Two');
-- As replication would bring it: no trigger adds stamps or history of its own.
SET LOCAL session_replication_role = replica;
-- Ten tickets of one day, answered after 1 to 10 minutes and solved after 1 to 10 hours: mean 5.5, median (lower) 5, nine tenths 9.
INSERT INTO tasks (id, ticket_number, title, category, status, priority, created_by, assignee_id, created_at, resolved_at)
SELECT i, 'R-' || i, 't', 'bug', 'resolved', 'high', 'cus', 'ann', '2026-10-31 12:00Z', '2026-10-31 12:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 10) i;
INSERT INTO task_comments (task_id, user_id, content, created_at) SELECT i, 'ann', 'a', '2026-10-31 12:00Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 10) i;
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at)
SELECT i, 'status', 'open', 'resolved', 'updated', '2026-10-31 12:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 10) i;
-- 11: opened 00:30 local time on 1 November, the day with 25 hours, still open; it went from Ann over a queue to Bob, and between teams.
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, assignee_type, assignee_id, created_at, due_date) VALUES
  (11, 'R-11', 't', 'support', 'in_progress', 'cus', 'user', 'bob', '2026-11-01 04:30Z', '2026-11-01 10:00Z');
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES
  (11, 'status', 'open', 'resolved', 'updated', '2026-11-01 05:30Z'), (11, 'status', 'resolved', 'in_progress', 'updated', '2026-11-02 05:30Z'),
  (11, 'assignee_id', 'ann', NULL, 'updated', '2026-11-01 06:00Z'), (11, 'assigned_team_id', NULL, '1', 'updated', '2026-11-01 06:00Z'),
  (11, 'assigned_team_id', '1', '2', 'updated', '2026-11-01 07:00Z'), (11, 'assigned_team_id', '2', NULL, 'updated', '2026-11-01 08:00Z'),
  (11, 'assignee_id', NULL, 'bob', 'updated', '2026-11-01 08:00Z');
-- 12: imported solved, later reopened: no stamp is left.
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, created_at) VALUES (12, 'R-12', 't', 'support', 'open', 'cus', '2026-11-02 04:59Z');
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES (12, 'status', 'resolved', 'open', 'updated', '2026-11-03 12:00Z');
-- 13: answered by a machine, and solved with nothing more.
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, created_at, closed_at) VALUES (13, 'R-13', 't', 'request', 'closed', 'cus', '2026-11-03 12:00Z', '2026-11-03 14:00Z');
INSERT INTO task_comments (id, task_id, user_id, content, created_at) VALUES (1300, 13, 'ann', 'Automatic response', '2026-11-03 12:05Z');
INSERT INTO ticket_auto_responses (task_id, response_text, confidence_score, model_used, prompt_tokens, completion_tokens, was_helpful, created_at, applied_at, comment_id) VALUES
  (13, 'r', 0.9, 'm1', 100, 20, true, '2026-11-03 12:01Z', '2026-11-03 12:05Z', 1300), (12, 'r', 0.4, 'm1', 50, NULL, NULL, '2026-11-03 13:00Z', NULL, NULL),
  (11, 'r', 0.6, 'm1', NULL, 5, false, '2026-11-04 04:59Z', '2026-11-04 05:00Z', NULL);
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES (13, 'status', 'open', 'closed', 'updated', '2026-11-03 14:00Z');
UPDATE tasks SET estimated_hours = id, actual_hours = id * 2 WHERE id <= 3;
INSERT INTO ticket_complexity_scores (task_id, complexity_score, escalation_recommended) VALUES (1, 10, false), (2, 25, false), (11, 90, true);
INSERT INTO knowledge_articles (id, title, content, category, status, source, source_task_id, view_count, helpful_votes, unhelpful_votes, effectiveness_score) VALUES
  (1, 'a', 'a', 'bug', 'published', 'manual', 1, 5, 3, 1, 0.75), (2, 'b', 'b', 'bug', 'draft', 'ai_generated', NULL, 0, 0, 0, NULL), (3, 'c', 'c', 'bug', 'archived', 'manual', NULL, 7, 0, 2, 0);
SET LOCAL session_replication_role = origin;
SET LOCAL search_path = report, public, ticketflow;

SELECT results_eq($$SELECT created_on, tickets, answered, mean_seconds, median_seconds, p90_seconds FROM first_response WHERE category = 'bug'$$,
  $$VALUES ('2026-10-31'::date, 10::bigint, 10::bigint, 330::bigint, 300::bigint, 540::bigint)$$, 'first response: mean, median, nine tenths');
SELECT results_eq($$SELECT solved_on, tickets, mean_seconds, median_seconds, p90_seconds, median_first_seconds, median_agent_seconds, one_touch, overdue FROM resolution WHERE category = 'bug'$$,
  $$VALUES ('2026-10-31'::date, 10::bigint, 19800::bigint, 18000::bigint, 32400::bigint, 18000::bigint, 18000::bigint, 10::bigint, 0::bigint)$$, 'resolution: mean, median, nine tenths');
SELECT results_eq('SELECT day, created, solved, reopened, backlog FROM flow ORDER BY day', $$VALUES
  ('2026-10-31'::date, 10::bigint, 10::bigint, 0::bigint, 0::bigint), ('2026-11-01', 2, 2, 0, 0), ('2026-11-02', 0, 0, 1, 1), ('2026-11-03', 1, 1, 1, 2)$$,
  'flow and backlog by local days: 04:59Z on the 2nd is still the 1st, 25 hours long');
SELECT is((SELECT max(backlog) FROM flow WHERE day = '2026-11-03'), (SELECT count(*) FROM tasks WHERE status NOT IN ('resolved', 'closed')), 'the last backlog is what is open now');
SELECT is((SELECT created_on FROM tickets WHERE task_id = 12), '2026-11-01'::date, 'opened one minute before midnight, after the change');
SELECT results_eq('SELECT reopens, first_resolution_seconds, solved_at, is_overdue FROM tickets WHERE task_id = 11', 'VALUES (1::bigint, 3600::bigint, NULL::timestamptz, true)', 'a reopened ticket is overdue once its date is over');
SELECT results_eq('SELECT person_handoffs, team_handoffs, first_assigned_at FROM tickets WHERE task_id = 11', $$VALUES (1::bigint, 1::bigint, '2026-11-01 04:30Z'::timestamptz)$$,
  'from person to person over a queue is one handoff; who had it from the start got it then');
SELECT is((SELECT first_assigned_at FROM tickets WHERE task_id = 1), '2026-10-31 12:00Z'::timestamptz, 'assigned when it was opened');
SELECT results_eq($$SELECT category::text, mean_person_handoffs, mean_team_handoffs, most_handoffs, median_unassigned_seconds FROM handoffs ORDER BY 1$$,
  $$VALUES ('bug', 0.000, 0.000, 0::bigint, 0::bigint), ('request', 0.000, 0.000, 0, NULL), ('support', 0.500, 0.500, 2, 0)$$, 'handoffs');
SELECT results_eq($$SELECT category::text, solved, reopened, reopens, reopen_rate FROM reopening ORDER BY 1$$,
  $$VALUES ('bug', 10::bigint, 0::bigint, 0::bigint, 0.0000), ('request', 1, 0, 0, 0.0000), ('support', 2, 2, 2, 1.0000)$$, 'reopening');
SELECT results_eq('SELECT first_response_at, public_replies FROM tickets WHERE task_id = 13', 'VALUES (NULL::timestamptz, 0::bigint)', 'a machine''s answer is no response');
SELECT results_eq('SELECT status::text, stays, tickets, seconds, median_seconds, p90_seconds, mean_seconds FROM time_in_status WHERE category = ''bug'' AND status = ''open''',
  $$VALUES ('open', 10::bigint, 10::bigint, 198000::bigint, 18000::bigint, 32400::bigint, 19800::bigint)$$, 'time in status');
SELECT results_eq('SELECT status::text, started_at, ended_at, seconds FROM status_intervals WHERE task_id = 11 AND position < 2 ORDER BY position',
  $$VALUES ('open', '2026-11-01 04:30Z'::timestamptz, '2026-11-01 05:30Z'::timestamptz, 3600::bigint), ('resolved', '2026-11-01 05:30Z', '2026-11-02 05:30Z', 86400)$$, 'stays in a status, over the hour that comes twice');
SELECT results_eq($$SELECT tickets, estimated_hours, actual_hours, median_difference_hours, mean_absolute_difference_hours FROM estimates WHERE category = 'bug'$$,
  $$VALUES (3::bigint, 6.00, 12.00, 2.00, 2.00)$$, 'estimates against hours');
SELECT results_eq($$SELECT name, open_tickets, solved_tickets, reopens, median_resolution_seconds, mean_resolution_seconds, p90_resolution_seconds FROM agent_load WHERE user_id = 'ann'$$,
  $$VALUES ('Ann', 0::bigint, 10::bigint, 0::bigint, 18000::bigint, 19800::bigint, 32400::bigint)$$, 'what Ann has done');
SELECT results_eq($$SELECT open_tickets, open_complexity, solved_tickets, reopens FROM agent_load WHERE user_id = 'bob'$$, 'VALUES (1::bigint, 90::bigint, 0::bigint, 1::bigint)', 'what Bob has to do');
SELECT is_empty($$SELECT * FROM agent_load WHERE user_id = 'cus'$$, 'customers carry no load');
SELECT results_eq($$SELECT category::text, tickets, percentage, open_tickets, median_resolution_seconds, mean_resolution_seconds, p90_resolution_seconds FROM categories ORDER BY 1$$,
  $$VALUES ('bug', 10::bigint, 76.92, 0::bigint, 18000::bigint, 19800::bigint, 32400::bigint), ('request', 1, 7.69, 0, 7200, 7200, 7200), ('support', 2, 15.38, 2, NULL, NULL, NULL)$$, 'categories');
SELECT results_eq('SELECT level, tickets, open_tickets, open_escalations FROM complexity_distribution ORDER BY lowest_score',
  $$VALUES ('very low', 1::bigint, 0::bigint, 0::bigint), ('low', 1, 0, 0), ('medium', 0, 0, 0), ('high', 0, 0, 0), ('very high', 1, 1, 1)$$, 'complexity');
SELECT results_eq($$SELECT lowest_score, solved_tickets, median_actual_hours, median_resolution_seconds FROM complexity_accuracy ORDER BY 1$$,
  'VALUES (10, 1::bigint, 2.00, 3600::bigint), (25, 1, 4.00, 7200)', 'what became of scores');
SELECT results_eq('SELECT month, tickets, mean_score FROM complexity_drift ORDER BY 1', $$VALUES ('2026-10-01'::date, 2::bigint, 17.5), ('2026-11-01', 1, 90.0)$$, 'scores by local month');
SELECT results_eq('SELECT created_on, model::text, responses, applied, rated, helpful, helpful_rate, mean_confidence, mean_confidence_helpful, mean_confidence_unhelpful, median_seconds_to_apply, prompt_tokens, completion_tokens FROM ai_performance',
  $$VALUES ('2026-11-03'::date, 'm1', 3::bigint, 2::bigint, 2::bigint, 1::bigint, 0.5000, 0.6333, 0.9000, 0.6000, 60::bigint, 150::bigint, 25::bigint)$$, 'what models bring, by local day');
SELECT results_eq($$SELECT category::text, articles, published, drafts, archived, ai_generated, from_tickets, views, helpful_votes, unhelpful_votes, helpful_rate, never_read FROM knowledge$$,
  $$VALUES ('bug', 3::bigint, 1::bigint, 1::bigint, 1::bigint, 1::bigint, 1::bigint, 12::bigint, 3::bigint, 3::bigint, 0.5000, 0::bigint)$$, 'the knowledge base');
SELECT results_eq($$SELECT open_tasks, in_progress_tasks, resolved_tasks FROM dashboard WHERE assignee_id = 'ann'$$, 'VALUES (0::bigint, 0::bigint, 10::bigint)', 'the guide''s dashboard');
SELECT results_eq($$SELECT COUNT(*) FILTER (WHERE status = 'open'), COUNT(*) FILTER (WHERE status = 'in_progress'), COUNT(*) FILTER (WHERE status = 'resolved') FROM tasks WHERE assignee_id = 'bob'$$,
  $$SELECT open_tasks, in_progress_tasks, resolved_tasks FROM dashboard WHERE assignee_id = 'bob'$$, 'as the guide asks it');
SELECT is((SELECT sum(tickets) FROM ageing), 2::numeric, 'ageing counts what is open');
SELECT is((SELECT count(*) FROM ageing WHERE tickets > 0 AND bucket = CASE WHEN now() - '2026-11-01 04:30Z' > interval '30 days' THEN 'over 30 days' WHEN now() - '2026-11-01 04:30Z' > interval '10 days' THEN '10 to 30 days' ELSE bucket END), 1::bigint, 'by its age');

-- Maintenance does not change the past.
CREATE TEMP TABLE before AS SELECT t.task_id, reopens, first_resolution_seconds, agent_seconds, waiting_seconds, person_handoffs, first_assigned_at FROM tickets t WHERE task_id <= 10 OR task_id = 13;
CREATE TEMP TABLE flow_before AS SELECT * FROM flow;
CREATE TEMP TABLE past AS SELECT id FROM task_history;
SET LOCAL search_path = public, ticketflow;
DELETE FROM task_history;
SET LOCAL search_path = report, public, ticketflow;
SELECT set_eq('SELECT t.task_id, reopens, first_resolution_seconds, agent_seconds, waiting_seconds, person_handoffs, first_assigned_at FROM tickets t WHERE task_id <= 10 OR task_id = 13', 'TABLE before', 'archived history measures as before');
SELECT set_eq('TABLE flow', 'TABLE flow_before', 'in the flow too');
SELECT set_config('app.current_user_id', 'cus', true) \g /dev/null
SELECT is((SELECT count(*) FROM api.task_timeline(11) WHERE kind = 'updated'), 7::bigint, 'and the timeline still tells it');

-- Who reads reports reads no secret.
SET LOCAL ROLE ticketflow_report;
SELECT is((SELECT count(*) FROM tickets), 13::bigint, 'a report login reads every ticket');
SELECT throws_ok('SELECT content FROM task_comments', '42501', NULL, 'but not what people wrote to each other');
SELECT throws_ok('SELECT file_path FROM task_attachments', '42501', NULL, 'nor where files are');
SELECT throws_ok('SELECT response_text FROM ticket_auto_responses', '42501', NULL, 'nor what a model wrote');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
