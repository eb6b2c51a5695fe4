-- search on the desk: documents follow their tickets, comments and articles.
\set ECHO none
BEGIN;
SELECT plan(18);
SET search_path = public, ticketflow;
INSERT INTO users (id, email) VALUES ('ann', 'ann@example.com');
INSERT INTO tasks (id, ticket_number, title, description, category, created_by, tags) VALUES
  (1, 'TKT-2026-0001', 'Printer jams', 'Paper is stuck in <b>tray</b> two & three', 'bug', 'ann', '{hardware,third floor}'),
  (2, 'TKT-2026-0042', 'Install printer configuration', 'The new driver', 'support', 'ann', '{}');

SELECT is((SELECT count(*) FROM task_documents), 2::bigint, 'a new ticket has a document');
SELECT ok(document @@ 'printer:A & jam:A & hardwar:B & floor:B & bug:B & paper:C', 'title, tags, category and description have their labels')
  FROM task_documents WHERE task_id = 1;
SELECT is(staff_document, NULL, 'without internal comments there is one document') FROM task_documents WHERE task_id = 1;

INSERT INTO task_comments (task_id, user_id, content, is_internal) VALUES (1, 'ann', 'Cleaned the rollers', false), (1, 'ann', 'Angry customer', true);
SELECT ok(document @@ 'roller:D' AND NOT document @@ 'angri', 'a public comment is in the document, an internal one is not')
  FROM task_documents WHERE task_id = 1;
SELECT ok(staff_document @@ 'roller:D & angri:D & printer:A', 'staff have a document with both') FROM task_documents WHERE task_id = 1;
UPDATE task_comments SET is_internal = true WHERE content LIKE 'Cleaned%';
SELECT ok(NOT document @@ 'roller', 'a comment that becomes internal leaves the document') FROM task_documents WHERE task_id = 1;
UPDATE task_comments SET task_id = 2 WHERE content LIKE 'Cleaned%';
SELECT results_eq($$SELECT task_id, staff_document @@ 'roller' FROM task_documents ORDER BY 1$$, 'VALUES (1, false), (2, true)',
  'a comment that moves to another ticket changes both');
DELETE FROM task_comments;
SELECT is((SELECT count(*) FROM task_documents WHERE staff_document IS NOT NULL), 0::bigint, 'a deleted comment leaves its document');
UPDATE tasks SET title = 'Scanner jams' WHERE id = 1;
SELECT ok(document @@ 'scanner:A' AND NOT document @@ 'printer', 'a new title replaces the old one') FROM task_documents WHERE task_id = 1;

CREATE TEMP TABLE before AS SELECT ctid AS at, * FROM task_documents;
UPDATE tasks SET status = 'in_progress', priority = 'high', updated_at = now(), title = title, description = description;
SELECT results_eq('SELECT ctid FROM task_documents ORDER BY task_id', 'SELECT at FROM before ORDER BY task_id', 'a change of status writes no document');

SELECT results_eq($$SELECT id, matched FROM api.search_tasks('printer')$$, $$VALUES (2, 'text')$$, 'search finds a word');
SELECT results_eq($$SELECT id FROM api.search_tasks('printer config')$$, 'VALUES (2)', 'and the beginning of the last word');
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('tkt-2026-0001')$$, $$VALUES (1, 'number')$$, 'a ticket number is found');
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('0042')$$, $$VALUES (2, 'part of the number')$$, 'and its end');
SELECT results_eq($$SELECT id, relaxed IS NOT NULL FROM api.search_tasks('scanner driver') ORDER BY id$$, 'VALUES (1, true), (2, true)',
  'where no ticket has all words, those with one of them are shown, and it says so');
SELECT is((SELECT snippet FROM api.search_tasks('paper')), '<mark>Paper</mark> is stuck in &lt;b&gt;tray&lt;/b&gt; two &amp; three',
  'a snippet is escaped and marked');
SELECT throws_ok($$SELECT * FROM api.search_tasks('x', 0)$$, '22023', NULL, 'no page size of 0');

INSERT INTO knowledge_articles (title, content, created_by) VALUES ('Paper jams', 'Open tray two', 'ann');
SELECT ok((SELECT document @@ 'paper:A & tray:C' FROM article_documents), 'articles have documents too');
SELECT * FROM finish();
ROLLBACK;
