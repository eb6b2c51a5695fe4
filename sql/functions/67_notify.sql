-- notify: who is told what. Rows are written in the transaction of the change; NOTIFY carries ids only.

CREATE OR REPLACE FUNCTION notify_people(recipients text[], type text, title text, content text, task_id integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  told integer;
  actor text := acting_user();
BEGIN
  -- An import brings old news: nobody is told.
  IF is_import() OR array_remove(array_remove(recipients, NULL), actor) = '{}' THEN
    RETURN 0;
  END IF;
  WITH told_now AS (
    INSERT INTO notifications (user_id, title, content, type, related_task_id)
    SELECT r.user_id, left(notify_people.title, 255), left(notify_people.content, 1000), notify_people.type, notify_people.task_id
      FROM unnest(people_who_see(notify_people.task_id, recipients)) AS r (user_id)
     WHERE r.user_id IS DISTINCT FROM actor
       AND NOT EXISTS (SELECT FROM notification_preferences p WHERE p.user_id = r.user_id AND p.type = notify_people.type AND NOT p.is_enabled)
    ON CONFLICT DO NOTHING
    RETURNING id, user_id
  )
  SELECT count(pg_notify('ticketflow', json_build_object('desk', desk.name, 'notification', t.id, 'user', t.user_id,
                                                         'type', notify_people.type, 'task', notify_people.task_id)::text))
    INTO told
    FROM told_now t, (SELECT n.nspname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE c.oid = 'notifications'::regclass) AS desk;
  RETURN told;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION notify_people(text[], text, text, text, integer) IS
  'Tells people about a ticket: those of the list who are active, see the ticket now, did not do it themselves and have not switched '
  'the type off. Returns how many. Sends NOTIFY ticketflow with ids only.';
REVOKE ALL ON FUNCTION notify_people(text[], text, text, text, integer) FROM PUBLIC;

-- Takes columns, not the row: a bound body that uses the row type would forbid the DBA to add a column to tasks.
CREATE OR REPLACE FUNCTION task_holders(assignee_type text, assignee_id text, assigned_team_id integer) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE assignee_type WHEN 'user' THEN ARRAY[assignee_id]
         ELSE ARRAY(SELECT m.user_id::text FROM team_members m WHERE m.team_id = assigned_team_id) END;
END;
COMMENT ON FUNCTION task_holders(text, text, integer) IS 'Who has the ticket: its assignee, or the members of the team that it is queued to.';

CREATE OR REPLACE FUNCTION notify_of_task() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  IF TG_OP = 'INSERT' OR (OLD.assignee_type, OLD.assignee_id, OLD.assigned_team_id) IS DISTINCT FROM (NEW.assignee_type, NEW.assignee_id, NEW.assigned_team_id) THEN
    PERFORM notify_people(task_holders(NEW.assignee_type, NEW.assignee_id, NEW.assigned_team_id), 'task_assigned', format('%s: %s', NEW.ticket_number, NEW.title),
      CASE NEW.assignee_type WHEN 'user' THEN 'The ticket was assigned to you.' ELSE 'The ticket was queued to your team.' END, NEW.id);
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.status IS DISTINCT FROM NEW.status THEN
    PERFORM notify_people(CASE NEW.assignee_type WHEN 'user' THEN ARRAY[NEW.created_by, NEW.assignee_id]::text[] ELSE ARRAY[NEW.created_by]::text[] END,
      'status_changed', format('%s: %s', NEW.ticket_number, NEW.title), format('The status went from %s to %s.', OLD.status, NEW.status), NEW.id);
  END IF;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION notify_of_task() IS 'Trigger: tells of assignment and status.';
CREATE OR REPLACE TRIGGER notify_of_new_task AFTER INSERT ON tasks FOR EACH ROW
  WHEN (NEW.assignee_id IS NOT NULL OR NEW.assigned_team_id IS NOT NULL) EXECUTE FUNCTION notify_of_task();
CREATE OR REPLACE TRIGGER notify_of_changed_task AFTER UPDATE OF status, assignee_id, assignee_type, assigned_team_id ON tasks FOR EACH ROW
  WHEN ((OLD.status, OLD.assignee_type, OLD.assignee_id, OLD.assigned_team_id)
        IS DISTINCT FROM (NEW.status, NEW.assignee_type, NEW.assignee_id, NEW.assigned_team_id)) EXECUTE FUNCTION notify_of_task();

CREATE OR REPLACE FUNCTION notify_of_comment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  task tasks;
  mentioned text[];
  audience text[];
  heading text;
BEGIN
  SELECT t.* INTO task FROM tasks t WHERE t.id = NEW.task_id;
  heading := format('%s: %s', task.ticket_number, task.title);
  -- @ before an e-mail address, or before the part of one that only one person has.
  SELECT array_agg(u.id::text) INTO mentioned
    FROM (SELECT DISTINCT lower(rtrim(m[1], '.')) AS name FROM regexp_matches(NEW.content, '@([[:alnum:]._+-]+(?:@[[:alnum:].-]+)?)', 'g') AS m LIMIT 50) w
    JOIN LATERAL (SELECT min(p.id) AS id, count(*) AS people FROM users p
                   WHERE lower(p.email) = w.name OR lower(split_part(p.email, '@', 1)) = w.name) u ON u.people = 1
    JOIN users person ON person.id = u.id
   WHERE u.id <> NEW.user_id AND (NOT NEW.is_internal OR person.role <> 'customer');
  PERFORM notify_people(mentioned, 'mention', heading, 'You were mentioned in a comment.', NEW.task_id);
  audience := task_holders(task.assignee_type, task.assignee_id, task.assigned_team_id) || CASE WHEN NEW.is_internal AND (SELECT u.role = 'customer' FROM users u WHERE u.id = task.created_by)
                                         THEN '{}' ELSE ARRAY[task.created_by::text] END;
  PERFORM notify_people(ARRAY(SELECT a FROM unnest(audience) a WHERE a <> NEW.user_id AND a <> ALL (COALESCE(mentioned, '{}'))),
    'comment_added', heading, CASE WHEN NEW.is_internal THEN 'There is a new internal note.' ELSE 'There is a new comment.' END, NEW.task_id);
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION notify_of_comment() IS
  'Trigger: tells the people mentioned, then creator and holders. Internal notes reach people of the desk only.';
CREATE OR REPLACE TRIGGER notify_of_comment AFTER INSERT ON task_comments FOR EACH ROW EXECUTE FUNCTION notify_of_comment();

CREATE OR REPLACE FUNCTION notify_of_escalation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  task tasks;
BEGIN
  SELECT t.* INTO task FROM tasks t WHERE t.id = NEW.task_id;
  PERFORM notify_people(ARRAY(
      SELECT g.manager_id::text FROM teams g
       WHERE task.assignee_type = 'team' AND g.id = task.assigned_team_id
          OR task.assignee_type = 'user' AND g.id IN (SELECT m.team_id FROM team_members m WHERE m.user_id = task.assignee_id)),
    'escalation', format('%s: %s', task.ticket_number, task.title),
    format('Escalation is recommended: complexity %s of 100.', NEW.complexity_score), NEW.task_id);
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION notify_of_escalation() IS 'Trigger: tells the managers of the teams that hold a ticket when its score first recommends escalation.';
CREATE OR REPLACE TRIGGER notify_of_new_escalation AFTER INSERT ON ticket_complexity_scores
  FOR EACH ROW WHEN (NEW.escalation_recommended) EXECUTE FUNCTION notify_of_escalation();
CREATE OR REPLACE TRIGGER notify_of_escalation AFTER UPDATE OF escalation_recommended ON ticket_complexity_scores
  FOR EACH ROW WHEN (NEW.escalation_recommended AND NOT OLD.escalation_recommended) EXECUTE FUNCTION notify_of_escalation();

CREATE OR REPLACE FUNCTION notify_due_soon(ahead interval DEFAULT '24 hours') RETURNS bigint
LANGUAGE sql
BEGIN ATOMIC
  SELECT COALESCE(sum(notify_people(task_holders(t.assignee_type, t.assignee_id, t.assigned_team_id), 'due_soon', t.ticket_number || ' is due ' || to_char(t.due_date AT TIME ZONE report_time_zone(), 'YYYY-MM-DD HH24:MI'),
           t.title, t.id)), 0)
    FROM tasks t JOIN task_statuses s ON s.status = t.status
   WHERE s.stage IN ('open', 'waiting') AND t.due_date > now() AND t.due_date <= now() + ahead;
END;
COMMENT ON FUNCTION notify_due_soon(interval) IS
  'Tells the holders of open tickets that are due within this time, once for each due date; returns how many were told. maintain() calls it.';
REVOKE ALL ON FUNCTION notify_due_soon(interval) FROM PUBLIC;

DO $$
BEGIN
  PERFORM apply_policy('notification_preferences', 'own', 'ticketflow_customer', 'user_id = (SELECT acting_person())'),
          apply_policy('notification_types', 'all', 'ticketflow_customer', '(SELECT acting_rank() >= 1)');
END
$$;
GRANT SELECT ON notification_preferences, notification_types TO ticketflow_customer;
