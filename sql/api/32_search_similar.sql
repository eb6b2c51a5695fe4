-- search: tickets like another one, or like one that is being written.

CREATE OR REPLACE FUNCTION similar_tasks(task_id integer, max_results integer DEFAULT 5)
RETURNS TABLE (id integer, ticket_number text, title text, status text, priority text, created_at timestamptz,
  rank double precision, confidence double precision, shared_terms text[])
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  source record;
BEGIN
  SELECT t.title, t.description INTO source FROM tasks t WHERE t.id = similar_tasks.task_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket % does not exist', task_id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted, or is not yours to see.';
  END IF;
  RETURN QUERY
    SELECT t.id, t.ticket_number::text, t.title::text, t.status::text, t.priority::text, t.created_at, s.rank, s.confidence, s.shared_terms
    FROM similar_documents(source.title, source.description, similar_tasks.task_id, max_results) s
    JOIN tasks t ON t.id = s.task_id
    ORDER BY s.rank DESC, t.id DESC;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION similar_tasks(integer, integer) IS
  'Tickets about the same matter as a ticket, best first, of those that the caller may see. confidence, 0 to 1, tells how likely '
  'it is the same matter; shared_terms are the words that speak for it, rarest first. max_results 1 to 1000. '
  'Errors: PT404 no such ticket, 22023 max_results.';
GRANT EXECUTE ON FUNCTION similar_tasks(integer, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION suggest_duplicates(title text, description text DEFAULT NULL, max_results integer DEFAULT 5,
  min_confidence double precision DEFAULT 0.1)
RETURNS TABLE (id integer, ticket_number text, subject text, status text, created_at timestamptz,
  rank double precision, confidence double precision, shared_terms text[])
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF min_confidence IS NULL OR min_confidence NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'min_confidence must be between 0 and 1' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY
    SELECT t.id, t.ticket_number::text, t.title::text, t.status::text, t.created_at, s.rank, s.confidence, s.shared_terms
    FROM similar_documents(suggest_duplicates.title, suggest_duplicates.description, NULL, max_results) s
    JOIN tasks t ON t.id = s.task_id
    WHERE s.confidence >= min_confidence
    ORDER BY s.rank DESC, t.id DESC;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION suggest_duplicates(text, text, integer, double precision) IS
  'Tickets that a new one with this title and description may repeat, best first, of those that the caller may see; to be asked '
  'before it is made. confidence, 0 to 1; those below min_confidence (0 to 1) are left out. shared_terms are the words that speak for '
  'it, rarest first. max_results 1 to 1000. No row for nobody. Errors: 22023 max_results or min_confidence.';
GRANT EXECUTE ON FUNCTION suggest_duplicates(text, text, integer, double precision) TO ticketflow_customer;
