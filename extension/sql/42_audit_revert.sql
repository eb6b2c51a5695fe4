-- audit: undoing what was recorded.

CREATE OR REPLACE FUNCTION @extschema@.audit_stand_in(target regclass, name text, value jsonb) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place record;
BEGIN
  IF value = '"[redacted]"' THEN
    -- It is a value like any other where the column was never hidden.
    SELECT a.table_name, a.log, a.redact INTO place FROM @extschema@.audit_tables a WHERE a.target IN (audit_stand_in.target, pg_catalog.pg_partition_root(audit_stand_in.target));
    RETURN CASE WHEN name = ANY (place.redact) THEN 'hidden' WHEN @extschema@.audit_was_redacted(place.log, place.table_name, name) IS NOT FALSE THEN 'lost' END;
  END IF;
  RETURN CASE WHEN value #>> '{}' ~ '^\[[0-9]+ bytes, SHA-256 [0-9a-f]{64}\]$' THEN 'lost' END;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_stand_in(regclass, text, jsonb) IS
  'Private to revert(): whether what the log has for a column only stands for the value: hidden (redacted, also now), lost (redacted then, or too large for the log), or null: it is the value.';

CREATE OR REPLACE FUNCTION @extschema@.audit_check_fit(target regclass, "values" jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  named text;
  reading CONSTANT text := pg_catalog.format('SELECT pg_catalog.to_jsonb(r) FROM pg_catalog.jsonb_populate_record(NULL::%s, $1) r', @extschema@.audit_row_type(target));
  result jsonb;
BEGIN
  EXECUTE reading INTO result USING "values";
EXCEPTION WHEN data_exception THEN
  FOR named IN SELECT k FROM pg_catalog.jsonb_object_keys("values") AS k LOOP
    BEGIN
      EXECUTE reading INTO result USING pg_catalog.jsonb_build_object(named, "values" -> named);
    EXCEPTION WHEN data_exception THEN
      RAISE EXCEPTION 'column "%" of table "%" cannot have the value % again', named, target, "values" -> named
        USING ERRCODE = 'datatype_mismatch', DETAIL = SQLERRM, HINT = 'Its type was changed since. Set the row right by hand: ticketflow.row_history() shows its values.';
    END;
  END LOOP;
  RAISE;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_check_fit(regclass, jsonb) IS 'Private to revert(): whether recorded values can be written back. Errors: 42804 where one does not fit the type that its column has now.';

CREATE OR REPLACE FUNCTION @extschema@.audit_is_value(target regclass, name text, recorded jsonb, live jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  same boolean;
BEGIN
  IF recorded = live THEN
    RETURN true;
  END IF;
  -- A changed type may show one value in two ways, as 5 and "5".
  EXECUTE pg_catalog.format('SELECT pg_catalog.to_jsonb(a.%1$I) = pg_catalog.to_jsonb(b.%1$I) FROM pg_catalog.jsonb_populate_record(NULL::%2$s, $1) a, pg_catalog.jsonb_populate_record(NULL::%2$s, $2) b', name, @extschema@.audit_row_type(target))
    INTO same USING pg_catalog.jsonb_build_object(name, recorded), pg_catalog.jsonb_build_object(name, live);
  RETURN COALESCE(same, false);
EXCEPTION WHEN data_exception THEN
  RETURN false;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_is_value(regclass, text, jsonb, jsonb) IS 'Private to revert(): whether a column holds what was recorded, in the type that it has now.';

CREATE OR REPLACE FUNCTION @extschema@.audit_write_back(target regclass, key jsonb, "values" jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  live jsonb := @extschema@.audit_live_row(target, key);
  found record;
  names text[];
  lost text;
  touched bigint;
BEGIN
  SELECT * INTO found FROM @extschema@.audit_find(target, key);
  -- What has its value already needs no write, and an identity column may refuse one; nobody may write a generated column.
  SELECT pg_catalog.array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE s.stand_in IS NULL), pg_catalog.min(a.attname::text) FILTER (WHERE s.stand_in = 'lost') INTO names, lost
    FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL (SELECT @extschema@.audit_stand_in(target, a.attname::text, "values" -> a.attname::text) AS stand_in) s
   WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND "values" ? a.attname::text
     AND (live IS NULL OR live -> a.attname::text IS DISTINCT FROM "values" -> a.attname::text);
  IF lost IS NOT NULL THEN
    RETURN pg_catalog.format('the log does not hold the value of column "%s"', lost);
  END IF;
  IF "values" IS NULL THEN
    EXECUTE pg_catalog.format('DELETE FROM %s WHERE %s', found.place, found.condition);
  ELSE
    SELECT COALESCE(pg_catalog.jsonb_object_agg(n, "values" -> n), '{}') INTO "values" FROM pg_catalog.unnest(names) AS n;
    PERFORM @extschema@.audit_check_fit(target, "values");
    IF live IS NULL THEN
      EXECUTE pg_catalog.format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_catalog.jsonb_populate_record(NULL::%s, $1) v', target,
        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(c), ', ') FROM pg_catalog.unnest(names) c),
        (SELECT pg_catalog.string_agg('v.' || pg_catalog.quote_ident(c), ', ') FROM pg_catalog.unnest(names) c), @extschema@.audit_row_type(target)) USING "values";
    ELSIF names IS NULL THEN
      RETURN NULL;
    ELSE
      EXECUTE pg_catalog.format('UPDATE %s SET %s FROM pg_catalog.jsonb_populate_record(NULL::%s, $1) v WHERE %s', found.place,
        (SELECT pg_catalog.string_agg(pg_catalog.format('%1$I = v.%1$I', c), ', ') FROM pg_catalog.unnest(names) c), @extschema@.audit_row_type(target), found.condition) USING "values";
    END IF;
  END IF;
  GET DIAGNOSTICS touched = ROW_COUNT;
  RETURN CASE WHEN touched = 0 AND ("values" IS NOT NULL OR live IS NOT NULL) THEN 'the row may not be written' END;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_write_back(regclass, jsonb, jsonb) IS 'Private to revert(): deletes (null), inserts or updates the row of a key; returns what forbids it, or null where it is done.';

