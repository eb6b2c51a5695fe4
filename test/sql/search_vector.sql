-- The guide's search under row security: it uses its index, finds what the rule allows, and tells nothing of what is hidden.
\set ECHO none
SET client_min_messages = warning;
SELECT plan(34);
SELECT 'vector_cid_' || pg_backend_pid() AS cid, current_database() AS database \gset
CREATE ROLE :cid LOGIN;
INSERT INTO users (id, email, role, is_approved) VALUES ('cid', 'cid@x.test', 'customer', true), ('eve', 'eve@x.test', 'customer', true),
  ('una', 'una@x.test', 'user', true), ('mia', 'mia@x.test', 'manager', true), ('ada', 'ada@x.test', 'admin', true);
SELECT bind_login(:'cid', 'cid') \g /dev/null
INSERT INTO tasks (title, description, category, created_by, assignee_id)
SELECT 'Printer ' || i, CASE WHEN i % 4 <> 0 THEN 'jams ' || CASE WHEN i % 10 < 2 THEN 'with smoke' ELSE 'quietly' END END, 'bug',
       CASE WHEN i % 10 = 0 THEN 'cid' ELSE 'eve' END, CASE i % 3 WHEN 0 THEN 'una' WHEN 1 THEN 'mia' END FROM generate_series(1, 300) i;
INSERT INTO tasks (title, category, created_by) VALUES ('No smoke without a description', 'bug', 'cid'), ('Hidden smoke without one', 'bug', 'eve');
INSERT INTO knowledge_articles (title, content, category, status, created_by) SELECT 'Article ' || i, 'about smoke', 'bug', CASE WHEN i % 2 = 0 THEN 'published' ELSE 'draft' END, 'ada' FROM generate_series(1, 40) i;
-- On so few rows another index would do as well.
SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index i WHERE i.indrelid IN ('tasks'::regclass, 'knowledge_articles'::regclass)
   AND NOT i.indisunique AND i.indexrelid NOT IN ('idx_tasks_search'::regclass, 'idx_knowledge_search'::regclass) \gexec
ANALYZE;
SET enable_seqscan = off;

CREATE FUNCTION act(who text, with_role name) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('role', 'none', false);
  SELECT set_config('app.current_user_id', who, false), set_config('role', with_role, false) $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := '';
BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP whole := whole || line || E'\n'; END LOOP; RETURN whole; END $$;
CREATE FUNCTION found(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM (' || query || ') q' INTO n; RETURN n; END $$;
\set guide 'SELECT t.*, ts_rank(search_vector, plainto_tsquery(\'english\', %L)) AS rank FROM (SELECT *, to_tsvector(\'english\', title || \' \' || COALESCE(description, \'\')) AS search_vector FROM tasks) t WHERE search_vector @@ plainto_tsquery(\'english\', %1$L) ORDER BY rank DESC, created_at DESC'

-- The index, for everybody, and the right rows.
CREATE TEMP TABLE actors (who text, with_role name, rule text);
INSERT INTO actors VALUES ('cid', 'ticketflow_customer', 'created_by = ''cid'''), ('una', 'ticketflow_user', 'assignee_id = ''una'''),
  ('mia', 'ticketflow_manager', 'assignee_id = ''mia'''), ('ada', 'ticketflow_admin', 'true');
GRANT SELECT ON actors TO PUBLIC;
SELECT cmp_ok((SELECT count(*) FROM tasks WHERE concat(title, ' ', description) LIKE '%smoke%'), '>', 30::bigint, 'there is something to find');
SELECT matches(plan_of(format(:'guide', 'smoke')), 'idx_tasks_search', 'the owner''s search uses the index');
SELECT doesnt_match(plan_of(format(:'guide', 'smoke')), 'Filter:', 'and nothing else');
CREATE TEMP TABLE results (who text, plan text, rows bigint, wanted bigint);
GRANT ALL ON results TO PUBLIC;
DO $$ DECLARE a record; query text := format($q$SELECT t.*, ts_rank(search_vector, plainto_tsquery('english', 'smoke')) AS rank FROM
  (SELECT *, to_tsvector('english', title || ' ' || COALESCE(description, '')) AS search_vector FROM tasks) t WHERE search_vector @@ plainto_tsquery('english', 'smoke')$q$);
  wanted bigint;
BEGIN
  FOR a IN SELECT * FROM actors LOOP
    wanted := found(format('SELECT FROM tasks WHERE concat(title, '' '', description) LIKE ''%%smoke%%'' AND %s', a.rule));
    PERFORM act(a.who, a.with_role);
    INSERT INTO results VALUES (a.who, plan_of(query), found(query), wanted);
    PERFORM set_config('role', 'none', false);
  END LOOP;
END $$;
SELECT matches(plan, 'Bitmap Index Scan on idx_tasks_search', format('%s searches by the index', who)) FROM results;
SELECT is(rows, wanted, format('and finds what %s may see', who)) FROM results;
SELECT act('cid', 'ticketflow_customer') \g /dev/null
PREPARE guides(text) AS SELECT FROM tasks WHERE to_tsvector('english', title || ' ' || COALESCE(description, '')) @@ plainto_tsquery('english', $1);
SET plan_cache_mode = force_generic_plan;
SELECT matches(plan_of('EXECUTE guides(''smoke'')'), 'idx_tasks_search', 'also prepared, for any word');
SELECT matches(plan_of($$SELECT FROM knowledge_articles WHERE to_tsvector('english', title || ' ' || content) @@ plainto_tsquery('english', 'smoke')$$), 'idx_knowledge_search', 'and in articles');
SELECT is(found($$SELECT FROM knowledge_articles WHERE to_tsvector('english', title || ' ' || content) @@ plainto_tsquery('english', 'smoke')$$), 20::bigint, 'published ones');
SELECT is(found($$SELECT FROM tasks WHERE to_tsvector('english', title || ' ' || COALESCE(description, '')) @@ to_tsquery('english', 'print:* & !smoke')$$), 15::bigint, 'prefixes and negations as well');
SELECT matches(plan_of($$SELECT FROM task_documents WHERE ticketflow.matches(document, 'smoke'::tsquery)$$), 'Index Cond: \(document @@', 'matches() uses the index of documents');
SELECT set_config('role', 'none', false) \g /dev/null
RESET plan_cache_mode;

-- The same vector whichever way.
SELECT is(ticketflow.joined_vector('english', ARRAY['Running ', NULL]), NULL, 'nothing joined with null is null');
SELECT is(ticketflow.joined_vector('english', ARRAY['Running ', 'late']), ticketflow.bounded_tsvector('english', 'Running late'), 'parts are joined');
SELECT is(ticketflow.joined_vector('english', ARRAY['run', 'ning']), to_tsvector('english', 'running'), 'also within a word');
SELECT is(ticketflow.joined_vector('english', '{}'), to_tsvector('english', ''), 'no part, no word');
SELECT is(ticketflow.joined_vector('english', ARRAY[repeat(repeat('ä', 1000) || ' ', 4195), 'x', repeat('é ', 9)]), ticketflow.bounded_tsvector('english', repeat(repeat('ä', 1000) || ' ', 4195) || 'x' || repeat('é ', 9)), 'as far as text is read');
CREATE TABLE texts (a text, b varchar(40), c text);
INSERT INTO texts VALUES ('alpha', NULL, 'gamma'), (NULL, 'beta', 'gamma'), (NULL, NULL, 'gamma'), (NULL, NULL, NULL), ('alpha', 'beta', 'gamma');
CREATE FUNCTION agree(expression text, plainly text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE same boolean;
BEGIN EXECUTE format('SELECT bool_and(to_tsvector(''english'', %1$s)::text IS NOT DISTINCT FROM pg_catalog.to_tsvector(''english'', %2$s)::text) FROM texts', expression, plainly) INTO same; RETURN same; END $$;
SELECT ok(agree(e, e), format('to_tsvector of %s is PostgreSQL''s', e)) FROM unnest(ARRAY['a', 'a || b', 'COALESCE(a, b, c)', 'COALESCE(b, '''') || '' x''', 'COALESCE(lower(a), b) || c', 'a || '' '' || COALESCE(b, c)',
  'COALESCE(NULLIF(a, ''alpha''), b || ''s'') || COALESCE(c, ''none'')']) e;

-- Nothing of what is hidden: no message, no error, no row shown to a curious function.
INSERT INTO tasks (title, description, category, created_by) VALUES ('Hidden smoke', 'and ' || repeat('w', 2100), 'bug', 'eve');
INSERT INTO task_comments (task_id, user_id, content) SELECT id, 'eve', 'mail me@example.org' FROM tasks WHERE created_by = 'eve' LIMIT 4;
ANALYZE task_comments;
\setenv TEST_LOGIN :cid
\setenv TEST_DATABASE :database
-- A weight makes the index uncertain, so that what it found is read before the policy is asked.
\set said `PGOPTIONS='-c client_min_messages=notice -c enable_seqscan=off' psql -XqAt -U "$TEST_LOGIN" -d "$TEST_DATABASE" -c "SELECT count(*) FROM tasks WHERE to_tsvector('english', title || ' ' || COALESCE(description, '')) @@ to_tsquery('english', 'smoke:D')" 2>&1`
SELECT is(:'said'::text, '16', 'a hidden word that is too long is not reported');
CREATE TEXT SEARCH DICTIONARY endless (TEMPLATE = ticketflow.ticketflow_parts, Dictionary = 'pg_catalog.english_stem');
ALTER TEXT SEARCH DICTIONARY endless (Dictionary = 'public.endless');
CREATE TEXT SEARCH CONFIGURATION mine (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH endless;
SELECT throws_ok('SELECT count(*) FROM task_comments WHERE to_tsvector(''mine'', content) @@ ''w''', '54001', NULL, 'a dictionary may fail');
SELECT act('cid', 'ticketflow_customer') \g /dev/null
SELECT is(found('SELECT FROM task_comments WHERE to_tsvector(''mine'', content) @@ ''w'''), 0::bigint, 'on no hidden row');
SELECT is(ticketflow.joined_vector('mine', ARRAY['mail me']), NULL, 'and not at all as a leakproof one');
SELECT is(found('SELECT FROM task_comments WHERE ticketflow.joined_vector(''mine'', ARRAY[content]) @@ ''w'''), 0::bigint, 'wherever it is written');
SELECT set_config('role', 'none', false) \g /dev/null
SELECT is((SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE proleakproof AND pronamespace = 'ticketflow'::regnamespace), 'joined_vector matches vector_matches', 'these are leakproof and no others');

DROP OWNED BY :cid;
DELETE FROM login_users;
DROP ROLE :cid;
SELECT * FROM finish();
