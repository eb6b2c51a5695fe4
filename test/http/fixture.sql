-- What dialect.py calls: one function for each behaviour, in schema api, and the roles anon, agent and authenticator.
DO $$ BEGIN
  IF to_regrole('anon') IS NULL THEN CREATE ROLE anon NOLOGIN; END IF;
  IF to_regrole('agent') IS NULL THEN CREATE ROLE agent NOLOGIN; END IF;
  IF to_regrole('slowpoke') IS NULL THEN CREATE ROLE slowpoke NOLOGIN; END IF;
  IF to_regrole('stranger') IS NULL THEN CREATE ROLE stranger NOLOGIN; END IF;
  IF to_regrole('authenticator') IS NULL THEN CREATE ROLE authenticator LOGIN NOINHERIT; END IF;
END $$;
GRANT anon, agent, slowpoke TO authenticator;
ALTER ROLE slowpoke SET statement_timeout = '2s';
CREATE SCHEMA api;
CREATE SCHEMA api2;
GRANT USAGE ON SCHEMA api, api2 TO anon, agent, slowpoke;
COMMENT ON SCHEMA api IS E'Fixture\nFunctions for the dialect.';

CREATE TABLE public.tickets (id serial PRIMARY KEY, title varchar(20) UNIQUE DEFERRABLE, data jsonb, tags text[] DEFAULT '{}');
INSERT INTO public.tickets (title, data) SELECT 'ticket ' || i, jsonb_build_object('n', i, 'deep', jsonb_build_array(i, i * 2))
  FROM generate_series(1, 5) i;
CREATE TABLE public.notes (id serial PRIMARY KEY, ticket int REFERENCES public.tickets, body text NOT NULL CHECK (body <> 'bad'));
GRANT ALL ON ALL TABLES IN SCHEMA public TO anon, agent, slowpoke;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO anon, agent, slowpoke;
CREATE SEQUENCE public.counter;
GRANT ALL ON SEQUENCE public.counter TO anon, agent, slowpoke;
CREATE TYPE public.mood AS ENUM ('calm', 'cross');
CREATE DOMAIN public.email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN api."text/plain" AS text;
CREATE DOMAIN api."application/octet-stream" AS bytea;
CREATE DOMAIN api."image/png" AS bytea;
CREATE DOMAIN api."text/html" AS text;

