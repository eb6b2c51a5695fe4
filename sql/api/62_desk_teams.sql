-- desk: teams, departments and organisations.

CREATE OR REPLACE FUNCTION create_team(name text, description text DEFAULT NULL, manager_id text DEFAULT NULL)
RETURNS SETOF teams
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin'), check_name(create_team.name), check_manager(create_team.manager_id);
  RETURN QUERY
  INSERT INTO teams AS t (name, description, manager_id)
  VALUES (btrim(create_team.name), create_team.description, create_team.manager_id) ON CONFLICT DO NOTHING RETURNING t.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is a team of this name' USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_team(text, text, text) IS
  'Makes a team. Errors: PT401; 42501 not an administrator; 22023 no name, or the manager is neither manager nor administrator; 23505 the name is taken.';
REVOKE ALL ON FUNCTION create_team(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_team(text, text, text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION update_team(id integer, name text DEFAULT NULL, description text DEFAULT NULL, manager_id text DEFAULT NULL,
  is_active boolean DEFAULT NULL)
RETURNS SETOF teams
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin'), check_manager(NULLIF(update_team.manager_id, ''));
  IF update_team.name IS NOT NULL THEN
    PERFORM check_name(update_team.name);
    IF EXISTS (SELECT FROM teams t WHERE t.name = btrim(update_team.name) AND t.id <> update_team.id) THEN
      RAISE EXCEPTION 'there is a team of this name' USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
    END IF;
  END IF;
  RETURN QUERY
  UPDATE teams t
     SET name = COALESCE(btrim(update_team.name), t.name), description = COALESCE(update_team.description, t.description),
         manager_id = CASE WHEN update_team.manager_id IS NULL THEN t.manager_id ELSE NULLIF(update_team.manager_id, '') END,
         is_active = COALESCE(update_team.is_active, t.is_active)
   WHERE t.id = update_team.id RETURNING t.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'team % does not exist', update_team.id USING ERRCODE = 'PT404', HINT = 'list_teams() lists them.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_team(integer, text, text, text, boolean) IS
  'Changes a team; null leaves as it is, an empty manager_id leaves it without a manager. Errors: PT401; 42501 not an administrator; '
  'PT404; 22023 an empty name, or the manager is neither manager nor administrator; 23505 the name is taken.';
REVOKE ALL ON FUNCTION update_team(integer, text, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_team(integer, text, text, text, boolean) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION list_teams()
RETURNS TABLE (id integer, name text, description text, manager_id text, is_active boolean, members bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.id, t.name, t.description, t.manager_id, t.is_active, (SELECT count(*) FROM team_members m WHERE m.team_id = t.id)
    FROM teams t ORDER BY t.name;
END;
COMMENT ON FUNCTION list_teams() IS 'Teams by name with the number of their members, for the staff. Error: 42501 a customer''s database role.';
REVOKE ALL ON FUNCTION list_teams() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_teams() TO ticketflow_user;

CREATE OR REPLACE FUNCTION list_team_members(team_id integer)
RETURNS TABLE (user_id text, name text, role text, joined_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT m.user_id, NULLIF(concat_ws(' ', u.first_name, u.last_name), ''), m.role, m.joined_at
    FROM team_members m LEFT JOIN users u ON u.id = m.user_id WHERE m.team_id = list_team_members.team_id ORDER BY m.joined_at, m.id;
END;
COMMENT ON FUNCTION list_team_members(integer) IS 'Who works in a team, longest first, for the staff. No row for a team that is not there. Error: 42501 a customer''s database role.';
REVOKE ALL ON FUNCTION list_team_members(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_team_members(integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION add_team_member(team_id integer, user_id text, role text DEFAULT 'member')
RETURNS SETOF team_members
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  team teams := require_team(add_team_member.team_id);
BEGIN
  PERFORM check_assignable(add_team_member.user_id);
  IF add_team_member.role NOT IN ('member', 'admin') THEN
    RAISE EXCEPTION 'there is no role "%" in a team', add_team_member.role
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use member or admin.';
  ELSIF add_team_member.user_id = acting_person() AND acting_role() <> 'admin' THEN
    RAISE EXCEPTION 'permission denied to add oneself to a team' USING ERRCODE = 'insufficient_privilege', HINT = 'Ask an administrator.';
  END IF;
  RETURN QUERY
  INSERT INTO team_members AS m (team_id, user_id, role) VALUES (team.id, add_team_member.user_id, add_team_member.role)
  ON CONFLICT ON CONSTRAINT team_members_team_id_user_id_key DO UPDATE SET role = EXCLUDED.role RETURNING m.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION add_team_member(integer, text, text) IS
  'Takes a person into a team, or changes her role there. By administrators and the team''s manager, who does not add herself. '
  'Errors: PT401; 42501 neither of them; PT404 no such team; 22023 not a person of the staff, or no such role.';
REVOKE ALL ON FUNCTION add_team_member(integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_team_member(integer, text, text) TO ticketflow_manager;

CREATE OR REPLACE FUNCTION remove_team_member(team_id integer, user_id text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  team teams := require_team(remove_team_member.team_id);
BEGIN
  DELETE FROM team_members m WHERE m.team_id = team.id AND m.user_id = remove_team_member.user_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this person is not in the team' USING ERRCODE = 'PT404', HINT = 'list_team_members() lists who is.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION remove_team_member(integer, text) IS
  'Takes a person out of a team, by administrators and the team''s manager. Errors: PT401; 42501; PT404 no such team, or not in it.';
REVOKE ALL ON FUNCTION remove_team_member(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_team_member(integer, text) TO ticketflow_manager;

CREATE OR REPLACE FUNCTION create_department(name text, description text DEFAULT NULL, manager_id text DEFAULT NULL)
RETURNS SETOF departments
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin'), check_name(create_department.name), check_manager(create_department.manager_id);
  RETURN QUERY
  INSERT INTO departments AS d (name, description, manager_id)
  VALUES (btrim(create_department.name), create_department.description, create_department.manager_id) ON CONFLICT DO NOTHING RETURNING d.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is a department of this name' USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_department(text, text, text) IS
  'Makes a department. Errors: PT401; 42501 not an administrator; 22023 no name, or a manager who is none; 23505 the name is taken.';
REVOKE ALL ON FUNCTION create_department(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_department(text, text, text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION list_departments()
RETURNS TABLE (id integer, name text, is_active boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT d.id, d.name, d.is_active FROM departments d ORDER BY d.name;
END;
COMMENT ON FUNCTION list_departments() IS 'Departments by name. No row for nobody.';
REVOKE ALL ON FUNCTION list_departments() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_departments() TO ticketflow_customer;

CREATE OR REPLACE FUNCTION create_organization(name text, is_shared boolean DEFAULT false)
RETURNS SETOF organizations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin'), check_name(create_organization.name);
  RETURN QUERY
  INSERT INTO organizations AS o (name, is_shared) VALUES (btrim(create_organization.name), COALESCE(create_organization.is_shared, false))
  ON CONFLICT DO NOTHING RETURNING o.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is an organization of this name' USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_organization(text, boolean) IS
  'Makes a customer organisation; the customers of a shared one see each other''s tickets. Errors: PT401; 42501 not an administrator; 22023 no name; 23505 taken.';
REVOKE ALL ON FUNCTION create_organization(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_organization(text, boolean) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION update_organization(id integer, name text DEFAULT NULL, is_shared boolean DEFAULT NULL)
RETURNS SETOF organizations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  IF update_organization.name IS NOT NULL THEN
    PERFORM check_name(update_organization.name);
    IF EXISTS (SELECT FROM organizations o WHERE o.name = btrim(update_organization.name) AND o.id <> update_organization.id) THEN
      RAISE EXCEPTION 'there is an organization of this name' USING ERRCODE = 'unique_violation', HINT = 'Choose another name.';
    END IF;
  END IF;
  RETURN QUERY
  UPDATE organizations o
     SET name = COALESCE(btrim(update_organization.name), o.name), is_shared = COALESCE(update_organization.is_shared, o.is_shared)
   WHERE o.id = update_organization.id RETURNING o.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'organization % does not exist', update_organization.id
      USING ERRCODE = 'PT404', HINT = 'list_organizations() lists them.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_organization(integer, text, boolean) IS
  'Renames, shares or unshares an organisation. Errors: PT401; 42501 not an administrator; PT404; 22023 no name; 23505 taken.';
REVOKE ALL ON FUNCTION update_organization(integer, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_organization(integer, text, boolean) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION list_organizations()
RETURNS TABLE (id integer, name text, is_shared boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT o.id, o.name, o.is_shared FROM organizations o ORDER BY o.name;
END;
COMMENT ON FUNCTION list_organizations() IS 'Customer organisations by name; a customer''s list holds her own. No row for nobody.';
REVOKE ALL ON FUNCTION list_organizations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_organizations() TO ticketflow_customer;
