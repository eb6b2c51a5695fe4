-- complexity: scores and their reasons.

CREATE OR REPLACE FUNCTION score_task(task_id integer)
RETURNS TABLE (score integer, factors jsonb, escalation_recommended boolean, model text)
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(score_task.task_id);
BEGIN
  PERFORM refresh_complexity(ARRAY[task.id]);
  RETURN QUERY SELECT s.complexity_score, s.factors, s.escalation_recommended, s.model
    FROM ticket_complexity_scores s WHERE s.task_id = task.id;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION score_task(integer) IS
  'Computes the score of a ticket now and returns it: score 0 to 100, factors whose points add up to it, whether a person should '
  'look now, and the model. No row where nothing can be said. Errors: PT401; PT404 no such ticket that the caller sees.';
REVOKE ALL ON FUNCTION score_task(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION score_task(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION explain_complexity(task_id integer)
RETURNS TABLE (factor text, value text, points numeric, explanation text)
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(explain_complexity.task_id, false);
BEGIN
  RETURN QUERY
    SELECT l.factor, l.value, l.points, l.explanation FROM complexity_lines(task) l ORDER BY l.line;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION explain_complexity(integer) IS
  'Why a ticket has its score, for people: the first row is the score and what it means, then one row for each factor, the heaviest '
  'first; their points add up to the score. No row where the ticket has no score. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION explain_complexity(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION explain_complexity(integer) TO ticketflow_customer;
