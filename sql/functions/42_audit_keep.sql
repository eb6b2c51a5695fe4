-- audit: months, archives, and the view that people read.

CREATE OR REPLACE VIEW audit_months AS
SELECT c.relname::text AS name, b.bounds[1]::timestamptz AS from_time, b.bounds[2]::timestamptz AS to_time, i.inhparent AS parent
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 CROSS JOIN LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS bounds) b
 WHERE i.inhparent IN ('audit_log'::regclass, 'task_history'::regclass) AND b.bounds IS NOT NULL;
COMMENT ON VIEW audit_months IS 'Private to audit_partitions(), audit_archive() and history_archive(): the partitions of audit_log and task_history that hold a month.';
COMMENT ON COLUMN audit_months.to_time IS 'The first instant after the month.';
COMMENT ON COLUMN audit_months.parent IS 'audit_log or task_history, as oid.';

CREATE OR REPLACE FUNCTION history_is_partitioned() RETURNS boolean
LANGUAGE sql STABLE
RETURN (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = 'task_history'::regclass);
COMMENT ON FUNCTION history_is_partitioned() IS 'Whether partition_history() was called on this desk.';
REVOKE ALL ON FUNCTION history_is_partitioned() FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_month(parent name, month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  name text := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
  first timestamptz := month AT TIME ZONE 'UTC';
  next timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  IF to_regclass(quote_ident(name)) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)', name, parent);
  -- Also where a superuser makes it.
  EXECUTE format('ALTER TABLE %I OWNER TO %I', name, (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass(quote_ident(parent))));
  -- What came in before the month had its partition moves into it.
  EXECUTE format('WITH moved AS (DELETE FROM %I WHERE created_at >= %L AND created_at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
    parent || '_default', first, next, name);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, first, next);
  EXECUTE format('COMMENT ON TABLE %I IS %L', name, format('Changes of one month (UTC): a partition of %s.', parent));
  -- The index of an empty table counts its first pages as summarised, and would then be written with every row in them.
  PERFORM brin_desummarize_range(i.indexrelid, 0) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE i.indrelid = to_regclass(quote_ident(name)) AND m.amname = 'brin';
  RETURN true;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION audit_month(name, timestamp) IS
  'Private to audit_partitions() and partition_history(): makes the partition for a month that begins at this time (UTC); false where a table of that name is there.';
REVOKE ALL ON FUNCTION audit_month(name, timestamp) FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_partitions(ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  name text;
  made integer := 0;
BEGIN
  FOR i IN 0 .. ahead LOOP
    IF audit_month('audit_log', month) THEN
      EXECUTE format('ALTER TABLE audit_log_%s REPLICA IDENTITY FULL', to_char(month, 'YYYY_MM'));
      made := made + 1;
    END IF;
    IF history_is_partitioned() THEN
      made := made + history_month(month)::int;
    END IF;
    month := month + interval '1 month';
  END LOOP;
  -- What is over is only read: a row's changes are then found by a btree, built in one go.
  FOR name IN SELECT m.name FROM audit_months m WHERE m.parent = 'audit_log'::regclass AND m.to_time < now() - interval '1 day'
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(quote_ident(m.name)) AND i.indkey[0] = (
                 SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'record')) LOOP
    EXECUTE format('CREATE INDEX ON %I (record)', name);
  END LOOP;
  -- The number of a table that is gone could be another's one day.
  DELETE FROM audit_consents c WHERE NOT EXISTS (SELECT FROM pg_class p WHERE p.oid = c.target);
  RETURN made;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION audit_partitions(integer) IS
  'Makes the partitions of audit_log (and of task_history after partition_history()) for this month and the next ones (ahead: how many), and returns how many it made. Run it once a month; '
  'where nobody does, changes go to audit_log_default and move when the month gets its partition.';
