-- accounts: organisations, people, departments, invitations, keys and sessions.
-- Where a column differs from the schema guide, docs/decisions.md says why.

CREATE TABLE organizations (
  id serial PRIMARY KEY,
  name varchar(200) NOT NULL UNIQUE CHECK (btrim(name) <> ''),
  is_shared boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE organizations IS 'Customer organisations: tenants inside a desk.';
COMMENT ON COLUMN organizations.is_shared IS 'Customers of a shared organisation see each other''s tickets.';

CREATE TABLE user_roles (
  role varchar(50) PRIMARY KEY,
  rank smallint NOT NULL UNIQUE,
  database_role name NOT NULL,
  connection_limit integer NOT NULL DEFAULT -1 CHECK (connection_limit >= -1)
);
COMMENT ON TABLE user_roles IS 'Roles of people, lowest right first, and the database role that acts for each.';
COMMENT ON COLUMN user_roles.connection_limit IS 'Connections that each login of a person of this role may have at once; -1: no limit.';
INSERT INTO user_roles VALUES
  ('customer', 1, 'ticketflow_customer'), ('user', 2, 'ticketflow_user'),
  ('manager', 3, 'ticketflow_manager'), ('admin', 4, 'ticketflow_admin');

CREATE TABLE users (
  id varchar PRIMARY KEY DEFAULT gen_random_uuid()::text CHECK (id <> ''),
  email varchar NOT NULL,
  password varchar,
  password_reset_token varchar,
  password_reset_expires timestamptz,
  first_name varchar(100),
  last_name varchar(100),
  profile_image_url varchar(500),
  role varchar(50) NOT NULL DEFAULT 'user' REFERENCES user_roles,
  department varchar(100),
  is_active boolean NOT NULL DEFAULT true,
  is_approved boolean NOT NULL DEFAULT false,
  failed_login_attempts integer NOT NULL DEFAULT 0 CHECK (failed_login_attempts >= 0),
  locked_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  organization_id integer REFERENCES organizations ON DELETE SET NULL,
  last_failed_login_at timestamptz,
  password_changed_at timestamptz
);
COMMENT ON TABLE users IS 'People: accounts and how they sign in.';
COMMENT ON COLUMN users.id IS 'UUID from the authentication provider, or made here.';
COMMENT ON COLUMN users.password IS 'bcrypt hash (pgcrypto); null for people who sign in elsewhere.';
COMMENT ON COLUMN users.password_reset_token IS 'SHA-256 of the token, hexadecimal; the token itself is shown once and never stored.';
COMMENT ON COLUMN users.role IS 'customer < user < manager < admin.';
COMMENT ON COLUMN users.last_failed_login_at IS 'The last failed attempt to sign in; after a quiet quarter of an hour the count restarts.';
COMMENT ON COLUMN users.password_changed_at IS 'Tokens issued earlier sign nobody in.';
COMMENT ON COLUMN users.organization_id IS 'The customer organisation this person belongs to, if any.';
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_users_role ON users (role);
CREATE INDEX idx_users_department ON users (department);
CREATE INDEX idx_users_is_active ON users (is_active, is_approved);
CREATE UNIQUE INDEX users_password_reset_token ON users (password_reset_token) WHERE password_reset_token IS NOT NULL;
CREATE INDEX idx_users_organization ON users (organization_id) WHERE organization_id IS NOT NULL;

CREATE TABLE departments (
  id serial PRIMARY KEY,
  name varchar(100) NOT NULL UNIQUE,
  description text,
  manager_id varchar REFERENCES users ON DELETE SET NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE departments IS 'Organisational structure for user management.';

CREATE TABLE user_invitations (
  id serial PRIMARY KEY,
  email varchar(255) NOT NULL,
  token varchar(255) NOT NULL UNIQUE,
  role varchar(50) NOT NULL REFERENCES user_roles,
  department_id integer REFERENCES departments ON DELETE SET NULL,
  invited_by varchar REFERENCES users ON DELETE SET NULL,
  status varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'expired', 'cancelled')),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE user_invitations IS 'Invitations by e-mail.';
COMMENT ON COLUMN user_invitations.token IS 'SHA-256 of the token, hexadecimal; the token itself is shown once and never stored.';
CREATE INDEX idx_invitations_email ON user_invitations (email);
CREATE INDEX idx_invitations_status ON user_invitations (status);
CREATE UNIQUE INDEX user_invitations_one_pending ON user_invitations (lower(email)) WHERE status = 'pending';

CREATE TABLE api_keys (
  id serial PRIMARY KEY,
  name varchar(100) NOT NULL,
  service varchar(50) NOT NULL,
  key_hash varchar(255) NOT NULL UNIQUE,
  is_active boolean NOT NULL DEFAULT true,
  created_by varchar REFERENCES users ON DELETE SET NULL,
  last_used timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  key_prefix varchar(12),
  expires_at timestamptz
);
COMMENT ON TABLE api_keys IS 'Keys that integrations sign in with, and references to keys kept elsewhere.';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the key, hexadecimal; the key itself is shown once and never stored.';
COMMENT ON COLUMN api_keys.created_by IS 'The person in whose name the key acts.';
COMMENT ON COLUMN api_keys.key_prefix IS 'The first characters of the key, to tell keys apart.';
COMMENT ON COLUMN api_keys.expires_at IS 'Null: never.';
CREATE INDEX idx_api_keys_service ON api_keys (service);
CREATE INDEX idx_api_keys_active ON api_keys (is_active);

CREATE TABLE sessions (
  sid varchar PRIMARY KEY,
  sess jsonb NOT NULL,
  expire timestamptz NOT NULL
);
COMMENT ON TABLE sessions IS 'Web sessions; the shape that connect-pg-simple expects.';
CREATE INDEX idx_sessions_expire ON sessions (expire);
CREATE INDEX sessions_person ON sessions (COALESCE(sess #>> '{passport,user}', sess ->> 'user_id'));

CREATE TABLE login_users (
  role_name name PRIMARY KEY,
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE
);
COMMENT ON TABLE login_users IS 'Which person a database login is on this desk; read by current_user_id().';

CREATE TABLE login_attempts (
  email_hash text PRIMARY KEY,
  failed_attempts integer NOT NULL,
  locked_until timestamptz,
  last_failed_at timestamptz NOT NULL
);
COMMENT ON TABLE login_attempts IS 'Failed attempts at addresses without an account, so that a lock tells nobody which addresses have one.';
CREATE INDEX login_attempts_age ON login_attempts (last_failed_at);

CREATE TABLE password_reset_requests (
  id bigserial PRIMARY KEY,
  email varchar(255) NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE password_reset_requests IS 'Addresses that asked for a new password, known or not; take_password_resets() makes the tokens.';
CREATE UNIQUE INDEX password_reset_requests_email ON password_reset_requests (lower(email));
