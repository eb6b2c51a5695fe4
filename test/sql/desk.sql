-- desk: tickets, their fields, status, assignment, conversation, and settings.
\set ECHO none
BEGIN;
SELECT plan(102);

CREATE FUNCTION act_as(person text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true);
  SELECT authenticate(person) $$;
CREATE FUNCTION act_as_owner() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', true), set_config('app.current_user_id', '', true) $$;
-- What a statement changes in the ticket that test() works on.
CREATE TEMP TABLE here (id integer, version integer);
INSERT INTO here VALUES (NULL, NULL);
GRANT SELECT, UPDATE ON here TO PUBLIC;
CREATE FUNCTION it() RETURNS integer LANGUAGE sql STABLE AS 'SELECT id FROM here';

INSERT INTO organizations (name) VALUES ('Acme');
INSERT INTO users (id, email, role, is_approved, first_name, last_name, organization_id) VALUES
  ('ada', 'ada@desk.test', 'admin', true, 'Ada', NULL, NULL), ('max', 'max@desk.test', 'manager', true, 'Max', NULL, NULL),
  ('una', 'una@desk.test', 'user', true, 'Una', 'User', NULL), ('uri', 'uri@desk.test', 'user', true, NULL, NULL, NULL), ('ulf', 'ulf@desk.test', 'user', true, NULL, NULL, NULL),
  ('cee', 'cee@desk.test', 'customer', true, 'Cee', NULL, (SELECT id FROM organizations)),
  ('dee', 'dee@desk.test', 'customer', true, 'Dee', NULL, NULL);
INSERT INTO teams (id, name, manager_id) VALUES (1, 'Network', 'max'), (2, 'Printers', NULL), (3, 'Gone', NULL);
UPDATE teams SET is_active = false WHERE id = 3;
INSERT INTO team_members (team_id, user_id) VALUES (1, 'una'), (2, 'uri');

-- Opening
SELECT act_as('cee');
SELECT throws_ok($$SELECT api.create_task('')$$, '22023', NULL, 'a ticket has a title');
SELECT throws_ok($$SELECT api.create_task(NULL)$$, '22023', NULL, 'that is not null');
SELECT throws_ok($$SELECT api.create_task(repeat('x', 256))$$, '22023', NULL, 'of 255 characters at most');
SELECT throws_ok($$SELECT api.create_task('x', category => 'nonsense')$$, '22023', 'there is no category "nonsense"', 'words are of the desk''s vocabulary');
SELECT throws_ok($$SELECT api.create_task('x', priority => 'nonsense')$$, '22023', NULL, 'priority');
SELECT throws_ok($$SELECT api.create_task('x', severity => 'nonsense')$$, '22023', NULL, 'severity');
SELECT throws_ok($$SELECT api.create_task('x', estimated_hours => 1)$$, '42501', NULL, 'customers estimate no hours');
SELECT throws_ok($$SELECT api.create_task('x', assignee_id => 'dee')$$, '22023', NULL, 'a customer works on no ticket');
SELECT throws_ok($$SELECT api.create_task('x', assignee_id => 'nobody')$$, '22023', NULL, 'nor does nobody');
SELECT throws_ok($$SELECT api.create_task('x', assignee_id => 'una', assigned_team_id => 1)$$, '22023', NULL, 'one assignee');
SELECT throws_ok($$SELECT api.create_task('x', assigned_team_id => 3)$$, '22023', NULL, 'in an active team');
SELECT throws_ok($$SELECT api.create_task('x', tags => array_fill('y'::text, ARRAY[2]) || ARRAY(SELECT i::text FROM generate_series(1, 20) i))$$, '22023', NULL, '20 tags');
SELECT results_eq($$SELECT title, category::text, status::text, created_by::text, created_by_name, assigned_team_id, assigned_team_name::text, tags
    FROM api.create_task('  Printer jam ', 'It smokes', assigned_team_id => 1, tags => '{b, a,a,""}')$$,
  $$VALUES ('Printer jam'::varchar, 'support', 'open', 'cee', 'Cee', 1, 'Network', '{a,b}'::text[])$$, 'a customer opens a ticket');
