-- search: tickets with pasted logs that no tsvector can hold are stored, indexed as far as it goes, and harm no query.
\set ECHO none
BEGIN;
SELECT plan(12);
INSERT INTO users (id, email) VALUES ('ann', 'ann@example.com');
CREATE TEMP TABLE log AS SELECT string_agg(format('%s ERROR session %s failed', md5(i::text), md5((-i)::text)), E'\n') AS body FROM generate_series(1, 25000) i;
SELECT cmp_ok(length(body), '>', 2000000, 'a log of two megabytes') FROM log;
SELECT throws_ok('SELECT pg_catalog.to_tsvector(''english''::regconfig, body) FROM log', '54000', NULL, 'which PostgreSQL refuses to make a tsvector of');

INSERT INTO tasks (id, title, description, category, created_by) VALUES (1, 'Small ticket', 'with a failed session', 'bug', 'ann');
SELECT lives_ok($$INSERT INTO tasks (id, title, description, category, created_by) SELECT 2, 'Pasted log', body, 'bug', 'ann' FROM log$$, 'is accepted as a ticket');
SELECT lives_ok($$INSERT INTO tasks (id, title, description, category, created_by)
  SELECT 3, 'Fifty megabytes', repeat('0123456789 zebra ', 3100000), 'bug', 'ann'$$, 'and so are fifty megabytes');
SELECT is((SELECT length(description) FROM tasks WHERE id = 3), 52700000, 'stored in full');
INSERT INTO task_comments (task_id, user_id, content) VALUES (2, 'ann', 'The elephant is in the comment');
INSERT INTO task_comments (task_id, user_id, content, is_internal) SELECT 2, 'ann', body, true FROM log;

-- The guide's query, as printed.
PREPARE guide (text) AS
SELECT t.*, ts_rank(search_vector, plainto_tsquery('english', $1)) AS rank
FROM (
  SELECT *, to_tsvector('english', title || ' ' || COALESCE(description, '')) AS search_vector
  FROM tasks
) t
WHERE search_vector @@ plainto_tsquery('english', $1)
ORDER BY rank DESC, created_at DESC;
CREATE TEMP TABLE answer AS EXECUTE guide('failed session');
SELECT results_eq('SELECT id FROM answer ORDER BY id', 'VALUES (1), (2)', 'the guide''s query runs beside such tickets, and finds them');

SELECT results_eq($$SELECT id FROM api.search_tasks('zebra')$$, 'VALUES (3)', 'ranked search finds the big ones');
SELECT results_eq($$SELECT id FROM api.search_tasks('session failed') ORDER BY id$$, 'VALUES (1), (2)', 'and the log');
SELECT results_eq($$SELECT id FROM api.search_tasks('elephant')$$, 'VALUES (2)', 'a comment is found behind a description that fills its document');
SELECT cmp_ok(pg_column_size(document), '<', 1300000, 'a document stays within a tsvector''s bounds') FROM task_documents WHERE task_id = 2;
SELECT ok(length(s.document) > length(d.document), 'and leaves room for internal comments') FROM task_documents d JOIN task_staff_documents s USING (task_id) WHERE task_id = 2;
SELECT cmp_ok(length(snippet), '<', 1000, 'a snippet of a log is short') FROM api.search_tasks('session failed') WHERE id = 2;
SELECT * FROM finish();
ROLLBACK;
