-- The log of changes and the history of tickets: what is recorded, of whom, and what is not.
\set ECHO none
SET search_path = public, ticketflow;
BEGIN;
SELECT plan(43);

CREATE FUNCTION last_change(OUT l audit_log) LANGUAGE sql BEGIN ATOMIC SELECT a FROM audit_log a ORDER BY id DESC LIMIT 1; END;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM audit_log; DELETE FROM task_history; END;
INSERT INTO users (id, email, password) VALUES ('ann', 'ann@example.com', 'first secret'), ('bob', 'bob@example.com', NULL);

-- tickets of the desk
SELECT set_config('app.current_user_id', 'ann', true);
SELECT clear();
INSERT INTO tasks (id, title, category, created_by, description) VALUES (7, 'Printer', 'bug', 'ann', '');
SELECT is((SELECT array_agg((field, change_type, old_value, new_value, user_id)::text) FROM task_history WHERE task_id = 7),
  ARRAY['(*,created,,Printer,ann)'], 'a new ticket has one history row');
SELECT is((last_change()).operation, 'INSERT', 'and one row in the log');
SELECT is((last_change()).new_values ->> 'title', 'Printer', 'with its values');
SELECT is((last_change()).record_key, '{"id": 7}'::jsonb, 'its key');
SELECT is((last_change()).user_id, 'ann', 'and its author');
SELECT clear();
UPDATE tasks SET status = 'resolved', priority = 'high', description = NULL, due_date = '2026-03-01 12:00+00' WHERE id = 7;
SELECT results_eq($$SELECT field::text, old_value, new_value FROM task_history ORDER BY id$$,
  $$VALUES ('description', '', NULL), ('status', 'open', 'resolved'), ('priority', 'medium', 'high'), ('due_date', NULL, '2026-03-01 12:00:00+00')$$,
  'one history row a changed field, null kept apart from empty, computed columns left out');
SELECT is((last_change()).old_values - 'last_updated_by',
  '{"status": "open", "due_date": null, "priority": "medium", "description": "", "resolved_at": null}'::jsonb, 'the log keeps what changed');
SELECT is((last_change()).new_values ->> 'due_date', '2026-03-01T12:00:00+00:00', 'as JSON');
SELECT clear();
UPDATE tasks SET status = 'resolved', estimated_hours = NULL;
SELECT is((SELECT count(*) FROM audit_log) + (SELECT count(*) FROM task_history), 0::bigint, 'a change that changes nothing writes nothing');
UPDATE tasks SET estimated_hours = 0;
UPDATE tasks SET estimated_hours = 0.000;
SELECT results_eq('SELECT old_value, new_value FROM task_history', $$VALUES (NULL, '0.00')$$, 'zero is not null, and 0.000 is 0');
SELECT clear();
UPDATE users SET password = 'second secret', first_name = 'Ann' WHERE id = 'ann';
SELECT is((last_change()).new_values, '{"password": "[redacted]", "first_name": "Ann"}'::jsonb, 'a redacted column says that it changed');
SELECT ok((SELECT count(*) = 0 FROM audit_log a WHERE a::text ~ 'secret'), 'and not what it holds');

-- whatever the settings of the session
CREATE TABLE plain (id int PRIMARY KEY, at timestamptz, d date, i interval, f float8, b bytea, ts timestamp[], r tstzrange);
SELECT audit_enable('plain');
SET LOCAL DateStyle = 'German'; SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = 0;
INSERT INTO plain VALUES (1, '2026-01-02 03:04:05+00', 'infinity', '1 day 2 hours', 0.1::float8 + 0.2, '\x00ff', ARRAY['2026-01-02 03:04:05'::timestamp], '[2026-01-02 03:04:05+00,)');
RESET DateStyle; RESET TimeZone; RESET IntervalStyle; RESET bytea_output; RESET extra_float_digits;
SELECT is((last_change()).new_values, '{"b": "\\x00ff", "d": "infinity", "f": 0.30000000000000004, "i": "1 day 02:00:00", "r": "[\"2026-01-02 03:04:05+00\",)",
  "at": "2026-01-02T03:04:05+00:00", "id": 1, "ts": ["2026-01-02T03:04:05"]}'::jsonb, 'values do not depend on the session''s settings');
