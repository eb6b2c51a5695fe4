-- complexity: what a stranger hangs on a table of models never runs with the rights of who trains or brings one.
\set ECHO none
BEGIN;
SELECT plan(22);

CREATE ROLE t_stranger;
CREATE SCHEMA lair AUTHORIZATION t_stranger;
SELECT format('GRANT CREATE ON DATABASE %I TO t_stranger', current_database()) \gexec
CREATE TABLE public.ran (place text, as_user text);
GRANT ALL ON public.ran TO PUBLIC;
CREATE TABLE public.learnable AS
SELECT (ARRAY['Reset', 'Replace', 'Migrate'])[1 + i % 3] || ' it' AS title, ((1 + i % 3) ^ 3 * (1 + i % 7 / 10.0))::numeric AS effort, now() - i * interval '1 hour' AS resolved_at
  FROM generate_series(1, 200) i;

SET SESSION AUTHORIZATION t_stranger;
CREATE TABLE lair.ticketflow_desk ();
CREATE FUNCTION lair.note(place text) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO public.ran VALUES (place, current_user); PERFORM set_config('search_path', 'lair', false); RETURN true; END $$;
CREATE FUNCTION lair.take() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN
  PERFORM lair.note('trigger');
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE t_stranger SUPERUSER; END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION lair.back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RESET SESSION AUTHORIZATION; RETURN NEW; END $$;
CREATE TYPE lair.label AS (it text);
CREATE FUNCTION lair.label(text) RETURNS lair.label LANGUAGE plpgsql AS $$ DECLARE made lair.label; BEGIN PERFORM lair.note('cast in'); made.it := $1; RETURN made; END $$;
CREATE FUNCTION lair.text(lair.label) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM lair.note('cast out'); RETURN ($1).it; END $$;
CREATE CAST (text AS lair.label) WITH FUNCTION lair.label(text) AS ASSIGNMENT;
CREATE CAST (lair.label AS text) WITH FUNCTION lair.text(lair.label) AS IMPLICIT;
CREATE TABLE lair.complexity_models (name lair.label, version int, model bytea, report jsonb, is_active boolean CHECK (lair.note('check')), trained_by text,
  "like" boolean DEFAULT lair.note('default'));
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON lair.complexity_models FOR EACH ROW EXECUTE FUNCTION lair.take();
GRANT ALL ON lair.complexity_models TO PUBLIC;
GRANT USAGE ON SCHEMA lair TO PUBLIC;
RESET SESSION AUTHORIZATION;

-- A superuser, whose desk cannot be another one than the stranger's
SET LOCAL search_path = lair, public, ticketflow;
CREATE FUNCTION pg_temp.models() RETURNS regclass LANGUAGE sql RETURN 'lair.complexity_models'::regclass;
SELECT public.is(model_version, 1, 'a superuser may keep a model there') FROM (
  SELECT complexity_keep(pg_temp.models(), 'm', model, report, true) AS model_version FROM complexity_fit('SELECT * FROM public.learnable', '{"penalty": 20, "bits": 10}')) kept;
SELECT public.is(current_setting('search_path'), 'lair, public, ticketflow', 'no setting stays behind');
SELECT public.ok((complexity_exported(pg_temp.models(), 'm', NULL)::jsonb ->> 'version') = '1', 'and read it');
SELECT public.is(complexity_activate(pg_temp.models(), 'm', 1), 1, 'and activate it');
SELECT public.is((SELECT array_agg(DISTINCT place ORDER BY place) FROM public.ran), '{"cast in","cast out",check,default,trigger}', 'whatever hangs on the table runs');
SELECT public.is((SELECT array_agg(DISTINCT as_user) FROM public.ran), '{t_stranger}', 'as its owner');
SELECT public.is((SELECT rolsuper FROM pg_roles WHERE rolname = 't_stranger'), false, 'who gains nothing');
SELECT public.is((SELECT trained_by FROM lair.complexity_models), current_user::text, 'the model tells who made it');

-- The same through the functions that people call
SELECT (complexity_desk()::text = 'lair')::int AS found \gset
DELETE FROM public.ran;
SELECT public.is((SELECT (version > 0)::text FROM train_complexity('m', 'SELECT * FROM public.learnable', '{"penalty": 20, "bits": 10}')), 'true', 'training works');
SELECT public.ok(import_complexity_model(export_complexity_model('m'), 'n', true) > 0, 'so does bringing a model');
SELECT public.lives_ok('SELECT ticketflow.activate_complexity_model(NULL)', 'and going back to the shipped one');
SELECT public.is((SELECT count(*) FROM public.ran WHERE as_user <> 't_stranger'), 0::bigint, 'all of it with the owner''s rights');
SELECT public.is((SELECT rolsuper FROM pg_roles WHERE rolname = 't_stranger'), false, 'who is no superuser after it either');

-- Somebody without any bond to the owner, with rights on the table only
CREATE ROLE t_passer;
GRANT USAGE ON SCHEMA ticketflow, lair, public TO t_passer;
DELETE FROM public.ran;
SET LOCAL ROLE t_passer;
SELECT public.is(complexity_keep(pg_temp.models(), 'p', '\x00', '{}', false), 1, 'granted rights suffice');
SELECT public.is((SELECT array_agg(DISTINCT as_user) FROM public.ran), '{t_stranger}', 'and lend the owner nothing');
RESET ROLE;
SELECT public.is((SELECT array_agg(trained_by) FROM lair.complexity_models m WHERE (m.name).it = 'p'), '{t_passer}', 'the model tells who made it there too');

-- Who lacks a right, or is bound by policies that the owner passes
REVOKE UPDATE ON lair.complexity_models FROM PUBLIC;
SET LOCAL ROLE t_passer;
SELECT public.throws_ok($$SELECT complexity_keep('lair.complexity_models', 'p', '\x00', '{}', false)$$, '42501', NULL, 'keeping needs UPDATE as well');
SELECT public.throws_ok($$SELECT complexity_activate('lair.complexity_models', 'p', 1)$$, '42501', NULL, 'so does activating');
SELECT public.ok(complexity_exported('lair.complexity_models', 'p', 1) LIKE '{%', 'reading does not');
RESET ROLE;
ALTER TABLE lair.complexity_models ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE t_passer;
SELECT public.throws_ok($$SELECT complexity_exported('lair.complexity_models', 'p', 1)$$, '42501', NULL, 'policies are not passed by');
RESET ROLE;

-- What would leave the owner's role is refused
SET SESSION AUTHORIZATION t_stranger;
CREATE TRIGGER b BEFORE INSERT ON lair.complexity_models FOR EACH ROW EXECUTE FUNCTION lair.back();
RESET SESSION AUTHORIZATION;
SELECT public.throws_ok($$SELECT complexity_keep('lair.complexity_models', 'q', '\x00', '{}', false)$$, '42501', NULL, 'the stranger''s code cannot go back to who called');
-- Operators of the caller's schemas are none of the owner's
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.always(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran VALUES ('operator', current_user); RETURN true; END $$;
CREATE OPERATOR trap.= (FUNCTION = trap.always, LEFTARG = text, RIGHTARG = text);
SET LOCAL search_path = trap, pg_catalog, ticketflow;
SELECT complexity_exported('lair.complexity_models', 'm', NULL) \g /dev/null
SET LOCAL search_path = public, ticketflow;
SELECT is((SELECT count(*) FROM ran WHERE place = 'operator'), 0::bigint, 'and the caller''s operators are not run as the owner');
SELECT * FROM finish();
ROLLBACK;
