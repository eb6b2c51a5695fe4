-- Seals: everything that a superuser can do to the log is found and located.
\set ECHO none
SET search_path = public, ticketflow;
-- Seals cover committed rows, so the changes come from transactions of their own.
INSERT INTO users (id, email) VALUES ('ann', 'ann@example.com');
SELECT set_config('app.current_user_id', 'ann', false);
INSERT INTO tasks (id, title, category, created_by) SELECT n, 'Ticket ' || n, 'bug', 'ann' FROM generate_series(1, 1100) n;
CREATE TEMP TABLE first AS SELECT audit_seal() AS seal, NULL::jsonb AS kept;
UPDATE first SET kept = audit_digest();
UPDATE tasks SET priority = 'high', title = title || E' "quoted" \\ \t \u00e9' WHERE id <= 100;
CREATE FUNCTION audit_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (table_name, operation, user_id, old_values, new_values)
  VALUES (TG_TABLE_NAME, TG_OP, current_setting('app.current_user_id'), row_to_json(OLD), row_to_json(NEW));
  RETURN NULL;
END $$;
CREATE TABLE guided (id int, n numeric, f float8);
CREATE TRIGGER guided AFTER INSERT ON guided FOR EACH ROW EXECUTE FUNCTION audit_trigger();
INSERT INTO guided VALUES (1, 1.500, 0.1);
CREATE TABLE odd (id int PRIMARY KEY, "a ""quoted"" name" text, j json, jb jsonb, arr int[], f float8, n numeric, b bytea, big text);
SELECT audit_enable('odd');
INSERT INTO odd VALUES (1, E'tab\there', '{"a": "\u0000"}', '{"b": [1, 2.50, null, {"c": "d"}]}', '{{1,2},{3,NULL}}', -0.0, 'NaN', '\x00', repeat('x', 200000));
UPDATE odd SET jb = '[]', f = 1e300, n = 12345678901234567890.123, b = NULL, id = 2;
CREATE TEMP TABLE second AS SELECT audit_seal() AS seal;
CREATE TEMP TABLE nothing AS SELECT audit_seal() AS seal;

BEGIN;
SELECT plan(46);
CREATE FUNCTION problems() RETURNS TABLE (line text) LANGUAGE sql BEGIN ATOMIC
  SELECT concat_ws(' ', seal_id, ledger, row_id, problem) FROM audit_verify(); END;

SELECT is((SELECT seal FROM first), 1::bigint, 'the first seal');
SELECT is((SELECT row_count FROM audit_seals WHERE id = 1), 2201::bigint, 'covers every row of the log and of the history');
SELECT is((SELECT seal FROM second), 2::bigint, 'the second');
SELECT is((SELECT seal FROM nothing), NULL, 'where nothing is new there is no seal');
SELECT is_empty('SELECT problems()', 'what nobody touched is intact: values of every kind have the digest that was made when they were written');
SELECT ok((SELECT bool_and(row_digest IS NOT NULL) FROM audit_log WHERE table_name <> 'guided'), 'which was made by the trigger');

