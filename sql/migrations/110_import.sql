-- import: runs, what each refused, and which ticket came from which record of which system.

CREATE TABLE import_runs (
  id bigserial PRIMARY KEY,
  source varchar(100) NOT NULL CHECK (btrim(source) <> ''),
  state varchar(10) NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'abandoned')),
  options jsonb NOT NULL,
  file_name text,
  file_digest text,
  records bigint NOT NULL DEFAULT 0,
  inserted bigint NOT NULL DEFAULT 0 CHECK (inserted >= 0),
  updated bigint NOT NULL DEFAULT 0 CHECK (updated >= 0),
  unchanged bigint NOT NULL DEFAULT 0 CHECK (unchanged >= 0),
  skipped bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
  rejected bigint NOT NULL DEFAULT 0 CHECK (rejected >= 0),
  last_line bigint NOT NULL DEFAULT 0,
  file_position bigint NOT NULL DEFAULT 0,
  started_by name NOT NULL DEFAULT session_user,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT import_runs_nothing_lost CHECK (records = inserted + updated + unchanged + skipped + rejected)
);
COMMENT ON TABLE import_runs IS 'Imports of tickets, one row a file; the sums add up by constraint.';
COMMENT ON COLUMN import_runs.source IS 'The system that the records come from; with the external id it names a record for ever.';
COMMENT ON COLUMN import_runs.unchanged IS 'Records that are as the last import brought them; their tickets were not touched.';
COMMENT ON COLUMN import_runs.skipped IS 'Changed records whose ticket was left alone: existing = skip, or the ticket was deleted here.';
COMMENT ON COLUMN import_runs.last_line IS 'Line of the last record that is committed; a resumed run goes on behind it.';
COMMENT ON COLUMN import_runs.file_position IS 'Bytes of (unpacked) input that the committed records span.';
CREATE UNIQUE INDEX import_runs_one_running ON import_runs (source) WHERE state = 'running';

CREATE TABLE import_rejects (
  run_id bigint NOT NULL REFERENCES import_runs ON DELETE CASCADE,
  line bigint NOT NULL,
  external_id text,
  code text NOT NULL,
  reason text NOT NULL,
  record jsonb,
  PRIMARY KEY (run_id, line)
);
COMMENT ON TABLE import_rejects IS 'Records that an import could not take.';
COMMENT ON COLUMN import_rejects.line IS 'Line of the file where the record begins, from 1.';
COMMENT ON COLUMN import_rejects.code IS 'SQLSTATE of the first reason.';
COMMENT ON COLUMN import_rejects.record IS 'The record by field name; long values are cut.';

CREATE TABLE task_sources (
  source varchar(100) NOT NULL,
  external_id text NOT NULL CHECK (external_id <> ''),
  task_id integer REFERENCES tasks ON DELETE SET NULL,
  checksum text NOT NULL,
  extra jsonb NOT NULL DEFAULT '{}',
  run_id bigint,
  line bigint,
  imported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, external_id)
);
COMMENT ON TABLE task_sources IS 'Which ticket came from which record of which system; makes imports idempotent.';
COMMENT ON COLUMN task_sources.task_id IS 'The ticket; null once it is deleted, and then no import brings it back.';
COMMENT ON COLUMN task_sources.checksum IS 'Of the record and the way it was mapped, when it was imported last.';
COMMENT ON COLUMN task_sources.extra IS 'The columns of the record that no field took.';
COMMENT ON COLUMN task_sources.run_id IS 'The last run that saw the record.';
CREATE INDEX idx_task_sources_task ON task_sources (task_id);

CREATE TABLE user_sources (
  source varchar(100) NOT NULL,
  external_id text NOT NULL CHECK (external_id <> ''),
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (source, external_id)
);
COMMENT ON TABLE user_sources IS 'Which person a name in another system is; an administrator may change user_id before the next import.';
CREATE INDEX idx_user_sources_user ON user_sources (user_id);
