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
          check_title(create_task.title), check_assignment(create_task.assignee_id, create_task.assigned_team_id);
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
  'priority or severity, nobody to assign to, too many tags; 23514 negative hours; 22003 too many hours.';
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
   LIMIT LEAST(GREATEST(list_tasks.page_size, 0), 1000);
END;
COMMENT ON FUNCTION list_tasks(text, text, text, text, text, integer, text, integer, text, timestamptz, timestamptz, timestamptz,
  timestamptz, integer, integer) IS
  'Visible tickets, newest first; each argument that is given narrows the list. created_from is included, created_to and due_to are '
  'not. Next page: created_at and id of the last row as before_created_at and before_id. page_size 0 to 1000, default 50.';
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

CREATE OR REPLACE FUNCTION add_comment(task_id integer, content text, is_internal boolean DEFAULT false)
RETURNS SETOF comment_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(add_comment.task_id, false);
  new_id integer;
BEGIN
  IF add_comment.is_internal AND acting_role() = 'customer' THEN
    RAISE EXCEPTION 'permission denied to write an internal comment'
      USING ERRCODE = 'insufficient_privilege', HINT = 'Leave is_internal out.';
  END IF;
  INSERT INTO task_comments (task_id, user_id, content, is_internal)
  VALUES (task.id, acting_person(), check_comment(add_comment.content), COALESCE(add_comment.is_internal, false))
  RETURNING task_comments.id INTO new_id;
  RETURN QUERY SELECT d.* FROM comment_details d WHERE d.id = new_id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION add_comment(integer, text, boolean) IS
  'Adds a comment, 1 to 10000 characters, to a visible ticket; customers never see internal ones. '
  'Errors: PT401; PT404; 22023 empty or too long; 42501 an internal comment from a customer.';
REVOKE ALL ON FUNCTION add_comment(integer, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_comment(integer, text, boolean) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION list_comments(task_id integer, after_id integer DEFAULT 0, page_size integer DEFAULT 100)
RETURNS SETOF comment_details
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM FROM get_task(list_comments.task_id);
  RETURN QUERY
  SELECT d.* FROM comment_details d
   WHERE d.task_id = list_comments.task_id AND d.id > COALESCE(list_comments.after_id, 0)
   ORDER BY d.id LIMIT LEAST(GREATEST(list_comments.page_size, 0), 1000);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_comments(integer, integer, integer) IS
  'Comments of a ticket that the caller may see, oldest first. Next page: the last id as after_id. page_size 0 to 1000, default 100. '
  'Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION list_comments(integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_comments(integer, integer, integer) TO ticketflow_customer;
