-- The guide's regular maintenance as one call.
\set ECHO none
BEGIN;
SELECT plan(12);
INSERT INTO users (id, email, role, is_approved) VALUES ('m-admin', 'm@example.org', 'admin', true);
INSERT INTO sessions VALUES ('old', '{}', now() - interval '1 hour'), ('new', '{}', now() + interval '1 hour');
INSERT INTO user_invitations (email, token, role, invited_by, expires_at) VALUES ('late@example.org', 'x', 'user', 'm-admin', now() - interval '1 day');
INSERT INTO task_history (task_id, field, change_type, created_at) VALUES (1, 'status', 'updated', now() - interval '2 years'), (1, 'status', 'updated', now());
CREATE TEMP TABLE before AS SELECT count(*) AS history FROM task_history;
SELECT lives_ok('CALL maintain()', 'runs');
SELECT results_eq('SELECT sid FROM sessions', $$VALUES ('new'::varchar)$$, 'expired sessions are gone');
SELECT is((SELECT status FROM user_invitations WHERE token = 'x'), 'expired', 'invitations expire');
SELECT is((SELECT count(*) FROM task_history), (SELECT history - 1 FROM before), 'old history leaves the table');
SELECT is((SELECT count(*) FROM task_history_archive WHERE created_at < now() - interval '1 year'), 1::bigint, 'for the archive, not for nowhere');
SELECT is((SELECT count(*) FROM maintenance_steps), 10::bigint, 'every step is noted');
SELECT lives_ok('CALL maintain()', 'runs again');
SELECT is((SELECT rows FROM maintenance_steps WHERE step = 'history archive'), 0::bigint, 'and finds nothing more to archive');
SELECT throws_ok($$CALL maintain('1 minute')$$, '22023', NULL, 'history is not thrown away by a slip');
SELECT throws_ok('SELECT schedule_maintenance()', '0A000', NULL, 'without pg_cron there is a clear message');
SET LOCAL client_min_messages = error; -- the warning is meant
ALTER TABLE task_history DISABLE TRIGGER ticketflow_archive;
INSERT INTO task_history (task_id, field, change_type, created_at) VALUES (2, 'status', 'updated', now() - interval '2 years');
SELECT lives_ok('CALL maintain()', 'runs where history cannot be archived');
SELECT is((SELECT count(*) FROM task_history WHERE created_at < now() - interval '1 year'), 1::bigint, 'and deletes none then');
SELECT * FROM finish();
ROLLBACK;
