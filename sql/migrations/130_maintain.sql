-- maintain: when each step of the regular maintenance last ran.

CREATE TABLE maintenance_steps (
  step text PRIMARY KEY,
  last_run_at timestamptz NOT NULL,
  rows bigint,
  seconds numeric(12,3) NOT NULL
);
COMMENT ON TABLE maintenance_steps IS 'The steps of maintain(): when each last ran, what it touched and how long it took.';
COMMENT ON COLUMN maintenance_steps.rows IS 'Rows removed, archived or written; null where rows are not what it works on.';
COMMENT ON COLUMN maintenance_steps.seconds IS 'Wall time of the last run.';
