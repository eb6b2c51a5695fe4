-- import_tasks(): tickets out of a table, idempotent, with every refusal explained and nothing lost.
\set ECHO none
BEGIN;
SET search_path = public, ticketflow;
SET timezone = 'UTC';
SELECT plan(54);

INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('root', 'Root@example.com', 'admin', true, true), ('jane', 'jane@example.com', 'user', true, true);
INSERT INTO teams (name) VALUES ('Second Line');
CREATE TABLE issues (key text, summary text, body text, state text, reporter text, owner text, team text, made text, done text, pts int, labels text[]);
INSERT INTO issues VALUES
  ('A-1', 'Printer jams', 'Tray two', 'In Progress', 'JANE@example.com', NULL, 'second line', '2014-03-04 10:00', NULL, 3, '{b,a,b}'),
  ('A-2', 'No sound', NULL, 'Done', 'Bob Builder', 'jane', NULL, '04/Mar/14 9:12 AM', '2014-03-06T00:00:00+0200', 5, NULL),
  ('A-3', 'Late', 'x', NULL, 'Eva <eva@example.org>', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TEMP TABLE how AS SELECT
  '{"external_id": "key", "ticket_number": "key", "title": "summary", "description": "body", "status": "state", "created_by": "reporter", "assignee": "owner",
    "team": "team", "created_at": "made", "closed_at": "done", "tags": "labels"}'::jsonb AS map,
  '{"status": {"Done": "closed"}}'::jsonb AS words, '{"category": "bug"}'::jsonb AS defaults;
