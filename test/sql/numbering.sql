-- database: engine
-- Ticket numbers without a desk and on one: shape, periods, given numbers.
\set ECHO none
BEGIN;
SELECT plan(13);

SELECT is(ticketflow.next_ticket_number('TKT', '2026-05-01'), 'TKT-2026-0001', 'the first number of a year');
SELECT is(ticketflow.next_ticket_number('TKT', '2026-06-01'), 'TKT-2026-0002', 'the next number');
SELECT is(ticketflow.next_ticket_number('TKT', '2025-12-31 23:59:59+00'), 'TKT-2025-0001', 'a back-dated number counts in its own year');
SELECT matches(ticketflow.next_ticket_number(), '^TKT-\d{4}-\d{4}$', 'prefix and moment have defaults');
SELECT is(ticketflow.next_ticket_number('hd', '2026-05-01'), 'hd-2026-0001', 'the case of a prefix is kept');
SELECT is(ticketflow.next_ticket_number('HD', '2026-05-01'), 'HD-2026-0001', 'and tells series apart');
SAVEPOINT before;
SELECT is(ticketflow.next_ticket_number('HD', '2026-05-01'), 'HD-2026-0002', 'a number');
ROLLBACK TO before;
SELECT is(ticketflow.next_ticket_number('HD', '2026-05-01'), 'HD-2026-0003', 'that is rolled back is not given again');
SELECT throws_ok($$SELECT ticketflow.next_ticket_number('TKT%')$$, '22023', NULL, 'a wild card in a prefix is refused');

CALL ticketflow.deploy();
INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('u1', 'u1@example.org', 'user', true, true);
INSERT INTO tasks (title, category, created_by, created_at) VALUES ('one', 'bug', 'u1', '2024-02-03'), ('two', 'bug', 'u1', '2024-02-03');
SELECT results_eq('SELECT ticket_number::text FROM tasks ORDER BY id', ARRAY['TKT-2024-0001', 'TKT-2024-0002'], 'tickets are numbered by their own date');
SELECT is(ticketflow.next_ticket_number('TKT', '2024-07-07'), 'TKT-2024-0003', 'by hand and by trigger count together');
INSERT INTO tasks (title, category, created_by, ticket_number) VALUES ('given', 'bug', 'u1', 'OLD-17');
SELECT is((SELECT ticket_number::text FROM tasks WHERE title = 'given'), 'OLD-17', 'a given number is kept');
INSERT INTO tasks (title, category, created_by, ticket_number) VALUES ('empty', 'bug', 'u1', '');
SELECT matches((SELECT ticket_number::text FROM tasks WHERE title = 'empty'), '^TKT-\d{4}-\d{4}$', 'an empty number counts as none');

SELECT * FROM finish();
ROLLBACK;
