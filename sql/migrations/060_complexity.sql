-- complexity: one score a ticket, the models it came from, and how it changed.

CREATE TABLE complexity_models (
  name varchar(100) NOT NULL CHECK (btrim(name) <> ''),
  version integer NOT NULL CHECK (version > 0),
  model bytea NOT NULL,
  report jsonb NOT NULL DEFAULT '{}',
  trained_by text NOT NULL DEFAULT CURRENT_USER,
  created_at timestamptz NOT NULL DEFAULT now(),
  is_active boolean NOT NULL DEFAULT false,
  PRIMARY KEY (name, version)
);
-- The encoding is compact already; uncompressed, its head can be read alone.
ALTER TABLE complexity_models ALTER COLUMN model SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX complexity_models_active ON complexity_models (is_active) WHERE is_active;
COMMENT ON TABLE complexity_models IS 'Models that train_complexity() made or import_complexity_model() brought, one row a version; a version never changes.';
COMMENT ON COLUMN complexity_models.model IS 'The model itself, as complexity_score() takes it.';
COMMENT ON COLUMN complexity_models.report IS 'What it learned from and how good it was on tickets that it had not seen.';
COMMENT ON COLUMN complexity_models.is_active IS 'The one that scores this desk''s tickets; where none is, the shipped model does.';

CREATE TABLE complexity_settings (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  threshold integer NOT NULL DEFAULT 70 CHECK (threshold BETWEEN 0 AND 100),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE complexity_settings IS 'How this desk uses complexity; one row.';
COMMENT ON COLUMN complexity_settings.threshold IS 'Score from which escalation is recommended, 0 to 100; urgency lowers it.';
INSERT INTO complexity_settings DEFAULT VALUES;

CREATE TABLE ticket_complexity_scores (
  id serial PRIMARY KEY,
  task_id integer NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
  complexity_score integer NOT NULL CHECK (complexity_score BETWEEN 0 AND 100),
  factors jsonb,
  escalation_recommended boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  computed_score integer CHECK (computed_score BETWEEN 0 AND 100),
  model text,
  override_score integer CHECK (override_score BETWEEN 0 AND 100),
  override_reason text CHECK (btrim(override_reason) <> ''),
  overridden_by varchar REFERENCES users ON DELETE SET NULL,
  overridden_at timestamptz,
  CHECK ((override_score IS NULL) = (override_reason IS NULL))
);
COMMENT ON TABLE ticket_complexity_scores IS 'How hard a ticket is expected to be, one row a ticket; none where nothing can be said.';
COMMENT ON COLUMN ticket_complexity_scores.complexity_score IS '0 to 100: harder than that share of tickets; the override where there is one.';
COMMENT ON COLUMN ticket_complexity_scores.factors IS 'List of name, value, weight and points; the points add up to complexity_score.';
COMMENT ON COLUMN ticket_complexity_scores.computed_score IS 'What the model said, whatever a person decided.';
COMMENT ON COLUMN ticket_complexity_scores.model IS 'Name and version of the model ("shipped" or "name v3"); null where somebody wrote the row by hand.';
COMMENT ON COLUMN ticket_complexity_scores.override_score IS 'What a person decided instead; computing again respects it.';
COMMENT ON COLUMN ticket_complexity_scores.override_reason IS 'Why.';
CREATE INDEX idx_complexity_score ON ticket_complexity_scores (complexity_score);
CREATE INDEX idx_complexity_escalation ON ticket_complexity_scores (escalation_recommended);

CREATE TABLE ticket_complexity_history (
  id bigserial PRIMARY KEY,
  task_id integer NOT NULL REFERENCES tasks ON DELETE CASCADE,
  complexity_score integer NOT NULL,
  escalation_recommended boolean NOT NULL,
  model text,
  override_reason text,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ticket_complexity_history IS 'Every score that a ticket had, from the first on; a row where score, escalation or override changed.';
CREATE INDEX idx_complexity_history_task ON ticket_complexity_history (task_id, id);
