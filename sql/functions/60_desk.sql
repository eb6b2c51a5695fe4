-- desk: what keeps a ticket's stamps right, and the row that the functions return.

CREATE OR REPLACE FUNCTION stamp_new_task() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
  new_stage text;
BEGIN
  -- Whatever a row brings along is kept: an import knows better than we when its tickets were made and solved.
  IF NEW.organization_id IS NULL THEN
    NEW.organization_id := (SELECT u.organization_id FROM users u WHERE u.id = NEW.created_by);
  END IF;
  IF NEW.status <> 'open' THEN
    new_stage := (SELECT s.stage FROM task_statuses s WHERE s.status = NEW.status);
    IF new_stage = 'resolved' THEN
      NEW.resolved_at := COALESCE(NEW.resolved_at, NEW.updated_at);
    ELSIF new_stage = 'closed' THEN
      NEW.closed_at := COALESCE(NEW.closed_at, NEW.updated_at);
    END IF;
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION stamp_new_task() IS 'Trigger: fills organisation and stamps of a new ticket where the row brings none.';

CREATE OR REPLACE FUNCTION stamp_changed_task() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
  person text;
BEGIN
  IF TG_NARGS > 0 AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
    RETURN NEW;
  END IF;
  NEW.version := OLD.version + 1;
  IF NEW.updated_at = OLD.updated_at THEN
    NEW.updated_at := now();
  END IF;
  IF NEW.last_updated_by IS NOT DISTINCT FROM OLD.last_updated_by THEN
    person := acting_user();
    IF person IS DISTINCT FROM NEW.last_updated_by AND EXISTS (SELECT FROM users u WHERE u.id = person) THEN
      NEW.last_updated_by := person;
    END IF;
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION stamp_changed_task() IS 'Trigger: version, updated_at and last_updated_by of a ticket that changed, unless the statement sets them.';

CREATE OR REPLACE FUNCTION stamp_status() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
  new_stage text;
BEGIN
  -- What another system did with its ticket is not for this desk to refuse.
  IF NOT is_import()
     AND NOT EXISTS (SELECT FROM status_transitions t WHERE t.from_status = OLD.status AND t.to_status = NEW.status)
     AND EXISTS (SELECT FROM task_statuses s WHERE s.status = NEW.status) THEN
    RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.ticket_number, OLD.status, NEW.status
      USING ERRCODE = 'PT409', HINT = 'The table status_transitions lists what may follow.';
  END IF;
  new_stage := (SELECT s.stage FROM task_statuses s WHERE s.status = NEW.status);
  IF new_stage = 'resolved' THEN
    NEW.resolved_at := COALESCE(NEW.resolved_at, now());
    NEW.closed_at := CASE WHEN NEW.closed_at IS DISTINCT FROM OLD.closed_at THEN NEW.closed_at END;
  ELSIF new_stage = 'closed' THEN
    NEW.closed_at := COALESCE(NEW.closed_at, now());
  ELSE
    NEW.resolved_at := CASE WHEN NEW.resolved_at IS DISTINCT FROM OLD.resolved_at THEN NEW.resolved_at END;
    NEW.closed_at := CASE WHEN NEW.closed_at IS DISTINCT FROM OLD.closed_at THEN NEW.closed_at END;
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION stamp_status() IS
  'Trigger: refuses a change of status that status_transitions does not list (PT409), stamps resolved_at and closed_at, clears them on reopening.';

CREATE OR REPLACE FUNCTION stamp_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_NARGS > 0 AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
    RETURN NEW;
  END IF;
  IF NEW.updated_at = OLD.updated_at THEN
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION stamp_updated_at() IS 'Trigger: updated_at of a row that changed, unless the statement sets it.';

-- Named so that they fire before the triggers of other topics, which look at the finished row.
CREATE OR REPLACE TRIGGER a_stamp_new BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION stamp_new_task();
CREATE OR REPLACE TRIGGER a_stamp_status BEFORE UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION stamp_status();
DO $$
DECLARE
  name text;
  generated text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tasks', 'organizations', 'departments', 'company_settings', 'teams', 'task_comments', 'knowledge_articles'] LOOP
    -- Where the DBA added generated columns, a condition may not name the whole new row: then the function compares, without them.
    generated := (SELECT string_agg(quote_literal(a.attname), ', ') FROM pg_attribute a
                   WHERE a.attrelid = name::regclass AND a.attgenerated <> '' AND NOT a.attisdropped);
    -- Reading an article or voting on it does not change it.
    IF name = 'knowledge_articles' THEN
      generated := concat_ws(', ', generated, '''view_count'', ''helpful_votes'', ''unhelpful_votes'', ''effectiveness_score''');
    END IF;
    EXECUTE format('CREATE OR REPLACE TRIGGER a_stamp_changed BEFORE UPDATE ON %I FOR EACH ROW %s EXECUTE FUNCTION %I(%s)', name,
                   CASE WHEN generated IS NULL THEN 'WHEN (OLD.* IS DISTINCT FROM NEW.*)' END,
                   CASE name WHEN 'tasks' THEN 'stamp_changed_task' ELSE 'stamp_updated_at' END, generated);
  END LOOP;
