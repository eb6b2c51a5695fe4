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

CREATE OR REPLACE FUNCTION @extschema@.audit_named_table(name text) RETURNS regclass
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
  parts text[] := pg_catalog.parse_ident(name);
BEGIN
  RETURN @extschema@.audit_table_in((SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = parts[1] AND pg_catalog.cardinality(parts) = 2), parts[2]);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_named_table(text) IS 'Private to audit_tables and row_as_of(): the table that options or a log name by schema and name; null where there is none.';

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
 CROSS JOIN LATERAL (SELECT @extschema@.audit_options(t.tgargs) AS options) o
 CROSS JOIN LATERAL (SELECT COALESCE(@extschema@.audit_named_table(o.options ->> 'log'), @extschema@.audit_table_in(c.relnamespace, 'audit_log'),
                                     @extschema@.audit_only_log()) AS log) l
 WHERE t.tgname = 'ticketflow_audit' AND t.tgfoid = '@extschema@.audit_trigger()'::regprocedure AND t.tgparentid = 0
   -- Who may not write to a log has no table in it, whatever her trigger claims.
   AND (l.log IS NULL OR @extschema@.audit_may_record(t.tgrelid, l.log, COALESCE(o.options ->> 'table', c.relname)));
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
  archives regclass := @extschema@.audit_table_in(home, 'audit_archives');
  it regclass;
BEGIN
  -- Months that were archived are tables of their own; only a desk's list of them is believed.
  IF (SELECT c.relname = 'audit_log' FROM pg_catalog.pg_class c WHERE c.oid = log) AND home = ANY (@extschema@.desks())
     AND pg_catalog.has_table_privilege(archives, 'SELECT') THEN
    FOR it IN EXECUTE pg_catalog.format('SELECT c.oid FROM %s r JOIN pg_catalog.pg_class c ON c.relname = r.table_name AND c.relnamespace = $1 AND c.relkind = ''r''', archives) USING home LOOP
      result := result || pg_catalog.format(' UNION ALL SELECT %s FROM %s', columns, it);
    END LOOP;
  END IF;
  RETURN '(' || result || ')';
END
$$;
COMMENT ON FUNCTION @extschema@.audit_sources(regclass) IS 'Private to row_as_of(): a query for what a log holds, the months in the archive too.';

