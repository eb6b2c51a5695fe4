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

  IF NOT pg_catalog.has_table_privilege(place.relowner, log, 'INSERT')
     AND NOT pg_catalog.pg_has_role(place.relowner, (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = log), 'USAGE') THEN
    RAISE EXCEPTION 'the owner of table "%" may not write to the log "%"', target, log
      USING ERRCODE = 'insufficient_privilege', HINT = 'Grant that role INSERT on the log.';
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
  'Calling it again replaces the options. Errors: 42809 not a table, 42703 no such column, 22023 a hidden key, 55000 no log, 42501 the table''s owner may not write to it.';

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
    SELECT pg_catalog.count(*), pg_catalog.min(c.oid) INTO desks, found_log FROM pg_catalog.pg_class c
     WHERE c.relnamespace = ANY (@extschema@.desks()) AND c.relname = 'audit_log' AND c.relkind IN ('r', 'p');
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

-- digests

CREATE OR REPLACE FUNCTION @extschema@.audit_row_digest(id bigint, transaction_id bigint, created_at timestamptz, table_name text,
  operation text, user_id text, record_key jsonb, old_values jsonb, new_values jsonb, request_id text, cause text, record bigint,
  moved_to bigint, context_digest bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_row_digest';
COMMENT ON FUNCTION @extschema@.audit_row_digest(bigint, bigint, timestamptz, text, text, text, jsonb, jsonb, jsonb, text, text, bigint, bigint, bytea) IS
  'The SHA-256 that a row of audit_log has: its leaf in the Merkle tree of its seal. docs/audit.md says over which bytes.';

CREATE OR REPLACE FUNCTION @extschema@.audit_text_digest(prefix integer, kind text, fields text[]) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_text_digest';
COMMENT ON FUNCTION @extschema@.audit_text_digest(integer, text, text[]) IS
  'SHA-256 of one prefix byte (0 a leaf, 2 a seal) and the fields, each as "length:text", a null as "-".';

CREATE OR REPLACE FUNCTION @extschema@.audit_merkle_root(leaves bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_merkle_root';
COMMENT ON FUNCTION @extschema@.audit_merkle_root(bytea) IS
  'The Merkle root (RFC 6962) over digests of 32 bytes each, concatenated. Errors: 22023 where the length is not a multiple of 32.';

CREATE OR REPLACE FUNCTION @extschema@.audit_merkle_add(state internal, leaves bytea) RETURNS internal
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'ticketflow_audit_merkle_add';
COMMENT ON FUNCTION @extschema@.audit_merkle_add(internal, bytea) IS 'Private to the aggregate audit_merkle().';
CREATE OR REPLACE FUNCTION @extschema@.audit_merkle_finish(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'ticketflow_audit_merkle_finish';
COMMENT ON FUNCTION @extschema@.audit_merkle_finish(internal) IS 'Private to the aggregate audit_merkle().';
CREATE OR REPLACE AGGREGATE @extschema@.audit_merkle(leaves bytea) (
  SFUNC = @extschema@.audit_merkle_add, STYPE = internal, FINALFUNC = @extschema@.audit_merkle_finish, FINALFUNC_MODIFY = READ_ONLY);
COMMENT ON AGGREGATE @extschema@.audit_merkle(bytea) IS
  'The Merkle root over all leaves in the order of the aggregate; each argument is one or more concatenated digests.';

CREATE OR REPLACE FUNCTION @extschema@.audit_inclusion_path(leaves bytea, index bigint) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_inclusion_path';
COMMENT ON FUNCTION @extschema@.audit_inclusion_path(bytea, bigint) IS
  'The siblings that lead from the leaf at index (from 0) to the root, nearest first, concatenated. Errors: 22023 no such leaf.';

CREATE OR REPLACE FUNCTION @extschema@.audit_check_inclusion(root bytea, leaf bytea, index bigint, size bigint, path bytea) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_check_inclusion';
COMMENT ON FUNCTION @extschema@.audit_check_inclusion(bytea, bytea, bigint, bigint, bytea) IS
  'Whether leaf, at index of size leaves, leads to root along path.';

CREATE OR REPLACE FUNCTION @extschema@.audit_record(table_name text, key jsonb) RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_record';
COMMENT ON FUNCTION @extschema@.audit_record(text, jsonb) IS
  'What audit_log.record holds for a key: WHERE record = ticketflow.audit_record(''tasks'', ''{"id": 7}'') uses its index.';

CREATE OR REPLACE FUNCTION @extschema@.audit_image("row" record) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'ticketflow_audit_image';
COMMENT ON FUNCTION @extschema@.audit_image(record) IS
  'A row of a table as the log keeps it whole: excluded columns absent, redacted ones hidden. Errors: 42809 where the row is not a table''s.';

-- seals

CREATE OR REPLACE FUNCTION @extschema@.audit_seal(log regclass DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  result bigint;
BEGIN
  EXECUTE pg_catalog.format('SELECT %I.seal_changes()', @extschema@.audit_schema(log)) INTO result;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_seal(regclass) IS
  'Seals what is committed in a log (default: the only desk''s, or the one on the search path) and not yet sealed. Returns the number of '
  'the new seal, null where there was nothing. Writers never wait for it. Errors: 25001 in REPEATABLE READ, 55000 no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_verify("from" timestamptz DEFAULT '-infinity', "to" timestamptz DEFAULT 'infinity',
  log regclass DEFAULT NULL, digests jsonb DEFAULT NULL,
  OUT seal_id bigint, OUT ledger text, OUT row_id bigint, OUT problem text, OUT detail text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY EXECUTE pg_catalog.format('SELECT * FROM %I.verify_changes($1, $2, $3)', @extschema@.audit_schema(log))
    USING "from", "to", digests;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_verify(timestamptz, timestamptz, regclass, jsonb) IS
  'Checks the log and the history against their seals: no row where all is intact, else a row for each record or seal that was altered, '
  'missing, inserted or reordered, in the order of the seals. from, to: seals made in that time only. digests: what audit_digest() gave '
  'earlier, one object or an array, kept outside of the database: finds a chain that was made anew. Errors: 55000 no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_proof(row_id bigint, log regclass DEFAULT NULL, ledger text DEFAULT 'audit_log') RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
BEGIN
  EXECUTE pg_catalog.format('SELECT %I.prove_change($1, $2)', @extschema@.audit_schema(log)) INTO result USING ledger, row_id;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_proof(bigint, regclass, text) IS
  'An inclusion proof that outsiders can check without the database: the row''s canonical bytes, its leaf, index, the path to the root and the '
  'seal. Null where the row is not sealed yet. docs/audit.md has the recipe.';

CREATE OR REPLACE FUNCTION @extschema@.audit_digest(log regclass DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result jsonb;
BEGIN
  EXECUTE pg_catalog.format('SELECT %I.newest_seal()', @extschema@.audit_schema(log)) INTO result;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_digest(regclass) IS
  'The newest seal in one small JSON object, to be kept outside of the database and given to audit_verify(): who holds it can tell when '
  'anything that was sealed until then is changed, even by a superuser. Null where nothing is sealed.';

CREATE OR REPLACE FUNCTION @extschema@.audit_schema(log regclass DEFAULT NULL) RETURNS name
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  -- Step by step: the planner would evaluate a COALESCE whole, and the last choice may fail.
  IF log IS NULL THEN
    log := pg_catalog.to_regclass('audit_log');
  END IF;
  IF log IS NULL THEN
    log := @extschema@.audit_log_for(0::oid);
  END IF;
  RETURN (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = log);
END
$$;
COMMENT ON FUNCTION @extschema@.audit_schema(regclass) IS
  'The schema of a log; default: of the audit_log on the search path, else of the only desk. Errors: 55000 none, or several desks.';
