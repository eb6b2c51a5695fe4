-- Knowledge articles, votes and the responses that models propose.
\set ECHO none
BEGIN;
SELECT plan(31);
INSERT INTO users (id, email, role, is_approved) VALUES ('k-admin', 'k1@example.org', 'admin', true), ('k-agent', 'k2@example.org', 'user', true),
  ('k-other', 'k3@example.org', 'user', true), ('k-cust', 'k4@example.org', 'customer', true), ('k-cust2', 'k5@example.org', 'customer', true),
  ('k-manager', 'k6@example.org', 'manager', true);
INSERT INTO tasks (id, title, description, category, created_by, assignee_id, tags) VALUES
  (501, 'Beamer is green', 'Room 12.', 'incident', 'k-cust', 'k-agent', '{beamer}'), (502, 'Open one', 'x', 'bug', 'k-cust', 'k-agent', '{}');
INSERT INTO task_comments (task_id, user_id, content, is_internal) VALUES
  (501, 'k-agent', 'Changed the cable.', false), (501, 'k-agent', 'secret note', true), (501, 'k-cust', 'Thank you', false);
UPDATE tasks SET status = 'resolved' WHERE id = 501;

CREATE FUNCTION become(role text, person text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE ticketflow_%s', role);
  PERFORM set_config('app.current_user_id', person, true);
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;

SELECT become('user', 'k-agent');
SELECT results_eq($$SELECT title, status, source, created_by FROM api.create_article('Green beamer', 'Change the cable.', 'howto', '{beamer}')$$,
  $$VALUES ('Green beamer'::varchar, 'draft'::varchar, 'manual'::varchar, 'k-agent'::varchar)$$, 'an agent writes a draft');
SELECT is((SELECT count(*) FROM api.list_articles()), 1::bigint, 'and sees it');
SELECT throws_ok($$SELECT * FROM api.change_article_status((SELECT id FROM knowledge_articles), 'published')$$, '42501', NULL, 'but does not publish it');
SELECT throws_ok($$SELECT * FROM api.create_article('  ', 'x')$$, '22023', NULL, 'no title is refused');
SELECT results_eq($$SELECT title, tags FROM api.update_article((SELECT id FROM knowledge_articles), title => 'Beamer shows green')$$,
  $$VALUES ('Beamer shows green'::varchar, '{beamer}'::text[])$$, 'a draft of her own can be changed, what is not given stays');
RESET ROLE;
SELECT become('user', 'k-other');
SELECT is((SELECT count(*) FROM api.list_articles()), 0::bigint, 'a colleague does not see the draft');
RESET ROLE;
SELECT become('customer', 'k-cust');
SELECT throws_ok($$SELECT * FROM api.create_article('x', 'y')$$, '42501', NULL, 'customers write none');
SELECT throws_ok($$SELECT * FROM api.view_article(1)$$, 'PT404', NULL, 'and see no draft');
RESET ROLE;

CREATE TEMP TABLE article AS SELECT id FROM knowledge_articles;
GRANT SELECT ON article TO PUBLIC;
SELECT become('manager', 'k-manager');
SELECT is((SELECT status FROM api.change_article_status((SELECT id FROM article), 'published')), 'published', 'a manager publishes');
SELECT throws_ok($$SELECT * FROM api.change_article_status((SELECT id FROM article), 'draft')$$, 'PT409', NULL, 'published does not go back to draft');
SELECT throws_ok($$SELECT * FROM api.change_article_status((SELECT id FROM article), 'nonsense')$$, '22023', NULL, 'an unknown status is refused');
RESET ROLE;
SELECT become('user', 'k-agent');
SELECT throws_ok($$SELECT * FROM api.update_article((SELECT id FROM article), title => 'x')$$, '42501', NULL, 'a published article is the managers''');
RESET ROLE;

SELECT become('customer', 'k-cust');
SELECT is((SELECT view_count FROM api.view_article((SELECT id FROM article))), 1, 'a view counts');
SELECT results_eq($$SELECT helpful_votes, unhelpful_votes, effectiveness_score FROM api.vote_article((SELECT id FROM article), true)$$,
  'VALUES (1, 0, 1.00)', 'a vote counts');
SELECT results_eq($$SELECT helpful_votes, unhelpful_votes FROM api.vote_article((SELECT id FROM article), true)$$, 'VALUES (1, 0)', 'once a person');
SELECT throws_ok($$SELECT * FROM api.vote_article((SELECT id FROM article), NULL)$$, '22023', NULL, 'a vote that says nothing is refused');
RESET ROLE;
SELECT become('customer', 'k-cust2');
SELECT results_eq($$SELECT helpful_votes, unhelpful_votes, effectiveness_score FROM api.vote_article((SELECT id FROM article), false)$$,
  'VALUES (1, 1, 0.50)', 'somebody else disagrees');
SELECT results_eq($$SELECT helpful_votes, unhelpful_votes, effectiveness_score FROM api.vote_article((SELECT id FROM article), true)$$,
  'VALUES (2, 0, 1.00)', 'and changes her mind');
RESET ROLE;

SELECT become('user', 'k-agent');
SELECT results_eq($$SELECT title, content, status, source_task_id FROM api.article_from_task(501)$$,
  $$VALUES ('Solution: Beamer is green'::varchar, E'## Problem\n\nRoom 12.\n\n## Solution\n\nChanged the cable.', 'draft'::varchar, 501)$$,
  'an article is made of a solved ticket without internal notes');
SELECT throws_ok('SELECT * FROM api.article_from_task(501)', 'PT409', NULL, 'once');
SELECT throws_ok('SELECT * FROM api.article_from_task(502)', 'PT409', NULL, 'not of an open one');

SELECT throws_ok($$SELECT * FROM api.record_auto_response(502, 'Try again', 9.5)$$, '22003', NULL, 'confidence is 0 to 1');
SELECT throws_ok($$SELECT * FROM api.record_auto_response(502, ' ', 0.5)$$, '22023', NULL, 'nothing said, nothing stored');
SELECT is((SELECT count(*) FROM api.record_auto_response(502, 'Try again', 0.5, 'model-a', 10, 5)), 1::bigint, 'a response is proposed');
SELECT is((SELECT confidence_score FROM api.record_auto_response(502, 'Turn it off and on', 0.87, 'model-a', 12, 7)), 0.87, 'a better one replaces it');
RESET ROLE;
SELECT become('customer', 'k-cust');
SELECT is((SELECT count(*) FROM ticket_auto_responses), 0::bigint, 'the customer does not see what is only proposed');
RESET ROLE;
SELECT become('user', 'k-agent');
SELECT isnt((SELECT comment_id FROM api.apply_auto_response(502)), NULL, 'it is sent as a comment');
SELECT throws_ok('SELECT * FROM api.apply_auto_response(502)', 'PT409', NULL, 'once');
RESET ROLE;
SELECT become('customer', 'k-cust');
SELECT is((SELECT was_helpful FROM api.rate_auto_response(502, false, 'it was on')), false, 'the customer says whether it helped');
RESET ROLE;
SELECT isnt(roll_up_ai_analytics(), 0::bigint, 'figures are rolled up');
SELECT is(roll_up_ai_analytics(), 0::bigint, 'and rolling up again changes nothing');
SELECT * FROM finish();
ROLLBACK;
