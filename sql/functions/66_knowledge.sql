-- knowledge: what keeps the counts of articles right.

CREATE OR REPLACE FUNCTION count_article_votes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  article integer := COALESCE(NEW.article_id, OLD.article_id);
BEGIN
  -- The row lock of this update makes voters queue; the sums are taken under it, so none is lost.
  PERFORM FROM knowledge_articles a WHERE a.id = article FOR NO KEY UPDATE;
  UPDATE knowledge_articles a
     SET helpful_votes = v.helpful, unhelpful_votes = v.unhelpful,
         effectiveness_score = round(v.helpful::numeric / NULLIF(v.helpful + v.unhelpful, 0), 2)
    FROM (SELECT count(*) FILTER (WHERE is_helpful) AS helpful, count(*) FILTER (WHERE NOT is_helpful) AS unhelpful
            FROM article_votes WHERE article_id = article) v
   WHERE a.id = article;
  RETURN NULL;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION count_article_votes() IS 'Trigger: votes and effectiveness (helpful / all, 0 to 1, null without votes) of an article.';
CREATE OR REPLACE TRIGGER count_article_votes AFTER INSERT OR UPDATE OR DELETE ON article_votes
  FOR EACH ROW EXECUTE FUNCTION count_article_votes();

CREATE OR REPLACE FUNCTION check_article_status() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM article_transitions t WHERE t.from_status = OLD.status AND t.to_status = NEW.status) THEN
    RAISE EXCEPTION 'article % cannot go from % to %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'PT409', HINT = 'The table article_transitions lists what may follow.';
  END IF;
  RETURN NEW;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_article_status() IS 'Trigger: an article goes from draft to published to archived, and back to draft (PT409).';
CREATE OR REPLACE TRIGGER check_article_status BEFORE UPDATE OF status ON knowledge_articles
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_article_status();

