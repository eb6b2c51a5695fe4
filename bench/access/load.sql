-- 200000 tickets, 600 people of the staff in 60 teams, 5000 customers in 200 organisations; comments on every second ticket.
SELECT setseed(0.5);
INSERT INTO organizations (name, is_shared) SELECT 'Org ' || i, i % 2 = 0 FROM generate_series(1, 200) i;
INSERT INTO users (id, email, role, is_approved, organization_id)
SELECT 'c' || i, 'c' || i || '@bench.test', 'customer', true, i % 200 + 1 FROM generate_series(1, 5000) i;
INSERT INTO users (id, email, role, is_approved)
SELECT 'u' || i, 'u' || i || '@bench.test', CASE WHEN i <= 5 THEN 'admin' WHEN i <= 25 THEN 'manager' ELSE 'user' END, true
  FROM generate_series(1, 600) i;
INSERT INTO teams (name, manager_id) SELECT 'Team ' || i, 'u' || 6 + i % 20 FROM generate_series(1, 60) i;
INSERT INTO team_members (team_id, user_id) SELECT i % 60 + 1, 'u' || i FROM generate_series(26, 600) i;
SET session_replication_role = replica;
INSERT INTO tasks (ticket_number, title, description, category, status, priority, assignee_type, assignee_id, assigned_team_id, created_by,
                   organization_id, created_at)
SELECT 'B-' || i, (ARRAY['printer','mail','login','network','invoice','screen'])[1 + i % 6] || ' problem ' || md5(i::text),
       'It does not work ' || md5((i * 7)::text) || CASE WHEN i % 200 = 0 THEN ' smoke' ELSE '' END,
       'support', (ARRAY['open','in_progress','on_hold','resolved','closed','closed','closed','closed'])[1 + i % 8],
       (ARRAY['low','medium','high','urgent'])[1 + i % 4],
       CASE WHEN i % 3 = 0 THEN 'team' ELSE 'user' END,
       CASE WHEN i % 3 <> 0 THEN 'u' || 26 + (random() * 574)::int END,
       CASE WHEN i % 3 = 0 THEN 1 + (random() * 59)::int END,
       'c' || c, c % 200 + 1, '2024-01-01'::timestamptz + i * interval '5 minutes'
  FROM (SELECT i, 1 + (random() * 4999)::int AS c FROM generate_series(1, 200000) i) s;
INSERT INTO task_comments (task_id, user_id, content, is_internal)
SELECT id, 'u30', 'comment ' || id, id % 4 = 0 FROM tasks WHERE id % 2 = 0;
RESET session_replication_role;
SELECT rebuild_documents() \g /dev/null
VACUUM ANALYZE;
