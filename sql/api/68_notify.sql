-- notify: a person's own messages and what she wants to be told.

-- A text body, so that the rows have the columns that the desk's owner adds to the table.
CREATE OR REPLACE FUNCTION list_notifications(unread_only boolean DEFAULT true, before_id bigint DEFAULT NULL, page_size integer DEFAULT 50)
RETURNS SETOF notifications
LANGUAGE sql STABLE
AS $$
  SELECT n.* FROM notifications n
   WHERE n.user_id = (SELECT acting_person()) AND (NOT list_notifications.unread_only OR NOT n.is_read)
     AND (list_notifications.before_id IS NULL OR n.id < list_notifications.before_id)
   ORDER BY n.id DESC LIMIT LEAST(GREATEST(COALESCE(list_notifications.page_size, 50), 0), 500);
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_notifications(boolean, bigint, integer) IS
  'The caller''s own notifications, newest first. Next page: the last id as before_id. page_size 0 to 500, default 50; what is beyond counts as the nearest. No row for nobody.';
REVOKE ALL ON FUNCTION list_notifications(boolean, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_notifications(boolean, bigint, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION mark_notification_read(id bigint) RETURNS SETOF notifications
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  RETURN QUERY UPDATE notifications n SET is_read = true WHERE n.id = mark_notification_read.id AND n.user_id = person RETURNING n.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'notification % does not exist', mark_notification_read.id
      USING ERRCODE = 'PT404', HINT = 'People see notifications of their own.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION mark_notification_read(bigint) IS 'Marks one of the caller''s own notifications as read. Errors: PT401; PT404 none of hers.';
REVOKE ALL ON FUNCTION mark_notification_read(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_notification_read(bigint) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION mark_all_notifications_read() RETURNS TABLE (marked bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  UPDATE notifications n SET is_read = true WHERE n.user_id = person AND NOT n.is_read;
  GET DIAGNOSTICS marked = ROW_COUNT;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION mark_all_notifications_read() IS 'Marks all of the caller''s own notifications as read and says how many were not. Error: PT401.';
REVOKE ALL ON FUNCTION mark_all_notifications_read() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_all_notifications_read() TO ticketflow_customer;

CREATE OR REPLACE FUNCTION notification_settings() RETURNS TABLE (type text, description text, is_enabled boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.type::text, t.description, COALESCE(p.is_enabled, true)
    FROM notification_types t LEFT JOIN notification_preferences p ON p.type = t.type AND p.user_id = (SELECT acting_person())
   ORDER BY t.type;
END;
COMMENT ON FUNCTION notification_settings() IS 'What the caller can be told, type by type, and whether she is (yes unless she switched it off). No row for nobody.';
REVOKE ALL ON FUNCTION notification_settings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notification_settings() TO ticketflow_customer;

CREATE OR REPLACE FUNCTION set_notification(type text, is_enabled boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  IF set_notification.is_enabled IS NULL OR NOT EXISTS (SELECT FROM notification_types t WHERE t.type = set_notification.type) THEN
    RAISE EXCEPTION 'notification type "%" is not known', set_notification.type
      USING ERRCODE = 'invalid_parameter_value', HINT = 'notification_settings() lists the types; is_enabled is true or false.';
  END IF;
  INSERT INTO notification_preferences AS p (user_id, type, is_enabled) VALUES (person, set_notification.type, set_notification.is_enabled)
  ON CONFLICT ON CONSTRAINT notification_preferences_pkey DO UPDATE SET is_enabled = EXCLUDED.is_enabled;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION set_notification(text, boolean) IS 'Switches one type of notification off or on for the caller. Errors: PT401; 22023 unknown type.';
REVOKE ALL ON FUNCTION set_notification(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_notification(text, boolean) TO ticketflow_customer;
