-- database: engine
-- Ticket numbers in a database without a desk: series, periods, reading, tables of other people.
\set ECHO none
SET TimeZone = 'Asia/Tokyo';
BEGIN;
SELECT plan(113);
SET search_path = public, ticketflow;
CREATE FUNCTION refusal(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; hint text;
BEGIN
  EXECUTE command;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || CASE WHEN hint = '' THEN ' without a hint: ' ELSE ': ' END || message;
END $$;
CREATE FUNCTION hint_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
  EXECUTE command;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END $$;

-- Drawing
SELECT is(next_ticket_number('TKT', '2026-05-01Z'), 'TKT-2026-0001', 'the first number of a year');
SELECT is(next_ticket_number('TKT', '2026-06-01Z'), 'TKT-2026-0002', 'the next number');
SELECT is(next_ticket_number('TKT', '2025-12-31 23:59:59Z'), 'TKT-2025-0001', 'a back-dated number counts in its own year, whatever the session''s zone');
SELECT is(next_ticket_number('TKT', '2026-01-01 00:00:00Z'), 'TKT-2026-0003', 'the new year begins at midnight');
SELECT matches(next_ticket_number(), '^TKT-\d{4}-\d{4}$', 'prefix and moment have defaults');
SELECT is(next_ticket_number('hd', '2026-05-01Z'), 'hd-2026-0001', 'the case of a prefix is kept');
SELECT is(next_ticket_number('HD', '2026-05-01Z'), 'HD-2026-0001', 'and tells series apart');
SAVEPOINT before;
SELECT is(next_ticket_number('HD', '2026-05-01Z'), 'HD-2026-0002', 'a number');
ROLLBACK TO before;
SELECT is(next_ticket_number('HD', '2026-05-01Z'), 'HD-2026-0003', 'that is rolled back is not given again');
SELECT is(peek_ticket_number('HD', '2026-05-01Z'), 'HD-2026-0004', 'peek shows the next number');
SELECT is(peek_ticket_number('HD', '2026-05-01Z'), 'HD-2026-0004', 'and does not take it');
SELECT is(peek_ticket_number('NEW', '2026-05-01Z'), 'NEW-2026-0001', 'also of a series that never counted');
SELECT is((SELECT array_agg(n) FROM reserve_ticket_numbers(3, 'HD', '2026-05-01Z') n), '{HD-2026-0004,HD-2026-0005,HD-2026-0006}', 'a block');
SELECT is((SELECT count(DISTINCT n) FROM reserve_ticket_numbers('HD', 2000, '2026-05-01Z') n), 2000::bigint, 'a large block, prefix first');
SELECT is(next_ticket_number('HD', '2026-05-01Z'), 'HD-2026-2007', 'is followed by the number after it');
SELECT is((SELECT count(*) FROM reserve_ticket_numbers('TEN', 9998, '2026-05-01Z')), 9998::bigint, 'up to 9998');
SELECT is(next_ticket_number('TEN', '2026-05-01Z'), 'TEN-2026-9999', '9999');
SELECT is(next_ticket_number('TEN', '2026-05-01Z'), 'TEN-2026-10000', '10000: the width is a floor');
SELECT is(next_ticket_number('ABCDEFGHIJ', '2026-05-01Z'), 'ABCDEFGHIJ-2026-0001', 'a prefix of ten characters');
SELECT is(next_ticket_number(NULL, '2024-05-01Z'), 'TKT-2024-0001', 'no prefix is the default series');

-- Bad input
SELECT is(refusal($$SELECT next_ticket_number('TKT%')$$), '22023: ticket prefix "TKT%" is not valid', 'a wild card in a prefix');
SELECT is(refusal($$SELECT next_ticket_number(E'HD\n')$$), '22023: ticket prefix "HD\n" is not valid', 'a newline');
SELECT is(refusal($$SELECT next_ticket_number('ÄBC')$$), '22023: ticket prefix "ÄBC" is not valid', 'a letter that is not ASCII');
SELECT is(refusal($$SELECT next_ticket_number('ABCDEFGHIJK')$$), '22023: ticket prefix "ABCDEFGHIJK" is not valid', 'eleven characters');
SELECT is(refusal($$SELECT next_ticket_number('')$$), '22023: ticket prefix "" is not valid', 'none');
SELECT matches(refusal($$SELECT next_ticket_number('TKT', 'infinity')$$), '^22007', 'no moment');
SELECT matches(refusal($$SELECT next_ticket_number('TKT', '0044-01-01 BC')$$), '^22007', 'a year before the first');
SELECT matches(refusal($$SELECT next_ticket_number('TKT', NULL)$$), '^22023', 'a null moment');
SELECT matches(refusal($$SELECT reserve_ticket_numbers(0)$$), '^22023', 'an empty block');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, mask) VALUES ('A', '{prefix}-{YYYY}')$$), '^22023: mask .* has no number', 'a mask without a number');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, mask) VALUES ('A', '{prefix}-{####}')$$), '^22023: mask .* would repeat numbers', 'a mask that does not show the year');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, time_zone) VALUES ('A', 'Mars/Base')$$), '^22023: time zone "Mars/Base" is not known', 'an unknown time zone');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, mode) VALUES ('A', 'quick')$$), '^22023: unknown numbering mode', 'an unknown mode');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, reset) VALUES ('A', 'week')$$), '^22023: unknown reset', 'an unknown reset');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix) VALUES ('A%')$$), '^22023: ticket prefix', 'a bad prefix of a series');
INSERT INTO ticket_series (prefix) VALUES ('HD'), ('FREE');
SELECT matches(refusal($$UPDATE ticket_series SET prefix = 'HE' WHERE prefix = 'HD'$$), '^55000: cannot rename ticket series "HD"', 'a series in use is not renamed');
SELECT matches(refusal($$DELETE FROM ticket_series WHERE prefix = 'HD'$$), '^55000: cannot drop ticket series "HD"', 'nor dropped');
SELECT is(refusal($$UPDATE ticket_series SET prefix = 'FREE2' WHERE prefix = 'FREE'$$), 'accepted', 'one that never counted may be');
SELECT matches(refusal('UPDATE ticket_counters SET last_number = 0'), '^55000: counters', 'counters are not changed by hand');
SELECT matches(refusal('TRUNCATE ticket_counters'), '^55000: counters', 'nor emptied');

