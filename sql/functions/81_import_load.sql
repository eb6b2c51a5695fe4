-- import: what import_batch() does with the staged records, step by step. Private to the import.

CREATE OR REPLACE FUNCTION import_value(options jsonb, field text, given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT COALESCE(options -> 'values' -> field ->> COALESCE(btrim(given), ''), NULLIF(btrim(given), ''), options -> 'defaults' ->> field,
    CASE field WHEN 'created_by' THEN options ->> 'author' END);
END;
COMMENT ON FUNCTION import_value(jsonb, text, text) IS 'What a field gets for the value given: mapped, as it is, or the default.';

CREATE OR REPLACE FUNCTION import_resolve(source text, options jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  -- A few distinct words a batch: looked up once, in the vocabularies' own spelling ("In Progress" is in_progress).
  INSERT INTO import_words
  SELECT n.field, n.given, (SELECT v.key FROM (
      SELECT 'category' AS field, category AS word, category AS key FROM task_categories
      UNION ALL SELECT 'status', status, status FROM task_statuses
      UNION ALL SELECT 'priority', priority, priority FROM task_priorities
      UNION ALL SELECT 'severity', severity, severity FROM task_severities
      UNION ALL SELECT 'team', name, id::text FROM teams
      UNION ALL SELECT 'organization', name, id::text FROM organizations) v
     WHERE v.field = n.field
       AND (v.word = n.given OR lower(regexp_replace(v.word, '[[:space:]_-]+', '_', 'g')) = lower(regexp_replace(n.given, '[[:space:]_-]+', '_', 'g')))
     ORDER BY v.word = n.given DESC LIMIT 1)
    FROM (SELECT DISTINCT f.field, import_value(options, f.field, f.given) AS given FROM import_rows r,
            LATERAL (VALUES ('category', r.category), ('status', r.status), ('priority', r.priority), ('severity', r.severity),
                            ('team', r.team), ('organization', r.organization)) AS f(field, given)) n
   WHERE n.given IS NOT NULL AND NOT EXISTS (SELECT FROM import_words w WHERE w.field = n.field AND w.given = n.given)
  ON CONFLICT DO NOTHING;

  -- People: known under that name from this source, by id, or by address; '' marks one to create.
  INSERT INTO import_people
  SELECT n.given, COALESCE(
      (SELECT s.user_id FROM user_sources s WHERE s.source = import_resolve.source AND s.external_id = n.given),
      (SELECT u.id FROM users u WHERE u.id = n.given),
      (SELECT u.id FROM users u WHERE lower(u.email) = lower(import_address(import_resolve.source, n.given))),
      CASE WHEN options ->> 'unknown_people' = 'create' THEN '' END)
    FROM (SELECT DISTINCT import_value(options, f.field, f.given) AS given FROM import_rows r,
            LATERAL (VALUES ('created_by', r.created_by), ('assignee', r.assignee)) AS f(field, given)
          UNION SELECT options ->> 'author') n
   WHERE n.given IS NOT NULL AND NOT EXISTS (SELECT FROM import_people p WHERE p.given = n.given)
  ON CONFLICT DO NOTHING;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_resolve(text, jsonb) IS 'Looks up the words and the people that the staged records name and that are new to this session.';

CREATE OR REPLACE FUNCTION import_address(source text, given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT COALESCE(
    substring(given FROM '<([^<>@[:space:]]+@[^<>@[:space:]]+)>'),
    substring(given FROM '^[^<>@[:space:]]+@[^<>@[:space:]]+$'),
    -- A name without an address gets one that no mail can reach (RFC 2606).
    concat(COALESCE(NULLIF(btrim(left(regexp_replace(lower(given), '[^a-z0-9]+', '.', 'g'), 40), '.'), ''), 'person'), '.',
           left(md5(given), 6), '@', COALESCE(NULLIF(btrim(regexp_replace(lower(source), '[^a-z0-9]+', '-', 'g'), '-'), ''), 'import'), '.invalid'));
END;
COMMENT ON FUNCTION import_address(text, text) IS 'The e-mail address in "Jane Doe <jane@example.com>", or one made of a name.';

CREATE OR REPLACE FUNCTION import_check(run_id bigint, source text, options jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  zone text := options ->> 'zone';
  date_order text := options ->> 'date_order';
  digest text := md5(options::text);
  ids regclass := pg_get_serial_sequence('tasks', 'id')::regclass;
  keep_unknown boolean := options ->> 'unknown_people' = 'default';
BEGIN
  INSERT INTO import_ready
  SELECT c.line, c.action, c.external_id, CASE WHEN c.action = 'insert' AND run_id IS NOT NULL THEN nextval(ids)::int ELSE c.task_id END, c.ticket_number,
         left(c.title, 255), CASE WHEN length(c.title) > 255 THEN concat_ws(E'\n\n', c.title, c.description) ELSE c.description END,
         c.category, c.status, c.priority, c.severity,
         CASE WHEN c.author_unknown THEN options ->> 'author' ELSE c.created_by END, CASE WHEN NOT c.assignee_unknown THEN c.assignee END,
         c.team_id::int, c.organization_id::int, c.due, c.estimated::numeric, c.actual::numeric, c.tags, c.created, c.updated, c.resolved, c.closed,
         COALESCE(c.extra, '{}') || CASE WHEN c.author_unknown OR c.assignee_unknown THEN jsonb_strip_nulls(jsonb_build_object(
           'created_by', CASE WHEN c.author_unknown THEN c.created_by END, 'assignee', CASE WHEN c.assignee_unknown THEN c.assignee END)) ELSE '{}' END,
         c.checksum, NULLIF(c.problems, '{}')
    FROM (SELECT p.*, CASE WHEN p.problems <> '{}' THEN 'reject'
                WHEN p.known IS NULL THEN 'insert'
                WHEN p.known = p.checksum THEN 'unchanged'
                WHEN p.task_id IS NULL OR options ->> 'existing' = 'skip' THEN 'skip'
                ELSE 'update' END AS action
    FROM (SELECT v.*, s.task_id, s.checksum AS known,
      category.word AS category, status.word AS status, priority.word AS priority, severity.word AS severity, team.word AS team_id, organization.word AS organization_id,
      keep_unknown AND author.user_id IS NULL AS author_unknown, keep_unknown AND v.assignee IS NOT NULL AND assignee.user_id IS NULL AS assignee_unknown,
      CASE WHEN v.code IS NOT NULL THEN ARRAY[v.code || ' ' || v.reason] ELSE array_remove(ARRAY[
        CASE WHEN v.external_id IS NULL THEN '23502 external_id is missing'
             WHEN length(v.external_id) > 500 THEN '22001 external_id is longer than 500 characters'
             WHEN s.run_id = import_check.run_id THEN format('23505 external_id "%s" was given in line %s already', v.external_id, s.line)
             WHEN seen.line IS NOT NULL THEN format('23505 external_id "%s" was given in line %s already', v.external_id, seen.line) END,
        CASE WHEN v.title IS NULL THEN '23502 title is missing'
             WHEN length(v.title) > 255 AND options ->> 'long_titles' = 'reject' THEN format('22001 title has %s characters, 255 is the most', length(v.title)) END,
        CASE WHEN length(v.ticket_number) > 40 THEN '22001 ticket_number is longer than 40 characters'
             WHEN taken.id IS NOT NULL THEN format('23505 ticket_number "%s" belongs to another ticket', v.ticket_number) END,
        CASE WHEN v.category_name IS NULL THEN '23502 category is missing' WHEN category.word IS NULL THEN format('23503 unknown category "%s"', left(v.category_name, 60)) END,
        CASE WHEN status.word IS NULL THEN format('23503 unknown status "%s"', left(v.status_name, 60)) END,
        CASE WHEN priority.word IS NULL THEN format('23503 unknown priority "%s"', left(v.priority_name, 60)) END,
        CASE WHEN severity.word IS NULL THEN format('23503 unknown severity "%s"', left(v.severity_name, 60)) END,
        CASE WHEN v.team_name IS NOT NULL AND team.word IS NULL THEN format('23503 unknown team "%s"', left(v.team_name, 60)) END,
        CASE WHEN v.organization_name IS NOT NULL AND organization.word IS NULL THEN format('23503 unknown organization "%s"', left(v.organization_name, 60)) END,
        CASE WHEN v.created_by IS NULL THEN '23502 created_by is missing'
             WHEN author.user_id IS NULL AND NOT (keep_unknown AND options ->> 'author' IS NOT NULL) THEN format('23503 unknown author "%s"', left(v.created_by, 60)) END,
        CASE WHEN v.assignee IS NOT NULL AND assignee.user_id IS NULL AND NOT keep_unknown THEN format('23503 unknown assignee "%s"', left(v.assignee, 60)) END,
        CASE WHEN v.estimated <> '' AND v.estimated !~ '^\d{1,6}(\.\d*)?$' THEN format('22P02 estimated_hours "%s" is not a number of hours from 0 to 999999', left(v.estimated, 60)) END,
        CASE WHEN v.actual <> '' AND v.actual !~ '^\d{1,6}(\.\d*)?$' THEN format('22P02 actual_hours "%s" is not a number of hours from 0 to 999999', left(v.actual, 60)) END,
        CASE WHEN v.created_at <> '' AND v.created IS NULL THEN format('22007 created_at "%s" is not a date', left(v.created_at, 60)) END,
        CASE WHEN v.updated_at <> '' AND v.updated IS NULL THEN format('22007 updated_at "%s" is not a date', left(v.updated_at, 60)) END,
        CASE WHEN v.resolved_at <> '' AND v.resolved IS NULL THEN format('22007 resolved_at "%s" is not a date', left(v.resolved_at, 60)) END,
        CASE WHEN v.closed_at <> '' AND v.closed IS NULL THEN format('22007 closed_at "%s" is not a date', left(v.closed_at, 60)) END,
        CASE WHEN v.due_date <> '' AND v.due IS NULL THEN format('22007 due_date "%s" is not a date', left(v.due_date, 60)) END], NULL) END AS problems
    FROM (SELECT r.line, r.code, r.reason, COALESCE(NULLIF(btrim(r.external_id), ''), NULLIF(btrim(r.ticket_number), '')) AS external_id,
            NULLIF(btrim(r.ticket_number), '') AS ticket_number, NULLIF(btrim(r.title, E' \t\r\n'), '') AS title, NULLIF(r.description, '') AS description,
            import_value(options, 'category', r.category) AS category_name, import_value(options, 'status', r.status) AS status_name,
            import_value(options, 'priority', r.priority) AS priority_name, import_value(options, 'severity', r.severity) AS severity_name,
            import_value(options, 'team', r.team) AS team_name, import_value(options, 'organization', r.organization) AS organization_name,
            import_value(options, 'created_by', r.created_by) AS created_by, import_value(options, 'assignee', r.assignee) AS assignee,
            r.created_at, r.updated_at, r.resolved_at, r.closed_at, r.due_date,
            parse_datetime(r.created_at, zone, date_order) AS created, parse_datetime(r.updated_at, zone, date_order) AS updated,
            parse_datetime(r.resolved_at, zone, date_order) AS resolved, parse_datetime(r.closed_at, zone, date_order) AS closed,
            parse_datetime(r.due_date, zone, date_order) AS due,
            NULLIF(btrim(r.estimated_hours), '') AS estimated, NULLIF(btrim(r.actual_hours), '') AS actual,
            CASE WHEN r.tags IS NULL THEN '{}'::text[] ELSE ARRAY(SELECT btrim(t.tag) FROM unnest(string_to_array(r.tags, options ->> 'tag_separator')) WITH ORDINALITY AS t(tag, n)
              WHERE btrim(t.tag) <> '' GROUP BY btrim(t.tag) ORDER BY min(t.n)) END AS tags,
            r.extra, md5(concat(digest, ROW(r.external_id, r.ticket_number, r.title, r.description, r.category, r.status, r.priority, r.severity, r.created_by, r.assignee,
              r.team, r.organization, r.due_date, r.estimated_hours, r.actual_hours, r.tags, r.created_at, r.updated_at, r.resolved_at, r.closed_at, r.extra)::text)) AS checksum
       FROM import_rows r OFFSET 0) v
    LEFT JOIN LATERAL (SELECT o.task_id, o.checksum, o.run_id, o.line FROM task_sources o WHERE o.source = import_check.source AND o.external_id = v.external_id OFFSET 0) s ON true
    LEFT JOIN LATERAL (SELECT t.id FROM tasks t WHERE t.ticket_number = v.ticket_number AND t.id IS DISTINCT FROM s.task_id OFFSET 0) taken ON true
    LEFT JOIN LATERAL (SELECT o.line FROM import_seen o WHERE o.external_id = v.external_id OFFSET 0) seen ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'category' AND w.given = v.category_name OFFSET 0) category ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'status' AND w.given = v.status_name OFFSET 0) status ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'priority' AND w.given = v.priority_name OFFSET 0) priority ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'severity' AND w.given = v.severity_name OFFSET 0) severity ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'team' AND w.given = v.team_name OFFSET 0) team ON true
    LEFT JOIN LATERAL (SELECT w.word FROM import_words w WHERE w.field = 'organization' AND w.given = v.organization_name OFFSET 0) organization ON true
    LEFT JOIN LATERAL (SELECT o.user_id FROM import_people o WHERE o.given = v.created_by OFFSET 0) author ON true
    LEFT JOIN LATERAL (SELECT o.user_id FROM import_people o WHERE o.given = v.assignee OFFSET 0) assignee ON true) p) c;

  -- Twice in one batch: the first wins, and the second says so.
  UPDATE import_ready r SET action = 'reject', problems = ARRAY[format('23505 %s "%s" was given in line %s already', d.field, d.value, d.first)]
    FROM (SELECT i.line, f.field, f.value, min(i.line) OVER (PARTITION BY f.field, f.value) AS first
            FROM import_ready i, LATERAL (VALUES ('external_id', i.external_id), ('ticket_number', CASE i.action WHEN 'insert' THEN i.ticket_number END)) AS f(field, value)
           WHERE i.action <> 'reject' AND f.value IS NOT NULL) d
   WHERE r.line = d.line AND d.line > d.first;
  IF run_id IS NOT NULL THEN
    UPDATE task_sources s SET run_id = import_check.run_id, line = r.line
      FROM import_ready r WHERE r.action IN ('unchanged', 'skip') AND s.source = import_check.source AND s.external_id = r.external_id;
  END IF;
