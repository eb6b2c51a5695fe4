-- The queries, the people, and how each is timed.
CREATE FUNCTION run_time(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
  ignored bigint;
BEGIN
  EXECUTE query INTO ignored;
  RETURN 1000 * extract(epoch FROM clock_timestamp() - started);
END
$$;
-- One after the other and round again, so that what else the machine does hits both alike.
CREATE PROCEDURE compare(who text, by_hand text, by_policy text, runs integer, name text) LANGUAGE plpgsql AS $$
DECLARE
  one numeric;
  hand numeric[];
  policy numeric[];
BEGIN
  FOR i IN 0..runs LOOP
    one := run_time(by_hand);
    hand := hand || one;
    PERFORM authenticate(who);
    one := run_time(by_policy);
    policy := policy || one;
    PERFORM set_config('role', 'none', true), set_config('app.current_user_id', '', true);
  END LOOP;
  INSERT INTO timings
  SELECT who, name, percentile_cont(0.5) WITHIN GROUP (ORDER BY h), percentile_cont(0.5) WITHIN GROUP (ORDER BY p)
    FROM unnest(hand[2:], policy[2:]) AS t (h, p);
END
$$;
CREATE TABLE people (person text PRIMARY KEY, rule text);
INSERT INTO people
SELECT u.id, CASE u.role
    WHEN 'admin' THEN 'true'
    WHEN 'customer' THEN format('(t.created_by = %L OR t.organization_id = %s)', u.id, u.organization_id)
    ELSE format('(t.created_by = %1$L OR t.assignee_type = ''user'' AND t.assignee_id = ANY (%2$L::text[]) '
                'OR t.assignee_type = ''team'' AND t.assigned_team_id = ANY (%3$L::integer[]))', u.id,
      (SELECT array_agg(DISTINCT x) FROM (
         SELECT u.id AS x
         UNION SELECT b.user_id FROM team_members a JOIN team_members b USING (team_id) WHERE a.user_id = u.id AND u.role = 'user'
         UNION SELECT b.user_id FROM teams t JOIN team_members b ON b.team_id = t.id WHERE t.manager_id = u.id AND u.role = 'manager') x),
      (SELECT array_agg(x) FROM (
         SELECT a.team_id AS x FROM team_members a WHERE a.user_id = u.id AND u.role = 'user'
         UNION SELECT t.id FROM teams t WHERE t.manager_id = u.id AND u.role = 'manager') x)) END
  FROM users u WHERE u.id IN ('c77', 'u77', 'u7', 'u1');
CREATE TABLE queries (query text PRIMARY KEY, body text);
INSERT INTO queries VALUES
  ('count all', 'SELECT count(*) FROM tasks t WHERE %s'),
  ('count open', 'SELECT count(*) FROM tasks t WHERE t.status = ''open'' AND %s'),
  ('count by status', 'SELECT sum(n) FROM (SELECT count(*) AS n FROM tasks t WHERE %s GROUP BY t.status) x'),
  ('newest 50 open', 'SELECT count(*) FROM (SELECT t.*, u.first_name FROM tasks t LEFT JOIN users u ON t.assignee_id = u.id '
     'WHERE t.status = ''open'' AND %s ORDER BY t.created_at DESC LIMIT 50) x'),
  ('oldest 50 urgent', 'SELECT count(*) FROM (SELECT t.* FROM tasks t WHERE t.priority = ''urgent'' AND %s ORDER BY t.created_at LIMIT 50) x'),
  ('comments of visible', 'SELECT count(*) FROM task_comments c JOIN tasks t ON t.id = c.task_id WHERE %s'),
  ('ranked search', 'SELECT count(*) FROM (SELECT t.id FROM task_documents d JOIN tasks t ON t.id = d.task_id '
     'WHERE %s ORDER BY d.document <@> plainto_tsquery(''english'', ''smoke'') LIMIT 20) x'),
  ('matching search', 'SELECT count(*) FROM task_documents d JOIN tasks t ON t.id = d.task_id '
     'WHERE matches(d.document, plainto_tsquery(''english'', ''smoke'')) AND %s'),
  ('guide search', 'SELECT count(*) FROM (SELECT t.id FROM tasks t WHERE to_tsvector(''english'', t.title || '' '' || COALESCE(t.description, '''')) '
     '@@ plainto_tsquery(''english'', ''smoke'') AND %s ORDER BY t.created_at DESC LIMIT 50) x');
CREATE TABLE timings (person text, query text, hand numeric, policy numeric);
GRANT ALL ON people, queries, timings TO PUBLIC;

CREATE TABLE plans (n serial, person text, query text, line text);
GRANT ALL ON plans, plans_n_seq TO PUBLIC;
CREATE PROCEDURE show_plan(who text, query text, by_policy text) LANGUAGE plpgsql AS $$
DECLARE
  one text;
  lines text[];
BEGIN
  PERFORM authenticate(who);
  FOR one IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || by_policy LOOP
    lines := lines || one;
  END LOOP;
  PERFORM set_config('role', 'none', true), set_config('app.current_user_id', '', true);
  INSERT INTO plans (person, query, line) SELECT who, show_plan.query, unnest(lines);
END
$$;
