-- maintain() on an old audit log: months are made ahead, sealed, and detached when they are over; nothing is lost and queries read what they ask for.
\set ECHO none
SELECT plan(13);
SET timezone = 'UTC';
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@x.test', 'admin', true), ('cid', 'cid@x.test', 'customer', true);
-- Two months of long ago, and one of half a year ago.
CREATE FUNCTION month_before(age interval) RETURNS date LANGUAGE sql STABLE AS $$ SELECT date_trunc('month', now() - age)::date $$;
SELECT format('CREATE TABLE audit_log_%s PARTITION OF audit_log FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYY_MM'), m::timestamptz, (m + interval '1 month')::timestamptz)
  FROM (VALUES (month_before('30 months')), (month_before('29 months')), (month_before('6 months'))) AS months (m) \gexec
INSERT INTO audit_log (table_name, operation, created_at, record_key) SELECT 'old', 'INSERT', month_before('30 months') + i * interval '1 hour', jsonb_build_object('id', i) FROM generate_series(1, 100) i;
INSERT INTO audit_log (table_name, operation, created_at, record_key) SELECT 'old', 'INSERT', month_before('6 months') + i * interval '1 hour', jsonb_build_object('id', i) FROM generate_series(1, 100) i;
INSERT INTO tasks (title, category, created_by) VALUES ('today', 'bug', 'cid');
CREATE TEMP TABLE before AS SELECT count(*) AS n FROM audit_log;
SELECT lives_ok('CALL maintain()', 'maintenance runs');
SELECT is((SELECT rows FROM maintenance_steps WHERE step = 'audit archive'), 2::bigint, 'two months leave the log');
SELECT set_eq('SELECT table_name, row_count FROM audit_archives', format($$VALUES ('audit_log_%s', 100::bigint), ('audit_log_%s', 0)$$, to_char(month_before('30 months'), 'YYYY_MM'), to_char(month_before('29 months'), 'YYYY_MM')),
  'for the archive, which counts their rows');
SELECT is((SELECT count(*) FROM audit_log), (SELECT n - 100 FROM before), 'the others stay');
SELECT is(count_rows, 100::bigint, 'and none is lost') FROM (SELECT (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', table_name), false, true, '')))[1]::text::bigint AS count_rows FROM audit_archives WHERE row_count > 0) c;
SELECT cmp_ok((SELECT count(*) FROM audit_seals), '>', 0::bigint, 'what is kept is sealed');
SELECT is_empty('SELECT * FROM ticketflow.audit_verify()', 'and verified, archive and all');
SELECT is((SELECT count(*) FROM generate_series(0, 3) i WHERE to_regclass('audit_log_' || to_char(date_trunc('month', now()) + i * interval '1 month', 'YYYY_MM')) IS NOT NULL), 4::bigint, 'this month and three ahead are there');
CREATE FUNCTION parts(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE line text; found text[] := '{}'; BEGIN
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP found := found || substring(line FROM '(audit_log_[0-9_]*[0-9]|audit_log_default)'); END LOOP;
  RETURN (SELECT count(DISTINCT f) FROM unnest(found) f WHERE f IS NOT NULL);
END $$;
SELECT is(parts(format('SELECT * FROM audit_log WHERE created_at >= %L AND created_at < %L', month_before('6 months'), month_before('5 months'))), 1::bigint, 'a query of one month reads one');
SELECT cmp_ok(parts('SELECT * FROM audit_log'), '>', 4::bigint, 'of the many there are');
SELECT is((SELECT DISTINCT tableoid::regclass::text FROM audit_log WHERE created_at >= now() - interval '1 hour'), 'audit_log_' || to_char(now(), 'YYYY_MM'), 'what happens today is in this month''s');
SELECT lives_ok('CALL maintain()', 'maintenance runs again');
SELECT is((SELECT rows FROM maintenance_steps WHERE step = 'audit archive'), 0::bigint, 'and finds nothing to archive');
SELECT * FROM finish();
