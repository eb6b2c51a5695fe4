-- search: what the search box calls.

CREATE OR REPLACE FUNCTION search_tasks(query text, max_results integer DEFAULT 20,
  statuses text[] DEFAULT NULL, priorities text[] DEFAULT NULL, categories text[] DEFAULT NULL,
  teams integer[] DEFAULT NULL, assignees text[] DEFAULT NULL, tagged text[] DEFAULT NULL,
  created_from timestamptz DEFAULT NULL, created_before timestamptz DEFAULT NULL, page text DEFAULT NULL)
RETURNS TABLE (id integer, ticket_number text, title text, status text, priority text, category text, created_at timestamptz,
  rank double precision, snippet text, matched text, relaxed text, total bigint, total_is_exact boolean, next_page text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  -- An agent's search reads internal comments, a customer's must not even depend on them.
  documents text := CASE WHEN reads_internal_comments() THEN 'task_staff_documents' ELSE 'task_documents' END;
  wanted tsquery := typed_query('ticket_language', query);
  numbered integer[];
  filters text;
  loosened boolean := false;
  found bigint;
  seen record;
BEGIN
  PERFORM search_check(max_results);
  seen := search_page(page);
  filters := concat(
    CASE WHEN statuses IS NOT NULL THEN ' AND t.status = ANY ($2)' END,
    CASE WHEN priorities IS NOT NULL THEN ' AND t.priority = ANY ($3)' END,
    CASE WHEN categories IS NOT NULL THEN ' AND t.category = ANY ($4)' END,
    CASE WHEN teams IS NOT NULL THEN ' AND t.assigned_team_id = ANY ($5) AND t.assignee_type = ''team''' END,
    CASE WHEN assignees IS NOT NULL THEN ' AND t.assignee_id = ANY ($6) AND t.assignee_type = ''user''' END,
    CASE WHEN tagged IS NOT NULL THEN ' AND t.tags && $7' END,
    CASE WHEN created_from IS NOT NULL THEN ' AND t.created_at >= $8' END,
    CASE WHEN created_before IS NOT NULL THEN ' AND t.created_at < $9' END);

  EXECUTE format('SELECT array_agg(t.id) FROM search_numbers($1) n JOIN tasks t ON t.id = n.task_id WHERE true %s', filters)
    INTO numbered USING query, statuses, priorities, categories, teams, assignees, tagged, created_from, created_before;
  numbered := COALESCE(numbered, '{}');

  FOR attempt IN 1..2 LOOP
    EXECUTE format(
      'SELECT count(*) FROM (SELECT FROM %I d JOIN tasks t ON t.id = d.task_id
        WHERE matches(d.document, $1) AND NOT t.id = ANY ($10) %s LIMIT 10001) hits', documents, filters)
      INTO found USING wanted, statuses, priorities, categories, teams, assignees, tagged, created_from, created_before, numbered;
    EXIT WHEN found > 0 OR numbered <> '{}' OR attempt = 2;
    EXIT WHEN any_of(wanted) = wanted;
    wanted := any_of(wanted);
    loosened := true;
  END LOOP;

  -- Inside, the index's order alone, since PostgreSQL 15 takes an ordered scan for no longer key; outside, ties by id.
  RETURN QUERY EXECUTE format(
    'WITH top AS (
       SELECT h.* FROM (
         SELECT n.task_id, n.tier, 0::double precision AS score FROM search_numbers($15) n
          WHERE n.task_id = ANY ($10) AND ($11 IS NULL OR (n.tier, n.task_id) < ($11, $13))
         UNION ALL
         (SELECT x.task_id, 0, -x.distance FROM (
            SELECT d.task_id, d.document <@> $1 AS distance FROM %1$I d JOIN tasks t ON t.id = d.task_id
             WHERE matches(d.document, $1) AND NOT t.id = ANY ($10) %2$s %3$s
             ORDER BY d.document <@> $1 FETCH FIRST ($14) ROWS WITH TIES) x
          ORDER BY x.distance, x.task_id DESC LIMIT $14)) h
       ORDER BY h.tier DESC, h.score DESC, h.task_id DESC LIMIT $14)
     SELECT t.id, t.ticket_number::text, t.title::text, t.status::text, t.priority::text, t.category::text, t.created_at,
       h.score, search_snippet(t.id, $1), CASE h.tier WHEN 2 THEN ''number'' WHEN 1 THEN ''part of the number'' ELSE ''text'' END,
       CASE WHEN $16 AND h.tier = 0 THEN
         (SELECT ''without: '' || array_to_string(words_in(''ticket_language'', $15, d.document, false), '', '')
            FROM %1$I d WHERE d.task_id = t.id) END,
       $17, $18, concat_ws(''_'', h.tier, h.score, t.id)
     FROM top h JOIN tasks t ON t.id = h.task_id
     ORDER BY h.tier DESC, h.score DESC, h.task_id DESC', documents, filters,
    CASE WHEN seen.tier = 0 THEN 'AND (-(d.document <@> $1), d.task_id) < ($12, $13)' END)
    USING wanted, statuses, priorities, categories, teams, assignees, tagged, created_from, created_before, numbered,
      seen.tier, seen.score, seen.id, max_results, query, loosened,
      least(found, 10000) + cardinality(numbered), found <= 10000;
END
$$
SET search_path FROM CURRENT SET jit = off;
COMMENT ON FUNCTION search_tasks(text, integer, text[], text[], text[], integer[], text[], text[], timestamptz, timestamptz, text) IS
  'Tickets that match, best first, of those that the caller may see. query: words (all of them, the last one may be unfinished), '
  '"a phrase", or, -not; whole and partial ticket numbers come first. max_results 1 to 1000. Filters take any of the given '
  'values. page: next_page of the last row of the page before. rank grows with relevance and compares within one search. '
  'snippet is HTML with <mark>. relaxed names the words that a ticket lacks, where no ticket has all of them. total counts up to 10000, '
  'total_is_exact says whether that is all. No row for nobody. Errors: 22023 max_results or page.';
GRANT EXECUTE ON FUNCTION search_tasks(text, integer, text[], text[], text[], integer[], text[], text[], timestamptz, timestamptz, text)
  TO ticketflow_customer;
