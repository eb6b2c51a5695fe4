-- desk: tickets and their conversation.

CREATE OR REPLACE FUNCTION create_task(title text, description text DEFAULT NULL, category text DEFAULT 'support',
  priority text DEFAULT 'medium', severity text DEFAULT 'normal', assignee_id text DEFAULT NULL,
  assigned_team_id integer DEFAULT NULL, due_date timestamptz DEFAULT NULL, estimated_hours numeric DEFAULT NULL,
  tags text[] DEFAULT '{}')
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
  new_id integer;
BEGIN
  IF estimated_hours IS NOT NULL AND acting_role() = 'customer' THEN
    RAISE EXCEPTION 'permission denied to set estimated_hours'
      USING ERRCODE = 'insufficient_privilege', HINT = 'Hours are for the staff of the desk.';
  END IF;
  PERFORM check_words(create_task.category, create_task.priority, create_task.severity),
          check_title(create_task.title), check_description(create_task.description), check_hours(create_task.estimated_hours), check_assignment(create_task.assignee_id, create_task.assigned_team_id);
  INSERT INTO tasks (title, description, category, priority, severity, assignee_type, assignee_id, assigned_team_id,
                     created_by, last_updated_by, due_date, estimated_hours, tags)
  VALUES (btrim(create_task.title), create_task.description, COALESCE(create_task.category, 'support'),
          COALESCE(create_task.priority, 'medium'), COALESCE(create_task.severity, 'normal'),
          CASE WHEN create_task.assigned_team_id IS NULL THEN 'user' ELSE 'team' END, create_task.assignee_id,
          create_task.assigned_team_id, person, person, create_task.due_date, create_task.estimated_hours,
          clean_tags(create_task.tags))
  RETURNING tasks.id INTO new_id;
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = new_id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_task(text, text, text, text, text, text, integer, timestamptz, numeric, text[]) IS
  'Opens a ticket in the name of the acting person and returns it, with its number. Hours in hours, 0 to 999999.99, staff only. '
  'Errors: PT401; 42501 hours from a customer, or a user assigns to others; 22023 title not of 1 to 255 characters, unknown category, '
  'priority or severity, nobody to assign to, too many tags, hours out of range, a description over 1000000 characters.';
