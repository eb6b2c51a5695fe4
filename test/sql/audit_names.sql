-- audit: names and values that look like something else. Desks, tables and columns whose names need quotes or mean something to
-- SQL, and values that read like what the log writes in place of a value.
\set ECHO none
CALL ticketflow.deploy('My "Desk"', 'api-x', 'Reports');
SET search_path = "My ""Desk""", ticketflow, public;
\set key '{"id": 1}'

-- A desk whose name needs quotes looks back as any other, and knows the columns that its tables had.
INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('a', 'a@example.com', 'admin', true, true);
INSERT INTO tasks (title, category, created_by) VALUES ('one', 'bug', 'a');
SELECT id AS task, jsonb_build_object('id', id) AS task_key FROM tasks \gset
SELECT clock_timestamp() AS born \gset
ALTER TABLE tasks ADD COLUMN extra text DEFAULT 'new';
UPDATE tasks SET title = 'two' WHERE id = :task;
CREATE SCHEMA "Other";
CREATE TABLE "Other".t (id int PRIMARY KEY, v int);
SELECT audit_enable('"Other".t', log => '"My ""Desk""".audit_log');
INSERT INTO "Other".t VALUES (1, 1);
INSERT INTO "My ""Desk""".audit_log_default (created_at, table_name, operation, new_values) VALUES ('1999-05-05', 'old', 'INSERT', '{}');
SELECT audit_month('audit_log', '1999-05-01') \g /dev/null
SELECT audit_archive() AS archived \gset
SELECT plan(43);
SELECT is(:'archived'::text, 'audit_log_1999_05', 'a month is archived');
SELECT is(row_as_of('tasks', :'task_key', :'born') ->> 'title', 'one', 'row_as_of() in a desk whose name needs quotes');
SELECT ok(NOT row_as_of('tasks', :'task_key', :'born') ? 'extra', 'knows which columns there were');
SELECT is((SELECT count(*) FROM row_history('tasks', :'task_key')), 2::bigint, 'row_history()');
SELECT is((SELECT count(*) FROM changes_between('tasks', '-infinity', 'infinity')), 2::bigint, 'changes_between()');
SELECT is(revert('tasks', :'task_key', :'born') ->> 'title', 'one', 'revert()');
SELECT is((SELECT count(*) FROM changes_between('"Other".t', '-infinity', 'infinity')), 1::bigint, 'a table elsewhere is recorded in it');
SELECT is((SELECT log FROM audit_tables WHERE target = '"Other".t'::regclass), '"My ""Desk""".audit_log'::regclass, 'as audit_tables says');
SELECT isnt_empty('SELECT audit_seal()', 'audit_seal()');
SELECT is_empty('SELECT * FROM audit_verify()', 'audit_verify()');
SELECT is((SELECT audit_proof(max(id)) ->> 'ledger' FROM audit_log WHERE table_name = 'tasks'), 'audit_log', 'audit_proof()');
SET quote_all_identifiers = on;
SELECT is(row_as_of('tasks', :'task_key', 'infinity') ->> 'title', 'one', 'where every name is quoted too');
SELECT is((SELECT log FROM audit_tables WHERE target = '"Other".t'::regclass), '"My ""Desk""".audit_log'::regclass, 'a log is found');
SELECT lives_ok($$SELECT audit_enable('"Other".t', log => '"My ""Desk""".audit_log'); INSERT INTO "Other".t VALUES (2, 2)$$, 'and written to');
RESET quote_all_identifiers;
CREATE TEMP TABLE audit_log (id int);
CREATE TEMP TABLE complexity_models (id int);
CALL ticketflow.deploy('second', 'second_api', 'second_report');
SELECT is(audit_schema(), 'My "Desk"', 'a temporary table hides no log of the desk on the path');
SELECT is(complexity_desk(), '"My ""Desk"""'::regnamespace, 'nor its models');
DROP TABLE pg_temp.audit_log, pg_temp.complexity_models;

-- Columns and tables that are called like an alias or a type.
CREATE TABLE ev (id int PRIMARY KEY, t time, k text, v text, a int);
CREATE TABLE date (id int, "T" text, PRIMARY KEY (id, "T"));
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT audit_enable('ev'), audit_enable('"My ""Desk""".date'), audit_enable('parent') \g /dev/null
INSERT INTO child VALUES (1, 'child');
INSERT INTO ev VALUES (1, '12:00', 'k', 'v', 1);
INSERT INTO "My ""Desk""".date VALUES (1, 'x');
INSERT INTO parent VALUES (1, 'parent');
SELECT clock_timestamp() AS born \gset
UPDATE ev SET t = '13:00', k = 'kk', v = 'vv', a = 2;
SELECT max(transaction_id) AS changed FROM audit_log WHERE table_name = 'ev' \gset
SELECT is(row_as_of('ev', :'key', :'born'), '{"id": 1, "t": "12:00:00", "k": "k", "v": "v", "a": 1}', 'a column may be called t');
SELECT is((SELECT outcome FROM revert(:changed)), 'reverted', 'in a transaction that is undone');
SELECT is((SELECT ev.*::text FROM ev), '(1,12:00:00,k,v,1)', 'and is set back');
DELETE FROM ev;
SELECT is(revert('ev', :'key', :'born') ->> 't', '12:00:00', 'as is a row');
DELETE FROM "My ""Desk""".date;
SELECT is(revert('"My ""Desk""".date', '{"id": 1, "T": "x"}', :'born'), '{"id": 1, "T": "x"}', 'a table may be called as a type is, and have a key of two columns');
UPDATE ONLY parent SET v = 'changed';
SELECT is(row_as_of('parent', :'key', :'born') ->> 'v', 'parent', 'a row of a table that another inherits from is its own');
SELECT is(revert('parent', :'key', :'born') ->> 'v', 'parent', 'and set back');
SELECT is(revert('parent', :'key', '2000-01-01'), NULL, 'or removed');
SELECT is((SELECT v FROM child), 'child', 'without a row of the other table');

