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
  log_place pg_catalog.pg_class;
  options jsonb;
  wrong text;
  child regclass;
BEGIN
  SELECT * INTO place FROM pg_catalog.pg_class c WHERE c.oid = target;
  IF place.oid IS NULL OR place.relkind NOT IN ('r', 'p') THEN
    RAISE EXCEPTION 'cannot audit %: it is not a table', COALESCE('"' || target::text || '"', 'null')
      USING ERRCODE = 'wrong_object_type', HINT = 'Audit the tables that a view or foreign table shows.';
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = target AND t.tgname = 'ticketflow_audit' AND t.tgparentid <> 0) THEN
    RAISE EXCEPTION 'partition "%" is recorded with its table "%"', target, pg_catalog.pg_partition_root(target)
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Change the options of the whole table.';
  END IF;
  SELECT COALESCE(name, 'null') INTO wrong FROM pg_catalog.unnest(exclude || redact || ignore) AS name
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
  SELECT * INTO log_place FROM pg_catalog.pg_class c WHERE c.oid = COALESCE(log, @extschema@.audit_default_log(target));

  options := pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'table', COALESCE(table_name, place.relname),
    -- The own schema's log needs no name: so a renamed or restored schema keeps working.
    'log', CASE WHEN log_place.relnamespace <> place.relnamespace OR log_place.relname <> 'audit_log'
                THEN pg_catalog.format('%s.%I', log_place.relnamespace::regnamespace, log_place.relname) END,
    'exclude', CASE WHEN exclude <> '{}' THEN pg_catalog.to_jsonb(exclude) END,
    'redact', CASE WHEN redact <> '{}' THEN pg_catalog.to_jsonb(redact) END,
    'ignore', CASE WHEN ignore <> '{}' THEN pg_catalog.to_jsonb(ignore) END,
    'full', CASE WHEN "full" THEN true END));
  PERFORM @extschema@.audit_disable(target);
  PERFORM @extschema@.audit_consent(target, log_place.oid, COALESCE(table_name, place.relname));
  PERFORM @extschema@.audit_check_log(target, log_place.oid, COALESCE(table_name, place.relname));
  EXECUTE pg_catalog.format('CREATE TRIGGER ticketflow_audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.audit_trigger(%L)',
    target, options);
  -- PostgreSQL clones row triggers to partitions, these not; the event trigger adds them to partitions that come later.
  FOR child IN SELECT COALESCE(t.relid, target) FROM pg_catalog.pg_partition_tree(target) t UNION SELECT target LOOP
    EXECUTE pg_catalog.format('CREATE TRIGGER ticketflow_audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.audit_trigger(%L)',
      child, options);
  END LOOP;
  -- Rows of inheriting tables fire their own tables' triggers.
  IF place.relkind = 'r' THEN
    FOR child IN SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = target LOOP
      PERFORM @extschema@.audit_enable(child, exclude, redact, ignore, "full", log_place.oid);
    END LOOP;
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_enable(regclass, text[], text[], text[], boolean, regclass, text) IS
  'Records every INSERT, UPDATE, DELETE and TRUNCATE of a table in the audit_log of its own schema, else of the only desk, else in log. By default '
  'only a log whose owner has the rights of the table''s owner, or owns the database or the table''s schema. '
  'exclude: columns that the log never holds. redact: columns of which it holds only that they changed. ignore: columns whose change '
  'alone is no change. full: updates keep both whole rows. Tables that inherit from it are recorded under their own names. table_name: the name to record, where the table''s own is not it (a shard). '
  'Calling it again replaces the options. Errors: 42809 not a table, 42703 no such column, 22023 a hidden key, 55000 no log, or one that is not the default, 42501 the table''s owner may not write to it.';

