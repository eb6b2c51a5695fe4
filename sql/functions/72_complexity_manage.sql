-- complexity: learning from the desk, scoring anew, deciding otherwise.

CREATE OR REPLACE VIEW complexity_training WITH (security_invoker = true) AS
SELECT t.id AS task_id, t.title, t.description, t.category, t.priority, t.severity, t.created_by AS requester,
       t.organization_id::text AS organization, t.assigned_team_id::text AS team, t.estimated_hours,
       h.comments, h.exchanges, h.attachments, h.reassignments, h.reopens, h.waiting_hours, similar_hours(t.id, t.created_at) AS similar_hours,
       t.resolved_at, COALESCE(NULLIF(t.actual_hours, 0), open.hours) AS effort
  FROM tasks t
 CROSS JOIN LATERAL hours_between(t.created_at, t.resolved_at) open (hours)
 CROSS JOIN LATERAL complexity_history(t.id, t.created_by,
   COALESCE(t.created_at + (open.hours * (t.id * 0.6180339887498949 % 1))::double precision * interval '1 hour', t.resolved_at)) h
 WHERE t.resolved_at IS NOT NULL
   AND CASE WHEN (SELECT count(*) FROM tasks h WHERE h.actual_hours > 0 AND h.resolved_at IS NOT NULL) >= 50
            THEN t.actual_hours > 0 ELSE open.hours > 0 END;
COMMENT ON VIEW complexity_training IS
  'What train_complexity() learns from unless told otherwise: resolved tickets with actual hours, or, where fewer than 50 have them, '
  'with the hours from creation to resolution. The history of a ticket is told as it stood at some moment while the ticket was open, '
  'spread evenly, since that is when scores are asked for; similar_hours knows what was resolved when the ticket came.';
COMMENT ON COLUMN complexity_training.effort IS 'Hours.';
GRANT SELECT ON complexity_training TO ticketflow_user;

CREATE OR REPLACE FUNCTION rescore_complexity_batch(after_id integer, only_open boolean, batch integer,
  OUT last_id integer, OUT scored integer)
LANGUAGE plpgsql
AS $$
DECLARE
  ids integer[] := ARRAY(SELECT t.id FROM tasks t JOIN task_statuses s USING (status)
                          WHERE t.id > after_id AND (NOT only_open OR s.stage IN ('open', 'waiting')) ORDER BY t.id LIMIT batch);
BEGIN
  PERFORM refresh_complexity(ids);
  scored := cardinality(ids);
  last_id := ids[scored];
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION rescore_complexity_batch(integer, boolean, integer) IS
  'Scores the next tickets after an id anew; last_id is where to go on, null at the end. rescore_complexity() calls it.';
REVOKE ALL ON FUNCTION rescore_complexity_batch(integer, boolean, integer) FROM PUBLIC;

DO $do$
BEGIN
  -- A procedure that commits cannot pin its search_path: the desk's schema is written into the body.
  EXECUTE format($proc$
CREATE OR REPLACE PROCEDURE rescore_complexity(only_open boolean DEFAULT false, batch integer DEFAULT 1000)
LANGUAGE plpgsql
AS $$
DECLARE
  step record;
  last_id integer := 0;
  done bigint := 0;
  total bigint;
BEGIN
  IF batch IS NULL OR batch NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'batch must be between 1 and 100000' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT count(*) INTO total FROM %1$I.tasks t JOIN %1$I.task_statuses s USING (status)
   WHERE NOT only_open OR s.stage IN ('open', 'waiting');
  LOOP
    SELECT b.* INTO step FROM %1$I.rescore_complexity_batch(last_id, only_open, batch) b;
    EXIT WHEN step.last_id IS NULL;
    last_id := step.last_id;
    done := done + step.scored;
    RAISE NOTICE 'scored %% of %% tickets', done, total;
    COMMIT;
  END LOOP;
END
$$$proc$, current_schema());
END
$do$;
COMMENT ON PROCEDURE rescore_complexity(boolean, integer) IS
  'Scores all tickets (or the open ones) anew with the active model, batch by batch, each committed, saying how far it is. Overrides '
  'stay; unchanged scores are not written. Call it outside a transaction. Error: 22023 batch.';
REVOKE ALL ON PROCEDURE rescore_complexity(boolean, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION override_task_complexity(task_id integer, score integer, reason text, person text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF score IS NOT NULL AND score NOT BETWEEN 0 AND 100 THEN
    RAISE EXCEPTION 'score must be between 0 and 100' USING ERRCODE = 'invalid_parameter_value', HINT = 'Null takes the override back.';
  END IF;
  IF score IS NOT NULL AND COALESCE(btrim(reason), '') = '' THEN
    RAISE EXCEPTION 'an override needs a reason' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'It is shown beside the score to everybody who sees the ticket.';
  END IF;
  INSERT INTO ticket_complexity_scores AS s (task_id, complexity_score, override_score, override_reason, overridden_by, overridden_at)
  SELECT override_task_complexity.task_id, score, score, reason, person, now() WHERE score IS NOT NULL
  ON CONFLICT ON CONSTRAINT ticket_complexity_scores_task_id_key DO UPDATE
    SET complexity_score = EXCLUDED.complexity_score, override_score = EXCLUDED.override_score,
        override_reason = EXCLUDED.override_reason, overridden_by = EXCLUDED.overridden_by, overridden_at = EXCLUDED.overridden_at,
        factors = overridden_factors(s.factors, s.computed_score, EXCLUDED.override_score, EXCLUDED.override_reason);
  IF score IS NULL THEN
    DELETE FROM ticket_complexity_scores s WHERE s.task_id = override_task_complexity.task_id AND s.computed_score IS NULL AND s.override_score IS NOT NULL;
    UPDATE ticket_complexity_scores s
       SET complexity_score = s.computed_score, override_score = NULL, override_reason = NULL, overridden_by = NULL, overridden_at = NULL
     WHERE s.task_id = override_task_complexity.task_id AND s.override_score IS NOT NULL;
  END IF;
  PERFORM refresh_complexity(ARRAY[override_task_complexity.task_id]);
END
$$
SET search_path FROM CURRENT;
COMMENT ON FUNCTION override_task_complexity(integer, integer, text, text) IS
  'Decides the score of a ticket by hand, with a reason; score null takes that back. Error: 22023 score or reason.';
REVOKE ALL ON FUNCTION override_task_complexity(integer, integer, text, text) FROM PUBLIC;
