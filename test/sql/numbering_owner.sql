-- numbering: what a stranger hangs on a table of counters never runs with the rights of who draws a number.
\set ECHO none
BEGIN;
SELECT plan(9);

CREATE ROLE t_stranger;
CREATE SCHEMA lair;
CREATE TABLE lair.ticket_series (LIKE ticketflow.ticket_series INCLUDING ALL);
CREATE TABLE lair.ticket_series_scopes (LIKE ticketflow.ticket_series_scopes INCLUDING ALL);
CREATE TABLE lair.ticket_counters (LIKE ticketflow.ticket_counters INCLUDING ALL);
ALTER TABLE lair.ticket_series OWNER TO t_stranger;
ALTER TABLE lair.ticket_series_scopes OWNER TO t_stranger;
ALTER TABLE lair.ticket_counters OWNER TO t_stranger;
ALTER SCHEMA lair OWNER TO t_stranger;
SELECT format('GRANT CREATE ON DATABASE %I TO t_stranger', current_database()) \gexec
CREATE TABLE public.ran (place text, as_user text);
GRANT ALL ON public.ran TO PUBLIC;

SET SESSION AUTHORIZATION t_stranger;
CREATE TABLE lair.ticketflow_desk ();
CREATE FUNCTION lair.take(place text) RETURNS integer LANGUAGE plpgsql
AS $$ BEGIN
  INSERT INTO public.ran VALUES (place, current_user);
  PERFORM set_config('search_path', 'lair', false);
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE t_stranger SUPERUSER; END IF;
  RETURN 1;
END $$;
-- An index calls immutable functions only; that is a promise, not a check.
CREATE FUNCTION lair.key(prefix text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM set_config('lair.key', current_user, false); RETURN length(prefix); END $$;
CREATE FUNCTION lair.wanted(prefix text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN prefix <> 'ABC'; END $$;
ALTER TABLE lair.ticket_counters ADD extra integer DEFAULT lair.take('default');
RESET SESSION AUTHORIZATION;

SET LOCAL search_path = lair, public, ticketflow;
SELECT matches(next_ticket_number('TKT'), '^TKT-....-0001$', 'a number comes from there');
SELECT is((SELECT array_agg(DISTINCT as_user) FROM public.ran), '{t_stranger}', 'the default of a column runs as its owner');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 't_stranger'), false, 'who gains nothing');
SELECT is(current_setting('search_path'), 'lair, public, ticketflow', 'no setting stays behind');

-- Indexes over expressions, and over some rows: these crashed the server
SET SESSION AUTHORIZATION t_stranger;
CREATE INDEX by_key ON lair.ticket_counters (lair.key(prefix));
CREATE INDEX some_rows ON lair.ticket_counters (prefix) WHERE lair.wanted(prefix);
RESET SESSION AUTHORIZATION;
SELECT set_config('lair.key', '', false) \g /dev/null
SELECT matches(next_ticket_number('ABC'), '^ABC-....-0001$', 'an index over an expression does no harm');
SELECT matches(next_ticket_number('ABCD'), '^ABCD-....-0001$', 'nor one over some rows');
SELECT is(current_setting('lair.key'), '', 'and its function leaves nothing');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT array_agg(prefix::text) FROM lair.ticket_counters WHERE lair.key(prefix) = 4), '{ABCD}', 'the index holds the row');
SELECT is((SELECT array_agg(prefix::text ORDER BY prefix) FROM lair.ticket_counters WHERE lair.wanted(prefix)), '{ABCD,TKT}', 'and its rows only');
SELECT * FROM finish();
ROLLBACK;
