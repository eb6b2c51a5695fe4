-- notify: what people are told.

CREATE TABLE notifications (
  id bigserial PRIMARY KEY,
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE,
  title varchar(255) NOT NULL,
  content text NOT NULL,
  type varchar(50) NOT NULL,
  related_task_id integer REFERENCES tasks ON DELETE SET NULL,
  is_read boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE notifications IS 'Messages to people inside the desk.';
CREATE INDEX idx_notifications_user ON notifications (user_id);
CREATE INDEX idx_notifications_unread ON notifications (user_id, is_read);
CREATE INDEX idx_notifications_type ON notifications (type);
