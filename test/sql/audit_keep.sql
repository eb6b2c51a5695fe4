-- Keeping: months that are over, the archive, logs that are dropped and made again, unlogged tables.
\set ECHO none
SET search_path = public, ticketflow;
CREATE TABLE z (id int PRIMARY KEY, v int);
SELECT audit_enable('z');
INSERT INTO z VALUES (1, 1), (2, 1); UPDATE z SET v = 2; UPDATE z SET v = 3; DELETE FROM z WHERE id = 2;
SELECT audit_seal();
-- The same rows, twenty months ago.
CREATE TABLE audit_log_2000_01 (LIKE audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
WITH m AS (DELETE FROM audit_log WHERE table_name = 'z' RETURNING *) INSERT INTO audit_log_2000_01 SELECT * FROM m;
UPDATE audit_log_2000_01 SET created_at = timestamptz '2000-01-10 00:00+00' + id * interval '1 hour', row_digest = NULL;
ALTER TABLE audit_log ATTACH PARTITION audit_log_2000_01 FOR VALUES FROM ('2000-01-01 00:00+00') TO ('2000-02-01 00:00+00');
UPDATE audit_shapes SET seen_at = '1999-01-01' WHERE table_name = 'z';
DELETE FROM audit_seals; DELETE FROM audit_seal_leaves;
SELECT audit_seal();
UPDATE z SET v = 4;

BEGIN;
SELECT plan(28);
CREATE FUNCTION looks() RETURNS TABLE (at timestamptz, one jsonb, two jsonb) LANGUAGE sql BEGIN ATOMIC
  SELECT h, row_as_of('z', '{"id": 1}', h), row_as_of('z', '{"id": 2}', h) FROM generate_series(timestamptz '2000-01-10 00:30+00', '2000-01-10 09:30+00', interval '1 hour') h; END;
CREATE TEMP TABLE before AS SELECT * FROM looks();
SELECT is((SELECT count(DISTINCT one) FROM before), 3::bigint, 'looking back sees every state');
SELECT is((SELECT audit_partitions()), 0, 'no month is missing');
SELECT isnt_empty($$SELECT FROM pg_indexes WHERE tablename = 'audit_log_2000_01' AND indexdef LIKE '%btree (record)%'$$, 'a month that is over gets its index');
SELECT is_empty($$SELECT FROM pg_indexes WHERE tablename ~ '^audit_log_20[2-9]' AND indexdef LIKE '%btree%'$$, 'the running one and later ones do without');
SAVEPOINT late;
INSERT INTO audit_log (table_name, operation, created_at) VALUES ('z', 'INSERT', '2000-01-20 00:00+00');
SELECT is_empty('SELECT audit_archive()', 'a month stays while one of its rows is not sealed');
ROLLBACK TO late;
SELECT set_eq('SELECT audit_archive()', '{audit_log_2000_01}'::text[], 'an old month is archived');
SELECT is((SELECT count(*) FROM audit_log WHERE created_at < '2001-01-01'), 0::bigint, 'it is no part of the log');
SELECT is((SELECT row_count FROM audit_archives), 7::bigint, 'its rows are counted');
SELECT results_eq('SELECT * FROM looks()', 'SELECT * FROM before', 'looking back says what it said');
SELECT is((SELECT count(*) FROM row_history('z', '{"id": 1}')), 4::bigint, 'the history of a row is whole');
SELECT is((SELECT count(*) FROM changes_between('z', '-infinity', 'infinity')), 8::bigint, 'so are the changes of a table');
SELECT is_empty('SELECT * FROM audit_verify()', 'the archive is verified');
SELECT ok(audit_proof((SELECT min(id) FROM audit_log_2000_01)) ->> 'row' IS NOT NULL, 'and proved');
UPDATE audit_log_2000_01 SET user_id = 'bob' WHERE operation = 'DELETE';
SELECT is((SELECT problem FROM audit_verify()), 'altered', 'what is changed in it is found');
UPDATE audit_log_2000_01 SET user_id = NULL WHERE operation = 'DELETE';
SELECT is(has_table_privilege('ticketflow_admin', 'audit_log_2000_01', 'SELECT') AND NOT has_table_privilege('ticketflow_customer', 'audit_log_2000_01', 'SELECT'), true, 'who reads the log reads the archive, nobody else');
SELECT is((SELECT count(*) FROM audit_archive()), 0::bigint, 'archiving again finds nothing');
SELECT is(revert('z', '{"id": 1}', '2000-01-10 04:30+00') ->> 'v', (SELECT one ->> 'v' FROM before WHERE at = '2000-01-10 04:30+00'), 'a row is set back to what the archive knows');

-- a log that is dropped and made again in one session
CREATE SCHEMA own;
CREATE TABLE own.audit_log (LIKE audit_log INCLUDING DEFAULTS);
CREATE SEQUENCE own.ids OWNED BY own.audit_log.id;
CREATE TABLE own.t (id int PRIMARY KEY);
SELECT audit_enable('own.t');
INSERT INTO own.t VALUES (1);
SELECT is((SELECT count(*) FROM own.audit_log), 1::bigint, 'a schema''s own log is used');
DROP TABLE own.audit_log;
INSERT INTO own.t VALUES (2);
SELECT is((SELECT count(*) FROM audit_log WHERE table_name = 't'), 1::bigint, 'when it is gone the only desk''s');
CREATE TABLE own.audit_log (LIKE audit_log INCLUDING DEFAULTS);
CREATE SEQUENCE own.ids OWNED BY own.audit_log.id;
ALTER TABLE own.t ADD COLUMN v int;
INSERT INTO own.t VALUES (3);
SELECT is((SELECT string_agg(record_key ->> 'id', ' ') FROM own.audit_log), '3', 'and the new one when it is there');
SELECT audit_enable('own.t', log => 'own.audit_log', table_name => 'tee');
ALTER TABLE own.audit_log RENAME TO moved;
ALTER TABLE own.moved RENAME TO audit_log;
DROP TABLE own.t;
CREATE TABLE own.t (id int PRIMARY KEY, w text);
INSERT INTO own.t VALUES (4, 'x');
SELECT is((SELECT count(*) FROM own.audit_log), 1::bigint, 'a table that is made again is not recorded until somebody says so');
SELECT audit_enable('own.t');
UPDATE own.t SET w = 'y';
SELECT is((SELECT new_values FROM own.audit_log ORDER BY id DESC LIMIT 1), '{"w": "y"}', 'and then by its new columns');

-- unlogged and temporary tables
CREATE UNLOGGED TABLE passing (id int PRIMARY KEY, v int);
SELECT audit_enable('passing');
INSERT INTO passing VALUES (1, 1); UPDATE passing SET v = 2; TRUNCATE passing;
SELECT is((SELECT string_agg(operation, ' ' ORDER BY id) FROM audit_log WHERE table_name = 'passing'), 'INSERT UPDATE TRUNCATE', 'changes of an unlogged table are recorded');
SELECT is((SELECT relpersistence FROM pg_class WHERE oid = (SELECT tableoid FROM audit_log WHERE table_name = 'passing' LIMIT 1)), 'p', 'in a log that survives it');

-- triggers that change what is audited, and change again
CREATE TABLE outer_t (id int PRIMARY KEY, n int);
CREATE TABLE inner_t (id int PRIMARY KEY, n int);
SELECT audit_enable('outer_t'), audit_enable('inner_t');
CREATE FUNCTION pass_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO inner_t VALUES (NEW.id, NEW.n); UPDATE inner_t SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER pass_on AFTER INSERT ON outer_t FOR EACH ROW EXECUTE FUNCTION pass_on();
INSERT INTO outer_t SELECT n, n FROM generate_series(1, 300) n;
SELECT results_eq($$SELECT table_name, operation, count(*) FROM audit_log WHERE table_name LIKE '%er\_t' GROUP BY 1, 2 ORDER BY 1, 2$$,
  $$VALUES ('inner_t', 'INSERT', 300::bigint), ('inner_t', 'UPDATE', 300), ('outer_t', 'INSERT', 300)$$, 'triggers within triggers lose nothing and repeat nothing');
SELECT is((SELECT count(*) FROM (SELECT id FROM audit_log GROUP BY id HAVING count(*) > 1) d), 0::bigint, 'no id is there twice');
SELECT is_empty('SELECT * FROM audit_verify()', 'and all of it is intact');
ALTER TABLE task_history ADD COLUMN region text NOT NULL DEFAULT 'eu';
INSERT INTO task_history (task_id, field, change_type) VALUES (4711, '*', 'created');
DELETE FROM task_history WHERE task_id = 4711;
SELECT is((SELECT region FROM task_history_archive WHERE task_id = 4711), 'eu', 'a column that the DBA added goes to the archive, too');
SELECT * FROM finish();
ROLLBACK;