CREATE OR REPLACE FUNCTION @extschema@.audit_check_log(target regclass, log regclass, table_name text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  wrong text;
BEGIN
  IF log = target OR log = (SELECT pg_catalog.pg_partition_root(target)) THEN
    RAISE EXCEPTION 'a log cannot audit itself' USING ERRCODE = 'invalid_parameter_value', HINT = 'audit_verify() finds changes of the log.';
  END IF;
  IF (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = log) NOT IN ('r', 'p') THEN
    RAISE EXCEPTION '"%" cannot take the log of changes: it is not a table', log
      USING ERRCODE = 'wrong_object_type', HINT = 'Name the audit_log of a desk, or a table with its columns.';
  END IF;
  SELECT c.name INTO wrong
    FROM pg_catalog.unnest('{id,table_name,operation,user_id,old_values,new_values,created_at,transaction_id,context,record,moved_to,record_key,request_id,cause,row_digest}'::text[]) AS c (name)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = log AND a.attname = c.name AND NOT a.attisdropped) LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'table "%" cannot take the log of changes', log
      USING ERRCODE = 'wrong_object_type', DETAIL = pg_catalog.format('It has no column "%s".', wrong),
            HINT = 'ticketflow.audit_create_log() gives an audit_log the columns that it lacks.';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                  WHERE d.refobjid = log AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')) THEN
    RAISE EXCEPTION 'table "%" cannot take the log of changes', log
      USING ERRCODE = 'wrong_object_type', DETAIL = 'Its column "id" has no sequence.', HINT = 'Make it bigserial: the id tells the order of changes.';
  END IF;
  IF NOT @extschema@.audit_may_record(target, log, table_name) THEN
    RAISE EXCEPTION 'the owner of table "%" may not write to the log "%"', target, log
      USING ERRCODE = 'insufficient_privilege', HINT = 'Let the owner of a desk''s log call ticketflow.audit_enable(), or grant that role INSERT on the log.';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_check_log(regclass, regclass, text) IS
  'Private to audit_enable(): whether a table''s changes can go to a log. Errors: 22023 the log itself, 42809 no table or not a log''s columns, 42501.';

CREATE OR REPLACE FUNCTION @extschema@.audit_disable(target regclass) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  it record;
  found_one boolean := false;
  old_log regclass := (SELECT a.log FROM @extschema@.audit_tables a WHERE a.target = audit_disable.target);
BEGIN
  FOR it IN SELECT t.tgname, t.tgrelid::regclass AS place FROM pg_catalog.pg_trigger t
             WHERE t.tgfoid = '@extschema@.audit_trigger()'::regprocedure AND t.tgparentid = 0
               AND (t.tgrelid = target OR t.tgname = 'ticketflow_audit_truncate' AND t.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(target) p)) LOOP
    EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', it.tgname, it.place);
    found_one := true;
  END LOOP;
  FOR it IN SELECT i.inhrelid::regclass AS place FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
             WHERE i.inhparent = target AND c.relkind = 'r' LOOP
    PERFORM @extschema@.audit_disable(it.place);
  END LOOP;
  PERFORM @extschema@.audit_withdraw(target, old_log);
  RETURN found_one;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_disable(regclass) IS 'Stops recording changes of a table, its partitions and the tables that inherit from it; what is recorded stays. Returns whether it was recorded.';

CREATE OR REPLACE FUNCTION @extschema@.audit_as_owner(relation regclass, statement text) RETURNS jsonb
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ticketflow_audit_as_owner';
COMMENT ON FUNCTION @extschema@.audit_as_owner(regclass, text) IS 'Private to the functions of audit: runs a statement with the rights of a relation''s owner, for who has them anyway; its jsonb answer, or null. Errors: 42501.';

-- By the catalog and not by to_regclass(), which raises an error for a schema that the caller may not use.
CREATE OR REPLACE FUNCTION @extschema@.audit_table_in(schema oid, name text) RETURNS regclass
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.oid::regclass FROM pg_catalog.pg_class c WHERE c.relnamespace = schema AND c.relname = name AND c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION @extschema@.audit_table_in(oid, text) IS 'Private to the functions of audit: the table of that name in a schema (given as its oid), whether or not the caller may use it; null where there is none.';

CREATE OR REPLACE FUNCTION @extschema@.audit_log_for(schema oid) RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  found_log oid := @extschema@.audit_table_in(schema, 'audit_log');
  desks int;
BEGIN
  IF found_log IS NULL THEN
    SELECT pg_catalog.count(*), pg_catalog.min(c.oid) INTO desks, found_log FROM pg_catalog.pg_class c
     WHERE c.relnamespace = ANY (@extschema@.desks()) AND c.relname = 'audit_log' AND c.relkind IN ('r', 'p');
    IF desks <> 1 THEN
      RAISE EXCEPTION '%', CASE WHEN desks = 0 THEN 'there is no audit_log' ELSE 'several desks have an audit_log' END
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = CASE WHEN desks = 0 THEN 'CALL ticketflow.deploy() makes a desk with one, ticketflow.audit_create_log() a log alone.' ELSE 'Name the log: log => ''desk.audit_log''.' END;
    END IF;
  END IF;
  RETURN found_log;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_log_for(oid) IS
  'The audit_log of a schema (given as its oid), else of the only desk. Errors: 55000 none, or several desks.';

