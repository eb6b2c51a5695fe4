-- audit: the history of tickets whole, for reports and timelines, wherever retention keeps its older part.

CREATE OR REPLACE VIEW history_trail WITH (security_invoker = true) AS
SELECT h.id, h.task_id, h.user_id, h.field, h.old_value, h.new_value, h.change_type, h.created_at, h.transaction_id FROM task_history h
UNION ALL
SELECT a.id, a.task_id, a.user_id, a.field, a.old_value, a.new_value, a.change_type, a.created_at, a.transaction_id FROM task_history_archive a;
COMMENT ON VIEW history_trail IS 'task_history together with what retention moved to task_history_archive: what reports and timelines read.';
GRANT SELECT ON history_trail TO ticketflow_customer, ticketflow_report;