CREATE FUNCTION pg_temp.load(settings jsonb DEFAULT '{}', dry_run boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s = %s + %s + %s + %s + %s', r.records, r.inserted, r.updated, r.unchanged, r.skipped, r.rejected)
    FROM how, import_tasks('jira', 'issues', map, words, defaults, 'root@example.com', settings, 2, dry_run) r $$;

SELECT is(pg_temp.load(dry_run => true), '3 = 3 + 0 + 0 + 0 + 0', 'a dry run says what would happen');
SELECT is_empty('SELECT 1 FROM tasks', 'and makes no ticket');
SELECT is_empty('SELECT 1 FROM import_runs', 'no run');
SELECT is((SELECT count(*) FROM users), 2::bigint, 'and no person');

SELECT is(pg_temp.load(), '3 = 3 + 0 + 0 + 0 + 0', 'three tickets come in');
SELECT results_eq($$SELECT ticket_number, title, status, category, created_at FROM tasks WHERE id <> (SELECT task_id FROM task_sources WHERE external_id = 'A-3') ORDER BY ticket_number$$,
  $$VALUES ('A-1'::varchar, 'Printer jams'::varchar, 'in_progress'::varchar, 'bug'::varchar, '2014-03-04 10:00+00'::timestamptz),
           ('A-2', 'No sound', 'closed', 'bug', '2014-03-04 09:12+00')$$, 'with their numbers, words and dates');
SELECT is((SELECT closed_at FROM tasks WHERE ticket_number = 'A-2'), '2014-03-05 22:00+00', 'the time of closing is the source''s');
SELECT is((SELECT updated_at FROM tasks WHERE ticket_number = 'A-1'), '2014-03-04 10:00+00', 'a ticket without an update was updated when it was made');
SELECT is((SELECT created_by FROM tasks WHERE ticket_number = 'A-1'), 'jane', 'a known address is that person');
SELECT is((SELECT assignee_id || assignee_type FROM tasks WHERE ticket_number = 'A-2'), 'janeuser', 'so is a known id');
SELECT is((SELECT assignee_type || t.name FROM tasks k JOIN teams t ON t.id = assigned_team_id WHERE ticket_number = 'A-1'), 'teamSecond Line', 'a team without a person is assigned');
SELECT is((SELECT tags FROM tasks WHERE ticket_number = 'A-1'), '{b,a}', 'tags come once each');
SELECT results_eq($$SELECT email, first_name, last_name, role, is_active, is_approved FROM users WHERE id NOT IN ('root', 'jane') ORDER BY email LIKE '%.invalid'$$,
  $$VALUES ('eva@example.org'::varchar, 'Eva'::varchar, NULL::varchar, 'customer'::varchar, false, false),
           ('bob.builder.' || left(md5('Bob Builder'), 6) || '@jira.invalid', 'Bob', 'Builder', 'customer', false, false)$$, 'unknown people become accounts that nobody can use yet');
SELECT is((SELECT extra FROM task_sources WHERE external_id = 'A-1'), '{"pts": 3}', 'a column that no field takes is kept');
SELECT is_empty('SELECT 1 FROM notifications', 'nobody is notified');

SELECT results_eq($$SELECT DISTINCT change_type, user_id FROM task_history$$, $$VALUES ('created'::varchar, NULL::varchar)$$, 'history begins with each ticket');
SELECT results_eq($$SELECT DISTINCT c.actor_kind, l.cause FROM audit_log l JOIN audit_contexts c ON c.id = l.context WHERE l.table_name = 'tasks'$$,
  format($$VALUES ('import', 'import run %s')$$, (SELECT id FROM import_runs)), 'the audit log says that an import did it, and which');
SELECT is((SELECT count(*) FROM ticket_complexity_scores), 3::bigint, 'every ticket is scored');
SELECT is(pg_temp.load(), '3 = 0 + 0 + 3 + 0 + 0', 'importing again changes nothing');
UPDATE issues SET state = 'In Progress', done = NULL WHERE key = 'A-2';
SELECT is(pg_temp.load(), '3 = 0 + 1 + 2 + 0 + 0', 'a ticket reopened elsewhere is reopened here');
SELECT is((SELECT status || COALESCE(closed_at::text, ' not closed') FROM tasks WHERE ticket_number = 'A-2'), 'in_progress not closed', 'whatever this desk''s own transitions say');
UPDATE tasks SET title = 'edited here' WHERE ticket_number = 'A-1';
UPDATE issues SET summary = 'No sound at all' WHERE key = 'A-2';
SELECT is(pg_temp.load('{"existing": "skip"}'), '3 = 0 + 0 + 0 + 3 + 0', 'existing tickets can be left alone');
SELECT is(pg_temp.load(), '3 = 0 + 1 + 2 + 0 + 0', 'a record that changed updates its ticket');
SELECT results_eq('SELECT title FROM tasks ORDER BY id', $$VALUES ('edited here'::varchar), ('No sound at all'), ('Late')$$, 'and only that one');
DELETE FROM tasks WHERE ticket_number = 'A-2';
UPDATE issues SET summary = 'Sound again' WHERE key = 'A-2';
SELECT is(pg_temp.load(), '3 = 0 + 0 + 2 + 1 + 0', 'a ticket deleted here is not brought back');

TRUNCATE issues;
INSERT INTO issues (key, summary, state, reporter, made, labels) VALUES
  ('B-1', repeat('x', 256), 'Done', 'jane', NULL, NULL), ('B-2', ' ', 'Done', 'jane', NULL, NULL), ('B-3', 'a', 'Nope', 'jane', NULL, NULL),
  ('B-4', 'a', 'Done', 'jane', '2014-02-30', NULL), (NULL, 'a', 'Done', 'jane', NULL, NULL), ('B-6', 'a', 'Done', 'jane', NULL, NULL),
  ('B-6', 'b', 'Done', 'jane', NULL, NULL), ('B-7', 'good', 'Done', 'jane', NULL, NULL), ('B-7', 'late', 'Done', 'jane', NULL, NULL), ('A-1', 'x', 'Nope', 'jane', '04/03/2014', NULL),
  ('B-9', 'refused', 'Done', 'jane', NULL, NULL), ('B-10', 'swallowed', 'Done', 'jane', NULL, NULL), ('B-11', 'good', 'Done', 'jane', NULL, NULL);
CREATE FUNCTION pg_temp.moody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.title = 'refused' THEN RAISE EXCEPTION 'not on a Sunday' USING ERRCODE = 'P0042'; END IF;
  IF NEW.title = 'swallowed' THEN RETURN NULL; END IF;
  RETURN NEW; END $$;
CREATE TRIGGER moody BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION pg_temp.moody();
CREATE TEMP TABLE people AS SELECT id FROM users;
SELECT is((SELECT format('%s = %s + %s', r.records, r.inserted, r.rejected) FROM how, import_tasks('jira', 'issues', map, words, defaults, 'root', '{}', 5000) r),
  '13 = 3 + 10', 'bad records are counted, the rest comes in');
SELECT results_eq('SELECT line, code, reason FROM import_rejects ORDER BY line', $$VALUES
  (1::bigint, '22001', 'title has 256 characters, 255 is the most'), (2, '23502', 'title is missing'), (3, '23503', 'unknown status "Nope"'),
  (4, '22007', 'created_at "2014-02-30" is not a date'), (5, '23502', 'external_id is missing'), (7, '23505', 'external_id "B-6" was given in line 6 already'),
  (9, '23505', 'external_id "B-7" was given in line 8 already'), (10, '23503', 'unknown status "Nope"; created_at "04/03/2014" is not a date'),
  (11, 'P0042', 'not on a Sunday'), (12, '09000', 'a trigger on tasks dropped the ticket without a message')$$, 'each with its line, its SQLSTATE and every reason');
SELECT is((SELECT record ->> 'external_id' FROM import_rejects WHERE line = 4), 'B-4', 'and the record itself');
SELECT is((SELECT records - inserted - updated - unchanged - skipped - rejected FROM import_runs ORDER BY id DESC LIMIT 1), 0::bigint, 'the sums of the run add up');
DROP TRIGGER moody ON tasks;
TRUNCATE issues;
INSERT INTO issues (key, summary, reporter) VALUES ('C-1', 'a', 'jane'), ('C-2', 'b', 'jane'), ('C-1', 'c', 'jane');
SELECT is(pg_temp.load(), '3 = 2 + 0 + 0 + 0 + 1', 'a record given twice is refused across batches too');
INSERT INTO issues (key, summary, reporter) VALUES ('A-1', 'other', 'jane');
SELECT is((SELECT rejected FROM how, import_tasks('second', 'issues', map, words, defaults, 'root')), 4::bigint, 'another source with the same numbers is refused');
SELECT is((SELECT reason FROM import_rejects ORDER BY run_id DESC, line DESC LIMIT 1),
  'ticket_number "A-1" belongs to another ticket', 'a number is never given to a second ticket');

TRUNCATE issues;
INSERT INTO issues (key, summary, body, reporter, owner) VALUES ('D-1', repeat('long ', 60), 'body', 'stranger', 'nobody');
SELECT is(pg_temp.load('{"unknown_people": "reject", "long_titles": "cut"}'), '1 = 0 + 0 + 0 + 0 + 1', 'strangers can be refused');
SELECT is(pg_temp.load('{"unknown_people": "default", "long_titles": "cut"}'), '1 = 1 + 0 + 0 + 0 + 0', 'or replaced by the author');
SELECT is((SELECT t.created_by || length(t.title) || length(t.description) || s.extra FROM tasks t JOIN task_sources s ON s.task_id = t.id WHERE external_id = 'D-1'),
  'root255305{"assignee": "nobody", "created_by": "stranger"}', 'and neither their names nor the end of a long title are lost');

SELECT throws_ok($$SELECT import_tasks('', 'issues', '{"title": "summary", "external_id": "key"}', author => 'root')$$, '22023', NULL, 'a source without a name is refused');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "nope", "external_id": "key"}', author => 'root')$$, '42703', 'column "nope" of relation "issues" does not exist', 'so is an unknown column');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"titel": "summary"}', author => 'root')$$, '42703', 'an import cannot fill a field "titel"', 'an unknown field');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "summary"}', author => 'root')$$, '22023', 'no column is mapped to external_id', 'a map that cannot find a ticket again');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "summary", "external_id": "key"}')$$, '22023', 'the import does not say who created the tickets', 'tickets of nobody');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "summary", "external_id": "key"}', author => 'root', settings => '{"existing": "eat"}')$$, '22023', NULL, 'a value that an option cannot have');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "summary", "external_id": "key"}', author => 'root', settings => '{"zone": "Mars"}')$$, '22023', NULL, 'an unknown time zone');
SELECT throws_ok($$SELECT import_tasks('x', 'issues', '{"title": "summary", "external_id": "key"}', author => 'root', settings => '{"tempo": 1}')$$, '22023', 'unknown import option "tempo"', 'an unknown option');