END
-- A batch costs what its rows cost: whatever the planner believes of tables that were empty a moment ago, each row looks up what
-- it needs by index, and no batch reads all tickets. Not so in import_apply(), where the triggers of tasks would plan at each row.
$$ SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off;
COMMENT ON FUNCTION import_check(bigint, text, jsonb) IS 'Turns staged text into typed rows in import_ready, each with an action or with every reason why not.';

CREATE OR REPLACE FUNCTION import_create_people(source text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM import_people p WHERE p.user_id = '') THEN
    RETURN;
  END IF;
  -- Only those whose ticket comes in; they may not sign in until an administrator approves them.
  CREATE TEMP TABLE import_new_people ON COMMIT DROP AS
    SELECT p.given, import_address(import_create_people.source, p.given) AS email,
           NULLIF(btrim(regexp_replace(p.given, '(<.*>|[^[:space:]]+@[^[:space:]]+)', '', 'g')), '') AS person
      FROM import_people p
     WHERE p.user_id = '' AND EXISTS (SELECT FROM import_ready r WHERE r.action IN ('insert', 'update') AND p.given IN (r.created_by, r.assignee));
  INSERT INTO users (email, first_name, last_name, role, is_active, is_approved)
  SELECT DISTINCT ON (lower(n.email)) n.email, left(split_part(n.person, ' ', 1), 100),
         left(NULLIF(btrim(substr(n.person, length(split_part(n.person, ' ', 1)) + 1)), ''), 100), 'customer', false, false
    FROM import_new_people n ORDER BY lower(n.email), n.given
  ON CONFLICT DO NOTHING;
  UPDATE import_people p SET user_id = u.id
    FROM import_new_people n JOIN users u ON lower(u.email) = lower(n.email) WHERE p.given = n.given;
  INSERT INTO user_sources (source, external_id, user_id)
  SELECT import_create_people.source, p.given, p.user_id FROM import_people p JOIN import_new_people n USING (given)
  ON CONFLICT ON CONSTRAINT user_sources_pkey DO UPDATE SET user_id = EXCLUDED.user_id;
  DROP TABLE import_new_people;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_create_people(text) IS 'Makes accounts, inactive and unapproved, for people that accepted records name and the desk does not know.';

