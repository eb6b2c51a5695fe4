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
  PERFORM require_service();
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
  'five failures). A failure is a row so that it is counted: commit it. Error: 42501 a login other than the service''s or the owner''s.';
REVOKE ALL ON FUNCTION login(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION login(text, text) TO ticketflow_anon, ticketflow_customer;

CREATE OR REPLACE FUNCTION register(email text, password text, first_name text DEFAULT NULL, last_name text DEFAULT NULL)
RETURNS TABLE (id text, role text, is_approved boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  INSERT INTO users AS u (email, password, first_name, last_name, role, is_active, is_approved)
  VALUES (check_email(register.email), hash_password(register.password), register.first_name, register.last_name, 'customer', true, false)
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

CREATE OR REPLACE FUNCTION update_me(first_name text DEFAULT NULL, last_name text DEFAULT NULL, profile_image_url text DEFAULT NULL)
RETURNS TABLE (id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  PERFORM check_picture(update_me.profile_image_url);
  UPDATE users u
     SET first_name = COALESCE(update_me.first_name, u.first_name), last_name = COALESCE(update_me.last_name, u.last_name),
         profile_image_url = NULLIF(COALESCE(update_me.profile_image_url, u.profile_image_url), '')
   WHERE u.id = person;
  update_me.id := person;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_me(text, text, text) IS
  'Changes the name and picture of the person who is signed in; null leaves as it is, an empty picture takes it away. profile_image_url: https, '
  'http or a path of this site. Errors: PT401; 22023 another kind of address; 22001 over 100 (url: 500) characters.';
REVOKE ALL ON FUNCTION update_me(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_me(text, text, text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION change_password(current_password text, new_password text)
RETURNS TABLE (changed boolean, error_code text, error_message text, error_hint text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_session();
  address text := (SELECT u.email FROM users u WHERE u.id = person);
  attempt record;
BEGIN
  PERFORM require_service(), check_password(change_password.new_password);
  IF (SELECT u.password IS NULL FROM users u WHERE u.id = person) THEN
    RAISE EXCEPTION 'this account has no password here'
      USING ERRCODE = 'PT409', HINT = 'Change it where you sign in.';
  END IF;
  SELECT * INTO attempt FROM claim_login_attempt(address);
  changed := NOT attempt.is_locked AND password_matches(change_password.current_password, attempt.stored_hash);
  IF changed THEN
    UPDATE users u
       SET password = hash_password(change_password.new_password), password_changed_at = clock_timestamp(),
           password_reset_token = NULL, password_reset_expires = NULL,
           failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL
     WHERE u.id = person;
    PERFORM end_sessions(person);
  ELSE
    error_code := CASE WHEN attempt.is_locked THEN 'PT423' ELSE 'PT401' END;
    error_message := CASE WHEN attempt.is_locked THEN 'too many failed attempts' ELSE 'the current password is wrong' END;
    error_hint := CASE WHEN attempt.is_locked THEN 'Wait a quarter of an hour, or reset the password.' ELSE 'Type it again.' END;
    PERFORM set_config('response.status', substr(error_code, 3), true);
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION change_password(text, text) IS
  'Changes the password of the person who is signed in and ends her sessions and tokens. A wrong current password spends an attempt '
  'of login() and is a row with error_code PT401 or PT423, to be committed. Errors: PT401 nobody acts; 22023 the new one has under 8 characters or over 72 bytes; '
  'PT409 no password here; 42501 an API key, or a login other than the service''s or the owner''s.';
REVOKE ALL ON FUNCTION change_password(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_password(text, text) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION request_password_reset(email text)
RETURNS TABLE (token text, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  is_trusted boolean := acting_role() = 'admin' AND current_setting('app.actor_kind', true) IS DISTINCT FROM 'api_key' OR pg_has_role(calling_role(), CURRENT_USER, 'MEMBER')
                        OR pg_has_role(calling_role(), 'ticketflow_service', 'MEMBER');
BEGIN
  IF is_trusted THEN
    SELECT made.token, made.expires_at INTO request_password_reset.token, request_password_reset.expires_at
      FROM users u, LATERAL new_reset_token(u.id) made WHERE lower(u.email) = lower(request_password_reset.email);
  ELSE
    -- Known or not, an address is only noted; so the answer and its time tell nothing.
    INSERT INTO password_reset_requests (email) VALUES (check_email(request_password_reset.email)) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION request_password_reset(text) IS
  'Asks for a new password. Anonymous callers get an empty row, whether or not the address has an account: what sends mail collects the '
  'token with take_password_resets(). Administrators, the desk''s owner and the service itself get the token at once; it is shown this '
  'once, stored as SHA-256 and good for one hour and one use. Error: 22023 not an address.';
REVOKE ALL ON FUNCTION request_password_reset(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION request_password_reset(text) TO ticketflow_anon, ticketflow_customer, ticketflow_service;

CREATE OR REPLACE FUNCTION reset_password(token text, new_password text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text;
BEGIN
  PERFORM check_password(reset_password.new_password);
  UPDATE users u
     SET password = hash_password(reset_password.new_password), password_changed_at = clock_timestamp(),
         password_reset_token = NULL, password_reset_expires = NULL,
         failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL
   WHERE u.password_reset_token = hash_token(reset_password.token) AND u.password_reset_expires > now() AND u.is_active
  RETURNING u.id INTO person;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this token is used, expired or unknown' USING ERRCODE = 'PT400', HINT = 'Ask for a new password again.';
  END IF;
  PERFORM end_sessions(person);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION reset_password(text, text) IS
  'Sets a new password with a reset token, clears the lock and ends all sessions and tokens of the person. '
  'Errors: PT400 the token is used, expired or unknown; 22023 a password under 8 characters or over 72 bytes.';
REVOKE ALL ON FUNCTION reset_password(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reset_password(text, text) TO ticketflow_anon, ticketflow_customer;