-- [redacted] is a value as any other in a column that was never hidden.
CREATE TABLE rd (id int PRIMARY KEY, v text, w text DEFAULT 'w', gone text);
SELECT audit_enable('rd', redact => '{w}');
INSERT INTO rd VALUES (1, '[redacted]', 'secret', 'g');
SELECT clock_timestamp() AS born \gset
UPDATE rd SET v = 'x';
SELECT max(transaction_id) AS changed FROM audit_log WHERE table_name = 'rd' \gset
SELECT is((SELECT outcome FROM revert(:changed)), 'reverted', 'a text that reads [redacted] is set back');
SELECT is((SELECT v || ' ' || w FROM rd), '[redacted] secret', 'and a redacted column stays');
DELETE FROM rd;
SELECT is(revert('rd', :'key', :'born') ->> 'v', '[redacted]', 'a row gets it back too');
SELECT is((SELECT w FROM rd), 'w', 'while what was redacted becomes what it is by default');
UPDATE rd SET w = 'other';
SELECT is((SELECT changed_columns FROM audit_trail WHERE table_name = 'rd' ORDER BY id DESC LIMIT 1), '{w}', 'audit_trail tells that a redacted column changed');
SELECT audit_enable('rd', "full" => true);
UPDATE rd SET gone = 'h';
SELECT ok('gone' = ANY (changed_columns) AND NOT 'v' = ANY (changed_columns), 'but not a text that reads so') FROM audit_trail WHERE table_name = 'rd' ORDER BY id DESC LIMIT 1;
SELECT throws_ok(format('SELECT revert(%L, %L, %L)', 'rd', :'key', :'born'), '27000', 'cannot revert {"id": 1} in "rd": the log does not hold the value of column "w"',
  'what was redacted then and is no more is not overwritten');
SELECT is((SELECT w FROM rd), 'other', 'it stays');
SELECT is((SELECT columns ->> 'w' FROM audit_shapes WHERE table_name = 'rd' ORDER BY id DESC LIMIT 1), NULL, 'and is known as visible since');

-- Values that were too large for the log are not in it; here as the log writes them, in a few bytes.
CREATE TABLE big (id int PRIMARY KEY, v text, w text);
SELECT audit_enable('big');
INSERT INTO big VALUES (1, 'v', 'w');
UPDATE audit_log SET new_values = new_values || jsonb_build_object('v', format('[100000001 bytes, SHA-256 %s]', repeat('0', 64))) WHERE table_name = 'big' AND operation = 'INSERT';
SELECT clock_timestamp() AS born \gset
DELETE FROM big;
UPDATE audit_log SET old_values = old_values || jsonb_build_object('v', format('[100000001 bytes, SHA-256 %s]', repeat('0', 64))) WHERE table_name = 'big' AND operation = 'DELETE';
SELECT max(transaction_id) AS changed FROM audit_log WHERE table_name = 'big' \gset
SELECT throws_ok(format('SELECT revert(%L, %L, %L)', 'big', :'key', :'born'), '27000', 'cannot revert {"id": 1} in "big": the log does not hold the value of column "v"', 'a value too large for the log is not replaced by its digest');
SELECT throws_ok(format('SELECT revert(%s)', :changed), '27000', 'cannot revert delete of {"id": 1} in "big": the log does not hold the value of column "v"', 'nor in a transaction that is undone');
SELECT is((SELECT outcome FROM revert(:changed, 'skip')), 'conflict: the log does not hold the value of column "v"', 'where it can be left out');
SELECT is_empty('SELECT * FROM big', 'nothing is written');

-- What a trigger refuses to write is not "reverted".
CREATE TABLE stubborn (id int PRIMARY KEY, v text);
SELECT audit_enable('stubborn');
INSERT INTO stubborn VALUES (1, 'a');
SELECT clock_timestamp() AS born \gset
UPDATE stubborn SET v = 'b';
SELECT max(transaction_id) AS changed FROM audit_log WHERE table_name = 'stubborn' \gset
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow BEFORE UPDATE OR DELETE ON stubborn FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT is((SELECT outcome FROM revert(:changed, 'skip')), 'conflict: the row may not be written', 'an update that a trigger swallows is a conflict');
SELECT throws_ok(format('SELECT revert(%L, %L, %L)', 'stubborn', :'key', :'born'), '27000', NULL, 'also for one row');
SELECT throws_ok(format('SELECT revert(%L, %L, %L)', 'stubborn', :'key', '2000-01-01'), '27000', NULL, 'and a removal');
DELETE FROM stubborn WHERE id = 2;
SELECT is(revert('stubborn', '{"id": 2}', '2000-01-01'), NULL, 'what is not there need not be removed');

-- audit_seal_rows() may be called by anybody, with anything.
CREATE TABLE leaves (LIKE audit_seal_leaves);
SELECT throws_ok($$SELECT ticketflow.audit_seal_rows(1, 'leaves', NULL, 'SELECT 1, 2', 'SELECT 1', 'SELECT 1')$$, '42809', NULL, 'a query with other columns is refused');
SELECT * FROM finish();
