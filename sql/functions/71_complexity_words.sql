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
      WHEN factor ->> 'name' = 'no description' THEN CASE factor ->> 'value' WHEN '1' THEN 'nothing is described' ELSE 'there is a description' END
      WHEN factor ->> 'value' = '1' AND factor ->> 'name' IN ('user story', 'title has a prefix', 'title quotes something', 'title is a question') THEN 'yes'
      WHEN factor ->> 'value' = '0' THEN 'none'
      ELSE factor ->> 'value'
    END,
    CASE WHEN (factor ->> 'points')::numeric < 0 THEN ', which points to less work' WHEN factor ->> 'name' NOT IN ('typical ticket', 'decided by a person') THEN ', which points to more work' END,
    CASE WHEN factor ->> 'basis' = 'assumed' THEN ' (assumed, not learned)' END);
END;
COMMENT ON FUNCTION complexity_sentence(jsonb) IS 'One factor of a score in plain words.';

-- A text body: one that is parsed once and holds the row type of tasks would forbid ALTER TABLE tasks ADD COLUMN ... DEFAULT.
CREATE OR REPLACE FUNCTION complexity_lines(task tasks,
  OUT line integer, OUT factor text, OUT value text, OUT points numeric, OUT explanation text) RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT 0, 'score', complexity_level(s.complexity_score), s.complexity_score::numeric,
         concat(format('harder than %s %% of tickets', s.complexity_score),
           format('; expect %s %s, half of such tickets take %s to %s', e.expected, e.unit, e.low, e.high),
           CASE WHEN s.escalation_recommended THEN '; a person should look now' END,
           format(' (model: %s)', s.model))
    FROM ticket_complexity_scores s
    CROSS JOIN LATERAL (SELECT m.model FROM (VALUES (1)) one LEFT JOIN complexity_models m ON m.is_active) m
    CROSS JOIN LATERAL (
      SELECT round(e.expected::numeric, 1)::real AS expected, round(e.low::numeric, 1)::real AS low,
             round(e.high::numeric, 1)::real AS high, e.unit
        FROM complexity_details(ARRAY[task.id]) d
        CROSS JOIN LATERAL complexity_effort(task.title, task.description, task.category, task.priority, task.severity, d.details,
                                             model => m.model) e) e
   WHERE s.task_id = task.id
  UNION ALL
  SELECT n::integer, f ->> 'name', f ->> 'value', (f ->> 'points')::numeric, complexity_sentence(f)
    FROM ticket_complexity_scores s CROSS JOIN LATERAL jsonb_array_elements(s.factors) WITH ORDINALITY AS factors (f, n)
   WHERE s.task_id = task.id;
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION complexity_lines(tasks) IS 'The score of a ticket (line 0) and its factors, in words, the heaviest first.';
REVOKE ALL ON FUNCTION complexity_lines(tasks) FROM PUBLIC;
