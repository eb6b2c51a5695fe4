-- complexity: what is known of a ticket beside its text.

-- Columns, not the row: a body that is parsed once and holds the row type of tasks would forbid ALTER TABLE tasks ADD COLUMN ... DEFAULT.
CREATE OR REPLACE FUNCTION task_sla_risk(created_at timestamptz, due_date timestamptz, done_at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE
    WHEN due_date IS NULL OR due_date = 'infinity' OR done_at IS NOT NULL THEN 0
    WHEN due_date <= now() OR due_date <= created_at OR created_at = '-infinity' THEN 1
    ELSE greatest(0, extract(epoch FROM now() - created_at) / extract(epoch FROM due_date - created_at))
  END::double precision;
END;
COMMENT ON FUNCTION task_sla_risk(timestamptz, timestamptz, timestamptz) IS 'How much of the time until due_date has passed, 0 to 1 (1: missed); 0 without due date, where that is infinity, and when resolved.';
REVOKE ALL ON FUNCTION task_sla_risk(timestamptz, timestamptz, timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION hours_between(since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN isfinite(since) AND isfinite(until) THEN extract(epoch FROM until - since) / 3600 END;
COMMENT ON FUNCTION hours_between(timestamptz, timestamptz) IS 'Hours from one moment to another; null where either is unknown or endless.';

-- Returns a set of one row, so that it becomes a part of the query that calls it: a batch of tickets is planned once.
CREATE OR REPLACE FUNCTION complexity_history(ticket integer, requester text, until timestamptz,
  OUT comments bigint, OUT exchanges bigint, OUT attachments bigint, OUT reassignments bigint, OUT reopens bigint, OUT waiting_hours numeric)
RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
  SELECT c.comments, c.exchanges, (SELECT count(*) FROM task_attachments a WHERE a.task_id = ticket AND a.created_at <= until),
         h.reassignments, h.reopens, h.waiting_hours
    FROM (SELECT count(*) AS comments, count(*) FILTER (WHERE said.by_requester <> said.before) AS exchanges
            FROM (SELECT p.user_id = requester AS by_requester, lag(p.user_id = requester) OVER (ORDER BY p.created_at, p.id) AS before
                    FROM task_comments p WHERE p.task_id = ticket AND NOT p.is_internal AND p.created_at <= until) said) c
   CROSS JOIN (SELECT count(*) FILTER (WHERE e.field IN ('assignee_id', 'assigned_team_id') AND e.old_value IS NOT NULL) AS reassignments,
                 count(*) FILTER (WHERE e.field = 'status' AND e.old_stage IN ('resolved', 'closed') AND e.new_stage IN ('open', 'waiting')) AS reopens,
                 round(COALESCE(sum(hours_between(e.created_at, e.next_at)) FILTER (WHERE e.field = 'status' AND e.new_stage = 'waiting'), 0), 1) AS waiting_hours
            FROM (SELECT t.field, t.old_value, t.created_at, o.stage AS old_stage, n.stage AS new_stage,
                         COALESCE(lead(t.created_at) OVER (PARTITION BY t.field ORDER BY t.created_at, t.id), until) AS next_at
                    -- OFFSET 0: else, of history without statistics, the index on created_at is read as a whole for each ticket, beside that on
                    -- task_id: 10,000 new tickets took 2.1 to 3.4 s of scoring, 0.7 to 0.9 s with it.
                    FROM (SELECT h.id, h.field, h.old_value, h.new_value, h.created_at FROM history_trail h
                           WHERE h.task_id = ticket AND h.change_type = 'updated' OFFSET 0) t
                    LEFT JOIN task_statuses o ON o.status = t.old_value
                    LEFT JOIN task_statuses n ON n.status = t.new_value
                   WHERE t.created_at <= until) e) h;
END;
COMMENT ON FUNCTION complexity_history(integer, text, timestamptz) IS
  'What had happened to a ticket by a moment: public comments, how often the word went back and forth between its requester and others, '
  'attachments, reassignments, reopens, and hours in a waiting status (spans without an end do not count). Internal comments do not '
  'count, since customers see scores.';
REVOKE ALL ON FUNCTION complexity_history(integer, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION complexity_history(integer, text, timestamptz) TO ticketflow_user;

CREATE OR REPLACE FUNCTION similar_hours(ticket integer, before timestamptz DEFAULT now()) RETURNS numeric
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  wanted tsquery;
BEGIN
  SELECT similar_query('task_documents_rank', ts_filter(d.document, '{a,c}'), 12) INTO wanted FROM task_documents d WHERE d.task_id = ticket;
  IF wanted IS NULL OR numnode(wanted) = 0 THEN
    RETURN NULL;
  END IF;
  -- Of the most similar 200 only: where all that is alike is open still, as while many are imported, each would read all others.
  RETURN (
    SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.hours)::numeric, 1)
      FROM (SELECT h.hours
              FROM (SELECT d.task_id, d.document <@> wanted AS rank FROM task_documents d WHERE d.document @@ wanted ORDER BY rank LIMIT 200) d
              JOIN tasks t ON t.id = d.task_id
             CROSS JOIN LATERAL (SELECT COALESCE(NULLIF(t.actual_hours, 0), hours_between(t.created_at, t.resolved_at))) h (hours)
             WHERE t.id <> ticket AND t.resolved_at < before AND h.hours > 0
             ORDER BY d.rank LIMIT 5) s
    HAVING count(*) >= 3);
END
$$
SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET enable_sort = off;
COMMENT ON FUNCTION similar_hours(integer, timestamptz) IS
  'Median hours of the five tickets most like this one that were resolved before a moment, among the 200 most like it: actual hours, '
  'else the hours to resolution. Its title and description say what is alike. Null where fewer than three tickets are.';
REVOKE ALL ON FUNCTION similar_hours(integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION similar_hours(integer, timestamptz) TO ticketflow_user;

-- Ticket by ticket through the indexes on task_id: what one ticket costs must not grow with the desk.
CREATE OR REPLACE FUNCTION complexity_details(task_ids integer[], with_similar boolean DEFAULT false, OUT task_id integer, OUT details jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.id, jsonb_build_object(
    'comments', h.comments, 'exchanges', h.exchanges, 'attachments', h.attachments, 'reassignments', h.reassignments,
    'reopens', h.reopens, 'waiting_hours', h.waiting_hours, 'estimated_hours', t.estimated_hours, 'requester', t.created_by,
    'organization', t.organization_id::text, 'team', t.assigned_team_id::text,
    'similar_hours', CASE WHEN with_similar THEN similar_hours(t.id, COALESCE(t.resolved_at, now())) END,
    'sla_risk', task_sla_risk(t.created_at, t.due_date, COALESCE(t.resolved_at, t.closed_at)))
  FROM (SELECT DISTINCT unnest(task_ids) AS id) wanted
  JOIN tasks t USING (id)
  CROSS JOIN LATERAL complexity_history(t.id, t.created_by, COALESCE(t.resolved_at, t.closed_at, now())) h;
END;
COMMENT ON FUNCTION complexity_details(integer[], boolean) IS
  'What complexity_score() may know of tickets beside their text: counts of public comments, exchanges with the requester, attachments, '
  'reassignments and reopens, waiting_hours, estimated_hours, requester, organization, team, sla_risk (0 to 1) and, where asked for, '
  'similar_hours. A model uses those that it learned from.';
REVOKE ALL ON FUNCTION complexity_details(integer[], boolean) FROM PUBLIC;
