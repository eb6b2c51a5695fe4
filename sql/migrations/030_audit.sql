-- audit: field history of tickets and the log of every change. docs/audit.md explains the columns that the guide lacks.

CREATE TABLE task_history (
  id bigserial PRIMARY KEY,
  task_id integer NOT NULL,
  user_id varchar,
  field varchar(63) NOT NULL,
  old_value text,
  new_value text,
  change_type varchar(20) NOT NULL CHECK (change_type IN ('created', 'updated', 'deleted')),
  created_at timestamptz NOT NULL DEFAULT now(),
  transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
COMMENT ON TABLE task_history IS 'One row a changed field of a ticket, one for its creation and one for its deletion; outlives the ticket.';
COMMENT ON COLUMN task_history.task_id IS 'The ticket; no foreign key, because history outlives it.';
COMMENT ON COLUMN task_history.user_id IS 'Who did it; null: the system. No foreign key, because history outlives people.';
COMMENT ON COLUMN task_history.field IS 'The changed column; * for the whole ticket, whose title the value then is.';
COMMENT ON COLUMN task_history.old_value IS 'The text of the value, whatever the session''s settings; null where the column was null.';
COMMENT ON COLUMN task_history.created_at IS 'When the changing statement began.';
COMMENT ON COLUMN task_history.transaction_id IS 'The transaction, as in audit_log.';
CREATE INDEX idx_task_history_task ON task_history (task_id);
CREATE INDEX idx_task_history_user ON task_history (user_id);
CREATE INDEX idx_task_history_created ON task_history (created_at);
CREATE INDEX task_history_transaction ON task_history USING brin (transaction_id) WITH (pages_per_range = 32);

CREATE TABLE task_history_archive (LIKE task_history INCLUDING COMMENTS, archived_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE task_history_archive ADD PRIMARY KEY (id);
CREATE INDEX task_history_archive_task ON task_history_archive (task_id);
CREATE INDEX task_history_archive_transaction ON task_history_archive USING brin (transaction_id) WITH (pages_per_range = 32);
COMMENT ON TABLE task_history_archive IS 'What was deleted from task_history: retention moves, it does not destroy.';

-- The columns of a fixed width come first, so that none is padded; every byte here is one more byte of WAL a changed row.
CREATE TABLE audit_log (
  id bigserial NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
  record bigint NOT NULL DEFAULT 0,
  context bigint,
  table_name text NOT NULL,
  operation text NOT NULL,
  user_id text,
  old_values jsonb,
  new_values jsonb,
  record_key jsonb,
  moved_to bigint,
  request_id text,
  cause text,
  row_digest bytea
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE audit_log IS 'Every change of an audited table, one partition a month. View audit_trail shows it with its context.';
COMMENT ON COLUMN audit_log.id IS 'Order of changes: of two changes of one row the later has the greater id.';
COMMENT ON COLUMN audit_log.operation IS 'INSERT, UPDATE, DELETE or TRUNCATE.';
COMMENT ON COLUMN audit_log.user_id IS 'Who did it; null: the system.';
COMMENT ON COLUMN audit_log.old_values IS 'UPDATE: the changed columns before; DELETE: the row; TRUNCATE of one partition: which.';
COMMENT ON COLUMN audit_log.new_values IS 'UPDATE: the changed columns after; INSERT: the row.';
COMMENT ON COLUMN audit_log.created_at IS 'When the changing statement began.';
COMMENT ON COLUMN audit_log.transaction_id IS 'The transaction, 64 bits: compare with pg_current_xact_id().';
COMMENT ON COLUMN audit_log.context IS 'Who was connected and from where: a row of audit_contexts.';
COMMENT ON COLUMN audit_log.record IS 'What the index finds a row''s changes by: ticketflow.audit_record(table_name, record_key).';
COMMENT ON COLUMN audit_log.moved_to IS 'The record that the row became where its key changed.';
COMMENT ON COLUMN audit_log.record_key IS 'The key of the row (before the change); null where the table has none.';
COMMENT ON COLUMN audit_log.request_id IS 'Setting app.request_id.';
COMMENT ON COLUMN audit_log.cause IS 'Setting app.cause; "cascade: table" where a foreign key did it.';
COMMENT ON COLUMN audit_log.row_digest IS 'The first 16 bytes of the SHA-256 of the content, made when the row was written; null for rows of other triggers.';
-- No btree: an entry in one costs a third of the row. What a row's changes are found by is a Bloom filter for 32 pages each;
-- months that are over get a btree, built in one go (audit_partitions).
CREATE INDEX audit_log_places ON audit_log USING brin (created_at, id, transaction_id, record int8_bloom_ops (n_distinct_per_range = 1600),
  moved_to int8_bloom_ops (n_distinct_per_range = 32)) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
-- The index of an empty table counts its first pages as summarised, and would then be written with every row in them.
DO $$
BEGIN
  PERFORM brin_desummarize_range(indexrelid, 0) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'audit_log_default'::regclass AND relam = (SELECT oid FROM pg_am WHERE amname = 'brin');
END
$$;
-- Costs nothing when rows are written; without it a publication of this table would forbid its owner to delete.
ALTER TABLE audit_log REPLICA IDENTITY FULL;
ALTER TABLE audit_log_default REPLICA IDENTITY FULL;
COMMENT ON TABLE audit_log_default IS 'Takes the changes of a month whose partition nobody made, so that no write fails.';

CREATE TABLE audit_contexts (
  id bigint NOT NULL,
  digest bytea NOT NULL,
  database_role text,
  login_role text,
  actor_kind text,
  client_address text,
  application_name text,
  first_seen timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE audit_contexts IS 'From where changes were made, once a combination (twice where two sessions met it at one time).';
COMMENT ON COLUMN audit_contexts.id IS 'The first 64 bits of the digest.';
COMMENT ON COLUMN audit_contexts.digest IS 'SHA-256 of the content.';
COMMENT ON COLUMN audit_contexts.database_role IS 'The role that was acting.';
COMMENT ON COLUMN audit_contexts.login_role IS 'The role that had logged in.';
COMMENT ON COLUMN audit_contexts.actor_kind IS 'user, system, import, ai or api_key: setting app.actor_kind, else whether there was a user.';
COMMENT ON COLUMN audit_contexts.client_address IS 'The client''s address; null for a local socket.';
CREATE INDEX audit_contexts_id ON audit_contexts (id);

CREATE TABLE audit_seals (
  id bigint PRIMARY KEY,
  sealed_at timestamptz NOT NULL,
  snapshot pg_snapshot NOT NULL,
  system_id bigint NOT NULL,
  row_count bigint NOT NULL,
  root bytea NOT NULL,
  previous bytea NOT NULL,
  digest bytea NOT NULL
);
COMMENT ON TABLE audit_seals IS 'Seals over what was committed: each a Merkle root over rows of audit_log and task_history, chained to the seal before.';
COMMENT ON COLUMN audit_seals.snapshot IS 'What was visible: a row is in the first seal whose snapshot sees its transaction.';
COMMENT ON COLUMN audit_seals.system_id IS 'The cluster that sealed: transaction ids of another one are not compared.';
COMMENT ON COLUMN audit_seals.previous IS 'The digest of the seal before; empty for the first.';
COMMENT ON COLUMN audit_seals.digest IS 'SHA-256 over the other columns.';

CREATE TABLE audit_seal_leaves (
  seal_id bigint NOT NULL,
  chunk bigint NOT NULL,
  ledger text NOT NULL,
  first_id bigint NOT NULL,
  last_id bigint NOT NULL,
  ids bigint[] NOT NULL,
  digests bytea NOT NULL,
  PRIMARY KEY (seal_id, chunk)
);
ALTER TABLE audit_seal_leaves ALTER COLUMN digests SET STORAGE EXTERNAL, ALTER COLUMN ids SET STORAGE EXTERNAL;
COMMENT ON TABLE audit_seal_leaves IS 'What each seal covers, up to 1,000 rows a chunk: this is what tells which row was altered.';
COMMENT ON COLUMN audit_seal_leaves.ledger IS 'audit_log or task_history.';
COMMENT ON COLUMN audit_seal_leaves.digests IS 'The SHA-256 of each row of ids, 32 bytes each.';
CREATE INDEX audit_seal_leaves_range ON audit_seal_leaves (ledger, last_id, first_id);

CREATE TABLE audit_archives (
  table_name text PRIMARY KEY,
  from_time timestamptz NOT NULL,
  to_time timestamptz NOT NULL,
  row_count bigint NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE audit_archives IS 'Months of audit_log that were detached: still tables of this schema, and still verified.';
COMMENT ON COLUMN audit_archives.to_time IS 'The first instant after the month.';

CREATE TABLE audit_shapes (
  id bigserial,
  table_name text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  columns jsonb NOT NULL,
  types jsonb NOT NULL DEFAULT '{}',
  -- Where a structure is restored before its rows, numbers of both meet.
  PRIMARY KEY (table_name, seen_at, id)
);
-- By number in here and by name in a dump.
CREATE TABLE audit_consents (
  target regclass NOT NULL,
  log regclass NOT NULL,
  table_name text NOT NULL,
  noted_by text NOT NULL DEFAULT session_user,
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (target, log)
);
COMMENT ON TABLE audit_consents IS 'Tables of other owners that the owner of this log, or a superuser, has recorded in it: written by ticketflow.audit_enable(), without which such a table''s changes are refused.';
COMMENT ON COLUMN audit_consents.table_name IS 'The only name under which the table''s changes may be recorded.';
COMMENT ON COLUMN audit_shapes.types IS 'The type of each column.';
COMMENT ON COLUMN audit_shapes.columns IS 'Each column with the value that rows older than it have (ADD COLUMN ... DEFAULT).';
COMMENT ON TABLE audit_shapes IS 'The columns that an audited table had from a time on: looking back shows a dropped column where it still was.';
