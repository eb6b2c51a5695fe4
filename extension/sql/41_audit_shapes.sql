-- audit: the columns that a table had, and their types.

CREATE OR REPLACE FUNCTION @extschema@.audit_shapes_of(log regclass) RETURNS regclass
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT @extschema@.audit_table_in(c.relnamespace, 'audit_shapes') FROM pg_catalog.pg_class c WHERE c.oid = log;
END;
COMMENT ON FUNCTION @extschema@.audit_shapes_of(regclass) IS 'Private to row_as_of(): the table beside a log that knows which columns its tables had; null where there is none.';

CREATE OR REPLACE FUNCTION @extschema@.audit_was_redacted(log regclass, table_name text, name text) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result boolean;
  shapes regclass := @extschema@.audit_shapes_of(log);
BEGIN
  IF pg_catalog.has_table_privilege(shapes, 'SELECT') THEN
    EXECUTE pg_catalog.format('SELECT pg_catalog.bool_or(COALESCE(s.columns ->> $2 = ''[redacted]'', false)) FROM %s s WHERE s.table_name = $1', shapes) INTO result USING table_name, name;
  END IF;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_was_redacted(regclass, text, text) IS 'Private to revert(): whether a column was ever redacted, so that [redacted] in the log may hide its value; null: not known.';

CREATE OR REPLACE FUNCTION @extschema@.audit_shape(log regclass, table_name text, at timestamptz, OUT columns jsonb, OUT types jsonb) RETURNS record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  shapes regclass := @extschema@.audit_shapes_of(log);
BEGIN
  IF NOT COALESCE(pg_catalog.has_table_privilege(shapes, 'SELECT'), false) THEN
    RETURN;
  END IF;
  EXECUTE pg_catalog.format('SELECT s.columns, s.types FROM %s s WHERE s.table_name = $1 ORDER BY s.seen_at <= $2 DESC, '
    'CASE WHEN s.seen_at <= $2 THEN s.seen_at END DESC NULLS LAST, CASE WHEN s.seen_at <= $2 THEN s.id END DESC NULLS LAST, s.seen_at, s.id LIMIT 1', shapes) INTO columns, types USING table_name, at;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_shape(regclass, text, timestamptz) IS
  'Private to row_as_of(): the recorded columns that a table had at an instant, each with the value that rows older than the column have, and their types; null: not known.';

CREATE OR REPLACE FUNCTION @extschema@.audit_retyped(target regclass, types jsonb) RETURNS TABLE (name text, type regtype)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT a.attname::text, pg_catalog.to_regtype(types ->> a.attname::text) FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND types ? a.attname::text
     AND pg_catalog.to_regtype(types ->> a.attname::text)::oid IS DISTINCT FROM a.atttypid;
END;
COMMENT ON FUNCTION @extschema@.audit_retyped(regclass, jsonb) IS 'Private to row_as_of(): the columns that had another type, and which; null: a type that is gone.';

CREATE OR REPLACE FUNCTION @extschema@.audit_retype(target regclass, name text, type regtype, value jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
BEGIN
  IF type IS NOT NULL THEN
    EXECUTE pg_catalog.format('SELECT pg_catalog.to_jsonb(x.v) FROM pg_catalog.jsonb_to_record($1) x (v %s)', type) INTO result USING pg_catalog.jsonb_build_object('v', value);
    RETURN COALESCE(result, 'null');
  END IF;
  RAISE data_exception;
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'the value that column "%" of table "%" had before its type was changed is not known', name, target
    USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = pg_catalog.format('It is %s now, which is no %s.', value, COALESCE(type::text, 'value of a type that is gone')),
          HINT = 'The log holds no value of it from before; ticketflow.row_history() shows what it holds.';
END
$$;
COMMENT ON FUNCTION @extschema@.audit_retype(regclass, text, regtype, jsonb) IS 'Private to row_as_of(): a value as the type that its column had shows it. Errors: 55000 where it does not fit that type.';

CREATE OR REPLACE FUNCTION @extschema@.audit_note_shape(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  place record;
  shapes regclass;
  now_columns jsonb := '{}';
  now_types jsonb := '{}';
  last jsonb;
  it record;
  fill jsonb;
BEGIN
  -- The view leaves out tables whose owner may not write to the log: she may not say what its tables looked like either.
  SELECT a.table_name, a.log, a.exclude, a.redact INTO place FROM @extschema@.audit_tables a WHERE a.target = audit_note_shape.target;
  shapes := @extschema@.audit_shapes_of(place.log);
  IF shapes IS NULL THEN
    RETURN;
  END IF;
  FOR it IN SELECT a.attname::text AS name, a.attmissingval::text::text[] AS missing, format_type(a.atttypid, a.atttypmod) AS type, format_type(a.atttypid, NULL) AS plain_type FROM pg_attribute a
             WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (place.exclude) LOOP
    fill := CASE WHEN it.name = ANY (place.redact) THEN '"[redacted]"' ELSE 'null' END;
    IF it.missing IS NOT NULL AND fill = 'null' THEN
      fill := @extschema@.audit_as_owner(target, format('SELECT to_jsonb(%L::%s)', it.missing[1], it.type));
    END IF;
    now_columns := now_columns || jsonb_build_object(it.name, fill);
    now_types := now_types || jsonb_build_object(it.name, it.plain_type);
  END LOOP;
  -- A type's casts, and the triggers of a log, are code of their owners.
  last := @extschema@.audit_as_owner(shapes,
    format('SELECT jsonb_build_array(s.columns, s.types) FROM %s s WHERE s.table_name = %L ORDER BY s.seen_at DESC, s.id DESC LIMIT 1', shapes, place.table_name));
  -- A restored or rewritten table holds its old default values in its rows and tells them no more: that is no change.
  IF last IS NULL OR last -> 1 <> now_types OR EXISTS (
       SELECT FROM jsonb_each(now_columns) n FULL JOIN jsonb_each(last -> 0) l ON l.key = n.key
        WHERE n.key IS NULL OR l.key IS NULL OR n.value <> l.value AND (n.value <> 'null' OR l.value = '"[redacted]"')) THEN
    PERFORM @extschema@.audit_as_owner(shapes,
      format('INSERT INTO %s (table_name, columns, types) VALUES (%L, %L, %L)', shapes, place.table_name, now_columns, now_types));
  END IF;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.audit_note_shape(regclass) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.audit_note_shape(regclass) IS 'Private to the event trigger and audit_enable(): notes the columns of an audited table, and their types, where they changed.';

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
