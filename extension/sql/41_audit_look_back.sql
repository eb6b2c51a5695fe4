-- audit: looking back, and undoing.

CREATE OR REPLACE FUNCTION @extschema@.audit_options(arguments bytea) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN pg_catalog.convert_from(pg_catalog.substr(arguments, 1, pg_catalog."position"(arguments, pg_catalog.decode('00', 'hex')) - 1),
                                 pg_catalog.getdatabaseencoding())::jsonb;
EXCEPTION WHEN data_exception THEN
  -- Anybody may write anything into the arguments of a trigger of hers.
  RETURN '{}'::jsonb;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_options(bytea) IS 'Private to audit_tables: the options in a trigger''s arguments (pg_trigger.tgargs); an empty object where there are none.';

CREATE OR REPLACE FUNCTION @extschema@.audit_only_log() RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN @extschema@.audit_log_for(0::oid);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_only_log() IS 'Private to audit_tables: the audit_log of the only desk; null where there is none, or several.';

CREATE OR REPLACE VIEW @extschema@.audit_tables AS
SELECT t.tgrelid::regclass AS target, COALESCE(o.options ->> 'table', c.relname) AS table_name,
       l.log,
       ARRAY(SELECT pg_catalog.jsonb_path_query(o.options, 'lax $.exclude[*] ? (@.type() == "string")') #>> '{}') AS exclude,
       ARRAY(SELECT pg_catalog.jsonb_path_query(o.options, 'lax $.redact[*] ? (@.type() == "string")') #>> '{}') AS redact,
       ARRAY(SELECT pg_catalog.jsonb_path_query(o.options, 'lax $.ignore[*] ? (@.type() == "string")') #>> '{}') AS ignore,
       COALESCE(o.options -> 'full' = 'true', false) AS "full",
       CASE t.tgenabled WHEN 'O' THEN 'origin' WHEN 'A' THEN 'always' WHEN 'R' THEN 'replica' ELSE 'disabled' END AS fires
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT @extschema@.audit_options(t.tgargs) AS options) o
 CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.to_regclass(o.options ->> 'log'), pg_catalog.to_regclass(pg_catalog.format('%I.audit_log', n.nspname)),
                                     @extschema@.audit_only_log()) AS log) l
 WHERE t.tgname = 'ticketflow_audit' AND t.tgfoid = '@extschema@.audit_trigger()'::regprocedure AND t.tgparentid = 0
   -- Who may not write to a log has no table in it, whatever her trigger claims.
   AND (l.log IS NULL OR @extschema@.audit_may_fill(c.relowner, l.log));
COMMENT ON VIEW @extschema@.audit_tables IS 'The tables whose changes are recorded, and how; fires says disabled where somebody switched the trigger off.';
GRANT SELECT ON @extschema@.audit_tables TO PUBLIC;

CREATE OR REPLACE FUNCTION @extschema@.audit_place(target regclass, OUT table_name text, OUT log regclass) RETURNS record
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  SELECT a.table_name, a.log INTO table_name, log FROM @extschema@.audit_tables a
   WHERE a.target = audit_place.target
      OR a.target = (SELECT pg_catalog.pg_partition_root(audit_place.target));
  IF table_name IS NULL THEN
    SELECT c.relname INTO table_name FROM pg_catalog.pg_class c WHERE c.oid = target;
  END IF;
  IF log IS NULL THEN
    log := @extschema@.audit_log_for((SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = target));
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_place(regclass) IS 'Under which name, and in which log, a table''s changes are. Errors: 55000 no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_sources(log regclass) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  home oid := (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = log);
  columns CONSTANT text := 'id, created_at, transaction_id, record, table_name, operation, user_id, old_values, new_values, record_key, moved_to, cause';
  result text := pg_catalog.format('SELECT %s FROM %s', columns, log);
  archives text := pg_catalog.format('%s.audit_archives', pg_catalog.quote_ident(home::regnamespace::text));
  it text;
BEGIN
  -- Months that were archived are tables of their own; only a desk's list of them is believed.
  IF (SELECT c.relname = 'audit_log' FROM pg_catalog.pg_class c WHERE c.oid = log) AND home = ANY (@extschema@.desks())
     AND pg_catalog.has_table_privilege(archives, 'SELECT') THEN
    FOR it IN EXECUTE pg_catalog.format('SELECT pg_catalog.format(''%%I.%%I'', $1, r.table_name) FROM %s r', archives) USING home::regnamespace::text LOOP
      IF (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(it)) = 'r' THEN
        result := result || pg_catalog.format(' UNION ALL SELECT %s FROM %s', columns, it);
      END IF;
    END LOOP;
  END IF;
  RETURN '(' || result || ')';