SELECT matches(refusal($$INSERT INTO ticket_series (prefix, mask, reset) VALUES ('C1', '{prefix}{#}', 'never'), ('C', '{prefix}1{#}', 'never')$$),
  '^22023: series "C1?" would make the same numbers as series "C1?"', 'two series that meet: C1 1 and C 11');
SELECT matches(refusal($$INSERT INTO ticket_series (prefix, mask, reset) VALUES ('A1', '{####}', 'never'), ('A3', '{#####}', 'never')$$),
  '^22023: series .* would make the same numbers', 'and where both come to five digits');
SELECT is(refusal($$INSERT INTO ticket_series (prefix, mask) VALUES ('Y', '{prefix}{YY}-{####}')$$), 'accepted', 'two digits of the year');
SELECT matches(refusal($$SELECT next_ticket_number('Y', '1926-05-05Z')$$), '^22007: mask .* cannot number the year 1926', 'stand for this century');
SELECT is(next_ticket_number('Y', '2026-05-05Z'), 'Y26-0001', 'and number it');
CREATE TABLE mine (LIKE ticket_series);
INSERT INTO mine (prefix, mask, reset, time_zone, start_number, mode, is_default) VALUES ('TKT', '{prefix}-{YYYY}-{####}', 'year', 'UTC', 1, 'fast', false);
CREATE TRIGGER z BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION ticket_series_check();
SELECT matches(refusal('UPDATE mine SET start_number = 2'), '^42809: table "mine" does not hold the series', 'nobody''s own table of series locks counters');

