-- report: how fast and how well the desk answers.

CREATE OR REPLACE VIEW dashboard WITH (security_invoker = true) AS
SELECT t.assignee_id,
       count(*) FILTER (WHERE t.status = 'open') AS open_tasks,
       count(*) FILTER (WHERE t.status = 'in_progress') AS in_progress_tasks,
       count(*) FILTER (WHERE t.status = 'resolved') AS resolved_tasks
FROM tasks t GROUP BY t.assignee_id;
COMMENT ON VIEW dashboard IS 'The guide''s dashboard query for every assignee: WHERE assignee_id = ... gives its row.';
COMMENT ON COLUMN dashboard.assignee_id IS 'The person; null for tickets that no person has.';
COMMENT ON COLUMN dashboard.open_tasks IS 'Tickets with status open.';
COMMENT ON COLUMN dashboard.in_progress_tasks IS 'Tickets with status in_progress.';
COMMENT ON COLUMN dashboard.resolved_tasks IS 'Tickets with status resolved.';

CREATE OR REPLACE VIEW first_response WITH (security_invoker = true) AS
SELECT t.created_on, t.category, t.priority, count(*) AS tickets, count(t.first_response_seconds) AS answered,
       avg(t.first_response_seconds)::bigint AS mean_seconds,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.first_response_seconds) AS median_seconds,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY t.first_response_seconds) AS p90_seconds
FROM tickets t GROUP BY t.created_on, t.category, t.priority;
COMMENT ON VIEW first_response IS 'Time to the first public answer of the desk, by the day on which tickets were opened (cohort).';
COMMENT ON COLUMN first_response.created_on IS 'Day of opening, in report_time_zone().';
COMMENT ON COLUMN first_response.category IS 'Category.';
COMMENT ON COLUMN first_response.priority IS 'Priority.';
COMMENT ON COLUMN first_response.tickets IS 'Tickets opened.';
COMMENT ON COLUMN first_response.answered IS 'Those that have an answer; only they count in the figures that follow.';
COMMENT ON COLUMN first_response.mean_seconds IS 'Mean seconds from opening to the first response.';
COMMENT ON COLUMN first_response.median_seconds IS 'Median seconds from opening to the first response.';
COMMENT ON COLUMN first_response.p90_seconds IS 'Seconds within which nine tenths were answered.';

CREATE OR REPLACE VIEW resolution WITH (security_invoker = true) AS
SELECT (t.solved_at AT TIME ZONE report_time_zone())::date AS solved_on, t.category, t.priority, count(*) AS tickets,
       avg(t.full_resolution_seconds)::bigint AS mean_seconds,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS median_seconds,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS p90_seconds,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.first_resolution_seconds) AS median_first_seconds,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.agent_seconds) AS median_agent_seconds,
       count(*) FILTER (WHERE t.public_replies = 1) AS one_touch,
       count(*) FILTER (WHERE t.is_overdue) AS overdue
FROM tickets t WHERE t.solved_at IS NOT NULL GROUP BY 1, t.category, t.priority;
COMMENT ON VIEW resolution IS 'Time from opening to the last solution, by the day of that solution; open tickets are left out, not counted as 0.';
COMMENT ON COLUMN resolution.solved_on IS 'Day of the last solution, in report_time_zone().';
COMMENT ON COLUMN resolution.category IS 'Category.';
COMMENT ON COLUMN resolution.priority IS 'Priority.';
COMMENT ON COLUMN resolution.tickets IS 'Tickets solved.';
COMMENT ON COLUMN resolution.mean_seconds IS 'Mean seconds from opening to the last solution.';
COMMENT ON COLUMN resolution.median_seconds IS 'Median seconds from opening to the last solution.';
COMMENT ON COLUMN resolution.p90_seconds IS 'Seconds within which nine tenths were solved.';
COMMENT ON COLUMN resolution.median_first_seconds IS 'Median seconds to the first solution.';
COMMENT ON COLUMN resolution.median_agent_seconds IS 'Median seconds in statuses where the desk had the next move.';
COMMENT ON COLUMN resolution.one_touch IS 'Solved with exactly one public answer.';
COMMENT ON COLUMN resolution.overdue IS 'Solved after their due date.';

