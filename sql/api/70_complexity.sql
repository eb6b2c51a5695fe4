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
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_person();
  IF NOT task_visible(explain_complexity.task_id) THEN
    RAISE EXCEPTION 'ticket % does not exist', explain_complexity.task_id
      USING ERRCODE = 'PT404', HINT = 'It may have been deleted, or is not yours to see.';
  END IF;
  RETURN QUERY
    SELECT l.factor, l.value, l.points, l.explanation FROM complexity_lines(explain_complexity.task_id) l ORDER BY l.line;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION explain_complexity(integer) IS
  'Why a ticket has its score, for people: the first row is the score and what it means, then one row for each factor, the heaviest '
  'first; their points add up to the score. No row where the ticket has no score. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION explain_complexity(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION explain_complexity(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION override_complexity(task_id integer, score integer, reason text DEFAULT NULL)
RETURNS TABLE (complexity_score integer, factors jsonb, escalation_recommended boolean, override_reason text)
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  person text := require_role('user');
  task tasks := require_task(override_complexity.task_id);
BEGIN
  PERFORM override_task_complexity(task.id, override_complexity.score, override_complexity.reason, person);
  RETURN QUERY SELECT s.complexity_score, s.factors, s.escalation_recommended, s.override_reason::text
    FROM ticket_complexity_scores s WHERE s.task_id = task.id;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION override_complexity(integer, integer, text) IS
  'Decides the score of a ticket by hand, with a reason that is shown with it; score null goes back to the computed one. Computing '
  'again respects it. Errors: PT401; PT404; 42501 a customer; 22023 score not 0 to 100, or no reason.';
REVOKE ALL ON FUNCTION override_complexity(integer, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION override_complexity(integer, integer, text) TO ticketflow_user;

CREATE OR REPLACE FUNCTION escalations(max_results integer DEFAULT 100)
RETURNS TABLE (task_id integer, ticket_number text, title text, status text, priority text, severity text, score integer,
  level text, sla_risk double precision, due_date timestamptz, assignee_id text, assigned_team_id integer, reasons text)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF max_results IS NULL OR max_results NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_results must be between 1 and 1000' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY
    SELECT e.task_id, e.ticket_number, e.title, e.status, e.priority, e.severity, e.complexity_score, complexity_level(e.complexity_score),
           e.sla_risk, e.due_date, e.assignee_id, e.assigned_team_id, e.reasons
      FROM complexity_escalations e ORDER BY e.urgency DESC, e.task_id LIMIT max_results;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION escalations(integer) IS
  'Open tickets of those the caller sees that a person should look at now, the most urgent first, judged at this moment: score plus '
  'urgency reaches the desk''s threshold. sla_risk: how much of the time until due_date has passed, 0 to 1. max_results 1 to 1000, default 100. Error: 22023 max_results.';
REVOKE ALL ON FUNCTION escalations(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION escalations(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION set_complexity_threshold(threshold integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  IF set_complexity_threshold.threshold IS NULL OR set_complexity_threshold.threshold NOT BETWEEN 0 AND 100 THEN
    RAISE EXCEPTION 'threshold must be between 0 and 100' USING ERRCODE = 'invalid_parameter_value', HINT = 'The default is 70.';
  END IF;
  UPDATE complexity_settings SET threshold = set_complexity_threshold.threshold, updated_at = now();
  RETURN set_complexity_threshold.threshold;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION set_complexity_threshold(integer) IS
  'From which score escalation is recommended on this desk, 0 to 100. Stored advice follows when a ticket is scored next; '
  'api.escalations() at once. Returns it. Errors: PT401; 42501 not an administrator; 22023 not 0 to 100.';
REVOKE ALL ON FUNCTION set_complexity_threshold(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_complexity_threshold(integer) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION train_complexity_model(name text DEFAULT 'desk')
RETURNS TABLE (version integer, activated boolean, report jsonb)
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  RETURN QUERY SELECT t.version, t.activated, t.report FROM train_complexity(train_complexity_model.name) t;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION train_complexity_model(text) IS
  'Learns a model from the resolved tickets of this desk and lets it score if it beats the median; see ticketflow.train_complexity(). '
  'Errors: PT401; 42501 not an administrator; 55000 fewer than 50 resolved tickets; 42602 name.';
REVOKE ALL ON FUNCTION train_complexity_model(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION train_complexity_model(text) TO ticketflow_admin;
