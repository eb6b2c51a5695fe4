-- What the actors of desk_week.sh do: one call of tick() is one thing that one person does, in her own name and role.
CREATE TABLE outcomes (id bigserial PRIMARY KEY, role text, action text, state text, message text);
GRANT INSERT ON outcomes TO PUBLIC;
GRANT USAGE ON SEQUENCE outcomes_id_seq TO PUBLIC;

-- A ticket: mostly one in sight, sometimes any number.
CREATE FUNCTION some_task() RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN random() < 0.85 THEN (SELECT id FROM tasks ORDER BY random() LIMIT 1) ELSE 1 + (random() * 400)::int END $$;
CREATE FUNCTION some_person(of_role text) RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
  SELECT id FROM users WHERE role = of_role ORDER BY random() LIMIT 1 $$;
CREATE FUNCTION any_of_these(VARIADIC these text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT these[1 + floor(random() * cardinality(these))::int] $$;
CREATE FUNCTION some_ids() RETURNS integer[] LANGUAGE sql VOLATILE AS $$
  SELECT array_agg(id) FROM (SELECT id FROM tasks ORDER BY random() LIMIT 4) t $$;

CREATE FUNCTION action_of(of_role text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  actions text[];
  words constant text[] := '{printer,network,invoice,screen,login,mail,scanner,door}';
BEGIN
  actions := CASE of_role
    WHEN 'customer' THEN ARRAY[
      format('SELECT api.create_task(%L, %L, priority => %L, assigned_team_id => %s)', any_of_these(VARIADIC words) || ' problem ' || random(), 'since ' || any_of_these(VARIADIC words),
        any_of_these('low', 'medium', 'high', 'urgent'), COALESCE((SELECT id::text FROM teams ORDER BY random() LIMIT 1), 'NULL')),
      format('SELECT api.create_task(%L)', any_of_these(VARIADIC words) || ' question'),
      'SELECT api.add_comment(some_task(), any_of_these(''still broken'', ''thank you'', ''when?''))',
      'SELECT api.update_task(some_task(), title => ''better title '' || random())', 'SELECT api.change_status(some_task(), ''open'')',
      'SELECT api.add_comment(some_task(), ''secret'', true)', 'SELECT api.update_task(some_task(), priority => ''urgent'')',
      'SELECT count(*) FROM api.list_tasks()', 'SELECT count(*) FROM api.search_tasks(''printer network'')', 'SELECT count(*) FROM api.task_timeline(some_task())',
      'SELECT api.add_attachment(some_task(), NULL, ''f.txt'', ''text/plain'', 10)']
    WHEN 'user' THEN ARRAY[
      'SELECT api.assign_task(some_task(), assignee_id => acting_person())', 'SELECT api.assign_task(some_task(), assignee_id => acting_person())',
      'SELECT api.change_status(some_task(), any_of_these(''in_progress'', ''on_hold'', ''resolved'', ''closed'', ''open''))',
      'SELECT api.change_status(some_task(), any_of_these(''in_progress'', ''resolved''))',
      'SELECT api.add_comment(some_task(), ''looked at it'', random() < 0.5)', 'SELECT api.add_tags(some_task(), ARRAY[any_of_these(''a'', ''b'', ''c'')])',
      'SELECT api.remove_tags(some_task(), ARRAY[any_of_these(''a'', ''b'', ''c'')])',
      'SELECT api.update_task(t.id, t.version, actual_hours => COALESCE(t.actual_hours, 0) + 0.5) FROM (SELECT t.*, pg_sleep(0.05) FROM (SELECT min(id) AS id FROM tasks) m LEFT JOIN tasks t USING (id)) t',
      'SELECT api.update_task(t.id, t.version, actual_hours => COALESCE(t.actual_hours, 0) + 0.5) FROM (SELECT t.*, pg_sleep(0.05) FROM (SELECT min(id) AS id FROM tasks) m LEFT JOIN tasks t USING (id)) t',
      'SELECT api.update_task(some_task(), version => 1 + (random() * 5)::int, severity => any_of_these(''minor'', ''major''))',
      'SELECT count(*) FROM api.my_tasks(''teams'')', 'SELECT count(*) FROM api.search_tasks(''invoice'')']
    WHEN 'manager' THEN ARRAY[
      'SELECT api.update_task(t.id, t.version, actual_hours => COALESCE(t.actual_hours, 0) + 0.5) FROM (SELECT t.*, pg_sleep(0.05) FROM (SELECT min(id) AS id FROM tasks) m LEFT JOIN tasks t USING (id)) t',
      'SELECT api.assign_task(some_task(), assignee_id => some_person(''user''))', 'SELECT api.assign_task(some_task(), assigned_team_id => (SELECT id FROM teams ORDER BY random() LIMIT 1))',
      'SELECT api.bulk_update(some_ids(), priority => any_of_these(''low'', ''high''))', 'SELECT api.bulk_update(some_ids(), status => any_of_these(''closed'', ''open'', ''in_progress''))',
      'SELECT api.add_team_member((SELECT id FROM teams ORDER BY random() LIMIT 1), some_person(''user''))', 'SELECT api.remove_team_member((SELECT id FROM teams ORDER BY random() LIMIT 1), some_person(''user''))',
      'SELECT api.update_task(some_task(), due_date => now() + interval ''2 days'')', 'SELECT count(*) FROM api.list_tasks(priority => ''urgent'')', 'SELECT sum(tickets) FROM api.task_counts()']
    ELSE ARRAY[
      'SELECT api.delete_task(some_task())', 'SELECT api.deactivate_user(some_person(any_of_these(''user'', ''customer'', ''admin'')))', 'SELECT api.activate_user(id) FROM users WHERE NOT is_active ORDER BY random() LIMIT 2',
      'SELECT api.update_user(some_person(''admin''), role => ''admin'')', 'SELECT api.bulk_update(some_ids(), category => any_of_these(''bug'', ''support''))',
      'SELECT api.assign_task(some_task(), assignee_id => some_person(''user''))', 'SELECT api.create_api_key(''k'')', 'SELECT api.revoke_api_key((SELECT id FROM api_keys WHERE is_active ORDER BY random() LIMIT 1))'] END;
  RETURN actions[1 + floor(random() * cardinality(actions))::int];
END $$;

CREATE FUNCTION tick(of_role text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  action text;
  state text := 'fine';
  message text;
BEGIN
  BEGIN
    PERFORM authenticate(some_person(of_role));
    action := action_of(of_role);
    EXECUTE action;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  END;
  INSERT INTO outcomes (role, action, state, message) VALUES (of_role, left(action, 60), state, message);
END $$;

INSERT INTO organizations (name, is_shared) VALUES ('Shared', true), ('Closed', false);
INSERT INTO users (id, email, role, is_approved, organization_id)
SELECT r.role || i, r.role || i || '@week.test', r.role, true, CASE WHEN r.role = 'customer' AND i < 7 THEN (SELECT min(id) + i % 2 FROM organizations) END
  FROM (VALUES ('customer', 10), ('user', 6), ('manager', 2), ('admin', 3)) r (role, n), generate_series(1, r.n) i;
INSERT INTO teams (name, manager_id) VALUES ('One', 'manager1'), ('Two', 'manager2'), ('Three', NULL);
INSERT INTO team_members (team_id, user_id) SELECT (SELECT min(id) FROM teams) + i % 3, 'user' || i FROM generate_series(1, 6) i;