CREATE OR REPLACE FUNCTION import_apply(run_id bigint, source text, options jsonb, low bigint, high bigint) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  fields text[] := ARRAY(SELECT jsonb_object_keys(options -> 'map'));
  expected bigint;
  written bigint;
BEGIN
  SELECT count(*) INTO expected FROM import_ready r WHERE r.line BETWEEN low AND high AND r.action = 'insert';
  INSERT INTO tasks (id, ticket_number, title, description, category, status, priority, severity, assignee_id, assignee_type, assigned_team_id,
    created_by, due_date, estimated_hours, actual_hours, tags, created_at, updated_at, resolved_at, closed_at, organization_id)
  SELECT r.task_id, r.ticket_number, r.title, r.description, r.category, r.status, r.priority, r.severity, assignee.user_id,
         CASE WHEN assignee.user_id IS NULL AND r.team_id IS NOT NULL THEN 'team' ELSE 'user' END, r.team_id, author.user_id, r.due_date,
         r.estimated_hours, r.actual_hours, r.tags, COALESCE(r.created_at, now()),
         COALESCE(r.updated_at, r.closed_at, r.resolved_at, r.created_at, now()), r.resolved_at, r.closed_at, r.organization_id
    FROM import_ready r
    JOIN import_people author ON author.given = r.created_by
    LEFT JOIN import_people assignee ON assignee.given = r.assignee
   WHERE r.line BETWEEN low AND high AND r.action = 'insert'
   ORDER BY r.line;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> expected THEN
    RAISE EXCEPTION 'a trigger on tasks dropped the ticket without a message' USING ERRCODE = 'triggered_action_exception';
  END IF;

  IF (options -> 'aliases')::boolean THEN
    INSERT INTO ticket_number_aliases (ticket_number, task_id, reason)
    SELECT r.external_id, r.task_id, 'given' FROM import_ready r
     WHERE r.line BETWEEN low AND high AND r.action = 'insert' AND length(r.external_id) <= 40
       AND NOT EXISTS (SELECT FROM tasks t WHERE t.ticket_number = r.external_id)
    ON CONFLICT DO NOTHING;
  END IF;

  SELECT count(*) INTO expected FROM import_ready r WHERE r.line BETWEEN low AND high AND r.action = 'update';
  IF expected > 0 THEN
    UPDATE tasks t
       SET title = CASE WHEN 'title' = ANY (fields) THEN r.title ELSE t.title END,
           description = CASE WHEN 'description' = ANY (fields) THEN r.description ELSE t.description END,
           category = CASE WHEN 'category' = ANY (fields) THEN r.category ELSE t.category END,
           status = CASE WHEN 'status' = ANY (fields) THEN r.status ELSE t.status END,
           priority = CASE WHEN 'priority' = ANY (fields) THEN r.priority ELSE t.priority END,
           severity = CASE WHEN 'severity' = ANY (fields) THEN r.severity ELSE t.severity END,
           assignee_id = CASE WHEN 'assignee' = ANY (fields) THEN assignee.user_id ELSE t.assignee_id END,
           assigned_team_id = CASE WHEN 'team' = ANY (fields) THEN r.team_id ELSE t.assigned_team_id END,
           assignee_type = CASE WHEN NOT fields && '{assignee,team}' THEN t.assignee_type
             WHEN assignee.user_id IS NULL AND r.team_id IS NOT NULL THEN 'team' ELSE 'user' END,
           due_date = CASE WHEN 'due_date' = ANY (fields) THEN r.due_date ELSE t.due_date END,
           estimated_hours = CASE WHEN 'estimated_hours' = ANY (fields) THEN r.estimated_hours ELSE t.estimated_hours END,
           actual_hours = CASE WHEN 'actual_hours' = ANY (fields) THEN r.actual_hours ELSE t.actual_hours END,
           tags = CASE WHEN 'tags' = ANY (fields) THEN r.tags ELSE t.tags END,
           resolved_at = CASE WHEN 'resolved_at' = ANY (fields) THEN r.resolved_at ELSE t.resolved_at END,
           closed_at = CASE WHEN 'closed_at' = ANY (fields) THEN r.closed_at ELSE t.closed_at END,
           organization_id = CASE WHEN 'organization' = ANY (fields) THEN r.organization_id ELSE t.organization_id END,
           updated_at = COALESCE(r.updated_at, now())
      FROM import_ready r LEFT JOIN import_people assignee ON assignee.given = r.assignee
     WHERE r.line BETWEEN low AND high AND r.action = 'update' AND t.id = r.task_id;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> expected THEN
      RAISE EXCEPTION 'a trigger on tasks dropped the change without a message' USING ERRCODE = 'triggered_action_exception';
    END IF;
  END IF;

  INSERT INTO task_sources AS s (source, external_id, task_id, checksum, extra, run_id, line)
  SELECT import_apply.source, r.external_id, r.task_id, r.checksum, r.extra, import_apply.run_id, r.line
    FROM import_ready r WHERE r.line BETWEEN low AND high AND r.action IN ('insert', 'update')
  ON CONFLICT ON CONSTRAINT task_sources_pkey DO UPDATE
     SET checksum = EXCLUDED.checksum, extra = EXCLUDED.extra, run_id = EXCLUDED.run_id, line = EXCLUDED.line, imported_at = now();
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_apply(bigint, text, jsonb, bigint, bigint) IS 'Writes the accepted rows of a range of lines.';

