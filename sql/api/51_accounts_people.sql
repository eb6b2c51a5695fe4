-- accounts: administering people, invitations and keys.

CREATE OR REPLACE FUNCTION list_users(role text DEFAULT NULL, is_active boolean DEFAULT NULL, is_approved boolean DEFAULT NULL,
  organization_id integer DEFAULT NULL, after_id text DEFAULT '', page_size integer DEFAULT 100)
RETURNS SETOF user_details
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT u.* FROM user_details u
   WHERE (list_users.role IS NULL OR u.role = list_users.role)
     AND (list_users.is_active IS NULL OR u.is_active = list_users.is_active)
     AND (list_users.is_approved IS NULL OR u.is_approved = list_users.is_approved)
     AND (list_users.organization_id IS NULL OR u.organization_id = list_users.organization_id)
     AND u.id > COALESCE(list_users.after_id, '')
   ORDER BY u.id LIMIT LEAST(GREATEST(COALESCE(list_users.page_size, 100), 0), 1000);
END;
COMMENT ON FUNCTION list_users(text, boolean, boolean, integer, text, integer) IS
  'People of the desk, for the staff, by id; each argument that is given narrows the list. Next page: the last id as after_id. page_size 0 to 1000, default 100; what is beyond counts as the nearest. Error: 42501 a customer''s database role.';
