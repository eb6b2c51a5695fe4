-- complexity: scores in words.

CREATE OR REPLACE FUNCTION complexity_level(score integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN score < 20 THEN 'very low' WHEN score < 40 THEN 'low' WHEN score < 60 THEN 'medium'
              WHEN score < 80 THEN 'high' WHEN score IS NOT NULL THEN 'very high' END;
END;
COMMENT ON FUNCTION complexity_level(integer) IS 'A score in words: very low < 20, low < 40, medium < 60, high < 80, very high.';

CREATE OR REPLACE FUNCTION complexity_sentence(factor jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT concat(
    CASE
      WHEN factor ->> 'name' = 'typical ticket' THEN 'every ticket starts here'
      WHEN factor ->> 'name' = 'decided by a person' THEN 'changed by hand: ' || (factor ->> 'value')
      WHEN factor ->> 'name' LIKE 'wording of %' THEN (
        SELECT COALESCE('most of it from ' || string_agg(format('"%s" (%s)', t ->> 'term', to_char((t ->> 'points')::numeric, 'FMSG990.0')), ', ' ORDER BY n), 'no word that says much')
          FROM jsonb_array_elements(factor -> 'terms') WITH ORDINALITY AS terms (t, n) WHERE n <= 4)
      WHEN factor ->> 'value' = '0' THEN 'none'
      WHEN factor ->> 'name' = 'length of the text' THEN (factor ->> 'value') || ' words'
      WHEN factor ->> 'name' IN ('code, traces and errors', 'words of urgency', 'systems and versions named', 'links', 'questions')
        THEN (factor ->> 'value') || ' found'
      WHEN factor ->> 'name' LIKE '%hours' THEN (factor ->> 'value') || ' hours'
      ELSE factor ->> 'value'
    END,
    CASE WHEN (factor ->> 'points')::numeric < 0 THEN ', which points to less work' WHEN factor ->> 'name' NOT IN ('typical ticket', 'decided by a person') THEN ', which points to more work' END,
    CASE WHEN factor ->> 'basis' = 'assumed' THEN ' (assumed, not learned)' END);
END;
COMMENT ON FUNCTION complexity_sentence(jsonb) IS 'One factor of a score in plain words.';

CREATE OR REPLACE FUNCTION complexity_lines(task_id integer,
  OUT line integer, OUT factor text, OUT value text, OUT points numeric, OUT explanation text) RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT 0, 'score', complexity_level(s.complexity_score), s.complexity_score::numeric,
         concat(format('harder than %s %% of tickets', s.complexity_score),
           format('; expect %s %s, half of such tickets take %s to %s', e.expected, e.unit, e.low, e.high),
           CASE WHEN s.escalation_recommended THEN '; a person should look now' END,
           format(' (model: %s)', s.model))
    FROM ticket_complexity_scores s
    JOIN tasks task ON task.id = s.task_id
    CROSS JOIN LATERAL (SELECT m.model, COALESCE(m.report -> 'fields' ? 'similar_hours', false) AS asks_similar
                           FROM (VALUES (1)) one LEFT JOIN complexity_models m ON m.is_active) m
    CROSS JOIN LATERAL (
      SELECT round(e.expected::numeric, 1)::real AS expected, round(e.low::numeric, 1)::real AS low,
             round(e.high::numeric, 1)::real AS high, e.unit
        FROM complexity_details(ARRAY[task.id], m.asks_similar) d
        CROSS JOIN LATERAL complexity_effort(task.title, task.description, task.category, task.priority, task.severity, d.details,
                                             model => m.model) e) e
   WHERE s.task_id = complexity_lines.task_id
  UNION ALL
  SELECT n::integer, replace(f ->> 'name', '_', ' '), f ->> 'value', (f ->> 'points')::numeric, complexity_sentence(f)
    FROM ticket_complexity_scores s CROSS JOIN LATERAL jsonb_array_elements(s.factors) WITH ORDINALITY AS factors (f, n)
   WHERE s.task_id = complexity_lines.task_id;
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION complexity_lines(integer) IS 'The score of a ticket (line 0) and its factors, in words, the heaviest first.';
REVOKE ALL ON FUNCTION complexity_lines(integer) FROM PUBLIC;

CREATE OR REPLACE VIEW complexity_escalations WITH (security_invoker = true) AS
SELECT t.id AS task_id, t.ticket_number::text, t.title::text, t.status::text, t.priority::text, t.severity::text, s.complexity_score,
       r.risk AS sla_risk, t.due_date, t.assignee_id::text, t.assigned_team_id,
       s.complexity_score + CASE t.priority WHEN 'urgent' THEN 15 WHEN 'high' THEN 5 ELSE 0 END
         + CASE t.severity WHEN 'critical' THEN 15 WHEN 'major' THEN 5 ELSE 0 END + 20 * r.risk AS urgency,
       concat_ws(', ', format('score %s', s.complexity_score), CASE WHEN t.priority IN ('high', 'urgent') THEN 'priority ' || t.priority END,
         CASE WHEN t.severity IN ('major', 'critical') THEN 'severity ' || t.severity END,
         CASE WHEN r.risk >= 1 THEN 'overdue' WHEN r.risk > 0.5 THEN format('%s %% of the time until it is due has passed', floor(100 * r.risk)) END,
         'decided by a person: ' || s.override_reason) AS reasons
  FROM tasks t
  JOIN ticket_complexity_scores s ON s.task_id = t.id
  JOIN task_statuses st ON st.status = t.status AND st.stage IN ('open', 'waiting')
 CROSS JOIN complexity_settings p
 CROSS JOIN LATERAL (SELECT task_sla_risk(t.created_at, t.due_date, COALESCE(t.resolved_at, t.closed_at))) r (risk)
 WHERE complexity_escalation(s.complexity_score, t.priority, t.severity, r.risk, p.threshold);
COMMENT ON VIEW complexity_escalations IS
  'Open tickets that a person should look at now, as far as the caller sees them. urgency: the score plus what priority, severity and '
  'the time until due_date add; reasons in words.';
GRANT SELECT ON complexity_escalations TO ticketflow_customer, ticketflow_report;
GRANT EXECUTE ON FUNCTION task_sla_risk(timestamptz, timestamptz, timestamptz) TO ticketflow_customer, ticketflow_report;
