-- knowledge: articles, and the responses that a model proposes.

CREATE OR REPLACE FUNCTION create_article(title text, content text, category text DEFAULT NULL, tags text[] DEFAULT '{}',
  source text DEFAULT 'manual') RETURNS SETOF knowledge_articles
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_role('user');
BEGIN
  IF create_article.source NOT IN ('manual', 'ai_generated') OR create_article.source IS NULL THEN
    RAISE EXCEPTION 'there is no source "%"', create_article.source USING ERRCODE = 'invalid_parameter_value', HINT = 'Use manual or ai_generated.';
  END IF;
  PERFORM check_article(create_article.content, create_article.category);
  RETURN QUERY INSERT INTO knowledge_articles AS a (title, content, category, tags, source, created_by)
  VALUES (check_title(create_article.title), create_article.content, create_article.category, clean_tags(create_article.tags),
          create_article.source, person) RETURNING a.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION create_article(text, text, text, text[], text) IS
  'Writes a draft. source: manual or ai_generated. Errors: PT401; 42501 customers; 22023 no title, no content, a category over 100 characters, source.';
REVOKE ALL ON FUNCTION create_article(text, text, text, text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_article(text, text, text, text[], text) TO ticketflow_user;

CREATE OR REPLACE FUNCTION update_article(id integer, title text DEFAULT NULL, content text DEFAULT NULL, category text DEFAULT NULL,
  tags text[] DEFAULT NULL) RETURNS SETOF knowledge_articles
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_article(update_article.id, true), check_article(COALESCE(update_article.content, '-'), update_article.category);
  RETURN QUERY UPDATE knowledge_articles a
     SET title = CASE WHEN update_article.title IS NULL THEN a.title ELSE check_title(update_article.title) END, content = COALESCE(update_article.content, a.content),
         category = COALESCE(update_article.category, a.category), tags = CASE WHEN update_article.tags IS NULL THEN a.tags ELSE clean_tags(update_article.tags) END, updated_at = now()
   WHERE a.id = update_article.id RETURNING a.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_article(integer, text, text, text, text[]) IS
  'Changes what is given; null leaves as it is. People of the desk change drafts of their own, managers every article. Errors: PT401; PT404; 42501 neither; 22023 title not of 1 to 255 characters, no content, a category over 100 characters.';
REVOKE ALL ON FUNCTION update_article(integer, text, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_article(integer, text, text, text, text[]) TO ticketflow_user;

CREATE OR REPLACE FUNCTION change_article_status(id integer, status text) RETURNS SETOF knowledge_articles
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('manager');
  PERFORM require_article(change_article_status.id, true);
  IF change_article_status.status NOT IN ('draft', 'published', 'archived') OR change_article_status.status IS NULL THEN
    RAISE EXCEPTION 'article status "%" is not known', change_article_status.status
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use draft, published or archived.';
  END IF;
  RETURN QUERY UPDATE knowledge_articles a SET status = change_article_status.status, updated_at = now()
   WHERE a.id = change_article_status.id RETURNING a.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION change_article_status(integer, text) IS
  'Publishes a draft, archives an article, or takes it back to draft; for managers. Errors: PT401; PT404; 42501 a lower role; 22023 no such status; PT409 not from that status.';
REVOKE ALL ON FUNCTION change_article_status(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_article_status(integer, text) TO ticketflow_manager;

-- A text body, so that the rows have the columns that the desk's owner adds to the table.
CREATE OR REPLACE FUNCTION list_articles(status text DEFAULT NULL, category text DEFAULT NULL, before_id integer DEFAULT NULL,
  page_size integer DEFAULT 50) RETURNS SETOF knowledge_articles
LANGUAGE sql STABLE
AS $$
  SELECT a.* FROM knowledge_articles a
   WHERE (list_articles.status IS NULL OR a.status = list_articles.status)
     AND (list_articles.category IS NULL OR a.category = list_articles.category)
     AND (list_articles.before_id IS NULL OR a.id < list_articles.before_id)
   ORDER BY a.id DESC LIMIT LEAST(GREATEST(COALESCE(list_articles.page_size, 50), 0), 500);
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION list_articles(text, text, integer, integer) IS
  'Articles that the caller may see, newest first; of a status and a category where given. Next page: the last id as before_id. page_size 0 to 500, default 50; what is beyond counts as the nearest. No row for nobody.';
REVOKE ALL ON FUNCTION list_articles(text, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_articles(text, text, integer, integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION view_article(id integer) RETURNS SETOF knowledge_articles
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_article(view_article.id, false);
  RETURN QUERY UPDATE knowledge_articles a SET view_count = a.view_count + 1 WHERE a.id = view_article.id RETURNING a.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION view_article(integer) IS 'The article, for a reader: counts the view. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION view_article(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION view_article(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION vote_article(id integer, is_helpful boolean)
RETURNS TABLE (article_id integer, helpful_votes integer, unhelpful_votes integer, effectiveness_score numeric)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  article knowledge_articles := require_article(vote_article.id, false);
BEGIN
  IF vote_article.is_helpful IS NULL THEN
    RAISE EXCEPTION 'a vote needs is_helpful' USING ERRCODE = 'invalid_parameter_value', HINT = 'Send true or false.';
  ELSIF article.status <> 'published' THEN
    RAISE EXCEPTION 'article % is not published', article.id USING ERRCODE = 'PT409', HINT = 'Only published articles take votes.';
  END IF;
  INSERT INTO article_votes AS v (article_id, user_id, is_helpful) VALUES (article.id, acting_person(), vote_article.is_helpful)
  ON CONFLICT ON CONSTRAINT article_votes_pkey DO UPDATE SET is_helpful = EXCLUDED.is_helpful, created_at = now();
  RETURN QUERY SELECT a.id, a.helpful_votes, a.unhelpful_votes, a.effectiveness_score FROM knowledge_articles a WHERE a.id = article.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION vote_article(integer, boolean) IS
  'Says whether a published article helped; one vote a person, the last counts. effectiveness_score: share of helpful votes, 0 to 1. Errors: PT401; PT404; 22023 is_helpful is null; PT409 not published.';
REVOKE ALL ON FUNCTION vote_article(integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vote_article(integer, boolean) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION article_from_task(task_id integer) RETURNS SETOF knowledge_articles
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  person text := require_role('user');
  task tasks := require_task(article_from_task.task_id, false);
  answers text;
BEGIN
  IF (SELECT s.stage FROM task_statuses s WHERE s.status = task.status) NOT IN ('resolved', 'closed') THEN
    RAISE EXCEPTION 'ticket % is not solved yet', task.ticket_number USING ERRCODE = 'PT409', HINT = 'Resolve it first.';
  END IF;
  SELECT string_agg(c.content, E'\n\n' ORDER BY c.id) INTO answers FROM (
    SELECT c.id, c.content FROM task_comments c JOIN users u ON u.id = c.user_id
     WHERE c.task_id = task.id AND NOT c.is_internal AND u.role <> 'customer' ORDER BY c.id DESC LIMIT 3) c;
  RETURN QUERY INSERT INTO knowledge_articles AS a (title, content, category, tags, source_task_id, created_by)
  VALUES (left('Solution: ' || task.title, 255), concat_ws(E'\n\n', '## Problem', task.description, '## Solution', answers),
          task.category, task.tags, task.id, person)
  ON CONFLICT DO NOTHING RETURNING a.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket % has an article already', task.ticket_number
      USING ERRCODE = 'PT409', HINT = format('It is article %s.', (SELECT a.id FROM knowledge_articles a WHERE a.source_task_id = task.id));
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION article_from_task(integer) IS
  'A draft made of a solved ticket: its description and the last three public answers of the desk. Internal notes stay out. '
  'Errors: PT401; PT404; 42501 customers; PT409 not solved, or it has an article already.';
REVOKE ALL ON FUNCTION article_from_task(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION article_from_task(integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION record_auto_response(task_id integer, response_text text, confidence_score numeric, model_used text DEFAULT NULL,
  prompt_tokens integer DEFAULT NULL, completion_tokens integer DEFAULT NULL) RETURNS SETOF ticket_auto_responses
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(record_auto_response.task_id, false);
BEGIN
  PERFORM require_role('user');
  IF record_auto_response.confidence_score IS NULL OR record_auto_response.confidence_score NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'confidence_score % is outside 0 to 1', record_auto_response.confidence_score
      USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A model''s percentage is to be divided by 100.';
  ELSIF btrim(COALESCE(record_auto_response.response_text, '')) = '' THEN
    RAISE EXCEPTION 'a response needs a text' USING ERRCODE = 'invalid_parameter_value', HINT = 'Record nothing where the model said nothing.';
  END IF;
  RETURN QUERY INSERT INTO ticket_auto_responses AS r (task_id, response_text, confidence_score, model_used, prompt_tokens, completion_tokens)
  VALUES (task.id, record_auto_response.response_text, record_auto_response.confidence_score, record_auto_response.model_used,
          record_auto_response.prompt_tokens, record_auto_response.completion_tokens)
  ON CONFLICT ON CONSTRAINT ticket_auto_responses_task_id_key DO UPDATE SET response_text = EXCLUDED.response_text,
    confidence_score = EXCLUDED.confidence_score, model_used = EXCLUDED.model_used, prompt_tokens = EXCLUDED.prompt_tokens,
    completion_tokens = EXCLUDED.completion_tokens, was_helpful = NULL, feedback_reason = NULL, created_at = now()
  WHERE r.applied_at IS NULL
  RETURNING r.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the response to ticket % was sent already', task.ticket_number
      USING ERRCODE = 'PT409', HINT = 'What was sent stays on record; answer with a comment.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION record_auto_response(integer, text, numeric, text, integer, integer) IS
  'Stores what a model proposes as answer to a ticket; one a ticket, replaced until it is sent. confidence_score 0 to 1, tokens are counts. '
  'Errors: PT401; PT404; 42501 customers; 22003 confidence; 22023 no text; PT409 sent already.';
REVOKE ALL ON FUNCTION record_auto_response(integer, text, numeric, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_auto_response(integer, text, numeric, text, integer, integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION get_auto_response(task_id integer) RETURNS SETOF ticket_auto_responses
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM FROM get_task(get_auto_response.task_id);
  RETURN QUERY SELECT r.* FROM ticket_auto_responses r WHERE r.task_id = get_auto_response.task_id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION get_auto_response(integer) IS
  'The response that a model proposed for a visible ticket, sent or not; customers see one that was sent. No row where there is none. Errors: PT401; PT404.';
REVOKE ALL ON FUNCTION get_auto_response(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION get_auto_response(integer) TO ticketflow_customer;

CREATE OR REPLACE FUNCTION apply_auto_response(task_id integer) RETURNS SETOF ticket_auto_responses
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(apply_auto_response.task_id, false);
  person text := require_role('user');
  response ticket_auto_responses;
  new_comment integer;
BEGIN
  -- Whoever gets this row first sends it; a second caller waits here and then finds it sent.
  UPDATE ticket_auto_responses r SET applied_at = now(), applied_by = person
   WHERE r.task_id = task.id AND r.applied_at IS NULL RETURNING r.* INTO response;
  IF response.id IS NULL THEN
    IF EXISTS (SELECT FROM ticket_auto_responses r WHERE r.task_id = task.id) THEN
      RAISE EXCEPTION 'the response to ticket % was sent already', task.ticket_number USING ERRCODE = 'PT409', HINT = 'It is sent once.';
    END IF;
    RAISE EXCEPTION 'ticket % has no proposed response', task.ticket_number USING ERRCODE = 'PT404', HINT = 'Record one with record_auto_response().';
  END IF;
  INSERT INTO task_comments AS c (task_id, user_id, content)
  VALUES (task.id, person, format(E'Automatic response (confidence %s %%)\n\n%s', round(response.confidence_score * 100), response.response_text))
  RETURNING c.id INTO new_comment;
  RETURN QUERY UPDATE ticket_auto_responses r SET comment_id = new_comment WHERE r.id = response.id RETURNING r.*;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION apply_auto_response(integer) IS
  'Sends the proposed response as a public comment, exactly once however many ask at the same time. Errors: PT401; PT404 no ticket or no response; 42501; PT409 sent already.';
REVOKE ALL ON FUNCTION apply_auto_response(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION apply_auto_response(integer) TO ticketflow_user;

CREATE OR REPLACE FUNCTION rate_auto_response(task_id integer, was_helpful boolean, feedback_reason text DEFAULT NULL) RETURNS SETOF ticket_auto_responses
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  task tasks := require_task(rate_auto_response.task_id, false);
BEGIN
  RETURN QUERY UPDATE ticket_auto_responses r SET was_helpful = rate_auto_response.was_helpful, feedback_reason = rate_auto_response.feedback_reason
   WHERE r.task_id = task.id AND r.applied_at IS NOT NULL RETURNING r.*;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket % got no automatic response', task.ticket_number USING ERRCODE = 'PT404', HINT = 'Only a response that was sent can be rated.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION rate_auto_response(integer, boolean, text) IS
  'Says whether the automatic response to a visible ticket helped, and why. Errors: PT401; PT404 no ticket, or no response was sent.';
REVOKE ALL ON FUNCTION rate_auto_response(integer, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rate_auto_response(integer, boolean, text) TO ticketflow_customer;