UPDATE here SET id = (SELECT id FROM api.my_tasks());
SELECT is((SELECT organization_id FROM api.get_task(it())), (SELECT id FROM organizations), 'it belongs to her organisation');
SELECT isnt((SELECT ticket_number FROM api.get_task(it())), NULL, 'and has a number');
SELECT is((SELECT id FROM api.get_task_by_number((SELECT '  ' || lower(ticket_number) || ' ' FROM tasks))), it(), 'which finds it in any case');
SELECT throws_ok($$SELECT api.get_task_by_number('TKT-1999-0001')$$, 'PT404', NULL, 'another does not');
SELECT throws_ok($$SELECT api.get_task(-1)$$, 'PT404', NULL, 'nor another id');

-- Who works on it
SELECT act_as('una');
SELECT is((SELECT count(*) FROM api.my_tasks()), 0::bigint, 'a queued ticket is nobody''s');
SELECT is((SELECT count(*) FROM api.my_tasks('teams')), 1::bigint, 'but its team''s');
SELECT throws_ok($$SELECT api.my_tasks('mars')$$, '22023', NULL, 'there is no other scope');
SELECT throws_ok($$SELECT api.assign_task(it(), 'uri')$$, '42501', NULL, 'a user assigns to no other');
SELECT throws_ok($$SELECT api.assign_task(it(), assigned_team_id => 2)$$, '42501', NULL, 'nor to another team');
SELECT throws_ok($$SELECT api.assign_task(it())$$, '42501', NULL, 'nor away');
SELECT results_eq($$SELECT assignee_type::text, assignee_name, assigned_team_id, version FROM api.assign_task(it(), 'una')$$,
  $$VALUES ('user', 'Una User', NULL::int, 2)$$, 'she takes it, which leaves the queue');
SELECT is((SELECT count(*) FROM api.my_tasks()), 1::bigint, 'now it is hers');
SELECT act_as('ulf');
SELECT is((SELECT assignee_id FROM api.create_task('Mine', assignee_id => 'ulf')), 'ulf', 'who is in no team works for herself as well');
SELECT throws_ok($$SELECT api.create_task('Theirs', assigned_team_id => 1)$$, '42501', NULL, 'and queues nothing');
SELECT act_as_owner();
DELETE FROM tasks WHERE created_by = 'ulf';
SELECT act_as('una');
SELECT is((SELECT last_updated_by::text FROM api.get_task(it())), 'una', 'who changed it last shows');
SELECT act_as('uri');
SELECT throws_ok($$SELECT api.assign_task(it(), 'uri')$$, 'PT404', NULL, 'another team does not see it');
SELECT act_as('max');
SELECT lives_ok($$SELECT api.assign_task(it(), 'uri')$$, 'a manager assigns to anybody');
SELECT throws_ok($$SELECT api.get_task(it())$$, 'PT404', NULL, 'and may lose sight of it');
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.assign_task(it(), 'una', version => 1)$$, 'PT409', NULL, 'a change based on an older version is refused');
SELECT lives_ok($$SELECT api.assign_task(it(), 'una', version => 3)$$, 'one based on the last is not');
SELECT act_as('cee');
SELECT throws_ok($$SELECT api.assign_task(it(), 'una')$$, '42501', NULL, 'customers assign nothing');

