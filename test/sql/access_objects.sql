-- Every table, view and function of a desk has a row here that says who reads or calls it: what is new fails until it has one, too.
\set ECHO none
BEGIN;
SELECT plan(11);

-- Of everything that can be seen something is mine, something my team's, something a stranger's.
INSERT INTO organizations (id, name) VALUES (1, 'Mine'), (2, 'Theirs');
INSERT INTO users (id, email, first_name, role, is_approved, organization_id) VALUES ('cid', 'cid@x.test', 'cid', 'customer', true, 1), ('cox', 'cox@x.test', 'cox', 'customer', true, 2),
  ('una', 'una@x.test', 'una', 'user', true, NULL), ('uri', 'uri@x.test', 'uri', 'user', true, NULL), ('mia', 'mia@x.test', 'mia', 'manager', true, NULL), ('ada', 'ada@x.test', 'ada', 'admin', true, NULL);
INSERT INTO departments (name) VALUES ('One'), ('Two');
INSERT INTO teams (id, name, manager_id) VALUES (1, 'One', 'mia'), (2, 'Two', NULL);
INSERT INTO team_members (team_id, user_id) VALUES (1, 'una'), (2, 'uri');
INSERT INTO tasks (id, title, category, created_by, assignee_id, assignee_type, due_date, resolved_at, closed_at, status)
SELECT id, 'a printer', 'bug', made_by, works, 'user', now() - interval '1 hour', CASE WHEN id < 4 THEN now() END, NULL, CASE WHEN id < 4 THEN 'resolved' ELSE 'open' END
  FROM (VALUES (1, 'cid', 'una'), (2, 'cox', 'una'), (3, 'cox', 'uri'), (4, 'cid', 'una'), (5, 'cox', 'una'), (6, 'cox', 'uri')) AS t (id, made_by, works);
INSERT INTO task_comments (task_id, user_id, content, is_internal) SELECT id, 'ada', 'x', i FROM tasks, unnest('{false,true}'::boolean[]) i;
INSERT INTO task_attachments (task_id, filename, original_name, mime_type, file_size, file_path, uploaded_by) SELECT id, 'f', 'f', 'a/b', 1, 'f/' || id, 'ada' FROM tasks;
INSERT INTO task_history_archive SELECT * FROM task_history;
INSERT INTO ticket_auto_responses (task_id, response_text, confidence_score, applied_at) SELECT id, 'r', 0.5, CASE WHEN id < 4 THEN now() END FROM tasks;
INSERT INTO ticket_complexity_scores (task_id, complexity_score) SELECT id, 50 FROM tasks ON CONFLICT (task_id) DO UPDATE SET complexity_score = 50;
INSERT INTO ticket_complexity_history (task_id, complexity_score, escalation_recommended) SELECT id, 50, false FROM tasks;
INSERT INTO knowledge_articles (title, content, category, status, created_by) VALUES ('a', 'a', 'bug', 'published', 'ada'), ('b', 'b', 'bug', 'draft', 'una'), ('c', 'c', 'bug', 'draft', 'ada');
INSERT INTO article_votes (article_id, user_id, is_helpful) SELECT min(a.id), u.id, true FROM knowledge_articles a, users u GROUP BY u.id;
INSERT INTO ai_analytics (date, metric_name, metric_value) VALUES ('2026-01-01', 'x', 1);
INSERT INTO notifications (user_id, title, content, type) SELECT id, 't', 'c', 'system' FROM users;
INSERT INTO notification_preferences (user_id, type, is_enabled) SELECT u.id, t.type, true FROM users u, (SELECT type FROM notification_types LIMIT 1) t;
INSERT INTO user_invitations (email, token, role, expires_at) VALUES ('i@x.test', 'secret', 'user', now() + interval '1 day');
INSERT INTO api_keys (name, service, key_hash, created_by) SELECT 'k', 's', 'hash ' || id, id FROM users;
UPDATE tasks SET estimated_hours = 2, actual_hours = 3;
INSERT INTO login_users (role_name, user_id) VALUES ('pg_monitor', 'una');
INSERT INTO ticket_number_aliases (ticket_number, task_id, reason) SELECT 'OLD-' || id, id, 'given' FROM tasks;
INSERT INTO sessions VALUES ('s', '{}', now());
INSERT INTO company_settings (company_name) VALUES ('Desk') ON CONFLICT DO NOTHING;