CREATE OR REPLACE VIEW reopening WITH (security_invoker = true) AS
SELECT t.category, count(*) AS solved, count(*) FILTER (WHERE t.reopens > 0) AS reopened, sum(t.reopens)::bigint AS reopens,
       round(count(*) FILTER (WHERE t.reopens > 0)::numeric / count(*), 4) AS reopen_rate
FROM tickets t WHERE t.first_solved_at IS NOT NULL OR t.reopens > 0 GROUP BY t.category;
COMMENT ON VIEW reopening IS 'How often solved tickets come back.';
COMMENT ON COLUMN reopening.category IS 'Category.';
COMMENT ON COLUMN reopening.solved IS 'Tickets that were solved at least once.';
COMMENT ON COLUMN reopening.reopened IS 'Those that came back at least once.';
COMMENT ON COLUMN reopening.reopens IS 'How often, in all.';
COMMENT ON COLUMN reopening.reopen_rate IS 'reopened / solved, 0 to 1.';

CREATE OR REPLACE VIEW handoffs WITH (security_invoker = true) AS
SELECT t.category, count(*) AS tickets, round(avg(t.person_handoffs), 3) AS mean_person_handoffs,
       round(avg(t.team_handoffs), 3) AS mean_team_handoffs, max(t.person_handoffs + t.team_handoffs) AS most_handoffs,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.first_assigned_at - t.created_at)::bigint) AS median_unassigned_seconds
FROM tickets t GROUP BY t.category;
COMMENT ON VIEW handoffs IS 'How often tickets change hands.';
COMMENT ON COLUMN handoffs.category IS 'Category.';
COMMENT ON COLUMN handoffs.tickets IS 'Tickets.';
COMMENT ON COLUMN handoffs.mean_person_handoffs IS 'Mean number of passes from person to person.';
COMMENT ON COLUMN handoffs.mean_team_handoffs IS 'Mean number of passes from team to team.';
COMMENT ON COLUMN handoffs.most_handoffs IS 'The largest number of passes that one ticket had.';
COMMENT ON COLUMN handoffs.median_unassigned_seconds IS 'Median seconds from opening until a person had it.';

CREATE OR REPLACE VIEW time_in_status WITH (security_invoker = true) AS
SELECT i.status, t.category, count(*) AS stays, count(DISTINCT i.task_id) AS tickets, sum(i.seconds)::bigint AS seconds,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY i.seconds) AS median_seconds,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY i.seconds) AS p90_seconds, avg(i.seconds)::bigint AS mean_seconds
FROM status_intervals i JOIN tasks t ON t.id = i.task_id GROUP BY i.status, t.category;
COMMENT ON VIEW time_in_status IS 'How long tickets stay in each status; a stay that has not ended counts up to now.';
COMMENT ON COLUMN time_in_status.status IS 'The status.';
COMMENT ON COLUMN time_in_status.category IS 'Category of the tickets.';
COMMENT ON COLUMN time_in_status.stays IS 'Stays in the status.';
COMMENT ON COLUMN time_in_status.tickets IS 'Tickets that were in it.';
COMMENT ON COLUMN time_in_status.seconds IS 'Seconds in all.';
COMMENT ON COLUMN time_in_status.median_seconds IS 'Median seconds of a stay.';
COMMENT ON COLUMN time_in_status.p90_seconds IS 'Seconds that nine tenths of the stays did not exceed.';
COMMENT ON COLUMN time_in_status.mean_seconds IS 'Mean seconds of a stay.';
GRANT SELECT ON dashboard, first_response, resolution, reopening, handoffs, time_in_status TO ticketflow_report, ticketflow_user;
