-- complexity: the score, its factors, and the rows that triggers keep current.
\set ECHO none
BEGIN;
SET LOCAL search_path = public, ticketflow;
SELECT plan(38);

CREATE TEMP TABLE tried AS
SELECT n, title, description, c.* FROM (VALUES
  (1, 'Fix typo in README', 'There is a typo.'),
  (2, 'Refactor the scheduler architecture to support distributed nodes', 'This needs a design for leader election, a migration of existing data and tests for all platforms.'),
  (3, 'Printer jam', NULL), (4, 'Ошибка при запуске сервера', 'Сервер не отвечает'), (5, '打印机坏了', '无法打印'),
  (6, '<b>&amp;</b>', '{code}Exception in thread "main"' || E'\n\tat com.foo.Bar(Bar.java:10)' || '{code}')) v (n, title, description),
  LATERAL complexity_score(title, description) c;

SELECT is(count(*) FILTER (WHERE score BETWEEN 0 AND 100), 6::bigint, 'a score is 0 to 100') FROM tried;
SELECT ok((SELECT score FROM tried WHERE n = 1) < 20, 'a typo is little work');
SELECT ok((SELECT score FROM tried WHERE n = 2) > 80, 'an architecture is much work');
SELECT is((SELECT sum((f ->> 'points')::numeric) FROM jsonb_array_elements(factors) f), score::numeric, 'points add up to the score of ' || n) FROM tried;
SELECT ok((SELECT bool_and(f ?& ARRAY['name', 'value', 'weight', 'points']) FROM tried, jsonb_array_elements(factors) f), 'each factor has name, value, weight and points');
SELECT is((SELECT count(*) FROM complexity_score(NULL, NULL) c WHERE c.score IS NULL AND c.factors IS NULL AND c.escalation_recommended IS NULL), 1::bigint, 'nothing said: no score');
SELECT is((complexity_score('', '...', 'bug', 'urgent', 'critical')).score, NULL, 'nor from what is only assumed');
SELECT is((complexity_score('Printer jam', NULL)).score, (complexity_score('Printer jam', '')).score, 'no description and an empty one are the same');
SELECT is((complexity_score('PRINTER jam', NULL)).score, (complexity_score('printer JAM', NULL)).score, 'case does not matter');
SELECT ok((complexity_score('x', repeat('ticket ' || chr(233) || chr(8364) || ' ', 1000000))).score IS NOT NULL, '12 MB of text have a score');
SELECT ok((complexity_score('printer ' || repeat('z', 1000000), repeat('"\', 1000000))).score IS NOT NULL, 'rubbish too');

-- The same answer for ever, in every session and on every major: pinned to the bit.
SELECT is(md5(string_agg(score || factors::text, '' ORDER BY n)), '7a29cc9d1ba4563b3f10687be44878c3', 'scores and factors are those of this model, to the bit') FROM tried;

CREATE TEMP TABLE many AS
SELECT i AS n, (SELECT string_agg(w[1 + (i * 7 + k * k * 13 + i * k) % cardinality(w)], ' ') FROM generate_series(1, 2 + i % 7) k) AS title,
       (SELECT string_agg(w[1 + (i * 11 + k * k * 5 + i * i * k) % cardinality(w)], CASE k % 5 WHEN 0 THEN E'\n' ELSE ' ' END) FROM generate_series(1, i % 40) k) AS description,
       (ARRAY['low', 'medium', 'high', 'urgent'])[1 + i % 4] AS priority, (ARRAY['minor', 'normal', 'major', 'critical'])[1 + i * 5 / 3 % 4] AS severity
  FROM generate_series(1, 300) i, string_to_array('printer network database cluster migrate reset ошибка сервер 打印机 urgent ORA-00600 VPN db01.example.org 2.4.1 '
    'refactor support timeout user cannot login crash NullPointerException please how why? - [x] {code} https://example.org/a é ünïcode', ' ') w;
SELECT is(md5(string_agg(score || factors::text, '' ORDER BY n)), '4781bc1efbaed9df7592f6eeb221cc6a', 'and so are those of 300 more') FROM many, complexity_score(title, description, 'bug', priority, severity, jsonb_build_object('comments', n % 5));

-- Raising priority or severity never lowers a score, nor takes an advice back.
SELECT is(count(*), 0::bigint, 'raising priority never lowers the score')
  FROM tried, LATERAL (SELECT array_agg((complexity_score(title, description, 'bug', p, 'normal')).score ORDER BY r) AS s
    FROM (VALUES (1, 'low'), (2, 'medium'), (3, 'high'), (4, 'urgent')) p (r, p)) x
 WHERE s <> ARRAY(SELECT unnest(s) ORDER BY 1);
SELECT is(count(*), 0::bigint, 'nor does raising severity')
  FROM tried, LATERAL (SELECT array_agg((complexity_score(title, description, 'bug', 'low', p)).score ORDER BY r) AS s
    FROM (VALUES (1, 'minor'), (2, 'normal'), (3, 'major'), (4, 'critical')) p (r, p)) x
 WHERE s <> ARRAY(SELECT unnest(s) ORDER BY 1);
SELECT is(complexity_escalation(69), false, 'below the threshold nobody is called');
SELECT is(complexity_escalation(70), true, 'from the threshold on somebody is');
SELECT is(complexity_escalation(45, 'urgent', 'critical'), true, 'urgency lowers the threshold');
SELECT is(complexity_escalation(45, 'urgent', 'critical', 0, 90), false, 'which the desk sets');
SELECT is(complexity_escalation(55, sla_risk => 1), true, 'a missed promise lowers it too');
SELECT is(complexity_escalation(NULL), NULL, 'no score, no advice');
SELECT throws_ok($$SELECT complexity_score('a', 'b', threshold => 101)$$, '22023', NULL, 'a threshold is a score');
SELECT throws_ok($$SELECT complexity_score('a', 'b', details => '[1]')$$, '22023', NULL, 'details are an object');
SELECT throws_ok($$SELECT complexity_score('a', 'b', details => '{"a": {}}')$$, '22023', NULL, 'of plain values');
SELECT throws_ok($$SELECT complexity_score('a', 'b', details => '{"sla_risk": "x"}')$$, '22023', 'sla_risk must be a number', 'and a risk is a number');
SELECT throws_ok($$SELECT complexity_score('a', 'b', model => 'rubbish')$$, 'XX001', NULL, 'rubbish is no model');

-- On a desk
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@desk.test', 'admin', true), ('cee', 'cee@desk.test', 'customer', true);
INSERT INTO tasks (title, description, category, created_by) SELECT title, description, 'bug', 'ada' FROM tried ORDER BY n;
SELECT is((SELECT array_agg(s.complexity_score ORDER BY task_id) FROM ticket_complexity_scores s),
  (SELECT array_agg((complexity_score(title, description, 'bug', 'medium', 'normal')).score ORDER BY n) FROM tried), 'new tickets have their score');
CREATE TEMP VIEW first AS SELECT * FROM ticket_complexity_scores WHERE task_id = (SELECT min(id) FROM tasks);
CREATE TEMP TABLE before AS SELECT * FROM first;
UPDATE tasks SET tags = '{a}' WHERE id = (SELECT min(id) FROM tasks);
SELECT results_eq('SELECT * FROM first', 'SELECT * FROM before', 'what does not matter changes nothing');
UPDATE tasks SET title = 'Refactor the distributed scheduler', description = NULL WHERE id = (SELECT min(id) FROM tasks);
SELECT ok((SELECT complexity_score FROM first) > (SELECT complexity_score FROM before), 'a new title is scored');
UPDATE tasks SET title = '...' WHERE id = (SELECT min(id) FROM tasks);
SELECT is((SELECT count(*) FROM first), 0::bigint, 'where nothing can be said any more, the score goes');
UPDATE tasks SET title = 'Printer' WHERE id = (SELECT min(id) FROM tasks);
INSERT INTO task_comments (task_id, user_id, content) SELECT min(id), 'ada', 'And?' FROM tasks;
SELECT ok((SELECT factors @> '[{"name": "comments", "value": 1}]' FROM first), 'a comment counts');
SELECT is((SELECT array_agg(model) FROM (SELECT DISTINCT model FROM ticket_complexity_history) m), '{shipped}', 'every score is kept with its model');

SELECT authenticate('cee');
SELECT is((SELECT count(*) FROM ticket_complexity_scores), 0::bigint, 'who does not see a ticket does not see its score');

SELECT * FROM finish();
ROLLBACK;
