-- accounts: registering, signing in, passwords.

DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ticketflow_anon, ticketflow_customer, ticketflow_service', current_schema());
END
$$;

CREATE OR REPLACE FUNCTION login(email text, password text)
RETURNS TABLE (user_id text, role text, database_role text, first_name text, last_name text,
               error_code text, error_message text, error_hint text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  attempt record;
BEGIN
  SELECT * INTO attempt FROM claim_login_attempt(login.email);
  IF attempt.is_locked THEN
    error_code := 'PT423';
    error_message := 'too many failed attempts';
    error_hint := 'Wait a quarter of an hour, or reset the password.';
  ELSIF password_matches(login.password, attempt.stored_hash) THEN
    UPDATE users u SET failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL
     WHERE u.id = attempt.user_id AND u.is_active AND u.is_approved
    RETURNING u.id, u.role, u.first_name, u.last_name
         INTO login.user_id, login.role, login.first_name, login.last_name;
    SELECT r.database_role INTO login.database_role FROM user_roles r WHERE r.role = login.role;
  END IF;
  IF login.user_id IS NULL THEN
    error_code := COALESCE(error_code, 'PT401');
    error_message := COALESCE(error_message, 'e-mail address or password is wrong');
    error_hint := COALESCE(error_hint, 'A new account must be approved first.');
    -- Raising an error would undo the count, so the failure is a row, and the status a setting that the service reads.
    PERFORM set_config('response.status', substr(error_code, 3), true);
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION login(text, text) IS
  'Signs in with e-mail address and password: one row, either user_id, role and database_role (the claims sub and role of a token), '
  'or error_code: PT401 (unknown, wrong, inactive, unapproved and without password look alike) or PT423 (locked for 15 minutes after '
  'five failures). A failure is a row so that it is counted: commit it.';
REVOKE ALL ON FUNCTION login(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION login(text, text) TO ticketflow_anon, ticketflow_customer;

CREATE OR REPLACE FUNCTION register(email text, password text, first_name text DEFAULT NULL, last_name text DEFAULT NULL)
RETURNS TABLE (id text, role text, is_approved boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
#variable_conflict use_column
BEGIN
  IF register.email IS NULL OR register.email !~ '^[^@[:space:]]+@[^@[:space:]]+$' THEN
    RAISE EXCEPTION 'this is not an e-mail address' USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as name@example.com.';
  END IF;
  RETURN QUERY
  INSERT INTO users AS u (email, password, first_name, last_name, role, is_active, is_approved)
  VALUES (register.email, hash_password(register.password), register.first_name, register.last_name, 'customer', true, false)
  ON CONFLICT DO NOTHING
  RETURNING u.id::text, u.role::text, u.is_approved;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this e-mail address has an account'
      USING ERRCODE = 'unique_violation', HINT = 'Sign in, or ask for a new password.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION register(text, text, text, text) IS
  'Makes an account that waits for approve_user(); its role is customer, whatever the client says. '
  'Errors: 22023 not an address, or a password under 8 characters or over 72 bytes; 23505 the address has an account.';
REVOKE ALL ON FUNCTION register(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION register(text, text, text, text) TO ticketflow_anon, ticketflow_customer;

CREATE OR REPLACE FUNCTION me()
RETURNS TABLE (id text, email text, first_name text, last_name text, profile_image_url text, role text, department text,
               organization_id integer, created_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  RETURN QUERY
  SELECT u.id::text, u.email::text, u.first_name::text, u.last_name::text, u.profile_image_url::text, u.role::text,
         u.department::text, u.organization_id, u.created_at
    FROM users u WHERE u.id = person;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION me() IS 'The person who is signed in. Error: PT401 nobody is.';
REVOKE ALL ON FUNCTION me() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION me() TO ticketflow_customer;
