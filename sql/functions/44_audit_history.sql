-- audit: the history of tickets by month, for desks that have much of it.

CREATE OR REPLACE FUNCTION history_month(month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  made boolean := audit_month('task_history', month);
BEGIN
  -- The table's own trigger does not fire for a statement that names a partition.
  EXECUTE format('CREATE OR REPLACE TRIGGER ticketflow_archive AFTER DELETE ON task_history_%s REFERENCING OLD TABLE AS deleted '
                 'FOR EACH STATEMENT EXECUTE FUNCTION archive_task_history()', to_char(month, 'YYYY_MM'));
  RETURN made;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION history_month(timestamp) IS
  'Private to audit_partitions() and partition_history(): the partition of task_history for a month that begins at this time (UTC), archived where rows are deleted; whether it was made.';
REVOKE ALL ON FUNCTION history_month(timestamp) FROM PUBLIC;

CREATE OR REPLACE FUNCTION history_archive(older_than interval DEFAULT '1 year') RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
  part record;
  columns text;
  it name;
BEGIN
  PERFORM seal_changes();
  PERFORM take_over_columns('task_history', 'task_history_archive');
  FOR part IN
    SELECT m.name, m.from_time, m.to_time FROM audit_months m
     WHERE m.parent = 'task_history'::regclass AND m.to_time <= now() - older_than ORDER BY m.from_time
  LOOP
    EXECUTE format('ALTER TABLE task_history DETACH PARTITION %I', part.name);
    EXECUTE format('DROP TRIGGER IF EXISTS ticketflow_archive ON %I', part.name);
    EXECUTE format('ALTER TABLE %I ADD COLUMN archived_at timestamptz NOT NULL DEFAULT now()', part.name);
    columns := take_over_columns('task_history_archive', quote_ident(part.name)::regclass);
    -- Rows that were archived before a DBA added a column have no value in it.
    FOR it IN SELECT m.attname FROM pg_attribute m JOIN pg_attribute a ON a.attname = m.attname AND a.attrelid = 'task_history_archive'::regclass
               WHERE m.attrelid = quote_ident(part.name)::regclass AND m.attnum > 0 AND m.attnotnull AND NOT a.attnotnull LOOP
      EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP NOT NULL', part.name, it);
    END LOOP;
    -- What a DELETE took out of the month earlier.
    EXECUTE format('WITH moved AS (DELETE FROM task_history_archive WHERE created_at >= $1 AND created_at < $2 RETURNING *) INSERT INTO %1$I (%2$s) SELECT %2$s FROM moved',
      part.name, columns) USING part.from_time, part.to_time;
    EXECUTE format('ALTER TABLE task_history_archive ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part.name, part.from_time, part.to_time);
    EXECUTE format('COMMENT ON TABLE %I IS %L', part.name, 'Changes of one month (UTC): a partition of task_history_archive.');
    RETURN NEXT part.name;
  END LOOP;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION history_archive(interval) IS
  'On a desk with partition_history(): seals, then moves the months of task_history that ended before that time, as they are, to task_history_archive; returns '
  'their names. No row is read but those that a DELETE had archived before. Error: 25001 in REPEATABLE READ.';
REVOKE ALL ON FUNCTION history_archive(interval) FROM PUBLIC;

-- A table becomes a partitioned one of the same name, with its rows, grants, triggers and foreign keys; what is bound to it by its number is for deploy().
CREATE OR REPLACE FUNCTION partition_by_month(name name, until timestamptz, OUT statements text[], OUT affected bigint)
LANGUAGE plpgsql
AS $$
DECLARE
  old name := name || '_unpartitioned';
  source oid := to_regclass(quote_ident(name));
  sequence text := pg_get_serial_sequence(quote_ident(name), 'id');
  meaning text := obj_description(source, 'pg_class');
  it text;
  month timestamp;
BEGIN
  statements := ARRAY(
    SELECT format('GRANT %s ON TABLE %I TO %s', a.privilege_type, name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
      FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = source AND a.grantee <> c.relowner
    UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = source AND NOT t.tgisinternal
    UNION ALL SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', name, c.conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c WHERE c.conrelid = source AND c.contype = 'f'
    UNION ALL SELECT format('ALTER TABLE %I ADD PRIMARY KEY (id, created_at)', name)
    UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = source AND NOT i.indisprimary);

  EXECUTE format('ALTER TABLE %I RENAME TO %I', name, old);
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS INCLUDING STORAGE) PARTITION BY RANGE (created_at)', name, old);
  EXECUTE format('COMMENT ON TABLE %I IS %L', name, meaning);
  EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_default', name);
  EXECUTE format('COMMENT ON TABLE %I IS %L', name || '_default', format('Takes the rows of a month that has no partition: a partition of %s.', name));
  FOR month IN EXECUTE format('SELECT DISTINCT date_trunc(''month'', created_at AT TIME ZONE ''UTC'') AS month FROM %I WHERE created_at < $1 ORDER BY 1', old) USING until LOOP
    PERFORM audit_month(name, month);
  END LOOP;
  EXECUTE format('INSERT INTO %I SELECT * FROM %I', name, old);
  GET DIAGNOSTICS affected = ROW_COUNT;
  IF sequence IS NOT NULL THEN
    EXECUTE format('ALTER SEQUENCE %s OWNED BY %I.id', sequence, name);
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION partition_by_month(name, timestamptz) IS
  'Private to partition_history(): moves a table''s rows into a partitioned one of its name, with a partition for each month before until that has rows; tells how '
  'many rows and which statements give it the old one''s grants, triggers, foreign keys and indexes once that is dropped.';
REVOKE ALL ON FUNCTION partition_by_month(name, timestamptz) FROM PUBLIC;

CREATE OR REPLACE PROCEDURE partition_history()
LANGUAGE plpgsql
AS $$
DECLARE
  history record;
  archive record;
  desk text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'task_history'::regclass);
  it text;
  detail text;
BEGIN
  IF history_is_partitioned() THEN
    RAISE NOTICE 'partition_history: task_history is partitioned by month; nothing to do';
    RETURN;
  END IF;
  PERFORM require_owner();
  LOCK TABLE task_history, task_history_archive IN ACCESS EXCLUSIVE MODE;
  -- A month that both have rows of will move as a whole one day; what the archive has of it waits in its default partition.
  SELECT date_trunc('month', min(h.created_at) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS first_month INTO history FROM task_history h;
  SELECT * INTO archive FROM partition_by_month('task_history_archive', LEAST(history.first_month, date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'));
  SELECT * INTO history FROM partition_by_month('task_history', 'infinity');
  -- Views, policies and functions are bound to the old tables.
  PERFORM deploy_again();
  BEGIN
    DROP TABLE task_history_unpartitioned, task_history_archive_unpartitioned;
  EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION 'cannot partition the history of desk "%": objects of yours depend on it', desk
      USING ERRCODE = 'dependent_objects_still_exist', DETAIL = detail, HINT = 'Drop them, call partition_history(), and create them again.';
  END;
  FOREACH it IN ARRAY archive.statements || history.statements LOOP
    CONTINUE WHEN it LIKE 'CREATE TRIGGER ticketflow\_archive %';
    EXECUTE it;
  END LOOP;
  PERFORM history_month(m.from_time AT TIME ZONE 'UTC') FROM audit_months m WHERE m.parent = 'task_history'::regclass;
  PERFORM audit_partitions();
  ANALYZE task_history, task_history_archive;
  RAISE NOTICE 'partition_history: % rows of history and % of its archive', history.affected, archive.affected;
END
$$ SET search_path FROM CURRENT;
COMMENT ON PROCEDURE partition_history() IS
  'Partitions task_history and task_history_archive by month (UTC), once and for good: for desks whose history is tens of millions of rows. From then on audit_partitions() makes months '
  'ahead, maintain() moves whole months to the archive without reading them, and queries by created_at read the months they ask for. In one transaction that copies every row and '
  'locks both tables; then it deploys the desk again. The primary key becomes (id, created_at). Errors: 2BP01 views or functions of yours depend on the table, 42501 not the owner.';
REVOKE ALL ON PROCEDURE partition_history() FROM PUBLIC;