UPDATE plain SET f = 'NaN', at = '-infinity' WHERE id = 1;
SELECT is((last_change()).new_values, '{"f": "NaN", "at": "-infinity"}'::jsonb, 'what JSON has no number for is a string');
SELECT is((last_change()).new_values::text, '{"f": "NaN", "at": "-infinity"}', 'and prints');

-- who did it
SELECT clear();
SELECT set_config('app.current_user_id', '', true);
UPDATE tasks SET title = 'Printers' WHERE id = 7;
SELECT is((last_change()).user_id, NULL, 'an empty user is nobody');
SELECT is((SELECT actor_kind FROM audit_contexts WHERE id = (last_change()).context), 'system', 'and the system acts');
SELECT set_config('app.current_user_id', 'nobody-of-that-name', true);
SELECT lives_ok($$UPDATE tasks SET title = 'Printers 2' WHERE id = 7$$, 'an unknown user fails no write');
SELECT set_config('app.current_user_id', 'ann', true), set_config('app.request_id', 'r-1', true), set_config('app.cause', 'rule 5', true), set_config('app.actor_kind', 'ai', true);
UPDATE tasks SET title = 'Printers 3' WHERE id = 7;
SELECT is((SELECT (c.database_role, c.login_role, c.actor_kind, a.request_id, a.cause)::text FROM last_change() a JOIN audit_contexts c ON c.id = a.context),
  format('(%s,%s,ai,r-1,"rule 5")', current_user, session_user), 'roles, kind of actor, request and cause are kept');
SELECT set_config('app.request_id', '', true), set_config('app.cause', '', true), set_config('app.actor_kind', '', true);

-- deletes
INSERT INTO task_comments (task_id, user_id, content) VALUES (7, 'ann', 'one'), (7, 'ann', 'two');
SELECT clear();
SELECT lives_ok('DELETE FROM tasks WHERE id = 7', 'a ticket can be deleted');
SELECT results_eq('SELECT table_name, operation, cause FROM audit_log ORDER BY id',
  $$VALUES ('tasks', 'DELETE', NULL), ('task_comments', 'DELETE', 'cascade: tasks'), ('task_comments', 'DELETE', 'cascade: tasks')$$,
  'and what went with it says so');
SELECT results_eq('SELECT task_id, field::text, change_type::text, old_value FROM task_history', $$VALUES (7, '*', 'deleted', 'Printers 3')$$,
  'its history outlives it');
SELECT lives_ok($$DELETE FROM users WHERE id = 'ann'$$, 'a person can be deleted');
SELECT is((last_change()).old_values ->> 'email', 'ann@example.com', 'and the log keeps who it was');

-- many rows
SELECT clear();
INSERT INTO plain (id, f) SELECT n, n FROM generate_series(100, 2599) n;
SELECT is((SELECT count(*) FROM audit_log WHERE operation = 'INSERT'), 2500::bigint, 'every row of a large statement');
UPDATE plain SET f = f + 1 WHERE id >= 100;
SELECT is((SELECT count(DISTINCT record_key) FROM audit_log WHERE operation = 'UPDATE' AND (new_values ->> 'f')::int = (old_values ->> 'f')::int + 1), 2500::bigint,
  'with its own values');
TRUNCATE plain;
SELECT is((last_change()).operation, 'TRUNCATE', 'TRUNCATE is recorded');

-- rolled back work leaves nothing
SELECT clear();
INSERT INTO plain (id) VALUES (1);
SAVEPOINT a;
UPDATE plain SET f = 2;
ROLLBACK TO a;
UPDATE plain SET f = 3;
SELECT results_eq($$SELECT new_values ->> 'f' FROM audit_log ORDER BY id$$, $$VALUES (NULL), ('3')$$, 'a savepoint that was rolled back leaves no row');
CREATE FUNCTION inner_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    BEGIN
      UPDATE plain SET f = 98 WHERE id = 2;
      UPDATE plain SET f = CASE id WHEN 2 THEN 99 ELSE -1 END WHERE id IN (2, 3);
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
  EXCEPTION WHEN others THEN RAISE;
  END;
  UPDATE plain SET i = '1 hour' WHERE id = 2 AND i IS NULL;
  RETURN NULL;
