-- audit: whose changes a log takes, and logs without a desk.

CREATE OR REPLACE FUNCTION @extschema@.audit_may_record(target regclass, log regclass, table_name text) RETURNS boolean
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'ticketflow_audit_may_record';
COMMENT ON FUNCTION @extschema@.audit_may_record(regclass, regclass, text) IS
  'Private to the trigger and audit_enable(): whether a log takes the changes of a table under a name: its owner may write to the log, or the log''s owner had it recorded.';

CREATE OR REPLACE FUNCTION @extschema@.audit_consent(target regclass, log regclass, table_name text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  log_place pg_catalog.pg_class;
  consents regclass;
BEGIN
  SELECT * INTO log_place FROM pg_catalog.pg_class c WHERE c.oid = log;
  consents := @extschema@.audit_table_in(log_place.relnamespace, 'audit_consents');
  IF consents IS NULL OR @extschema@.audit_may_record(target, log, table_name) OR NOT pg_catalog.pg_has_role(log_place.relowner, 'USAGE') THEN
    RETURN;
  END IF;
  -- The list may have triggers of its owner's.
  PERFORM @extschema@.audit_as_owner(consents, pg_catalog.format('INSERT INTO %s (target, log, table_name) VALUES (%s::oid, %s::oid, %L) '
    'ON CONFLICT (target, log) DO UPDATE SET table_name = EXCLUDED.table_name', consents, target::oid, log::oid, table_name));
END
$$;
COMMENT ON FUNCTION @extschema@.audit_consent(regclass, regclass, text) IS
  'Private to audit_enable(): where who owns the log, or a superuser, has somebody else''s table recorded, notes that in audit_consents beside the log; does nothing for others.';

CREATE OR REPLACE FUNCTION @extschema@.audit_withdraw(target regclass, log regclass) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  consents regclass := @extschema@.audit_table_in((SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = log), 'audit_consents');
BEGIN
  IF pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = consents), 'USAGE') THEN
    PERFORM @extschema@.audit_as_owner(consents, pg_catalog.format('DELETE FROM %s WHERE target = %s::oid AND log = %s::oid', consents, target::oid, log::oid));
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_withdraw(regclass, regclass) IS 'Private to audit_disable(): forgets what audit_consent() noted of a table, where the caller has the rights of the log''s owner.';

CREATE OR REPLACE FUNCTION @extschema@.audit_create_log(schema regnamespace) RETURNS regclass
LANGUAGE plpgsql
AS $$
DECLARE
  log regclass := @extschema@.audit_table_in(schema, 'audit_log');
  it record;
  sequence text;
BEGIN
  IF log IS NULL THEN
    EXECUTE pg_catalog.format('CREATE TABLE %s.audit_log (id bigserial PRIMARY KEY, table_name text NOT NULL, operation text NOT NULL, created_at timestamptz NOT NULL DEFAULT pg_catalog.now())', schema);
    log := @extschema@.audit_table_in(schema, 'audit_log');
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', log, 'Every change of the tables that ticketflow.audit_enable() was called for.');
  END IF;
  FOR it IN
    SELECT w.name, w.type, w.more, a.atttypid AS found
      FROM (VALUES ('id', 'pg_catalog.int8', ''), ('created_at', 'pg_catalog.timestamptz', ''),
                   ('transaction_id', 'pg_catalog.int8', 'NOT NULL DEFAULT pg_catalog.pg_current_xact_id()::text::bigint'), ('record', 'pg_catalog.int8', 'NOT NULL DEFAULT 0'),
                   ('context', 'pg_catalog.int8', ''), ('user_id', 'pg_catalog.text', ''), ('old_values', 'pg_catalog.jsonb', ''), ('new_values', 'pg_catalog.jsonb', ''),
                   ('record_key', 'pg_catalog.jsonb', ''), ('moved_to', 'pg_catalog.int8', ''), ('request_id', 'pg_catalog.text', ''), ('cause', 'pg_catalog.text', ''),
                   ('row_digest', 'pg_catalog.bytea', '')) AS w (name, type, more)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = log AND a.attname = w.name AND NOT a.attisdropped
     WHERE a.attname IS NULL OR a.atttypid IN ('int4'::regtype, 'timestamp'::regtype) LOOP
    EXECUTE CASE WHEN it.found IS NULL THEN pg_catalog.format('ALTER TABLE %s ADD COLUMN %I %s %s', log, it.name, it.type, it.more)
                 ELSE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', log, it.name, it.type) END;
    IF it.name = 'record' THEN
      EXECUTE pg_catalog.format('CREATE INDEX ON %s (record)', log);
    END IF;
  END LOOP;
  sequence := pg_catalog.pg_get_serial_sequence(log::text, 'id');
  IF EXISTS (SELECT FROM pg_catalog.pg_sequence s WHERE s.seqrelid = sequence::regclass AND s.seqtypid <> 'int8'::regtype) THEN
    EXECUTE pg_catalog.format('ALTER SEQUENCE %s AS bigint', sequence);
  END IF;
  IF @extschema@.audit_table_in(schema, 'audit_consents') IS NULL THEN
    EXECUTE pg_catalog.format('CREATE TABLE %s.audit_consents (target regclass NOT NULL, log regclass NOT NULL, table_name text NOT NULL, noted_by text NOT NULL DEFAULT session_user, '
      'noted_at timestamptz NOT NULL DEFAULT pg_catalog.now(), PRIMARY KEY (target, log))', schema);
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s.audit_consents IS %L', schema, 'Tables of other owners that the owner of audit_log, or a superuser, has recorded in it.');
  END IF;
  RETURN log;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_create_log(regnamespace) IS
  'Makes an audit_log in a schema, for tables that are recorded without a desk, or gives the columns that it lacks to one that is there (one with the guide''s seven '
  'columns); times without a zone are taken as of the session''s. Without a desk there are no seals and no months. Errors: 42501 where you may not create tables there.';