CREATE OR REPLACE FUNCTION @extschema@.audit_key_after(key jsonb, new_values jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT key || COALESCE(pg_catalog.jsonb_object_agg(k, new_values -> k), '{}') FROM pg_catalog.jsonb_object_keys(key) AS k WHERE new_values ? k;
END;
COMMENT ON FUNCTION @extschema@.audit_key_after(jsonb, jsonb) IS 'Private to row_as_of() and revert(): the key that a row has after a change of these columns.';

CREATE OR REPLACE FUNCTION @extschema@.audit_row_type(target regclass) RETURNS regtype
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.reltype::regtype FROM pg_catalog.pg_class c WHERE c.oid = target;
END;
COMMENT ON FUNCTION @extschema@.audit_row_type(regclass) IS 'Private to row_as_of(): the type of a table''s rows; the table''s name may be that of another type, as "date" is.';

CREATE OR REPLACE FUNCTION @extschema@.audit_find(target regclass, key jsonb, OUT place text, OUT condition text) RETURNS record
LANGUAGE sql STABLE
BEGIN ATOMIC
  -- Tables that inherit from it have rows of their own.
  SELECT CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || target || ' t',
         COALESCE((SELECT pg_catalog.format('(%s) = (SELECT %s FROM pg_catalog.jsonb_populate_record(NULL::%s, %L) k)',
                            pg_catalog.string_agg(pg_catalog.format('t.%I', name), ', '), pg_catalog.string_agg(pg_catalog.format('k.%I', name), ', '),
                            @extschema@.audit_row_type(target), key)
                     FROM pg_catalog.jsonb_object_keys(key) AS name HAVING pg_catalog.count(*) > 0), 'false')
    FROM pg_catalog.pg_class c WHERE c.oid = target;
END;
COMMENT ON FUNCTION @extschema@.audit_find(regclass, jsonb) IS 'Private to row_as_of() and revert(): the table as t, and the condition for the row of a key, as texts for a statement.';

CREATE OR REPLACE FUNCTION @extschema@.audit_live_row(target regclass, key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
BEGIN
  -- "t.*": a plain t would be the column of that name where there is one.
  EXECUTE (SELECT pg_catalog.format('SELECT @extschema@.audit_image(t.*) FROM %s WHERE %s', f.place, f.condition) FROM @extschema@.audit_find(target, key) f) INTO result;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_live_row(regclass, jsonb) IS 'The present row of a key as the log would keep it; null where there is none. Errors: 42703 no such column.';

CREATE OR REPLACE FUNCTION @extschema@.audit_was_in(target regclass, part text, key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place regclass := @extschema@.audit_named_table(part);
  question text;
  result boolean;
BEGIN
  -- A partition that is gone tells no more which keys it had.
  IF place IS NULL OR pg_catalog.pg_partition_root(place) IS DISTINCT FROM pg_catalog.pg_partition_root(target) THEN
    RETURN true;
  END IF;
  question := pg_catalog.format('SELECT pg_catalog.to_jsonb(%s) FROM pg_catalog.jsonb_populate_record(NULL::%s, %L)',
    COALESCE(pg_catalog.pg_get_partition_constraintdef(place), 'true'), @extschema@.audit_row_type(target), key);
  -- A partition's bounds may call functions: they are its owner's code.
  IF pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = place), 'USAGE') THEN
    RETURN @extschema@.audit_as_owner(place, question)::boolean;
  END IF;
  EXECUTE question INTO result;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_was_in(regclass, text, jsonb) IS
  'Private to row_as_of(): whether a TRUNCATE of a partition (null: of the whole table) took the row of a key; true where that cannot be told.';

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
    '       a.record_key, CASE WHEN a.moved_to IS NULL THEN a.record_key ELSE @extschema@.audit_key_after(a.record_key, a.new_values) END '
    '  FROM %1$s a '
    ' WHERE a.table_name = $1 AND (a.record = @extschema@.audit_record($1, $2) AND a.record_key = $2 '
    '    OR a.record = @extschema@.audit_record($1, NULL) AND a.operation = ''TRUNCATE'' AND @extschema@.audit_was_in($3, a.old_values ->> ''partition'', $2) '
    '    OR a.moved_to = @extschema@.audit_record($1, $2) AND @extschema@.audit_key_after(a.record_key, a.new_values) = $2) '
    ' ORDER BY a.id', @extschema@.audit_sources(place.log)) USING place.table_name, key, target;
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
  born jsonb;
  shape record;
BEGIN
  SELECT * INTO place FROM @extschema@.audit_place(target);
  SELECT COALESCE(pg_catalog.max(c.id), 0) INTO cut FROM @extschema@.audit_changes(target, known) c WHERE c.effective_at <= at;
  born := @extschema@.audit_forward(target, known, cut);
  SELECT CASE WHEN b.lost THEN born ELSE COALESCE(born, '{}') || b.state END INTO state FROM @extschema@.audit_backward(target, known, cut) b;
  SELECT * INTO shape FROM @extschema@.audit_shape(place.log, place.table_name, at);
  IF shape.columns IS NOT NULL AND state IS NOT NULL THEN
    -- What a change of a column's type made of a value is not what it was: that is in the log, or what the old type makes of it.
    SELECT state || COALESCE(pg_catalog.jsonb_object_agg(r.name, COALESCE(born -> r.name, @extschema@.audit_retype(target, r.name, r.type, state -> r.name))), '{}')
      INTO state FROM @extschema@.audit_retyped(target, shape.types) r WHERE state ? r.name;
    -- A column that came later is absent; one that came before, and which no change mentions, has what ADD COLUMN gave it.
    SELECT pg_catalog.jsonb_object_agg(c.name, COALESCE(state -> c.name, shape.columns -> c.name)) INTO state
      FROM pg_catalog.jsonb_object_keys(shape.columns) AS c (name);
  END IF;
  RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@.row_as_of(regclass, jsonb, timestamptz) IS
  'The row of a key as it was at an instant, as JSON; null where it did not exist. key: a JSON object of the primary key''s columns. Before '
  'recording began: the oldest known state. Reads with the caller''s rights. Errors: 42703 key names no key column, 55000 no key or no log, or a '
  'column whose type was changed since, whose value from before is neither in the log nor fits the old type.';

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
  EXECUTE pg_catalog.format('SELECT @extschema@.audit_image(pg_catalog.jsonb_populate_record(NULL::%s, $1))', @extschema@.audit_row_type(target)) INTO result USING key;
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
