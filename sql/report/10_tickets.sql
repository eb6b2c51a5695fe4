-- report: one row a ticket with everything that can be measured on it; the other reports add these rows up.

DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ticketflow_report, ticketflow_user', current_schema());
END
$$;

CREATE OR REPLACE VIEW status_intervals WITH (security_invoker = true) AS
-- NOT MATERIALIZED here and below: asked for one ticket, it reads the history of one ticket.
WITH change AS NOT MATERIALIZED (
  SELECT h.task_id, h.old_value, h.new_value, h.created_at,
         row_number() OVER w AS position, lead(h.created_at) OVER w AS next_at
  FROM history_trail h WHERE h.field = 'status' AND h.change_type = 'updated'
  WINDOW w AS (PARTITION BY h.task_id ORDER BY h.id)
), stay AS (
  SELECT t.id AS task_id, COALESCE(c.old_value, t.status) AS status, 0::bigint AS position, t.created_at AS started_at, c.created_at AS ended_at
  FROM tasks t LEFT JOIN change c ON c.task_id = t.id AND c.position = 1
  UNION ALL
  SELECT c.task_id, c.new_value, c.position, c.created_at, c.next_at
  FROM change c JOIN tasks t ON t.id = c.task_id
)
SELECT i.task_id, i.position, i.status::varchar(50) AS status, s.stage, i.started_at, i.ended_at,
       extract(epoch FROM COALESCE(i.ended_at, now()) - i.started_at)::bigint AS seconds
FROM stay i LEFT JOIN task_statuses s ON s.status = i.status;
COMMENT ON VIEW status_intervals IS 'Each stay of a ticket in a status, from its history: half-open intervals [started_at, ended_at).';
COMMENT ON COLUMN status_intervals.task_id IS 'The ticket.';
COMMENT ON COLUMN status_intervals.position IS 'Order within the ticket, from 0.';
COMMENT ON COLUMN status_intervals.status IS 'The status.';
COMMENT ON COLUMN status_intervals.stage IS 'open, waiting, resolved or closed; null for a status that the desk no longer has.';
COMMENT ON COLUMN status_intervals.started_at IS 'When the ticket entered the status.';
COMMENT ON COLUMN status_intervals.ended_at IS 'When it left it; null while it is there.';
COMMENT ON COLUMN status_intervals.seconds IS 'Length in seconds of wall time, up to now where the stay has not ended.';