REVOKE ALL ON FUNCTION create_task(text, text, text, text, text, text, integer, timestamptz, numeric, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_task(text, text, text, text, text, text, integer, timestamptz, numeric, text[]) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION get_task(id integer)
RETURNS SETOF task_details
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM require_person();
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = get_task.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket % does not exist', get_task.id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted, or is not yours to see.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION get_task(integer) IS 'One ticket. Errors: PT401; PT404 there is none, or it is not visible.';
REVOKE ALL ON FUNCTION get_task(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION get_task(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION list_tasks(status text DEFAULT NULL, priority text DEFAULT NULL, severity text DEFAULT NULL,
  category text DEFAULT NULL, assignee_id text DEFAULT NULL, assigned_team_id integer DEFAULT NULL,
  created_by text DEFAULT NULL, organization_id integer DEFAULT NULL, tag text DEFAULT NULL,
  created_from timestamptz DEFAULT NULL, created_to timestamptz DEFAULT NULL, due_to timestamptz DEFAULT NULL,
  before_created_at timestamptz DEFAULT NULL, before_id integer DEFAULT NULL, page_size integer DEFAULT 50)
RETURNS SETOF task_details
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT d.* FROM task_details d
   WHERE (list_tasks.status IS NULL OR d.status = list_tasks.status)
     AND (list_tasks.priority IS NULL OR d.priority = list_tasks.priority)
     AND (list_tasks.severity IS NULL OR d.severity = list_tasks.severity)
     AND (list_tasks.category IS NULL OR d.category = list_tasks.category)
     AND (list_tasks.assignee_id IS NULL OR d.assignee_type = 'user' AND d.assignee_id = list_tasks.assignee_id)
     AND (list_tasks.assigned_team_id IS NULL OR d.assignee_type = 'team' AND d.assigned_team_id = list_tasks.assigned_team_id)
     AND (list_tasks.created_by IS NULL OR d.created_by = list_tasks.created_by)
     AND (list_tasks.organization_id IS NULL OR d.organization_id = list_tasks.organization_id)
     AND (list_tasks.tag IS NULL OR list_tasks.tag = ANY (d.tags))
     AND (list_tasks.created_from IS NULL OR d.created_at >= list_tasks.created_from)
     AND (list_tasks.created_to IS NULL OR d.created_at < list_tasks.created_to)
     AND (list_tasks.due_to IS NULL OR d.due_date < list_tasks.due_to)
     AND (list_tasks.before_created_at IS NULL
          OR (d.created_at, d.id) < (list_tasks.before_created_at, COALESCE(list_tasks.before_id, 0)))
   ORDER BY d.created_at DESC, d.id DESC
   LIMIT LEAST(GREATEST(COALESCE(list_tasks.page_size, 50), 0), 1000);
END;
COMMENT ON FUNCTION list_tasks(text, text, text, text, text, integer, text, integer, text, timestamptz, timestamptz, timestamptz,
  timestamptz, integer, integer) IS
  'Visible tickets, newest first; each argument that is given narrows the list. created_from is included, created_to and due_to are '
  'not. Next page: created_at and id of the last row as before_created_at and before_id. page_size 0 to 1000, default 50; what is beyond counts as the nearest. No row for nobody, and none for a word that the desk does not know.';
REVOKE ALL ON FUNCTION list_tasks(text, text, text, text, text, integer, text, integer, text, timestamptz, timestamptz, timestamptz,
  timestamptz, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_tasks(text, text, text, text, text, integer, text, integer, text, timestamptz, timestamptz, timestamptz,
  timestamptz, integer, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION change_status(id integer, status text, version integer DEFAULT NULL)
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(change_status.id);
BEGIN
  PERFORM check_version(task, change_status.version), check_status_change(task, change_status.status);
  UPDATE tasks t SET status = change_status.status WHERE t.id = change_status.id AND t.status <> change_status.status;
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = change_status.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION change_status(integer, text, integer) IS
  'Changes a ticket''s status as status_transitions allows, stamps resolved_at and closed_at, clears them on reopening. The same status '
  'again changes nothing. Errors: PT401; PT404; 22023 no such status; 42501 not this role''s change; PT409 not listed, or version is stale.';
REVOKE ALL ON FUNCTION change_status(integer, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_status(integer, text, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION get_task_by_number(ticket_number text)
RETURNS SETOF task_details
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM require_person();
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = resolve_ticket_number(get_task_by_number.ticket_number);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket "%" does not exist', get_task_by_number.ticket_number
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted, or is not yours to see.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION get_task_by_number(text) IS
  'One ticket by its number, in any spelling; numbers it had before and those of tickets merged into it lead to it too. '
  'Errors: PT401; PT404 there is none, or it is not visible.';
REVOKE ALL ON FUNCTION get_task_by_number(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION get_task_by_number(text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION my_tasks(scope text DEFAULT NULL, status text DEFAULT NULL, before_created_at timestamptz DEFAULT NULL,
  before_id integer DEFAULT NULL, page_size integer DEFAULT 50)
RETURNS SETOF task_details
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  person text := require_person();
  chosen text := COALESCE(my_tasks.scope, CASE acting_role() WHEN 'customer' THEN 'created' ELSE 'assigned' END);
BEGIN
  IF chosen NOT IN ('assigned', 'created', 'teams') THEN
    RAISE EXCEPTION 'there is no scope "%"', chosen
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use assigned, created or teams.';
  END IF;
  RETURN QUERY
  SELECT d.* FROM task_details d
   WHERE CASE chosen WHEN 'created' THEN d.created_by = person
                     WHEN 'assigned' THEN d.assignee_type = 'user' AND d.assignee_id = person
                     ELSE d.assignee_type = 'team' AND d.assigned_team_id = ANY (visible_teams()) END
     AND (my_tasks.status IS NULL OR d.status = my_tasks.status)
     AND (my_tasks.before_created_at IS NULL
          OR (d.created_at, d.id) < (my_tasks.before_created_at, COALESCE(my_tasks.before_id, 0)))
   ORDER BY d.created_at DESC, d.id DESC
   LIMIT LEAST(GREATEST(COALESCE(my_tasks.page_size, 50), 0), 1000);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION my_tasks(text, text, timestamptz, integer, integer) IS
  'Tickets of the acting person, newest first: assigned to her (default of the staff), created by her (default of customers), or queued '
  'to teams of hers. Pages like list_tasks(). Errors: PT401; 22023 no such scope.';
REVOKE ALL ON FUNCTION my_tasks(text, text, timestamptz, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_tasks(text, text, timestamptz, integer, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION update_task(id integer, version integer DEFAULT NULL, title text DEFAULT NULL, description text DEFAULT NULL,
  category text DEFAULT NULL, priority text DEFAULT NULL, severity text DEFAULT NULL, due_date timestamptz DEFAULT NULL,
  estimated_hours numeric DEFAULT NULL, actual_hours numeric DEFAULT NULL, tags text[] DEFAULT NULL, clear text[] DEFAULT '{}')
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(update_task.id);
BEGIN
  PERFORM check_version(task, update_task.version), change_fields(task, jsonb_strip_nulls(jsonb_build_object(
    'title', update_task.title, 'description', update_task.description, 'category', update_task.category,
    'priority', update_task.priority, 'severity', update_task.severity, 'due_date', update_task.due_date,
    'estimated_hours', update_task.estimated_hours, 'actual_hours', update_task.actual_hours, 'tags', update_task.tags)),
    update_task.clear);
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = update_task.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_task(integer, integer, text, text, text, text, text, timestamptz, numeric, numeric, text[], text[]) IS
  'Changes fields of a ticket, as task_field_rights allows the role; null leaves a field as it is, clear names fields to empty '
  '(description, due_date, estimated_hours, actual_hours). version: the one that the change is based on. Errors: PT401; PT404; PT409 the '
  'version is stale; 42501 a field is not for this role, nothing is changed; 22023 bad title, description over 1000000 characters, word, tag, hours or clear.';
REVOKE ALL ON FUNCTION update_task(integer, integer, text, text, text, text, text, timestamptz, numeric, numeric, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_task(integer, integer, text, text, text, text, text, timestamptz, numeric, numeric, text[], text[]) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION assign_task(id integer, assignee_id text DEFAULT NULL, assigned_team_id integer DEFAULT NULL, version integer DEFAULT NULL)
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(assign_task.id);
BEGIN
  PERFORM check_version(task, assign_task.version), change_assignment(task, assign_task.assignee_id, assign_task.assigned_team_id);
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = assign_task.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION assign_task(integer, text, integer, integer) IS
  'Assigns a ticket to a person or queues it to a team; neither unassigns it. The other assignment column is emptied. Users assign to '
  'themselves and their teams only. Errors: PT401; PT404; PT409 the version is stale; 42501; 22023 both, or nobody who works here.';
REVOKE ALL ON FUNCTION assign_task(integer, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION assign_task(integer, text, integer, integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION delete_task(id integer)
RETURNS TABLE (ticket_number text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  -- The strongest lock first: a comment that is being written ends before, or finds no ticket.
  PERFORM FROM tasks t WHERE t.id = delete_task.id FOR UPDATE;
  DELETE FROM tasks t WHERE t.id = delete_task.id RETURNING t.ticket_number INTO delete_task.ticket_number;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket % does not exist', delete_task.id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted already.';
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION delete_task(integer) IS
  'Deletes a ticket with its comments, attachments and scores; its history, audit and number stay. Errors: PT401; 42501 not an administrator; PT404.';
REVOKE ALL ON FUNCTION delete_task(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_task(integer) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION bulk_update(ids integer[], status text DEFAULT NULL, priority text DEFAULT NULL, severity text DEFAULT NULL,
  category text DEFAULT NULL, assignee_id text DEFAULT NULL, assigned_team_id integer DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  one integer;
  task tasks;
  fields jsonb := jsonb_strip_nulls(jsonb_build_object('priority', bulk_update.priority, 'severity', bulk_update.severity,
    'category', bulk_update.category, 'tags', bulk_update.tags));
BEGIN
  IF cardinality(bulk_update.ids) > 1000 THEN
    RAISE EXCEPTION 'at most 1000 tickets are changed at once' USING ERRCODE = 'invalid_parameter_value', HINT = 'Send several calls.';
  END IF;
  PERFORM require_person();
  -- Always in the order of ids, so that two calls never wait for each other in a circle.
  PERFORM FROM tasks t WHERE t.id = ANY (bulk_update.ids) ORDER BY t.id FOR NO KEY UPDATE;
  FOR one IN SELECT DISTINCT i FROM unnest(bulk_update.ids) AS i ORDER BY i LOOP
    task := require_task(one);
    IF fields <> '{}' THEN
      PERFORM change_fields(task, fields, '{}');
    END IF;
    IF bulk_update.assignee_id IS NOT NULL OR bulk_update.assigned_team_id IS NOT NULL THEN
      PERFORM change_assignment(task, bulk_update.assignee_id, bulk_update.assigned_team_id);
    END IF;
    IF bulk_update.status IS NOT NULL THEN
      PERFORM check_status_change(task, bulk_update.status);
      UPDATE tasks t SET status = bulk_update.status WHERE t.id = one AND t.status <> bulk_update.status;
    END IF;
  END LOOP;
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = ANY (bulk_update.ids) ORDER BY d.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION bulk_update(integer[], text, text, text, text, text, integer, text[]) IS
  'Makes the same change on up to 1000 tickets, all or none; null leaves a field as it is. Errors as update_task(), assign_task() and change_status().';
REVOKE ALL ON FUNCTION bulk_update(integer[], text, text, text, text, text, integer, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulk_update(integer[], text, text, text, text, text, integer, text[]) TO ticketflow_user;

CREATE OR REPLACE FUNCTION add_tags(id integer, tags text[])
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(add_tags.id);
BEGIN
  PERFORM change_fields(task, jsonb_build_object('tags', task.tags || add_tags.tags), '{}');
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = add_tags.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION add_tags(integer, text[]) IS
  'Adds tags, at most 20 in all, of at most 50 characters. Errors: PT401; PT404; 42501 not for this role; 22023 too many or too long.';
REVOKE ALL ON FUNCTION add_tags(integer, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_tags(integer, text[]) TO ticketflow_user;

CREATE OR REPLACE FUNCTION remove_tags(id integer, tags text[])
RETURNS SETOF task_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(remove_tags.id);
BEGIN
  PERFORM change_fields(task, jsonb_build_object('tags', ARRAY(
    SELECT t FROM unnest(task.tags) AS t WHERE t <> ALL (ARRAY(SELECT btrim(r) FROM unnest(remove_tags.tags) AS r)))), '{}');
  RETURN QUERY SELECT d.* FROM task_details d WHERE d.id = remove_tags.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION remove_tags(integer, text[]) IS 'Takes tags away; one that is not there is no error. Errors: PT401; PT404; 42501 not for this role.';
REVOKE ALL ON FUNCTION remove_tags(integer, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_tags(integer, text[]) TO ticketflow_user;

CREATE OR REPLACE FUNCTION list_tags()
RETURNS TABLE (tag text, tickets bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT u.tag, count(*) FROM tasks t, unnest(t.tags) AS u (tag) GROUP BY u.tag ORDER BY count(*) DESC, u.tag;
END;
COMMENT ON FUNCTION list_tags() IS 'Tags of the tickets that the caller sees, with the number of those tickets, most used first. No row for nobody.';
REVOKE ALL ON FUNCTION list_tags() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_tags() TO ticketflow_customer;

CREATE OR REPLACE FUNCTION task_counts()
RETURNS TABLE (status text, tickets bigint, high bigint, urgent bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT s.status, count(t.id), count(*) FILTER (WHERE t.priority = 'high'), count(*) FILTER (WHERE t.priority = 'urgent')
    FROM task_statuses s LEFT JOIN tasks t USING (status) GROUP BY s.status, s.position ORDER BY s.position;
END;
COMMENT ON FUNCTION task_counts() IS 'How many visible tickets each status has, and how many of those are of high and of urgent priority. Every status has a row, in the desk''s order; for nobody all counts are 0.';
REVOKE ALL ON FUNCTION task_counts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION task_counts() TO ticketflow_customer;
