-- report: what comes in, what goes out, what lies there, and who carries it.

CREATE OR REPLACE VIEW flow WITH (security_invoker = true) AS
WITH event AS (
  SELECT t.created_at AS at, 1 AS created, 0 AS solved, 0 AS reopened FROM tasks t
  UNION ALL
  SELECT i.started_at, 0, (i.now_done AND NOT i.was_done)::int, (i.was_done AND NOT i.now_done)::int
  FROM (SELECT s.started_at, s.position, s.stage IN ('resolved', 'closed') AS now_done,
               COALESCE(lag(s.stage) OVER (PARTITION BY s.task_id ORDER BY s.position), 'open') IN ('resolved', 'closed') AS was_done
        FROM status_intervals s) i
  WHERE i.position > 0 AND i.now_done <> i.was_done
  UNION ALL
  -- A ticket that came solved has no change of status that says when; a stamp may, until a reopening clears it.
  SELECT CASE WHEN v.reopens = 0 THEN COALESCE(v.solved_at, s.started_at) ELSE s.started_at END, 0, 1, 0
  FROM status_intervals s JOIN tickets v USING (task_id) WHERE s.position = 0 AND s.stage IN ('resolved', 'closed')
)
SELECT (e.at AT TIME ZONE report_time_zone())::date AS day, sum(e.created)::bigint AS created, sum(e.solved)::bigint AS solved,
       sum(e.reopened)::bigint AS reopened,
       (sum(sum(e.created - e.solved + e.reopened)) OVER (ORDER BY (e.at AT TIME ZONE report_time_zone())::date))::bigint AS backlog
FROM event e GROUP BY 1;
COMMENT ON VIEW flow IS 'Arrivals, solutions and reopenings of each day that had any, counted by the time of the event, and the backlog at its end. Deleted tickets are not in it.';
COMMENT ON COLUMN flow.day IS 'Day in report_time_zone(); a day has 23 or 25 hours where clocks change.';
COMMENT ON COLUMN flow.created IS 'Tickets opened.';
COMMENT ON COLUMN flow.solved IS 'Times a ticket went to resolved or closed from an active status; a ticket counts again after a reopening.';
COMMENT ON COLUMN flow.reopened IS 'Times a solved ticket came back.';
COMMENT ON COLUMN flow.backlog IS 'Tickets neither resolved nor closed at the end of the day (stock).';

CREATE OR REPLACE VIEW ageing WITH (security_invoker = true) AS
SELECT b.bucket, b.position, count(t.task_id) AS tickets, count(t.task_id) FILTER (WHERE t.priority IN ('high', 'urgent')) AS high_priority,
       max(t.age_seconds) AS oldest_seconds
FROM (VALUES (1, 'up to 1 hour', 0, 3600), (2, '1 to 8 hours', 3600, 28800), (3, '8 to 24 hours', 28800, 86400),
             (4, '1 to 5 days', 86400, 432000), (5, '5 to 10 days', 432000, 864000), (6, '10 to 30 days', 864000, 2592000),
             (7, 'over 30 days', 2592000, NULL)) AS b (position, bucket, from_seconds, to_seconds)
LEFT JOIN tickets t ON t.age_seconds >= b.from_seconds AND (b.to_seconds IS NULL OR t.age_seconds < b.to_seconds)
GROUP BY b.bucket, b.position;
COMMENT ON VIEW ageing IS 'Open tickets by age.';
COMMENT ON COLUMN ageing.bucket IS 'Age since opening.';
COMMENT ON COLUMN ageing.position IS 'Order of the buckets.';
COMMENT ON COLUMN ageing.tickets IS 'Tickets neither resolved nor closed.';
COMMENT ON COLUMN ageing.high_priority IS 'Those with priority high or urgent.';
COMMENT ON COLUMN ageing.oldest_seconds IS 'Age of the oldest in seconds.';

CREATE OR REPLACE VIEW agent_load WITH (security_invoker = true) AS
SELECT u.id AS user_id, concat_ws(' ', u.first_name, u.last_name) AS name,
       count(*) FILTER (WHERE t.age_seconds IS NOT NULL) AS open_tickets,
       COALESCE(sum(t.complexity_score) FILTER (WHERE t.age_seconds IS NOT NULL), 0)::bigint AS open_complexity,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.age_seconds) AS median_age_seconds,
       count(t.solved_at) AS solved_tickets, COALESCE(sum(t.reopens), 0)::bigint AS reopens,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS median_resolution_seconds,
       avg(t.full_resolution_seconds)::bigint AS mean_resolution_seconds,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS p90_resolution_seconds
