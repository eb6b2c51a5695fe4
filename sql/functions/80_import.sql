-- import: a client (ticketflow import, or import_tasks() for a table that is in the database already) stages records as text
-- in the temporary table import_rows; each import_batch() makes tickets of them in set-based statements.

CREATE OR REPLACE FUNCTION import_fields() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT string_to_array('external_id ticket_number title description category status priority severity created_by assignee '
    'team organization due_date estimated_hours actual_hours tags created_at updated_at resolved_at closed_at', ' ');
END;
COMMENT ON FUNCTION import_fields() IS 'The ticket fields that an import can fill.';

CREATE OR REPLACE FUNCTION import_check_options(source text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  builtin CONSTANT jsonb := '{"map": {}, "values": {}, "defaults": {}, "existing": "update", "unknown_people": "create", "author": null, "aliases": false,
    "zone": "UTC", "date_order": "ymd", "tag_separator": ",", "long_titles": "reject"}';
  checked jsonb := builtin || jsonb_strip_nulls(options);
  wrong text;
BEGIN
  IF COALESCE(btrim(source), '') = '' OR length(source) > 100 THEN
    RAISE EXCEPTION 'an import needs the name of its source' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name the system that the records come from in 1 to 100 characters, such as jira.';
  END IF;
  SELECT o.key INTO wrong FROM jsonb_object_keys(checked) AS o(key) WHERE NOT builtin ? o.key LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'unknown import option "%"', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Options: ' || (SELECT string_agg(b.key, ', ') FROM jsonb_object_keys(builtin) AS b(key)) || '.';
  END IF;
  SELECT f.key INTO wrong FROM unnest('{map,values,defaults}'::text[]) AS p(part), jsonb_object_keys(checked -> p.part) AS f(key)
   WHERE f.key <> ALL (import_fields()) LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'an import cannot fill a field "%"', wrong USING ERRCODE = 'undefined_column',
      HINT = 'Fields: ' || array_to_string(import_fields(), ', ') || '.';
  END IF;
  IF checked ->> 'existing' NOT IN ('update', 'skip') OR checked ->> 'unknown_people' NOT IN ('create', 'default', 'reject')
     OR checked ->> 'long_titles' NOT IN ('reject', 'cut') OR checked ->> 'tag_separator' = '' OR jsonb_typeof(checked -> 'aliases') <> 'boolean' THEN
    RAISE EXCEPTION 'an import option has a value that it cannot have' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'existing: update, skip; unknown_people: create, default, reject; long_titles: reject, cut; tag_separator: not empty; aliases: true, false.';
  END IF;
  IF NOT (checked -> 'map' ? 'title') THEN
    RAISE EXCEPTION 'no column is mapped to title' USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: title=summary.';
  END IF;
  IF NOT (checked -> 'map' ?| '{external_id,ticket_number}') THEN
    RAISE EXCEPTION 'no column is mapped to external_id' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Map the column that names a record in its source to external_id or ticket_number, so that importing again finds the ticket.';
  END IF;
  IF NOT (checked -> 'map' ? 'created_by' OR checked -> 'defaults' ? 'created_by' OR checked ->> 'author' IS NOT NULL) THEN
    RAISE EXCEPTION 'the import does not say who created the tickets' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Map a column to created_by, or name an author for tickets that have none.';
  END IF;
  PERFORM parse_datetime('2000-01-01', checked ->> 'zone', checked ->> 'date_order');
  RETURN jsonb_set(checked, '{defaults}', '{"status": "open", "priority": "medium", "severity": "normal"}'::jsonb || (checked -> 'defaults'));
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_check_options(text, jsonb) IS
  'Private to the import: completes options and refuses what cannot work (22023, 42703).';

CREATE OR REPLACE FUNCTION import_lock(source text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('ticketflow.import'), hashtext(format('%s %s', 'import_runs'::regclass::oid, source))) THEN
    RAISE EXCEPTION 'another session is importing from "%"', source
      USING ERRCODE = 'lock_not_available', HINT = 'Wait until it ends; an import that was cut off goes on where it stopped.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_lock(text) IS 'Private to the import: one session a source, until the transaction ends (55P03).';

