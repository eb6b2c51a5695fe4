-- Notifications: who is told what.
\set ECHO none
BEGIN;
SELECT plan(16);
INSERT INTO users (id, email, role, is_approved) VALUES ('n-admin', 'root@example.org', 'admin', true), ('n-agent', 'ann@example.org', 'user', true),
  ('n-mate', 'max@example.org', 'user', true), ('n-cust', 'cleo@example.org', 'customer', true), ('n-far', 'far@example.org', 'user', true),
  ('n-manager', 'mia@example.org', 'manager', true);
INSERT INTO teams (id, name, manager_id) VALUES (71, 'N team', 'n-manager');
INSERT INTO team_members (team_id, user_id) VALUES (71, 'n-agent'), (71, 'n-mate');
CREATE FUNCTION news(what text) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(user_id::text ORDER BY user_id) FROM notifications WHERE type = what AND related_task_id = 701 $$;
CREATE FUNCTION forget() RETURNS void LANGUAGE sql AS 'DELETE FROM notifications';

SET LOCAL app.current_user_id = 'n-cust';
INSERT INTO tasks (id, title, category, created_by, assignee_type, assigned_team_id, due_date)
VALUES (701, 'Dark room', 'incident', 'n-cust', 'team', 71, now() + interval '3 hours');
SELECT is(news('task_assigned'), '{n-agent,n-mate}', 'a queued ticket is told to the team');
SELECT forget();
SET LOCAL app.current_user_id = 'n-agent';
UPDATE tasks SET assignee_type = 'user', assignee_id = 'n-agent', assigned_team_id = NULL WHERE id = 701;
SELECT is(news('task_assigned'), NULL, 'nobody is told what she did herself');
INSERT INTO task_comments (task_id, user_id, content) VALUES (701, 'n-agent', 'I come by at ten.');
SELECT is(news('comment_added'), '{n-cust}', 'a public comment is told to the creator');
SELECT forget();
INSERT INTO task_comments (task_id, user_id, content, is_internal) VALUES (701, 'n-agent', 'odd one, @max have you seen that? @cleo', true);
SELECT is(news('comment_added'), NULL, 'an internal note is not told to the customer');
SELECT is(news('mention'), '{n-mate}', 'a mention reaches the colleague and no customer');
SELECT forget();
INSERT INTO task_comments (task_id, user_id, content) VALUES (701, 'n-agent', 'ask @far@example.org');
SELECT is(news('mention'), NULL, 'who does not see the ticket is not told');
SELECT forget();
UPDATE tasks SET status = 'in_progress' WHERE id = 701;
SELECT is(news('status_changed'), '{n-cust}', 'a status is told to the creator');
SELECT forget();
SET LOCAL app.current_user_id = 'n-admin';
UPDATE tasks SET assignee_id = 'n-mate' WHERE id = 701;
SELECT is(news('task_assigned'), '{n-mate}', 'a reassignment is told to the new assignee');
SELECT is(notify_due_soon(), 1::bigint, 'due soon is told to the holder');
SELECT is(notify_due_soon(), 0::bigint, 'once');
SELECT forget();
UPDATE ticket_complexity_scores SET escalation_recommended = false WHERE task_id = 701;
UPDATE ticket_complexity_scores SET escalation_recommended = true WHERE task_id = 701;
SELECT is(news('escalation'), '{n-manager}', 'an escalation is told to the manager');

SET LOCAL app.current_user_id = 'n-mate';
SET LOCAL ROLE ticketflow_user;
SELECT lives_ok($$SELECT api.set_notification('comment_added', false)$$, 'a person switches a type off');
SELECT throws_ok($$SELECT api.set_notification('nonsense', false)$$, '22023', NULL, 'an unknown type is refused');
SELECT throws_ok($$SELECT * FROM api.mark_notification_read((SELECT max(id) FROM notifications) + 1)$$, 'PT404', NULL, 'nobody marks another''s');
RESET ROLE;
SET LOCAL app.current_user_id = 'n-cust';
SELECT forget();
INSERT INTO task_comments (task_id, user_id, content) VALUES (701, 'n-cust', 'any news?');
SELECT is(news('comment_added'), NULL, 'and is not told any more');
SET LOCAL app.actor_kind = 'import';
UPDATE tasks SET assignee_id = 'n-agent' WHERE id = 701;
SELECT is(news('task_assigned'), NULL, 'an import tells nobody');
SELECT * FROM finish();
ROLLBACK;