TRUNCATE issues;
INSERT INTO issues (key, summary, reporter, made) VALUES ('OLD-77', 'Numbered elsewhere', 'jane', '2019-05-05'), ('TKT-2019-0500', 'Numbered like ours', 'jane', '2019-05-06');
SELECT is((SELECT inserted FROM how, import_tasks('former', 'issues', map - 'ticket_number', words, defaults, settings => '{"aliases": true}')), 2::bigint, 'numbers of a former system can stay aliases');
SELECT is((SELECT title FROM tasks WHERE id = resolve_ticket_number('OLD-77')), 'Numbered elsewhere', 'that lead to their tickets');
SELECT is((SELECT count(*) FROM tasks WHERE title LIKE 'Numbered%' AND ticket_number ~ '^TKT-2019-\d{4}$'), 2::bigint, 'beside new numbers of the year they were made in');
SELECT is((SELECT inserted FROM how, import_tasks('kept', 'issues', map, words, defaults)), 0::bigint, 'a number that is an alias of one ticket is not given to another');

SELECT is(parse_datetime('03/04/2014', 'UTC', 'dmy'), '2014-04-03 00:00+00', 'days and months are read in the order stated');
SELECT is(parse_datetime('03/04/2014', 'UTC'), NULL, 'and never guessed');
SELECT is(parse_datetime('2014-07-01 12:00', 'America/St_Johns'), '2014-07-01 14:30+00', 'a time without offset is that of the zone');
SELECT is(parse_datetime('1394000000000', 'Europe/Berlin'), '2014-03-05 06:13:20+00', 'milliseconds since 1970');
SELECT throws_ok($$SELECT parse_datetime('2014-01-01', 'UTC', 'ydm')$$, '22023', 'unknown date order "ydm"', 'an unknown order is refused');
SELECT ok(import_address('x', 'Jane Doe <j@example.com>') = 'j@example.com' AND import_address('x', 'j@example.com') = 'j@example.com', 'an address is found in what mail programs write');
SELECT isnt(import_address('x', 'Anna'), import_address('x', 'anna'), 'two names never share an account by accident');

SELECT * FROM finish();
ROLLBACK;