-- What the customer cid, una of the staff, the manager mia, the administrator ada, an administrators' role with nobody behind it and the role of reports see of each:
-- all rows, some, none (a right without rows), or no column at all.
CREATE TEMP TABLE actors (n int, who text, with_role name);
INSERT INTO actors VALUES (1, 'cid', 'ticketflow_customer'), (2, 'una', 'ticketflow_user'), (3, 'mia', 'ticketflow_manager'), (4, 'ada', 'ticketflow_admin'), (5, '', 'ticketflow_admin'), (6, '', 'ticketflow_report');
CREATE TEMP TABLE wanted (it text PRIMARY KEY, sees text NOT NULL);
INSERT INTO wanted VALUES
  ('ai_analytics', 'no no all all none all'), ('api_keys', 'some some some all none no'), ('article_documents', 'some some all all none no'),
  ('article_transitions', 'all all all all none no'), ('article_votes', 'some some some some none no'), ('audit_archives', 'no no no none none no'),
  ('audit_consents', 'no no no none none no'), ('audit_contexts', 'no no no all none no'), ('audit_log', 'no no no all none no'), ('audit_months', 'no no no no no no'), ('audit_seal_leaves', 'no no no none none no'),
  ('audit_seals', 'no no no none none no'), ('audit_shapes', 'no no no all none no'), ('audit_trail', 'no no no all none no'),
  ('comment_details', 'some some some all none no'), ('company_settings', 'all all all all none no'), ('complexity_escalations', 'some some some all none all'),
  ('complexity_models', 'no none none none none none'), ('complexity_settings', 'all all all all none all'), ('complexity_training', 'no none none none none no'),
  ('departments', 'all all all all none all'), ('history_trail', 'some some some all none all'), ('import_rejects', 'no no no no no no'),
  ('import_runs', 'no no no no no no'), ('knowledge_articles', 'some some all all none all'), ('login_attempts', 'no no no no no no'),
  ('login_users', 'no no no all none no'), ('maintenance_steps', 'no no no no no no'), ('notification_preferences', 'some some some some none no'),
  ('notification_types', 'all all all all none no'), ('notifications', 'some some some some none no'), ('organizations', 'some all all all none all'),
  ('password_reset_requests', 'no no no no no no'), ('report.ageing', 'no all all all all all'), ('report.agent_load', 'no all all all none all'),
  ('report.ai_performance', 'no all all all none all'), ('report.categories', 'no all all all none all'), ('report.complexity_accuracy', 'no all all all none all'),
  ('report.complexity_distribution', 'no all all all all all'), ('report.complexity_drift', 'no all all all none all'), ('report.dashboard', 'no some some all none all'),
  ('report.estimates', 'no all all all none all'), ('report.first_response', 'no all all all none all'), ('report.flow', 'no all all all none all'),
  ('report.handoffs', 'no all all all none all'), ('report.knowledge', 'no all all all none all'), ('report.reopening', 'no all all all none all'),
  ('report.resolution', 'no all all all none all'), ('report.status_intervals', 'no some some all none all'), ('report.tickets', 'no some some all none all'),
  ('report.time_in_status', 'no all all all none all'), ('sealed_contexts', 'no no no all none no'), ('sealed_tables', 'no no no all all no'),
  ('sessions', 'no no no no no no'), ('status_transitions', 'all all all all all all'), ('task_attachments', 'some some some all none all'),
  ('task_categories', 'all all all all all all'), ('task_comments', 'some some some all none all'), ('task_details', 'some some some all none no'),
  ('task_documents', 'some some some all none no'), ('task_field_rights', 'all all all all all all'), ('task_history', 'some some some all none all'),
  ('task_history_archive', 'some some some all none all'), ('task_numbers', 'some some some all none no'), ('task_priorities', 'all all all all all all'),
  ('task_severities', 'all all all all all all'), ('task_sources', 'no no no no no no'), ('task_staff_documents', 'no some some all none no'),
  ('task_statuses', 'all all all all all all'), ('tasks', 'some some some all none all'), ('team_members', 'no all all all none all'),
  ('teams', 'all all all all none all'), ('ticket_auto_responses', 'some some some all none all'), ('ticket_complexity_history', 'some some some all none all'),
  ('ticket_complexity_scores', 'some some some all none all'), ('ticket_counters', 'no no no all none no'), ('ticket_number_aliases', 'some some some all none all'),
  ('ticket_reply_tokens', 'no no no no no no'), ('ticket_series', 'no all all all none no'), ('ticket_series_scopes', 'no none none none none no'),
  ('ticketflow_desk', 'no no no no no no'), ('ticketflow_migrations', 'no no no no no no'), ('user_details', 'no all all all none no'),
  ('user_invitations', 'no no no all none no'), ('user_roles', 'all all all all all all'), ('user_sources', 'no no no no no no'), ('users', 'some all all all none all'),
  ('visible_tasks', 'no no no no no no');
