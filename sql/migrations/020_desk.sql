-- desk: settings, teams, tickets, comments and attachments.

CREATE TABLE company_settings (
  id serial PRIMARY KEY,
  company_name varchar(255),
  logo_data text,
  logo_mime_type varchar(50),
  ticket_prefix varchar(10) NOT NULL DEFAULT 'TKT' CHECK (ticket_prefix ~ '^[A-Za-z0-9]{1,10}$'),
  aws_access_key_id_ses varchar(100),
  aws_secret_access_key_ses text,
  aws_region_ses varchar(20) DEFAULT 'us-east-1',
  aws_access_key_id_bedrock varchar(100),
  aws_secret_access_key_bedrock text,
  aws_region_bedrock varchar(20) DEFAULT 'us-east-1',
  microsoft_client_id varchar(100),
  microsoft_client_secret text,
  microsoft_tenant_id varchar(100),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE company_settings IS 'Configuration and branding of the desk; at most one row.';
COMMENT ON COLUMN company_settings.aws_secret_access_key_ses IS 'Encrypted (pgcrypto, armored); the key is not in the database.';
COMMENT ON COLUMN company_settings.aws_secret_access_key_bedrock IS 'Encrypted (pgcrypto, armored); the key is not in the database.';
COMMENT ON COLUMN company_settings.microsoft_client_secret IS 'Encrypted (pgcrypto, armored); the key is not in the database.';
CREATE UNIQUE INDEX company_settings_one_row ON company_settings ((true));

CREATE TABLE task_categories (
  category varchar(50) PRIMARY KEY,
  position smallint NOT NULL
);
COMMENT ON TABLE task_categories IS 'Vocabulary of tasks.category; add rows as the desk needs.';
INSERT INTO task_categories VALUES ('bug', 1), ('feature', 2), ('support', 3), ('enhancement', 4), ('incident', 5), ('request', 6);

CREATE TABLE task_statuses (
  status varchar(50) PRIMARY KEY,
  stage varchar(10) NOT NULL CHECK (stage IN ('open', 'waiting', 'resolved', 'closed')),
  position smallint NOT NULL
);
COMMENT ON TABLE task_statuses IS 'Vocabulary of tasks.status; stage says what a status means to stamps, clocks and reports.';
INSERT INTO task_statuses VALUES ('open', 'open', 1), ('in_progress', 'open', 2), ('on_hold', 'waiting', 3), ('resolved', 'resolved', 4), ('closed', 'closed', 5);

CREATE TABLE status_transitions (
  from_status varchar(50) NOT NULL REFERENCES task_statuses ON UPDATE CASCADE ON DELETE CASCADE,
  to_status varchar(50) NOT NULL REFERENCES task_statuses ON UPDATE CASCADE ON DELETE CASCADE,
  role varchar(50) NOT NULL DEFAULT 'user' REFERENCES user_roles,
  PRIMARY KEY (from_status, to_status),
  CHECK (from_status <> to_status)
);
COMMENT ON TABLE status_transitions IS 'Which status may follow which; a change that is not listed is refused.';
COMMENT ON COLUMN status_transitions.role IS 'The lowest role that may make the change; a customer only on tickets of her own.';
INSERT INTO status_transitions (from_status, to_status) VALUES
  ('open', 'in_progress'), ('open', 'on_hold'), ('open', 'resolved'), ('open', 'closed'),
  ('in_progress', 'open'), ('in_progress', 'on_hold'), ('in_progress', 'resolved'), ('in_progress', 'closed'),
  ('on_hold', 'open'), ('on_hold', 'in_progress'), ('on_hold', 'resolved'), ('on_hold', 'closed'),
  ('resolved', 'closed');
INSERT INTO status_transitions VALUES ('resolved', 'open', 'customer'), ('closed', 'open', 'customer');

CREATE TABLE task_field_rights (
  role varchar(50) NOT NULL REFERENCES user_roles,
  field text NOT NULL,
  PRIMARY KEY (role, field)
);
COMMENT ON TABLE task_field_rights IS 'Which fields of a visible ticket a role may change; a customer only on tickets of her own.';
INSERT INTO task_field_rights
SELECT role, field FROM (VALUES
  ('customer', '{title,description}'::text[]),
  ('user', '{priority,severity,estimated_hours,actual_hours,tags}'),
  ('manager', '{title,description,category,priority,severity,due_date,estimated_hours,actual_hours,tags}'),
  ('admin', '{title,description,category,priority,severity,due_date,estimated_hours,actual_hours,tags}')) AS given (role, fields),
  unnest(fields) AS field;

CREATE TABLE task_priorities (
  priority varchar(20) PRIMARY KEY,
  rank smallint NOT NULL UNIQUE
);
COMMENT ON TABLE task_priorities IS 'Vocabulary of tasks.priority, least first.';
INSERT INTO task_priorities VALUES ('low', 1), ('medium', 2), ('high', 3), ('urgent', 4);

CREATE TABLE task_severities (
  severity varchar(20) PRIMARY KEY,
  rank smallint NOT NULL UNIQUE
);
COMMENT ON TABLE task_severities IS 'Vocabulary of tasks.severity, least first.';
INSERT INTO task_severities VALUES ('minor', 1), ('normal', 2), ('major', 3), ('critical', 4);

CREATE TABLE teams (
  id serial PRIMARY KEY,
  name varchar(100) NOT NULL UNIQUE,
  description text,
  manager_id varchar REFERENCES users ON DELETE SET NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE teams IS 'Teams that tickets are queued to.';
CREATE INDEX idx_teams_manager ON teams (manager_id);

CREATE TABLE team_members (
  id serial PRIMARY KEY,
  team_id integer NOT NULL REFERENCES teams ON DELETE CASCADE,
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE,
  role varchar(20) NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),
  joined_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (team_id, user_id)
);
COMMENT ON TABLE team_members IS 'Who works in which team.';
CREATE INDEX idx_team_members_team ON team_members (team_id);
CREATE INDEX idx_team_members_user ON team_members (user_id);

CREATE TABLE tasks (
  id serial PRIMARY KEY,
  ticket_number varchar(40) NOT NULL UNIQUE,
  title varchar(255) NOT NULL CHECK (btrim(title) <> ''),
  description text,
  category varchar(50) NOT NULL REFERENCES task_categories ON UPDATE CASCADE,
  status varchar(50) NOT NULL DEFAULT 'open' REFERENCES task_statuses ON UPDATE CASCADE,
  priority varchar(20) NOT NULL DEFAULT 'medium' REFERENCES task_priorities ON UPDATE CASCADE,
  severity varchar(20) NOT NULL DEFAULT 'normal' REFERENCES task_severities ON UPDATE CASCADE,
  assignee_id varchar REFERENCES users ON DELETE SET NULL,
  assignee_type varchar(10) NOT NULL DEFAULT 'user' CHECK (assignee_type IN ('user', 'team')),
  assigned_team_id integer REFERENCES teams ON DELETE SET NULL,
  created_by varchar NOT NULL REFERENCES users,
  last_updated_by varchar REFERENCES users ON DELETE SET NULL,
  due_date timestamptz,
  estimated_hours numeric(8,2) CHECK (estimated_hours BETWEEN 0 AND 999999.99),
  actual_hours numeric(8,2) CHECK (actual_hours BETWEEN 0 AND 999999.99),
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  closed_at timestamptz,
  organization_id integer REFERENCES organizations ON DELETE SET NULL,
  version integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE tasks IS 'Tickets.';
COMMENT ON COLUMN tasks.ticket_number IS 'Readable number, unique for ever; filled by the numbering trigger where none is given.';
COMMENT ON COLUMN tasks.assignee_type IS 'user or team: which of assignee_id and assigned_team_id counts.';
COMMENT ON COLUMN tasks.estimated_hours IS 'Hours of work expected.';
COMMENT ON COLUMN tasks.actual_hours IS 'Hours of work spent.';
COMMENT ON COLUMN tasks.organization_id IS 'The creator''s customer organisation when the ticket was made.';
COMMENT ON COLUMN tasks.version IS 'Grows by one at each change; update_task() refuses a stale one.';
CREATE INDEX idx_tasks_status ON tasks (status);
CREATE INDEX idx_tasks_assignee ON tasks (assignee_id);
CREATE INDEX idx_tasks_assigned_team ON tasks (assigned_team_id);
CREATE INDEX idx_tasks_created_by ON tasks (created_by);
CREATE INDEX idx_tasks_category ON tasks (category);
CREATE INDEX idx_tasks_priority ON tasks (priority);
CREATE INDEX idx_tasks_due_date ON tasks (due_date);
CREATE INDEX idx_tasks_created_at ON tasks (created_at);
CREATE INDEX idx_tasks_organization ON tasks (organization_id) WHERE organization_id IS NOT NULL;

CREATE TABLE task_comments (
  id serial PRIMARY KEY,
  task_id integer NOT NULL REFERENCES tasks ON DELETE CASCADE,
  user_id varchar NOT NULL REFERENCES users,
  content text NOT NULL,
  is_internal boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE task_comments IS 'Conversation on tickets.';
COMMENT ON COLUMN task_comments.is_internal IS 'Internal notes are never seen, counted or searched by customers.';
CREATE INDEX idx_task_comments_task ON task_comments (task_id);
CREATE INDEX idx_task_comments_user ON task_comments (user_id);
CREATE INDEX idx_task_comments_created ON task_comments (created_at);

CREATE TABLE task_attachments (
  id serial PRIMARY KEY,
  task_id integer NOT NULL REFERENCES tasks ON DELETE CASCADE,
  filename varchar(255) NOT NULL,
  original_name varchar(255) NOT NULL,
  mime_type varchar(100) NOT NULL,
  file_size integer NOT NULL CHECK (file_size >= 0),
  file_path varchar(500) NOT NULL,
  description text,
  uploaded_by varchar REFERENCES users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE task_attachments IS 'Files of tickets; the bytes live at file_path.';
COMMENT ON COLUMN task_attachments.file_size IS 'Bytes.';
CREATE INDEX task_attachments_path ON task_attachments (file_path);
CREATE INDEX idx_attachments_task ON task_attachments (task_id);
CREATE INDEX idx_attachments_uploaded_by ON task_attachments (uploaded_by);
