-- access: the roles that the guide names. Roles belong to the whole cluster, so an older cluster may have them already.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['ticketflow_anon', 'ticketflow_customer', 'ticketflow_user', 'ticketflow_manager',
                              'ticketflow_admin', 'ticketflow_report'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ticketflow_service') THEN
    CREATE ROLE ticketflow_service LOGIN NOINHERIT;
  END IF;
  GRANT ticketflow_customer TO ticketflow_user;
  GRANT ticketflow_user TO ticketflow_manager;
  GRANT ticketflow_manager TO ticketflow_admin;
  GRANT ticketflow_anon, ticketflow_admin TO ticketflow_service;
END
$$;
COMMENT ON ROLE ticketflow_anon IS 'TicketFlow: a caller who has not signed in; may only call api.login and its kin.';
COMMENT ON ROLE ticketflow_customer IS 'TicketFlow: sees the tickets that she created.';
COMMENT ON ROLE ticketflow_user IS 'TicketFlow: an agent; sees own, assigned and team tickets.';
COMMENT ON ROLE ticketflow_manager IS 'TicketFlow: leads teams and sees their tickets.';
COMMENT ON ROLE ticketflow_admin IS 'TicketFlow: sees and manages everything on a desk.';
COMMENT ON ROLE ticketflow_service IS 'TicketFlow: login of the HTTP service; may speak for users. Give it a password before use.';
COMMENT ON ROLE ticketflow_report IS 'TicketFlow: reads the report views and no secret.';

CREATE OR REPLACE FUNCTION @extschema@.current_user_id(desk regnamespace DEFAULT NULL) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_access_current_user_id';
COMMENT ON FUNCTION @extschema@.current_user_id(regnamespace) IS
  'The id of the person in whose name this session acts, or null for nobody. The setting app.current_user_id counts only where '
  'the login role (session_user) may speak for users: a superuser, a member of ticketflow_service, or the owner of the desk in '
  'schema desk. Any other login is the person bound to it in <desk>.login_users, whatever the setting says. Without an argument '
  'the only desk of the database is meant; owners of the database may then speak for users too. Unset and empty are null.';

CREATE OR REPLACE FUNCTION @extschema@.statement_value(function regprocedure, type_of anyelement) RETURNS anyelement
LANGUAGE c STABLE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'ticketflow_access_statement_value';
COMMENT ON FUNCTION @extschema@.statement_value(regprocedure, anyelement) IS
  'What a stable function without arguments returns, asked once for all rows that a statement looks at: statement_value(''f()'', NULL::integer[]). '
  'For policies: unlike a sub-select it lets the planner estimate from the value, and is an index condition as well. type_of: any value of '
  'the type that the function returns. Errors: 42501 the caller may not call it; 22023 it has arguments, is volatile, a set, or of another type.';

CREATE OR REPLACE FUNCTION @extschema@.statement_includes_support(internal) RETURNS internal
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_access_statement_includes_support';
COMMENT ON FUNCTION @extschema@.statement_includes_support(internal) IS
  'Private to the planner: an index condition and an estimate for statement_includes().';

CREATE OR REPLACE FUNCTION @extschema@.statement_includes(function regprocedure, value text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1 SUPPORT @extschema@.statement_includes_support
AS 'MODULE_PATHNAME', 'ticketflow_access_statement_includes_text';
COMMENT ON FUNCTION @extschema@.statement_includes(regprocedure, text) IS
  'Whether value is in the text[] that a stable function without arguments returns: value = ANY (statement_value(...)), hashed once a '
  'statement, and answered by an index of the column where there is one. Errors: as statement_value().';

CREATE OR REPLACE FUNCTION @extschema@.statement_includes(function regprocedure, value integer) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1 SUPPORT @extschema@.statement_includes_support
AS 'MODULE_PATHNAME', 'ticketflow_access_statement_includes_integer';
COMMENT ON FUNCTION @extschema@.statement_includes(regprocedure, integer) IS
  'Whether value is in the integer[] that a stable function without arguments returns: as for text.';

CREATE OR REPLACE FUNCTION @extschema@.settings_key() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ticketflow_access_settings_key';
COMMENT ON FUNCTION @extschema@.settings_key() IS
  'The key of the company''s secrets: the content, 16 to 4095 characters without blanks around, of the server''s file that '
  'ticketflow.settings_key_file names. For the functions that encrypt and decrypt; grant it to the owner of a desk only. '
  'Error: 55000 no file is named, or it cannot be used.';
REVOKE ALL ON FUNCTION @extschema@.settings_key() FROM PUBLIC;

CREATE OR REPLACE FUNCTION @extschema@.hide_statistics(hidden boolean DEFAULT true) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  -- What tells how many rows a table has, how they change, and how large it is.
  functions regprocedure[] := ARRAY(
    SELECT p.oid FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proname LIKE 'pg\_stat\_get\_%' AND p.proargtypes = '26'
            OR p.proname IN ('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size')));
  columns text := (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = 'pg_catalog.pg_class'::regclass AND a.attname NOT IN ('reltuples', 'relpages', 'relallvisible', 'relallfrozen')
       AND NOT a.attisdropped);
  -- A desk is what deploy() made, not what is called one: its tickets are numbered by a function of this extension.
  readers name[] := ARRAY(
    SELECT DISTINCT pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_class t ON t.relnamespace = c.relnamespace AND t.relname = 'tasks' AND t.relowner = c.relowner
      JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = g.tgfoid AND d.deptype = 'e'
      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'ticketflow'
     WHERE c.relnamespace = ANY (@extschema@.desks()) AND c.relname = 'ticketflow_desk') || 'pg_read_all_stats'::name;
  it text;
BEGIN
  IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) THEN
    RAISE EXCEPTION 'only a superuser may change who reads the statistics of PostgreSQL'
      USING ERRCODE = 'insufficient_privilege', HINT = 'They belong to the database, not to a desk.';
  END IF;
  IF NOT hidden THEN
    -- Also from whoever owned a desk when it was called before.
    readers := ARRAY(SELECT DISTINCT pg_catalog.pg_get_userbyid(a.grantee) FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
                      WHERE c.oid = 'pg_catalog.pg_class'::regclass AND a.grantee NOT IN (0, c.relowner));
  END IF;
  FOREACH it IN ARRAY functions::text[] LOOP
    EXECUTE pg_catalog.format(CASE WHEN hidden THEN 'REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC' ELSE 'GRANT EXECUTE ON FUNCTION %s TO PUBLIC' END, it);
  END LOOP;
  IF hidden THEN
    REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC;
    EXECUTE pg_catalog.format('GRANT SELECT (%s) ON pg_catalog.pg_class TO PUBLIC', columns);
  ELSE
    EXECUTE pg_catalog.format('REVOKE SELECT (%s) ON pg_catalog.pg_class FROM PUBLIC', columns);
    GRANT SELECT ON pg_catalog.pg_class TO PUBLIC;
  END IF;
  FOREACH it IN ARRAY readers LOOP
    EXECUTE pg_catalog.format(CASE WHEN hidden THEN 'GRANT SELECT ON pg_catalog.pg_class TO %I' ELSE 'REVOKE SELECT ON pg_catalog.pg_class FROM %I' END, it);
    EXECUTE pg_catalog.format(CASE WHEN hidden THEN 'GRANT EXECUTE ON FUNCTION %s TO %I' ELSE 'REVOKE EXECUTE ON FUNCTION %s FROM %I' END,
      pg_catalog.array_to_string(functions, ', '), it);
  END LOOP;
  IF hidden THEN
    RAISE NOTICE 'statistics can still be read by superusers and %', pg_catalog.array_to_string(readers, ', ')
      USING HINT = 'Whoever may create schemas in this database may deploy a desk: revoke that from whom you do not trust.';
  END IF;
  RETURN pg_catalog.cardinality(functions);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.hide_statistics(boolean) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.hide_statistics(boolean) IS
  'Takes from PUBLIC what tells sizes of tables that row security hides: the functions behind pg_stat_user_tables and its like, pg_relation_size() and its like, and '
  'reltuples, relpages and relallvisible of pg_class, in this database. Superusers, members of pg_read_all_stats (pg_monitor) and the owners of desks that deploy() made keep them, which a notice names; psql''s '
  '\d works, \d+ and SELECT * FROM pg_class do not. false gives everything back. Returns how many functions it changed. pg_dump keeps it. Error: 42501 not a superuser.';
