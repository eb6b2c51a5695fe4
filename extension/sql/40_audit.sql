-- audit: every change of a table in the log, looked back at, undone, sealed and verified.

CREATE OR REPLACE FUNCTION @extschema@.audit_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ticketflow_audit_trigger';
COMMENT ON FUNCTION @extschema@.audit_trigger() IS
  'AFTER trigger, for each row or for TRUNCATE, that records changes in audit_log; audit_enable() creates it. Its argument is a JSON '
  'object: table, log, exclude, redact, ignore, full. Errors: 55000 no log, 42809 a log without the needed columns.';

CREATE OR REPLACE FUNCTION @extschema@.history_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ticketflow_history_trigger';
COMMENT ON FUNCTION @extschema@.history_trigger() IS
  'AFTER trigger, for each row, that writes one row a changed field into a history table. Its argument is a JSON object: log (default '
  'task_history of the table''s schema), row_key and row_key_name (the column that identifies the row, and the history column that '
  'takes it), label (the column that a created or deleted row shows), exclude, redact. Errors: 55000 no history table.';

CREATE OR REPLACE FUNCTION @extschema@.audit_enable(target regclass, exclude text[] DEFAULT '{}', redact text[] DEFAULT '{}',
  ignore text[] DEFAULT '{}', "full" boolean DEFAULT false, log regclass DEFAULT NULL, table_name text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  place pg_catalog.pg_class;
  log_schema name;
  options jsonb;
  wrong text;
BEGIN
  SELECT * INTO place FROM pg_catalog.pg_class c WHERE c.oid = target;
  IF place.oid IS NULL OR place.relkind NOT IN ('r', 'p') THEN
    RAISE EXCEPTION 'cannot audit "%": it is not a table', target
      USING ERRCODE = 'wrong_object_type', HINT = 'Audit the tables that a view or foreign table shows.';
  END IF;
  SELECT name INTO wrong FROM pg_catalog.unnest(exclude || redact || ignore) AS name
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                      WHERE a.attrelid = target AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'column "%" of table "%" does not exist', wrong, target
      USING ERRCODE = 'undefined_column', HINT = 'Name existing columns in exclude, redact and ignore.';
  END IF;
  SELECT a.attname INTO wrong FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
   WHERE i.indrelid = target AND i.indisprimary AND a.attname = ANY (exclude || redact) LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'column "%" is part of the primary key of "%" and cannot be hidden from the log', wrong, target
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The key tells which row changed; leave it out of exclude and redact.';
  END IF;
  IF log IS NULL THEN
    log := @extschema@.audit_log_for(place.relnamespace);
  END IF;
  SELECT n.nspname INTO log_schema FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = log;
  IF log IS NOT NULL AND log = target THEN
    RAISE EXCEPTION 'a log cannot audit itself' USING ERRCODE = 'invalid_parameter_value', HINT = 'audit_verify() finds changes of the log.';
  END IF;

  options := pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'table', COALESCE(table_name, place.relname),
    -- The own schema's log needs no name: so a renamed or restored schema keeps working.
    'log', CASE WHEN log IS DISTINCT FROM pg_catalog.to_regclass(pg_catalog.format('%I.audit_log', place.relnamespace::regnamespace::text))
                THEN pg_catalog.format('%I.%I', log_schema, (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = log)) END,
    'exclude', CASE WHEN exclude <> '{}' THEN pg_catalog.to_jsonb(exclude) END,
    'redact', CASE WHEN redact <> '{}' THEN pg_catalog.to_jsonb(redact) END,
    'ignore', CASE WHEN ignore <> '{}' THEN pg_catalog.to_jsonb(ignore) END,
    'full', CASE WHEN "full" THEN true END));
  PERFORM @extschema@.audit_disable(target);
  EXECUTE pg_catalog.format('CREATE TRIGGER ticketflow_audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.audit_trigger(%L)',
    target, options);
  EXECUTE pg_catalog.format('CREATE TRIGGER ticketflow_audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.audit_trigger(%L)',
    target, options);
END
$$;
COMMENT ON FUNCTION @extschema@.audit_enable(regclass, text[], text[], text[], boolean, regclass, text) IS
  'Records every INSERT, UPDATE, DELETE and TRUNCATE of a table in the audit_log of its own schema, else of the only desk, else in log. '
  'exclude: columns that the log never holds. redact: columns of which it holds only that they changed. ignore: columns whose change '
  'alone is no change. full: updates keep both whole rows. table_name: the name to record, where the table''s own is not it (a shard). '
  'Calling it again replaces the options. Errors: 42809 not a table, 42703 no such column, 22023 a hidden key, 55000 no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_disable(target regclass) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  it record;
  found_one boolean := false;
BEGIN
  FOR it IN SELECT t.tgname FROM pg_catalog.pg_trigger t
             WHERE t.tgrelid = target AND t.tgfoid = '@extschema@.audit_trigger()'::regprocedure AND t.tgparentid = 0 LOOP
    EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', it.tgname, target);
    found_one := true;
  END LOOP;
  RETURN found_one;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_disable(regclass) IS 'Stops recording changes of a table; what is recorded stays. Returns whether it was recorded.';

CREATE OR REPLACE FUNCTION @extschema@.audit_log_for(schema oid) RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  found_log oid;
  desks int;
BEGIN
  SELECT c.oid INTO found_log FROM pg_catalog.pg_class c WHERE c.relnamespace = schema AND c.relname = 'audit_log' AND c.relkind IN ('r', 'p');
  IF found_log IS NULL THEN
    SELECT pg_catalog.count(*), pg_catalog.min(l.oid) INTO desks, found_log
      FROM pg_catalog.pg_class d JOIN pg_catalog.pg_class l ON l.relnamespace = d.relnamespace AND l.relname = 'audit_log' AND l.relkind IN ('r', 'p')
     WHERE d.relname = 'ticketflow_desk' AND d.relkind = 'r';
    IF desks <> 1 THEN
      RAISE EXCEPTION '%', CASE WHEN desks = 0 THEN 'there is no audit_log' ELSE 'several desks have an audit_log' END
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = CASE WHEN desks = 0 THEN 'CALL ticketflow.deploy() makes a desk with one.' ELSE 'Name the log: log => ''desk.audit_log''.' END;
    END IF;
  END IF;
  RETURN found_log;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_log_for(oid) IS
  'The audit_log of a schema (given as its oid), else of the only desk. Errors: 55000 none, or several desks.';
