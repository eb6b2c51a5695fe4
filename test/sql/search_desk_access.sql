-- search and rights: nobody finds, counts, ranks or is shown what she may not read.
\set ECHO none
BEGIN;
SELECT plan(20);
SET search_path = public, ticketflow;
INSERT INTO users (id, email, role, is_approved) VALUES ('ann', 'ann@x.test', 'customer', true), ('bob', 'bob@x.test', 'customer', true),
  ('agent', 'agent@x.test', 'user', true), ('idle', 'idle@x.test', 'user', true), ('root', 'root@x.test', 'admin', true);
INSERT INTO tasks (id, ticket_number, title, description, category, created_by, assignee_id) VALUES
  (1, 'HD-2026-0001', 'Printer jams', 'Tray two', 'bug', 'ann', 'agent'),
  (2, 'HD-2026-0002', 'Printer offline', 'Network printer of the printer room', 'bug', 'bob', 'agent'),
  (3, 'HD-2026-0003', 'Mouse', 'No printer here', 'bug', 'ann', NULL);
INSERT INTO task_comments (task_id, user_id, content, is_internal) VALUES
  (1, 'agent', 'Looks like a worn roller', false), (1, 'agent', 'Customer breaks it on purpose, printer abuse', true);

SELECT setval('tasks_id_seq', 100) AS ignored \gset
CREATE FUNCTION found(person text, db_role text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  PERFORM set_config('app.current_user_id', person, true), set_config('role', db_role, true);
  SELECT string_agg(id::text, ',' ORDER BY id) || ' of ' || max(total) INTO result FROM api.search_tasks(query);
  PERFORM set_config('role', 'none', true);
  RETURN result;
END $$;
SELECT is(found('ann', 'ticketflow_customer', 'printer'), '1,3 of 2', 'a customer finds and counts her own tickets');
SELECT is(found('bob', 'ticketflow_customer', 'printer'), '2 of 1', 'another customer finds his');
SELECT is(found('agent', 'ticketflow_user', 'printer'), '1,2 of 2', 'an agent finds what is assigned to her');
SELECT is(found('idle', 'ticketflow_user', 'printer'), NULL, 'an agent without tickets finds nothing');
SELECT is(found('root', 'ticketflow_admin', 'printer'), '1,2,3 of 3', 'an administrator finds everything');
SELECT is(found('nobody', 'ticketflow_customer', 'printer'), NULL, 'who is nobody finds nothing');
SELECT is(found('ann', 'ticketflow_customer', 'roller'), '1 of 1', 'a public comment leads to its ticket');
SELECT is(found('ann', 'ticketflow_customer', 'purpose'), NULL, 'an internal comment does not, for a customer');
SELECT is(found('agent', 'ticketflow_user', 'purpose'), '1 of 1', 'it does for an agent');
SELECT is(found('ann', 'ticketflow_user', 'purpose'), NULL, 'a customer stays one under a higher database role');
SELECT is(found('agent', 'ticketflow_customer', 'purpose'), NULL, 'and an agent has less under a lower one');
SELECT is(found('bob', 'ticketflow_customer', 'HD-2026-0001'), NULL, 'a number of somebody else''s ticket finds nothing');
SELECT is(found('ann', 'ticketflow_customer', '0001'), '1 of 1', 'a part of one''s own number does');

-- The rank of a customer's hit must not tell that internal comments are there.
SET LOCAL app.current_user_id = 'ann';
SET LOCAL ROLE ticketflow_customer;
CREATE TEMP TABLE ranks AS SELECT id, rank, snippet FROM api.search_tasks('printer');
RESET ROLE;
SELECT ok(NOT bool_or(snippet LIKE '%purpose%'), 'no internal comment in a customer''s snippet') FROM ranks;
UPDATE task_comments SET content = repeat('printer ', 50) WHERE is_internal;
SET LOCAL ROLE ticketflow_customer;
SELECT results_eq('SELECT id, rank FROM api.search_tasks(''printer'') ORDER BY id', 'SELECT id, rank FROM ranks ORDER BY id', 'internal comments do not move a customer''s ranks');
SELECT throws_ok('SELECT document FROM task_staff_documents', '42501', NULL, 'the documents of staff are out of a customer''s reach');
RESET ROLE;
SET LOCAL ROLE ticketflow_user;
SELECT is((SELECT count(*) FROM task_staff_documents), 0::bigint, 'also under a higher database role');
RESET ROLE;
SET LOCAL ROLE ticketflow_customer;
SELECT is((SELECT count(*) FROM task_documents), 2::bigint, 'documents follow their tickets');
SELECT throws_ok('SELECT refresh_task_documents(ARRAY[1])', '42501', NULL, 'nobody writes documents by hand');
RESET ROLE;

-- What a person writes is indexed whatever she may do to task_documents herself.
SET LOCAL ROLE ticketflow_customer;
SELECT id AS new_id FROM api.create_task('Keyboard sticks', 'After coffee', 'bug') \gset
RESET ROLE;
SELECT is(found('ann', 'ticketflow_customer', 'keyboard coffee'), :'new_id' || ' of 1', 'a ticket that a customer makes is found by her');
SELECT * FROM finish();
ROLLBACK;