CREATE OR REPLACE VIEW tickets WITH (security_invoker = true) AS
WITH reply AS (
  -- A reply is public and by somebody of the desk other than who asked; a machine's answer is not one.
  SELECT c.task_id, min(c.created_at) AS first_at, count(*) AS replies
  FROM task_comments c JOIN tasks t ON t.id = c.task_id JOIN users u ON u.id = c.user_id
  WHERE NOT c.is_internal AND u.role <> 'customer' AND c.user_id <> t.created_by
    AND NOT EXISTS (SELECT FROM ticket_auto_responses a WHERE a.comment_id = c.id)
  GROUP BY c.task_id
), stay AS (
  SELECT i.task_id,
         min(i.started_at) FILTER (WHERE i.stage IN ('resolved', 'closed')) AS first_solved_at,
         max(i.started_at) FILTER (WHERE i.stage IN ('resolved', 'closed') AND i.was_active) AS last_solved_at,
         count(*) FILTER (WHERE i.stage IN ('open', 'waiting') AND NOT i.was_active) AS reopens,
         sum(i.seconds) FILTER (WHERE i.stage = 'open') AS open_seconds,
         sum(i.seconds) FILTER (WHERE i.stage = 'waiting') AS waiting_seconds
  FROM (SELECT s.*, COALESCE(lag(s.stage) OVER (PARTITION BY s.task_id ORDER BY s.position), 'open') IN ('open', 'waiting') AS was_active
        FROM status_intervals s) i
  GROUP BY i.task_id
), assignment AS NOT MATERIALIZED (
  SELECT h.task_id, h.field, h.old_value, h.new_value, h.created_at, h.id
  FROM history_trail h WHERE h.field IN ('assignee_id', 'assigned_team_id') AND h.change_type = 'updated'
), station AS (
  -- Who had it, in turn: from opening on what the first change replaced, or what is there still.
  SELECT t.id AS task_id, f.field, CASE WHEN c.task_id IS NULL THEN f.value ELSE c.old_value END AS holder, t.created_at AS started_at, 0 AS position
  FROM tasks t CROSS JOIN LATERAL (VALUES ('assignee_id', t.assignee_id::text), ('assigned_team_id', t.assigned_team_id::text)) f (field, value)
  LEFT JOIN (SELECT DISTINCT ON (a.task_id, a.field) a.* FROM assignment a ORDER BY a.task_id, a.field, a.id) c ON c.task_id = t.id AND c.field = f.field
  UNION ALL
  SELECT a.task_id, a.field, a.new_value, a.created_at, a.id FROM assignment a
), handoff AS (
  -- A queue between two people, or a person between two queues, is passed over.
  SELECT s.task_id,
         count(*) FILTER (WHERE s.field = 'assignee_id' AND s.holder <> s.holder_before) AS person_handoffs,
         count(*) FILTER (WHERE s.field = 'assigned_team_id' AND s.holder <> s.holder_before) AS team_handoffs,
         min(s.started_at) FILTER (WHERE s.field = 'assignee_id') AS first_assigned_at
  FROM (SELECT n.*, lag(n.holder) OVER (PARTITION BY n.task_id, n.field ORDER BY n.position) AS holder_before
        FROM station n WHERE n.holder IS NOT NULL) s
  GROUP BY s.task_id
)
SELECT t.id AS task_id, t.ticket_number, t.category, t.priority, t.severity, t.status, s.stage, t.assignee_type,
       CASE t.assignee_type WHEN 'user' THEN t.assignee_id END AS assignee_id,
       CASE t.assignee_type WHEN 'team' THEN t.assigned_team_id END AS team_id,
       t.organization_id, t.created_at, (t.created_at AT TIME ZONE report_time_zone())::date AS created_on,
       r.first_at AS first_response_at, extract(epoch FROM r.first_at - t.created_at)::bigint AS first_response_seconds,
       COALESCE(r.replies, 0) AS public_replies,
       solved.first_at AS first_solved_at, extract(epoch FROM solved.first_at - t.created_at)::bigint AS first_resolution_seconds,
       CASE WHEN s.stage IN ('resolved', 'closed') THEN solved.last_at END AS solved_at,
       CASE WHEN s.stage IN ('resolved', 'closed') THEN extract(epoch FROM solved.last_at - t.created_at)::bigint END AS full_resolution_seconds,
       COALESCE(y.reopens, 0) AS reopens, COALESCE(y.open_seconds, 0)::bigint AS agent_seconds,
       COALESCE(y.waiting_seconds, 0)::bigint AS waiting_seconds,
       COALESCE(f.person_handoffs, 0) AS person_handoffs, COALESCE(f.team_handoffs, 0) AS team_handoffs,
       f.first_assigned_at, t.due_date, 
       t.due_date < CASE WHEN s.stage IN ('resolved', 'closed') THEN COALESCE(solved.last_at, now()) ELSE now() END AS is_overdue,
       t.estimated_hours, t.actual_hours, c.complexity_score, c.escalation_recommended,
       CASE WHEN s.stage IN ('open', 'waiting') THEN extract(epoch FROM now() - t.created_at)::bigint END AS age_seconds,
       extract(epoch FROM now() - t.updated_at)::bigint AS idle_seconds
FROM tasks t
JOIN task_statuses s ON s.status = t.status
LEFT JOIN reply r ON r.task_id = t.id
LEFT JOIN stay y ON y.task_id = t.id
LEFT JOIN handoff f ON f.task_id = t.id
LEFT JOIN ticket_complexity_scores c ON c.task_id = t.id
-- Stamps before history: an import brings stamps alone, and a reopening clears them.
LEFT JOIN LATERAL (
  SELECT LEAST(t.resolved_at, t.closed_at, NULLIF(y.first_solved_at, t.created_at)) AS first_at,
         COALESCE(LEAST(t.resolved_at, t.closed_at), NULLIF(y.last_solved_at, t.created_at)) AS last_at) solved ON true;