-- Fields
SELECT lives_ok($$SELECT api.update_task(it(), title => 'Printer on fire', description => '')$$, 'a customer rewrites her ticket');
SELECT is((SELECT description FROM api.get_task(it())), '', 'empty is not null');
SELECT throws_ok($$SELECT api.update_task(it(), priority => 'urgent')$$, '42501', NULL, 'but not its priority');
SELECT throws_ok($$SELECT api.update_task(it(), title => 'x', actual_hours => 1)$$, '42501', NULL, 'nor hours, and nothing is half done');
SELECT is((SELECT title FROM api.get_task(it())), 'Printer on fire'::varchar, 'the title is as it was');
SELECT act_as('una');
SELECT throws_ok($$SELECT api.update_task(it(), title => 'x')$$, '42501', NULL, 'a user does not rewrite it');
SELECT results_eq($$SELECT priority::text, actual_hours, tags FROM api.update_task(it(), priority => 'urgent', actual_hours => 1000.25, tags => '{x}')$$,
  $$VALUES ('urgent', 1000.25, '{x}'::text[])$$, 'but says how urgent it is and how long it took');
SELECT throws_ok($$SELECT api.update_task(it(), actual_hours => -1)$$, '22023', NULL, 'not less than nothing');
SELECT throws_ok($$SELECT api.update_task(it(), actual_hours => 1e9)$$, '22023', NULL, 'nor more than fits');
SELECT throws_ok($$SELECT api.update_task(it(), clear => '{title}')$$, '22023', NULL, 'a title cannot be emptied');
SELECT is((SELECT actual_hours FROM api.update_task(it(), clear => '{actual_hours}')), NULL, 'hours can');
SELECT act_as('ada');
SELECT is((SELECT due_date FROM api.update_task(it(), due_date => '2030-01-01 12:00+00')), '2030-01-01 12:00+00'::timestamptz, 'an administrator sets a due date');
SELECT is((SELECT due_date FROM api.update_task(it(), clear => '{due_date}')), NULL, 'and takes it away');
UPDATE here SET version = (SELECT t.version FROM tasks t WHERE t.id = it());
SELECT is((SELECT t.version FROM here h, api.update_task(it(), priority => 'urgent') t), (SELECT version FROM here), 'what changes nothing is no new version');
SELECT throws_ok($$SELECT api.update_task(it(), 1, priority => 'low')$$, 'PT409', NULL, 'a stale version is refused');

-- Status
SELECT act_as('cee');
SELECT throws_ok($$SELECT api.change_status(it(), 'closed')$$, '42501', NULL, 'customers close nothing');
SELECT throws_ok($$SELECT api.change_status(it(), 'nonsense')$$, '22023', NULL, 'a status is one');
SELECT act_as('una');
SELECT results_eq($$SELECT status::text, resolved_at IS NULL, closed_at IS NULL FROM api.change_status(it(), 'in_progress')$$,
  $$VALUES ('in_progress', true, true)$$, 'work begins');
SELECT results_eq($$SELECT status::text, resolved_at IS NULL, closed_at IS NULL FROM api.change_status(it(), 'resolved')$$,
  $$VALUES ('resolved', false, true)$$, 'resolving is stamped');
SELECT throws_ok($$SELECT api.change_status(it(), 'in_progress')$$, 'PT409', NULL, 'what is not in the table does not follow');
SELECT results_eq($$SELECT resolved_at IS NULL, closed_at IS NULL FROM api.change_status(it(), 'closed')$$, 'VALUES (false, false)', 'closing too');
SELECT throws_ok($$SELECT api.change_status(it(), 'resolved')$$, 'PT409', NULL, 'closed is not resolved again');
UPDATE here SET version = (SELECT t.version FROM tasks t WHERE t.id = it());
SELECT is((SELECT t.version FROM api.change_status(it(), 'closed') t), (SELECT version FROM here), 'the same status changes nothing');
SELECT act_as('dee');
SELECT throws_ok($$SELECT api.change_status(it(), 'open')$$, 'PT404', NULL, 'another customer sees nothing');
SELECT act_as('cee');
SELECT results_eq($$SELECT status::text, resolved_at, closed_at FROM api.change_status(it(), 'open')$$,
  $$VALUES ('open', NULL::timestamptz, NULL::timestamptz)$$, 'she reopens her ticket, which clears the stamps');
SELECT act_as('una');
SELECT results_eq($$SELECT resolved_at IS NULL, closed_at IS NULL FROM api.change_status(it(), 'closed')$$, 'VALUES (true, false)',
  'closed at once was never resolved');