FROM users u LEFT JOIN tickets t ON t.assignee_id = u.id
WHERE u.role <> 'customer' GROUP BY u.id, u.first_name, u.last_name;
COMMENT ON VIEW agent_load IS 'What each person of the desk has on the table and has done, by who is assigned now.';
COMMENT ON COLUMN agent_load.user_id IS 'The person.';
COMMENT ON COLUMN agent_load.name IS 'First and last name.';
COMMENT ON COLUMN agent_load.open_tickets IS 'Assigned tickets neither resolved nor closed.';
COMMENT ON COLUMN agent_load.open_complexity IS 'Sum of their complexity scores, each 0 to 100; 0 where none has one.';
COMMENT ON COLUMN agent_load.median_age_seconds IS 'Median age of them in seconds.';
COMMENT ON COLUMN agent_load.solved_tickets IS 'Assigned tickets that are solved.';
COMMENT ON COLUMN agent_load.reopens IS 'How often her tickets came back.';
COMMENT ON COLUMN agent_load.median_resolution_seconds IS 'Median seconds from opening to the last solution.';
COMMENT ON COLUMN agent_load.mean_resolution_seconds IS 'Mean of them.';
COMMENT ON COLUMN agent_load.p90_resolution_seconds IS 'Seconds that nine tenths of them did not exceed.';

CREATE OR REPLACE VIEW estimates WITH (security_invoker = true) AS
SELECT t.category, count(*) AS tickets, sum(t.estimated_hours) AS estimated_hours, sum(t.actual_hours) AS actual_hours,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY (t.actual_hours - t.estimated_hours)::float8)::numeric, 2) AS median_difference_hours,
       round(avg(abs(t.actual_hours - t.estimated_hours)), 2) AS mean_absolute_difference_hours
FROM tickets t WHERE t.estimated_hours IS NOT NULL AND t.actual_hours IS NOT NULL GROUP BY t.category;
COMMENT ON VIEW estimates IS 'Estimated against actual hours of tickets that have both.';
COMMENT ON COLUMN estimates.category IS 'Category.';
COMMENT ON COLUMN estimates.tickets IS 'Tickets with both figures.';
COMMENT ON COLUMN estimates.estimated_hours IS 'Hours estimated, in all.';
COMMENT ON COLUMN estimates.actual_hours IS 'Hours spent, in all.';
COMMENT ON COLUMN estimates.median_difference_hours IS 'Median of actual less estimated hours: above 0, work takes longer than thought.';
COMMENT ON COLUMN estimates.mean_absolute_difference_hours IS 'Mean of the absolute difference in hours.';

CREATE OR REPLACE VIEW categories WITH (security_invoker = true) AS
SELECT t.category, count(*) AS tickets, round(100.0 * count(*) / sum(count(*)) OVER (), 2) AS percentage,
       count(*) FILTER (WHERE t.age_seconds IS NOT NULL) AS open_tickets,
       count(*) FILTER (WHERE t.priority = 'urgent') AS urgent,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS median_resolution_seconds,
       avg(t.full_resolution_seconds)::bigint AS mean_resolution_seconds,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY t.full_resolution_seconds) AS p90_resolution_seconds
FROM tickets t GROUP BY t.category;
COMMENT ON VIEW categories IS 'Tickets by category.';
COMMENT ON COLUMN categories.category IS 'Category.';
COMMENT ON COLUMN categories.tickets IS 'Tickets.';
COMMENT ON COLUMN categories.percentage IS 'Share of all tickets, 0 to 100.';
COMMENT ON COLUMN categories.open_tickets IS 'Those neither resolved nor closed.';
COMMENT ON COLUMN categories.urgent IS 'Those with priority urgent.';
COMMENT ON COLUMN categories.median_resolution_seconds IS 'Median seconds from opening to the last solution.';
COMMENT ON COLUMN categories.mean_resolution_seconds IS 'Mean of them.';
COMMENT ON COLUMN categories.p90_resolution_seconds IS 'Seconds that nine tenths of them did not exceed.';
GRANT SELECT ON flow, ageing, agent_load, estimates, categories TO ticketflow_report, ticketflow_user;