COMMENT ON VIEW tickets IS 'One row a ticket that the reader may see, with its measures. Durations are seconds of wall time.';
COMMENT ON COLUMN tickets.task_id IS 'The ticket.';
COMMENT ON COLUMN tickets.ticket_number IS 'Its readable number.';
COMMENT ON COLUMN tickets.category IS 'Category now.';
COMMENT ON COLUMN tickets.priority IS 'Priority now.';
COMMENT ON COLUMN tickets.severity IS 'Severity now.';
COMMENT ON COLUMN tickets.status IS 'Status now.';
COMMENT ON COLUMN tickets.stage IS 'What the status means: open, waiting, resolved or closed.';
COMMENT ON COLUMN tickets.assignee_type IS 'user or team: whether a person or a queue has the ticket.';
COMMENT ON COLUMN tickets.assignee_id IS 'The person who has it; null where a team or nobody has.';
COMMENT ON COLUMN tickets.team_id IS 'The team it is queued to; null where a person has it.';
COMMENT ON COLUMN tickets.organization_id IS 'The customer organisation that it belongs to.';
COMMENT ON COLUMN tickets.created_at IS 'When it was opened.';
COMMENT ON COLUMN tickets.created_on IS 'The day it was opened, in report_time_zone().';
COMMENT ON COLUMN tickets.first_response_at IS 'First public comment by somebody of the desk other than the requester, automatic responses left out; null where there is none.';
COMMENT ON COLUMN tickets.first_response_seconds IS 'Seconds from opening to the first response.';
COMMENT ON COLUMN tickets.public_replies IS 'Number of such comments: 1 is a one-touch ticket.';
COMMENT ON COLUMN tickets.first_solved_at IS 'When it was first resolved or closed.';
COMMENT ON COLUMN tickets.first_resolution_seconds IS 'Seconds from opening to the first solution; null where it was never solved.';
COMMENT ON COLUMN tickets.solved_at IS 'When it was last solved; null while it is open.';
COMMENT ON COLUMN tickets.full_resolution_seconds IS 'Seconds from opening to the last solution; null, not 0, while it is open.';
COMMENT ON COLUMN tickets.reopens IS 'How often it went from solved back to work.';
COMMENT ON COLUMN tickets.agent_seconds IS 'Seconds in statuses where the desk has the next move.';
COMMENT ON COLUMN tickets.waiting_seconds IS 'Seconds in statuses where the desk waits for somebody else.';
COMMENT ON COLUMN tickets.person_handoffs IS 'How often it passed from one person to another, also through a queue.';
COMMENT ON COLUMN tickets.team_handoffs IS 'How often it passed from one team''s queue to another''s, also through a person.';
COMMENT ON COLUMN tickets.first_assigned_at IS 'When a person first had it: created_at where it was opened with an assignee.';
COMMENT ON COLUMN tickets.due_date IS 'When it was to be solved.';
COMMENT ON COLUMN tickets.is_overdue IS 'Whether the last solution came after its due date, or is still to come after it; null without one.';
COMMENT ON COLUMN tickets.estimated_hours IS 'Hours expected.';
COMMENT ON COLUMN tickets.actual_hours IS 'Hours spent.';
COMMENT ON COLUMN tickets.complexity_score IS 'Complexity, 0 to 100; null where none was computed.';
COMMENT ON COLUMN tickets.escalation_recommended IS 'Whether the score recommends escalation.';
COMMENT ON COLUMN tickets.age_seconds IS 'Seconds since opening; null once it is solved.';
COMMENT ON COLUMN tickets.idle_seconds IS 'Seconds since its last change.';
GRANT SELECT ON status_intervals, tickets TO ticketflow_report, ticketflow_user;
