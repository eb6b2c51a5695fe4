-- desk: the conversation on a ticket: comments, attachments, timeline.

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
   ORDER BY d.id LIMIT LEAST(GREATEST(COALESCE(list_comments.page_size, 100), 0), 1000);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_comments(integer, integer, integer) IS
  'Comments of a ticket that the caller may see, oldest first. Next page: the last id as after_id. page_size 0 to 1000, default 100; '
  'what is beyond counts as the nearest. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION list_comments(integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_comments(integer, integer, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION edit_comment(id integer, content text)
RETURNS SETOF comment_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  UPDATE task_comments c SET content = check_comment(edit_comment.content)
   WHERE c.id = edit_comment.id AND c.user_id = person AND task_visible(c.task_id);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comment % does not exist', edit_comment.id
      USING ERRCODE = 'PT404', HINT = 'People edit comments of their own, on tickets that they see.';
  END IF;
  RETURN QUERY SELECT d.* FROM comment_details d WHERE d.id = edit_comment.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION edit_comment(integer, text) IS
  'Rewrites a comment of one''s own; whether it is internal stays as it was. Errors: PT401; PT404 not there or not yours; 22023 empty or too long.';
REVOKE ALL ON FUNCTION edit_comment(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edit_comment(integer, text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION delete_comment(id integer)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  DELETE FROM task_comments c WHERE c.id = delete_comment.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comment % does not exist', delete_comment.id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted already.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION delete_comment(integer) IS 'Deletes a comment. Errors: PT401; 42501 not an administrator; PT404.';
REVOKE ALL ON FUNCTION delete_comment(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_comment(integer) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION add_attachment(task_id integer, filename text DEFAULT NULL, original_name text DEFAULT NULL, mime_type text DEFAULT NULL,
  file_size integer DEFAULT NULL, file_path text DEFAULT NULL, description text DEFAULT NULL)
RETURNS SETOF task_attachments
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(add_attachment.task_id, false);
  stored_name text := COALESCE(add_attachment.filename, gen_random_uuid()::text);
BEGIN
  IF '' IN (btrim(COALESCE(add_attachment.original_name, '')), btrim(COALESCE(add_attachment.mime_type, '')))
     OR COALESCE(add_attachment.file_size, -1) < 0 THEN
    RAISE EXCEPTION 'an attachment has an original name, a MIME type and a size'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'file_size is in bytes.';
  END IF;
  PERFORM check_file(stored_name, add_attachment.file_path);
  -- Not a constraint: the owner's own rows may share a file. Who names a path here waits for others that name it.
  PERFORM pg_advisory_xact_lock('task_attachments'::regclass::oid::int, hashtext(add_attachment.file_path));
  IF EXISTS (SELECT FROM task_attachments a WHERE a.file_path = add_attachment.file_path) THEN
    RAISE EXCEPTION 'this path has a file' USING ERRCODE = 'unique_violation', HINT = 'Leave file_path out: the desk makes one.';
  END IF;
  RETURN QUERY
  INSERT INTO task_attachments AS a (task_id, filename, original_name, mime_type, file_size, file_path, description, uploaded_by)
  VALUES (task.id, stored_name, add_attachment.original_name, add_attachment.mime_type, add_attachment.file_size,
          COALESCE(add_attachment.file_path, format('tasks/%s/%s', task.id, stored_name)), add_attachment.description, acting_person())
  RETURNING a.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION add_attachment(integer, text, text, text, integer, text, text) IS
  'Notes a file on a visible ticket and returns where its bytes go: filename and file_path are made by the desk unless given. A path holds '
  'one file, so nobody claims another''s. file_size in bytes. Errors: PT401; PT404; 22023 something is missing, or a name or path leads '
  'elsewhere; 22001 a name is too long; 23505 the path is taken.';
REVOKE ALL ON FUNCTION add_attachment(integer, text, text, text, integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_attachment(integer, text, text, text, integer, text, text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION list_attachments(task_id integer)
RETURNS SETOF task_attachments
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM FROM get_task(list_attachments.task_id);
  RETURN QUERY SELECT a.* FROM task_attachments a WHERE a.task_id = list_attachments.task_id ORDER BY a.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_attachments(integer) IS 'Files of a ticket, oldest first. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION list_attachments(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_attachments(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION delete_attachment(id integer)
RETURNS TABLE (file_path text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  DELETE FROM task_attachments a
   WHERE a.id = delete_attachment.id AND task_visible(a.task_id) AND (a.uploaded_by = person OR acting_rank() >= 3)
  RETURNING a.file_path INTO delete_attachment.file_path;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'attachment % does not exist', delete_attachment.id
      USING ERRCODE = 'PT404', HINT = 'People delete files of their own, managers those of tickets that they see.';
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION delete_attachment(integer) IS
  'Forgets a file and says where its bytes are, for whoever removes them: one''s own, a manager any on a visible ticket. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION delete_attachment(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_attachment(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION task_timeline(task_id integer)
RETURNS TABLE (happened_at timestamptz, kind text, id bigint, user_id text, user_name text, field text, old_value text,
               new_value text, content text, is_internal boolean)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM FROM get_task(task_timeline.task_id);
  RETURN QUERY
  SELECT e.happened_at, e.kind, e.id, e.user_id, NULLIF(concat_ws(' ', u.first_name, u.last_name), ''), e.field,
         e.old_value, e.new_value, e.content, e.is_internal
    FROM (SELECT h.created_at AS happened_at, h.change_type::text AS kind, h.id, h.user_id::text AS user_id, h.field::text AS field,
                 h.old_value, h.new_value, NULL::text AS content, false AS is_internal, 1 AS place
            FROM history_trail h WHERE h.task_id = task_timeline.task_id
          UNION ALL
          SELECT c.created_at, 'comment', c.id, c.user_id, NULL, NULL, NULL, c.content, c.is_internal, 2
            FROM task_comments c WHERE c.task_id = task_timeline.task_id
          UNION ALL
          SELECT a.created_at, 'attachment', a.id, a.uploaded_by, NULL, NULL, NULL, a.original_name, false, 3
            FROM task_attachments a WHERE a.task_id = task_timeline.task_id) e
    LEFT JOIN users u ON u.id = e.user_id
   ORDER BY e.happened_at, e.place, e.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION task_timeline(integer) IS
  'What happened to a ticket, oldest first: changed fields (kind created, updated, deleted), comments and attachments, as far as the '
  'caller may see them. content is the comment, or the file''s original name. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION task_timeline(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION task_timeline(integer) TO ticketflow_customer;