CREATE OR REPLACE FUNCTION @extschema@.revert(target regclass, key jsonb, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  known jsonb := @extschema@.audit_key(target, key);
  state jsonb := @extschema@.row_as_of(target, known, at);
  said text := pg_catalog.current_setting('app.cause', true);
  conflict text;
BEGIN
  PERFORM pg_catalog.set_config('app.cause', pg_catalog.format('revert to %s', at), true);
  conflict := @extschema@.audit_write_back(target, known, state);
  IF conflict IS NOT NULL THEN
    RAISE EXCEPTION 'cannot revert % in "%": %', known, target, conflict
      USING ERRCODE = 'triggered_data_change_violation', HINT = 'ticketflow.row_as_of() shows what the log holds.';
  END IF;
  PERFORM pg_catalog.set_config('app.cause', COALESCE(said, ''), true);
  RETURN @extschema@.audit_live_row(target, known);
END
$$;
COMMENT ON FUNCTION @extschema@.revert(regclass, jsonb, timestamptz) IS
  'Makes the row of a key what it was at an instant: updates, inserts or deletes it, and returns what it is now (null: deleted). Redacted '
  'and excluded columns stay as they are. Errors: as row_as_of(), 42804 a value that the type that its column has now cannot hold, 27000 where the log does not hold a value or the row may not be written, and those of the write.';

CREATE OR REPLACE FUNCTION @extschema@.audit_undo(change record, target regclass) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  key jsonb := CASE change.operation WHEN 'UPDATE' THEN @extschema@.audit_key_after(change.record_key, change.new_values) ELSE change.record_key END;
  live jsonb;
BEGIN
  IF change.record_key IS NULL OR change.operation NOT IN ('INSERT', 'UPDATE', 'DELETE') THEN
    RETURN CASE WHEN change.operation = 'TRUNCATE' THEN 'conflict: TRUNCATE cannot be undone' ELSE 'conflict: the row has no key' END;
  END IF;
  live := @extschema@.audit_live_row(target, key);
  IF change.operation = 'DELETE' THEN
    IF live IS NOT NULL THEN
      RETURN 'conflict: a row of that key is there again';
    END IF;
  ELSIF live IS NULL THEN
    RETURN 'conflict: the row is gone';
  ELSIF EXISTS (SELECT FROM pg_catalog.jsonb_each(change.new_values) e WHERE live ? e.key AND NOT @extschema@.audit_is_value(target, e.key, e.value, live -> e.key)) THEN
    RETURN 'conflict: the row was changed later';
  END IF;
  RETURN COALESCE('conflict: ' || @extschema@.audit_write_back(target, key, CASE change.operation WHEN 'INSERT' THEN NULL ELSE change.old_values END), 'reverted');
END
$$;
COMMENT ON FUNCTION @extschema@.audit_undo(record, regclass) IS 'Private to revert(): undoes one change, or says which conflict forbids it.';

CREATE OR REPLACE FUNCTION @extschema@.revert(transaction_id bigint, on_conflict text DEFAULT 'error')
RETURNS TABLE (id bigint, table_name text, operation text, key jsonb, outcome text)
LANGUAGE plpgsql
AS $$
DECLARE
  home regclass := pg_catalog.format('%I.audit_log', @extschema@.audit_schema())::regclass;
  said text := pg_catalog.current_setting('app.cause', true);
  waiting bigint[];
  left_over bigint[];
  places jsonb := '{}'; -- of the tables' names
  many bigint;
  it record;
  place regclass;
BEGIN
  IF on_conflict NOT IN ('error', 'skip') THEN
    RAISE EXCEPTION 'on_conflict must be error or skip, not "%"', on_conflict USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE pg_catalog.format('SELECT pg_catalog.array_agg(a.id ORDER BY a.id DESC) FROM %s a WHERE a.transaction_id = $1', @extschema@.audit_sources(home)) INTO waiting USING transaction_id;
  IF waiting IS NULL THEN
    RAISE EXCEPTION 'transaction % has no recorded change', transaction_id
      USING ERRCODE = 'no_data_found', HINT = 'Look for it in audit_log.transaction_id.';
  END IF;
  PERFORM pg_catalog.set_config('app.cause', pg_catalog.format('revert of transaction %s', transaction_id), true);
  -- Newest first; what a foreign key forbids now, such as a comment before its ticket, is tried again after the rest.
  WHILE waiting <> '{}' LOOP
    left_over := '{}';
    -- "+ 0": an index of ranges would be read once for each of the numbers.
    FOR it IN EXECUTE pg_catalog.format('SELECT a.* FROM %s a WHERE a.id + 0 = ANY ($1) AND a.transaction_id = $2 ORDER BY a.id DESC', @extschema@.audit_sources(home)) USING waiting, transaction_id LOOP
      IF NOT places ? it.table_name THEN
        SELECT pg_catalog.min(a.target::oid), pg_catalog.count(*) INTO place, many FROM @extschema@.audit_tables a WHERE a.table_name = it.table_name AND a.log = home;
        IF many > 1 THEN
          RAISE EXCEPTION 'several tables are recorded as "%"', it.table_name
            USING ERRCODE = 'ambiguous_alias', HINT = 'Revert rows of one of them: ticketflow.revert(table, key, time).';
        END IF;
        places := places || pg_catalog.jsonb_build_object(it.table_name, place::oid::text);
      END IF;
      place := (places ->> it.table_name)::oid;
      id := it.id; table_name := it.table_name; operation := it.operation; key := it.record_key;
      BEGIN
        outcome := CASE WHEN place IS NULL THEN 'conflict: the table is no longer recorded' ELSE @extschema@.audit_undo(it, place) END;
      EXCEPTION WHEN foreign_key_violation THEN
        left_over := left_over || it.id;
        CONTINUE;
      END;
      IF outcome <> 'reverted' AND on_conflict = 'error' THEN
        RAISE EXCEPTION 'cannot revert % of % in "%": %', lower(it.operation), it.record_key, it.table_name, substr(outcome, 11)
          USING ERRCODE = 'triggered_data_change_violation', HINT = 'Look at ticketflow.row_history(), or revert with on_conflict => ''skip''.';
      END IF;
      RETURN NEXT;
    END LOOP;
    IF pg_catalog.cardinality(left_over) = pg_catalog.cardinality(waiting) THEN
      RAISE EXCEPTION 'cannot revert transaction %: rows refer to rows that are not there, or are referred to', transaction_id
        USING ERRCODE = 'foreign_key_violation', DETAIL = pg_catalog.format('Changes %s of audit_log.', left_over);
    END IF;
    waiting := left_over;
  END LOOP;
  PERFORM pg_catalog.set_config('app.cause', COALESCE(said, ''), true);
END
$$;
COMMENT ON FUNCTION @extschema@.revert(bigint, text) IS
  'Undoes what a transaction changed (in the log that audit_schema() finds), newest change first, in the present transaction; one row a change says what became of it. A row that '
  'was changed again since is a conflict: on_conflict error (default) undoes nothing (27000), skip leaves it. Nothing of redacted and '
  'excluded columns is written. Errors: 27000 conflict, P0002 no such transaction, 23503 what refers to it, 42804 as revert() of a row.';
