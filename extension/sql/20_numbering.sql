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

-- last_number comes first: the engine changes it in place (extension/pg/numbering_counter.cpp). The fillfactor lets old versions
-- of gapless counters be pruned early, so that few lie between a counter's index entry and its newest version.
CREATE TABLE @extschema@.ticket_counters (
  last_number bigint NOT NULL,
  prefix varchar(10) COLLATE "C" NOT NULL,
  period text COLLATE "C" NOT NULL,
  PRIMARY KEY (prefix, period)
) WITH (fillfactor = 25);
COMMENT ON TABLE @extschema@.ticket_counters IS
  'Last number of each series and period. Written by the engine outside transactions, like a sequence; '
  'use resync_ticket_numbers() to raise a counter. UPDATE on this table is the right to draw numbers.';
COMMENT ON COLUMN @extschema@.ticket_counters.last_number IS 'The largest number issued or kept; it never becomes smaller.';
COMMENT ON COLUMN @extschema@.ticket_counters.period IS 'YYYY, YYYY-MM, YYYY-MM-DD, or empty where the series never resets.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_series', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_series_scopes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.ticket_counters', '');

-- Triggers of the tables above; a desk has the same on its own.

CREATE OR REPLACE FUNCTION @extschema@.ticket_series_check() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_series_check' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.ticket_series_check() IS
  'Row trigger of ticket_series: refuses bad prefixes, masks, zones and modes (22023), and renaming or dropping a series in '
  'use (55000). Waits for transactions that draw, so that nobody counts by old settings.';
CREATE OR REPLACE FUNCTION @extschema@.ticket_series_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_series_changed' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.ticket_series_changed() IS
  'Statement trigger of ticket_series and ticket_series_scopes: makes a change known to every session when it commits.';
CREATE OR REPLACE FUNCTION @extschema@.ticket_counters_guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_counters_guard' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.ticket_counters_guard() IS
  'Statement trigger of ticket_counters: refuses changes by hand (55000), which could give numbers out twice.';

CREATE TRIGGER series_check BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.ticket_series
  FOR EACH ROW EXECUTE FUNCTION @extschema@.ticket_series_check();
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.ticket_series
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.ticket_series_changed();
CREATE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.ticket_series_scopes
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.ticket_series_changed();
CREATE TRIGGER counters_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON @extschema@.ticket_counters
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.ticket_counters_guard();

-- Drawing

CREATE OR REPLACE FUNCTION @extschema@.next_ticket_number(prefix text DEFAULT 'TKT', at timestamptz DEFAULT pg_catalog.now()) RETURNS text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_next' LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.next_ticket_number(text, timestamptz) IS
  'Takes the next number of a series (null: the default series) in the period of the given moment, for example TKT-2026-0042. '
  'Counts on the desk that search_path finds, else on the only desk, else in the extension''s own tables. '
  'Never returns a number twice. Errors: 22023 bad prefix, 2200H the series is at its end, 42501 no right to draw numbers.';

CREATE OR REPLACE FUNCTION @extschema@.next_ticket_number(prefix text, at timestamptz, desk text) RETURNS text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_next' LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.next_ticket_number(text, timestamptz, text) IS
  'The same on the desk in the named schema; ''ticketflow'' names the extension''s own tables. Error: 42704 no such desk.';

CREATE OR REPLACE FUNCTION @extschema@.peek_ticket_number(prefix text DEFAULT 'TKT', at timestamptz DEFAULT pg_catalog.now()) RETURNS text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_peek' LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.peek_ticket_number(text, timestamptz) IS
  'What next_ticket_number() would return now, without taking it. Another session may take it first. Works on a standby. '
  'Needs SELECT or UPDATE on those ticket_counters (42501).';

CREATE OR REPLACE FUNCTION @extschema@.reserve_ticket_numbers(count integer, prefix text DEFAULT 'TKT', at timestamptz DEFAULT pg_catalog.now())
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_reserve' LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.reserve_ticket_numbers(integer, text, timestamptz) IS
  'Takes a block of 1 to 1,000,000 numbers that follow each other in the series. Errors as next_ticket_number().';

