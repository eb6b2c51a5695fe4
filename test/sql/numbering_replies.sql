-- Which ticket a mail belongs to: marks, numbers, and whether the sender may write there.
\set ECHO none
BEGIN;
SELECT plan(21);
SET search_path = public, ticketflow;
INSERT INTO organizations (id, name, is_shared) VALUES (1, 'Shared', true), (2, 'Private', false);
INSERT INTO users (id, email, role, is_active, is_approved, organization_id) VALUES
  ('anna', 'anna@example.org', 'customer', true, true, 1), ('bert', 'Bert@example.org', 'customer', true, true, 1),
  ('carl', 'carl@example.org', 'customer', true, true, 2), ('dora', 'dora@example.org', 'customer', true, true, 2),
  ('gone', 'gone@example.org', 'customer', false, true, 1), ('new', 'new@example.org', 'admin', true, false, NULL),
  ('agent', 'agent@example.org', 'user', true, true, NULL), ('mate', 'mate@example.org', 'user', true, true, NULL),
  ('loner', 'loner@example.org', 'user', true, true, NULL),
  ('boss', 'boss@example.org', 'manager', true, true, NULL), ('root', 'root@example.org', 'admin', true, true, NULL);
INSERT INTO teams (id, name, manager_id) VALUES (1, 'Network', 'boss'), (2, 'Desktop', NULL);
INSERT INTO team_members (team_id, user_id) VALUES (1, 'agent'), (1, 'mate'), (2, 'loner');
INSERT INTO tasks (id, title, category, created_by, created_at, assignee_type, assignee_id, assigned_team_id, organization_id) VALUES
  (1, 'of anna', 'bug', 'anna', '2026-05-05', 'user', 'agent', NULL, 1), (2, 'of carl', 'bug', 'carl', '2026-05-05', 'team', NULL, 1, 2),
  (3, 'of anna too', 'bug', 'anna', '2026-05-05', 'team', 'agent', 2, 1), (4, 'of boss', 'bug', 'boss', '2026-05-05', 'user', NULL, 1, NULL),
  (5, 'of dora', 'bug', 'dora', '2026-05-05', 'user', 'loner', 1, 2);
SELECT setval('tasks_id_seq', 100);

-- The rule for a sender is the rule of the policies.
CREATE FUNCTION sees(person text) RETURNS integer[] LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.current_user_id', person, true);
  RETURN (SELECT array_agg(id ORDER BY id) FROM visible_tasks);
END $$;
CREATE TEMP TABLE seen AS SELECT u.id AS person, sees(u.id) AS tasks FROM users u;
SELECT set_config('app.current_user_id', '', true);
SELECT results_eq('SELECT person::text, tasks FROM seen ORDER BY 1',
  'SELECT u.id::text, (SELECT array_agg(t.id ORDER BY t.id) FROM tasks t WHERE person_may_write(u.id, t.id)) FROM users u ORDER BY 1',
  'who may write is who sees, for everybody and every ticket');
SELECT ok((SELECT count(*) FROM seen WHERE tasks IS NOT NULL) = 9 AND (SELECT count(DISTINCT tasks) FROM seen) >= 6, 'and the cases differ');

CREATE TEMP TABLE mark AS SELECT t.id, ticket_reply_token(t.id) AS token FROM tasks t;
SELECT matches(token, '^tf[a-z2-7]{20}$', 'a mark is opaque') FROM mark WHERE id = 1;
SELECT is(ticket_reply_token(1), (SELECT token FROM mark WHERE id = 1), 'and stays');
SELECT is((SELECT count(DISTINCT token) FROM mark), 5::bigint, 'each ticket has its own');
SELECT throws_ok('SELECT ticket_reply_token(99)', '42704', NULL, 'no mark without a ticket');