-- Series as data
INSERT INTO ticket_series (prefix, mask, reset, time_zone, start_number) VALUES
  ('M', '{prefix}{YY}{MM}-{###}', 'month', 'Europe/Berlin', 100), ('D', '{prefix}/{YYYY}.{MM}.{DD}/{##}', 'day', 'America/New_York', 1),
  ('N', '{prefix}-{#####}{check}', 'never', 'UTC', 1), ('LORDHOWE', '{prefix}-{YYYY}-{MM}-{DD}-{#}', 'day', 'Australia/Lord_Howe', 1);
SELECT is(next_ticket_number('M', '2026-02-28 22:59:59Z'), 'M2602-100', 'monthly, in the series'' zone');
SELECT is(next_ticket_number('M', '2026-02-28 23:00:00Z'), 'M2603-100', 'and its midnight');
SELECT is(next_ticket_number('M', '2026-02-10Z'), 'M2602-101', 'a back-dated number goes on in its month');
SELECT is(next_ticket_number('D', '2026-03-09 03:59:59Z'), 'D/2026.03.08/01', 'the day of the change to summer time ends an hour earlier in UTC');
SELECT is(next_ticket_number('D', '2026-03-09 04:00:00Z'), 'D/2026.03.09/01', 'the next day begins');
SELECT is(next_ticket_number('D', '2026-11-02 04:59:59Z'), 'D/2026.11.01/01', 'the day of the change back ends an hour later in UTC');
SELECT is(next_ticket_number('D', '2026-11-02 05:00:00Z'), 'D/2026.11.02/01', 'the next day begins');
SELECT is(next_ticket_number('LORDHOWE', '2026-10-04 13:00:00Z'), 'LORDHOWE-2026-10-05-1', 'a zone whose clocks move by half an hour');
SELECT is(next_ticket_number('N', '2026-01-01Z'), 'N-000013', 'a check digit');
UPDATE ticket_series SET mask = '{prefix}_{YYYY}_{###}', time_zone = 'Asia/Tokyo' WHERE prefix = 'HD';
SELECT is(next_ticket_number('HD', '2026-12-31 14:59:59Z'), 'HD_2026_2008', 'a changed series goes on counting');
SELECT is(next_ticket_number('HD', '2026-12-31 15:00:00Z'), 'HD_2027_001', 'in its new zone');
UPDATE ticket_series SET reset = 'never' WHERE prefix = 'HD';
SELECT is(next_ticket_number('HD', '2026-12-31Z'), 'HD_2026_2009', 'a series that stops resetting goes on after its largest number');
UPDATE ticket_series SET reset = 'year' WHERE prefix = 'HD';
SELECT is(next_ticket_number('HD', '2027-05-05Z'), 'HD_2027_2010', 'and so does one that resets again: no number comes twice');
SELECT is(next_ticket_number('FREE2', '2026-05-05Z'), 'FREE2-2026-0001', 'a series created before');

-- Shuffled numbers
INSERT INTO ticket_series (prefix, mask, permute_key) VALUES ('S', '{prefix}{YYYY}-{###}', 4711);
CREATE TEMP TABLE shuffled AS SELECT ord, n FROM reserve_ticket_numbers('S', 2000, '2026-05-05Z') WITH ORDINALITY AS r (n, ord);
SELECT is((SELECT count(DISTINCT n) FROM shuffled), 2000::bigint, 'shuffled numbers are unique');
SELECT ok((SELECT bool_and(length(n) = CASE WHEN ord < 1000 THEN 9 ELSE 10 END) FROM shuffled), 'and as short as the others');
SELECT ok((SELECT count(*) FILTER (WHERE n > l) BETWEEN 800 AND 1200 FROM (SELECT n, lag(n) OVER (ORDER BY ord) l FROM shuffled) x), 'their order says nothing');
SELECT is((SELECT count(*) FROM shuffled WHERE reveal_ticket_number(n) = ord), 2000::bigint, 'their owner can tell');