REVOKE ALL ON FUNCTION list_users(text, boolean, boolean, integer, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_users(text, boolean, boolean, integer, text, integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION assignable_users()
RETURNS TABLE (id text, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_person();
  RETURN QUERY
  SELECT u.id::text, COALESCE(NULLIF(btrim(concat_ws(' ', u.first_name, u.last_name)), ''), 'Support agent')
    FROM users u WHERE is_assignable(u.role, u.is_active AND u.is_approved) ORDER BY 2, 1;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION assignable_users() IS 'People that the caller can assign a ticket to, with a name to show; customers are shown no administrators. Error: PT401.';
REVOKE ALL ON FUNCTION assignable_users() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION assignable_users() TO ticketflow_customer;

CREATE OR REPLACE FUNCTION approve_user(user_id text)
RETURNS SETOF user_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person users := require_other_person(approve_user.user_id);
BEGIN
  UPDATE users u SET is_approved = true WHERE u.id = person.id AND NOT u.is_approved;
  RETURN QUERY SELECT d.* FROM user_details d WHERE d.id = person.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION approve_user(text) IS
  'Lets a person who registered sign in; again changes nothing. Errors: PT401; 42501 not an administrator; PT404; PT409 oneself.';
REVOKE ALL ON FUNCTION approve_user(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION approve_user(text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION deactivate_user(user_id text)
RETURNS SETOF user_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person users := require_other_person(deactivate_user.user_id);
BEGIN
  UPDATE users u SET is_active = false, password_reset_token = NULL, password_reset_expires = NULL, password_changed_at = clock_timestamp()
   WHERE u.id = person.id AND u.is_active;
  UPDATE api_keys k SET is_active = false WHERE k.created_by = person.id AND k.is_active;
  PERFORM end_sessions(person.id);
  RETURN QUERY SELECT d.* FROM user_details d WHERE d.id = person.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION deactivate_user(text) IS
  'Ends a person''s sessions, tokens and keys for good; her tickets stay. Errors: PT401; 42501 not an administrator; PT404; '
  'PT409 oneself, or the last administrator.';
REVOKE ALL ON FUNCTION deactivate_user(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deactivate_user(text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION activate_user(user_id text)
RETURNS SETOF user_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person users := require_other_person(activate_user.user_id);
BEGIN
  UPDATE users u SET is_active = true, failed_login_attempts = 0, locked_until = NULL, last_failed_login_at = NULL
   WHERE u.id = person.id;
  RETURN QUERY SELECT d.* FROM user_details d WHERE d.id = person.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION activate_user(text) IS
  'Lets a deactivated or locked person sign in again. Errors: PT401; 42501 not an administrator; PT404; PT409 oneself.';
REVOKE ALL ON FUNCTION activate_user(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION activate_user(text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION update_user(user_id text, role text DEFAULT NULL, department text DEFAULT NULL, organization_id integer DEFAULT NULL)
RETURNS SETOF user_details
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person users := require_other_person(update_user.user_id);
BEGIN
  IF NOT EXISTS (SELECT FROM user_roles r WHERE r.role = COALESCE(update_user.role, person.role)) THEN
    RAISE EXCEPTION 'there is no role "%"', update_user.role
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The table user_roles lists them.';
  ELSIF NOT EXISTS (SELECT FROM organizations o WHERE o.id = update_user.organization_id) AND update_user.organization_id <> 0 THEN
    RAISE EXCEPTION 'organization % does not exist', update_user.organization_id
      USING ERRCODE = 'PT404', HINT = 'Pass 0 for none.';
  END IF;
  UPDATE users u
     SET role = COALESCE(update_user.role, u.role), department = COALESCE(update_user.department, u.department),
         organization_id = CASE WHEN update_user.organization_id IS NULL THEN u.organization_id ELSE NULLIF(update_user.organization_id, 0) END
   WHERE u.id = person.id;
  RETURN QUERY SELECT d.* FROM user_details d WHERE d.id = person.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_user(text, text, text, integer) IS
  'Changes a person''s role, department and organisation (0: none); null leaves as it is. Errors: PT401; 42501 not an administrator; '
  'PT404; 22023 no such role; PT409 oneself, or the last administrator.';
REVOKE ALL ON FUNCTION update_user(text, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_user(text, text, text, integer) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION invite_user(email text, role text DEFAULT 'user', department_id integer DEFAULT NULL,
  expires_at timestamptz DEFAULT now() + interval '7 days')
RETURNS TABLE (id integer, token text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  admin text := require_role('admin');
BEGIN
  PERFORM require_session();
  IF NOT EXISTS (SELECT FROM user_roles r WHERE r.role = invite_user.role) THEN
    RAISE EXCEPTION 'there is no role "%"', invite_user.role
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The table user_roles lists them.';
  ELSIF invite_user.expires_at IS NULL OR invite_user.expires_at <= now() OR invite_user.expires_at > now() + interval '30 days' THEN
    RAISE EXCEPTION 'an invitation expires within 30 days from now'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave expires_at out for 7 days.';
  ELSIF NOT EXISTS (SELECT FROM departments d WHERE d.id = invite_user.department_id) AND invite_user.department_id IS NOT NULL THEN
    RAISE EXCEPTION 'department % does not exist', invite_user.department_id
      USING ERRCODE = 'PT404', HINT = 'The table departments lists them.';
  END IF;
  UPDATE user_invitations i SET status = 'expired'
   WHERE lower(i.email) = lower(invite_user.email) AND i.status = 'pending' AND i.expires_at <= now();
  token := new_token();
  INSERT INTO user_invitations AS i (email, token, role, department_id, invited_by, expires_at)
  VALUES (check_email(invite_user.email), hash_token(invite_user.token), invite_user.role, invite_user.department_id, admin, invite_user.expires_at)
  ON CONFLICT DO NOTHING
  RETURNING i.id INTO invite_user.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this address has an open invitation'
      USING ERRCODE = 'unique_violation', HINT = 'Cancel it first.';
  END IF;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION invite_user(text, text, integer, timestamptz) IS
  'Invites somebody to take a role; the token is shown this once and stored as SHA-256. Errors: PT401; 42501 not an administrator; '
  '22023 not an address, no such role, expiry not within 30 days; PT404 no such department; 23505 an invitation is open.';
REVOKE ALL ON FUNCTION invite_user(text, text, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invite_user(text, text, integer, timestamptz) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION accept_invitation(token text, password text DEFAULT NULL, first_name text DEFAULT NULL, last_name text DEFAULT NULL)
RETURNS TABLE (id text, role text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
  invitation user_invitations;
  person text := acting_person();
  department_name text;
BEGIN
  -- Claimed by one conditional update: of many who try at once, one gets a row.
  UPDATE user_invitations i SET status = 'accepted'
   WHERE i.token = hash_token(accept_invitation.token) AND i.status = 'pending' AND i.expires_at > now()
  RETURNING i.* INTO invitation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this invitation is used, cancelled, expired or unknown' USING ERRCODE = 'PT400', HINT = 'Ask to be invited again.';
  END IF;
  department_name := (SELECT d.name FROM departments d WHERE d.id = invitation.department_id);
  IF person IS NULL THEN
    RETURN QUERY
    INSERT INTO users AS u (email, password, first_name, last_name, role, department, is_active, is_approved)
    VALUES (invitation.email, hash_password(accept_invitation.password), accept_invitation.first_name,
            accept_invitation.last_name, invitation.role, department_name, true, true)
    -- Who registered with this address and was never approved did not show that it is hers; who holds the token does.
    ON CONFLICT (lower(email)) DO UPDATE
       SET password = EXCLUDED.password, first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, role = EXCLUDED.role,
           department = EXCLUDED.department, is_approved = true, password_changed_at = clock_timestamp()
     WHERE u.is_active AND NOT u.is_approved
    RETURNING u.id::text, u.role::text;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'this e-mail address has an account'
        USING ERRCODE = 'unique_violation', HINT = 'Sign in, then accept the invitation.';
    END IF;
    RETURN;
  END IF;
  -- Somebody who has an account takes the higher of two roles.
  RETURN QUERY
  UPDATE users u
     SET role = CASE WHEN invited.rank > had.rank THEN invited.role ELSE u.role END, department = COALESCE(department_name, u.department)
    FROM user_roles had, user_roles invited
   WHERE u.id = person AND lower(u.email) = lower(invitation.email) AND had.role = u.role AND invited.role = invitation.role
  RETURNING u.id::text, u.role::text;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this invitation is for somebody else'
      USING ERRCODE = 'insufficient_privilege', HINT = 'Sign in with the address that was invited.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION accept_invitation(text, text, text, text) IS
  'Anonymous: makes an approved account with the invited role. Signed in with the invited address: takes the role, if it is higher. '
  'Errors: PT400 used, cancelled, expired or unknown; 42501 signed in as somebody else; 23505 the address has an account; 22023 a password under 8 characters or over 72 bytes.';
REVOKE ALL ON FUNCTION accept_invitation(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_invitation(text, text, text, text) TO ticketflow_anon, ticketflow_customer;

CREATE OR REPLACE FUNCTION cancel_invitation(id integer)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  UPDATE user_invitations i SET status = 'cancelled' WHERE i.id = cancel_invitation.id AND i.status = 'pending';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no open invitation %', cancel_invitation.id
      USING ERRCODE = 'PT404', HINT = 'list_invitations() lists them.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION cancel_invitation(integer) IS
  'Makes an open invitation worthless. Errors: PT401; 42501 not an administrator; PT404 not there, or no longer open.';
REVOKE ALL ON FUNCTION cancel_invitation(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_invitation(integer) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION list_invitations(status text DEFAULT NULL)
RETURNS TABLE (id integer, email text, role text, department_id integer, invited_by text, state text, expires_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.id, i.email, i.role, i.department_id, i.invited_by,
         CASE WHEN i.status = 'pending' AND i.expires_at <= now() THEN 'expired' ELSE i.status END, i.expires_at, i.created_at
    FROM user_invitations i
   WHERE list_invitations.status IS NULL
      OR list_invitations.status = CASE WHEN i.status = 'pending' AND i.expires_at <= now() THEN 'expired' ELSE i.status END
   ORDER BY i.id DESC;
END;
COMMENT ON FUNCTION list_invitations(text) IS 'Invitations, newest first, for administrators; state: pending, accepted, cancelled, or expired, which is judged by the clock. Error: 42501 another database role.';
REVOKE ALL ON FUNCTION list_invitations(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_invitations(text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION create_api_key(name text, service text DEFAULT 'ticketflow',
  expires_at timestamptz DEFAULT now() + interval '90 days')
RETURNS TABLE (id integer, key text, key_prefix text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_session();
BEGIN
  IF btrim(COALESCE(create_api_key.name, '')) = '' OR btrim(COALESCE(create_api_key.service, '')) = '' THEN
    RAISE EXCEPTION 'a key has a name and a service' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what the key is for.';
  ELSIF create_api_key.expires_at <= now() OR create_api_key.expires_at > now() + interval '366 days' THEN
    RAISE EXCEPTION 'a key expires within a year from now, or never'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave expires_at out for 90 days, or pass null for never.';
  END IF;
  key := 'tfk_' || new_token();
  key_prefix := left(key, 8);
  INSERT INTO api_keys AS k (name, service, key_hash, key_prefix, created_by, expires_at)
  VALUES (btrim(create_api_key.name), btrim(create_api_key.service), hash_token(create_api_key.key), create_api_key.key_prefix, person, create_api_key.expires_at)
  RETURNING k.id INTO create_api_key.id;
  RETURN NEXT;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_api_key(text, text, timestamptz) IS
  'Makes a key that acts in the name of the person who is signed in; it is shown this once and stored as SHA-256. expires_at: within 366 '
  'days, null is never. Errors: PT401; 42501 an API key; 22023 no name, or a bad expiry; 22001 name over 100 or service over 50 characters.';
REVOKE ALL ON FUNCTION create_api_key(text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_api_key(text, text, timestamptz) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION revoke_api_key(id integer)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_person();
BEGIN
  UPDATE api_keys k SET is_active = false
   WHERE k.id = revoke_api_key.id AND k.is_active AND (k.created_by = person OR acting_role() = 'admin');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no active key %', revoke_api_key.id
      USING ERRCODE = 'PT404', HINT = 'list_api_keys() lists yours.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION revoke_api_key(integer) IS 'Ends a key of one''s own, an administrator any. Errors: PT401; PT404 not there, not yours or revoked.';
REVOKE ALL ON FUNCTION revoke_api_key(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_api_key(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION list_api_keys()
RETURNS TABLE (id integer, name text, service text, key_prefix text, is_active boolean, created_by text, last_used timestamptz,
               created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT k.id, k.name, k.service, k.key_prefix, k.is_active, k.created_by, k.last_used, k.created_at, k.expires_at
    FROM api_keys k ORDER BY k.id DESC;
END;
COMMENT ON FUNCTION list_api_keys() IS 'Keys of the person who is signed in, an administrator''s list holds all; never the key itself. No row for nobody.';
REVOKE ALL ON FUNCTION list_api_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_api_keys() TO ticketflow_customer;
