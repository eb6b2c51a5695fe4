-- Looking back, checked against copies of the table that were taken while thousands of random changes ran.
\set ECHO none
SET search_path = public, ticketflow;
CREATE TABLE ledger (id int PRIMARY KEY, a text, n numeric(12,2), tags text[], at timestamptz, doc jsonb, gone text, kept bool GENERATED ALWAYS AS (n > 50) STORED);
SELECT audit_enable('ledger');
CREATE TABLE copies (step int, at timestamptz, id int, image jsonb);
SELECT setseed(0.42);
SET client_min_messages = error;
WITH steps AS (
  SELECT step, random() AS dice, (1 + random() * 29)::int AS k, (1 + random() * 29)::int AS k2, (random() * 100)::numeric(12,2) AS v FROM generate_series(1, 2400) step)
SELECT unnest(ARRAY[
  CASE
    WHEN step = 800 THEN 'ALTER TABLE ledger ADD COLUMN added int DEFAULT 7'
    WHEN step = 1200 THEN 'ALTER TABLE ledger DROP COLUMN gone'
    WHEN step = 1500 THEN 'ALTER TABLE ledger ADD COLUMN late text'
    WHEN step = 2000 THEN 'TRUNCATE ledger'
    WHEN dice < 0.30 THEN format('INSERT INTO ledger (id, a, n, tags, at, doc) VALUES (%s, %L, %s, ARRAY[%L, NULL], %L, %L) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n + ledger.n, doc = NULL',
      k, 'row ' || v, v, v, timestamptz '2026-01-01' + v * interval '1 hour', jsonb_build_object('v', v))
    WHEN dice < 0.50 THEN format('UPDATE ledger SET a = NULLIF(%L, a), tags = tags || ARRAY[%L] WHERE id = %s', 'a' || k2, k2::text, k)
    WHEN dice < 0.60 THEN format('UPDATE ledger SET n = n + 1, at = at + interval ''1 day'' WHERE id BETWEEN %s AND %s', LEAST(k, k2), GREATEST(k, k2))
    WHEN dice < 0.68 THEN format('UPDATE ledger SET id = %s, a = %L WHERE id = %s AND NOT EXISTS (SELECT FROM ledger WHERE id = %s)', k2, 'moved', k, k2)
    WHEN dice < 0.78 THEN format('DELETE FROM ledger WHERE id = %s', k)
    WHEN dice < 0.82 THEN format('BEGIN; UPDATE ledger SET a = ''never''; DELETE FROM ledger WHERE id < %s; ROLLBACK', k)
    WHEN dice < 0.86 THEN format('WITH d AS (DELETE FROM ledger WHERE id = %s RETURNING *) INSERT INTO ledger (id, a, n) SELECT id + 100, a, n FROM d ON CONFLICT DO NOTHING', k)
    WHEN dice < 0.90 AND step > 850 THEN format('UPDATE ledger SET added = %s WHERE id = %s', k2, k)
    ELSE format('UPDATE ledger SET a = a, n = n WHERE id = %s', k) END,
  CASE WHEN step % 200 = 0 THEN format('INSERT INTO copies SELECT %s, clock_timestamp(), l.id, audit_image(l) FROM ledger l UNION ALL SELECT %s, clock_timestamp(), 0, NULL', step, step) END])
FROM steps ORDER BY step
\gexec
SET client_min_messages = warning;

BEGIN;
SELECT plan(32);
SELECT cmp_ok((SELECT count(*) FROM audit_log WHERE table_name = 'ledger'), '>', 2000::bigint, 'thousands of changes');
SELECT cmp_ok((SELECT count(*) FROM audit_log WHERE table_name = 'ledger' AND moved_to IS NOT NULL), '>', 20::bigint, 'among them moves to other keys');
SELECT ok((SELECT count(DISTINCT id) > 30 FROM copies), 'copies hold many keys');
CREATE TEMP TABLE looks AS
SELECT s.step, s.at, k.id, c.image AS was, row_as_of('ledger', jsonb_build_object('id', k.id), s.at) AS says
  FROM (SELECT step, max(at) AS at FROM copies GROUP BY 1) s CROSS JOIN (SELECT DISTINCT id FROM copies) k
  LEFT JOIN copies c ON c.step = s.step AND c.id = k.id AND k.id <> 0;