SELECT act_as_owner();
SELECT throws_ok($$UPDATE tasks SET status = 'in_progress'$$, 'PT409', NULL, 'the owner too keeps to the table');
INSERT INTO status_transitions VALUES ('closed', 'in_progress', 'manager');
SELECT lives_ok($$UPDATE tasks SET status = 'in_progress' WHERE id = it()$$, 'which is data');
SELECT act_as('una');
SELECT lives_ok($$SELECT api.change_status(it(), 'closed')$$, 'closed');
SELECT throws_ok($$SELECT api.change_status(it(), 'in_progress')$$, '42501', NULL, 'with the role that it names');

-- Stamps of rows that bring their own
SELECT act_as_owner();
INSERT INTO tasks (ticket_number, title, category, status, created_by, created_at, updated_at, resolved_at)
VALUES ('OLD-1', 'Imported', 'bug', 'resolved', 'dee', '2020-01-01', '2020-01-03', '2020-01-02'), ('OLD-2', 'Imported', 'bug', 'closed', 'dee', '2020-01-01', '2020-01-03', NULL);
SELECT results_eq($$SELECT created_at, updated_at, resolved_at, closed_at FROM tasks WHERE ticket_number LIKE 'OLD-%' ORDER BY id$$,
  $$VALUES ('2020-01-01'::timestamptz, '2020-01-03'::timestamptz, '2020-01-02'::timestamptz, NULL::timestamptz),
           ('2020-01-01', '2020-01-03', NULL, '2020-01-03')$$, 'an import keeps its dates and lacks no stamp');
UPDATE tasks SET title = 'Imported again' WHERE ticket_number = 'OLD-1';
SELECT cmp_ok((SELECT updated_at FROM tasks WHERE ticket_number = 'OLD-1'), '>', '2026-01-01'::timestamptz, 'a change stamps updated_at');
UPDATE tasks SET title = 'Imported once more', updated_at = '2021-01-01' WHERE ticket_number = 'OLD-1';
SELECT is((SELECT updated_at FROM tasks WHERE ticket_number = 'OLD-1'), '2021-01-01'::timestamptz, 'unless it says when');

-- Conversation
SELECT act_as('cee');
SELECT throws_ok($$SELECT api.add_comment(it(), '  ')$$, '22023', NULL, 'a comment says something');
SELECT throws_ok($$SELECT api.add_comment(it(), repeat('x', 10001))$$, '22023', NULL, 'in 10000 characters');
SELECT throws_ok($$SELECT api.add_comment(it(), 'x', true)$$, '42501', NULL, 'customers write nothing internal');
SELECT results_eq($$SELECT content, user_name, is_internal FROM api.add_comment(it(), E' It burns \n')$$, $$VALUES ('It burns', 'Cee', false)$$, 'a comment');
SELECT act_as('una');
SELECT lives_ok($$SELECT api.add_comment(it(), 'She always says that', true)$$, 'users write internal ones');
SELECT is((SELECT count(*) FROM api.list_comments(it())), 2::bigint, 'and read both');
SELECT throws_ok($$SELECT api.edit_comment((SELECT min(id) FROM task_comments), 'No')$$, 'PT404', NULL, 'nobody edits another''s');
SELECT act_as('cee');
SELECT is((SELECT string_agg(content, ',') FROM api.list_comments(it())), 'It burns', 'the customer reads one');
SELECT is((SELECT count(*) FROM task_comments), 1::bigint, 'and counts one');
SELECT is((SELECT content FROM api.edit_comment((SELECT min(id) FROM task_comments), 'It burned')), 'It burned', 'her own she edits');
SELECT throws_ok($$SELECT api.delete_comment((SELECT min(id) FROM task_comments))$$, '42501', NULL, 'but does not delete');
SELECT act_as('dee');
SELECT throws_ok($$SELECT api.list_comments(it())$$, 'PT404', NULL, 'another customer sees no comment');
SELECT throws_ok($$SELECT api.add_comment(it(), 'Me too')$$, 'PT404', NULL, 'and writes none');
SELECT throws_ok($$SELECT api.add_attachment(it(), 'a', 'a', 'a/b', 1, '/a')$$, 'PT404', NULL, 'nor a file');
SELECT act_as('cee');
SELECT results_eq($$SELECT original_name::text, file_size, uploaded_by::text FROM api.add_attachment(it(), '8f3a.jpg', 'fire.jpg', 'image/jpeg', 12345, 's3://files/8f3a.jpg')$$,
  $$VALUES ('fire.jpg', 12345, 'cee')$$, 'a file');
