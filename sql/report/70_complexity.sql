-- report: what complexity says, whether it holds, and whether it drifts.

CREATE OR REPLACE VIEW complexity_distribution WITH (security_invoker = true) AS
SELECT l.level, l.lowest_score, count(t.complexity_score) AS tickets,
       count(t.complexity_score) FILTER (WHERE t.age_seconds IS NOT NULL) AS open_tickets,
       count(*) FILTER (WHERE t.escalation_recommended AND t.age_seconds IS NOT NULL) AS open_escalations
FROM (VALUES ('very low', 0), ('low', 20), ('medium', 40), ('high', 60), ('very high', 80)) l (level, lowest_score)
LEFT JOIN tickets t ON t.complexity_score BETWEEN l.lowest_score AND l.lowest_score + CASE l.lowest_score WHEN 80 THEN 20 ELSE 19 END
GROUP BY l.level, l.lowest_score;
COMMENT ON VIEW complexity_distribution IS 'How many tickets there are of each level of complexity; five rows.';
COMMENT ON COLUMN complexity_distribution.level IS 'very low, low, medium, high, very high.';
COMMENT ON COLUMN complexity_distribution.lowest_score IS 'Where the level begins: 0, 20, 40, 60, 80; sort by it.';
COMMENT ON COLUMN complexity_distribution.tickets IS 'Tickets whose score is in it.';
COMMENT ON COLUMN complexity_distribution.open_tickets IS 'Those that are not solved.';
COMMENT ON COLUMN complexity_distribution.open_escalations IS 'Those of them that a person should look at.';

CREATE OR REPLACE VIEW complexity_accuracy WITH (security_invoker = true) AS
SELECT complexity_level(t.complexity_score) AS level, min(t.complexity_score) AS lowest_score, count(*) AS solved_tickets,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.actual_hours)::numeric(12,2) AS median_actual_hours,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY t.full_resolution_seconds))::bigint AS median_resolution_seconds,
       round(100.0 * count(*) FILTER (WHERE t.reopens > 0) / count(*), 1) AS reopened_percent,
       round(avg(t.person_handoffs + t.team_handoffs), 2) AS mean_handoffs,
       round(100.0 * count(*) FILTER (WHERE t.is_overdue) / NULLIF(count(t.due_date), 0), 1) AS overdue_percent
FROM tickets t WHERE t.solved_at IS NOT NULL AND t.complexity_score IS NOT NULL
GROUP BY complexity_level(t.complexity_score);
COMMENT ON VIEW complexity_accuracy IS 'Back-test: what became of solved tickets of each level. Where scores mean something, the figures rise with the level.';
COMMENT ON COLUMN complexity_accuracy.level IS 'Level of the present score.';
COMMENT ON COLUMN complexity_accuracy.lowest_score IS 'The lowest score in it; sort by it.';
COMMENT ON COLUMN complexity_accuracy.solved_tickets IS 'Solved tickets with a score.';
COMMENT ON COLUMN complexity_accuracy.median_actual_hours IS 'Median of the hours of work, where they are known.';
COMMENT ON COLUMN complexity_accuracy.median_resolution_seconds IS 'Median seconds from creation to solution.';
COMMENT ON COLUMN complexity_accuracy.reopened_percent IS 'Share that was reopened, 0 to 100.';
COMMENT ON COLUMN complexity_accuracy.mean_handoffs IS 'Mean number of handoffs between people and teams.';
COMMENT ON COLUMN complexity_accuracy.overdue_percent IS 'Share of those with a due date that missed it, 0 to 100; null where none has one.';

CREATE OR REPLACE VIEW complexity_drift WITH (security_invoker = true) AS
SELECT date_trunc('month', t.created_on)::date AS month, count(*) AS tickets, round(avg(t.complexity_score), 1) AS mean_score,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY t.complexity_score) AS median_score,
       round(100.0 * count(*) FILTER (WHERE t.complexity_score >= 80) / count(*), 1) AS very_high_percent
FROM tickets t WHERE t.complexity_score IS NOT NULL GROUP BY 1;
COMMENT ON VIEW complexity_drift IS
  'Scores by month of creation. A score is a rank among the tickets that the model learned from, so means far from 50 say that '
  'tickets have changed: time to train again.';
COMMENT ON COLUMN complexity_drift.month IS 'First day of the month, in report_time_zone().';
COMMENT ON COLUMN complexity_drift.tickets IS 'Tickets created in it that have a score.';
COMMENT ON COLUMN complexity_drift.mean_score IS 'Mean score.';
COMMENT ON COLUMN complexity_drift.median_score IS 'Median score.';
COMMENT ON COLUMN complexity_drift.very_high_percent IS 'Share that scores 80 or more, 0 to 100; 20 is expected.';
GRANT SELECT ON complexity_distribution, complexity_accuracy, complexity_drift TO ticketflow_report, ticketflow_user;