END
$$;
COMMENT ON FUNCTION @extschema@.audit_sources(regclass) IS 'Private to row_as_of(): a query for what a log holds, the months in the archive too.';

CREATE OR REPLACE FUNCTION @extschema@.audit_live_row(target regclass, key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
  columns text;
BEGIN
  SELECT pg_catalog.string_agg(pg_catalog.format('t.%1$I = k.%1$I', name), ' AND ') INTO columns FROM pg_catalog.jsonb_object_keys(key) AS name;
  EXECUTE pg_catalog.format('SELECT @extschema@.audit_image(t) FROM %s t, pg_catalog.jsonb_populate_record(NULL::%s, $1) k WHERE %s',
    target, target, COALESCE(columns, 'false')) INTO result USING key;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_live_row(regclass, jsonb) IS 'The present row of a key as the log would keep it; null where there is none. Errors: 42703 no such column.';

CREATE OR REPLACE FUNCTION @extschema@.audit_changes(target regclass, key jsonb, OUT id bigint, OUT happened_at timestamptz, OUT effective_at timestamptz,
  OUT operation text, OUT user_id text, OUT old_values jsonb, OUT new_values jsonb, OUT transaction_id bigint, OUT cause text, OUT old_key jsonb, OUT new_key jsonb) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM @extschema@.audit_place(target);
  -- created_at is when a statement began: one that had to wait for the row may have begun before the change it waited for.
  RETURN QUERY EXECUTE pg_catalog.format(
    'SELECT a.id, a.created_at, pg_catalog.max(a.created_at) OVER (ORDER BY a.id), a.operation, a.user_id, a.old_values, a.new_values, a.transaction_id, a.cause, '
    '       a.record_key, CASE WHEN a.moved_to IS NULL THEN a.record_key ELSE a.record_key || (SELECT pg_catalog.jsonb_object_agg(k, a.new_values -> k) '
    '         FROM pg_catalog.jsonb_object_keys(a.record_key) AS k WHERE a.new_values ? k) END '
    '  FROM %1$s a '
    ' WHERE a.table_name = $1 AND (a.record = @extschema@.audit_record($1, $2) AND a.record_key = $2 '
    '    OR a.record = @extschema@.audit_record($1, NULL) AND a.operation = ''TRUNCATE'' '
    '    OR a.moved_to = @extschema@.audit_record($1, $2) AND a.record_key || (SELECT pg_catalog.jsonb_object_agg(k, a.new_values -> k) '
    '         FROM pg_catalog.jsonb_object_keys(a.record_key) AS k WHERE a.new_values ? k) = $2) '
    ' ORDER BY a.id', @extschema@.audit_sources(place.log)) USING place.table_name, key;
END
$$
   -- The planner takes a Bloom filter for useless, because the values that it tells apart lie in no order.
   SET enable_seqscan = off SET jit = off;
COMMENT ON FUNCTION @extschema@.audit_changes(regclass, jsonb) IS 'Private to row_as_of(): what happened to a key, oldest first, truncations and moves from and to other keys included.';

CREATE OR REPLACE FUNCTION @extschema@.audit_backward(target regclass, key jsonb, cut bigint, OUT state jsonb, OUT lost boolean) RETURNS record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  it record;
BEGIN
  state := @extschema@.audit_live_row(target, key);
  lost := false;
  FOR it IN SELECT * FROM @extschema@.audit_changes(target, key) c WHERE c.id > cut ORDER BY c.id DESC LOOP
    CASE
      WHEN it.operation = 'TRUNCATE' THEN lost := true; state := NULL;
      WHEN it.operation = 'DELETE' THEN lost := false; state := it.old_values;
      WHEN it.operation = 'INSERT' OR it.new_key IS DISTINCT FROM it.old_key AND it.new_key = key THEN lost := false; state := NULL;
      WHEN it.new_key IS DISTINCT FROM it.old_key THEN
        SELECT b.state || it.old_values, b.lost INTO state, lost FROM @extschema@.audit_backward(target, it.new_key, it.id) b;
      WHEN NOT lost THEN state := state || it.old_values;
      ELSE NULL;
    END CASE;
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_backward(regclass, jsonb, bigint) IS
  'Private to row_as_of(): a key''s row after the change of that id, from what is there now; knows columns that were added since. lost: a '
  'TRUNCATE took the row, so only audit_forward() knows it.';

CREATE OR REPLACE FUNCTION @extschema@.audit_forward(target regclass, key jsonb, cut bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  it record;
  state jsonb;
BEGIN
  FOR it IN SELECT * FROM @extschema@.audit_changes(target, key) c WHERE c.id <= cut ORDER BY c.id LOOP
    CASE
      WHEN it.operation = 'INSERT' THEN state := it.new_values;
      WHEN it.operation IN ('DELETE', 'TRUNCATE') THEN state := NULL;
      WHEN it.new_key IS DISTINCT FROM it.old_key AND it.new_key = key THEN
        state := COALESCE(@extschema@.audit_forward(target, it.old_key, it.id - 1), '{}') || it.new_values;
      WHEN it.new_key IS DISTINCT FROM it.old_key THEN state := NULL;
      ELSE state := COALESCE(state, '{}') || it.new_values;
    END CASE;
  END LOOP;
  RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_forward(regclass, jsonb, bigint) IS
  'Private to row_as_of(): the same from the row''s birth on; knows what TRUNCATE and DROP COLUMN took.';

CREATE OR REPLACE FUNCTION @extschema@.row_as_of(target regclass, key jsonb, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place record;
  known jsonb := @extschema@.audit_key(target, key);
  cut bigint;
  state jsonb;
  columns jsonb;
BEGIN
  SELECT * INTO place FROM @extschema@.audit_place(target);
  SELECT COALESCE(pg_catalog.max(c.id), 0) INTO cut FROM @extschema@.audit_changes(target, known) c WHERE c.effective_at <= at;
  SELECT CASE WHEN b.lost THEN @extschema@.audit_forward(target, known, cut)
              ELSE COALESCE(@extschema@.audit_forward(target, known, cut), '{}') || b.state END INTO state
    FROM @extschema@.audit_backward(target, known, cut) b;
  columns := @extschema@.audit_shape(place.log, place.table_name, at);
  IF columns IS NOT NULL THEN
    -- A column that came later is absent; one that came before, and which no change mentions, has what ADD COLUMN gave it.
    SELECT pg_catalog.jsonb_object_agg(c.name, COALESCE(state -> c.name, columns -> c.name)) INTO state
      FROM pg_catalog.jsonb_object_keys(columns) AS c (name) WHERE state IS NOT NULL;
  END IF;
  RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@.row_as_of(regclass, jsonb, timestamptz) IS
  'The row of a key as it was at an instant, as JSON; null where it did not exist. key: a JSON object of the primary key''s columns. Before '
  'recording began: the oldest known state. Reads with the caller''s rights. Errors: 42703 key names no key column, 55000 no key or no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_key(target regclass, key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  columns text[];
  result jsonb;
BEGIN
  SELECT pg_catalog.array_agg(a.attname::text) INTO columns
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
   WHERE i.indrelid = target AND CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_index p WHERE p.indrelid = target AND p.indisprimary) THEN i.indisprimary ELSE i.indisreplident END;
  IF columns IS NULL THEN
    RAISE EXCEPTION 'table "%" has no primary key, so its rows cannot be told apart', target
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Add a primary key, or look into audit_log itself.';
  END IF;
  IF pg_catalog.jsonb_typeof(key) IS DISTINCT FROM 'object' OR NOT key ?& columns OR (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(key)) <> pg_catalog.cardinality(columns) THEN
    RAISE EXCEPTION 'key % does not name the key columns of "%"', key, target
      USING ERRCODE = 'undefined_column', HINT = pg_catalog.format('Give a JSON object of: %s.', pg_catalog.array_to_string(columns, ', '));
  END IF;
  -- Through the column types and back: '7' for an integer is 7, a time is in UTC.
  EXECUTE pg_catalog.format('SELECT @extschema@.audit_image(pg_catalog.jsonb_populate_record(NULL::%s, $1))', target) INTO result USING key;
  SELECT pg_catalog.jsonb_object_agg(e.key, e.value) INTO result FROM pg_catalog.jsonb_each(result) e WHERE e.key = ANY (columns);
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_key(regclass, jsonb) IS 'A key the way the log writes it. Errors: 42703, 55000 as row_as_of().';

CREATE OR REPLACE FUNCTION @extschema@.row_history(target regclass, key jsonb) RETURNS TABLE (id bigint, happened_at timestamptz, operation text,
  user_id text, old_values jsonb, new_values jsonb, transaction_id bigint, cause text)
LANGUAGE plpgsql STABLE ROWS 20
AS $$
BEGIN
  RETURN QUERY SELECT c.id, c.happened_at, c.operation, c.user_id, c.old_values, c.new_values, c.transaction_id, c.cause
                 FROM @extschema@.audit_changes(target, @extschema@.audit_key(target, key)) c ORDER BY c.id;
END
$$;
COMMENT ON FUNCTION @extschema@.row_history(regclass, jsonb) IS
  'What happened to the row of a key, oldest first. happened_at: when the changing statement began. Errors: as row_as_of().';

CREATE OR REPLACE FUNCTION @extschema@.changes_between(target regclass, "from" timestamptz, "to" timestamptz) RETURNS TABLE (id bigint,
  happened_at timestamptz, operation text, user_id text, key jsonb, old_values jsonb, new_values jsonb, transaction_id bigint, cause text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place record;
BEGIN
  SELECT * INTO place FROM @extschema@.audit_place(target);
  RETURN QUERY EXECUTE pg_catalog.format(
    'SELECT a.id, a.created_at, a.operation, a.user_id, a.record_key, a.old_values, a.new_values, a.transaction_id, a.cause FROM %s a '
    ' WHERE a.table_name = $1 AND a.created_at >= $2 AND a.created_at < $3 ORDER BY a.id', @extschema@.audit_sources(place.log)) USING place.table_name, "from", "to";
END
$$;
COMMENT ON FUNCTION @extschema@.changes_between(regclass, timestamptz, timestamptz) IS
  'The changes of a table by statements that began in a time (from included, to not), in the order they were made. Errors: 55000 no log.';

-- the columns that a table had

CREATE OR REPLACE FUNCTION @extschema@.audit_shape(log regclass, table_name text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
  home oid := (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = log);
  shapes text := pg_catalog.format('%I.audit_shapes', home::regnamespace::text);
BEGIN
  IF (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(shapes)) IS DISTINCT FROM 'r' OR NOT pg_catalog.has_table_privilege(shapes, 'SELECT') THEN
    RETURN NULL;
  END IF;
  EXECUTE pg_catalog.format('SELECT s.columns FROM %s s WHERE s.table_name = $1 ORDER BY s.seen_at <= $2 DESC, '
    'CASE WHEN s.seen_at <= $2 THEN s.id END DESC NULLS LAST, s.id LIMIT 1', shapes) INTO result USING table_name, at;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_shape(regclass, text, timestamptz) IS 'Private to row_as_of(): the recorded columns that a table had at an instant, each with the value that rows older than the column have; null: not known.';

CREATE OR REPLACE FUNCTION @extschema@.audit_note_shape(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  place record;
  shapes text;
  now_columns jsonb := '{}';
  last jsonb;
  it record;
  fill jsonb;
BEGIN
  -- The view leaves out tables whose owner may not write to the log: she may not say what its tables looked like either.
  SELECT a.table_name, a.log, a.exclude, c.relnamespace AS home INTO place
    FROM @extschema@.audit_tables a JOIN pg_class c ON c.oid = a.log
   WHERE a.target = audit_note_shape.target;
  IF place.log IS NULL THEN
    RETURN;
  END IF;
  shapes := format('%I.audit_shapes', place.home::regnamespace::text);
  IF to_regclass(shapes) IS NULL THEN
    RETURN;
  END IF;
  FOR it IN SELECT a.attname::text AS name, a.attmissingval::text::text[] AS missing, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
             WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (place.exclude) LOOP
    fill := 'null';
    IF it.missing IS NOT NULL THEN
      fill := @extschema@.audit_as_owner(target, format('SELECT to_jsonb(%L::%s)', it.missing[1], it.type));
    END IF;
    now_columns := now_columns || jsonb_build_object(it.name, fill);
  END LOOP;
  -- A type's casts, and the triggers of a log, are code of their owners.
  last := @extschema@.audit_as_owner(shapes::regclass,
    format('SELECT s.columns FROM %s s WHERE s.table_name = %L ORDER BY s.id DESC LIMIT 1', shapes, place.table_name));
  -- A restored or rewritten table holds its old default values in its rows and tells them no more: that is no change.
  IF last IS NULL OR EXISTS (
       SELECT FROM jsonb_each(now_columns) n FULL JOIN jsonb_each(last) l ON l.key = n.key
        WHERE n.key IS NULL OR l.key IS NULL OR n.value <> 'null' AND n.value <> l.value) THEN
    PERFORM @extschema@.audit_as_owner(shapes::regclass,
      format('INSERT INTO %s (table_name, columns) VALUES (%L, %L)', shapes, place.table_name, now_columns));
  END IF;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.audit_note_shape(regclass) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.audit_note_shape(regclass) IS 'Private to the event trigger and audit_enable(): notes the columns of an audited table where they changed.';

CREATE OR REPLACE FUNCTION @extschema@.audit_after_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  everywhere boolean := tg_tag IN ('ALTER TYPE', 'DROP TYPE', 'DROP DOMAIN');
  it record;
BEGIN
  PERFORM @extschema@.audit_refuse_rename(d.objid) FROM pg_event_trigger_ddl_commands() d WHERE d.object_type = 'table column';
  -- A change of a table reaches those that inherit from it.
  FOR it IN
    WITH RECURSIVE touched AS (
      SELECT CASE d.classid WHEN 'pg_class'::regclass THEN d.objid
                            WHEN 'pg_trigger'::regclass THEN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = d.objid) END AS relation
        FROM pg_event_trigger_ddl_commands() d
       UNION SELECT i.inhrelid FROM touched t JOIN pg_inherits i ON i.inhparent = t.relation)
    SELECT t.tgrelid FROM pg_trigger t
     WHERE t.tgname = 'ticketflow_audit' AND t.tgparentid = 0 AND t.tgfoid = '@extschema@.audit_trigger()'::regprocedure
       AND (everywhere OR t.tgrelid IN (SELECT x.relation FROM touched x)) LOOP
    PERFORM @extschema@.audit_note_shape(it.tgrelid);
  END LOOP;
  IF tg_tag IN ('ALTER TABLE', 'CREATE TABLE') THEN
    FOR it IN SELECT DISTINCT c.oid FROM pg_event_trigger_ddl_commands() d
                JOIN pg_class c ON d.classid = 'pg_class'::regclass AND (c.oid = d.objid OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = d.objid))
               WHERE c.relispartition LOOP
      PERFORM @extschema@.audit_cover_partition(it.oid);
    END LOOP;
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_after_ddl() IS 'Private: notes the columns of audited tables when DDL changes them, keeps hidden columns hidden, and covers new partitions.';

CREATE OR REPLACE FUNCTION @extschema@.audit_refuse_rename(target oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  lost text;
BEGIN
  SELECT h.name INTO lost FROM @extschema@.audit_tables t, unnest(t.exclude || t.redact) AS h (name)
   WHERE t.target = audit_refuse_rename.target
     AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.target AND a.attname = h.name AND NOT a.attisdropped) LIMIT 1;
  IF lost IS NOT NULL THEN
    RAISE EXCEPTION 'column "%" of table "%" is hidden from the log by its name', lost, target::regclass
      USING ERRCODE = 'object_in_use', HINT = 'Call ticketflow.audit_disable(), rename the column, and call ticketflow.audit_enable() with its new name, in one transaction.';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_refuse_rename(oid) IS 'Private: refuses to rename a column that is excluded or redacted, whose values would then be recorded (55006).';

CREATE OR REPLACE FUNCTION @extschema@.audit_cover_partition(part oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  options jsonb;
BEGIN
  SELECT @extschema@.audit_options(t.tgargs) INTO options
    FROM pg_partition_ancestors(part) a JOIN pg_trigger t ON t.tgrelid = a.relid
   WHERE t.tgname = 'ticketflow_audit_truncate' AND t.tgfoid = '@extschema@.audit_trigger()'::regprocedure AND length(t.tgargs) > 1 AND a.relid <> part LIMIT 1;
  IF options IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = part AND t.tgname = 'ticketflow_audit_truncate') THEN
    PERFORM @extschema@.audit_as_owner(part::regclass, format(
      'CREATE TRIGGER ticketflow_audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.audit_trigger(%L)', part::regclass, options));
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_cover_partition(oid) IS 'Private: makes the trigger for TRUNCATE on a partition that an audited table got.';
CREATE EVENT TRIGGER ticketflow_audit_ddl ON ddl_command_end
  WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE TRIGGER', 'ALTER TYPE', 'DROP TYPE', 'DROP DOMAIN') EXECUTE FUNCTION @extschema@.audit_after_ddl();
COMMENT ON EVENT TRIGGER ticketflow_audit_ddl IS 'TicketFlow: notes when an audited table gains or loses columns, so that looking back is exact.';