CREATE TEMP VIEW relations AS SELECT c.oid::regclass::text AS it, c.relispartition FROM pg_class c WHERE c.relnamespace::regnamespace::text IN ('public', 'api', 'report')
   AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
CREATE FUNCTION pg_temp.look(it text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE a record; total bigint; seen bigint; readable text; sees text[] := '{}';
BEGIN
  EXECUTE format('SELECT count(*) FROM %s', it) INTO total;
  FOR a IN SELECT * FROM pg_temp.actors ORDER BY n LOOP
    readable := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = it::regclass AND attnum > 0 AND NOT attisdropped AND has_column_privilege(a.with_role, attrelid, attname, 'SELECT'));
    IF readable IS NULL THEN sees := sees || 'no'::text; CONTINUE; END IF;
    PERFORM set_config('app.current_user_id', a.who, true), set_config('role', a.with_role, true);
    EXECUTE format('SELECT count(*) FROM (SELECT %s FROM %s) q', readable, it) INTO seen;
    PERFORM set_config('role', 'none', true);
    sees := sees || CASE seen WHEN 0 THEN 'none' WHEN total THEN 'all' ELSE 'some' END;
  END LOOP;
  RETURN array_to_string(sees, ' ');
END $$;
CREATE TEMP VIEW unlisted AS
  SELECT it FROM pg_temp.relations WHERE NOT relispartition EXCEPT SELECT it FROM pg_temp.wanted;
SELECT is_empty('SELECT * FROM unlisted', 'each table and view has a row');
SELECT is_empty('SELECT it FROM wanted EXCEPT SELECT it FROM relations', 'and each row a table or view');
SELECT is_empty('SELECT it, sees AS wanted, pg_temp.look(it) AS seen FROM wanted WHERE pg_temp.look(it) <> sees', 'each shows to everybody what its row says');
CREATE TEMP VIEW open_partitions AS SELECT it FROM pg_temp.relations WHERE relispartition AND pg_temp.look(it) <> 'no no no no no no';
SELECT is_empty('SELECT * FROM open_partitions', 'partitions are read through their parents only');

