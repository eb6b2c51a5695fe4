-- The functions that every server calls, over a table of 10,000 tickets with row level security.
DO $$ BEGIN
  IF to_regrole('bench_agent') IS NULL THEN CREATE ROLE bench_agent NOLOGIN; END IF;
  IF to_regrole('bench_web') IS NULL THEN CREATE ROLE bench_web LOGIN NOINHERIT; END IF;
END $$;
GRANT bench_agent TO bench_web;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ticketflow;
CREATE SCHEMA api;
SET search_path = public, ticketflow;
GRANT USAGE ON SCHEMA api TO bench_agent, bench_web;
CREATE TABLE api.tasks (
  id serial PRIMARY KEY, ticket_number text NOT NULL, title text NOT NULL, description text, status text NOT NULL DEFAULT 'open',
  priority text NOT NULL DEFAULT 'medium', created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  document tsvector GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || coalesce(description, ''))) STORED);
INSERT INTO api.tasks (ticket_number, title, description, created_by)
  SELECT 'TKT-2026-' || lpad(i::text, 4, '0'), 'Printer ' || i || ' on floor ' || i % 7,
    'The queue is stuck since the update of driver ' || i % 97 || '; restarting did not help.', 'user' || i % 5 FROM generate_series(1, 10000) i;
CREATE INDEX ON api.tasks USING ticketflow (document);
COMMENT ON TABLE api.tasks IS '@behavior -insert -update -delete'; -- PostGraphile makes a mutation createTask of its own otherwise
ALTER TABLE api.tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON api.tasks TO bench_agent USING (created_by = current_setting('app.current_user_id', true) OR status = 'open')
  WITH CHECK (created_by = current_setting('app.current_user_id', true));
GRANT SELECT, INSERT ON api.tasks TO bench_agent;
GRANT USAGE ON SEQUENCE api.tasks_id_seq TO bench_agent;
-- In plpgsql, as a desk's own get_task() and create_task() are: their plans are kept from call to call.
CREATE FUNCTION api.get_task(task_id int) RETURNS api.tasks LANGUAGE plpgsql STABLE AS $$
DECLARE found_task api.tasks;
BEGIN
  SELECT t.* INTO found_task FROM api.tasks t WHERE t.id = task_id;
  RETURN found_task;
END $$;
CREATE FUNCTION api.create_task(title text, description text) RETURNS api.tasks LANGUAGE plpgsql VOLATILE AS $$
DECLARE made api.tasks;
BEGIN
  INSERT INTO api.tasks (ticket_number, title, description, created_by)
    VALUES ('TKT-NEW', create_task.title, create_task.description, current_setting('app.current_user_id')) RETURNING * INTO made;
  RETURN made;
END $$;
-- The same as get_task in SQL, which up to PostgreSQL 17 is parsed and planned anew in every call, whoever makes it.
CREATE FUNCTION api.get_task_sql(task_id int) RETURNS api.tasks LANGUAGE sql STABLE AS 'SELECT t FROM api.tasks t WHERE t.id = task_id';
CREATE FUNCTION api.search_tasks(query text) RETURNS SETOF api.tasks LANGUAGE sql STABLE
BEGIN ATOMIC -- bound now: the search path of a request does not hold the operator
  SELECT * FROM api.tasks t ORDER BY t.document <@> plainto_tsquery('english', query) LIMIT 10;
END;
CREATE FUNCTION api.list_tasks() RETURNS TABLE (id int, ticket_number text, title text, status text, created_at timestamptz)
  LANGUAGE sql STABLE AS 'SELECT t.id, t.ticket_number, t.title, t.status, t.created_at FROM api.tasks t ORDER BY t.id LIMIT 200';
ANALYZE api.tasks;
