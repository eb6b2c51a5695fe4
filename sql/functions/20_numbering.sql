-- numbering: the default series, series of teams and categories, and numbers that resolve for ever.

CREATE OR REPLACE FUNCTION check_ticket_prefix() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF NEW.ticket_prefix !~ '^[A-Za-z0-9]{1,10}\Z' THEN
    RAISE EXCEPTION 'ticket prefix "%" is not valid', NEW.ticket_prefix
      USING ERRCODE = 'invalid_parameter_value', HINT = 'A prefix is 1 to 10 ASCII letters and digits, for example TKT.';
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_ticket_prefix() IS 'Trigger of company_settings: refuses a bad ticket_prefix (22023).';

CREATE OR REPLACE FUNCTION follow_ticket_prefix() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  former ticket_series;
BEGIN
  UPDATE ticket_series s SET is_default = false WHERE s.is_default AND s.prefix <> NEW.ticket_prefix RETURNING s.* INTO former;
  UPDATE ticket_series s SET is_default = true WHERE s.prefix = NEW.ticket_prefix AND NOT s.is_default;
  IF NOT EXISTS (SELECT FROM ticket_series s WHERE s.prefix = NEW.ticket_prefix) THEN
    -- A new prefix keeps the habits of the former one: its shape, zone and mode.
    INSERT INTO ticket_series (prefix, mask, reset, time_zone, start_number, mode, permute_key, is_default)
    VALUES (NEW.ticket_prefix,
            CASE WHEN former.mask LIKE '%{prefix}%' THEN former.mask ELSE '{prefix}-{YYYY}-{####}' END,
            CASE WHEN former.mask LIKE '%{prefix}%' THEN former.reset ELSE 'year' END,
            COALESCE(former.time_zone, 'UTC'), COALESCE(former.start_number, 1), COALESCE(former.mode, 'fast'),
            CASE WHEN former.permute_key IS NOT NULL THEN new_permute_key() END, true);
  END IF;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION follow_ticket_prefix() IS
  'Trigger of company_settings: makes ticket_prefix the default series, which starts, or goes on where it was, at once in every session.';

CREATE OR REPLACE FUNCTION new_permute_key() RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT ('x' || encode(gen_random_bytes(8), 'hex'))::bit(64)::bigint;
END;
COMMENT ON FUNCTION new_permute_key() IS 'A random secret for ticket_series.permute_key.';

CREATE OR REPLACE TRIGGER check_ticket_prefix BEFORE INSERT OR UPDATE OF ticket_prefix ON company_settings
  FOR EACH ROW EXECUTE FUNCTION check_ticket_prefix();
CREATE OR REPLACE TRIGGER follow_ticket_prefix AFTER INSERT OR UPDATE OF ticket_prefix ON company_settings
  FOR EACH ROW EXECUTE FUNCTION follow_ticket_prefix();

-- Series of teams and categories

