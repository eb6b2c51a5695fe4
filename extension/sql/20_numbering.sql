-- numbering: series and counters. Each desk has its own copy of these three tables; the ones here serve every table
-- that lives in a schema without a desk.

CREATE TABLE @extschema@.ticket_series (
  prefix varchar(10) COLLATE "C" PRIMARY KEY,
  mask text NOT NULL DEFAULT '{prefix}-{YYYY}-{####}',
  reset text NOT NULL DEFAULT 'year' CHECK (reset IN ('year', 'month', 'day', 'never')),
  time_zone text NOT NULL DEFAULT 'UTC',
  start_number bigint NOT NULL DEFAULT 1 CHECK (start_number BETWEEN 1 AND 999999999999),
  mode text NOT NULL DEFAULT 'fast' CHECK (mode IN ('fast', 'gapless')),
  permute_key bigint,
  is_default boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE @extschema@.ticket_series IS
  'Series of ticket numbers, one row a prefix; a prefix without a row counts by the defaults. A change is seen at once.';
COMMENT ON COLUMN @extschema@.ticket_series.prefix IS '1 to 10 letters and digits, case kept; fixed once numbers were issued.';
COMMENT ON COLUMN @extschema@.ticket_series.mask IS
  'Shape: text and the tokens {prefix} {YYYY} {YY} {MM} {DD} {queue} {category} {####} {check}; the width of {####} is a floor.';
COMMENT ON COLUMN @extschema@.ticket_series.reset IS 'When the numbers start again: year, month, day or never.';
COMMENT ON COLUMN @extschema@.ticket_series.time_zone IS 'IANA name of the zone in whose midnight a period begins.';
COMMENT ON COLUMN @extschema@.ticket_series.start_number IS 'First number of each period.';
COMMENT ON COLUMN @extschema@.ticket_series.mode IS
  'fast: never waits, a rollback leaves a gap. gapless: no gap, transactions that number take turns at commit.';
COMMENT ON COLUMN @extschema@.ticket_series.permute_key IS
  'Secret that shuffles the numbers so that they do not show volume; null for consecutive numbers.';
COMMENT ON COLUMN @extschema@.ticket_series.is_default IS 'The series that counts where none is named; at most one row.';
CREATE UNIQUE INDEX ticket_series_one_default ON @extschema@.ticket_series ((true)) WHERE is_default;

CREATE TABLE @extschema@.ticket_series_scopes (
  scope text COLLATE "C" NOT NULL CHECK (scope IN ('queue', 'category')),
  value text COLLATE "C" NOT NULL,
  prefix varchar(10) COLLATE "C",
  code varchar(10) CHECK (code ~ '^[A-Za-z0-9]{1,10}$'),
  PRIMARY KEY (scope, value)
);
COMMENT ON TABLE @extschema@.ticket_series_scopes IS
  'Which series counts for a queue or category (queue first, then category, then the default series), and its code in numbers.';
COMMENT ON COLUMN @extschema@.ticket_series_scopes.value IS 'Value of the row''s queue or category column, as text.';
COMMENT ON COLUMN @extschema@.ticket_series_scopes.prefix IS 'The series to use; null leaves the choice to the next rule.';
COMMENT ON COLUMN @extschema@.ticket_series_scopes.code IS
  'What {queue} or {category} shows; null: the value''s own letters and digits, upper case.';

-- last_number comes first: the engine changes it in place (extension/pg/numbering_counter.cpp).
CREATE TABLE @extschema@.ticket_counters (
  last_number bigint NOT NULL,
  prefix varchar(10) COLLATE "C" NOT NULL,
  period text COLLATE "C" NOT NULL,
  PRIMARY KEY (prefix, period)
);
COMMENT ON TABLE @extschema@.ticket_counters IS
  'Last number of each series and period. Written by the engine outside transactions, like a sequence; '
  'use resync_ticket_numbers() to raise a counter. UPDATE on this table is the right to draw numbers.';
COMMENT ON COLUMN @extschema@.ticket_counters.last_number IS 'The largest number issued or kept; it never becomes smaller.';
COMMENT ON COLUMN @extschema@.ticket_counters.period IS 'YYYY, YYYY-MM, YYYY-MM-DD, or empty where the series never resets.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_series', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_series_scopes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_counters', '');

CREATE OR REPLACE FUNCTION @extschema@.ticket_series_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_series_changed' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.ticket_series_changed() IS
  'Statement trigger of ticket_series and ticket_series_scopes: makes a change known to every session when it commits.';
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.ticket_series
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.ticket_series_changed();
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.ticket_series_scopes
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.ticket_series_changed();

CREATE OR REPLACE FUNCTION @extschema@.next_ticket_number(prefix text DEFAULT 'TKT', at timestamptz DEFAULT pg_catalog.now()) RETURNS text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_next' LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.next_ticket_number(text, timestamptz) IS
  'Takes the next number of a series (null: the default series) in the period of the given moment, for example TKT-2026-0042. '
  'Counts on the desk that search_path finds, else on the only desk, else in the extension''s own tables. '
  'Never returns a number twice. Errors: 22023 bad prefix, 2200H the series is at its end, 42501 no right to draw numbers.';

CREATE OR REPLACE FUNCTION @extschema@.number_trigger() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_trigger' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.number_trigger() IS
  'BEFORE INSERT row trigger that fills a text column with the next number; a number given in the row is kept. '
  'Arguments: the column, the series'' prefix (empty: by queue, by category, else the default series), then any of '
  'at=COLUMN, queue=COLUMN, category=COLUMN. Counts on the desk in the table''s schema, else in the extension''s own tables.';
