-- search: similar tickets and possible duplicates.
\set ECHO none
BEGIN;
SELECT plan(21);
INSERT INTO users (id, email, role, is_approved) VALUES ('ann', 'ann@x.test', 'customer', true), ('bob', 'bob@x.test', 'customer', true);
-- A desk of one ticket, of two, of five: words are not yet told apart by how many tickets have them.
CREATE FUNCTION pg_temp.confidence(title text, description text) RETURNS float8 LANGUAGE sql RETURN
  COALESCE((SELECT confidence FROM api.suggest_duplicates(title, description, 1, 0)), 0);
CREATE TEMP TABLE young (tickets int, copy float8, partly float8, other float8);
CREATE FUNCTION pg_temp.look() RETURNS void LANGUAGE sql AS $$
  INSERT INTO young SELECT (SELECT count(*) FROM tasks), pg_temp.confidence('VPN disconnects every hour with error 809', 'The tunnel drops after sixty minutes'),
    pg_temp.confidence('VPN does not work', 'I cannot connect, error 809'), pg_temp.confidence('VPN asks for a token', 'Where do I get one?') $$;
INSERT INTO tasks (id, ticket_number, title, description, category, created_by) VALUES
  (1, 'OLD-2025-1', 'VPN disconnects every hour with error 809', 'The tunnel drops after sixty minutes, event log shows ORA-00600 and error 809', 'bug', 'ann');
SELECT pg_temp.look();
INSERT INTO tasks (id, ticket_number, title, description, category, created_by) VALUES
  (4, 'OLD-2025-4', 'Coffee machine leaks', 'Water on the kitchen floor', 'request', 'ann');
SELECT pg_temp.look();
INSERT INTO tasks (id, ticket_number, title, description, category, created_by)
  SELECT 100 + i, 'OLD-2025-' || 100 + i, (ARRAY['Printer', 'Mail', 'Network', 'Monitor', 'Login'])[1 + i % 5] || ' question ' || i,
    'Please help with item ' || i || ' on floor ' || i % 7, 'support', 'bob' FROM generate_series(1, 3) i;
SELECT pg_temp.look();
INSERT INTO tasks (id, ticket_number, title, description, category, created_by)
  SELECT 100 + i, 'OLD-2025-' || 100 + i, (ARRAY['Printer', 'Mail', 'Network', 'Monitor', 'Login'])[1 + i % 5] || ' question ' || i,
    'Please help with item ' || i || ' on floor ' || i % 7, 'support', 'bob' FROM generate_series(4, 60) i;
SELECT pg_temp.look();
INSERT INTO tasks (id, ticket_number, title, description, category, created_by) VALUES
  (2, 'OLD-2025-2', 'VPN drops hourly: error 809', 'Every hour the tunnel disconnects with error 809 in the event log', 'bug', 'bob'),
  (3, 'OLD-2025-3', 'VPN disconnects every hour with error 809', 'The tunnel drops after sixty minutes, event log shows ORA-00600 and error 809', 'bug', 'ann');
SELECT results_eq('SELECT tickets FROM young ORDER BY 1', 'VALUES (1), (2), (5), (62)', 'one ticket, two, five, and more');
SELECT ok(bool_and(copy > 0.9), 'a copy is nearly certain on a desk of any size') FROM young;
SELECT ok(bool_and(partly BETWEEN 0.1 AND 0.3), 'one in other words is suggested on a desk of any size') FROM young;
SELECT ok(bool_and(other < 0.1), 'another matter with a word in common is not') FROM young;
SELECT cmp_ok(max(partly) - min(partly), '<', 0.1::float8, 'and the confidence hardly depends on how many tickets there are') FROM young;
SET LOCAL ticketflow.least_documents = 1000;
SELECT cmp_ok((SELECT ticketflow.bm25_score('task_documents_rank', document, 'vpn') FROM task_documents WHERE task_id = 1), '>', 4::float8, 'a word is as rare as if there were so many documents');
SELECT is((SELECT ticketflow.bm25_score('task_documents_rank', document, 'vpn') FROM task_documents WHERE task_id = 1),
  (SELECT -(document OPERATOR(ticketflow.<@>) 'vpn') FROM task_documents WHERE document @@ 'vpn' AND task_id = 1 ORDER BY document OPERATOR(ticketflow.<@>) 'vpn' LIMIT 1), 'in the scan as in the function');
RESET ticketflow.least_documents;
SELECT results_eq('SELECT id FROM api.similar_tasks(1, 2)', 'VALUES (3), (2)', 'the copy first, then the one in other words');
SELECT ok(NOT EXISTS (SELECT FROM api.similar_tasks(1, 100) WHERE id = 1), 'a ticket is not similar to itself');
SELECT ok(bool_and(confidence BETWEEN 0 AND 1), 'confidence is 0 to 1') FROM api.similar_tasks(1, 100);
SELECT cmp_ok((SELECT confidence FROM api.similar_tasks(1, 1)), '>', 0.9::float8, 'a copy is nearly certain');
SELECT cmp_ok((SELECT max(confidence) FROM api.similar_tasks(4, 5)), '<', 0.1::float8, 'a ticket without its like gets little confidence');
SELECT ok((SELECT shared_terms @> '{VPN,809}' FROM api.similar_tasks(1, 5) WHERE id = 2), 'the shared words are the reasons');
SELECT ok((SELECT NOT shared_terms && '{the,in,ORA-00600}' FROM api.similar_tasks(1, 5) WHERE id = 2), 'stop words and what only one has are none');
SELECT results_eq($$SELECT id FROM api.suggest_duplicates('VPN error 809 every hour', 'tunnel disconnects', 3) ORDER BY id$$, 'VALUES (1), (2), (3)', 'a new ticket is told its likes');
SELECT is_empty($$SELECT * FROM api.suggest_duplicates('Something entirely different', 'nothing of the kind')$$, 'and nothing where there is none');
SELECT is_empty($$SELECT * FROM api.suggest_duplicates('', '')$$, 'an empty text has no likes');
SELECT throws_ok('SELECT * FROM api.similar_tasks(999)', 'PT404', NULL, 'no such ticket');
SELECT throws_ok($$SELECT * FROM api.suggest_duplicates('a', 'b', 5, 2)$$, '22023', NULL, 'no confidence of 2');
SET LOCAL app.current_user_id = 'ann';
SET LOCAL ROLE ticketflow_customer;
SELECT results_eq('SELECT id FROM api.similar_tasks(1, 2)', 'VALUES (3)', 'a customer is shown her own tickets only');
SELECT throws_ok('SELECT * FROM api.similar_tasks(2)', 'PT404', NULL, 'and cannot ask about another''s');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
