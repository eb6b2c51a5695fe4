-- desk: what the functions on teams, departments, organisations and settings share.

CREATE OR REPLACE FUNCTION check_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF name IS NULL OR btrim(name) = '' OR char_length(btrim(name)) > 100 THEN
    RAISE EXCEPTION 'a name has 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose another name.';
  END IF;
  RETURN btrim(name);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_name(text) IS 'The trimmed name. Error: 22023 empty or over 100 characters.';

CREATE OR REPLACE FUNCTION check_manager(manager_id text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  IF manager_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM users u WHERE u.id = manager_id AND u.is_active AND u.is_approved AND u.role IN ('manager', 'admin')) THEN
    RAISE EXCEPTION 'this person manages nothing'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose an active person whose role is manager or admin.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_manager(text) IS 'Refuses somebody who is not an active manager or administrator (22023); null is nobody.';
REVOKE ALL ON FUNCTION check_manager(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION check_assignable(user_id text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM users u WHERE u.id = check_assignable.user_id AND u.is_active AND u.is_approved AND u.role <> 'customer') THEN
    RAISE EXCEPTION 'this person is not of the staff'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'assignable_users() lists who is.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_assignable(text) IS 'Refuses somebody who is not an active person of the staff (22023).';
REVOKE ALL ON FUNCTION check_assignable(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION require_team(team_id integer) RETURNS teams
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  person text := require_role('manager');
  team teams;
BEGIN
  SELECT t.* INTO team FROM teams t WHERE t.id = require_team.team_id;
  IF team.id IS NULL THEN
    RAISE EXCEPTION 'team % does not exist', require_team.team_id USING ERRCODE = 'PT404', HINT = 'list_teams() lists them.';
  ELSIF acting_role() <> 'admin' AND team.manager_id IS DISTINCT FROM person THEN
    RAISE EXCEPTION 'permission denied to change this team'
      USING ERRCODE = 'insufficient_privilege', HINT = 'Its manager and administrators may.';
  END IF;
  RETURN team;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_team(integer) IS
  'A team that the acting person may change: an administrator any, a manager hers. Errors: PT401; 42501; PT404.';
REVOKE ALL ON FUNCTION require_team(integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION check_file(filename text, file_path text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  -- Whatever serves and removes files does so by these: they must not lead out of its store.
  IF filename !~ '^[^/\\[:cntrl:]]+$' OR filename IN ('.', '..')
     OR file_path ~ '[\\[:cntrl:]]' OR file_path ~ '(^|/)[.]{1,2}(/|$)' OR file_path ~ '^/' OR file_path ~ '^file:' OR btrim(file_path) = '' THEN
    RAISE EXCEPTION 'this is not a name and a path in the store of files'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave filename and file_path out: the desk makes them.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_file(text, text) IS
  'Refuses a file name with a folder and a path that is absolute or has "..", a backslash or a control character (22023); a null path asks nothing.';
