-- search on the desk: documents follow their tickets, comments and articles.
\set ECHO none
BEGIN;
SELECT plan(41);
SET search_path = public, ticketflow;
INSERT INTO users (id, email) VALUES ('ann', 'ann@example.com');
INSERT INTO tasks (id, ticket_number, title, description, category, created_by, tags) VALUES
  (1, 'TKT-2026-0001', 'Printer jams', 'Paper is stuck in <b>tray</b> two & three', 'bug', 'ann', '{hardware,third floor}'),
  (2, 'TKT-2026-0042', 'Install printer configuration', 'The new driver', 'support', 'ann', '{}');

SELECT is((SELECT count(*) FROM task_documents), 2::bigint, 'a new ticket has a document');
SELECT ok(document @@ 'printer:A & jam:A & hardwar:B & floor:B & bug:B & paper:C', 'title, tags, category and description have their labels')
  FROM task_documents WHERE task_id = 1;
SELECT is(s.document, d.document, 'without internal comments staff have the same') FROM task_documents d JOIN task_staff_documents s USING (task_id) WHERE task_id = 1;

INSERT INTO task_comments (task_id, user_id, content, is_internal) VALUES (1, 'ann', 'Cleaned the rollers', false), (1, 'ann', 'Angry customer', true);
SELECT ok(document @@ 'roller:D' AND NOT document @@ 'angri', 'a public comment is in the document, an internal one is not')
  FROM task_documents WHERE task_id = 1;
SELECT ok(document @@ 'roller:D & angri:D & printer:A', 'staff have a document with both') FROM task_staff_documents WHERE task_id = 1;
UPDATE task_comments SET is_internal = true WHERE content LIKE 'Cleaned%';
SELECT ok(NOT document @@ 'roller', 'a comment that becomes internal leaves the document') FROM task_documents WHERE task_id = 1;
UPDATE task_comments SET task_id = 2 WHERE content LIKE 'Cleaned%';
SELECT results_eq($$SELECT task_id, document @@ 'roller' FROM task_staff_documents ORDER BY 1$$, 'VALUES (1, false), (2, true)',
  'a comment that moves to another ticket changes both');
DELETE FROM task_comments;
SELECT is((SELECT count(*) FROM task_documents d JOIN task_staff_documents s USING (task_id) WHERE d.document <> s.document), 0::bigint, 'a deleted comment leaves its document');
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
UPDATE knowledge_articles SET content = 'Open tray three' WHERE title = 'Paper jams';
SELECT results_eq($$SELECT title, snippet FROM api.search_articles('jams three')$$,
  $$VALUES ('Paper jams', 'Open tray <mark>three</mark>')$$, 'articles are found by their present text');
SELECT is((SELECT relaxed FROM api.search_articles('jams zebra')), 'without: zebra', 'and say which words they lack');

-- Filters and pages.
INSERT INTO tasks (id, ticket_number, title, description, category, created_by, priority, status, tags, created_at)
  SELECT 1000 + i, 'OLD-2025-' || 1000 + i, 'Network down ' || repeat('network ', i % 7), 'floor ' || i,
    CASE i % 3 WHEN 0 THEN 'incident' ELSE 'bug' END, 'ann', CASE i % 2 WHEN 0 THEN 'high' ELSE 'low' END,
    CASE i % 5 WHEN 0 THEN 'closed' ELSE 'open' END, CASE i % 4 WHEN 0 THEN '{lan}'::text[] ELSE '{}' END, timestamptz '2025-01-01' + i * interval '1 day'
  FROM generate_series(1, 60) i;
CREATE TEMP TABLE whole AS SELECT row_number() OVER () AS place, id, rank, total FROM api.search_tasks('network', 1000);
SELECT is((SELECT count(*) || ' ' || max(total) FROM whole), '60 60', 'all hits and an honest total');
SELECT ok(bool_and(rank <= earlier), 'best first') FROM (SELECT rank, lag(rank, 1, 'infinity') OVER (ORDER BY place) AS earlier FROM whole) w;
CREATE TEMP TABLE paged (place serial, id int);
DO $$
DECLARE
  page text;
  hit record;
  n int;
BEGIN
  LOOP
    n := 0;
    FOR hit IN SELECT * FROM api.search_tasks('network', 7, page => page) LOOP
      INSERT INTO paged (id) VALUES (hit.id);
      page := hit.next_page;
      n := n + 1;
      IF hit.total <> 60 THEN RAISE 'total is % on a page', hit.total; END IF;
    END LOOP;
    EXIT WHEN n = 0;
  END LOOP;
END $$;
SELECT results_eq('SELECT id FROM paged ORDER BY place', 'SELECT id FROM whole ORDER BY place', 'pages of seven are the whole, nothing twice and nothing lost');
SELECT results_eq($$SELECT count(*), max(total) FROM api.search_tasks('network', 100, statuses => '{open}')$$, 'VALUES (48::bigint, 48::bigint)', 'filter by status');
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, statuses => '{open,closed}', priorities => '{high}')), 30::bigint, 'by priority');
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, categories => '{incident}')), 20::bigint, 'by category');
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, tagged => '{lan,wan}')), 15::bigint, 'by tag');
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, created_from => '2025-01-11', created_before => '2025-01-21')), 10::bigint, 'by date');
INSERT INTO teams (id, name) VALUES (7, 'Net');
UPDATE tasks SET assignee_type = 'team', assigned_team_id = 7, assignee_id = 'ann' WHERE id IN (1001, 1002);
UPDATE tasks SET assignee_id = 'ann' WHERE id = 1003;
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, teams => '{7}')), 2::bigint, 'by team');
SELECT is((SELECT count(*) FROM api.search_tasks('network', 100, assignees => '{ann}')), 1::bigint, 'by assignee, where the assignment is to a person');
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('Re: [OLD-2025-1005] network', 2) LIMIT 1$$, $$VALUES (1005, 'number')$$, 'a number inside a subject comes first');
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('old 2025 1005', 2) LIMIT 1$$, $$VALUES (1005, 'number')$$, 'in any spelling');
SELECT is((SELECT count(*) FROM api.search_tasks('OLD-2025-100', 20) WHERE matched = 'part of the number'), 9::bigint, 'the start of a number');
SELECT is((SELECT string_agg(id::text, ',') FROM api.search_tasks('1005', 20, statuses => '{open}')), NULL, 'filters hold for numbers too');
UPDATE tasks SET ticket_number = 'OLD-2025-9999' WHERE id = 1006;
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('9999')$$, $$VALUES (1006, 'part of the number')$$, 'a new number is found');
SELECT results_eq($$SELECT id, matched FROM api.search_tasks('OLD-2025-1006')$$, $$VALUES (1006, 'number')$$, 'and so is the former one');

-- Queries that mean something else, or nothing.
SELECT is((SELECT count(*) FROM api.search_tasks('network -floor')), 0::bigint, 'a refused word stays refused');
SELECT is((SELECT count(*) FROM api.search_tasks('"down network network"', 100)), (SELECT count(*) FROM tasks WHERE title LIKE '%down network network%'), 'a phrase is a phrase');
SELECT lives_ok(format('SELECT * FROM api.search_tasks(%L)', q), format('%s is no error', left(q, 20)))
FROM unnest(ARRAY['', $q$ ' " \ & | ! ( ) : * <-> $q$ || repeat('(', 5000)]) q;
SELECT is((SELECT count(*) FROM api.search_tasks('the of and')), 0::bigint, 'stop words alone find nothing');
SELECT * FROM finish();
ROLLBACK;
