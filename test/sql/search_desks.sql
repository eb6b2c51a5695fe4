-- search on two desks of one database: each reads, keeps and ranks its own.
\set ECHO none
BEGIN;
SELECT plan(5);
CALL ticketflow.deploy('Acme & "Sons"', 'acme_api', 'acme_report');
INSERT INTO public.users (id, email) VALUES ('ann', 'ann@x.test');
INSERT INTO "Acme & ""Sons""".users (id, email) VALUES ('ann', 'ann@x.test');
ALTER TEXT SEARCH CONFIGURATION "Acme & ""Sons""".ticket_language ALTER MAPPING FOR word WITH simple;
INSERT INTO public.tasks (title, category, created_by) VALUES ('Printers jammed', 'bug', 'ann'), ('Paper order', 'bug', 'ann');
INSERT INTO "Acme & ""Sons""".tasks (title, category, created_by) VALUES ('Printers smoke', 'bug', 'ann'), ('Printers smoke again', 'bug', 'ann');
SELECT results_eq('SELECT title FROM api.search_tasks(''printers'')', $$VALUES ('Printers jammed')$$, 'the first desk finds its ticket');
SELECT results_eq('SELECT title FROM acme_api.search_tasks(''printers'') ORDER BY 1', $$VALUES ('Printers smoke'), ('Printers smoke again')$$, 'the other one, whose name needs quoting, its own');
SELECT is((SELECT count(*) FROM api.search_tasks('jam ')), 1::bigint, 'the first desk stems');
SELECT is((SELECT count(*) FROM acme_api.search_tasks('printer ')), 0::bigint, 'the other reads with its own configuration');
SELECT results_eq('SELECT title FROM acme_api.similar_tasks((SELECT min(id) FROM "Acme & ""Sons""".tasks))', $$VALUES ('Printers smoke again')$$, 'similar tickets stay within a desk');
SELECT * FROM finish();
ROLLBACK;
