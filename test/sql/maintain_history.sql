-- A desk whose history is partitioned by month: nothing is lost or read twice, months are made ahead and move to the archive whole, queries prune.
\set ECHO none
SELECT plan(39);
SET timezone = 'America/New_York';
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@x.test', 'admin', true), ('cid', 'cid@x.test', 'customer', true), ('eve', 'eve@x.test', 'customer', true);
INSERT INTO tasks (title, category, created_by) VALUES ('hers', 'bug', 'cid'), ('other', 'bug', 'eve');
UPDATE tasks SET status = 'in_progress' WHERE created_by = 'cid';
CREATE FUNCTION month_before(age interval) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT date_trunc('month', (now() - age) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
CREATE FUNCTION month_name(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY_MM') $$;
INSERT INTO task_history (task_id, user_id, field, old_value, change_type, created_at)
SELECT 1, 'cid', 'priority', i::text, 'updated', month_before('20 months') + i * interval '13 hours' FROM generate_series(0, 1000) i;
INSERT INTO task_history (task_id, field, change_type, created_at) VALUES (1, 'title', 'updated', now() + interval '2 years');
-- Its archive shares a month with it, and has one of its own.
DELETE FROM task_history WHERE created_at < month_before('19 months') + interval '3 days';
INSERT INTO task_history_archive (id, task_id, field, change_type, created_at, transaction_id) VALUES (100000, 2, '*', 'created', month_before('40 months'), 3);
SELECT isnt(ticketflow.audit_seal(), NULL, 'all of it is sealed');
CREATE TABLE digest AS SELECT count(*), sum(hashtextextended(h::text, 0)) FROM history_trail h;
CREATE TABLE archived AS SELECT count(*) FROM task_history_archive;

SELECT lives_ok('CREATE VIEW mine AS SELECT field FROM task_history; GRANT SELECT ON task_history TO pg_monitor', 'a DBA builds on it');
SELECT throws_like('CALL partition_history()', '%objects of yours depend on it', 'views that would read the old table are named');
SELECT is((SELECT relkind FROM pg_class WHERE oid = 'task_history'::regclass), 'r', 'and nothing is changed then');
DROP VIEW mine;
SELECT lives_ok('CALL partition_history()', 'history is partitioned');
SELECT results_eq('SELECT relkind FROM pg_class WHERE oid IN (''task_history''::regclass, ''task_history_archive''::regclass)', $$VALUES ('p'::"char"), ('p')$$, 'with its archive');
SELECT is(to_regclass('task_history_unpartitioned'), NULL, 'the old table is gone');
SELECT results_eq('SELECT count(*), sum(hashtextextended(h::text, 0)) FROM history_trail h', 'TABLE digest', 'every row is there, as it was');
SELECT results_eq('SELECT count(*) FROM task_history_archive', 'TABLE archived', 'archived ones in the archive');
SELECT is_empty('SELECT * FROM ticketflow.audit_verify()', 'what was sealed is intact');
SELECT is_empty($$SELECT i FROM generate_series(0, 3) i WHERE to_regclass('task_history_' || month_name(month_before('0') + i * interval '1 month')) IS NULL$$, 'this month and three ahead are there');
SELECT results_eq($$SELECT count(*) FROM task_history_default$$, 'VALUES (0::bigint)', 'nothing is left over for the default partition');
SELECT ok(has_table_privilege('pg_monitor', 'task_history', 'SELECT'), 'grants stay');
SELECT is(pg_get_serial_sequence('task_history', 'id')::regclass, 'task_history_id_seq'::regclass, 'the numbers go on');
SELECT bag_eq($$SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'task_history'::regclass$$,
  $$VALUES ('task_history_pkey'), ('idx_task_history_task'), ('idx_task_history_user'), ('idx_task_history_created'), ('task_history_transaction')$$, 'with the guide''s indexes under their names');

-- Life goes on, also in a session that knew the old table.
UPDATE tasks SET status = 'open' WHERE id = 1;
SELECT is((SELECT tableoid::regclass::text FROM task_history WHERE task_id = 1 AND new_value = 'open'), 'task_history_' || month_name(now()), 'a change is written to its month');
SET timezone = 'Asia/Tokyo';
SET app.current_user_id = 'ada';
SELECT is((SELECT count(*) FROM api.task_timeline(1)), (SELECT count(*) FROM history_trail WHERE task_id = 1), 'the timeline reads all of it');
SET ROLE ticketflow_customer;
SET app.current_user_id = 'eve';
SELECT results_eq('SELECT DISTINCT task_id FROM task_history UNION SELECT task_id FROM task_history_archive', 'VALUES (2)', 'a customer sees the history of her tickets');
SELECT throws_ok(format('SELECT * FROM task_history_%s', month_name(now())), '42501', NULL, 'and not past the policies');
RESET ROLE;
RESET app.current_user_id;
CREATE FUNCTION parts(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE line text; found text[] := '{}'; BEGIN
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP found := found || substring(line FROM ' on (task_history_[a-z0-9_]+)'); END LOOP;
  RETURN (SELECT count(DISTINCT f) FROM unnest(found) f WHERE f IS NOT NULL);
END $$;
SELECT is(parts(format('SELECT * FROM task_history WHERE created_at >= %L AND created_at < %L', month_before('6 months'), month_before('5 months'))), 1::bigint, 'a query of one month reads one');
SELECT cmp_ok(parts('SELECT * FROM task_history'), '>', 20::bigint, 'of the many there are');

-- The guide's clean-up, of the whole and of a month.
CREATE TABLE kept AS SELECT count(*) FROM history_trail;
DELETE FROM task_history WHERE created_at < month_before('18 months') + interval '9 days';
SELECT results_eq('SELECT count(*) FROM history_trail', 'TABLE kept', 'the guide''s DELETE archives');
SELECT format('DELETE FROM task_history_%s', month_name(month_before('17 months'))) \gexec
SELECT results_eq('SELECT count(*) FROM history_trail', 'TABLE kept', 'one of a partition does, too');
ALTER TABLE task_history ADD COLUMN region text NOT NULL DEFAULT 'eu';
DELETE FROM task_history WHERE created_at < month_before('16 months');
SELECT lives_ok('CALL maintain()', 'maintenance runs');
SELECT cmp_ok((SELECT count(*) FROM task_history_archive WHERE region = 'eu'), '>=', 7::bigint, 'with a column that the DBA added');
SELECT results_eq('SELECT count(*) FROM history_trail', 'TABLE kept', 'and loses nothing');
SELECT cmp_ok((SELECT rows FROM maintenance_steps WHERE step = 'history archive'), '>=', 7::bigint, 'months that are over move');
SELECT is_empty($$SELECT FROM task_history WHERE created_at < month_before('1 year')$$, 'all that are older than a year');
SELECT is_empty($$SELECT FROM task_history_archive WHERE created_at >= now() - interval '1 year'$$, 'and no other');
SELECT is((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = to_regclass('task_history_' || month_name(month_before('15 months')))), 'task_history_archive', 'as partitions of the archive');
SELECT is_empty($$SELECT id FROM history_trail GROUP BY id HAVING count(*) > 1$$, 'no row twice');
SELECT is_empty($$SELECT FROM task_history_archive WHERE archived_at IS NULL$$, 'each says when it was archived');
SELECT is_empty('SELECT * FROM ticketflow.audit_verify()', 'sealed as before');
SELECT lives_ok('CALL maintain()', 'maintenance runs again');
SELECT is((SELECT rows FROM maintenance_steps WHERE step = 'history archive'), 0::bigint, 'and finds nothing to archive');
CALL partition_history();
CALL ticketflow.deploy();
SELECT results_eq('SELECT count(*) FROM history_trail', 'TABLE kept', 'partitioning and deploying again change nothing');
DELETE FROM tasks WHERE id = 1;
SELECT is((SELECT change_type FROM history_trail WHERE task_id = 1 ORDER BY id DESC LIMIT 1), 'deleted', 'a deletion is recorded');
SELECT is(audit_partitions(5), 4, 'more months can be made ahead');
SELECT isnt(to_regclass('task_history_' || month_name(month_before('0') + interval '5 months')), NULL, 'of the history, too');
SELECT * FROM finish();
