-- complexity: one score a ticket.

CREATE TABLE ticket_complexity_scores (
  id serial PRIMARY KEY,
  task_id integer NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
  complexity_score integer NOT NULL CHECK (complexity_score BETWEEN 0 AND 100),
  factors jsonb,
  escalation_recommended boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ticket_complexity_scores IS 'How hard a ticket is expected to be, one row a ticket.';
COMMENT ON COLUMN ticket_complexity_scores.complexity_score IS '0 to 100: harder than that share of tickets.';
CREATE INDEX idx_complexity_score ON ticket_complexity_scores (complexity_score);
CREATE INDEX idx_complexity_escalation ON ticket_complexity_scores (escalation_recommended);
