-- Reports against a case worked out by hand: Oslo, the night in which clocks go forward.
\set ECHO none
BEGIN;
SELECT plan(21);
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

SET LOCAL ROLE ticketflow_report;
SELECT is((SELECT count(*) FROM tickets), 3::bigint, 'ticketflow_report reads every ticket');
SELECT throws_ok('SELECT email FROM users', '42501', NULL, 'but no contact detail');
SELECT throws_ok('DELETE FROM tasks', '42501', NULL, 'and changes nothing');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