SELECT is((SELECT count(*) FROM looks WHERE was IS NOT NULL) > 200, true, 'and many rows');
SELECT is_empty('SELECT step, id, was, says FROM looks WHERE was IS DISTINCT FROM says LIMIT 3', 'row_as_of() says of every key and instant what the copy says');
SELECT results_eq($$SELECT count(*) FROM changes_between('ledger', '-infinity', 'infinity')$$, $$SELECT count(*) FROM audit_log WHERE table_name = 'ledger'$$, 'changes_between() has every change');
SELECT is_empty('SELECT * FROM audit_verify()', 'and every digest fits');

-- undoing
CREATE TABLE account (id int PRIMARY KEY, owner text, balance int CHECK (balance >= 0), secret text);
CREATE TABLE entry (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int NOT NULL REFERENCES account ON DELETE CASCADE, amount int);
SELECT audit_enable('account', redact => '{secret}'), audit_enable('entry');
INSERT INTO account VALUES (1, 'ann', 10, 's1'), (2, 'bob', 20, 's2');
INSERT INTO entry (account, amount) VALUES (1, 10), (1, 0), (2, 20);
COMMIT;
SELECT clock_timestamp() AS before \gset
BEGIN; UPDATE account SET balance = 0, owner = 'eve', secret = 's9' WHERE id = 1; DELETE FROM account WHERE id = 2; INSERT INTO account VALUES (3, 'eve', 30, NULL); COMMIT;
SELECT transaction_id AS bad FROM audit_log WHERE table_name = 'account' ORDER BY id DESC LIMIT 1 \gset
CREATE TABLE bulk (id int PRIMARY KEY);
SELECT audit_enable('bulk');
INSERT INTO bulk SELECT generate_series(1, 3);
SELECT transaction_id AS many FROM audit_log WHERE table_name = 'bulk' ORDER BY id DESC LIMIT 1 \gset
SELECT set_config('test.bad', :'bad', false), set_config('test.before', :'before', false);
BEGIN;
SAVEPOINT clean;
SELECT is((SELECT count(*) FROM revert(:bad) WHERE outcome = 'reverted'), 4::bigint, 'revert() undoes a transaction, what cascaded too');
SELECT results_eq('SELECT * FROM account ORDER BY id', $$VALUES (1, 'ann', 10, 's9'), (2, 'bob', 20, NULL)$$, 'and what is redacted stays as it is');
SELECT results_eq('SELECT id, account, amount FROM entry ORDER BY id', 'VALUES (1, 1, 10), (2, 1, 0), (3, 2, 20)', 'with the old keys');
SELECT is((SELECT DISTINCT cause FROM audit_log WHERE transaction_id = pg_current_xact_id()::text::bigint AND table_name = 'account'), 'revert of transaction ' || :'bad', 'the log says why');
SELECT throws_ok(format('SELECT * FROM revert(%s)', :bad), '27000', NULL, 'undoing it twice is a conflict');
ROLLBACK TO clean;
UPDATE account SET owner = 'zoe' WHERE id = 1;
SELECT throws_ok(format('SELECT * FROM revert(%s)', :bad), '27000', NULL, 'a later change is a conflict');
SELECT is((SELECT balance FROM account WHERE id = 1), 0, 'and nothing is undone');
SELECT results_eq(format('SELECT operation, outcome FROM revert(%s, ''skip'') WHERE table_name = ''account''', :bad),
  $$VALUES ('INSERT', 'reverted'), ('DELETE', 'reverted'), ('UPDATE', 'conflict: the row was changed later')$$, 'skip leaves that row alone');
