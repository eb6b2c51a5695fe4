-- alter: changes of the desk's tables that views and functions stand in the way of.

CREATE OR REPLACE FUNCTION require_owner() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'tasks'::regclass);
BEGIN
  IF current_user <> owner THEN
    RAISE EXCEPTION 'only the desk''s owner may do this'
      USING ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %I; what is made anew must belong to it.', owner);
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_owner() IS 'Private to functions that make objects of the desk anew: refuses everybody but its owner, superusers too (42501).';
REVOKE ALL ON FUNCTION require_owner() FROM PUBLIC;

CREATE OR REPLACE FUNCTION deploy_again() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  place ticketflow_desk;
BEGIN
  SELECT * INTO place FROM ticketflow_desk;
  EXECUTE format('CALL deploy(%L, %L, %L)', (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'ticketflow_desk'::regclass),
    place.api_schema, place.report_schema);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION deploy_again() IS 'Private to functions that make objects of the desk anew: deploys this desk into the schemas that it has. Errors: those of deploy().';
REVOKE ALL ON FUNCTION deploy_again() FROM PUBLIC;

CREATE OR REPLACE FUNCTION all_objects() RETURNS TABLE (name text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH catalog (class, object) AS (
    SELECT 'pg_class'::regclass, c.oid FROM pg_class c WHERE c.relkind NOT IN ('t', 'i') AND NOT c.relispartition
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t WHERE t.typrelid = 0
    UNION ALL SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t
    UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d
    UNION ALL SELECT 'pg_event_trigger'::regclass, e.oid FROM pg_event_trigger e)
  SELECT i.type || ' ' || i.identity FROM catalog CROSS JOIN LATERAL pg_identify_object(class, object, 0) i WHERE object >= 16384 AND i.schema NOT LIKE 'pg\_t%'
  UNION SELECT format('column %s.%I', a.attrelid::regclass, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384 AND c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION all_objects() IS 'Private to alter_column_type(): every object of the database that a DROP ... CASCADE could take along, by name.';
REVOKE ALL ON FUNCTION all_objects() FROM PUBLIC;

CREATE OR REPLACE FUNCTION all_grants() RETURNS TABLE (privilege text, object text, grantee text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT a.privilege_type, g.object, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM (SELECT 'TABLE ' || c.oid::regclass, c.relacl, c.relowner FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
          UNION ALL SELECT 'ROUTINE ' || p.oid::regprocedure, p.proacl, p.proowner FROM pg_proc p WHERE p.oid >= 16384) g (object, acl, owner)
   CROSS JOIN LATERAL aclexplode(g.acl) a WHERE a.grantee <> g.owner;
END;
COMMENT ON FUNCTION all_grants() IS 'Private to alter_column_type(): who may do what with the views and functions of the database.';
REVOKE ALL ON FUNCTION all_grants() FROM PUBLIC;

CREATE OR REPLACE PROCEDURE alter_column_type(target regclass, column_name name, type text, "using" text DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
  objects text[];
  grants jsonb;
  it record;
  lost text;
BEGIN
  PERFORM require_owner();
  PERFORM type::regtype; -- a type's name, and nothing behind it
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
  objects := ARRAY(SELECT o.name FROM all_objects() o);
  grants := (SELECT jsonb_agg(g) FROM all_grants() g);
  FOR it IN
    SELECT DISTINCT CASE d.classid
             WHEN 'pg_rewrite'::regclass THEN (SELECT format('DROP %s IF EXISTS %s CASCADE', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass)
                                                 FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = d.objid)
             WHEN 'pg_proc'::regclass THEN format('DROP ROUTINE IF EXISTS %s CASCADE', d.objid::regprocedure)
             WHEN 'pg_trigger'::regclass THEN (SELECT format('DROP TRIGGER IF EXISTS %I ON %s CASCADE', t.tgname, t.tgrelid::regclass) FROM pg_trigger t WHERE t.oid = d.objid)
             WHEN 'pg_policy'::regclass THEN (SELECT format('DROP POLICY IF EXISTS %I ON %s CASCADE', p.polname, p.polrelid::regclass) FROM pg_policy p WHERE p.oid = d.objid)
           END AS statement
      FROM pg_depend d
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
       AND d.refobjsubid = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = target AND a.attname = column_name)
       AND d.classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass)
  LOOP
    EXECUTE it.statement;
  END LOOP;
  EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s %s', target, column_name, type, 'USING ' || "using");

  PERFORM deploy_again();
  SELECT string_agg(gone.name, E'\n' ORDER BY gone.name) INTO lost
    FROM (SELECT unnest(objects) AS name EXCEPT SELECT o.name FROM all_objects() o) gone;
  IF lost IS NOT NULL THEN
    RAISE EXCEPTION 'cannot change the type of column "%" of table "%": objects of yours depend on it', column_name, target
      USING ERRCODE = 'dependent_objects_still_exist', DETAIL = lost, HINT = 'Drop them, call alter_column_type(), and create them again.';
  END IF;
  FOR it IN SELECT format('GRANT %s ON %s TO %s', g.privilege, g.object, g.grantee) AS statement FROM jsonb_to_recordset(grants) g (privilege text, object text, grantee text)
            EXCEPT SELECT format('GRANT %s ON %s TO %s', g.privilege, g.object, g.grantee) FROM all_grants() g LOOP
    EXECUTE it.statement;
  END LOOP;
END
$$ SET search_path FROM CURRENT;
COMMENT ON PROCEDURE alter_column_type(regclass, name, text, text) IS
  'ALTER TABLE target ALTER COLUMN column_name TYPE type, where PostgreSQL refuses it since views, triggers, policies and functions of the desk name the column: drops those, '
  'alters, deploys the desk again and checks that nothing is missing. Grants stay. using: the expression that makes the new value. One transaction, under the table''s '
  'strongest lock. Errors: 42601 and 42704 no type''s name, 2BP01 an object that is not the desk''s depends on the column (all are named), 42501 not the owner; what deploy() cannot make of the new type is its error.';
REVOKE ALL ON PROCEDURE alter_column_type(regclass, name, text, text) FROM PUBLIC;