SELECT throws_ok($$SELECT api.add_attachment(it(), '8f3a.jpg', 'fire.jpg', 'image/jpeg', -1, 's3://files/8f3a.jpg')$$, '22023', NULL, 'of a size');
SELECT is((SELECT count(*) FROM api.list_attachments(it())), 1::bigint, 'is listed');
SELECT set_eq($$SELECT kind, content FROM api.task_timeline(it()) WHERE kind IN ('comment', 'attachment')$$,
  $$VALUES ('comment', 'It burned'), ('attachment', 'fire.jpg')$$, 'the timeline shows what she may see');
SELECT act_as('una');
SELECT throws_ok($$SELECT api.delete_attachment((SELECT id FROM task_attachments))$$, 'PT404', NULL, 'a user deletes no other''s file');
SELECT act_as('cee');
SELECT is((SELECT file_path FROM api.delete_attachment((SELECT id FROM task_attachments))), 's3://files/8f3a.jpg', 'she her own');

-- Tags and many at once
SELECT act_as('una');
SELECT is((SELECT tags FROM api.add_tags(it(), '{ fire ,x}')), '{fire,x}'::text[], 'tags are added once');
SELECT is((SELECT tags FROM api.remove_tags(it(), '{x,y}')), '{fire}'::text[], 'and removed');
SELECT results_eq('SELECT * FROM api.list_tags()', $$VALUES ('fire', 1::bigint)$$, 'and counted');
SELECT act_as('ada');
SELECT throws_ok($$SELECT api.bulk_update(ARRAY[it(), -1], priority => 'low')$$, 'PT404', NULL, 'all or none');
SELECT is((SELECT count(*) FROM api.bulk_update((SELECT array_agg(id) FROM tasks), priority => 'low', assigned_team_id => 1) b
            WHERE b.priority = 'low' AND b.assigned_team_id = 1), 3::bigint, 'many tickets at once');
SELECT throws_ok($$SELECT api.bulk_update((SELECT array_agg(id) FROM tasks), status => 'in_progress')$$, 'PT409', NULL, 'as the table of transitions allows');
SELECT is((SELECT sum(tickets) FROM api.task_counts()), 3::numeric, 'the counts are of visible tickets');
SELECT act_as('dee');
SELECT is((SELECT sum(tickets) FROM api.task_counts()), 2::numeric, 'for everybody');
SELECT is((SELECT count(*) FROM api.list_tasks(category => 'bug', page_size => 1)), 1::bigint, 'a page');
SELECT is((SELECT string_agg(n.ticket_number, ',') FROM (SELECT * FROM api.list_tasks(page_size => 1)) p,
             api.list_tasks(before_created_at => p.created_at, before_id => p.id) n), 'OLD-1', 'and the next one');

-- Deleting
SELECT throws_ok($$SELECT api.delete_task(it())$$, '42501', NULL, 'a customer deletes nothing');
SELECT act_as('ada');
SELECT isnt((SELECT ticket_number FROM api.delete_task(it())), NULL, 'an administrator does');
SELECT throws_ok($$SELECT api.delete_task(it())$$, 'PT404', NULL, 'once');
SELECT is((SELECT count(*) FROM task_comments), 0::bigint, 'with its comments');

SELECT * FROM finish();
ROLLBACK;