-- Reading
SELECT results_eq($$SELECT * FROM parse_ticket_number('TKT-2026-0042')$$, $$VALUES ('TKT', '2026', 42::bigint, true)$$, 'parse');
SELECT is((SELECT array_agg(p.number) FROM unnest(ARRAY['tkt 2026 42', '#TKT2026-42', 'TKT-2026-0042', ' [tkt_2026_00042] ']) t, parse_ticket_number(t) p),
          '{42,42,42,42}', 'accepts what people type');
SELECT is((parse_ticket_number('hello')).prefix, NULL, 'what is no number gives nulls');
SELECT is(parse_ticket_number(NULL), NULL, 'null gives null');
SELECT is((parse_ticket_number('m2602-101')).period, '2026-02', 'the period of a monthly series');
SELECT is((parse_ticket_number('N-000013')).check_ok, true, 'a right check digit');
SELECT is((parse_ticket_number('N-000031')).check_ok, false, 'a wrong one');
SELECT ok(verify_ticket_number('N-000013') AND NOT verify_ticket_number('N-000031') AND verify_ticket_number('tkt 2026 1'), 'verify');
SELECT matches(ticket_number_problem('N-000031'), '^the check digit should be [02-9]$', 'the reason: check digit');
SELECT is(ticket_number_problem('hello'), 'it has no digits', 'the reason: no digits');
SELECT is(ticket_number_problem('TKT-2026-1234567890123'), 'it has more than 12 digits in a row', 'the reason: too long');
SELECT is(ticket_number_problem('TKT-26-1'), 'no series writes numbers of this shape', 'the reason: shape');
SELECT is(ticket_number_problem('TKT-2026-0001'), NULL, 'no reason');
SELECT is(extract_ticket_numbers('Re: [TKT-2026-0042] printer'), '{TKT-2026-0042}', 'extract');
SELECT is(extract_ticket_numbers('AW: tkt 2026 42, hd_2026_1; N-000031 n-000013, TKT-2026-42'), '{TKT-2026-0042,HD_2026_001,N-000013}',
          'in any spelling, once, without misread ones');
SELECT is(extract_ticket_numbers(E'TKT\u20132026\u20130045 TKT\u20112026\u20110046 TKT\u00a02026\u00a047 TKT\u22122026\u22120048'), '{TKT-2026-0045,TKT-2026-0046,TKT-2026-0047,TKT-2026-0048}',
          'with the dashes and spaces of word processors');
SELECT is(extract_ticket_numbers('in May 2026 42 people'), '{}', 'a date is no number');
SELECT is(cardinality(extract_ticket_numbers(repeat('x ', 400000) || 'TKT-2026-0001 ' || repeat('y ', 400000))), 1, 'a long text');

CREATE TABLE many AS SELECT 'TKT-2026-' || lpad(g::text, 6, '0') AS number FROM generate_series(1, 20000) g;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
UPDATE ticket_series SET start_number = 2 WHERE prefix = 'S';
SELECT is((SELECT max((parse_ticket_number(number)).number) FROM many WHERE length(number) > 3), 20000::bigint, 'parse in a parallel query, settings read for the first time');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- Tables of other people
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id serial PRIMARY KEY, number varchar(14) UNIQUE, day date, region text);
CREATE TRIGGER number BEFORE INSERT OR UPDATE ON billing.invoices FOR EACH ROW
  EXECUTE FUNCTION number_trigger('number', 'INV', 'at=day', 'category=region');