CREATE OR REPLACE FUNCTION import_make_tables() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM set_config('client_min_messages', 'warning', true);
  DROP TABLE IF EXISTS pg_temp.import_session, pg_temp.import_rows, pg_temp.import_ready, pg_temp.import_words,
    pg_temp.import_people, pg_temp.import_seen, pg_temp.import_refused;
  -- What the client fills: text as it was given; code and reason for a record that it could not read.
  CREATE TEMP TABLE import_rows (line bigint NOT NULL, code text, reason text, external_id text, ticket_number text, title text,
    description text, category text, status text, priority text, severity text, created_by text, assignee text, team text,
    organization text, due_date text, estimated_hours text, actual_hours text, tags text, created_at text, updated_at text,
    resolved_at text, closed_at text, extra jsonb);
  CREATE TEMP TABLE import_ready (line bigint PRIMARY KEY, action text NOT NULL, external_id text, task_id int, ticket_number text,
    title text, description text, category text, status text, priority text, severity text, created_by text, assignee text, team_id int,
    organization_id int, due_date timestamptz, estimated_hours numeric, actual_hours numeric, tags text[], created_at timestamptz,
    updated_at timestamptz, resolved_at timestamptz, closed_at timestamptz, extra jsonb, checksum text, problems text[]);
  CREATE TEMP TABLE import_words (field text, given text, word text, PRIMARY KEY (field, given));
  CREATE TEMP TABLE import_people (given text PRIMARY KEY, user_id text);
  CREATE TEMP TABLE import_seen (external_id text PRIMARY KEY, line bigint NOT NULL);
  CREATE TEMP TABLE import_refused (run_id bigint, line bigint, external_id text, code text, reason text, record jsonb);
  CREATE TEMP TABLE import_session (run_id bigint, source text NOT NULL, options jsonb NOT NULL, dry_run boolean NOT NULL);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_make_tables() IS 'Private to the import: the temporary tables of a session.';

CREATE OR REPLACE FUNCTION import_open(source text, options jsonb, file_name text DEFAULT NULL, file_digest text DEFAULT NULL,
  restart boolean DEFAULT false, dry_run boolean DEFAULT false) RETURNS import_runs
LANGUAGE plpgsql
AS $$
DECLARE
  checked jsonb := import_check_options(source, options);
  run import_runs;
BEGIN
  PERFORM import_make_tables();
  IF dry_run THEN
    INSERT INTO import_session VALUES (NULL, source, checked, true);
    SELECT source, 'running', checked, 0, 0, 0, 0, 0, 0, 0, 0
      INTO run.source, run.state, run.options, run.records, run.inserted, run.updated, run.unchanged, run.skipped, run.rejected,
           run.last_line, run.file_position;
    RETURN run;
  END IF;
  PERFORM import_lock(source);
  IF NOT restart AND file_digest IS NOT NULL THEN
    SELECT r.* INTO run FROM import_runs r
     WHERE r.source = import_open.source AND r.state = 'running' AND r.file_digest = import_open.file_digest AND r.options = checked;
  END IF;
  IF run.id IS NULL THEN
    UPDATE import_runs r SET state = 'abandoned', finished_at = now() WHERE r.source = import_open.source AND r.state = 'running';
    INSERT INTO import_runs AS r (source, options, file_name, file_digest) VALUES (source, checked, file_name, file_digest) RETURNING r.* INTO run;
  END IF;
  INSERT INTO import_session VALUES (run.id, source, checked, false);
  RETURN run;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_open(text, jsonb, text, text, boolean, boolean) IS
  'Begins an import in this session, or goes on with the unfinished one of the same source, file and options: makes the temporary '
  'table import_rows that the client fills before each import_batch(). With dry_run nothing is written to the desk. '
  'Errors: 22023 an option, 42703 an unknown field, 55P03 another session imports from this source.';

CREATE OR REPLACE FUNCTION import_batch(after_line bigint DEFAULT NULL, last_line bigint DEFAULT NULL, file_position bigint DEFAULT NULL,
  OUT records bigint, OUT inserted bigint, OUT updated bigint, OUT unchanged bigint, OUT skipped bigint, OUT rejected bigint)
