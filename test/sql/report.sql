-- Reports against a case worked out by hand: Oslo, the night in which clocks go forward.
\set ECHO none
BEGIN;
SELECT plan(34);
INSERT INTO company_settings (company_name, time_zone) VALUES ('Hand-made', 'Europe/Oslo');
INSERT INTO users (id, email, role, is_approved) VALUES ('r-cust', 'r1@example.org', 'customer', true), ('r-agent', 'r2@example.org', 'user', true),
  ('r-other', 'r3@example.org', 'user', true);

-- As replication would bring it: no trigger adds stamps or history of its own.
SET LOCAL session_replication_role = replica;
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, assignee_id, created_at, resolved_at, estimated_hours, actual_hours, due_date) VALUES
  (9001, 'R-1', 'A', 'bug', 'resolved', 'r-cust', 'r-agent', '2026-03-28 22:30Z', '2026-03-29 12:00Z', 2, 3.5, '2026-03-29 05:00Z'),
  (9002, 'R-2', 'B', 'bug', 'open', 'r-cust', NULL, '2026-03-28 23:30Z', NULL, NULL, NULL, NULL),
  (9003, 'R-3', 'imported', 'support', 'closed', 'r-cust', NULL, '2026-03-20 10:00Z', '2026-03-20 11:00Z', NULL, NULL, NULL);
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES
  (9001, 'status', 'open', 'in_progress', 'updated', '2026-03-29 00:30Z'),
  (9001, 'assignee_id', NULL, 'r-other', 'updated', '2026-03-29 00:30Z'),
  (9001, 'status', 'in_progress', 'on_hold', 'updated', '2026-03-29 02:00Z'),
  (9001, 'assignee_id', 'r-other', 'r-agent', 'updated', '2026-03-29 02:00Z'),
  (9001, 'status', 'on_hold', 'in_progress', 'updated', '2026-03-29 04:00Z'),
  (9001, 'status', 'in_progress', 'resolved', 'updated', '2026-03-29 06:00Z'),
  (9001, 'status', 'resolved', 'open', 'updated', '2026-03-29 10:00Z'),
  (9001, 'status', 'open', 'resolved', 'updated', '2026-03-29 12:00Z');
INSERT INTO task_comments (task_id, user_id, content, is_internal, created_at) VALUES
  (9001, 'r-cust', 'more', false, '2026-03-28 22:40Z'), (9001, 'r-agent', 'note', true, '2026-03-28 23:00Z'),
  (9001, 'r-agent', 'answer', false, '2026-03-29 01:30Z'), (9001, 'r-agent', 'done', false, '2026-03-29 12:00Z'),
  (9002, 'r-agent', 'note only', true, '2026-03-29 08:00Z'), (9002, 'r-cust', 'hello?', false, '2026-03-29 09:00Z');
SET LOCAL session_replication_role = origin;
SET LOCAL search_path = report, public, ticketflow;

CREATE TEMP TABLE a AS SELECT * FROM tickets WHERE task_id = 9001;
SELECT is((SELECT first_response_seconds FROM a), 10800::bigint, 'first response: the first public answer of the desk, over the lost hour');
SELECT is((SELECT public_replies FROM a), 2::bigint, 'public replies leave out notes and the requester');
SELECT is((SELECT first_resolution_seconds FROM a), 27000::bigint, 'first resolution: opening to first solution');
SELECT is((SELECT full_resolution_seconds FROM a), 48600::bigint, 'full resolution: opening to last solution');
SELECT is((SELECT reopens FROM a), 1::bigint, 'one reopening');
SELECT is((SELECT waiting_seconds FROM a), 7200::bigint, 'on hold');
SELECT is((SELECT agent_seconds FROM a), 27000::bigint, 'in statuses where the desk has the next move');
SELECT is((SELECT person_handoffs FROM a), 1::bigint, 'a first assignment is not a handoff');
SELECT is((SELECT is_overdue FROM a), true, 'first solved after the due date');
SELECT is((SELECT created_on FROM a), '2026-03-28'::date, 'opened at 23:30 in Oslo');
SELECT is((SELECT created_on FROM tickets WHERE task_id = 9002), '2026-03-29'::date, 'opened at 00:30 in Oslo, still the 28th in UTC');
SELECT is((SELECT first_response_at FROM tickets WHERE task_id = 9002), NULL, 'an internal note is no response');
SELECT is((SELECT full_resolution_seconds FROM tickets WHERE task_id = 9002), NULL, 'an open ticket has no resolution time, not 0');
SELECT is((SELECT full_resolution_seconds FROM tickets WHERE task_id = 9003), 3600::bigint, 'an imported ticket is measured by its stamps');

