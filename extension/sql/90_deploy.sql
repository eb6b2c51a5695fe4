-- deploy: makes or upgrades a desk from the scripts that the install script carries (see scripts/install-script).

CREATE OR REPLACE FUNCTION @extschema@.desk_search_path(desk text, api text, report text, kind text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The schema that a script creates in comes first; pgcrypto may live in any schema.
  SELECT concat_ws(', ',
    CASE kind WHEN 'api' THEN quote_ident(api) WHEN 'report' THEN quote_ident(report) END,
    quote_ident(desk),
    (SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'ticketflow'),
    (SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pgcrypto' AND n.nspname NOT IN (desk, 'pg_catalog')),
    'pg_temp');
END;
COMMENT ON FUNCTION @extschema@.desk_search_path(text, text, text, text) IS
  'The search_path under which a desk script of this kind runs: set it before psql -f of a file in sql/.';

CREATE OR REPLACE PROCEDURE @extschema@.deploy(desk text DEFAULT 'public', api text DEFAULT 'api', report text DEFAULT 'report')
LANGUAGE plpgsql
AS $$
DECLARE
  caller_path text := pg_catalog.current_setting('search_path');
  caller_messages text := pg_catalog.current_setting('client_min_messages');
  caller_strings text := pg_catalog.current_setting('standard_conforming_strings');
  script record;
  known text;
  applied int := 0;
  message text; detail text; hint text; state text;
BEGIN
  PERFORM @extschema@.deploy_check_names(desk, api, report);
  IF NOT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext('ticketflow.deploy'), 0) THEN
    RAISE EXCEPTION 'another deploy is running in this database'
      USING ERRCODE = 'lock_not_available', HINT = 'Wait until it ends, then deploy again; deploy is idempotent.';
  END IF;
  PERFORM pg_catalog.set_config('client_min_messages', 'warning', true), pg_catalog.set_config('standard_conforming_strings', 'on', true);
  -- Nothing is read or written before it is known whose it is.
  PERFORM @extschema@.deploy_check_strangers(desk, api, report);
  PERFORM @extschema@.deploy_check_other_desks(desk, api, report);
  PERFORM @extschema@.deploy_prepare(desk, api, report);

  FOR script IN SELECT s.kind, s.name, s.body, pg_catalog.md5(s.body) AS checksum FROM @extschema@.desk_scripts() s LOOP
    PERFORM pg_catalog.set_config('search_path',
      @extschema@.desk_search_path(desk, api, report, script.kind), true);
    IF script.kind = 'migrations' THEN
      EXECUTE pg_catalog.format('SELECT checksum FROM %I.ticketflow_migrations WHERE name = $1', desk)
        INTO known USING script.name;
      CONTINUE WHEN known = script.checksum;
      IF known IS NOT NULL THEN
        RAISE EXCEPTION 'migration "%" of desk "%" is not the one that was applied', script.name, desk
          USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = pg_catalog.format('Applied checksum %s, shipped checksum %s.', known, script.checksum),
                HINT = 'A migration never changes once released; install the extension version that this desk was made with.';
      END IF;
    END IF;
    BEGIN
      EXECUTE script.body;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      RAISE EXCEPTION 'cannot deploy desk "%": %', desk, message
        USING ERRCODE = state,
              DETAIL = pg_catalog.format('While running sql/%s/%s.sql.%s', script.kind, script.name, ' ' || NULLIF(detail, '')),
              HINT = COALESCE(NULLIF(hint, ''), CASE
                WHEN state IN ('42P07', '42710') THEN 'An object of that name is there already and not from TicketFlow; rename it, or deploy into another schema.'
                ELSE 'Nothing was changed; deploy runs in one transaction.' END);
    END;
    IF script.kind = 'migrations' THEN
      EXECUTE pg_catalog.format('INSERT INTO %I.ticketflow_migrations (name, checksum) VALUES ($1, $2)', desk)
        USING script.name, script.checksum;
      applied := applied + 1;
    END IF;
  END LOOP;

  PERFORM pg_catalog.set_config('client_min_messages', caller_messages, true), pg_catalog.set_config('search_path', caller_path, true),
          pg_catalog.set_config('standard_conforming_strings', caller_strings, true);
  RAISE NOTICE 'desk "%" is ready: % migration(s) applied, functions in "%", reports in "%"', desk, applied, api, report;
END
$$;
COMMENT ON PROCEDURE @extschema@.deploy(text, text, text) IS
  'Creates or upgrades a desk: its tables in schema desk, the functions that HTTP exposes in schema api, the views for '
  'reporting tools in schema report. One transaction, idempotent; applied migrations are recorded in <desk>.ticketflow_migrations. '
  'Errors: 42602 bad schema name, 55P03 another deploy runs, 42P07 a foreign object is in the way, 55006 a schema of another desk, '
  '42501 everybody may create in one of the schemas, or it or something in it belongs to a stranger, 55000 a migration was altered. '
  'Warns where another role may create in them.';

-- private section

CREATE OR REPLACE FUNCTION @extschema@.deploy_check_names(desk text, api text, report text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[desk, api, report] LOOP
    IF COALESCE(name, '') = '' OR pg_catalog.starts_with(name, 'pg_') OR name IN ('information_schema', '@extschema@')
       OR pg_catalog.octet_length(name) > 63 THEN
      RAISE EXCEPTION 'schema name "%" cannot hold a desk', name
        USING ERRCODE = 'invalid_name',
              HINT = 'Name a schema of 1 to 63 bytes that is neither a system schema nor the extension''s own.';
    END IF;
  END LOOP;
  IF desk = api OR desk = report OR api = report THEN
    RAISE EXCEPTION 'desk, api and report need three different schemas'
      USING ERRCODE = 'invalid_name', HINT = 'For example: CALL ticketflow.deploy(''acme'', ''acme_api'', ''acme_report'').';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.deploy_check_names(text, text, text) IS 'Private to deploy(): refuses names that cannot hold a desk (42602).';

CREATE OR REPLACE FUNCTION @extschema@.deploy_prepare(desk text, api text, report text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[desk, api, report] LOOP
    -- CREATE SCHEMA IF NOT EXISTS asks for the right to create even where the schema is there.
    IF pg_catalog.to_regnamespace(pg_catalog.quote_ident(name)) IS NULL THEN
      EXECUTE pg_catalog.format('CREATE SCHEMA %I', name);
      EXECUTE pg_catalog.format('COMMENT ON SCHEMA %I IS %L', name, CASE name
        WHEN api THEN 'TicketFlow: what HTTP exposes, one statement each. Errors without further words mean: PT401 nobody is signed in, PT404 it is not there or not yours to see, '
          'PT409 it is in a state that does not allow this, 42501 not for your role, 22023 an argument, 23505 it is taken.'
        WHEN report THEN 'TicketFlow: views for reporting tools. Durations are in seconds, days in report_time_zone(), rates 0 to 1, percentages 0 to 100.'
        ELSE 'TicketFlow: the tables of a help desk.' END);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pgcrypto') THEN
    -- Shared by all desks of the database, so a desk's own schema is the second choice.
    EXECUTE pg_catalog.format('CREATE EXTENSION pgcrypto WITH SCHEMA %I', CASE
      WHEN pg_catalog.to_regnamespace('public') IS NOT NULL
       AND pg_catalog.has_schema_privilege('public', 'CREATE') THEN 'public' ELSE desk END);
    -- Names are found in its schema too from now on.
    PERFORM @extschema@.deploy_check_strangers(desk, api, report);
  END IF;
  EXECUTE pg_catalog.format(
    'CREATE TABLE IF NOT EXISTS %I.ticketflow_migrations ('
    '  name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),'
    '  applied_by text NOT NULL DEFAULT CURRENT_USER)', desk);
  EXECUTE pg_catalog.format('COMMENT ON TABLE %I.ticketflow_migrations IS %L', desk,
    'Migrations that ticketflow.deploy() applied to this desk.');
  EXECUTE pg_catalog.format(
    'CREATE TABLE IF NOT EXISTS %I.ticketflow_desk ('
    '  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), api_schema text NOT NULL, report_schema text NOT NULL,'
    '  deployed_at timestamptz NOT NULL DEFAULT pg_catalog.now())', desk);
  EXECUTE pg_catalog.format('COMMENT ON TABLE %I.ticketflow_desk IS %L', desk,
    'The schemas that belong to this desk, one row.');
  EXECUTE pg_catalog.format(
    'INSERT INTO %I.ticketflow_desk AS d (api_schema, report_schema) VALUES ($1, $2) '
    'ON CONFLICT (singleton) DO UPDATE SET api_schema = EXCLUDED.api_schema, report_schema = EXCLUDED.report_schema, deployed_at = pg_catalog.now()', desk)
    USING api, report;
END
$$;
COMMENT ON FUNCTION @extschema@.deploy_prepare(text, text, text) IS 'Private to deploy(): the schemas, pgcrypto and the migrations table.';

CREATE OR REPLACE FUNCTION @extschema@.deploy_check_other_desks(desk text, api text, report text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  own regnamespace := pg_catalog.to_regnamespace(pg_catalog.quote_ident(desk));
  other record;
  taken text[];
  wrong text;
BEGIN
  -- Desks of the roles that own this one. deploy_check_strangers() keeps it out of other people's schemas, and what they say of
  -- schemas in a table of theirs counts for nothing.
  FOR other IN
    SELECT n.nspname AS schema, d.marker FROM pg_catalog.unnest(@extschema@.desks()) AS of (desk)
      JOIN pg_catalog.pg_namespace n ON n.oid = of.desk
     CROSS JOIN LATERAL (SELECT c.oid::regclass AS marker, c.relowner FROM pg_catalog.pg_class c
                          WHERE c.relnamespace = of.desk AND c.relname = 'ticketflow_desk') AS d
     WHERE of.desk IS DISTINCT FROM own
       AND d.relowner IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER
                          UNION SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.relnamespace = own AND c.relname = 'ticketflow_desk')
  LOOP
    EXECUTE pg_catalog.format('SELECT ARRAY[$1, d.api_schema, d.report_schema] FROM %s d', other.marker) INTO taken USING other.schema;
    SELECT name INTO wrong FROM pg_catalog.unnest(ARRAY[desk, api, report]) AS name
     WHERE name = ANY (COALESCE(taken, ARRAY[other.schema])) LIMIT 1;
    IF wrong IS NOT NULL THEN
      RAISE EXCEPTION 'schema "%" belongs to the desk in schema "%"', wrong, other.schema
        USING ERRCODE = 'object_in_use', HINT = 'Give each desk three schemas of its own, for example acme, acme_api and acme_report.';
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.deploy_check_other_desks(text, text, text) IS 'Private to deploy(): refuses schemas of another desk (55006).';

-- Functions of a desk run with its owner's rights and find names in these schemas: whoever owns one or creates there, or
-- made anything there once, could act as the owner.
CREATE OR REPLACE FUNCTION @extschema@.deploy_check_strangers(desk text, api text, report text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  schemas oid[] := ARRAY(
    SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname IN (desk, api, report)
    UNION SELECT e.extnamespace FROM pg_catalog.pg_extension e WHERE e.extname IN ('ticketflow', 'pgcrypto'));
  database_owner oid := (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database());
  -- Superusers need no trick, and trust nobody else: neither who owns the database nor who owns the desk has a right over them.
  -- Others trust the database's owner and the roles that they are members of.
  trusted oid[] := ARRAY(
    SELECT r.oid FROM pg_catalog.pg_roles r
     WHERE r.rolsuper OR r.rolname = CURRENT_USER
        OR NOT (SELECT me.rolsuper FROM pg_catalog.pg_roles me WHERE me.rolname = CURRENT_USER)
           AND (r.oid = database_owner OR pg_catalog.pg_has_role(CURRENT_USER, r.oid, 'MEMBER')));
  scripts text := (SELECT 'ticketflow_desk ticketflow_migrations ' || pg_catalog.string_agg(s.body, ' ') FROM @extschema@.desk_scripts() s);
  it record;
BEGIN
  FOR it IN
    SELECT n.nspname AS schema, pg_catalog.pg_get_userbyid(o.owner) AS role FROM pg_catalog.pg_namespace n
     CROSS JOIN LATERAL (SELECT CASE n.nspowner WHEN 'pg_database_owner'::regrole THEN database_owner ELSE n.nspowner END AS owner) o
     WHERE n.oid = ANY (schemas) AND o.owner <> ALL (trusted)
  LOOP
    RAISE EXCEPTION 'schema "%" belongs to role "%"', it.schema, it.role
      USING ERRCODE = 'insufficient_privilege', DETAIL = 'A function that this role makes there could run with the rights of the desk''s owner.',
            HINT = CASE WHEN it.schema IN (desk, api, report) THEN pg_catalog.format('Deploy as %I, or into schemas of your own.', it.role)
                        ELSE 'The extension pgcrypto is in it. Let a superuser ALTER EXTENSION pgcrypto SET SCHEMA @extschema@, then deploy all desks again.' END;
  END LOOP;
  FOR it IN
    SELECT n.nspname AS schema, a.grantee, pg_catalog.pg_get_userbyid(a.grantee) AS role
      FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
     WHERE n.oid = ANY (schemas) AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND a.grantee <> ALL (trusted)
     ORDER BY a.grantee
  LOOP
    IF it.grantee = 0 THEN
      RAISE EXCEPTION 'everybody may create objects in schema "%"', it.schema
        USING ERRCODE = 'insufficient_privilege', DETAIL = 'A function made there could run with the rights of the desk''s owner.',
              HINT = pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC; then deploy again, or deploy into a schema of its own.', it.schema);
    END IF;
    RAISE WARNING 'role "%" may create objects in schema "%"', it.role, it.schema
      USING DETAIL = 'What it makes there could run with the rights of the desk''s owner.', HINT = 'Revoke that right unless the role is trusted like the owner.';
  END LOOP;
  FOR it IN
    SELECT 'function' AS kind, p.oid::regprocedure::text AS name, p.proowner AS owner FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = ANY (schemas)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 'operator', o.oid::regoperator::text, o.oprowner FROM pg_catalog.pg_operator o
     WHERE o.oprnamespace = ANY (schemas)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e')
    UNION ALL -- CREATE TABLE IF NOT EXISTS and CREATE OR REPLACE VIEW would take it for the desk's, with its triggers and checks
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
                          WHEN 'c' THEN 'type' ELSE 'table' END, c.oid::regclass::text, c.relowner FROM pg_catalog.pg_class c
     WHERE c.relnamespace = ANY (schemas) AND c.relkind NOT IN ('i', 'I', 't') AND c.relowner <> ALL (trusted)
       AND scripts ~ ('\m' || pg_catalog.regexp_replace(c.relname, '\W', '\\\&', 'g') || '\M')
  LOOP
    CONTINUE WHEN it.owner = ANY (trusted);
    RAISE EXCEPTION '% % belongs to role "%"', it.kind, it.name, pg_catalog.pg_get_userbyid(it.owner)
      USING ERRCODE = 'insufficient_privilege', DETAIL = 'It could run with the rights of the desk''s owner.',
            HINT = pg_catalog.format('DROP it, or ALTER %s ... OWNER TO the desk''s owner; then deploy again.', pg_catalog.upper(it.kind));
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.deploy_check_strangers(text, text, text) IS
  'Private to deploy(): refuses schemas of a stranger, schemas in which everybody may create, and in them a stranger''s functions and operators, and tables and views of the desk''s names (42501).';
