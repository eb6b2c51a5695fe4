-- complexity: what a score is made from, and scores kept current.

CREATE OR REPLACE FUNCTION overridden_factors(factors jsonb, computed integer, override integer, reason text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN override IS NULL THEN factors
    ELSE COALESCE(factors, '[]') || jsonb_build_object('name', 'decided by a person', 'value', reason, 'weight', 1,
                                                       'points', override - COALESCE(computed, 0)) END;
END;
COMMENT ON FUNCTION overridden_factors(jsonb, integer, integer, text) IS
  'Factors with what a person decided as one factor more, so that points still add up to the score.';
REVOKE ALL ON FUNCTION overridden_factors(jsonb, integer, integer, text) FROM PUBLIC;

-- PL/pgSQL, because it keeps its plans for the session and runs at every write of a ticket.
CREATE OR REPLACE FUNCTION refresh_complexity(task_ids integer[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  escalate_from integer := (SELECT p.threshold FROM complexity_settings p);
  active_model bytea;
  model_name text;
  asks_similar boolean;
BEGIN
  SELECT m.model, m.name || ' v' || m.version, m.report -> 'fields' ? 'similar_hours'
    INTO active_model, model_name, asks_similar FROM complexity_models m WHERE m.is_active;
  WITH fresh AS MATERIALIZED (
    SELECT t.id, c.score, c.factors, s.override_score, s.override_reason,
           CASE WHEN s.override_score IS NULL THEN c.escalation_recommended
                ELSE complexity_escalation(s.override_score, t.priority, t.severity, task_sla_risk(t.created_at, t.due_date, COALESCE(t.resolved_at, t.closed_at)), escalate_from) END AS escalate
      FROM complexity_details(task_ids, COALESCE(asks_similar, false)) d
      JOIN tasks t ON t.id = d.task_id
      LEFT JOIN ticket_complexity_scores s ON s.task_id = t.id
     CROSS JOIN LATERAL complexity_score(t.title, t.description, t.category, t.priority, t.severity, d.details,
                                         escalate_from, active_model) c),
  gone AS ( -- where nothing can be said any more, the old score would be a lie
    DELETE FROM ticket_complexity_scores s USING fresh f
     WHERE s.task_id = f.id AND f.score IS NULL AND f.override_score IS NULL AND s.model IS NOT NULL)
  INSERT INTO ticket_complexity_scores AS s (task_id, complexity_score, computed_score, factors, escalation_recommended, model)
  SELECT f.id, COALESCE(f.override_score, f.score), f.score,
         overridden_factors(f.factors, f.score, f.override_score, f.override_reason), f.escalate, COALESCE(model_name, 'shipped')
    FROM fresh f WHERE f.score IS NOT NULL
  ON CONFLICT (task_id) DO UPDATE
    SET complexity_score = COALESCE(s.override_score, EXCLUDED.complexity_score), computed_score = EXCLUDED.computed_score,
        factors = EXCLUDED.factors, escalation_recommended = EXCLUDED.escalation_recommended, model = EXCLUDED.model,
        updated_at = now()
    WHERE (s.complexity_score, s.computed_score, s.factors, s.escalation_recommended, s.model)
      IS DISTINCT FROM (EXCLUDED.complexity_score, EXCLUDED.computed_score, EXCLUDED.factors, EXCLUDED.escalation_recommended,
                        EXCLUDED.model);
END
$$
SET search_path FROM CURRENT
SET jit = off -- estimates of an empty desk would buy a second of compilation for a millisecond of work
-- A session keeps the plan that it made when the desk was empty, where reading whole tables looks cheap.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off;
COMMENT ON FUNCTION refresh_complexity(integer[]) IS
  'Computes the scores of these tickets anew with the active model; the triggers call it. A manual override stays.';
REVOKE ALL ON FUNCTION refresh_complexity(integer[]) FROM PUBLIC;

CREATE OR REPLACE TRIGGER y_complexity_insert AFTER INSERT ON tasks
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_trigger('refresh_complexity', 'id');
COMMENT ON TRIGGER y_complexity_insert ON tasks IS 'Scores new tickets.';
-- After the history triggers, whose rows count reassignments and reopens.
CREATE OR REPLACE TRIGGER y_complexity_update AFTER UPDATE ON tasks FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR text_differs(OLD.description, NEW.description)
        OR OLD.category IS DISTINCT FROM NEW.category OR OLD.priority IS DISTINCT FROM NEW.priority
        OR OLD.severity IS DISTINCT FROM NEW.severity OR OLD.status IS DISTINCT FROM NEW.status
        OR OLD.assignee_id IS DISTINCT FROM NEW.assignee_id OR OLD.assigned_team_id IS DISTINCT FROM NEW.assigned_team_id
        OR OLD.due_date IS DISTINCT FROM NEW.due_date OR OLD.estimated_hours IS DISTINCT FROM NEW.estimated_hours)
  EXECUTE FUNCTION refresh_trigger('refresh_complexity', 'id');
COMMENT ON TRIGGER y_complexity_update ON tasks IS 'Scores a ticket anew where something that the score is made from changed.';

-- Internal comments count nothing here: a customer sees the score, its factors and the times when it changed.
CREATE OR REPLACE FUNCTION refresh_commented_complexity() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  touched integer[];
BEGIN
  CASE TG_OP
    WHEN 'INSERT' THEN SELECT array_agg(DISTINCT n.task_id) INTO touched FROM new_rows n WHERE NOT n.is_internal;
    WHEN 'DELETE' THEN SELECT array_agg(DISTINCT o.task_id) INTO touched FROM old_rows o WHERE NOT o.is_internal;
  END CASE;
  IF touched IS NOT NULL THEN
    PERFORM refresh_complexity(touched);
  END IF;
  RETURN NULL;
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION refresh_commented_complexity() IS 'Trigger: scores tickets anew that got or lost public comments.';
REVOKE ALL ON FUNCTION refresh_commented_complexity() FROM PUBLIC;
CREATE OR REPLACE TRIGGER y_complexity_comments AFTER INSERT ON task_comments
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_commented_complexity();
COMMENT ON TRIGGER y_complexity_comments ON task_comments IS 'Scores tickets with a new public comment anew.';
CREATE OR REPLACE TRIGGER y_complexity_recomments AFTER UPDATE ON task_comments
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION refresh_trigger('refresh_complexity', 'task_id', 'task_id,is_internal');
COMMENT ON TRIGGER y_complexity_recomments ON task_comments IS 'Scores tickets anew of which a comment became public or internal.';
CREATE OR REPLACE TRIGGER y_complexity_uncomments AFTER DELETE ON task_comments
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION refresh_commented_complexity();
COMMENT ON TRIGGER y_complexity_uncomments ON task_comments IS 'Scores tickets anew that lost a public comment.';

CREATE OR REPLACE FUNCTION record_complexity() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO ticket_complexity_history (task_id, complexity_score, escalation_recommended, model, override_reason)
    SELECT n.task_id, n.complexity_score, n.escalation_recommended, n.model, n.override_reason FROM new_rows n;
  ELSE
    INSERT INTO ticket_complexity_history (task_id, complexity_score, escalation_recommended, model, override_reason)
    SELECT n.task_id, n.complexity_score, n.escalation_recommended, n.model, n.override_reason
      FROM new_rows n JOIN old_rows o USING (id)
     WHERE (n.complexity_score, n.escalation_recommended, n.override_reason)
       IS DISTINCT FROM (o.complexity_score, o.escalation_recommended, o.override_reason);
  END IF;
  RETURN NULL;
END
$$
SET search_path FROM CURRENT
-- Nobody knows how many rows a statement changes when the plan is made: each old row beside each new one would take minutes.
SET enable_nestloop = off SET enable_hashjoin = on;
COMMENT ON FUNCTION record_complexity() IS 'Trigger: keeps every score that a ticket had in ticket_complexity_history.';
REVOKE ALL ON FUNCTION record_complexity() FROM PUBLIC;
CREATE OR REPLACE TRIGGER complexity_history_insert AFTER INSERT ON ticket_complexity_scores
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_complexity();
CREATE OR REPLACE TRIGGER complexity_history_update AFTER UPDATE ON ticket_complexity_scores
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_complexity();
COMMENT ON TRIGGER complexity_history_insert ON ticket_complexity_scores IS 'Keeps the first score of a ticket in ticket_complexity_history.';
COMMENT ON TRIGGER complexity_history_update ON ticket_complexity_scores IS 'Keeps changed scores in ticket_complexity_history.';

-- Who sees a ticket sees its scores; rows come from the functions of this file only.
SELECT apply_policy('ticket_complexity_history', 'ticket', 'ticketflow_customer', 'EXISTS (SELECT FROM tasks t WHERE t.id = task_id)'),
       apply_policy('ticket_complexity_history', 'report', 'ticketflow_report', '(SELECT may_report())'),
       apply_policy('complexity_models', 'staff', 'ticketflow_user', '(SELECT acting_rank()) >= 2'),
       apply_policy('complexity_models', 'report', 'ticketflow_report', '(SELECT may_report())'),
       apply_policy('complexity_settings', 'all', 'ticketflow_customer', '(SELECT acting_rank()) >= 1'),
       apply_policy('complexity_settings', 'report', 'ticketflow_report', '(SELECT may_report())');
GRANT SELECT ON ticket_complexity_scores, ticket_complexity_history, complexity_settings TO ticketflow_customer, ticketflow_report;
GRANT SELECT (name, version, report, trained_by, created_at, is_active) ON complexity_models TO ticketflow_user, ticketflow_report;
