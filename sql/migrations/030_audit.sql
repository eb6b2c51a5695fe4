-- audit: field history of tickets and the log of every change.

CREATE TABLE task_history (
  id bigserial PRIMARY KEY,
  task_id integer NOT NULL,
  user_id varchar,
  field varchar(63) NOT NULL,
  old_value text,
  new_value text,
  change_type varchar(20) NOT NULL CHECK (change_type IN ('created', 'updated', 'deleted')),
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE task_history IS 'One row a changed field of a ticket; outlives the ticket.';
CREATE INDEX idx_task_history_task ON task_history (task_id);
CREATE INDEX idx_task_history_user ON task_history (user_id);
CREATE INDEX idx_task_history_created ON task_history (created_at);

CREATE TABLE audit_log (
  id bigserial PRIMARY KEY,
  table_name text NOT NULL,
  operation text NOT NULL,
  user_id text,
  old_values jsonb,
  new_values jsonb,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE audit_log IS 'Every change of an audited table.';