INSERT INTO billing.invoices (day) VALUES ('2025-12-31'), ('2026-01-01'), ('2026-01-01');
SELECT results_eq('SELECT number::text FROM billing.invoices ORDER BY id', ARRAY['INV-2025-0001', 'INV-2026-0001', 'INV-2026-0002'], 'a trigger numbers a table');
INSERT INTO billing.invoices (number) VALUES ('INV-2026-0041'), ('X17'), ('INV-2026-9');
INSERT INTO billing.invoices (number, day) VALUES ('', '2026-02-02');
SELECT is((SELECT number::text FROM billing.invoices ORDER BY id DESC LIMIT 1), 'INV-2026-0042', 'numbers that are given are kept and never taken');
UPDATE billing.invoices SET number = NULL, day = '2026-02-02' WHERE number = 'X17';
SELECT is((SELECT count(*) FROM billing.invoices WHERE number = 'INV-2026-0043'), 1::bigint, 'an update to null numbers again');
ALTER TABLE billing.invoices DISABLE TRIGGER number;
INSERT INTO billing.invoices (number) VALUES ('INV-2026-0044'), ('INV-2026-0045'), ('INV-2026-0099');
ALTER TABLE billing.invoices ENABLE TRIGGER number;
INSERT INTO billing.invoices (day) VALUES ('2026-02-02');
SELECT is((SELECT number::text FROM billing.invoices ORDER BY id DESC LIMIT 1), 'INV-2026-0100', 'rows that came past the trigger are noticed');
ALTER TABLE billing.invoices DISABLE TRIGGER number;
INSERT INTO billing.invoices (number) VALUES ('INV-2026-0500'), ('INV-2024-0007');
ALTER TABLE billing.invoices ENABLE TRIGGER number;
SELECT results_eq('SELECT * FROM resync_ticket_numbers() ORDER BY 2', $$VALUES ('INV', '2024', 7::bigint), ('INV', '2026', 500)$$, 'resync says what it raised');
SELECT is_empty('SELECT * FROM resync_ticket_numbers(''billing.invoices'')', 'a second time nothing');
SELECT is(next_ticket_number('INV', '2026-02-02Z'), 'INV-2026-0501', 'and never lowers');
SELECT matches(refusal($$SELECT * FROM resync_ticket_numbers('many')$$), '^55000: table "many" has no column that a series numbers', 'resync of a table that nothing numbers');
CREATE TABLE billing.defaults (id serial PRIMARY KEY, no text UNIQUE DEFAULT next_ticket_number('DEF', '2026-05-05Z'));
INSERT INTO billing.defaults (no) VALUES ('DEF-2026-0005'), ('DEF-2026-0006');
SELECT results_eq($$SELECT * FROM resync_ticket_numbers('billing.defaults')$$, $$VALUES ('DEF', '2026', 6::bigint)$$, 'resync of a table whose column has a number for its default');
INSERT INTO billing.defaults DEFAULT VALUES;
SELECT is((SELECT no FROM billing.defaults ORDER BY id DESC LIMIT 1), 'DEF-2026-0007', 'which goes on after it');
SELECT matches(refusal($$INSERT INTO billing.invoices (number) VALUES (E'a\nb')$$), '^22023: a ticket number must not contain control characters', 'a line end in a given number');
SELECT lives_ok($$INSERT INTO billing.invoices (id, number, day) VALUES (900, 'pending-x', '2026-02-02')$$, 'a placeholder of nobody');
SELECT is((SELECT number::text FROM billing.invoices WHERE id = 900), 'INV-2026-0502', 'is no number');
DELETE FROM billing.invoices WHERE id = 900;
INSERT INTO ticket_series (prefix, mask) VALUES ('INV', '{prefix}/{category}/{YY}/{#}');
INSERT INTO billing.invoices (day, region) VALUES ('2026-02-02', 'em a'), ('2026-02-02', NULL);
SELECT results_eq('SELECT number::text FROM billing.invoices ORDER BY id DESC LIMIT 2', ARRAY['INV/GEN/26/504', 'INV/EMA/26/503'],
                  'a category of the row');
