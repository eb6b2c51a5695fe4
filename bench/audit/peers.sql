-- The triggers that bench/audit/run compares with: the guide's, as printed, and two written here in the style of known projects:
-- "supa" keeps whole rows as jsonb under a record id made of table and key; "plus91" keeps the old row and what changed as hstore.
CREATE EXTENSION hstore;
CREATE SCHEMA guide; CREATE TABLE guide.audit_log (id bigserial PRIMARY KEY, table_name text, operation text, user_id text, old_values jsonb, new_values jsonb, created_at timestamptz DEFAULT now());
CREATE FUNCTION guide.audit_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO guide.audit_log (table_name, operation, user_id, old_values, new_values)
  VALUES (TG_TABLE_NAME, TG_OP, current_setting('app.current_user_id'), row_to_json(OLD), row_to_json(NEW));
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE SCHEMA supa; CREATE TABLE supa.versions (id bigserial PRIMARY KEY, record_id uuid, old_record_id uuid, op text, ts timestamptz DEFAULT now(), table_oid oid, table_schema name, table_name name, record jsonb, old_record jsonb);
CREATE INDEX ON supa.versions (record_id) WHERE record_id IS NOT NULL; CREATE INDEX ON supa.versions (old_record_id) WHERE old_record_id IS NOT NULL;
CREATE INDEX ON supa.versions USING brin (ts); CREATE INDEX ON supa.versions (table_oid);
CREATE FUNCTION supa.keys(entity oid) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT COALESCE(array_agg(a.attname::text), '{}') FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = entity AND i.indisprimary $$;
CREATE FUNCTION supa.record_id(entity oid, keys text[], r jsonb) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN r IS NULL THEN NULL ELSE md5((SELECT entity::text || string_agg(r ->> k, ',') FROM unnest(keys) k))::uuid END $$;
CREATE FUNCTION supa.trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  keys text[] := supa.keys(TG_RELID); r jsonb := to_jsonb(NEW); o jsonb := to_jsonb(OLD);
BEGIN
  INSERT INTO supa.versions (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
  SELECT supa.record_id(TG_RELID, keys, r), supa.record_id(TG_RELID, keys, o), TG_OP, TG_RELID, TG_TABLE_SCHEMA, TG_TABLE_NAME, r, o;
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE SCHEMA plus91; CREATE TABLE plus91.logged (event_id bigserial PRIMARY KEY, schema_name text, table_name text, relid oid, session_user_name text, tx timestamptz, stm timestamptz, clk timestamptz,
  transaction_id bigint, application_name text, client_addr inet, client_port int, client_query text, action text, row_data hstore, changed_fields hstore, statement_only boolean);
CREATE INDEX ON plus91.logged (relid); CREATE INDEX ON plus91.logged (stm); CREATE INDEX ON plus91.logged (action);
CREATE FUNCTION plus91.trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  r plus91.logged;
BEGIN
  r := ROW(nextval('plus91.logged_event_id_seq'), TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_RELID, session_user, current_timestamp, statement_timestamp(), clock_timestamp(), txid_current(),
           current_setting('application_name'), inet_client_addr(), inet_client_port(), current_query(), substring(TG_OP, 1, 1), NULL, NULL, false);
  IF TG_OP = 'UPDATE' THEN r.row_data := hstore(OLD.*); r.changed_fields := hstore(NEW.*) - r.row_data;
  ELSIF TG_OP = 'DELETE' THEN r.row_data := hstore(OLD.*); ELSE r.row_data := hstore(NEW.*); END IF;
  INSERT INTO plus91.logged VALUES (r.*);
  RETURN NULL;
END $$;
