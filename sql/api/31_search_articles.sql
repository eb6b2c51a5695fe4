-- search: the knowledge base.

CREATE OR REPLACE FUNCTION search_articles(query text, max_results integer DEFAULT 20, categories text[] DEFAULT NULL,
  tagged text[] DEFAULT NULL, page text DEFAULT NULL)
RETURNS TABLE (id integer, title text, category text, status text, rank double precision, snippet text, relaxed text,
  total bigint, total_is_exact boolean, next_page text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  wanted tsquery := typed_query('ticket_language', query);
  filters text;
  loosened boolean := false;
  found bigint;
  seen record;
BEGIN
  PERFORM search_check(max_results);
  seen := search_page(page);
  filters := concat(
    CASE WHEN categories IS NOT NULL THEN ' AND a.category = ANY ($2)' END,
    CASE WHEN tagged IS NOT NULL THEN ' AND a.tags && $3' END);
  FOR attempt IN 1..2 LOOP
    EXECUTE format(
      'SELECT count(*) FROM (SELECT FROM article_documents d JOIN knowledge_articles a ON a.id = d.article_id
        WHERE matches(d.document, $1) %s LIMIT 10001) hits', filters)
      INTO found USING wanted, categories, tagged;
    EXIT WHEN found > 0 OR attempt = 2 OR any_of(wanted) = wanted;
    wanted := any_of(wanted);
    loosened := true;
  END LOOP;

  RETURN QUERY EXECUTE format(
    'WITH top AS (
       SELECT x.article_id, x.document, -x.distance AS score FROM (
         SELECT d.article_id, d.document, d.document <@> $1 AS distance
         FROM article_documents d JOIN knowledge_articles a ON a.id = d.article_id
         WHERE matches(d.document, $1) %s %s
         ORDER BY d.document <@> $1 FETCH FIRST ($6) ROWS WITH TIES) x
       ORDER BY x.distance, x.article_id DESC LIMIT $6)
     SELECT a.id, a.title::text, a.category::text, a.status::text, h.score,
       snippet(''ticket_language'', ARRAY[substr(a.content, 1, 100000), a.title], $1),
       CASE WHEN $7 THEN ''without: '' || array_to_string(words_in(''ticket_language'', $8, h.document, false), '', '') END,
       $9, $10, concat_ws(''_'', 0, h.score, a.id)
     FROM top h JOIN knowledge_articles a ON a.id = h.article_id
     ORDER BY h.score DESC, h.article_id DESC', filters,
    CASE WHEN seen.id IS NOT NULL THEN 'AND (-(d.document <@> $1), d.article_id) < ($4, $5)' END)
    USING wanted, categories, tagged, seen.score, seen.id, max_results, loosened, query, least(found, 10000), found <= 10000;
END
$$
SET search_path FROM CURRENT SET jit = off;
COMMENT ON FUNCTION search_articles(text, integer, text[], text[], text) IS
  'Articles of the knowledge base that match, best first, of those that the caller may see; the query, max_results, relaxing, total and '
  'pages as in search_tasks. No row for nobody. Errors: 22023 max_results or page.';
GRANT EXECUTE ON FUNCTION search_articles(text, integer, text[], text[], text) TO ticketflow_customer;