CREATE OR REPLACE FUNCTION import_write(run_id bigint, source text, options jsonb, low bigint, high bigint) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  state text; message text; detail text;
  middle bigint;
BEGIN
  PERFORM import_apply(run_id, source, options, low, high);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  -- Not the fault of a record: resources, conflicts with other sessions, the server.
  IF left(state, 2) IN ('25', '40', '53', '55', '57', '58', 'XX') OR state IN ('42501', '42P01', '42703', '42883') THEN
    RAISE;
  END IF;
  SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY r.line) INTO middle
    FROM import_ready r WHERE r.line BETWEEN low AND high AND r.action <> 'reject';
  IF middle = (SELECT max(r.line) FROM import_ready r WHERE r.line BETWEEN low AND high AND r.action <> 'reject') THEN
    UPDATE import_ready r SET action = 'reject', problems = ARRAY[concat_ws(' ', state, message, '(' || NULLIF(detail, '') || ')')]
     WHERE r.line = middle;
  ELSE
    -- Some record of this range is refused by a constraint or trigger that nobody told the import of: halve until it is alone.
    PERFORM import_write(run_id, source, options, low, middle);
    PERFORM import_write(run_id, source, options, middle + 1, high);
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_write(bigint, text, jsonb, bigint, bigint) IS
  'Writes a range of lines; where the desk refuses one of them, finds it and rejects it alone.';

CREATE OR REPLACE FUNCTION import_refusals(run_id bigint) RETURNS SETOF import_rejects
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN QUERY
  SELECT import_refusals.run_id, r.line, left(COALESCE(r.external_id, i.external_id), 500), left(r.problems[1], 5),
         (SELECT string_agg(substr(p.problem, 7), '; ' ORDER BY p.n) FROM unnest(r.problems) WITH ORDINALITY AS p(problem, n)),
         (SELECT jsonb_object_agg(f.key, left(f.value, 1000)) FROM jsonb_each_text(to_jsonb(i) - '{line,code,reason}'::text[]) AS f(key, value)
           WHERE f.value IS NOT NULL)
    FROM import_ready r JOIN import_rows i ON i.line = r.line
   WHERE r.action = 'reject';
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_refusals(bigint) IS 'What the batch rejected, as rows of import_rejects.';

REVOKE ALL ON FUNCTION import_value(jsonb, text, text),
  import_resolve(text, jsonb),
  import_address(text, text),
  import_check(bigint, text, jsonb),
  import_create_people(text),
  import_apply(bigint, text, jsonb, bigint, bigint),
  import_write(bigint, text, jsonb, bigint, bigint),
  import_refusals(bigint) FROM PUBLIC;