SELECT matches(refusal($$INSERT INTO billing.invoices (day, region) VALUES ('2026-02-02', 'abcdefghijkl')$$), '^22001: ticket number "INV/ABCDEFGHIJ/26/505" does not fit', 'a number longer than its column');
CREATE TABLE billing.other (a integer, n text);
CREATE TRIGGER number BEFORE INSERT ON billing.other FOR EACH ROW EXECUTE FUNCTION number_trigger('a');
SELECT matches(refusal('INSERT INTO billing.other DEFAULT VALUES'), '^42809: column "a" cannot hold ticket numbers', 'a column that holds no text');
CREATE OR REPLACE TRIGGER number BEFORE INSERT ON billing.other FOR EACH ROW EXECUTE FUNCTION number_trigger('n', 'X', 'when=a');
SELECT matches(refusal('INSERT INTO billing.other DEFAULT VALUES'), '^22023: number_trigger\(\) does not know the argument', 'an unknown argument');

-- Tables of counters that are not as deploy() makes them
ALTER TABLE ticket_counters ADD COLUMN note text NOT NULL DEFAULT 'x';
SELECT is(next_ticket_number('HD2', '2026-05-05Z'), 'HD2-2026-0001', 'a column that somebody added does no harm');
SELECT is((SELECT note FROM ticket_counters WHERE prefix = 'HD2'), 'x', 'and has its default');
INSERT INTO ticket_series (prefix, mode) VALUES ('GAP', 'gapless');
SELECT is(next_ticket_number('GAP', '2026-05-05Z'), 'GAP-2026-0001', 'in either mode');
ALTER TABLE ticket_counters DROP COLUMN note;
SELECT is(next_ticket_number('HD2', '2026-05-05Z'), 'HD2-2026-0002', 'nor one that is gone');
SELECT is(next_ticket_number('GAP', '2026-05-05Z'), 'GAP-2026-0002', 'in either mode');

-- Gapless numbers, taken at once, of a table with deferred triggers and with triggers of statements
CREATE TABLE billing.late (id serial PRIMARY KEY, n text UNIQUE);
CREATE TABLE billing.heard (what text);
CREATE FUNCTION billing.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO billing.heard VALUES (TG_NAME); RETURN NULL; END $$;
INSERT INTO ticket_series (prefix, mode) VALUES ('LATE', 'gapless');
CREATE TRIGGER number BEFORE INSERT ON billing.late FOR EACH ROW EXECUTE FUNCTION number_trigger('n', 'LATE');
CREATE CONSTRAINT TRIGGER settle AFTER INSERT ON billing.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (numbers_pending()) EXECUTE FUNCTION number_settle_trigger('n', 'LATE');
CREATE CONSTRAINT TRIGGER deferred AFTER UPDATE ON billing.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.hear();
CREATE TRIGGER statement AFTER UPDATE OF n ON billing.late FOR EACH STATEMENT EXECUTE FUNCTION billing.hear();
CREATE TRIGGER other AFTER UPDATE OF id ON billing.late FOR EACH ROW EXECUTE FUNCTION billing.hear();
INSERT INTO billing.late DEFAULT VALUES;
SET CONSTRAINTS billing.settle IMMEDIATE;
SELECT matches((SELECT n FROM billing.late), '^LATE-\d{4}-0001$', 'a gapless number taken at once');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT results_eq('SELECT what FROM billing.heard ORDER BY 1', ARRAY['deferred', 'statement'], 'fires what an UPDATE of that column fires');

CREATE ROLE joe;
CREATE SCHEMA joe AUTHORIZATION joe;
SET LOCAL ROLE joe;
SELECT throws_ok('SELECT peek_ticket_number()', '42501', 'permission denied to peek at ticket numbers', 'the next number tells the volume: not to everybody');
SET LOCAL search_path = joe, ticketflow, public;
CREATE FUNCTION joe.homes() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  series constant text := 'CREATE TABLE ticket_series (prefix text, mask text, reset text, time_zone text, start_number bigint, mode text, permute_key bigint, is_default boolean)';
  scopes constant text := 'CREATE TABLE ticket_series_scopes (scope text, value text, prefix text, code text)';
  columns constant text := 'ALTER TABLE ticket_counters ADD COLUMN last_number bigint NOT NULL DEFAULT 5, ADD COLUMN prefix varchar(10) COLLATE "C" NOT NULL DEFAULT ''TKT'', ADD COLUMN period text COLLATE "C" NOT NULL DEFAULT ''2026''; ALTER TABLE ticket_counters ADD PRIMARY KEY (prefix, period)';
  attempt text[];
  state text;
