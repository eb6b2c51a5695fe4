-- report: whether proposed responses and knowledge articles help.

CREATE OR REPLACE VIEW ai_performance WITH (security_invoker = true) AS
SELECT (r.created_at AT TIME ZONE report_time_zone())::date AS created_on, r.model_used AS model, count(*) AS responses,
       count(r.applied_at) AS applied, count(r.was_helpful) AS rated, count(*) FILTER (WHERE r.was_helpful) AS helpful,
       round(count(*) FILTER (WHERE r.was_helpful)::numeric / NULLIF(count(r.was_helpful), 0), 4) AS helpful_rate,
       round(avg(r.confidence_score), 4) AS mean_confidence,
       round(avg(r.confidence_score) FILTER (WHERE r.was_helpful), 4) AS mean_confidence_helpful,
       round(avg(r.confidence_score) FILTER (WHERE NOT r.was_helpful), 4) AS mean_confidence_unhelpful,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.applied_at - r.created_at)::bigint) AS median_seconds_to_apply,
       sum(r.prompt_tokens)::bigint AS prompt_tokens, sum(r.completion_tokens)::bigint AS completion_tokens
FROM ticket_auto_responses r GROUP BY 1, 2;
COMMENT ON VIEW ai_performance IS 'Responses that models proposed, by the day of the proposal and model: used, helpful, sure of themselves, and at what cost.';
COMMENT ON COLUMN ai_performance.created_on IS 'Day of the proposal, in report_time_zone().';
COMMENT ON COLUMN ai_performance.model IS 'The model; null where it was not recorded.';
COMMENT ON COLUMN ai_performance.responses IS 'Responses proposed.';
COMMENT ON COLUMN ai_performance.applied IS 'Those that somebody sent.';
COMMENT ON COLUMN ai_performance.rated IS 'Those that somebody called helpful or not.';
COMMENT ON COLUMN ai_performance.helpful IS 'Those called helpful.';
COMMENT ON COLUMN ai_performance.helpful_rate IS 'helpful / rated, 0 to 1; null where none was rated.';
COMMENT ON COLUMN ai_performance.mean_confidence IS 'Mean confidence of all, 0 to 1.';
COMMENT ON COLUMN ai_performance.mean_confidence_helpful IS 'Mean confidence of the helpful ones; well above the next column where confidence means something.';
COMMENT ON COLUMN ai_performance.mean_confidence_unhelpful IS 'Mean confidence of those called not helpful.';
COMMENT ON COLUMN ai_performance.median_seconds_to_apply IS 'Median seconds from proposal to sending.';
COMMENT ON COLUMN ai_performance.prompt_tokens IS 'Tokens read, where recorded.';
COMMENT ON COLUMN ai_performance.completion_tokens IS 'Tokens written, where recorded.';

CREATE OR REPLACE VIEW knowledge WITH (security_invoker = true) AS
SELECT a.category, count(*) AS articles, count(*) FILTER (WHERE a.status = 'published') AS published,
       count(*) FILTER (WHERE a.status = 'draft') AS drafts, count(*) FILTER (WHERE a.status = 'archived') AS archived,
       count(a.source_task_id) AS from_tickets, count(*) FILTER (WHERE a.source = 'ai_generated') AS ai_generated,
       sum(a.view_count)::bigint AS views, sum(a.helpful_votes)::bigint AS helpful_votes, sum(a.unhelpful_votes)::bigint AS unhelpful_votes,
       round(sum(a.helpful_votes)::numeric / NULLIF(sum(a.helpful_votes + a.unhelpful_votes), 0), 4) AS helpful_rate,
       count(*) FILTER (WHERE a.status = 'published' AND a.view_count = 0) AS never_read
FROM knowledge_articles a GROUP BY a.category;
COMMENT ON VIEW knowledge IS 'Knowledge articles by category: how many, read how often, and whether they help.';
COMMENT ON COLUMN knowledge.category IS 'Category of the articles; null where they have none.';
COMMENT ON COLUMN knowledge.articles IS 'Articles.';
COMMENT ON COLUMN knowledge.published IS 'Those that everybody may read.';
COMMENT ON COLUMN knowledge.drafts IS 'Those that are being written.';
COMMENT ON COLUMN knowledge.archived IS 'Those that were withdrawn.';
COMMENT ON COLUMN knowledge.from_tickets IS 'Those made from a ticket.';
COMMENT ON COLUMN knowledge.ai_generated IS 'Those that a model wrote.';
COMMENT ON COLUMN knowledge.views IS 'How often they were opened.';
COMMENT ON COLUMN knowledge.helpful_votes IS 'People who found one helpful.';
COMMENT ON COLUMN knowledge.unhelpful_votes IS 'People who did not.';
COMMENT ON COLUMN knowledge.helpful_rate IS 'helpful_votes / all votes, 0 to 1; null where nobody voted.';
COMMENT ON COLUMN knowledge.never_read IS 'Published articles that nobody opened.';
GRANT SELECT ON ai_performance, knowledge TO ticketflow_report, ticketflow_user;