CREATE OR REPLACE FUNCTION @extschema@.audit_default_log(target regclass) RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place pg_catalog.pg_class;
  found_log pg_catalog.pg_class;
BEGIN
  SELECT * INTO place FROM pg_catalog.pg_class c WHERE c.oid = target;
  SELECT * INTO found_log FROM pg_catalog.pg_class c WHERE c.oid = @extschema@.audit_log_for(place.relnamespace);
  -- Who may create schemas can make a desk, and who creates in this one a log: neither is shown what others do just for that.
  IF NOT (pg_catalog.pg_has_role(found_log.relowner, place.relowner, 'USAGE')
          OR found_log.relowner = (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
          OR found_log.relowner = (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.oid = place.relnamespace)) THEN
    RAISE EXCEPTION 'the log "%" belongs to role "%", who has no rights of the owner of table "%"', found_log.oid::regclass, found_log.relowner::regrole, target
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = pg_catalog.format('Where that role may see these changes, name the log: log => %L.', found_log.relnamespace::regnamespace || '.audit_log');
  END IF;
  RETURN found_log.oid;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_default_log(regclass) IS 'Private to audit_enable(): the log of a table for which none is named. Errors: 55000 none, several desks, or a log of somebody without the rights of the table''s owner.';

-- digests

CREATE OR REPLACE FUNCTION @extschema@.audit_row_digest(id bigint, transaction_id bigint, created_at timestamptz, table_name text,
  operation text, user_id text, record_key jsonb, old_values jsonb, new_values jsonb, request_id text, cause text, record bigint,
  moved_to bigint, context_digest bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_row_digest';
COMMENT ON FUNCTION @extschema@.audit_row_digest(bigint, bigint, timestamptz, text, text, text, jsonb, jsonb, jsonb, text, text, bigint, bigint, bytea) IS
  'The SHA-256 that a row of audit_log has: its leaf in the Merkle tree of its seal; audit_log.row_digest is its first half. docs/audit.md says over which bytes.';

CREATE OR REPLACE FUNCTION @extschema@.audit_row_bytes(id bigint, transaction_id bigint, created_at timestamptz, table_name text,
  operation text, user_id text, record_key jsonb, old_values jsonb, new_values jsonb, request_id text, cause text, record bigint,
  moved_to bigint, context_digest bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_row_bytes';
COMMENT ON FUNCTION @extschema@.audit_row_bytes(bigint, bigint, timestamptz, text, text, text, jsonb, jsonb, jsonb, text, text, bigint, bigint, bytea) IS
  'The bytes that audit_row_digest() digests, after one zero byte: what audit_proof() shows an outsider.';

CREATE OR REPLACE FUNCTION @extschema@.audit_text_bytes(kind text, fields text[]) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ticketflow_audit_text_bytes';
COMMENT ON FUNCTION @extschema@.audit_text_bytes(text, text[]) IS
  'The bytes that audit_text_digest() digests, after its prefix: each field as "length:text", a null as "-".';

CREATE OR REPLACE FUNCTION @extschema@.audit_seal_rows(seal bigint, leaves regclass, since pg_snapshot, contexts text, changes text, history text,
  OUT row_count bigint, OUT root bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ticketflow_audit_seal_rows';
COMMENT ON FUNCTION @extschema@.audit_seal_rows(bigint, regclass, pg_snapshot, text, text, text) IS
  'Private to audit_seal(): reads the rows of both ledgers by the given queries, all under the statement''s snapshot, stores the digests of those that '
  'since does not see as leaves of a seal, and returns how many there are and their Merkle root. It reads and writes with the caller''s rights. '
  'Errors: 22023 a null argument, 42809 a query with other columns than the ledger''s, 42P01 no such table.';

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

CREATE OR REPLACE FUNCTION @extschema@.audit_literals(VARIADIC "values" text[]) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT pg_catalog.string_agg(pg_catalog.replace(pg_catalog.quote_nullable(v.value), '%', '%%'), ', ' ORDER BY v.place)
    FROM pg_catalog.unnest("values") WITH ORDINALITY v (value, place);
END;
COMMENT ON FUNCTION @extschema@.audit_literals(text[]) IS 'Private to audit_ask_desk(): values as a list of literals for a question.';

CREATE OR REPLACE FUNCTION @extschema@.audit_ask_desk(schema name, question text) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  log oid := @extschema@.audit_table_in((SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = schema), 'audit_log');
  owner oid := (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = log);
  result jsonb;
BEGIN
  question := pg_catalog.format(question, schema);
  -- The desk's functions are its owner's code: a superuser who asks must not run it with her own rights.
  IF pg_catalog.pg_has_role(owner, 'USAGE') THEN
    RETURN @extschema@.audit_as_owner(log, question);
  END IF;
  EXECUTE question INTO result;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.audit_ask_desk(name, text) IS
  'Private to audit_seal() and its like: runs a statement with a function of a desk, for whose schema it has %I, as the desk''s owner where the caller has those rights.';

CREATE OR REPLACE FUNCTION @extschema@.audit_seal(log regclass DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN @extschema@.audit_ask_desk(@extschema@.audit_schema(log), 'SELECT pg_catalog.to_jsonb(%I.seal_changes())')::bigint;
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
  RETURN QUERY SELECT v.seal_id, v.ledger, v.row_id, v.problem, v.detail
    FROM pg_catalog.jsonb_to_recordset(@extschema@.audit_ask_desk(@extschema@.audit_schema(log), 
      'SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v)) FROM %I.verify_changes(' || @extschema@.audit_literals("from"::text, "to"::text, digests::text) || ') v'))
      AS v (seal_id bigint, ledger text, row_id bigint, problem text, detail text);
END
$$;
COMMENT ON FUNCTION @extschema@.audit_verify(timestamptz, timestamptz, regclass, jsonb) IS
  'Checks the log and the history against their seals: no row where all is intact, else a row for each record or seal that was altered, '
  'missing, inserted or reordered, in the order of the seals. from, to: seals made in that time only. digests: what audit_digest() gave '
  'earlier, one object or an array, kept outside of the database: finds a chain that was made anew. Errors: 55000 no log.';

CREATE OR REPLACE FUNCTION @extschema@.audit_proof(row_id bigint, log regclass DEFAULT NULL, ledger text DEFAULT 'audit_log') RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN @extschema@.audit_ask_desk(@extschema@.audit_schema(log), 
    'SELECT %I.prove_change(' || @extschema@.audit_literals(ledger, row_id::text) || ')');
END
$$;
COMMENT ON FUNCTION @extschema@.audit_proof(bigint, regclass, text) IS
  'An inclusion proof that outsiders can check without the database: the row''s canonical bytes, its leaf, index, the path to the root and the '
  'seal. Null where the row is not sealed yet. docs/audit.md has the recipe.';

CREATE OR REPLACE FUNCTION @extschema@.audit_digest(log regclass DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN @extschema@.audit_ask_desk(@extschema@.audit_schema(log), 'SELECT %I.newest_seal()');
END
$$;
COMMENT ON FUNCTION @extschema@.audit_digest(regclass) IS
  'The newest seal in one small JSON object, to be kept outside of the database and given to audit_verify(): who holds it can tell when '
  'anything that was sealed until then is changed, even by a superuser. Null where nothing is sealed.';

CREATE OR REPLACE FUNCTION @extschema@.audit_schema(log regclass DEFAULT NULL) RETURNS name
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  place oid := CASE WHEN log IS NULL THEN @extschema@.desk_on_path() END;
BEGIN
  IF place IS NULL THEN
    SELECT c.relnamespace INTO place FROM pg_catalog.pg_class c WHERE c.oid = COALESCE(log, @extschema@.audit_log_for(0::oid));
  END IF;
  -- Functions of that schema are called: it must be a desk's.
  IF NOT COALESCE(place = ANY (@extschema@.desks()), false) THEN
    RAISE EXCEPTION 'the log "%" is not the one of a desk', log
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Seals and looking back need a desk: record into the audit_log that ticketflow.deploy() makes.';
  END IF;
  RETURN (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = place);
END
$$;
COMMENT ON FUNCTION @extschema@.audit_schema(regclass) IS
  'The schema of a log; default: of the first desk on the search path, else of the only desk. Errors: 55000 none, or several desks.';