REVOKE ALL ON FUNCTION audit_partitions(integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_archive(older_than interval DEFAULT '13 months') RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
  part record;
  rows bigint;
BEGIN
  PERFORM seal_changes();
  FOR part IN
    SELECT m.name, m.from_time, m.to_time FROM audit_months m WHERE m.parent = 'audit_log'::regclass AND m.to_time <= now() - older_than ORDER BY m.from_time
  LOOP
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', part.name);
    EXECUTE format('SELECT count(*) FROM %I a WHERE NOT pg_visible_in_snapshot(a.transaction_id::text::xid8, (SELECT s.snapshot FROM audit_seals s ORDER BY s.id DESC LIMIT 1)) '
                   '  AND NOT EXISTS (SELECT FROM audit_seal_leaves l WHERE l.ledger = ''audit_log'' AND l.first_id <= a.id AND l.last_id >= a.id AND a.id = ANY (l.ids))', part.name) INTO rows;
    CONTINUE WHEN rows > 0;
    EXECUTE format('SELECT count(*) FROM %I', part.name) INTO rows;
    EXECUTE format('ALTER TABLE audit_log DETACH PARTITION %I', part.name);
    PERFORM apply_policy(part.name::regclass, 'admin', 'ticketflow_admin', $r$(SELECT acting_role() = 'admin')$r$);
    EXECUTE format('GRANT SELECT ON %I TO ticketflow_admin', part.name);
    INSERT INTO audit_archives (table_name, from_time, to_time, row_count) VALUES (part.name, part.from_time, part.to_time, rows);
    RETURN NEXT part.name;
  END LOOP;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION audit_archive(interval) IS
  'Seals, then detaches the months of audit_log that ended before that time and are sealed whole; returns their names. They stay tables of '
  'this schema, listed in audit_archives, and audit_verify() still reads them.';
REVOKE ALL ON FUNCTION audit_archive(interval) FROM PUBLIC;

-- Columns that a DBA added are kept with the rest of a row.
CREATE OR REPLACE FUNCTION take_over_columns(source regclass, target regclass) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT s.attname AS name, format_type(s.atttypid, s.atttypmod) AS type FROM pg_attribute s
     WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped
       AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = target AND t.attname = s.attname AND NOT t.attisdropped) ORDER BY s.attnum
  LOOP
    EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', target, it.name, it.type);
  END LOOP;
  RETURN (SELECT string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum) FROM pg_attribute s WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION take_over_columns(regclass, regclass) IS
  'Private to archive_task_history() and history_archive(): adds the columns that target lacks, without default and constraints; returns the names of all of source, for a statement.';
REVOKE ALL ON FUNCTION take_over_columns(regclass, regclass) FROM PUBLIC;

-- The guide cleans up by DELETE FROM task_history; what it deletes is kept.
CREATE OR REPLACE FUNCTION archive_task_history() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('INSERT INTO task_history_archive (%1$s) SELECT %1$s FROM deleted', take_over_columns('task_history', 'task_history_archive'));
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION archive_task_history() IS 'Trigger: moves what is deleted from task_history into task_history_archive.';
CREATE OR REPLACE TRIGGER ticketflow_archive AFTER DELETE ON task_history REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION archive_task_history();

CREATE OR REPLACE VIEW audit_trail WITH (security_invoker = true) AS
SELECT a.id, a.created_at AS happened_at, a.table_name, a.operation, a.record_key, a.user_id, a.old_values, a.new_values,
       CASE WHEN a.operation = 'UPDATE' THEN
         ARRAY(SELECT e.key FROM jsonb_each(a.new_values) e WHERE a.old_values -> e.key IS DISTINCT FROM e.value
                  OR e.value = '"[redacted]"' AND EXISTS (SELECT FROM audit_shapes s WHERE s.table_name = a.table_name AND s.columns ->> e.key = '[redacted]') ORDER BY e.key) END AS changed_columns,
       a.transaction_id, c.database_role, c.login_role, c.actor_kind, c.client_address, c.application_name, a.request_id, a.cause
  FROM audit_log a
  LEFT JOIN LATERAL (SELECT k.* FROM audit_contexts k WHERE k.id = a.context ORDER BY k.id = context_id(k.digest) DESC LIMIT 1) c ON true;
COMMENT ON VIEW audit_trail IS 'audit_log for people: with the changed columns, and from where each change was made.';

SELECT audit_partitions();

DO $$
BEGIN
  PERFORM apply_policy(it.name::regclass, 'admin', 'ticketflow_admin', $r$(SELECT acting_role() = 'admin')$r$)
     FROM unnest(ARRAY['audit_contexts', 'audit_seals', 'audit_seal_leaves', 'audit_shapes', 'audit_archives', 'audit_consents']) AS it (name);
END
$$;
GRANT SELECT ON audit_trail, sealed_contexts, sealed_tables, audit_contexts, audit_seals, audit_seal_leaves, audit_shapes, audit_archives, audit_consents TO ticketflow_admin;