CREATE FUNCTION tampered(sql text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  result text[];
BEGIN
  BEGIN
    EXECUTE sql;
    SELECT array_agg(line) INTO result FROM (SELECT line FROM problems() LIMIT 3) p;
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN RETURN result;
  END;
END $$;
SELECT is(tampered($$UPDATE audit_log SET user_id = 'bob' WHERE id = 7$$), '{1 audit_log 7 altered}', 'an edited author');
SELECT is(tampered($$UPDATE audit_log SET new_values = new_values || '{"title": "x"}' WHERE id = 8$$), '{1 audit_log 8 altered}', 'an edited value');
SELECT is(tampered($$UPDATE audit_log SET created_at = created_at - interval '1 microsecond' WHERE id = 8$$), '{1 audit_log 8 altered}', 'an edited time');
SELECT is(tampered($$UPDATE audit_log SET record_key = '{"id": 99}' WHERE id = 8$$), '{1 audit_log 8 altered}', 'an edited key');
SELECT is(tampered($$UPDATE audit_log SET record = 1 WHERE id = 8$$), '{1 audit_log 8 altered}', 'a row hidden from its index');
SELECT is(tampered($$UPDATE audit_log SET cause = '' WHERE id = 8$$), '{1 audit_log 8 altered}', 'an empty text for a null');
SELECT is(tampered($$UPDATE audit_log SET table_name = 'task', operation = 'sINSERT' WHERE id = 8$$), '{1 audit_log 8 altered}', 'a byte moved from one column to the next');
SELECT is(tampered($$UPDATE audit_log SET user_id = 'bob' WHERE table_name = 'guided'$$), ARRAY[format('2 audit_log %s altered', (SELECT id FROM audit_log WHERE table_name = 'guided'))],
  'a row of the guide''s trigger');
SELECT is(tampered($$DELETE FROM audit_log WHERE id = 9$$), '{1 audit_log 9 missing}', 'a deleted row');
SELECT is(tampered($$INSERT INTO audit_log (table_name, operation, transaction_id) VALUES ('tasks', 'UPDATE', 3)$$),
  ARRAY[format('audit_log %s inserted', (SELECT last_value FROM audit_log_id_seq))], 'a row that claims an old transaction');
SELECT is(tampered($$INSERT INTO audit_log (id, table_name, operation) VALUES (9, 'tasks', 'UPDATE')$$), '{1 audit_log 9 inserted}', 'a second row of an id');
SELECT is(tampered($$INSERT INTO audit_log SELECT * FROM audit_log WHERE id = 9$$), '{1 audit_log 9 inserted}', 'a copy of a sealed row');
SELECT is(tampered($$INSERT INTO audit_log SELECT a.* FROM audit_log a, generate_series(1, 3) WHERE a.id IN (9, 10)$$), '{1 audit_log 9 inserted,1 audit_log 10 inserted}', 'many copies');
SELECT is(tampered($$INSERT INTO task_history_archive SELECT * FROM task_history WHERE id = 5$$), '{1 task_history 5 inserted}', 'a copy of history in its archive');
SELECT is(tampered($$INSERT INTO audit_log (id, table_name, operation, transaction_id) VALUES (99999, 'tasks', 'UPDATE', 9000000000000000000)$$), '{audit_log 99999 inserted}', 'a row of a transaction yet to come');
SELECT is(tampered($$INSERT INTO audit_log (id, table_name, operation, transaction_id) VALUES (99999, 'tasks', 'UPDATE', pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1)$$), '{audit_log 99999 inserted}', 'of the next one but one');
SELECT is(tampered($$INSERT INTO audit_log (id, table_name, operation, transaction_id) SELECT 99999 + n, 'tasks', 'UPDATE', n FROM unnest('{-5,-9223372036854775808,0,2}'::bigint[]) n WHERE n > -10
  UNION ALL SELECT 99998, 'tasks', 'UPDATE', -9223372036854775808$$), '{audit_log 99994 inserted,audit_log 99998 inserted,audit_log 99999 inserted}', 'of one that cannot be');
SELECT is(tampered($$INSERT INTO task_history (id, task_id, field, change_type, transaction_id) VALUES (99999, 1, 'title', 'updated', 9000000000000000000)$$), '{task_history 99999 inserted}', 'the same in history');
SELECT is(tampered($$UPDATE tasks SET title = 'Own' WHERE id = 2$$), NULL, 'what the present transaction has done is no forgery');
SELECT is(tampered($$UPDATE audit_log SET id = CASE id WHEN 9 THEN 10 ELSE 9 END WHERE id IN (9, 10)$$), '{1 audit_log 9 reordered,1 audit_log 10 reordered}', 'two rows that changed places');
SELECT is(tampered($$TRUNCATE audit_log$$), '{1 audit_log 1 missing,1 audit_log 2 missing,1 audit_log 3 missing}', 'a truncated log');
SELECT is(tampered($$UPDATE audit_contexts SET application_name = 'other' WHERE actor_kind = 'user'$$), '{1 audit_log 2 altered,1 audit_log 3 altered,1 audit_log 4 altered}', 'an edited origin');
SELECT is(tampered($$INSERT INTO audit_contexts SELECT id, audit_text_digest(0, 'audit_contexts', ARRAY['mallory', 'mallory', 'user', NULL, NULL]), 'mallory', 'mallory', 'user' FROM audit_contexts WHERE actor_kind = 'user' LIMIT 1$$),
  ARRAY[format('audit_contexts %s altered', (SELECT id FROM audit_contexts WHERE actor_kind = 'user' LIMIT 1))], 'a second origin under an id');
SELECT is(tampered($$UPDATE audit_log SET row_digest = sha256('x') WHERE id = 9$$), '{1 audit_log 9 altered}', 'an edited digest');
SELECT is(tampered($$UPDATE task_history SET old_value = 'x' WHERE id = 1150$$), '{2 task_history 1150 altered}', 'edited history');
SELECT is(tampered($$UPDATE task_history SET new_value = NULL WHERE id = 1150$$), '{2 task_history 1150 altered}', 'history without its value');
SELECT is(tampered($$SET LOCAL session_replication_role = replica; DELETE FROM task_history WHERE id = 5$$), '{1 task_history 5 missing}', 'deleted history');
SELECT is(tampered($$DELETE FROM task_history WHERE id = 5$$), NULL, 'history that the guide''s clean-up deleted is in the archive');
SELECT is(tampered($$DELETE FROM audit_seals WHERE id = 1$$), '{1 audit_seal_leaves 1 inserted,2 audit_seals 1 missing,audit_log 1 inserted}', 'a removed seal');
SELECT is(tampered($$DELETE FROM audit_seals WHERE id = 2; DELETE FROM audit_seal_leaves WHERE seal_id = 2$$), NULL, 'the newest seal removed whole cannot be seen from inside');
SELECT is((SELECT problem FROM audit_verify(digests => (SELECT kept FROM first))), NULL, 'a digest kept outside fits');
SELECT is(tampered($$UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE id = 2$$), '{2 audit_seals 2 altered}', 'a seal of another time');
SELECT is(tampered($$UPDATE audit_seals SET root = sha256('x') WHERE id = 2$$), '{2 audit_seal_leaves 2 altered,2 audit_seals 2 altered}', 'another root');
SELECT is(tampered($$UPDATE audit_seal_leaves SET digests = sha256('x') || substr(digests, 33) WHERE seal_id = 2 AND ledger = 'task_history'$$),
  ARRAY['2 audit_seal_leaves 2 altered', format('2 task_history %s altered', (SELECT first_id FROM audit_seal_leaves WHERE seal_id = 2 AND ledger = 'task_history' LIMIT 1))], 'another leaf');
SELECT is(tampered($$UPDATE audit_seals SET previous = sha256('x') WHERE id = 2; UPDATE audit_seals s SET digest = seal_digest(s) WHERE id = 2$$), '{2 audit_seals 2 reordered}', 'a broken chain');
-- The whole chain made anew.
CREATE FUNCTION reseal() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  result text[];
BEGIN
  BEGIN
    DELETE FROM audit_seals; DELETE FROM audit_seal_leaves;
    UPDATE audit_log SET user_id = 'bob', row_digest = NULL, context = NULL WHERE id = 7;
    PERFORM audit_seal();
    SELECT array_agg(concat_ws(' ', seal_id, ledger, row_id, problem)) INTO result FROM audit_verify(digests => (SELECT kept FROM first));
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN RETURN result;
  END;
END $$;
SELECT is(reseal(), '{1 audit_seals 1 altered}', 'a chain made anew does not fit the digest kept outside');

-- proofs
SELECT ok((SELECT audit_check_inclusion(decode(p ->> 'root', 'hex'), decode(p ->> 'leaf', 'hex'), (p ->> 'index')::bigint, (p ->> 'size')::bigint,
    COALESCE((SELECT string_agg(decode(e, 'hex'), '' ORDER BY o) FROM jsonb_array_elements_text(p -> 'path') WITH ORDINALITY x(e, o)), ''))
  FROM audit_proof(1050) p), 'a row''s proof leads to the root');
SELECT is((SELECT substr(decode(audit_proof(1050) ->> 'leaf', 'hex'), 1, 16)), (SELECT row_digest FROM audit_log WHERE id = 1050), 'and is about that row');
SELECT is(audit_proof(-5), NULL, 'what is not sealed has no proof');

-- not yet sealed
UPDATE tasks SET title = 'Later' WHERE id = 1;
SELECT is(tampered(format($$UPDATE audit_log SET user_id = 'bob' WHERE id = %s$$, (SELECT max(id) FROM audit_log))), ARRAY[format('audit_log %s altered', (SELECT max(id) FROM audit_log))],
  'a row that no seal covers yet has its digest');
SELECT * FROM finish();
ROLLBACK;
