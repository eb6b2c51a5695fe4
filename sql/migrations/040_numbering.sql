-- numbering: the desk's own series and counters, in the shape that the engine reads (the engine's own have the same one).

CREATE TABLE ticket_series (
  prefix varchar(10) COLLATE "C" PRIMARY KEY,
  mask text NOT NULL DEFAULT '{prefix}-{YYYY}-{####}',
  reset text NOT NULL DEFAULT 'year' CHECK (reset IN ('year', 'month', 'day', 'never')),
  time_zone text NOT NULL DEFAULT 'UTC',
  start_number bigint NOT NULL DEFAULT 1 CHECK (start_number BETWEEN 1 AND 999999999999),
  mode text NOT NULL DEFAULT 'fast' CHECK (mode IN ('fast', 'gapless')),
  permute_key bigint,
  is_default boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE ticket_series IS
  'Series of ticket numbers of this desk, one row a prefix; company_settings.ticket_prefix names the default one.';
COMMENT ON COLUMN ticket_series.prefix IS '1 to 10 letters and digits, case kept; fixed once numbers were issued.';
COMMENT ON COLUMN ticket_series.mask IS
  'Shape: text and the tokens {prefix} {YYYY} {YY} {MM} {DD} {queue} {category} {####} {check}; the width of {####} is a floor.';
COMMENT ON COLUMN ticket_series.reset IS 'When the numbers start again: year, month, day or never.';
COMMENT ON COLUMN ticket_series.time_zone IS 'IANA name of the zone in whose midnight a period begins.';
COMMENT ON COLUMN ticket_series.start_number IS 'First number of each period.';
COMMENT ON COLUMN ticket_series.mode IS
  'fast: never waits, a rollback leaves a gap. gapless: no gap, transactions that number take turns at commit.';
COMMENT ON COLUMN ticket_series.permute_key IS
  'Secret that shuffles the numbers so that they do not show volume; null for consecutive numbers.';
COMMENT ON COLUMN ticket_series.is_default IS 'The series that counts where none is named; at most one row.';
CREATE UNIQUE INDEX ticket_series_one_default ON ticket_series ((true)) WHERE is_default;

CREATE TABLE ticket_series_scopes (
  scope text COLLATE "C" NOT NULL CHECK (scope IN ('queue', 'category')),
  value text COLLATE "C" NOT NULL,
  prefix varchar(10) COLLATE "C",
  code varchar(10) CHECK (code ~ '^[A-Za-z0-9]{1,10}$'),
  PRIMARY KEY (scope, value)
);
COMMENT ON TABLE ticket_series_scopes IS
  'Which series numbers the tickets of a team (queue) or category: team first, then category, then the default series.';
COMMENT ON COLUMN ticket_series_scopes.value IS 'Value of the row''s queue or category column, as text.';
COMMENT ON COLUMN ticket_series_scopes.prefix IS 'The series to use; null leaves the choice to the next rule.';
COMMENT ON COLUMN ticket_series_scopes.code IS
  'What {queue} or {category} shows; null: the value''s own letters and digits, upper case.';

-- last_number comes first: the engine changes it in place.
CREATE TABLE ticket_counters (
  last_number bigint NOT NULL,
  prefix varchar(10) COLLATE "C" NOT NULL,
  period text COLLATE "C" NOT NULL,
  PRIMARY KEY (prefix, period)
) WITH (fillfactor = 25);
COMMENT ON TABLE ticket_counters IS
  'Last number of each series and period. Written by the engine outside transactions, like a sequence; '
  'use resync_ticket_numbers() to raise a counter. UPDATE on this table is the right to draw numbers.';
COMMENT ON COLUMN ticket_counters.last_number IS 'The largest number issued or kept; it never becomes smaller.';
COMMENT ON COLUMN ticket_counters.period IS 'YYYY, YYYY-MM, YYYY-MM-DD, or empty where the series never resets.';

CREATE TABLE ticket_number_aliases (
  ticket_number varchar(40) PRIMARY KEY,
  task_id integer NOT NULL,
  reason varchar(20) NOT NULL CHECK (reason IN ('renumbered', 'merged', 'deleted', 'given')),
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ticket_number_aliases IS 'Numbers that were issued and are not in tasks any more: they resolve for ever and are never given again.';
COMMENT ON COLUMN ticket_number_aliases.task_id IS 'The ticket that the number leads to; it may be deleted.';
COMMENT ON COLUMN ticket_number_aliases.reason IS 'renumbered, merged or deleted; given: an additional number, for example of a former system.';
CREATE INDEX idx_ticket_number_aliases_task ON ticket_number_aliases (task_id);

CREATE TABLE ticket_reply_tokens (
  task_id integer PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  token varchar(32) NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ticket_reply_tokens IS 'Opaque marks of tickets for mail headers and reply addresses; deleting a row revokes the mark.';
COMMENT ON COLUMN ticket_reply_tokens.token IS '20 characters of base32: 100 random bits.';

CREATE TRIGGER series_check BEFORE INSERT OR UPDATE OR DELETE ON ticket_series
  FOR EACH ROW EXECUTE FUNCTION ticket_series_check();
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ticket_series
  FOR EACH STATEMENT EXECUTE FUNCTION ticket_series_changed();
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ticket_series_scopes
  FOR EACH STATEMENT EXECUTE FUNCTION ticket_series_changed();

INSERT INTO ticket_series (prefix, is_default)
SELECT COALESCE((SELECT ticket_prefix FROM company_settings), 'TKT'), true;

CREATE TRIGGER counters_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket_counters
  FOR EACH STATEMENT EXECUTE FUNCTION ticket_counters_guard();

CREATE TRIGGER number BEFORE INSERT OR UPDATE OF ticket_number ON tasks
  FOR EACH ROW EXECUTE FUNCTION number_trigger('ticket_number', '', 'at=created_at', 'queue=assigned_team_id', 'category=category');
CREATE CONSTRAINT TRIGGER number_at_commit AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (numbers_pending())
  EXECUTE FUNCTION number_settle_trigger('ticket_number', '', 'at=created_at', 'queue=assigned_team_id', 'category=category');
-- Also for rows that replication brings: they raise their series.
ALTER TABLE tasks ENABLE ALWAYS TRIGGER number;
-- A number that is an alias is as much in use as one in tasks.
CREATE TRIGGER number BEFORE INSERT OR UPDATE OF ticket_number ON ticket_number_aliases
  FOR EACH ROW EXECUTE FUNCTION number_trigger('ticket_number');
