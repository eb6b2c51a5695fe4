-- database: engine
-- The bridge between PostgreSQL's errors and C++ exceptions (extension/pg/bridge.h).
\set ECHO none
BEGIN;
SELECT plan(17);

CREATE FUNCTION misbehave(text) RETURNS text AS 'ticketflow_test', 'bridge_test_fail' LANGUAGE c STRICT;
CREATE FUNCTION live_objects() RETURNS int AS 'ticketflow_test', 'bridge_test_live_objects' LANGUAGE c;
CREATE FUNCTION loop_for_ever() RETURNS void AS 'ticketflow_test', 'bridge_test_loop' LANGUAGE c;
CREATE FUNCTION run_query(text) RETURNS void AS 'ticketflow_test', 'bridge_test_query' LANGUAGE c STRICT;
CREATE FUNCTION caught(what text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM misbehave(what);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;

SELECT is(misbehave('no'), 'fine', 'a call that does not fail returns its value');
SELECT is(caught('failure')::text, '(55000,"core failed","some detail","some hint")', 'a core failure keeps SQLSTATE, message, DETAIL and HINT');
SELECT is(caught('postgres')::text, '(42809,inner,"inner detail","inner hint")', 'a PostgreSQL error crosses C++ frames whole');
SELECT is((caught('bad_alloc')).state, '53200', 'bad_alloc is out_of_memory');
SELECT is((caught('bad_alloc inside')).state, '53200', 'also where memory ran out among PostgreSQL''s own calls');
SELECT is((caught('int')).state, 'XX000', 'an unknown exception is an internal error');
SELECT is((caught('int')).message, 'unknown C++ exception', 'and says so');
SELECT is((caught('std')).message, 'plain exception', 'a standard exception keeps its text');
SELECT is((caught('huge')).state, '42602', 'a very long message keeps its SQLSTATE');
SELECT is(length((caught('huge')).message), 1023, 'and is cut');
SELECT is(live_objects(), 0, 'every C++ object was destroyed');

SELECT is((SELECT count(*) FROM generate_series(1, 5000), LATERAL caught('postgres') c WHERE c.state = '42809'), 5000::bigint,
  'thousands of caught errors');
SELECT is(live_objects(), 0, 'leave no C++ object behind');
SELECT ok((SELECT used_bytes < 65536 FROM pg_backend_memory_contexts WHERE name = 'ErrorContext'), 'and do not fill ErrorContext');

SELECT throws_ok($$SELECT run_query('SELECT 1/0')$$, '22012', 'division by zero', 'an error inside SPI keeps its SQLSTATE');
SET LOCAL statement_timeout = '100ms';
CREATE FUNCTION cancelled() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM loop_for_ever();
EXCEPTION WHEN query_canceled THEN
  RETURN true;
END $$;
SELECT ok(cancelled(), 'a timeout ends a C++ loop (57014)');
SET LOCAL statement_timeout = 0;
SELECT is(live_objects(), 0, 'and its objects');

SELECT * FROM finish();
ROLLBACK;
