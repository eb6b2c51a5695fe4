-- access: database logins of people, and how many connections they may have. For the DBA: these run with her own rights.

CREATE OR REPLACE FUNCTION check_login_binding() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  -- A database role above the person's would show columns that her role does not give.
  IF EXISTS (SELECT FROM user_roles higher JOIN user_roles hers ON higher.rank > hers.rank JOIN users u ON u.role = hers.role
              WHERE u.id = NEW.user_id AND pg_has_role(NEW.role_name, higher.database_role, 'MEMBER')) THEN
    RAISE EXCEPTION 'login "%" has a higher database role than its person', NEW.role_name
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use bind_login(), which gives the right one.';
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_login_binding() IS 'Trigger: refuses to bind a login to a person below its database role (55000).';
CREATE OR REPLACE TRIGGER check_binding BEFORE INSERT OR UPDATE ON login_users FOR EACH ROW EXECUTE FUNCTION check_login_binding();

CREATE OR REPLACE FUNCTION unbind_logins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  DELETE FROM login_users l WHERE l.user_id = NEW.id;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION unbind_logins() IS 'Trigger: a person whose role changed loses her database logins until bind_login() gives them the new one.';
CREATE OR REPLACE TRIGGER unbind_logins AFTER UPDATE OF role ON users FOR EACH ROW
  WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION unbind_logins();

CREATE OR REPLACE FUNCTION bind_login(role_name name, user_id text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  rights user_roles;
  one name;
BEGIN
  SELECT r.* INTO rights FROM users u JOIN user_roles r USING (role) WHERE u.id = bind_login.user_id;
  IF rights.role IS NULL THEN
    RAISE EXCEPTION 'person "%" does not exist', bind_login.user_id USING ERRCODE = 'PT404', HINT = 'The table users lists people.';
  ELSIF NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = bind_login.role_name AND p.rolcanlogin AND NOT p.rolsuper) THEN
    RAISE EXCEPTION 'role "%" is not a login of a person', bind_login.role_name
      USING ERRCODE = 'undefined_object', HINT = 'Create it first: CREATE ROLE name LOGIN.';
  END IF;
  FOR one IN
    SELECT r.database_role FROM user_roles r
     WHERE r.database_role <> rights.database_role AND EXISTS (
       SELECT FROM pg_auth_members m WHERE m.roleid = to_regrole(quote_ident(r.database_role)) AND m.member = to_regrole(quote_ident(bind_login.role_name)))
  LOOP
    EXECUTE format('REVOKE %I FROM %I', one, bind_login.role_name);
  END LOOP;
  EXECUTE format('GRANT %I TO %I', rights.database_role, bind_login.role_name);
  EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', bind_login.role_name, rights.connection_limit);
  INSERT INTO login_users VALUES (bind_login.role_name, bind_login.user_id)
  ON CONFLICT ON CONSTRAINT login_users_pkey DO UPDATE SET user_id = EXCLUDED.user_id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION bind_login(name, text) IS
  'Makes a database login act as a person of this desk, with the database role and the connection limit of her role. The caller must be '
  'able to grant that role. Errors: PT404 no such person; 42704 no such login; 42501.';
REVOKE ALL ON FUNCTION bind_login(name, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION set_connection_limit(role text, connections integer)
RETURNS TABLE (role_name name, connection_limit integer)
LANGUAGE plpgsql
AS $$
DECLARE
  known boolean;
BEGIN
  IF connections IS NULL OR connections < -1 THEN
    RAISE EXCEPTION 'a connection limit is at least 0, or -1 for none'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'For example set_connection_limit(''manager'', 5).';
  END IF;
  UPDATE user_roles r SET connection_limit = connections
   WHERE set_connection_limit.role IN (r.role, r.database_role::text);
  known := FOUND;
  FOR role_name IN
    SELECT p.rolname FROM pg_roles p
     WHERE p.rolcanlogin AND NOT p.rolsuper
       AND (p.rolname = set_connection_limit.role
            OR p.rolname IN (SELECT l.role_name FROM login_users l JOIN users u ON u.id = l.user_id JOIN user_roles r USING (role)
                              WHERE set_connection_limit.role IN (r.role, r.database_role::text))
            OR set_connection_limit.role IN ('ticketflow_report', 'report') AND pg_has_role(p.rolname, 'ticketflow_report', 'MEMBER'))
     ORDER BY 1
  LOOP
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', role_name, connections);
    set_connection_limit.connection_limit := connections;
    known := true;
    RETURN NEXT;
  END LOOP;
  IF NOT known AND set_connection_limit.role NOT IN ('ticketflow_report', 'report') THEN
    RAISE EXCEPTION 'there is no role "%"', set_connection_limit.role
      USING ERRCODE = 'undefined_object', HINT = 'Use customer, user, manager, admin, report, ticketflow_service or the name of a login.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION set_connection_limit(text, integer) IS
  'Limits the connections that each login of a role may have at once: a role of people (customer, user, manager, admin), report, '
  'ticketflow_service or one login; -1 is no limit. Returns the logins that were changed; bind_login() gives later ones the same limit. '
  'PostgreSQL counts per login. The caller needs CREATEROLE on those logins. Errors: 22023 below -1; 42704 no such role; 42501.';
REVOKE ALL ON FUNCTION set_connection_limit(text, integer) FROM PUBLIC;