END $$;
CREATE FUNCTION divide_by_zero() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
CREATE TRIGGER zz_fail AFTER UPDATE OF f ON plain FOR EACH ROW WHEN (NEW.f < 0) EXECUTE FUNCTION divide_by_zero();
CREATE TRIGGER zz AFTER UPDATE OF d ON plain FOR EACH ROW EXECUTE FUNCTION inner_failure();
INSERT INTO plain (id) VALUES (2), (3);
SELECT clear();
UPDATE plain SET d = '2026-01-01' WHERE id IN (1, 2);
SELECT results_eq($$SELECT record_key ->> 'id', new_values FROM audit_log WHERE table_name = 'plain' ORDER BY id$$,
  $$VALUES ('1', '{"d": "2026-01-01"}'::jsonb), ('2', '{"i": "01:00:00"}'), ('2', '{"d": "2026-01-01"}')$$,
  'rows of a statement keep their place around a failed block inside a trigger');

-- the guide's own trigger
CREATE OR REPLACE FUNCTION audit_trigger()
RETURNS TRIGGER AS $$
BEGIN
  INSERT INTO audit_log (table_name, operation, user_id, old_values, new_values)
  VALUES (TG_TABLE_NAME, TG_OP, current_setting('app.current_user_id'), 
          row_to_json(OLD), row_to_json(NEW));
  RETURN COALESCE(NEW, OLD);
END;
$$ LANGUAGE plpgsql;
CREATE TABLE guided (id int, v text);
CREATE TRIGGER guided_audit AFTER INSERT OR UPDATE OR DELETE ON guided FOR EACH ROW EXECUTE FUNCTION audit_trigger();
SELECT clear();
SELECT lives_ok($$INSERT INTO guided VALUES (1, 'a'); UPDATE guided SET v = 'b'; DELETE FROM guided$$, 'the guide''s own trigger writes into the log');
SELECT results_eq('SELECT operation, old_values ->> ''v'', new_values ->> ''v'' FROM audit_log ORDER BY id',
  $$VALUES ('INSERT', NULL, 'a'), ('UPDATE', 'a', 'b'), ('DELETE', 'b', NULL)$$, 'what it always did');

-- restore, replica
SELECT clear();
SET LOCAL session_replication_role = replica;
INSERT INTO plain (id) VALUES (50);
SELECT is((SELECT count(*) FROM audit_log), 0::bigint, 'a replica and a restore do not write twice');
SET LOCAL session_replication_role = origin;

-- options
SELECT audit_enable('plain', exclude => '{f}', redact => '{i}', ignore => '{d}');
SELECT clear();
UPDATE plain SET f = 1000 WHERE id = 1;
UPDATE plain SET d = '2027-01-01' WHERE id = 1;
SELECT is((SELECT count(*) FROM audit_log), 0::bigint, 'excluded and ignored columns make no change');
UPDATE plain SET f = 1001, d = '2027-01-02', i = '2 hours' WHERE id = 1;
SELECT is((last_change()).new_values, '{"d": "2027-01-02", "i": "[redacted]"}'::jsonb, 'beside another change an ignored column is kept, an excluded one is not');
SELECT audit_enable('plain', "full" => true);
UPDATE plain SET f = 7 WHERE id = 1;
SELECT ok((last_change()).old_values ? 'b' AND (last_change()).new_values ? 'b', 'full keeps whole rows');
SELECT is(audit_disable('plain'), true, 'audit_disable says that it was recorded');
SELECT is(audit_disable('plain'), false, 'and that it was not');
SELECT clear();
UPDATE plain SET f = 8 WHERE id = 1;
SELECT is((SELECT count(*) FROM audit_log), 0::bigint, 'nothing is recorded any more');

SELECT throws_ok($$SELECT audit_enable('plain', exclude => '{nope}')$$, '42703', NULL, 'an unknown column is refused');
SELECT throws_ok($$SELECT audit_enable('plain', redact => '{id}')$$, '22023', NULL, 'a hidden key is refused');
SELECT throws_ok($$SELECT audit_enable('audit_log')$$, '22023', NULL, 'the log cannot audit itself');
SELECT throws_ok($$SELECT audit_enable('pg_views')$$, '42809', NULL, 'a view is refused');
CREATE TRIGGER wrong BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION ticketflow.audit_trigger();
SELECT throws_ok('INSERT INTO plain (id) VALUES (9)', '55000', NULL, 'a BEFORE trigger is refused');

SELECT * FROM finish();
ROLLBACK;