SELECT results_eq('SELECT day, created, solved, reopened, backlog FROM flow ORDER BY day',
  $$VALUES ('2026-03-20'::date, 1::bigint, 1::bigint, 0::bigint, 0::bigint), ('2026-03-28', 1, 0, 0, 1), ('2026-03-29', 1, 2, 1, 1)$$,
  'flow and backlog by local days');
SELECT results_eq($$SELECT median_difference_hours, estimated_hours FROM estimates WHERE category = 'bug'$$, 'VALUES (1.50::numeric, 2::numeric)', 'estimates against actual hours');
SELECT results_eq($$SELECT solved, reopened, reopen_rate FROM reopening WHERE category = 'bug'$$, 'VALUES (1::bigint, 1::bigint, 1.0000::numeric)', 'reopen rate');
SELECT throws_ok($$UPDATE company_settings SET time_zone = 'Mars/Olympus'$$, '22023', NULL, 'an unknown time zone is refused');

-- From the person it was opened for through a queue to another person, and back to a queue.
SET LOCAL session_replication_role = replica;
INSERT INTO teams (id, name) VALUES (901, 'one'), (902, 'two');
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, assignee_type, assigned_team_id, created_at, due_date) VALUES
  (9004, 'R-4', 'D', 'handed', 'open', 'r-cust', 'team', 902, '2026-04-01 10:00Z', '2026-04-02 10:00Z');
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES
  (9004, 'assignee_id', 'r-agent', NULL, 'updated', '2026-04-01 11:00Z'), (9004, 'assigned_team_id', NULL, '901', 'updated', '2026-04-01 11:00Z'),
  (9004, 'assigned_team_id', '901', NULL, 'updated', '2026-04-01 12:00Z'), (9004, 'assignee_id', NULL, 'r-other', 'updated', '2026-04-01 12:00Z'),
  (9004, 'assignee_id', 'r-other', NULL, 'updated', '2026-04-01 13:00Z'), (9004, 'assigned_team_id', NULL, '902', 'updated', '2026-04-01 13:00Z'),
  (9004, 'status', 'open', 'resolved', 'updated', '2026-04-01 14:00Z'), (9004, 'status', 'resolved', 'open', 'updated', '2026-04-03 10:00Z');
-- A machine answered it; it came solved and was reopened; articles that were read and voted on.
INSERT INTO tasks (id, ticket_number, title, category, status, created_by, created_at) VALUES
  (9005, 'R-5', 'E', 'reopened', 'open', 'r-cust', '2026-04-10 10:00Z');
INSERT INTO task_history (task_id, field, old_value, new_value, change_type, created_at) VALUES
  (9005, 'status', 'resolved', 'open', 'updated', '2026-04-12 10:00Z');
INSERT INTO task_comments (id, task_id, user_id, content, is_internal, created_at) VALUES (99001, 9005, 'r-agent', 'by a machine', false, '2026-04-10 10:05Z');
INSERT INTO ticket_auto_responses (task_id, response_text, confidence_score, model_used, prompt_tokens, completion_tokens, was_helpful, created_at, applied_at, comment_id) VALUES
  (9005, 'by a machine', 0.9, 'm', 100, 20, true, '2026-04-10 10:00Z', '2026-04-10 10:05Z', 99001),
  (9004, 'not sent', 0.4, 'm', 50, 10, false, '2026-04-10 11:00Z', NULL, NULL);