SELECT is(revert('account', '{"id": 1}', :'before') - 'secret', '{"id": 1, "owner": "ann", "balance": 10}', 'one row can be set back to a time');
SELECT is((SELECT array_agg(operation) FROM row_history('account', '{"id": "1"}')), '{INSERT,UPDATE,UPDATE,UPDATE}', 'its history keeps all of that');
SELECT throws_ok($$SELECT row_as_of('account', '{"nope": 1}', now())$$, '42703', NULL, 'a key of other columns is refused');
SELECT throws_ok($$SELECT row_as_of('copies', '{"id": 1}', now())$$, '55000', NULL, 'a table without a key too');
SELECT throws_ok($$SELECT * FROM revert(1)$$, 'P0002', NULL, 'and an unknown transaction');
SELECT audit_disable('bulk');
SELECT results_eq(format('SELECT DISTINCT outcome FROM revert(%s, ''skip'')', :many), ARRAY['conflict: the table is no longer recorded'], 'what is no longer recorded is left alone');
ROLLBACK;

-- columns whose type changes
CREATE TABLE typed (id int PRIMARY KEY, v int, w text, n int, hidden int);
INSERT INTO typed VALUES (9, 5, 'abc', 5, 1);
SELECT audit_enable('typed', redact => '{hidden}');
INSERT INTO typed VALUES (1, 5, '12', 5, 1), (2, 5, '12', 5, 1);
SELECT clock_timestamp() AS before \gset
UPDATE typed SET n = 6 WHERE id = 2;
SELECT max(transaction_id) AS sixth FROM audit_log WHERE table_name = 'typed' \gset
DELETE FROM typed WHERE id = 2;
SELECT max(transaction_id) AS gone FROM audit_log WHERE table_name = 'typed' \gset
UPDATE typed SET w = '7';
-- Pages that the index has summarised, and that many rows of one statement go on filling.
SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
 WHERE m.amname = 'brin' AND i.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_log'::regclass) \g /dev/null
INSERT INTO typed SELECT n FROM generate_series(1001, 1200) n;
DELETE FROM typed WHERE id > 1000;
BEGIN;
SELECT is((SELECT sum(c) FROM (SELECT (SELECT count(*) FROM row_history('typed', jsonb_build_object('id', n))) AS c FROM generate_series(1001, 1200, 13) n) x), 32::numeric, 'rows in summarised pages are found');
ALTER TABLE typed ALTER v TYPE text USING 'x' || v, ALTER w TYPE int USING w::int, ALTER n TYPE text;
SELECT is(row_as_of('typed', '{"id": 1}', :'before'), '{"id": 1, "v": 5, "w": "12", "n": 5, "hidden": "[redacted]"}', 'a row of before has the values of the old types');
SELECT is(row_as_of('typed', '{"id": 1}', now()), '{"id": 1, "v": 5, "w": "7", "n": 5, "hidden": "[redacted]"}', 'the last one before, too');
SELECT is(row_as_of('typed', '{"id": 1}', clock_timestamp()), '{"id": 1, "v": "x5", "w": 7, "n": "5", "hidden": "[redacted]"}', 'now they have the new');
SELECT throws_ok(format($$SELECT row_as_of('typed', '{"id": 9}', %L)$$, :'before'), '55000', 'the value that column "v" of table "typed" had before its type was changed is not known', 'what the log never had, and the old type does not take, is an error');
UPDATE typed SET v = 'y';
SELECT is(row_as_of('typed', '{"id": 1}', :'before') -> 'v', '5', 'a later change changes nothing in that');
SELECT is(revert('typed', '{"id": 1}', :'before'), '{"id": 1, "v": "5", "w": 12, "n": "5", "hidden": "[redacted]"}', 'a row can be set back to what the new types make of it');
SELECT throws_ok(format('SELECT revert(%s)', :sixth), '27000', NULL, 'a row that is gone is a conflict as ever');
SELECT is((SELECT outcome FROM revert(:gone)), 'reverted', 'a deleted one comes back');
SELECT results_eq(format('SELECT outcome FROM revert(%s)', :sixth), ARRAY['reverted'], 'and 6 is what the new type shows as "6"');
UPDATE typed SET w = 3 WHERE id = 9;
SELECT throws_ok(format($$SELECT audit_write_back('typed', '{"id": 9}', old_values) FROM audit_log WHERE table_name = 'typed' AND record_key = '{"id": 9}' AND old_values = '{"w": "abc"}'$$), '42804', 'column "w" of table "typed" cannot have the value "abc" again', 'what the new type cannot hold is named');
SELECT * FROM finish();
ROLLBACK;
