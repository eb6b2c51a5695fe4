-- sample desk: six tickets a scenario, spread over the last half year. No random(): every load gives the same desk.

CREATE FUNCTION pg_temp.pick(seed text, choices text[]) RETURNS text IMMUTABLE LANGUAGE sql
RETURN choices[1 + ('x' || left(md5(seed), 7))::bit(28)::int % array_length(choices, 1)];

CREATE FUNCTION pg_temp.fill(template text, seed text) RETURNS text IMMUTABLE LANGUAGE sql
RETURN replace(replace(replace(replace(replace(replace(replace(template,
  '{site}', pg_temp.pick('site' || seed, '{Hall A,Hall B,the harbour office,the cold store,the main office,the depot Nord}')),
  '{printer}', pg_temp.pick('printer' || seed, '{LP-204,LP-311,PR-12,PR-27,PR-31}')),
  '{laptop}', pg_temp.pick('laptop' || seed, '{NB-0178,NB-0422,NB-0519,NB-0733}')),
  '{scanner}', pg_temp.pick('scanner' || seed, '{HS-17,HS-42,HS-88}')),
  '{forklift}', pg_temp.pick('forklift' || seed, '{FL-1,FL-3,FL-4}')),
  '{person}', pg_temp.pick('person' || seed, '{Ida Nygaard,Samir Aziz,Kristin Falk,Lars Ohlin,Mei Tan,Anton Krag}')),
  '{number}', (11 + ('x' || left(md5('number' || seed), 6))::bit(24)::int % 88)::text);

CREATE TEMP TABLE sample_ticket AS
SELECT s.*, round, format('%s.%s', s.id, round) AS seed,
       pg_temp.pick(format('by%s.%s', s.id, round), '{c-nils,c-yasmin,c-oskar,c-maren,c-david,c-elin,c-jonas,c-petra,c-hugh,c-wendy,c-stina}') AS author,
       now() - make_interval(hours => 6 + ('x' || left(md5(format('at%s.%s', s.id, round)), 6))::bit(24)::int % (180 * 24)) AS opened_at
FROM scenario s CROSS JOIN generate_series(1, 6) AS round;

INSERT INTO tasks (title, description, category, priority, severity, tags, created_by, assignee_type, assigned_team_id,
                   estimated_hours, created_at, updated_at)
SELECT pg_temp.fill(s.title, s.seed), pg_temp.fill(s.description, s.seed), s.category, s.priority, s.severity, s.tags, s.author,
       'team', t.id, s.hours, s.opened_at, s.opened_at
FROM sample_ticket s JOIN teams t ON t.name = s.team
ORDER BY s.opened_at;

ALTER TABLE sample_ticket ADD COLUMN task_id int;
UPDATE sample_ticket s SET task_id = t.id FROM tasks t
WHERE t.created_at = s.opened_at AND t.created_by = s.author AND t.title = pg_temp.fill(s.title, s.seed);

INSERT INTO task_comments (task_id, user_id, content, created_at)
SELECT task_id, author, pg_temp.fill(reply, seed), opened_at + interval '50 minutes' FROM sample_ticket
WHERE reply IS NOT NULL AND round <> 6 ORDER BY opened_at;
INSERT INTO task_comments (task_id, user_id, content, is_internal, created_at)
SELECT s.task_id, m.user_id, pg_temp.fill(s.note, s.seed), true, s.opened_at + interval '70 minutes'
FROM sample_ticket s JOIN teams t ON t.name = s.team JOIN team_members m ON m.team_id = t.id AND m.role = 'admin'
WHERE s.note IS NOT NULL AND s.round IN (1, 2, 4) ORDER BY s.opened_at;

-- Most old tickets are done, some wait, the newest are open; people work on them one step after another.
CREATE TEMP TABLE sample_work AS
SELECT s.*, m.user_id AS agent,
       CASE WHEN s.round = 6 THEN 'open' WHEN s.round = 5 THEN pg_temp.pick('state' || s.seed, '{in_progress,on_hold,open}')
            WHEN s.opened_at > now() - interval '4 days' THEN 'in_progress'
            ELSE pg_temp.pick('state' || s.seed, '{resolved,closed,closed}') END AS state
FROM sample_ticket s JOIN teams t ON t.name = s.team
JOIN LATERAL (SELECT user_id FROM team_members WHERE team_id = t.id ORDER BY md5(user_id || s.seed) LIMIT 1) m ON true;

UPDATE tasks t SET status = 'in_progress', assignee_type = 'user', assignee_id = w.agent, assigned_team_id = NULL, last_updated_by = w.agent
FROM sample_work w WHERE t.id = w.task_id AND w.state <> 'open';
UPDATE tasks t SET status = 'on_hold', last_updated_by = w.agent FROM sample_work w WHERE t.id = w.task_id AND w.state = 'on_hold';
INSERT INTO task_comments (task_id, user_id, content, created_at)
SELECT task_id, agent, pg_temp.fill(answer, seed), opened_at + make_interval(mins => (hours * 60 * 3)::int + 90)
FROM sample_work WHERE state IN ('resolved', 'closed') ORDER BY opened_at;
UPDATE tasks t SET status = 'resolved', last_updated_by = w.agent,
  resolved_at = w.opened_at + make_interval(mins => (w.hours * 60 * 3)::int + 95),
  actual_hours = round(w.hours * (0.6 + ('x' || left(md5('h' || w.seed), 4))::bit(16)::int % 100 / 100.0), 2)
FROM sample_work w WHERE t.id = w.task_id AND w.state IN ('resolved', 'closed');
UPDATE tasks t SET status = 'closed', closed_at = t.resolved_at + interval '2 days'
FROM sample_work w WHERE t.id = w.task_id AND w.state = 'closed';
