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

CREATE TABLE notification_types (
  type varchar(50) PRIMARY KEY,
  description text NOT NULL
);
COMMENT ON TABLE notification_types IS 'What people can be told, and switch off for themselves.';
INSERT INTO notification_types VALUES
  ('task_assigned', 'A ticket was assigned to you or queued to your team'),
  ('comment_added', 'Somebody commented on your ticket'),
  ('mention', 'Somebody mentioned you in a comment'),
  ('status_changed', 'Your ticket changed its status'),
  ('escalation', 'A ticket of your team should be escalated'),
  ('due_soon', 'Your ticket is due soon'),
  ('system', 'News of the desk itself');
ALTER TABLE notifications ADD FOREIGN KEY (type) REFERENCES notification_types ON UPDATE CASCADE;

CREATE TABLE notification_preferences (
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE,
  type varchar(50) NOT NULL REFERENCES notification_types ON UPDATE CASCADE ON DELETE CASCADE,
  is_enabled boolean NOT NULL,
  PRIMARY KEY (user_id, type)
);
COMMENT ON TABLE notification_preferences IS 'What a person switched off (or on again); what is not here is on.';
CREATE UNIQUE INDEX notifications_due_once ON notifications (user_id, related_task_id, title) WHERE type = 'due_soon';
