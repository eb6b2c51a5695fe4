-- numbering: numbers that people type, series for administrators, routing for a mail gateway.

CREATE OR REPLACE FUNCTION find_tasks_by_number(number text)
RETURNS TABLE (task_id integer, ticket_number text, matched_by text)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM require_person();
  RETURN QUERY SELECT m.task_id, m.ticket_number, m.matched_by FROM ticket_number_matches(number) m;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION find_tasks_by_number(text) IS
  'The visible tickets that a number leads to in any spelling, surest first: by their number, a former one (renumbered), that of '
  'a merged ticket, or an additional one (given). No row where there is none. Error: PT401.';
REVOKE ALL ON FUNCTION find_tasks_by_number(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_tasks_by_number(text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION renumber_task(id integer, ticket_number text DEFAULT NULL)
RETURNS TABLE (task_id integer, new_number text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks;
BEGIN
  PERFORM require_role('admin');
  task := require_task(renumber_task.id);
  RETURN QUERY SELECT task.id, renumber_ticket(task.id, renumber_task.ticket_number);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION renumber_task(integer, text) IS
  'For administrators: gives a ticket another number, or the next of the series that its team and category now have; the former '
  'one goes on resolving. Errors: PT401; PT404; 42501; 23505 the number is or was in use.';
REVOKE ALL ON FUNCTION renumber_task(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION renumber_task(integer, text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION list_ticket_series()
RETURNS TABLE (prefix text, mask text, reset text, time_zone text, start_number bigint, mode text, shuffled boolean,
  is_default boolean, next_number text, teams integer[], categories text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  RETURN QUERY
    SELECT s.prefix::text, s.mask, s.reset, s.time_zone, s.start_number, s.mode, s.permute_key IS NOT NULL, s.is_default,
           peek_ticket_number(s.prefix),
           ARRAY(SELECT c.value::integer FROM ticket_series_scopes c WHERE c.prefix = s.prefix AND c.scope = 'queue' ORDER BY 1),
           ARRAY(SELECT c.value FROM ticket_series_scopes c WHERE c.prefix = s.prefix AND c.scope = 'category' ORDER BY 1)
      FROM ticket_series s ORDER BY s.is_default DESC, s.prefix;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_ticket_series() IS
  'For administrators: the series, the default one first, with the number that each would give next and what it is assigned to. Errors: PT401; 42501.';
REVOKE ALL ON FUNCTION list_ticket_series() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_ticket_series() TO ticketflow_admin;

CREATE OR REPLACE FUNCTION save_ticket_series(prefix text, mask text DEFAULT NULL, reset text DEFAULT NULL,
  time_zone text DEFAULT NULL, start_number bigint DEFAULT NULL, mode text DEFAULT NULL, shuffled boolean DEFAULT NULL)
RETURNS TABLE (series text, next_number text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  INSERT INTO ticket_series AS s (prefix, mask, reset, time_zone, start_number, mode, permute_key)
  VALUES (save_ticket_series.prefix, COALESCE(save_ticket_series.mask, '{prefix}-{YYYY}-{####}'), COALESCE(save_ticket_series.reset, 'year'),
          COALESCE(save_ticket_series.time_zone, 'UTC'), COALESCE(save_ticket_series.start_number, 1),
          COALESCE(save_ticket_series.mode, 'fast'), CASE WHEN shuffled THEN new_permute_key() END)
  ON CONFLICT ON CONSTRAINT ticket_series_pkey DO UPDATE SET
    mask = COALESCE(save_ticket_series.mask, s.mask), reset = COALESCE(save_ticket_series.reset, s.reset),
    time_zone = COALESCE(save_ticket_series.time_zone, s.time_zone), start_number = COALESCE(save_ticket_series.start_number, s.start_number),
    mode = COALESCE(save_ticket_series.mode, s.mode),
    permute_key = CASE WHEN shuffled IS NULL THEN s.permute_key WHEN shuffled THEN COALESCE(s.permute_key, new_permute_key()) END;
  RETURN QUERY SELECT save_ticket_series.prefix, peek_ticket_number(save_ticket_series.prefix);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION save_ticket_series(text, text, text, text, bigint, text, boolean) IS
  'For administrators: creates a series, or changes what is not null of it, and returns the number that it would give next. Waits for '
  'transactions that draw numbers. Errors: PT401; 42501; 22023 bad prefix, mask, zone, mode or start.';
REVOKE ALL ON FUNCTION save_ticket_series(text, text, text, text, bigint, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_ticket_series(text, text, text, text, bigint, text, boolean) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION link_ticket_series(prefix text DEFAULT NULL, team_id integer DEFAULT NULL, category text DEFAULT NULL, code text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  PERFORM assign_ticket_series(link_ticket_series.prefix, link_ticket_series.team_id, link_ticket_series.category, link_ticket_series.code);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION link_ticket_series(text, integer, text, text) IS
  'For administrators: lets a series number the tickets of a team or of a category; without prefix and code the assignment ends. '
  'Errors: PT401; 42501; 22023 neither or both of team_id and category; 42704 no such series, team or category.';
REVOKE ALL ON FUNCTION link_ticket_series(text, integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION link_ticket_series(text, integer, text, text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION route_mail(subject text, body text, sender text, headers text DEFAULT NULL, recipient text DEFAULT NULL)
RETURNS TABLE (task_id integer, ticket_number text, matched_by text, found_in text, sender_id text, sender_ok boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  RETURN QUERY SELECT r.* FROM route_reply(subject, body, sender, headers, recipient) r;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION route_mail(text, text, text, text, text) IS
  'For the administrator''s key that a mail gateway holds: the tickets that a mail may belong to, surest first, and whether its sender may '
  'write there (sender_ok); never put a mail into a ticket on the number alone. Errors: PT401; 42501.';
REVOKE ALL ON FUNCTION route_mail(text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION route_mail(text, text, text, text, text) TO ticketflow_admin;
