-- search: documents kept current, and what the search functions share.

CREATE OR REPLACE FUNCTION ticket_number_key(number text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim(BOTH '-' FROM regexp_replace(lower(number), '[^[:alnum:]]+', '-', 'g'));
COMMENT ON FUNCTION ticket_number_key(text) IS 'A ticket number as search compares it: lower case, one hyphen for whatever separates.';

CREATE OR REPLACE FUNCTION refresh_task_numbers(task_ids integer[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO task_numbers AS n (task_id, number_key)
  SELECT t.id, ticket_number_key(t.ticket_number) FROM tasks t WHERE t.id = ANY (task_ids)
  ON CONFLICT (task_id) DO UPDATE SET number_key = EXCLUDED.number_key WHERE n.number_key <> EXCLUDED.number_key;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION refresh_task_numbers(integer[]) IS 'Writes the search keys of these tickets'' numbers anew; the triggers call it.';
REVOKE ALL ON FUNCTION refresh_task_numbers(integer[]) FROM PUBLIC;

-- PL/pgSQL, because it keeps its plans for the session and these run at every write of text.
CREATE OR REPLACE FUNCTION refresh_task_documents(task_ids integer[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  WITH built AS MATERIALIZED (
    SELECT t.id, b.document, COALESCE(b.hidden_document, b.document) AS staff_document
    FROM tasks t
    CROSS JOIN LATERAL (
      SELECT array_agg(c.content ORDER BY c.id) FILTER (WHERE NOT c.is_internal) AS public,
             array_agg(c.content ORDER BY c.id) FILTER (WHERE c.is_internal) AS internal
      FROM task_comments c WHERE c.task_id = t.id) c
    CROSS JOIN LATERAL build_documents('ticket_language', t.title, concat_ws(E'\n', t.category, array_to_string(t.tags, E'\n')),
      t.description, c.public, c.internal) b
    WHERE t.id = ANY (task_ids)
  ), for_customers AS (
    INSERT INTO task_documents AS d (task_id, document) SELECT id, document FROM built
    ON CONFLICT (task_id) DO UPDATE SET document = EXCLUDED.document WHERE d.document IS DISTINCT FROM EXCLUDED.document
  )
  INSERT INTO task_staff_documents AS d (task_id, document) SELECT id, staff_document FROM built
  ON CONFLICT (task_id) DO UPDATE SET document = EXCLUDED.document WHERE d.document IS DISTINCT FROM EXCLUDED.document;
  PERFORM refresh_task_numbers(task_ids);
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION refresh_task_documents(integer[]) IS 'Writes the search documents of these tickets anew; the triggers call it.';
REVOKE ALL ON FUNCTION refresh_task_documents(integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION refresh_commented_tasks(task_ids integer[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  -- Two people comment on one ticket: the second must wait and then read the first one's comment, or it would be lost here.
  PERFORM FROM tasks t WHERE t.id = ANY (task_ids) ORDER BY t.id FOR NO KEY UPDATE;
  PERFORM refresh_task_documents(task_ids);
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION refresh_commented_tasks(integer[]) IS 'refresh_task_documents() for tickets that this transaction has not locked by writing them.';
REVOKE ALL ON FUNCTION refresh_commented_tasks(integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION refresh_article_documents(article_ids integer[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO article_documents AS d (article_id, document)
  SELECT a.id, b.document
  FROM knowledge_articles a
  CROSS JOIN LATERAL build_documents('ticket_language', a.title, concat_ws(E'\n', a.category, array_to_string(a.tags, E'\n')),
    a.content, NULL, NULL) b
  WHERE a.id = ANY (article_ids)
  ON CONFLICT (article_id) DO UPDATE SET document = EXCLUDED.document WHERE d.document IS DISTINCT FROM EXCLUDED.document;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION refresh_article_documents(integer[]) IS 'Writes the search documents of these articles anew; the triggers call it.';
REVOKE ALL ON FUNCTION refresh_article_documents(integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION rebuild_documents() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  batch integer[];
  done bigint := 0;
BEGIN
  FOR batch IN SELECT array_agg(id ORDER BY id) FROM tasks GROUP BY id / 1000 ORDER BY id / 1000 LOOP
    PERFORM refresh_commented_tasks(batch);
    done := done + cardinality(batch);
  END LOOP;
  FOR batch IN SELECT array_agg(id ORDER BY id) FROM knowledge_articles GROUP BY id / 1000 ORDER BY id / 1000 LOOP
    PERFORM refresh_article_documents(batch);
    done := done + cardinality(batch);
  END LOOP;
  RETURN done;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION rebuild_documents() IS
  'Writes all search documents anew, after a change of the configuration ticket_language or of its dictionaries; returns how '
  'many tickets and articles were read. Unchanged documents are not written.';
REVOKE ALL ON FUNCTION rebuild_documents() FROM PUBLIC;

CREATE OR REPLACE TRIGGER search_insert AFTER INSERT ON tasks
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_trigger('refresh_task_documents', 'id');
COMMENT ON TRIGGER search_insert ON tasks IS 'Writes the search documents of new tickets.';
CREATE OR REPLACE TRIGGER search_update AFTER UPDATE ON tasks FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR text_differs(OLD.description, NEW.description)
        OR OLD.tags IS DISTINCT FROM NEW.tags OR OLD.category IS DISTINCT FROM NEW.category)
  EXECUTE FUNCTION refresh_trigger('refresh_task_documents', 'id');
COMMENT ON TRIGGER search_update ON tasks IS 'Writes a ticket''s search document where its text changed, and only there.';
CREATE OR REPLACE TRIGGER search_number AFTER UPDATE ON tasks FOR EACH ROW
  WHEN (OLD.ticket_number <> NEW.ticket_number)
  EXECUTE FUNCTION refresh_trigger('refresh_task_numbers', 'id');
COMMENT ON TRIGGER search_number ON tasks IS 'Keeps the search key of a ticket''s number.';

CREATE OR REPLACE TRIGGER search_insert AFTER INSERT ON task_comments
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_trigger('refresh_commented_tasks', 'task_id');
COMMENT ON TRIGGER search_insert ON task_comments IS 'Adds new comments to the search documents of their tickets.';
CREATE OR REPLACE TRIGGER search_update AFTER UPDATE ON task_comments
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION refresh_trigger('refresh_commented_tasks', 'task_id', 'task_id,content,is_internal');
COMMENT ON TRIGGER search_update ON task_comments IS 'Brings changed comments into the search documents of their tickets.';
CREATE OR REPLACE TRIGGER search_delete AFTER DELETE ON task_comments
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_trigger('refresh_commented_tasks', 'task_id');
COMMENT ON TRIGGER search_delete ON task_comments IS 'Takes deleted comments out of the search documents of their tickets.';

CREATE OR REPLACE TRIGGER search_insert AFTER INSERT ON knowledge_articles
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_trigger('refresh_article_documents', 'id');
COMMENT ON TRIGGER search_insert ON knowledge_articles IS 'Writes the search documents of new articles.';
CREATE OR REPLACE TRIGGER search_update AFTER UPDATE ON knowledge_articles FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR text_differs(OLD.content, NEW.content)
        OR OLD.tags IS DISTINCT FROM NEW.tags OR OLD.category IS DISTINCT FROM NEW.category)
  EXECUTE FUNCTION refresh_trigger('refresh_article_documents', 'id');
COMMENT ON TRIGGER search_update ON knowledge_articles IS 'Writes an article''s search document where its text changed, and only there.';

-- IS NOT NULL, not EXISTS: it is asked in the order of the ranks, where the planner would rather find all visible tickets first.
SELECT apply_policy('task_documents', 'ticket', 'ticketflow_customer', '(SELECT t.id FROM tasks t WHERE t.id = task_id) IS NOT NULL'),
       apply_admin_policy('task_documents'),
       apply_policy('task_staff_documents', 'ticket', 'ticketflow_user',
         'acting_rank() >= 2 AND (SELECT t.id FROM tasks t WHERE t.id = task_id) IS NOT NULL'),
       apply_admin_policy('task_staff_documents'),
       apply_policy('task_numbers', 'ticket', 'ticketflow_customer', '(SELECT t.id FROM tasks t WHERE t.id = task_id) IS NOT NULL'),
       apply_admin_policy('task_numbers');
SELECT apply_policy('article_documents', 'article', 'ticketflow_customer', 'EXISTS (SELECT FROM knowledge_articles a WHERE a.id = article_id)');
GRANT SELECT ON task_documents TO ticketflow_customer;
GRANT SELECT ON task_staff_documents TO ticketflow_user;
GRANT SELECT ON article_documents, task_numbers TO ticketflow_customer;

CREATE OR REPLACE FUNCTION reads_internal_comments() RETURNS boolean
LANGUAGE sql STABLE
RETURN NOT row_security_active('task_comments')
    OR (acting_rank() >= 2 AND has_table_privilege('task_staff_documents', 'SELECT'));
COMMENT ON FUNCTION reads_internal_comments() IS
  'Whether the caller''s search reads internal comments: agents and up, by both the person''s role and the database role, and who is above row security.';

CREATE OR REPLACE FUNCTION search_check(max_results integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF max_results IS NULL OR max_results NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_results must be between 1 and 1000' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Ask for the following page with page => next_page of the last row.';
  END IF;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION search_check(integer) IS 'Private to the search functions: refuses a page size outside 1 to 1000 (22023).';

CREATE OR REPLACE FUNCTION search_page(page text, OUT tier integer, OUT score double precision, OUT id integer)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  part text[] := string_to_array(page, '_');
BEGIN
  IF cardinality(part) <> 3 THEN
    RAISE invalid_text_representation;
  END IF;
  tier := part[1]; score := part[2]; id := part[3];
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'page "%" is not a next_page of this search', page USING ERRCODE = 'invalid_parameter_value',
    HINT = 'Pass next_page of the last row, with the same query and filters.';
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION search_page(text) IS 'Private to the search functions: where the page before ended (22023 for anything else).';

CREATE OR REPLACE FUNCTION search_numbers(query text) RETURNS TABLE (task_id integer, tier integer)
LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
  SELECT found.id, max(found.tier)
  FROM (
    SELECT m.task_id AS id, 2 AS tier FROM ticket_number_matches(query) m
    UNION ALL
    (SELECT n.task_id, 1
     FROM (SELECT ticket_number_key(query) AS key) typed
     -- "~" comes after every character of a key.
     JOIN task_numbers n
       ON typed.key ~ '^[a-z]' AND n.number_key >= typed.key AND n.number_key < typed.key || '~'
       OR reverse(n.number_key) COLLATE "C" >= reverse(typed.key) AND reverse(n.number_key) COLLATE "C" < reverse(typed.key) || '~'
     WHERE typed.key ~ '[0-9]' AND query !~ '\s\S'
       AND (n.number_key ~ ('(^|-)0*' || typed.key || '$') OR (typed.key ~ '^[a-z]' AND starts_with(n.number_key, typed.key)))
     ORDER BY n.task_id DESC LIMIT 1000)
  ) found
  WHERE query ~ '[0-9]'
  GROUP BY found.id;
END;
COMMENT ON FUNCTION search_numbers(text) IS
  'Tickets whose number, present or former, is in what was typed (tier 2), or of whose number its start or end was typed (tier 1).';

CREATE OR REPLACE FUNCTION search_snippet(task_id integer, wanted tsquery) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  -- Comments under the caller's own policies: what she may not read is not shown.
  SELECT snippet('ticket_language', substr(t.description, 1, 100000) || ARRAY(
      SELECT substr(c.content, 1, 100000) FROM task_comments c WHERE c.task_id = t.id ORDER BY c.id LIMIT 100) || t.title::text, wanted)
  FROM tasks t WHERE t.id = search_snippet.task_id;
END;
COMMENT ON FUNCTION search_snippet(integer, tsquery) IS
  'The place of a ticket that matches best: in its description, its comments that the caller may see, or its title; HTML with <mark>.';