LANGUAGE plpgsql
AS $$
DECLARE
  session record;
BEGIN
  SELECT * INTO STRICT session FROM import_session;
  IF NOT session.dry_run THEN
    PERFORM import_lock(session.source);
    PERFORM 1 FROM import_runs r WHERE r.id = session.run_id AND r.state = 'running'
       AND r.last_line = COALESCE(after_line, r.last_line) FOR UPDATE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'import run % was continued or ended by another session', session.run_id
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Start the import again; it goes on where the other one stopped.';
    END IF;
    -- Deferred checks would fail the whole batch at commit; now they name their row.
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('app.actor_kind', 'import', true), set_config('app.cause', 'import run ' || session.run_id, true);
  END IF;
  TRUNCATE import_ready;
  PERFORM import_resolve(session.source, session.options);
  PERFORM import_check(session.run_id, session.source, session.options);
  IF session.dry_run THEN
    INSERT INTO import_seen SELECT r.external_id, r.line FROM import_ready r WHERE r.action <> 'reject';
    INSERT INTO import_refused SELECT k.* FROM import_refusals(NULL) k;
  ELSE
    PERFORM import_create_people(session.source);
    PERFORM import_write(session.run_id, session.source, session.options, min(r.line), max(r.line)) FROM import_ready r;
    INSERT INTO import_rejects SELECT k.* FROM import_refusals(session.run_id) k;
  END IF;
  SELECT count(*), count(*) FILTER (WHERE r.action = 'insert'), count(*) FILTER (WHERE r.action = 'update'),
         count(*) FILTER (WHERE r.action = 'unchanged'), count(*) FILTER (WHERE r.action = 'skip'), count(*) FILTER (WHERE r.action = 'reject')
    INTO records, inserted, updated, unchanged, skipped, rejected FROM import_ready r;
  UPDATE import_runs r
     SET records = r.records + import_batch.records, inserted = r.inserted + import_batch.inserted, updated = r.updated + import_batch.updated,
         unchanged = r.unchanged + import_batch.unchanged, skipped = r.skipped + import_batch.skipped, rejected = r.rejected + import_batch.rejected,
         last_line = GREATEST(r.last_line, import_batch.last_line, (SELECT max(i.line) FROM import_ready i)),
         file_position = COALESCE(import_batch.file_position, r.file_position), updated_at = now()
   WHERE r.id = session.run_id;
  TRUNCATE import_rows;
END
-- Compiling plans costs more than it saves here.
$$ SET search_path FROM CURRENT SET jit = off;
COMMENT ON FUNCTION import_batch(bigint, bigint, bigint) IS
  'Makes tickets of the records in import_rows and empties it. What was rejected is in import_ready (action, problems) until the '
  'next batch, and in import_rejects. Errors: 55000 the run was continued elsewhere, 55P03 another session imports from this source.';

CREATE OR REPLACE FUNCTION import_close() RETURNS import_runs
LANGUAGE plpgsql
AS $$
DECLARE
  run import_runs;
BEGIN
  UPDATE import_runs r SET state = 'done', finished_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM import_session s WHERE r.id = s.run_id AND r.state = 'running' RETURNING r.* INTO run;
  IF run.id IS NULL THEN
    RAISE EXCEPTION 'no import is open in this session'
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'import_open() begins one.';
  END IF;
  IF run.inserted > 0 THEN
    -- The numbering trigger raised the series row by row; this also covers numbers that came while somebody had it disabled.
    PERFORM resync_ticket_numbers('tasks'::regclass);
    ANALYZE tasks, task_sources;
  END IF;
  RETURN run;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_close() IS 'Ends the import of this session: raises the number series, renews statistics, returns the sums. Errors: 55000 none is open.';

REVOKE ALL ON FUNCTION import_fields(),
  import_check_options(text, jsonb),
  import_lock(text),
  import_make_tables(),
  import_open(text, jsonb, text, text, boolean, boolean),
  import_batch(bigint, bigint, bigint),
  import_close() FROM PUBLIC;