BEGIN
  FOREACH attempt SLICE 1 IN ARRAY ARRAY[
    ['CREATE VIEW ticket_series AS SELECT 1; CREATE VIEW ticket_series_scopes AS SELECT 1; CREATE TABLE ticket_counters ()', 'parse_ticket_number(''TKT-2026-0001'')'],
    [series || ';' || scopes || ';CREATE TABLE ticket_counters (); INSERT INTO ticket_series VALUES (''TKT'', ''{prefix}-{####}'', ''never'', NULL, 1, ''fast'', NULL, true)', 'parse_ticket_number(''TKT-2026-0001'')'],
    [replace(series, 'start_number bigint', 'start_number text') || ';' || scopes || ';CREATE TABLE ticket_counters (); INSERT INTO ticket_series VALUES (''TKT'', ''{prefix}-{####}'', ''never'', ''UTC'', ''many'', ''fast'', NULL, true)', 'parse_ticket_number(''TKT-2026-0001'')'],
    [series || ';' || scopes || ';CREATE TABLE ticket_counters (); INSERT INTO ticket_counters DEFAULT VALUES;' || columns, 'next_ticket_number(''TKT'', ''2026-05-05'')'],
    [series || ';' || scopes || ';CREATE TABLE ticket_counters (a int, b int, c int, PRIMARY KEY (b, c)); INSERT INTO ticket_counters SELECT g, g, g FROM generate_series(-1000, 1000) g', 'parse_ticket_number(''ABC-2026-0001'')'],
    [series || ';' || scopes || ';CREATE TABLE ticket_counters (a int, b int, c int, PRIMARY KEY (b, c)); INSERT INTO ticket_counters SELECT g, g, g FROM generate_series(-1000, 1000) g', 'next_ticket_number(''ABC'')']] LOOP
    BEGIN
      EXECUTE attempt[1];
      state := 'answered';
      EXECUTE 'SELECT ' || attempt[2];
      RAISE EXCEPTION USING ERRCODE = 'P0004';
    EXCEPTION WHEN OTHERS OR assert_failure THEN
      RETURN NEXT CASE SQLSTATE WHEN 'P0004' THEN state ELSE SQLSTATE END;
    END;
  END LOOP;
END $$;
SELECT results_eq('SELECT * FROM joe.homes()', ARRAY['answered', '55000', '22P02', '42809', '42809', '42809'], 'strange tables of these names are clear errors and crash nothing');
CREATE TABLE joe.t (no text);
INSERT INTO joe.t VALUES ('INV-2026-999999999999');
CREATE TRIGGER x BEFORE INSERT ON joe.t FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('no', 'INV');
CREATE TABLE joe.u (no text);
CREATE TRIGGER x BEFORE INSERT ON joe.u FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('nope', 'INV');
RESET ROLE;
SET LOCAL search_path = public, ticketflow;
SELECT is_empty('SELECT * FROM resync_ticket_numbers() WHERE last_number > 1000', 'tables of strangers raise no series');
SELECT is(refusal($$SELECT * FROM resync_ticket_numbers('joe.t')$$), '42501: permission denied to number table "t"', 'not even by name');
SELECT is(hint_of($$INSERT INTO joe.t DEFAULT VALUES$$),
  'Who may grant it says: GRANT UPDATE ON ticketflow.ticket_counters TO joe; Or put the table into the schema of a desk of the owner''s.', 'the hint says what to grant');
SELECT is(refusal($$SELECT * FROM resync_ticket_numbers('joe.u')$$), '42703: table "u" has no text column "nope"', 'nor one whose trigger names no column of it');

SELECT * FROM finish();
ROLLBACK;