SELECT results_eq($$SELECT task_id, ticket_number, matched_by, found_in, sender_id, sender_ok FROM route_reply('Re: [TKT-2026-0001] printer', 'it works', 'Anna <anna@example.org>')$$,
  $$VALUES (1, 'TKT-2026-0001', 'number', 'subject', 'anna', true)$$, 'a number in the subject, from its customer');
SELECT results_eq($$SELECT task_id, sender_id, sender_ok FROM route_reply('tkt 2026 1', '', 'carl@example.org')$$, $$VALUES (1, 'carl', false)$$, 'a stranger who quotes a number does not get in');
SELECT results_eq($$SELECT task_id, sender_id, sender_ok FROM route_reply('tkt 2026 1', '', 'somebody@elsewhere.example')$$, $$VALUES (1, NULL::text, false)$$, 'nor somebody without an account');
SELECT results_eq($$SELECT sender_ok FROM route_reply('tkt 2026 1', '', 'gone@example.org')$$, 'VALUES (false)', 'nor an inactive account');
SELECT results_eq($$SELECT sender_id, sender_ok FROM route_reply('tkt 2026 1', '', '  BERT@Example.org ')$$, $$VALUES ('bert', true)$$, 'a colleague of a shared organisation does, in any spelling of the address');
SELECT results_eq($$SELECT sender_ok FROM route_reply('tkt 2026 1', '', '"anna@example.org" <carl@example.org>')$$, 'VALUES (false)', 'the address counts, not the name');
SELECT is_empty($$SELECT * FROM route_reply('Re: printer', 'It broke in May 2026 42 times', 'anna@example.org')$$, 'no number, no ticket');
SELECT is_empty($$SELECT * FROM route_reply('TKT-2026-9999', '', 'anna@example.org')$$, 'a number of no ticket');

SELECT results_eq(format($$SELECT task_id, matched_by, found_in FROM route_reply('TKT-2026-0003', 'see TKT-2026-0002 and tkt-2026-5', 'anna@example.org', 'References: <ticket.%s@desk.example>')$$, (SELECT token FROM mark WHERE id = 1)),
  $$VALUES (1, 'token', 'headers'), (3, 'number', 'subject'), (2, 'number', 'body'), (5, 'number', 'body')$$, 'the mark in the headers is surest, then the subject, then the body');
SELECT results_eq(format($$SELECT task_id, matched_by, found_in, sender_ok FROM route_reply('hello', '', 'carl@example.org', NULL, 'support+%s@desk.example')$$, (SELECT upper(token) FROM mark WHERE id = 1)),
  $$VALUES (1, 'token', 'recipient', false)$$, 'a mark in the reply address does not make a stranger welcome');
SELECT results_eq(format($$SELECT task_id, found_in FROM route_reply('hello', '> [%s]', 'anna@example.org')$$, (SELECT token FROM mark WHERE id = 3)), $$VALUES (3, 'body')$$, 'a mark in the quoted text');
SELECT is_empty(format($$SELECT * FROM route_reply('hello', 'x%s', 'anna@example.org')$$, (SELECT token FROM mark WHERE id = 3)), 'part of a word is no mark');
SELECT renumber_ticket(1, 'TKT-2026-0500'), merge_ticket_numbers(3, 1);
SELECT results_eq($$SELECT task_id, ticket_number, matched_by, sender_ok FROM route_reply('TKT-2026-0001 TKT-2026-0003', '', 'anna@example.org')$$,
  $$VALUES (1, 'TKT-2026-0500', 'renumbered', true)$$, 'former and merged numbers lead to the ticket, once');
DELETE FROM ticket_reply_tokens WHERE task_id = 1;
SELECT isnt(ticket_reply_token(1), (SELECT token FROM mark WHERE id = 1), 'a mark can be revoked');
SET LOCAL ROLE ticketflow_admin;
SELECT throws_ok($$SELECT * FROM public.route_reply('a', 'b', 'c')$$, '42501', NULL, 'routing is for the service');

SELECT * FROM finish();
ROLLBACK;