CREATE OR REPLACE FUNCTION assign_ticket_series(prefix text, team_id integer DEFAULT NULL, category text DEFAULT NULL, code text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  its_scope text := CASE WHEN team_id IS NULL THEN 'category' ELSE 'queue' END;
  its_value text := COALESCE(team_id::text, category);
BEGIN
  IF (team_id IS NULL) = (category IS NULL) THEN
    RAISE EXCEPTION 'a series is assigned to a team or to a category'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Give one of team_id and category.';
  ELSIF NOT EXISTS (SELECT FROM teams t WHERE t.id = team_id) AND NOT EXISTS (SELECT FROM task_categories c WHERE c.category = assign_ticket_series.category) THEN
    RAISE EXCEPTION 'there is no % "%"', CASE its_scope WHEN 'queue' THEN 'team' ELSE 'category' END, its_value
      USING ERRCODE = 'undefined_object', HINT = 'Teams are rows of teams, categories of task_categories.';
  ELSIF prefix IS NOT NULL AND NOT EXISTS (SELECT FROM ticket_series s WHERE s.prefix = assign_ticket_series.prefix) THEN
    RAISE EXCEPTION 'there is no ticket series "%"', prefix
      USING ERRCODE = 'undefined_object', HINT = 'Create it first: INSERT INTO ticket_series (prefix) VALUES (...).';
  ELSIF code !~ '^[A-Za-z0-9]{1,10}$' THEN
    RAISE EXCEPTION 'code "%" of a ticket series is not valid', code
      USING ERRCODE = 'invalid_parameter_value', HINT = 'A code is 1 to 10 ASCII letters and digits, for example LAN.';
  END IF;
  IF prefix IS NULL AND code IS NULL THEN
    DELETE FROM ticket_series_scopes s WHERE s.scope = its_scope AND s.value = its_value;
  ELSE
    INSERT INTO ticket_series_scopes AS s (scope, value, prefix, code)
    VALUES (its_scope, its_value, assign_ticket_series.prefix, assign_ticket_series.code)
    ON CONFLICT (scope, value) DO UPDATE SET prefix = EXCLUDED.prefix, code = EXCLUDED.code;
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION assign_ticket_series(text, integer, text, text) IS
  'Lets a series number the tickets of a team or category; a team counts before a category, both before the default series. code '
  'is what {queue} or {category} shows. Without prefix and code the assignment ends. Errors: 22023 bad code, or not one of team and category; 42704 no such team, category or series.';
REVOKE ALL ON FUNCTION assign_ticket_series(text, integer, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION follow_ticket_scopes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  IF TG_TABLE_NAME = 'teams' THEN
    DELETE FROM ticket_series_scopes s WHERE s.scope = 'queue' AND s.value = OLD.id::text;
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM ticket_series_scopes s WHERE s.scope = 'category' AND s.value = OLD.category;
  ELSE
    UPDATE ticket_series_scopes s SET value = NEW.category WHERE s.scope = 'category' AND s.value = OLD.category;
  END IF;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION follow_ticket_scopes() IS 'Trigger of teams and task_categories: assignments of series follow them.';
CREATE OR REPLACE TRIGGER follow_ticket_scopes AFTER DELETE ON teams FOR EACH ROW EXECUTE FUNCTION follow_ticket_scopes();
CREATE OR REPLACE TRIGGER follow_ticket_scopes AFTER DELETE OR UPDATE OF category ON task_categories
  FOR EACH ROW EXECUTE FUNCTION follow_ticket_scopes();

-- Numbers resolve for ever

CREATE OR REPLACE FUNCTION refuse_alias_as_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  alias ticket_number_aliases;
  spellings text[] := ARRAY[NEW.ticket_number::text];
  other varchar;
BEGIN
  -- Who types or quotes a number does not mind its case and separators, so two tickets must not differ by these alone.
  -- While the engine is away, between DROP and CREATE EXTENSION, numbers are compared as they are.
  IF to_regprocedure('extract_ticket_numbers(text)') IS NOT NULL THEN
    spellings := spellings || extract_ticket_numbers(NEW.ticket_number);
  END IF;
  SELECT t.ticket_number INTO other
    FROM unnest(spellings) spelling
    JOIN task_numbers n ON n.number_key = ticket_number_key(spelling)
    JOIN tasks t ON t.id = n.task_id
   WHERE n.task_id <> NEW.id AND t.ticket_number <> NEW.ticket_number LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ticket number "%" reads like "%", which another ticket has', NEW.ticket_number, other
      USING ERRCODE = 'unique_violation', HINT = 'Case and separators do not tell numbers apart.';
  END IF;
  SELECT * INTO alias FROM ticket_number_aliases a WHERE a.ticket_number = NEW.ticket_number;
  IF alias.task_id = NEW.id AND alias.reason <> 'merged' THEN
    DELETE FROM ticket_number_aliases a WHERE a.ticket_number = NEW.ticket_number;
  ELSIF alias.task_id <> NEW.id AND alias.reason <> 'merged' THEN
    RAISE EXCEPTION 'ticket number "%" was issued before', NEW.ticket_number
      USING ERRCODE = 'unique_violation', DETAIL = format('It leads to ticket %s (%s).', alias.task_id, alias.reason),
            HINT = 'Numbers are never used twice; leave ticket_number out to get the next one.';
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION refuse_alias_as_number() IS
  'Trigger of tasks: a number that another ticket had, or that reads like another ticket''s, is refused (23505); a ticket that comes back takes its own number again.';

CREATE OR REPLACE FUNCTION keep_ticket_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  INSERT INTO ticket_number_aliases (ticket_number, task_id, reason)
  VALUES (OLD.ticket_number, OLD.id, CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'renumbered' END)
  ON CONFLICT (ticket_number) DO NOTHING;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION keep_ticket_number() IS 'Trigger of tasks: the number of a renumbered or deleted ticket stays, as an alias.';

CREATE OR REPLACE TRIGGER given_number BEFORE INSERT ON tasks FOR EACH ROW
  WHEN (NEW.ticket_number <> '') EXECUTE FUNCTION refuse_alias_as_number();
CREATE OR REPLACE TRIGGER given_number_again BEFORE UPDATE OF ticket_number ON tasks FOR EACH ROW
  WHEN (NEW.ticket_number <> '' AND OLD.ticket_number <> NEW.ticket_number AND OLD.ticket_number NOT LIKE 'pending-%')
  EXECUTE FUNCTION refuse_alias_as_number();
CREATE OR REPLACE TRIGGER keep_number AFTER DELETE ON tasks FOR EACH ROW
  WHEN (OLD.ticket_number NOT LIKE 'pending-%') EXECUTE FUNCTION keep_ticket_number();
CREATE OR REPLACE TRIGGER keep_former_number AFTER UPDATE OF ticket_number ON tasks FOR EACH ROW
  WHEN (OLD.ticket_number <> NEW.ticket_number AND OLD.ticket_number NOT LIKE 'pending-%')
  EXECUTE FUNCTION keep_ticket_number();

CREATE OR REPLACE FUNCTION ticket_number_matches(number text)
RETURNS TABLE (task_id integer, ticket_number text, matched_by text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  -- What was typed, and what its series would have written.
  WITH RECURSIVE wanted AS (
    SELECT btrim(number) AS text, 1 AS certainty
    UNION SELECT e, 2 FROM unnest(extract_ticket_numbers(number)) e
  ), found AS (
    SELECT t.id, w.certainty, 'number' AS matched_by FROM wanted w JOIN tasks t ON t.ticket_number = w.text
    UNION ALL
    SELECT a.task_id, w.certainty, a.reason::text FROM wanted w JOIN ticket_number_aliases a ON a.ticket_number = w.text
  ), target (id, certainty, matched_by, hops) AS (
    SELECT f.id, f.certainty, f.matched_by, 0 FROM found f
    UNION ALL
    -- A merged ticket keeps its number and leads on.
    SELECT a.task_id, r.certainty, 'merged', r.hops + 1
      FROM target r JOIN tasks t ON t.id = r.id
      JOIN ticket_number_aliases a ON a.ticket_number = t.ticket_number AND a.reason = 'merged' AND a.task_id <> t.id
     WHERE r.hops < 10
  ), best AS (
    SELECT DISTINCT ON (t.id) t.id, t.ticket_number::text AS ticket_number, r.matched_by, r.certainty, r.hops
      FROM target r JOIN tasks t ON t.id = r.id
     WHERE NOT EXISTS (SELECT FROM ticket_number_aliases a
                        WHERE a.ticket_number = t.ticket_number AND a.reason = 'merged' AND a.task_id <> t.id)
     ORDER BY t.id, r.certainty, r.hops)
  SELECT b.id, b.ticket_number, b.matched_by FROM best b ORDER BY b.certainty, b.hops, b.id;
END;
COMMENT ON FUNCTION ticket_number_matches(text) IS
  'The tickets that a number leads to, surest first, in any spelling: its present number, one it had (renumbered), that of a '
  'ticket merged into it, or an additional one (given). Only tickets that the caller sees. matched_by is number, renumbered, merged or given.';
REVOKE ALL ON FUNCTION ticket_number_matches(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticket_number_matches(text) TO ticketflow_customer, ticketflow_report;

CREATE OR REPLACE FUNCTION resolve_ticket_number(number text) RETURNS integer
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT m.task_id FROM ticket_number_matches(number) m LIMIT 1;
END;
COMMENT ON FUNCTION resolve_ticket_number(text) IS
  'The id of the ticket that a number leads to, in any spelling and for ever: renumbered and merged tickets included. Null where '
  'there is none, it was deleted, or the caller does not see it.';
REVOKE ALL ON FUNCTION resolve_ticket_number(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_ticket_number(text) TO ticketflow_customer, ticketflow_report;

CREATE OR REPLACE FUNCTION merge_ticket_numbers(source_id integer, target_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF source_id = target_id OR EXISTS (
       SELECT FROM tasks t, ticket_number_matches(t.ticket_number) m WHERE t.id = target_id AND m.task_id = source_id) THEN
    RAISE EXCEPTION 'ticket % cannot be merged into %', source_id, target_id
      USING ERRCODE = 'invalid_parameter_value', HINT = 'A ticket must not lead to itself.';
  END IF;
  INSERT INTO ticket_number_aliases AS a (ticket_number, task_id, reason)
  SELECT s.ticket_number, t.id, 'merged' FROM tasks s, tasks t WHERE s.id = source_id AND t.id = target_id
  ON CONFLICT (ticket_number) DO UPDATE SET task_id = EXCLUDED.task_id, reason = 'merged';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no ticket % or %', source_id, target_id USING ERRCODE = 'undefined_object';
  END IF;
  UPDATE ticket_number_aliases a SET task_id = target_id WHERE a.task_id = source_id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION merge_ticket_numbers(integer, integer) IS
  'From now on all numbers of the source lead to the target, whether the source stays or is deleted. Errors: 22023 a circle, 42704 no such ticket.';
REVOKE ALL ON FUNCTION merge_ticket_numbers(integer, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION renumber_ticket(task_id integer, new_number text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  result text;
BEGIN
  UPDATE tasks t SET ticket_number = new_number WHERE t.id = task_id RETURNING t.ticket_number INTO result;
  IF result IS NULL THEN
    RAISE EXCEPTION 'there is no ticket %', task_id USING ERRCODE = 'undefined_object';
  END IF;
  RETURN result;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION renumber_ticket(integer, text) IS
  'Gives a ticket another number: the given one, or the next of the series that its team and category now have. The former number '
  'goes on resolving. Errors: 42704 no such ticket, 23505 the number is or was in use.';
REVOKE ALL ON FUNCTION renumber_ticket(integer, text) FROM PUBLIC;

-- Who reads what
DO $$
BEGIN
  PERFORM apply_policy('ticket_number_aliases', 'ticket', 'ticketflow_customer', 'EXISTS (SELECT FROM tasks t WHERE t.id = task_id)'),
          apply_policy('ticket_number_aliases', 'report', 'ticketflow_report', '(SELECT may_report())'),
          apply_policy('ticket_series', 'all', 'ticketflow_user', '(SELECT acting_rank()) >= 2'),
          apply_policy('ticket_series_scopes', 'all', 'ticketflow_user', '(SELECT acting_rank()) >= 2'),
          apply_policy('ticket_counters', 'admin', 'ticketflow_admin', $r$(SELECT acting_role()) = 'admin'$r$);
  IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'ticket_reply_tokens'::regclass) THEN
    ALTER TABLE ticket_reply_tokens ENABLE ROW LEVEL SECURITY;
  END IF;
END
$$;
GRANT SELECT ON ticket_number_aliases TO ticketflow_customer, ticketflow_report;
GRANT SELECT (prefix, mask, reset, time_zone, start_number, mode, is_default) ON ticket_series TO ticketflow_user;
GRANT SELECT ON ticket_series_scopes TO ticketflow_user;
GRANT SELECT ON ticket_counters TO ticketflow_admin;