INSERT INTO knowledge_articles (title, content, category, status, view_count, helpful_votes, unhelpful_votes) VALUES
  ('a', 'a', 'made', 'published', 10, 3, 1), ('b', 'b', 'made', 'published', 0, 0, 0), ('c', 'c', 'made', 'draft', 0, 0, 0);
SET LOCAL session_replication_role = origin;
SELECT is((SELECT person_handoffs FROM tickets WHERE task_id = 9004), 1::bigint, 'one handoff from person to person through a queue');
SELECT is((SELECT team_handoffs FROM tickets WHERE task_id = 9004), 1::bigint, 'one from queue to queue through a person');
SELECT is((SELECT first_assigned_at FROM tickets WHERE task_id = 9004), '2026-04-01 10:00Z'::timestamptz, 'opened with an assignee: assigned at once');
SELECT is((SELECT is_overdue FROM tickets WHERE task_id = 9004), true, 'solved in time, but reopened and past its due date');
SELECT is((SELECT first_response_at FROM tickets WHERE task_id = 9005), NULL, 'a machine gives no first response');
SELECT results_eq($$SELECT day, created, solved, reopened, backlog FROM flow WHERE day >= '2026-04-01' ORDER BY day$$,
  $$VALUES ('2026-04-01'::date, 1::bigint, 1::bigint, 0::bigint, 1::bigint), ('2026-04-03', 0, 0, 1, 2), ('2026-04-10', 1, 1, 0, 2), ('2026-04-12', 0, 0, 1, 3)$$,
  'a ticket that came solved and was reopened is one open ticket more');
SELECT results_eq($$SELECT solved, reopened FROM reopening WHERE category = 'reopened'$$, 'VALUES (1::bigint, 1::bigint)', 'and one that came back');
SELECT results_eq($$SELECT created_on, responses, applied, rated, helpful, helpful_rate, mean_confidence, median_seconds_to_apply, prompt_tokens, completion_tokens FROM ai_performance WHERE model = 'm'$$,
  $$VALUES ('2026-04-10'::date, 2::bigint, 1::bigint, 2::bigint, 1::bigint, 0.5000::numeric, 0.6500::numeric, 300::bigint, 150::bigint, 30::bigint)$$, 'proposed responses');
SELECT results_eq($$SELECT articles, published, drafts, views, helpful_rate, never_read FROM knowledge WHERE category = 'made'$$,
  $$VALUES (3::bigint, 2::bigint, 1::bigint, 10::bigint, 0.7500::numeric, 1::bigint)$$, 'articles');

-- Retention moves history; no figure may move with it.
CREATE TEMP TABLE before AS SELECT 't' AS of, to_jsonb(t) - '{age_seconds,idle_seconds,agent_seconds}'::text[] AS row FROM tickets t
  UNION ALL SELECT 'f', to_jsonb(f) FROM flow f;
SET LOCAL app.current_user_id = 'r-agent';
CREATE TEMP TABLE timeline AS SELECT * FROM api.task_timeline(9001);
SET LOCAL search_path = public, ticketflow;
DELETE FROM task_history WHERE task_id BETWEEN 9001 AND 9005;
SET LOCAL search_path = report, public, ticketflow;
SELECT is((SELECT count(*) FROM task_history_archive WHERE task_id BETWEEN 9001 AND 9005), 17::bigint, 'history goes into the archive');
SELECT set_eq($$SELECT 't' AS of, to_jsonb(t) - '{age_seconds,idle_seconds,agent_seconds}'::text[] AS row FROM tickets t UNION ALL SELECT 'f', to_jsonb(f) FROM flow f$$,
  'SELECT * FROM before', 'and no figure changes');
SELECT ok((SELECT count(*) FROM timeline) = 12, 'a ticket''s timeline');
SELECT set_eq('SELECT * FROM api.task_timeline(9001)', 'SELECT * FROM timeline', 'stays whole, too');

SET LOCAL ROLE ticketflow_report;
SELECT is((SELECT count(*) FROM tickets), 5::bigint, 'ticketflow_report reads every ticket');
SELECT throws_ok('SELECT email FROM users', '42501', NULL, 'but no contact detail');
SELECT throws_ok('DELETE FROM tasks', '42501', NULL, 'and changes nothing');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
