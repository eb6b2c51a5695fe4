-- accounts: signing in, tokens and keys, and who speaks in whose name.

CREATE OR REPLACE FUNCTION hash_token(token text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT encode(sha256(convert_to(token, 'UTF8')), 'hex');
END;
COMMENT ON FUNCTION hash_token(text) IS 'What is stored of a token or key: its SHA-256, hexadecimal.';

CREATE OR REPLACE FUNCTION new_token() RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
  SELECT rtrim(translate(encode(gen_random_bytes(32), 'base64'), '+/', '-_'), '=');
END;
COMMENT ON FUNCTION new_token() IS '256 random bits as 43 characters that are safe in a URL.';

CREATE OR REPLACE FUNCTION check_password(password text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  -- bcrypt ignores what follows the 72nd byte, so a longer password is refused rather than cut.
  IF password IS NULL OR char_length(password) < 8 OR octet_length(password) > 72 THEN
    RAISE EXCEPTION 'a password has 8 characters at least and 72 bytes at most'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose another password.';
  END IF;
  RETURN password;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_password(text) IS 'The password, if it will do. Error: 22023 under 8 characters or over 72 bytes.';

CREATE OR REPLACE FUNCTION hash_password(password text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
  SELECT crypt(check_password(password), gen_salt('bf', 10));
END;
COMMENT ON FUNCTION hash_password(text) IS 'bcrypt (cost 10) of a password. Error: 22023 too short or too long.';

CREATE OR REPLACE FUNCTION check_email(email text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  IF email IS NULL OR email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' OR char_length(email) > 255 THEN
    RAISE EXCEPTION 'this is not an e-mail address'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as name@example.com.';
  END IF;
  RETURN email;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_email(text) IS 'The address, if it looks like one. Error: 22023.';

CREATE OR REPLACE FUNCTION check_picture(url text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  -- It is shown in other people's browsers, where javascript: and data: would run, and //host leads elsewhere.
  IF url <> '' AND url !~ '^(https?://[^/?#[:space:]"<>\\]+([/?#][^[:space:]"<>\\]*)?|/([^/[:space:]"<>\\][^[:space:]"<>\\]*)?)$' THEN
    RAISE EXCEPTION 'this is not the address of a picture'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use an address that begins with https:// or http://, or a path of this site.';
  END IF;
  RETURN url;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_picture(text) IS 'The address of a picture, if a browser may be sent there; null and empty are none. Error: 22023.';

CREATE OR REPLACE FUNCTION claim_login_attempt(email text, OUT user_id text, OUT stored_hash text, OUT is_locked boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  instant timestamptz := clock_timestamp();
  quiet constant interval := interval '15 minutes';
  hash constant text := hash_token(lower(COALESCE(claim_login_attempt.email, '')));
BEGIN
  -- A lock is answered by the same two reads for an address with an account and for one without, and writes nothing.
  SELECT count(*) > 0 INTO is_locked FROM (
    SELECT FROM users u WHERE lower(u.email) = lower(claim_login_attempt.email) AND u.locked_until > instant
    UNION ALL
    SELECT FROM login_attempts a WHERE a.email_hash = hash AND a.locked_until > instant) locks;
  IF is_locked THEN
    RETURN;
  END IF;
  -- The attempt is counted before anything is compared: those who guess in parallel queue here for the row.
  UPDATE users u
     SET failed_login_attempts = CASE WHEN u.locked_until IS NOT NULL OR u.last_failed_login_at <= instant - quiet THEN 1
                                      ELSE u.failed_login_attempts + 1 END,
         locked_until = CASE WHEN u.locked_until IS NULL AND u.failed_login_attempts >= 4
                              AND u.last_failed_login_at > instant - quiet THEN instant + quiet END,
         last_failed_login_at = instant
   WHERE lower(u.email) = lower(claim_login_attempt.email) AND (u.locked_until IS NULL OR u.locked_until <= instant)
  RETURNING u.id, u.password INTO user_id, stored_hash;
  IF FOUND THEN
    RETURN;
  END IF;
  is_locked := EXISTS (SELECT FROM users u WHERE lower(u.email) = lower(claim_login_attempt.email));
  IF is_locked THEN
    RETURN;
  END IF;
  -- An address without an account is counted and locked alike, or the lock would tell who has one.
  INSERT INTO login_attempts AS a (email_hash, failed_attempts, last_failed_at)
  VALUES (hash, 1, instant)
  ON CONFLICT (email_hash) DO UPDATE
     SET failed_attempts = CASE WHEN a.locked_until IS NOT NULL OR a.last_failed_at <= instant - quiet THEN 1
                                ELSE a.failed_attempts + 1 END,
         locked_until = CASE WHEN a.locked_until IS NULL AND a.failed_attempts >= 4
                              AND a.last_failed_at > instant - quiet THEN instant + quiet END,
         last_failed_at = instant
   WHERE a.locked_until IS NULL OR a.locked_until <= instant;
  is_locked := NOT FOUND;
  DELETE FROM login_attempts a WHERE a.email_hash IN (
    SELECT old.email_hash FROM login_attempts old WHERE old.last_failed_at < instant - quiet LIMIT 10 FOR UPDATE SKIP LOCKED);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION claim_login_attempt(text) IS
  'Counts an attempt to sign in before the comparison: the fifth within 15 minutes locks for 15 minutes; is_locked says that there was none left.';
REVOKE ALL ON FUNCTION claim_login_attempt(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION password_matches(password text, stored_hash text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Without a hash of ours the same work is done for nothing: an unknown address must not answer faster, and a hash of another
  -- kind, which an import may have left, must not be an error, which would undo the count of the attempt.
  SELECT crypt(COALESCE(password, ''), CASE WHEN stored_hash ~ '^[$]2[axy][$][0-9]{2}[$][./A-Za-z0-9]{53}$' THEN stored_hash
                                            ELSE '$2a$10$abcdefghijklmnopqrstuuQ5NLVBKJkD8bnKsrP2yMPkIBfOJYuKC' END)
         IS NOT DISTINCT FROM stored_hash;
END;
COMMENT ON FUNCTION password_matches(text, text) IS 'Compares a password with a bcrypt hash; takes as long, and is false, without one.';
REVOKE ALL ON FUNCTION password_matches(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION end_sessions(user_id text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  DELETE FROM sessions s WHERE COALESCE(s.sess #>> '{passport,user}', s.sess ->> 'user_id') = end_sessions.user_id;
END;
COMMENT ON FUNCTION end_sessions(text) IS 'Deletes the web sessions of a person.';
REVOKE ALL ON FUNCTION end_sessions(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION find_identity(user_id text, issued_at timestamptz DEFAULT NULL)
RETURNS TABLE (id text, role text, database_role text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  -- A token's time has whole seconds.
  SELECT u.id, u.role, r.database_role::text FROM users u JOIN user_roles r USING (role)
   WHERE u.id = find_identity.user_id AND u.is_active AND u.is_approved
     AND (issued_at IS NULL OR u.password_changed_at IS NULL OR issued_at >= date_trunc('second', u.password_changed_at));
END;
COMMENT ON FUNCTION find_identity(text, timestamptz) IS
  'Role and database role of an active, approved person whose password was not changed after issued_at; no row for anybody else.';
REVOKE ALL ON FUNCTION find_identity(text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION find_identity_of_key(key text)
RETURNS TABLE (id text, role text, database_role text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  found_key api_keys;
BEGIN
  SELECT k.* INTO found_key FROM api_keys k
   WHERE k.key_hash = hash_token(key) AND k.is_active AND (k.expires_at IS NULL OR k.expires_at > now());
  IF found_key.id IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT f.id, f.role, f.database_role FROM find_identity(found_key.created_by) f;
  -- Once a minute is enough to know, and a request that only reads must not write.
  IF FOUND AND current_setting('transaction_read_only') = 'off'
     AND (found_key.last_used IS NULL OR found_key.last_used < now() - interval '1 minute') THEN
    UPDATE api_keys k SET last_used = now() WHERE k.id = found_key.id;
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION find_identity_of_key(text) IS
  'The person in whose name an active, unexpired API key acts, with role and database role; no row for any other key. Stamps last_used.';
REVOKE ALL ON FUNCTION find_identity_of_key(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION authenticate(user_id text, issued_at timestamptz DEFAULT NULL)
RETURNS TABLE (id text, role text, database_role text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  SELECT f.id, f.role, f.database_role INTO authenticate.id, authenticate.role, authenticate.database_role
    FROM find_identity(user_id, issued_at) f;
  IF authenticate.id IS NULL THEN
    RAISE EXCEPTION 'this token signs nobody in'
      USING ERRCODE = 'PT401', HINT = 'Sign in again; the account may have been changed, deactivated or not yet approved.';
  END IF;
  PERFORM set_config('app.actor_kind', '', true) WHERE current_setting('app.actor_kind', true) = 'api_key';
  PERFORM set_config('app.current_user_id', authenticate.id, true), set_config('role', authenticate.database_role, true);
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION authenticate(text, timestamptz) IS
  'For the HTTP service: takes on, until the transaction ends, the identity and the database role of the person whose signed token '
  'names user_id and was issued at issued_at; role and state come from the users row. Error: PT401 unknown, inactive, unapproved, '
  'or the password changed since.';
REVOKE ALL ON FUNCTION authenticate(text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION authenticate_api_key(key text)
RETURNS TABLE (id text, role text, database_role text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  SELECT f.id, f.role, f.database_role
    INTO authenticate_api_key.id, authenticate_api_key.role, authenticate_api_key.database_role
    FROM find_identity_of_key(key) f;
  IF authenticate_api_key.id IS NULL THEN
    RAISE EXCEPTION 'this key signs nobody in'
      USING ERRCODE = 'PT401', HINT = 'Use a key that is neither revoked nor expired and whose owner is active.';
  END IF;
  PERFORM set_config('app.current_user_id', authenticate_api_key.id, true), set_config('app.actor_kind', 'api_key', true),
          set_config('role', authenticate_api_key.database_role, true);
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION authenticate_api_key(text) IS
  'For the HTTP service: like authenticate(), for the person in whose name an API key acts; the log calls the actor api_key, and keys, passwords '
  'and the standing of people are closed to it. Error: PT401.';
REVOKE ALL ON FUNCTION authenticate_api_key(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION require_service() RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  -- A session of its own could roll back the attempt that was counted, and guess for ever.
  IF NOT (pg_has_role(SESSION_USER, 'ticketflow_service', 'MEMBER') OR pg_has_role(SESSION_USER, CURRENT_USER, 'MEMBER')) THEN
    RAISE EXCEPTION 'permission denied to compare passwords' USING ERRCODE = 'insufficient_privilege', HINT = 'Passwords are for the service; this login is known to the database.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_service() IS 'Refuses sessions that are neither the service''s nor the owner''s (42501).';
REVOKE ALL ON FUNCTION require_service() FROM PUBLIC;

CREATE OR REPLACE FUNCTION require_session() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  IF current_setting('app.actor_kind', true) = 'api_key' THEN
    RAISE EXCEPTION 'permission denied to an API key' USING ERRCODE = 'insufficient_privilege', HINT = 'Sign in with a password.';
  END IF;
  RETURN require_person();
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_session() IS
  'The id of the acting person, who signed in herself: keys, passwords and the standing of people are not for API keys. Errors: PT401; 42501.';
REVOKE ALL ON FUNCTION require_session() FROM PUBLIC;

CREATE OR REPLACE FUNCTION authenticate_anonymous() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM set_config('app.current_user_id', '', true), set_config('role', 'ticketflow_anon', true);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION authenticate_anonymous() IS 'For the HTTP service: a caller who shows no token; takes on ticketflow_anon until the transaction ends.';
REVOKE ALL ON FUNCTION authenticate_anonymous() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION find_identity(text, timestamptz), find_identity_of_key(text), authenticate(text, timestamptz),
  authenticate_api_key(text), authenticate_anonymous() TO ticketflow_service;

CREATE OR REPLACE FUNCTION calling_role() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT COALESCE(NULLIF(current_setting('role'), 'none'), SESSION_USER)::name;
END;
COMMENT ON FUNCTION calling_role() IS 'The database role that the client took on, also inside functions that run as the desk''s owner.';

CREATE OR REPLACE FUNCTION new_reset_token(user_id text, OUT token text, OUT expires_at timestamptz)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  token := new_token();
  UPDATE users u SET password_reset_token = hash_token(new_reset_token.token), password_reset_expires = now() + interval '1 hour'
   WHERE u.id = new_reset_token.user_id AND u.is_active AND u.password IS NOT NULL
  RETURNING u.password_reset_expires INTO expires_at;
  IF NOT FOUND THEN
    token := NULL;
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION new_reset_token(text) IS 'Makes a reset token good for one hour; null for people who are inactive or have no password here.';
REVOKE ALL ON FUNCTION new_reset_token(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION take_password_resets(batch integer DEFAULT 100)
RETURNS TABLE (email text, token text, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  RETURN QUERY
  WITH taken AS (
    DELETE FROM password_reset_requests r WHERE r.id IN (
      SELECT q.id FROM password_reset_requests q ORDER BY q.id LIMIT batch FOR UPDATE SKIP LOCKED)
    RETURNING r.email, r.requested_at > now() - interval '1 hour' AS is_fresh)
  SELECT u.email::text, made.token, made.expires_at
    FROM taken JOIN users u ON lower(u.email) = lower(taken.email), LATERAL new_reset_token(u.id) made
   WHERE made.token IS NOT NULL AND taken.is_fresh;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION take_password_resets(integer) IS
  'For what sends mail: takes up to batch requests for a new password and makes a token for each of the last hour that has an account. '
  'Each token is shown here, once, and stored as a hash; it is good for one hour.';
REVOKE ALL ON FUNCTION take_password_resets(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_password_resets(integer) TO ticketflow_service;

CREATE OR REPLACE FUNCTION keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  -- Whoever takes an administrator away queues here; a transaction with an older snapshot fails to serialize.
  UPDATE user_roles SET rank = rank WHERE role = 'admin';
  IF NOT EXISTS (SELECT FROM users u WHERE u.id <> OLD.id AND u.role = 'admin' AND u.is_active AND u.is_approved) THEN
    RAISE EXCEPTION 'the last administrator cannot be taken away'
      USING ERRCODE = 'PT409', HINT = 'Make somebody else an administrator first.';
  END IF;
  RETURN COALESCE(NEW, OLD);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION keep_an_admin() IS 'Trigger: refuses to remove, demote or deactivate the last active administrator (PT409).';
CREATE OR REPLACE TRIGGER b_keep_an_admin_update BEFORE UPDATE OF role, is_active, is_approved ON users FOR EACH ROW
  WHEN (OLD.role = 'admin' AND OLD.is_active AND OLD.is_approved
        AND NOT (NEW.role = 'admin' AND NEW.is_active AND NEW.is_approved)) EXECUTE FUNCTION keep_an_admin();
CREATE OR REPLACE TRIGGER b_keep_an_admin_delete BEFORE DELETE ON users FOR EACH ROW
  WHEN (OLD.role = 'admin' AND OLD.is_active AND OLD.is_approved) EXECUTE FUNCTION keep_an_admin();

CREATE OR REPLACE FUNCTION require_other_person(user_id text) RETURNS users
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  admin text := require_role('admin');
  person users;
BEGIN
  PERFORM require_session();
  SELECT u.* INTO person FROM users u WHERE u.id = require_other_person.user_id;
  IF person.id IS NULL THEN
    RAISE EXCEPTION 'person "%" does not exist', require_other_person.user_id
      USING ERRCODE = 'PT404', HINT = 'list_users() lists the people of the desk.';
  ELSIF person.id = admin THEN
    RAISE EXCEPTION 'administrators do not change their own standing'
      USING ERRCODE = 'PT409', HINT = 'Ask another administrator.';
  END IF;
  RETURN person;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_other_person(text) IS
  'The person that an administrator is about to change. Errors: PT401; 42501 not an administrator; PT404 nobody of that id; PT409 herself.';
REVOKE ALL ON FUNCTION require_other_person(text) FROM PUBLIC;

CREATE OR REPLACE VIEW user_details WITH (security_invoker = true) AS
SELECT u.id, u.email, u.first_name, u.last_name, u.profile_image_url, u.role, u.department, u.is_active, u.is_approved,
       u.organization_id, o.name AS organization_name, u.created_at, u.updated_at
  FROM users u LEFT JOIN organizations o ON o.id = u.organization_id;
COMMENT ON VIEW user_details IS 'People without anything secret, for the staff.';
GRANT SELECT ON user_details TO ticketflow_user;