CREATE OR REPLACE FUNCTION check_article(content text, category text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF content IS NULL OR btrim(content) = '' OR char_length(category) > 100 THEN
    RAISE EXCEPTION 'an article has a content, and a category of at most 100 characters'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Write what helps; leave the category out if there is none.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_article(text, text) IS 'Refuses an article without content, or with a category over 100 characters (22023).';

CREATE OR REPLACE FUNCTION require_article(article_id integer, for_change boolean) RETURNS knowledge_articles
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  article knowledge_articles;
  person text := require_person();
  rank integer := acting_rank();
BEGIN
  SELECT a.* INTO article FROM knowledge_articles a WHERE a.id = article_id FOR NO KEY UPDATE;
  IF article.id IS NULL OR NOT (article.status = 'published' OR rank >= 3 OR rank = 2 AND article.created_by = person) THEN
    RAISE EXCEPTION 'article % does not exist', article_id
      USING ERRCODE = 'PT404', HINT = 'It may be a draft, or archived.';
  END IF;
  IF for_change AND NOT (rank >= 3 OR rank = 2 AND article.created_by = person AND article.status = 'draft') THEN
    RAISE EXCEPTION 'permission denied for article %', article_id
      USING ERRCODE = 'insufficient_privilege', HINT = 'People of the desk change drafts of their own; managers change every article.';
  END IF;
  RETURN article;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION require_article(integer, boolean) IS
  'The article, locked, if the acting person sees it (or may change it). Errors: PT401; PT404; 42501.';
REVOKE ALL ON FUNCTION require_article(integer, boolean) FROM PUBLIC;

DO $$
BEGIN
  PERFORM apply_policy('article_votes', 'own', 'ticketflow_customer', 'user_id = (SELECT acting_person())'),
          apply_policy('article_transitions', 'all', 'ticketflow_customer', '(SELECT acting_rank() >= 1)');
END
$$;
GRANT SELECT ON article_votes, article_transitions TO ticketflow_customer;

CREATE OR REPLACE FUNCTION roll_up_ai_analytics(from_day date DEFAULT NULL, to_day date DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  first_day date := COALESCE(from_day, (now() AT TIME ZONE 'UTC')::date - 1);
  last_day date := COALESCE(to_day, (now() AT TIME ZONE 'UTC')::date);
  written bigint;
BEGIN
  IF first_day > last_day THEN
    RAISE EXCEPTION 'the first day % is after the last day %', first_day, last_day USING ERRCODE = 'invalid_parameter_value', HINT = 'Swap the two.';
  END IF;
  WITH day AS (
    SELECT d::date AS date, d AT TIME ZONE 'UTC' AS begins, (d + interval '1 day') AT TIME ZONE 'UTC' AS ends
    FROM generate_series(first_day::timestamp, last_day::timestamp, interval '1 day') d
  ), figure AS (
    SELECT d.date, f.metric_name, f.metric_value FROM day d CROSS JOIN LATERAL (
      SELECT m.* FROM (
        SELECT count(*) AS total, count(*) FILTER (WHERE r.was_helpful) AS helpful, avg(r.confidence_score) AS confidence,
               sum(r.prompt_tokens + r.completion_tokens) AS tokens
          FROM ticket_auto_responses r WHERE r.created_at >= d.begins AND r.created_at < d.ends) r
      CROSS JOIN LATERAL (
        SELECT count(*) AS sent FROM ticket_auto_responses a WHERE a.applied_at >= d.begins AND a.applied_at < d.ends) a
      CROSS JOIN LATERAL (
        SELECT count(DISTINCT t.id) AS solved FROM ticket_auto_responses x JOIN tasks t ON t.id = x.task_id
         WHERE GREATEST(t.resolved_at, t.closed_at) >= x.applied_at
           AND GREATEST(t.resolved_at, t.closed_at) >= d.begins AND GREATEST(t.resolved_at, t.closed_at) < d.ends) s
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE k.created_at >= d.begins) AS created, count(*) AS total,
               count(*) FILTER (WHERE k.status = 'published') AS published, sum(k.view_count) AS usage,
               avg(k.effectiveness_score) FILTER (WHERE k.effectiveness_score > 0) AS effectiveness
          FROM knowledge_articles k WHERE k.created_at < d.ends) k
      CROSS JOIN LATERAL (VALUES
        ('auto_responses_total', r.total::numeric), ('auto_responses_sent', a.sent), ('auto_responses_helpful', r.helpful),
        ('avg_confidence', r.confidence), ('ai_requests', r.total), ('ai_tokens', COALESCE(r.tokens, 0)),
        ('tickets_resolved_by_ai', s.solved), ('articles_created', k.created), ('avg_effectiveness', k.effectiveness),
        ('kb_total', k.total), ('kb_published', k.published), ('kb_usage', COALESCE(k.usage, 0))) AS m (metric_name, metric_value)
      UNION ALL
      SELECT 'complexity_' || b.name, count(c.id) FROM (VALUES ('very_low', 0, 20), ('low', 20, 40), ('medium', 40, 60), ('high', 60, 80),
             ('very_high', 80, 101)) AS b (name, low, high)
        LEFT JOIN ticket_complexity_scores c ON c.complexity_score >= b.low AND c.complexity_score < b.high
             AND c.created_at >= d.begins AND c.created_at < d.ends
       GROUP BY b.name) f
    WHERE f.metric_value IS NOT NULL
  )
  INSERT INTO ai_analytics AS old (date, metric_name, metric_value)
  SELECT date, metric_name, metric_value FROM figure
  ON CONFLICT (date, metric_name) DO UPDATE SET metric_value = EXCLUDED.metric_value
  WHERE old.metric_value IS DISTINCT FROM EXCLUDED.metric_value;
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION roll_up_ai_analytics(date, date) IS
  'Computes the figures of ai_analytics for days in UTC (default yesterday and today) and returns how many changed; running it '
  'again changes nothing. A figure that cannot be computed (a mean of nothing) has no row. Error: 22023 days in the wrong order.';
REVOKE ALL ON FUNCTION roll_up_ai_analytics(date, date) FROM PUBLIC;
