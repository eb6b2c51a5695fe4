-- Ticket numbers of a desk: the default series, teams and categories, given numbers, aliases, a second desk, gapless.
\set ECHO none
BEGIN;
SELECT plan(48);
SET search_path = public, ticketflow;
CREATE FUNCTION refusal(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text;
BEGIN
  EXECUTE command;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  RETURN state || ': ' || message;
END $$;
CREATE FUNCTION ticket(title text, number text DEFAULT NULL, category text DEFAULT 'bug', team integer DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  INSERT INTO tasks (title, category, created_by, created_at, ticket_number, assigned_team_id)
  VALUES (title, category, 'u1', '2026-05-05Z', number, team) RETURNING ticket_number;
$$;
INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('u1', 'u1@example.org', 'user', true, true);
INSERT INTO teams (id, name) VALUES (7, 'Network'), (8, 'Desktop');

SELECT is(ticket('first'), 'TKT-2026-0001', 'the default prefix is TKT');
SELECT is(next_ticket_number('TKT', '2026-05-05Z'), 'TKT-2026-0002', 'by hand and by trigger count together');
SELECT is(ticket('empty', ''), 'TKT-2026-0003', 'an empty number counts as none');
INSERT INTO company_settings (ticket_prefix) VALUES ('HELP');
SELECT is(ticket('help'), 'HELP-2026-0001', 'the prefix of company_settings drives the default series');
UPDATE company_settings SET ticket_prefix = 'TKT';
SELECT is(ticket('back'), 'TKT-2026-0004', 'a former prefix goes on where it was');
UPDATE ticket_series SET mask = '{prefix}/{YY}/{###}' WHERE prefix = 'TKT';
UPDATE company_settings SET ticket_prefix = 'NEW';
SELECT is(ticket('new'), 'NEW/26/001', 'a new prefix takes over the shape');
SELECT is(refusal($$UPDATE company_settings SET ticket_prefix = 'A%'$$), '22023: ticket prefix "A%" is not valid', 'a bad prefix is refused');
SELECT is(refusal($$UPDATE company_settings SET ticket_prefix = E'A\n'$$), E'22023: ticket prefix "A\n" is not valid', 'so is a newline');
UPDATE ticket_series SET mask = DEFAULT;
UPDATE company_settings SET ticket_prefix = 'TKT';

-- Teams and categories
INSERT INTO ticket_series (prefix, mask) VALUES ('NET', '{prefix}-{queue}-{YYYY}-{###}'), ('INC', DEFAULT);
SELECT assign_ticket_series('NET', team_id => 7, code => 'LAN'), assign_ticket_series('INC', category => 'incident');
SELECT is(ticket('net', NULL, 'bug', 7), 'NET-LAN-2026-001', 'a team has its series');
SELECT is(ticket('inc', NULL, 'incident'), 'INC-2026-0001', 'a category has its series');
SELECT is(ticket('both', NULL, 'incident', 7), 'NET-LAN-2026-002', 'the team comes first');
SELECT is(ticket('desktop', NULL, 'incident', 8), 'INC-2026-0002', 'a team without a series leaves it to the category');
SELECT is(refusal($$SELECT assign_ticket_series('NOPE', category => 'bug')$$), '42704: there is no ticket series "NOPE"', 'no such series');
SELECT is(refusal($$SELECT assign_ticket_series('INC', category => 'bug', code => 'bü')$$), '22023: code "bü" of a ticket series is not valid', 'a code of other letters');
SELECT is(refusal($$SELECT assign_ticket_series('INC', team_id => 99)$$), '42704: there is no team "99"', 'no such team');
DELETE FROM teams WHERE id = 7;
SELECT is_empty($$SELECT FROM ticket_series_scopes WHERE scope = 'queue'$$, 'an assignment goes with its team');
UPDATE task_categories SET category = 'outage' WHERE category = 'incident';
SELECT is(ticket('outage', NULL, 'outage'), 'INC-2026-0003', 'and follows a category that is renamed');

-- Given numbers
SELECT is(ticket('given', 'TKT-2026-0042'), 'TKT-2026-0042', 'a given number is kept');
SELECT is(ticket('after'), 'TKT-2026-0043', 'and never taken');
SELECT is(ticket('foreign', 'JIRA-2026-0100'), 'JIRA-2026-0100', 'a number of a series that is not here');
UPDATE company_settings SET ticket_prefix = 'JIRA';
SELECT is(ticket('jira'), 'JIRA-2026-0101', 'counts if the series comes');
UPDATE company_settings SET ticket_prefix = 'TKT';
SELECT matches(refusal($$SELECT ticket('twice', 'TKT-2026-0042')$$), '^23505', 'the same number twice');
SELECT is(refusal($$SELECT ticket('case', 'tkt-2026-0042')$$), '23505: ticket number "tkt-2026-0042" reads like "TKT-2026-0042", which another ticket has', 'a number that differs by case');
SELECT matches(refusal($$SELECT ticket('spaces', 'TKT 2026 42')$$), '^23505: ticket number', 'or by separators and zeros');
SELECT is(ticket('odd', 'old/77'), 'old/77', 'a foreign number');
SELECT matches(refusal($$SELECT ticket('odd', 'OLD-77')$$), '^23505: ticket number', 'has one reading too');
CREATE TEMP TABLE copied (LIKE tasks INCLUDING DEFAULTS);
COPY tasks (title, category, created_by, created_at) FROM stdin (DELIMITER '|');
copied 1|bug|u1|2026-05-05Z
copied 2|bug|u1|2026-05-05Z
\.
SELECT results_eq($$SELECT ticket_number::text FROM tasks WHERE title LIKE 'copied%' ORDER BY id$$, ARRAY['TKT-2026-0044', 'TKT-2026-0045'], 'COPY numbers too');

-- Numbers resolve for ever
SELECT is(resolve_ticket_number(n), (SELECT id FROM tasks WHERE title = 'given'), 'resolves ' || n) FROM unnest(ARRAY['TKT-2026-0042', 'tkt 2026 42', '#TKT2026-42']) n;
SELECT is(renumber_ticket((SELECT id FROM tasks WHERE title = 'given')), 'TKT-2026-0046', 'renumbering takes the next number');
SELECT is(resolve_ticket_number('tkt 2026 42'), (SELECT id FROM tasks WHERE title = 'given'), 'the former number resolves');
SELECT is(refusal($$SELECT ticket('thief', 'TKT-2026-0042')$$), '23505: ticket number "TKT-2026-0042" was issued before', 'and is not given again');
SELECT is(renumber_ticket((SELECT id FROM tasks WHERE title = 'given'), 'TKT-2026-0042'), 'TKT-2026-0042', 'but its own ticket may have it back');
SELECT is(resolve_ticket_number('TKT-2026-0046'), (SELECT id FROM tasks WHERE title = 'given'), 'then the other one is the alias');
SELECT merge_ticket_numbers((SELECT id FROM tasks WHERE title = 'first'), (SELECT id FROM tasks WHERE title = 'given'));
SELECT is((SELECT matched_by FROM ticket_number_matches('TKT-2026-0001')), 'merged', 'the number of a merged ticket');
SELECT is(resolve_ticket_number('TKT-2026-0001'), (SELECT id FROM tasks WHERE title = 'given'), 'leads to the other');
SELECT merge_ticket_numbers((SELECT id FROM tasks WHERE title = 'given'), (SELECT id FROM tasks WHERE title = 'after'));
SELECT is(resolve_ticket_number(n), (SELECT id FROM tasks WHERE title = 'after'), n || ' leads on') FROM unnest(ARRAY['TKT-2026-0001', 'TKT-2026-0042', 'TKT-2026-0046']) n;
SELECT matches(refusal($$SELECT merge_ticket_numbers((SELECT id FROM tasks WHERE title = 'after'), (SELECT id FROM tasks WHERE title = 'first'))$$), '^22023', 'not in a circle');
DELETE FROM tasks WHERE title = 'first';
SELECT is(resolve_ticket_number('TKT-2026-0001'), (SELECT id FROM tasks WHERE title = 'after'), 'also when the merged ticket is gone');
DELETE FROM tasks WHERE title = 'back';
SELECT is(resolve_ticket_number('TKT-2026-0004'), NULL, 'the number of a deleted ticket leads nowhere');
SELECT matches(refusal($$SELECT ticket('thief', 'TKT-2026-0004')$$), '^23505', 'and is never given again');

-- A second desk counts for itself
CALL deploy('acme', 'acme_api', 'acme_report');
INSERT INTO acme.users (id, email, role, is_active, is_approved) VALUES ('u1', 'u1@example.org', 'user', true, true);
INSERT INTO acme.tasks (title, category, created_by, created_at) VALUES ('one', 'bug', 'u1', '2026-05-05Z');
SELECT is((SELECT ticket_number::text FROM acme.tasks), 'TKT-2026-0001', 'a second desk counts for itself');
SELECT is(next_ticket_number('TKT', '2026-05-05Z', 'acme'), 'TKT-2026-0002', 'a desk can be named');
SELECT matches(refusal($$SET LOCAL search_path = ''; SELECT ticketflow.next_ticket_number()$$), '^22023: several desks', 'or must be, where the search path has none');
SET search_path = acme, ticketflow, public;
SELECT is(next_ticket_number('TKT', '2026-05-05Z'), 'TKT-2026-0003', 'the search path names one');

SELECT * FROM finish();
ROLLBACK;