CREATE OR REPLACE FUNCTION @extschema@.reserve_ticket_numbers(prefix text, count integer, at timestamptz DEFAULT pg_catalog.now())
RETURNS SETOF text LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT @extschema@.reserve_ticket_numbers(count, prefix, at);
END;
COMMENT ON FUNCTION @extschema@.reserve_ticket_numbers(text, integer, timestamptz) IS
  'The same with the prefix first: reserve_ticket_numbers(''TKT'', 10).';

-- Reading

CREATE OR REPLACE FUNCTION @extschema@.parse_ticket_number(number text,
  OUT prefix text, OUT period text, OUT number bigint, OUT check_ok boolean)
AS 'MODULE_PATHNAME', 'ticketflow_numbering_parse' LANGUAGE c STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.parse_ticket_number(text) IS
  'Reads a number as people type it (TKT-2026-0042, tkt 2026 42, #TKT2026-42). period is the key of the counter: 2026, '
  '2026-11, 2026-11-24 or empty. check_ok is false only where the check digit is wrong. All null: it is no number; '
  'ticket_number_problem() says why.';

CREATE OR REPLACE FUNCTION @extschema@.verify_ticket_number(number text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ticketflow_numbering_verify' LANGUAGE c STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.verify_ticket_number(text) IS
  'Whether a series writes numbers like this one and its check digit, if it has one, is right. Says nothing about whether such a ticket exists.';

CREATE OR REPLACE FUNCTION @extschema@.ticket_number_problem(number text) RETURNS text
AS 'MODULE_PATHNAME', 'ticketflow_numbering_problem' LANGUAGE c STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.ticket_number_problem(text) IS
  'Why a text is not a ticket number, in words; null where verify_ticket_number() is true.';

CREATE OR REPLACE FUNCTION @extschema@.extract_ticket_numbers(text text) RETURNS text[]
AS 'MODULE_PATHNAME', 'ticketflow_numbering_extract' LANGUAGE c STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.extract_ticket_numbers(text) IS
  'Candidates for ticket numbers in a text, as their series write them, in order and without repetition; those with a wrong '
  'check digit are left out. Reads the first MiB, returns at most 1000. A prefix that never drew a number counts only in '
  'the exact form PREFIX-YYYY-NNNN. Shape decides nothing: look each up with resolve_ticket_number().';

CREATE OR REPLACE FUNCTION @extschema@.reveal_ticket_number(number text) RETURNS bigint
AS 'MODULE_PATHNAME', 'ticketflow_numbering_reveal' LANGUAGE c STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.reveal_ticket_number(text) IS
  'The consecutive number behind a shuffled one; null where the text is no number. Needs SELECT on ticket_series (42501).';

-- Tables

CREATE OR REPLACE FUNCTION @extschema@.number_trigger() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_trigger' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.number_trigger() IS
  'BEFORE INSERT (or UPDATE) row trigger that fills a text column with the next number where it is null or empty; a number '
  'given in the row is kept and its series raised. '
  'Arguments: the column, the series'' prefix (empty: by queue, by category, else the default series), then any of '
  'at=COLUMN, queue=COLUMN, category=COLUMN. Counts on the desk in the table''s schema, else in the extension''s own tables. '
  'Errors: 22001 the number is longer than the column, 2200H the series is at its end, 42703 no such column, 42501 the table''s owner lacks UPDATE on those ticket_counters.';

CREATE OR REPLACE FUNCTION @extschema@.number_settle_trigger() RETURNS trigger
AS 'MODULE_PATHNAME', 'ticketflow_numbering_settle' LANGUAGE c;
COMMENT ON FUNCTION @extschema@.number_settle_trigger() IS
  'AFTER INSERT constraint trigger, DEFERRABLE INITIALLY DEFERRED, with the arguments of number_trigger(): lets a gapless '
  'series take its numbers at commit. Until then, in a transaction block, the column holds a text that begins with pending-; '
  'SET CONSTRAINTS ... IMMEDIATE takes the number at once.';

CREATE OR REPLACE FUNCTION @extschema@.numbers_pending() RETURNS boolean
AS 'MODULE_PATHNAME', 'ticketflow_numbering_pending' LANGUAGE c VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.numbers_pending() IS
  'Whether rows of this transaction wait for gapless numbers: the WHEN clause of a number_settle_trigger().';

CREATE OR REPLACE FUNCTION @extschema@.resync_numbers(target regclass, column_name name, desk text, named boolean)
RETURNS TABLE (prefix text, period text, last_number bigint)
AS 'MODULE_PATHNAME', 'ticketflow_numbering_resync' LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resync_numbers(regclass, name, text, boolean) IS
  'Private to resync_ticket_numbers(): one column of one table, one home of counters (empty: that of next_ticket_number()). '
  'Errors, where the table was named: 42809 no table with rows of its own, 55000 nothing numbers it, 42501 its owner may not count there.';

CREATE OR REPLACE FUNCTION @extschema@.resync_ticket_numbers(target regclass DEFAULT NULL)
RETURNS TABLE (prefix text, period text, last_number bigint)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  WITH filled AS (
    -- Each table that a trigger fills, or whose column has a number for its default.
    SELECT t.tgrelid AS relation, split_part(encode(t.tgargs, 'escape'), E'\\000', 1) AS column_name, false AS by_default
      FROM pg_catalog.pg_trigger t
     WHERE t.tgfoid = '@extschema@.number_trigger()'::pg_catalog.regprocedure
    UNION
    SELECT a.attrelid, a.attname, true
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
      JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
     WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       AND d.refobjid IN ('@extschema@.next_ticket_number(text, timestamptz)'::pg_catalog.regprocedure,
                          '@extschema@.next_ticket_number(text, timestamptz, text)'::pg_catalog.regprocedure)
  ), numbered AS (
    SELECT leaf.relid AS relation, f.column_name, f.by_default, c.relnamespace AS own_schema
      FROM filled f
      JOIN pg_catalog.pg_class c ON c.oid = f.relation AND NOT c.relispartition,
           LATERAL (SELECT l.relid FROM pg_catalog.pg_partition_tree(f.relation) l WHERE l.isleaf
                    UNION SELECT f.relation WHERE c.relkind = 'r') leaf
     WHERE target IS NULL OR f.relation = target
    UNION
    SELECT f.relation, f.column_name, f.by_default, root.relnamespace
      FROM filled f
      JOIN pg_catalog.pg_class c ON c.oid = f.relation AND c.relispartition AND c.relkind = 'r'
      JOIN pg_catalog.pg_class root ON root.oid = pg_catalog.pg_partition_root(f.relation)
     WHERE target IS NULL OR f.relation = target
  ), homes AS (
    SELECT n.relation, n.column_name,
           CASE WHEN n.by_default THEN ''
                WHEN EXISTS (SELECT FROM pg_catalog.pg_class h WHERE h.relnamespace = n.own_schema AND h.relname = 'ticket_counters' AND h.relkind = 'r')
                THEN s.nspname ELSE '@extschema@' END AS home
      FROM numbered n JOIN pg_catalog.pg_namespace s ON s.oid = n.own_schema
    UNION ALL
    SELECT target, '', '@extschema@' WHERE target IS NOT NULL AND NOT EXISTS (SELECT FROM numbered))
  SELECT r.prefix, r.period, max(r.last_number)
    FROM homes h, LATERAL @extschema@.resync_numbers(h.relation, h.column_name::name, h.home::text, target IS NOT NULL) r
   GROUP BY r.prefix, r.period;
END;
COMMENT ON FUNCTION @extschema@.resync_ticket_numbers(regclass) IS
  'Raises series to the largest number in a table that has a number_trigger() or a column with DEFAULT next_ticket_number() '
  '(null: in each such table), those of open transactions included, and returns what was raised. Never lowers. Needed only '
  'after rows came while no trigger fired, and for given numbers where a DEFAULT counts. Tables whose owner may not '
  'count are passed over. Errors, where one was named: 55000 nothing numbers it, 42501 its owner lacks UPDATE on ticket_counters.';
