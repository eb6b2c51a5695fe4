-- The numbering functions that HTTP exposes: who may call them and what they answer.
\set ECHO none
BEGIN;
SELECT plan(13);
SET search_path = public, ticketflow;
INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('cust', 'c@example.org', 'customer', true, true),
  ('other', 'o@example.org', 'customer', true, true), ('root', 'r@example.org', 'admin', true, true);
INSERT INTO teams (id, name) VALUES (7, 'Network');
INSERT INTO tasks (id, title, category, created_by, created_at) VALUES (1, 'one', 'bug', 'cust', '2026-05-05'), (2, 'two', 'bug', 'other', '2026-05-05');
CREATE FUNCTION act(person text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.current_user_id', person, true) $$;

SELECT act('cust');
SET LOCAL ROLE ticketflow_customer;
SELECT results_eq($$SELECT * FROM api.find_tasks_by_number('tkt 2026 1')$$, $$VALUES (1, 'TKT-2026-0001', 'number')$$, 'a number in any spelling');
SELECT is_empty($$SELECT * FROM api.find_tasks_by_number('TKT-2026-0002')$$, 'not somebody else''s');
SELECT throws_ok('SELECT api.list_ticket_series()', '42501', NULL, 'series are for administrators');
SELECT throws_ok('SELECT api.renumber_task(1)', '42501', NULL, 'so is renumbering');
SELECT throws_ok($$SELECT ticketflow.next_ticket_number()$$, '42501', NULL, 'drawing by hand needs a grant');
RESET ROLE;
SELECT act('');
SET LOCAL ROLE ticketflow_customer;
SELECT throws_ok($$SELECT * FROM api.find_tasks_by_number('TKT-2026-0001')$$, 'PT401', NULL, 'nobody finds nothing');
RESET ROLE;
SELECT act('root');
SET LOCAL ROLE ticketflow_admin;
SELECT results_eq($$SELECT series FROM api.save_ticket_series('NET', mask => '{prefix}-{YYYY}-{###}', mode => 'gapless')$$, $$VALUES ('NET')$$, 'a series is created');
SELECT lives_ok($$SELECT api.link_ticket_series('NET', team_id => 7, code => 'LAN')$$, 'assigned');
SELECT results_eq($$SELECT prefix, mode, teams, categories, is_default FROM api.list_ticket_series()$$,
  $$VALUES ('TKT', 'fast', '{}'::integer[], '{}'::text[], true), ('NET', 'gapless', '{7}', '{}', false)$$, 'and listed');
SELECT throws_ok($$SELECT api.save_ticket_series('NET', mask => 'x')$$, '22023', NULL, 'a bad mask is refused');
SELECT results_eq($$SELECT * FROM api.renumber_task(1, 'TKT-2026-0100')$$, $$VALUES (1, 'TKT-2026-0100')$$, 'a ticket is renumbered');
SELECT results_eq($$SELECT matched_by FROM api.find_tasks_by_number('TKT-2026-0001')$$, $$VALUES ('renumbered')$$, 'its former number resolves');
SELECT results_eq($$SELECT task_id, sender_ok FROM api.route_mail('tkt-2026-100', '', 'o@example.org')$$, $$VALUES (1, false)$$, 'mail is routed');

SELECT * FROM finish();
ROLLBACK;
