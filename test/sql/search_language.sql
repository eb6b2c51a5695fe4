-- search: the text search configuration `ticketflow`, bounded documents and queries out of what people type.
\set ECHO none
BEGIN;
SELECT plan(48);
SET search_path = public, ticketflow;

CREATE FUNCTION finds(body text, query text) RETURNS boolean LANGUAGE sql
  RETURN to_tsvector('ticketflow'::regconfig, body) @@ websearch_to_tsquery('ticketflow'::regconfig, query);
SELECT ok(finds(body, query) = expected, format('"%s" %s "%s"', query, CASE WHEN expected THEN 'finds' ELSE 'does not find' END, body))
FROM (VALUES
  ('ORA-00600: internal error', 'ora-00600', true), ('ORA-00600: internal error', 'ORA 600', true),
  ('ORA-00600', 'ora', true), ('ORA-00600', 'ORA-00601', false),
  ('failed with 0x80070005', '0x80070005', true), ('failed with 0x80070005', '80070005', true),
  ('HTTP 500', 'http 500', true), ('release v2.13.4', '2.13.4', true), ('release v2.13.4', '2.13', true),
  ('release v2.13.4', '2.14', false), ('rewritten in C++', 'c++', true), ('vitamin C', 'c++', false), ('rewritten in C++', 'c#', false),
  ('uses .NET 4.8', '.net', true), ('mail from ann.lee@example.com', 'ann.lee@example.com', true),
  ('mail from ann.lee@example.com', 'lee', true), ('host 00:1A:2B:3C:4D:5E', '001a2b3c4d5e', true),
  ('host 00:1A:2B:3C:4D:5E', '3C:4D:5E', true), ('host 192.168.1.17', '192.168.1.17', true), ('host 192.168.1.17', '192.168.1', true),
  ('see C:\Temp\app.log', 'app.log', true), ('see /var/log/app.log', '/var/log/app.log', true),
  ('as in TKT-2026-0042', 'tkt-2026-0042', true), ('NullPointerException', 'nullpointerexception', true),
  ('NullPointerException', 'pointer exceptions', true), ('the wi-fi is down', 'wifi', true), ('the wifi is down', 'wi-fi', true),
  ('the IT department', 'IT', true), ('it is here', 'IT', false), ('printers', 'printing', false), ('configuring', 'configured', true),
  (U&'caf\00e9', 'cafe', true)
) AS cases (body, query, expected);

-- The DBA alters it like any configuration.
ALTER TEXT SEARCH CONFIGURATION ticketflow.ticketflow ALTER MAPPING FOR word WITH simple;
SELECT ok(NOT finds('configuring', 'configured'), 'ALTER MAPPING takes effect');
SELECT throws_ok($$CREATE TEXT SEARCH DICTIONARY x (TEMPLATE = ticketflow.ticketflow_parts)$$, '22023', NULL, 'the template needs its dictionary');

-- Any length of text.
CREATE TEMP TABLE logs AS
  SELECT string_agg(format('line %s error %s', i, md5(i::text)), E'\n') AS body FROM generate_series(1, 60000) i;
SELECT throws_ok('SELECT pg_catalog.to_tsvector(''english'', body) FROM logs', '54000', NULL, 'PostgreSQL refuses this log');
SELECT ok(bounded_tsvector('english'::regconfig, body) @@ 'line & error & 5'::tsquery AND length(bounded_tsvector('english'::regconfig, body)) > 10000, 'bounded, it is indexed as far as it goes')
  FROM logs;
SELECT is(bounded_tsvector('english'::regconfig, body), pg_catalog.to_tsvector('english', body), 'what fits is the same')
  FROM (SELECT 'The quick e-mail of ann@example.com, brown/fox.txt ' || repeat('jumps over 3.5 dogs ', 300) AS body) t;

SELECT is(typed_query('ticketflow', 'printer jams'), 'printer & (jams | jams:*)'::tsquery, 'the last word also begins longer words');
SELECT lives_ok($$SELECT any_of(typed_query('ticketflow', repeat('w x ', 40000)))$$, 'a page pasted into the search box is no error');
SELECT lives_ok($$SELECT any_of(typed_query('ticketflow', repeat('-w x or ', 20000) || '"' || repeat('é', 100000)))$$, 'nor is any other');
SELECT is(any_of('english', 'the dog and the dog, cat')::text, $$'dog' | 'dog' | 'cat'$$, 'any of the words, repeated ones again');
-- A loosened query finds all that the query finds.
SELECT is((SELECT string_agg(DISTINCT d, ' ') FROM unnest(ARRAY['a', 'b', 'a b', 'c', 'a c', 'd e', 'x']) d WHERE to_tsvector('simple', d) @@ q::tsquery
    AND NOT to_tsvector('simple', d) @@ any_of(q::tsquery)), NULL, format('%s loosened: %s', q, any_of(q::tsquery)))
FROM unnest(ARRAY['a | !b', '(a & !b) | c', '(!a & !b) | c', 'a & !b', 'd <-> e & !a']) q;
SELECT throws_ok($$SELECT build_documents(NULL, 'a', 'b', 'c', NULL, NULL)$$, '22023', NULL, 'documents need a configuration');

-- A dictionary of words may, by a detour, be the dictionary itself.
CREATE TEXT SEARCH DICTIONARY p1 (TEMPLATE = ticketflow.ticketflow_parts, Dictionary = 'pg_catalog.english_stem');
CREATE TEXT SEARCH DICTIONARY p2 (TEMPLATE = ticketflow.ticketflow_parts, Dictionary = 'public.p1');
ALTER TEXT SEARCH DICTIONARY p1 (Dictionary = 'public.p2');
SELECT throws_ok($$SELECT ts_lexize('public.p1', 'printers')$$, '54001', NULL, 'a circle of dictionaries is an error, not a crash');
SELECT * FROM finish();
ROLLBACK;