END
$$;
-- Counting attempts to sign in does not change a person.
CREATE OR REPLACE TRIGGER a_stamp_changed BEFORE UPDATE ON users FOR EACH ROW
  WHEN ((OLD.email, OLD.password, OLD.first_name, OLD.last_name, OLD.profile_image_url, OLD.role, OLD.department, OLD.is_active,
         OLD.is_approved, OLD.organization_id) IS DISTINCT FROM
        (NEW.email, NEW.password, NEW.first_name, NEW.last_name, NEW.profile_image_url, NEW.role, NEW.department, NEW.is_active,
         NEW.is_approved, NEW.organization_id))
  EXECUTE FUNCTION stamp_updated_at();

CREATE OR REPLACE VIEW task_details WITH (security_invoker = true) AS
SELECT t.id, t.ticket_number, t.title, t.description, t.category, t.status, t.priority, t.severity,
       t.assignee_type, t.assignee_id,
       NULLIF(concat_ws(' ', assignee.first_name, assignee.last_name), '') AS assignee_name,
       t.assigned_team_id, team.name AS assigned_team_name,
       t.created_by, NULLIF(concat_ws(' ', creator.first_name, creator.last_name), '') AS created_by_name,
       t.last_updated_by, t.organization_id, t.due_date, t.estimated_hours, t.actual_hours, t.tags,
       t.created_at, t.updated_at, t.resolved_at, t.closed_at, t.version
  FROM tasks t
  LEFT JOIN users assignee ON assignee.id = t.assignee_id
  LEFT JOIN users creator ON creator.id = t.created_by
  LEFT JOIN teams team ON team.id = t.assigned_team_id;
COMMENT ON VIEW task_details IS 'Tickets with the names of people and teams; the caller sees the tickets that she may see.';
GRANT SELECT ON task_details TO ticketflow_customer;

CREATE OR REPLACE VIEW comment_details WITH (security_invoker = true) AS
SELECT c.id, c.task_id, c.user_id, NULLIF(concat_ws(' ', u.first_name, u.last_name), '') AS user_name,
       c.content, c.is_internal, c.created_at, c.updated_at
  FROM task_comments c LEFT JOIN users u ON u.id = c.user_id;
COMMENT ON VIEW comment_details IS 'Comments with the names of their authors; the caller sees those that she may see.';
GRANT SELECT ON comment_details TO ticketflow_customer;

CREATE OR REPLACE FUNCTION check_version(task tasks, version integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF version <> task.version THEN
    RAISE EXCEPTION 'ticket % was changed meanwhile', task.ticket_number
      USING ERRCODE = 'PT409', DETAIL = format('Its version is %s, the change is based on version %s.', task.version, version),
            HINT = 'Read the ticket again, then repeat the change.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_version(tasks, integer) IS 'Refuses a change based on another version of the ticket (PT409); null asks nothing.';

CREATE OR REPLACE FUNCTION is_assignable(role text, may_sign_in boolean) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT may_sign_in AND role <> 'customer' AND (role <> 'admin' OR acting_rank() >= 2);
END;
COMMENT ON FUNCTION is_assignable(text, boolean) IS
  'Whether the acting person can assign tickets to a person of this role: active, approved staff; administrators only by the staff.';

CREATE OR REPLACE FUNCTION check_assignment(assignee_id text, assigned_team_id integer) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
  actor_role text := acting_role();
BEGIN
  IF assignee_id IS NOT NULL AND assigned_team_id IS NOT NULL THEN
    RAISE EXCEPTION 'a ticket has one assignee, a person or a team'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass assignee_id or assigned_team_id.';
  END IF;
  IF assignee_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM users u WHERE u.id = assignee_id AND is_assignable(u.role, u.is_active AND u.is_approved)) THEN
    RAISE EXCEPTION 'this person cannot be assigned a ticket'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'assignable_users() lists who can.';
  END IF;
  IF assigned_team_id IS NOT NULL AND NOT EXISTS (SELECT FROM teams t WHERE t.id = assigned_team_id AND t.is_active) THEN
    RAISE EXCEPTION 'this team cannot be assigned a ticket'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose an active team.';
  END IF;
  IF actor_role = 'user' AND (assignee_id <> person
     OR assigned_team_id IS NOT NULL AND assigned_team_id <> ALL (COALESCE(visible_teams(), '{}'))) THEN
    RAISE EXCEPTION 'permission denied to assign a ticket to others'
      USING ERRCODE = 'insufficient_privilege', HINT = 'Assign it to yourself or to a team of yours, or ask a manager.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_assignment(text, integer) IS
  'Refuses an assignment: 22023 both, or nobody who works here; 42501 a user assigns to others than herself and her teams.';