SET search_path = api, public;
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
COMMENT ON FUNCTION add(int, int) IS E'Adds two numbers\nBoth are needed. Errors: 22003 out of range.';
CREATE FUNCTION hi(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'Hello, ' || name $$;
CREATE FUNCTION sayhello() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'hello' $$;
CREATE FUNCTION rows(min int, max int) RETURNS TABLE (id int) LANGUAGE sql STABLE AS 'SELECT generate_series(min + 1, max)';
CREATE FUNCTION t1(id int) RETURNS tickets LANGUAGE sql STABLE AS 'SELECT t FROM tickets t WHERE t.id = t1.id';
CREATE FUNCTION tall() RETURNS SETOF tickets LANGUAGE sql STABLE AS 'SELECT * FROM tickets ORDER BY id';
CREATE FUNCTION ints() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT generate_series(1, 3)';
CREATE FUNCTION fifteen() RETURNS TABLE (n int, label text) LANGUAGE sql STABLE AS $$ SELECT i, 'row ' || i FROM generate_series(1, 15) i $$;
CREATE FUNCTION fifteen_new() RETURNS SETOF tickets LANGUAGE sql VOLATILE
  AS $$ INSERT INTO tickets (title) SELECT 'bulk ' || i FROM generate_series(1, 15) i RETURNING * $$;
CREATE FUNCTION v() RETURNS void LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION ctr() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT nextval('counter') $$;
CREATE FUNCTION ins(title text) RETURNS tickets LANGUAGE sql VOLATILE AS 'INSERT INTO tickets (title) VALUES (title) RETURNING tickets';
CREATE FUNCTION ins_set(title text) RETURNS SETOF tickets LANGUAGE sql VOLATILE AS 'INSERT INTO tickets (title) VALUES (title) RETURNING *';
CREATE FUNCTION ins_two(title text) RETURNS SETOF tickets LANGUAGE sql VOLATILE
  AS $$ INSERT INTO tickets (title) VALUES (title || '1'), (title || '2') RETURNING * $$;
CREATE FUNCTION nul() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT NULL::int';
CREATE FUNCTION one_column() RETURNS TABLE (a text) LANGUAGE sql STABLE AS $$ SELECT 'A' $$;
CREATE FUNCTION j(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION jn(data json) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT json_typeof(data)';
CREATE FUNCTION vari(VARIADIC v text[] DEFAULT '{}') RETURNS text[] LANGUAGE sql IMMUTABLE AS 'SELECT v';
CREATE FUNCTION ov() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT generate_series(1, 3)';
CREATE FUNCTION ov(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION ov(a text, b text, c text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a || b || c';
CREATE FUNCTION f() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'none' $$;
CREATE FUNCTION f(x int, y int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'named' $$;
CREATE FUNCTION f(json) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'json' $$;
CREATE FUNCTION g(json) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'json' $$;
CREATE FUNCTION g(jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'jsonb' $$;
CREATE FUNCTION amb(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION amb(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION defs(a int DEFAULT 1, b int DEFAULT 2, c int DEFAULT 3) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b + c';
CREATE FUNCTION out1(num int, OUT n1 int) LANGUAGE sql IMMUTABLE AS 'SELECT num + 1';
CREATE FUNCTION out2(OUT a int, INOUT b int DEFAULT 4) LANGUAGE sql IMMUTABLE AS 'SELECT 3, b * 2';
CREATE FUNCTION rec() RETURNS record LANGUAGE sql STABLE AS $$ SELECT 1 AS f1, 'x' AS f2 $$;
CREATE FUNCTION srec() RETURNS SETOF record LANGUAGE sql STABLE AS $$ SELECT 1 AS f1, 'x' AS f2 $$;
CREATE FUNCTION tx(text) RETURNS "text/plain" LANGUAGE sql IMMUTABLE AS 'SELECT $1::"text/plain"';
CREATE FUNCTION bin(bytea) RETURNS "application/octet-stream" LANGUAGE sql IMMUTABLE AS 'SELECT $1::"application/octet-stream"';
CREATE FUNCTION xm(xml) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION png() RETURNS "image/png" LANGUAGE sql IMMUTABLE AS $$ SELECT '\x89504e47'::bytea::"image/png" $$;
CREATE FUNCTION page() RETURNS "text/html" LANGUAGE sql IMMUTABLE AS $$ SELECT '<p>hi'::"text/html" $$;
CREATE FUNCTION secret() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'for agents' $$;
REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret() TO agent;
CREATE FUNCTION boom(code text, message text DEFAULT 'no', det text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF det IS NULL AND hint IS NULL THEN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END IF;
  IF hint IS NULL THEN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = det; END IF;
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = det, HINT = hint;
END $$;
CREATE FUNCTION guc(prefix text, name text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting(prefix || '.' || name, true) $$;
CREATE FUNCTION setting(name text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting(name, true) $$;
CREATE FUNCTION whoami() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
CREATE FUNCTION slow(s float8) RETURNS void LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(s)';
CREATE FUNCTION gated() RETURNS void LANGUAGE sql VOLATILE AS 'SELECT pg_advisory_xact_lock_shared(4711)'; -- test/lib/http_service.py, Gate
CREATE FUNCTION own_timeout(s float8) RETURNS text LANGUAGE sql VOLATILE SET statement_timeout = '300ms'
  AS $$ SELECT pg_sleep(s)::text || current_setting('statement_timeout') $$;
CREATE FUNCTION rng(low int, up int) RETURNS int4range LANGUAGE sql IMMUTABLE AS 'SELECT int4range(low, up)';
CREATE FUNCTION kinds() RETURNS TABLE (m mood, e email, c money, a int[], n numeric, b boolean, d date, ts timestamptz) LANGUAGE sql STABLE
  AS $$ SELECT 'calm'::mood, 'a@b'::email, 0::money, '{1,2}'::int[], 12345678901234567890.10::numeric, true, '2026-02-03'::date,
    '2026-02-03 04:05:06+00'::timestamptz $$;
CREATE FUNCTION csv_kinds() RETURNS TABLE (a int, b text, c text, d boolean, e text) LANGUAGE sql STABLE
  AS $$ SELECT 1, 'x y', NULL::text, true, 'q"u,o' $$;
CREATE FUNCTION stamp() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT '2026-07-01 12:00:00+00'::timestamptz $$;
CREATE FUNCTION below(id int) RETURNS SETOF tickets LANGUAGE sql STABLE AS 'SELECT * FROM tickets t WHERE t.id < below.id';
CREATE FUNCTION plus_one(arr int[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS 'SELECT array_agg(x + 1) FROM unnest(arr) x';
CREATE FUNCTION title_of(ticket tickets) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ticket.title::text';
CREATE FUNCTION mail(to_whom email) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT to_whom::text';
CREATE FUNCTION narrow(c character(2)) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT c::text';
CREATE FUNCTION big(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT n';
CREATE FUNCTION stable_writer() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM nextval('counter'); RETURN 1; END $$;
CREATE FUNCTION volatile_reader() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT count(*)::int FROM tickets WHERE id <= 5';
CREATE FUNCTION asserts() RETURNS void LANGUAGE plpgsql STABLE AS $$ BEGIN ASSERT false, 'not so'; END $$;
CREATE FUNCTION dup() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
  BEGIN SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO tickets (title) VALUES ('ticket 1'); END $$;
CREATE FUNCTION dup_later() RETURNS int LANGUAGE sql VOLATILE AS $$ SET CONSTRAINTS ALL DEFERRED; INSERT INTO tickets (title) VALUES ('ticket 1') RETURNING id $$;
CREATE FUNCTION note(ticket int, body text) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO notes (ticket, body) VALUES (ticket, body) RETURNING id';
CREATE FUNCTION long_title(title text) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO tickets (title) VALUES (title) RETURNING id';
CREATE FUNCTION day(d date) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT d';
CREATE FUNCTION headers(h text) RETURNS json LANGUAGE plpgsql VOLATILE AS $$
  BEGIN PERFORM set_config('response.headers', h, true); RETURN '{"x":1}'::json; END $$;
CREATE FUNCTION status(s text) RETURNS json LANGUAGE plpgsql VOLATILE AS $$
  BEGIN PERFORM set_config('response.status', s, true); RETURN '{"x":1}'::json; END $$;
CREATE FUNCTION set_headers() RETURNS SETOF int LANGUAGE plpgsql VOLATILE AS $$
  BEGIN PERFORM set_config('response.headers', '[{"X-Set":"yes"}]', true); RETURN QUERY SELECT generate_series(1, 2); END $$;
CREATE FUNCTION leaks() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN SET ROLE agent; RETURN current_user; END $$;
CREATE FUNCTION as_serializable() RETURNS text LANGUAGE sql STABLE SET default_transaction_isolation = 'serializable'
  AS $$ SELECT current_setting('transaction_isolation') $$;
CREATE FUNCTION two_unnamed(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION tap_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE proc() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION many(n int) RETURNS TABLE (i int, pad text) LANGUAGE sql STABLE ROWS 1000000
  AS $$ SELECT i, repeat('x', 100) FROM generate_series(1, n) i $$;
CREATE FUNCTION huge(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT repeat('x', n) $$;
CREATE FUNCTION pid() RETURNS int LANGUAGE sql STABLE AS 'SELECT pg_backend_pid()';
CREATE FUNCTION pre() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('request.headers', true)::json->>'x-refuse' = 'yes' THEN RAISE SQLSTATE 'PT418' USING MESSAGE = 'pre-request refuses'; END IF;
  IF current_setting('request.headers', true)::json->>'x-agent' = 'yes' THEN PERFORM set_config('role', 'agent', true); END IF;
END $$;
CREATE FUNCTION spans() RETURNS TABLE (id int, span int4range, fine boolean) LANGUAGE sql STABLE
  AS $$ VALUES (1, int4range(1, 5), true), (2, int4range(5, 9), false), (3, int4range(20, 30), NULL) $$;
CREATE FUNCTION prepared() RETURNS TABLE (count bigint, bytes bigint) LANGUAGE sql STABLE
  AS $$ SELECT count(*), sum(length(statement)) FROM pg_prepared_statements $$;
CREATE TABLE public.attempts (name text);
GRANT ALL ON public.attempts TO anon, agent, slowpoke;
CREATE FUNCTION try(name text) RETURNS TABLE (ok boolean, error_code text) LANGUAGE sql VOLATILE
  AS $$ INSERT INTO attempts VALUES (name); SELECT name = 'right', CASE WHEN name <> 'right' THEN 'PT401' END $$;
CREATE FUNCTION signin(who text) RETURNS TABLE (user_id text, other text) LANGUAGE sql STABLE AS $$ SELECT who, 'u-admin' $$;
CREATE FUNCTION api2.signin(who text) RETURNS TABLE (user_id text) LANGUAGE sql STABLE AS 'SELECT who';
CREATE FUNCTION api2.only_there() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
