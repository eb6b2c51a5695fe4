-- What must hold after desk_week.sh; one line of TAP a rule, with up to three offenders.
CREATE FUNCTION rule(number integer, name text, offenders text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  found text[];
  n bigint;
BEGIN
  EXECUTE format('SELECT count(*), (array_agg(o::text))[1:3] FROM (%s) o', offenders) INTO n, found;
  RETURN NEXT format('%sok %s - %s', CASE WHEN n > 0 THEN 'not ' END, number, name);
  IF n > 0 THEN
    RETURN NEXT format('# %s: %s', n, array_to_string(found, ' | '));
  END IF;
END $$;
SET client_min_messages = warning;
SELECT rule(2, 'hundreds of things were done, of every role and mostly with success',
  $$SELECT 1 FROM (SELECT count(*) FILTER (WHERE state = 'fine') AS fine, count(*) AS n, count(DISTINCT role) AS roles FROM outcomes) o WHERE fine < 400 OR fine < n / 3 OR roles < 4
    UNION ALL SELECT 1 FROM unnest('{status,assignee_id,actual_hours,priority,tags}'::text[]) f WHERE NOT EXISTS (SELECT FROM task_history WHERE field = f AND change_type = 'updated')$$);
SELECT rule(3, 'what was refused was refused for a reason of the desk',
  $$SELECT DISTINCT role, action, state, message FROM outcomes WHERE state NOT IN ('fine', '42501', '22023', 'PT401', 'PT404', 'PT409')$$);
SELECT rule(4, 'nothing ended in a deadlock', $$SELECT deadlocks FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0$$);
SELECT rule(5, 'ticket numbers are there and differ', $$SELECT ticket_number FROM tasks GROUP BY 1 HAVING count(*) > 1 OR ticket_number IS NULL$$);
SELECT rule(6, 'stamps say what the status says', $$SELECT t.id, t.status, resolved_at, closed_at FROM tasks t JOIN task_statuses s USING (status)
  WHERE CASE s.stage WHEN 'resolved' THEN resolved_at IS NULL OR closed_at IS NOT NULL WHEN 'closed' THEN closed_at IS NULL ELSE resolved_at IS NOT NULL OR closed_at IS NOT NULL END$$);
SELECT rule(7, 'one assignment column is filled, the one that counts', $$SELECT id FROM tasks WHERE CASE assignee_type WHEN 'user' THEN assigned_team_id IS NOT NULL ELSE assignee_id IS NOT NULL OR assigned_team_id IS NULL END$$);
SELECT rule(8, 'customers wrote nothing internal', $$SELECT c.id FROM task_comments c JOIN users u ON u.id = c.user_id WHERE c.is_internal AND u.role = 'customer'$$);
SELECT rule(9, 'each change of status is one that the table lists', $$SELECT h.task_id, h.old_value, h.new_value FROM task_history h WHERE h.field = 'status' AND h.change_type = 'updated'
  AND NOT EXISTS (SELECT FROM status_transitions s WHERE s.from_status = h.old_value AND s.to_status = h.new_value)$$);
SELECT rule(10, 'history is a chain: each old value is the new value before', $$SELECT * FROM (SELECT id, task_id, field, old_value, lag(new_value) OVER w AS before, row_number() OVER w AS n
  FROM task_history WHERE change_type = 'updated' WINDOW w AS (PARTITION BY task_id, field ORDER BY id)) h WHERE n > 1 AND old_value IS DISTINCT FROM before$$);
SELECT rule(11, 'and ends in what the ticket says', $$SELECT DISTINCT ON (t.id) t.id, t.status, h.new_value FROM tasks t JOIN task_history h ON h.task_id = t.id AND h.field = 'status' AND h.change_type = 'updated'
  WHERE h.id = (SELECT max(x.id) FROM task_history x WHERE x.task_id = t.id AND x.field = 'status' AND x.change_type = 'updated') AND h.new_value <> t.status$$);
SELECT rule(12, 'versions count the changes: none is below the number of changes of one field', $$SELECT t.id, t.version FROM tasks t
  WHERE t.version - 1 < (SELECT COALESCE(max(n), 0) FROM (SELECT count(*) AS n FROM task_history h WHERE h.task_id = t.id AND h.change_type = 'updated' GROUP BY h.field) x)$$);
SELECT rule(13, 'hours add up: of all the half hours that were noted none was lost', $$SELECT * FROM
  (SELECT sum(hours) AS kept FROM (SELECT DISTINCT ON (task_id) new_value::numeric AS hours FROM task_history WHERE field = 'actual_hours' ORDER BY task_id, id DESC) h) h,
  (SELECT count(*) * 0.5 AS noted FROM outcomes WHERE action LIKE '%actual_hours%' AND state = 'fine') o WHERE kept <> noted$$);
SELECT rule(14, 'search knows every ticket as it is', $$SELECT d.task_id FROM (SELECT task_id, document AS was FROM task_documents) d FULL JOIN tasks t ON t.id = d.task_id WHERE d.task_id IS NULL OR t.id IS NULL
  OR NOT d.was @@ plainto_tsquery('ticket_language', t.title)$$);
SELECT rule(15, 'every ticket that was made was audited, and every one that went', $$SELECT o, n, m FROM (VALUES ('INSERT', (SELECT count(*) FROM tasks) + (SELECT count(*) FROM audit_log WHERE table_name ~ '(^|\.)tasks$' AND operation = 'DELETE')),
  ('DELETE', (SELECT count(*) FROM outcomes WHERE action LIKE '%delete_task%' AND state = 'fine'))) e (o, n), LATERAL (SELECT count(*) AS m FROM audit_log WHERE table_name ~ '(^|\.)tasks$' AND operation = o) a WHERE n <> m$$);
SELECT rule(16, 'an administrator is left', $$SELECT 1 WHERE NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND is_active AND is_approved)$$);
SELECT '1..16';