REVOKE ALL ON FUNCTION check_assignment(text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION check_status_change(task tasks, status text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  needed record;
BEGIN
  IF NOT EXISTS (SELECT FROM task_statuses s WHERE s.status = check_status_change.status) THEN
    RAISE EXCEPTION 'there is no status "%"', status
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The table task_statuses lists them.';
  END IF;
  IF task.status = status THEN
    RETURN;
  END IF;
  SELECT t.role, r.rank INTO needed FROM status_transitions t JOIN user_roles r USING (role)
   WHERE t.from_status = task.status AND t.to_status = check_status_change.status;
  IF FOUND AND (acting_rank() < needed.rank OR acting_role() = 'customer' AND task.created_by <> acting_person()) THEN
    RAISE EXCEPTION 'permission denied to take ticket % from % to %', task.ticket_number, task.status, status
      USING ERRCODE = 'insufficient_privilege', HINT = format('This needs the role %s; customers reopen tickets of their own.', needed.role);
  END IF;
  IF needed.role IS NULL AND acting_role() = 'customer' THEN
    RAISE EXCEPTION 'permission denied to change the status of ticket %', task.ticket_number
      USING ERRCODE = 'insufficient_privilege', HINT = 'Customers reopen tickets of their own.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_status_change(tasks, text) IS
  'Refuses a status that is not one (22023) and a change above the acting person''s role (42501); the trigger refuses unlisted ones.';
REVOKE ALL ON FUNCTION check_status_change(tasks, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION clean_tags(tags text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  clean text[] := ARRAY(SELECT DISTINCT btrim(t) FROM unnest(tags) AS t WHERE btrim(t) <> '' ORDER BY 1);
BEGIN
  IF cardinality(clean) > 20 OR EXISTS (SELECT FROM unnest(clean) AS t WHERE char_length(t) > 50) THEN
    RAISE EXCEPTION 'a ticket has at most 20 tags of at most 50 characters'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave some out, or shorten them.';
  END IF;
  RETURN clean;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION clean_tags(text[]) IS 'Tags trimmed, sorted and each once; null becomes none. Error: 22023 over 20, or one over 50 characters.';

CREATE OR REPLACE FUNCTION check_comment(content text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF content IS NULL OR btrim(content, E' \t\r\n') = '' OR char_length(content) > 10000 THEN
    RAISE EXCEPTION 'a comment has 1 to 10000 characters'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Write something shorter, or attach a file.';
  END IF;
  RETURN btrim(content, E' \t\r\n');
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_comment(text) IS 'The trimmed text of a comment. Error: 22023 empty or over 10000 characters.';

CREATE OR REPLACE FUNCTION check_title(title text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF title IS NULL OR btrim(title) = '' OR char_length(btrim(title)) > 255 THEN
    RAISE EXCEPTION 'a title has 1 to 255 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Put the rest into the description.';
  END IF;
  RETURN btrim(title);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_title(text) IS 'The trimmed title. Error: 22023 empty or over 255 characters.';

CREATE OR REPLACE FUNCTION check_description(description text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF char_length(description) > 1000000 THEN
    RAISE EXCEPTION 'a description has at most 1000000 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Attach what is longer as a file.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_description(text) IS 'Refuses a description of more than 1000000 characters (22023); null asks nothing.';

CREATE OR REPLACE FUNCTION check_words(category text, priority text, severity text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  wrong record;
BEGIN
  SELECT * INTO wrong FROM (VALUES
    ('category', category, 'task_categories', EXISTS (SELECT FROM task_categories w WHERE w.category = check_words.category)),
    ('priority', priority, 'task_priorities', EXISTS (SELECT FROM task_priorities w WHERE w.priority = check_words.priority)),
    ('severity', severity, 'task_severities', EXISTS (SELECT FROM task_severities w WHERE w.severity = check_words.severity)))
    AS words (field, word, list, is_known)
   WHERE word IS NOT NULL AND NOT is_known;
  IF FOUND THEN
    RAISE EXCEPTION 'there is no % "%"', wrong.field, wrong.word
      USING ERRCODE = 'invalid_parameter_value', HINT = format('The table %s lists them.', wrong.list);
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_words(text, text, text) IS 'Refuses a category, priority or severity that the desk does not know (22023); null asks nothing.';
REVOKE ALL ON FUNCTION check_words(text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION change_fields(task tasks, fields jsonb, clear text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  asked text[] := ARRAY(SELECT jsonb_object_keys(fields) UNION SELECT unnest(clear));
  wrong text;
BEGIN
  wrong := (SELECT c FROM unnest(clear) AS c WHERE c NOT IN ('description', 'due_date', 'estimated_hours', 'actual_hours') LIMIT 1);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'the field "%" cannot be emptied', wrong
      USING ERRCODE = 'invalid_parameter_value', HINT = 'clear takes description, due_date, estimated_hours and actual_hours.';
  END IF;
  wrong := (SELECT f FROM unnest(asked) AS f
             WHERE NOT EXISTS (SELECT FROM task_field_rights r WHERE r.role = acting_role() AND r.field = f)
                OR acting_role() = 'customer' AND task.created_by <> acting_person() ORDER BY f LIMIT 1);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'permission denied to change % of ticket %', wrong, task.ticket_number
      USING ERRCODE = 'insufficient_privilege', HINT = 'The table task_field_rights lists what a role may change.';
  END IF;
  PERFORM check_words(fields ->> 'category', fields ->> 'priority', fields ->> 'severity'), check_description(fields ->> 'description'),
          check_hours((fields ->> 'estimated_hours')::numeric), check_hours((fields ->> 'actual_hours')::numeric);
  UPDATE tasks t
     SET title = CASE WHEN fields ? 'title' THEN check_title(fields ->> 'title') ELSE t.title END,
         description = CASE WHEN 'description' = ANY (clear) THEN NULL ELSE COALESCE(fields ->> 'description', t.description) END,
         category = COALESCE(fields ->> 'category', t.category),
         priority = COALESCE(fields ->> 'priority', t.priority),
         severity = COALESCE(fields ->> 'severity', t.severity),
         due_date = CASE WHEN 'due_date' = ANY (clear) THEN NULL ELSE COALESCE((fields ->> 'due_date')::timestamptz, t.due_date) END,
         estimated_hours = CASE WHEN 'estimated_hours' = ANY (clear) THEN NULL
                                ELSE COALESCE((fields ->> 'estimated_hours')::numeric, t.estimated_hours) END,
         actual_hours = CASE WHEN 'actual_hours' = ANY (clear) THEN NULL
                             ELSE COALESCE((fields ->> 'actual_hours')::numeric, t.actual_hours) END,
         tags = CASE WHEN fields ? 'tags' THEN clean_tags(ARRAY(SELECT jsonb_array_elements_text(fields -> 'tags'))) ELSE t.tags END
   WHERE t.id = task.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION change_fields(tasks, jsonb, text[]) IS
  'Changes fields of a ticket that require_task() gave. Errors: 42501 a field is not for the acting person; 22023 a bad value.';
REVOKE ALL ON FUNCTION change_fields(tasks, jsonb, text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION change_assignment(task tasks, assignee_id text, assigned_team_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('user'), check_assignment(assignee_id, assigned_team_id);
  IF assignee_id IS NULL AND assigned_team_id IS NULL THEN
    PERFORM require_role('manager');
  END IF;
  UPDATE tasks t
     SET assignee_type = CASE WHEN change_assignment.assigned_team_id IS NULL THEN 'user' ELSE 'team' END,
         assignee_id = change_assignment.assignee_id, assigned_team_id = change_assignment.assigned_team_id
   WHERE t.id = task.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION change_assignment(tasks, text, integer) IS
  'Assigns a ticket that require_task() gave and empties the other assignment column. Errors: 42501, 22023.';
REVOKE ALL ON FUNCTION change_assignment(tasks, text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION check_hours(hours numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF hours NOT BETWEEN 0 AND 999999.99 THEN
    RAISE EXCEPTION 'hours are between 0 and 999999.99' USING ERRCODE = 'invalid_parameter_value', HINT = 'Hours of work, for example 1.5.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_hours(numeric) IS 'Refuses hours of work that the desk cannot keep (22023); null asks nothing.';