-- The lowest role that may call each function; of triggers, the owner's tables decide.
CREATE TEMP TABLE callers (schema text, role text, names text);
INSERT INTO callers VALUES
  ('api', 'ticketflow_admin',
    'activate_user approve_user cancel_invitation create_department create_organization create_team deactivate_user delete_comment delete_task get_settings
     invite_user link_ticket_series list_invitations list_ticket_series renumber_task route_mail save_ticket_series set_complexity_threshold set_secret
     train_complexity_model update_organization update_settings update_team update_user'),
  ('api', 'ticketflow_anon',
    'accept_invitation branding login register request_password_reset reset_password'),
  ('api', 'ticketflow_customer',
    'add_attachment add_comment assignable_users change_password change_status create_api_key create_task delete_attachment edit_comment escalations
     explain_complexity find_tasks_by_number get_auto_response get_task get_task_by_number list_api_keys list_articles list_attachments list_comments
     list_departments list_notifications list_organizations list_tags list_tasks mark_all_notifications_read mark_notification_read me my_tasks
     notification_settings rate_auto_response revoke_api_key score_task search_articles search_tasks set_notification similar_tasks suggest_duplicates
     task_counts task_timeline update_me update_task view_article vote_article'),
  ('api', 'ticketflow_manager',
    'add_team_member change_article_status remove_team_member'),
  ('api', 'ticketflow_user',
    'add_tags apply_auto_response article_from_task assign_task bulk_update create_article list_team_members list_teams list_users override_complexity
     record_auto_response remove_tags update_article'),
  ('public', 'owner',
    'all_grants all_objects alter_column_type apply_admin_policy apply_policy assign_ticket_series audit_archive audit_month audit_partitions bind_login
     change_assignment change_fields check_assignable check_assignment check_manager check_status_change check_words claim_login_attempt complexity_details
     complexity_lines deploy_again desk_settings_key encrypt_company_secret end_sessions grant_report_columns history_archive history_is_partitioned history_month import_address
     import_apply import_batch import_check import_check_options import_close import_create_people import_fields import_lock import_make_tables import_open
     import_refusals import_resolve import_tasks import_value import_write maintain merge_ticket_numbers new_reset_token notify_due_soon notify_people
     overridden_factors override_task_complexity partition_by_month partition_history password_matches people_who_see person_may_write rebuild_documents
     record_step refresh_article_documents refresh_commented_tasks refresh_complexity refresh_task_documents refresh_task_numbers renumber_ticket
     require_article require_other_person require_owner require_service require_session require_task require_team rescore_complexity
     rescore_complexity_batch roll_up_ai_analytics schedule_maintenance set_connection_limit summarize_changes take_over_columns'),
  ('public', 'public',
    'acting_person acting_rank acting_role acting_user calling_role check_article check_comment check_description check_email check_file check_hours
     check_name check_password check_picture check_title check_version clean_tags complexity_level complexity_sentence context_id find_acting_person
     find_acting_rank find_acting_role find_may_report find_shared_organization find_visible_assignees find_visible_teams hash_password hash_token
     history_digest hours_between is_assignable is_import is_visible_assignee is_visible_team may_report new_permute_key new_token newest_seal prove_change
     reads_internal_comments require_person require_role row_bytes seal_changes seal_digest sealable_rows search_check search_numbers search_page
     search_snippet shared_organization similar_documents task_holders task_visible ticket_number_key to_tsvector verify_changes visible_assignees
     visible_teams'),
  ('public', 'ticketflow_customer',
    'report_time_zone resolve_ticket_number task_sla_risk ticket_number_matches'),
  ('public', 'ticketflow_service',
    'authenticate authenticate_anonymous authenticate_api_key company_secret find_identity find_identity_of_key route_reply take_password_resets
     ticket_reply_token'),
  ('public', 'ticketflow_user',
    'complexity_history similar_hours');
CREATE TEMP VIEW functions AS SELECT n.nspname::text AS schema, p.proname::text AS name, COALESCE((SELECT r.role FROM unnest('{public,ticketflow_anon,ticketflow_customer,ticketflow_user,ticketflow_manager,ticketflow_admin,ticketflow_service,ticketflow_report}'::text[])
    WITH ORDINALITY r (role, n) WHERE has_function_privilege(r.role, p.oid, 'EXECUTE') ORDER BY r.n LIMIT 1), 'owner') AS role
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'api', 'report') AND p.prorettype <> 'trigger'::regtype
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
CREATE TEMP VIEW calls AS SELECT c.schema, name, c.role FROM callers c, regexp_split_to_table(c.names, '\s+') name;
SELECT is_empty('SELECT * FROM functions EXCEPT SELECT * FROM calls', 'each function has a row that says who may call it');
SELECT is_empty('SELECT * FROM calls EXCEPT SELECT * FROM functions', 'and each row a function');

-- What is new is noticed.
SAVEPOINT as_it_was;
CREATE TABLE fresh (id int);
CREATE VIEW report.fresh AS SELECT 1 AS one;
CREATE FUNCTION api.fresh() RETURNS int LANGUAGE sql RETURN 1;
SELECT set_eq('SELECT * FROM unlisted', '{fresh,report.fresh}'::text[], 'a new table and a new view are missed');
SELECT set_eq('SELECT * FROM functions EXCEPT SELECT * FROM calls', $$VALUES ('api', 'fresh', 'public')$$, 'a new function, too');
ROLLBACK TO as_it_was;

-- History by month is seen as before.
CALL partition_history();
SELECT cmp_ok((SELECT count(*) FROM relations WHERE relispartition AND it LIKE 'task_history%'), '>', 2::bigint, 'history by month');
SELECT is_empty('SELECT * FROM unlisted UNION ALL SELECT * FROM open_partitions', 'its months are closed');
SELECT is_empty('SELECT it, sees AS wanted, pg_temp.look(it) AS seen FROM wanted WHERE it ~ ''history'' AND pg_temp.look(it) <> sees', 'and shows to everybody what it did');

SELECT * FROM finish();
ROLLBACK;
