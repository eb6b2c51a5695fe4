-- whose rights: code of other owners never runs as the extension's, and counters count only for those who may.
\set ECHO none
BEGIN;
SELECT plan(11);

CREATE ROLE test_other LOGIN;
CREATE SCHEMA other AUTHORIZATION test_other;
CREATE TABLE public.ran (place text, as_user text);
GRANT INSERT, SELECT ON public.ran TO PUBLIC;
SET SESSION AUTHORIZATION test_other;
CREATE TABLE other.audit_log (id bigserial, table_name text, operation text, user_id text, old_values jsonb, new_values jsonb, created_at timestamptz, transaction_id bigint, context bigint, record bigint,
  moved_to bigint, record_key jsonb, request_id text, cause text, row_digest bytea);
CREATE TABLE other.audit_shapes (id serial, table_name text, columns jsonb, types jsonb, seen_at timestamptz DEFAULT now());
CREATE FUNCTION other.on_shape() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO public.ran VALUES ('trigger', current_user); RETURN NEW; END $$;
CREATE TRIGGER on_shape BEFORE INSERT ON other.audit_shapes FOR EACH ROW EXECUTE FUNCTION other.on_shape();
CREATE TYPE other.mood AS ENUM ('calm');
CREATE FUNCTION other.mood_json(other.mood) RETURNS json LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO public.ran VALUES ('cast', current_user); RETURN '"calm"'; END $$;
CREATE CAST (other.mood AS json) WITH FUNCTION other.mood_json(other.mood);
CREATE TABLE other.t (id int PRIMARY KEY);
SELECT ticketflow.audit_enable('other.t');
ALTER TABLE other.t ADD feeling other.mood DEFAULT 'calm';
SELECT throws_ok($$SELECT ticketflow.audit_as_owner('public.users', 'SELECT to_jsonb(1)')$$, '42501', NULL, 'borrowing an owner''s rights is private');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT array_agg(DISTINCT place ORDER BY place) FROM public.ran), '{cast,trigger}', 'noting columns runs the code of a log''s and a type''s owner');
SELECT is((SELECT array_agg(DISTINCT as_user) FROM public.ran), '{test_other}', 'as that owner');
SELECT is((SELECT columns -> 'feeling' FROM other.audit_shapes ORDER BY id DESC LIMIT 1), '"calm"', 'and the column is noted');

INSERT INTO users (id, email, role, is_approved) VALUES ('m', 'm@x.test', 'manager', true);
CREATE ROLE test_bound LOGIN IN ROLE ticketflow_manager;
INSERT INTO login_users VALUES ('test_bound', 'm');
SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SET SESSION AUTHORIZATION test_bound;
SELECT ticketflow.current_user_id() AS person \gset
SELECT is(:'person'::text, 'm', 'a bound login is known in a parallel query too');
RESET SESSION AUTHORIZATION;
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null

SET SESSION AUTHORIZATION test_other;
CREATE TABLE other.numbered (number text);
CREATE TRIGGER number BEFORE INSERT ON other.numbered FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('number', 'TKT');
SELECT throws_ok($$INSERT INTO other.numbered VALUES ('TKT-2026-999999999999')$$, '42501', 'permission denied to number table "numbered"',
  'a table of anybody''s does not use up the shared series');
RESET SESSION AUTHORIZATION;
GRANT UPDATE ON ticketflow.ticket_counters TO test_other;
SET SESSION AUTHORIZATION test_other;
SELECT lives_ok($$INSERT INTO other.numbered VALUES (NULL)$$, 'but may count in it once granted');
RESET SESSION AUTHORIZATION;

SAVEPOINT s;
INSERT INTO ticketflow.ticket_counters (last_number, prefix, period) VALUES (50, 'GONE', '2026');
SELECT ticketflow.next_ticket_number('GONE', '2026-06-01', 'ticketflow') \g /dev/null
ROLLBACK TO s;
SELECT is(ticketflow.next_ticket_number('GONE', '2026-06-01', 'ticketflow'), 'GONE-2026-0001', 'a counter that was rolled back counts no more');

-- These crashed the server: only tables have rows to read.
CREATE VIEW other.shown AS SELECT 'TKT-2026-0009'::text AS number;
CREATE TABLE other.parted (number text) PARTITION BY LIST (number);
CREATE SEQUENCE other.counting;
SELECT throws_ok($$SELECT * FROM ticketflow.resync_numbers('other.shown', 'number', 'ticketflow', true)$$, '42809', '"shown" holds no rows of its own', 'a view is not resynced');
SELECT throws_ok($$SELECT * FROM ticketflow.resync_numbers('other.parted', 'number', 'ticketflow', true)$$, '42809', '"parted" holds no rows of its own', 'nor a partitioned table');
SELECT throws_ok($$SELECT * FROM ticketflow.resync_numbers('other.counting', 'last_value', 'ticketflow', true)$$, '42809', '"counting" holds no rows of its own', 'nor a sequence');

SELECT * FROM finish();
ROLLBACK;
