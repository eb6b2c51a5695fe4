-- maintain: the guide's regular maintenance as one call.

CREATE OR REPLACE FUNCTION record_step(step text, started timestamptz, affected bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO maintenance_steps AS m (step, last_run_at, rows, seconds)
  VALUES (record_step.step, now(), affected, extract(epoch FROM clock_timestamp() - started))
  ON CONFLICT ON CONSTRAINT maintenance_steps_pkey
  DO UPDATE SET last_run_at = EXCLUDED.last_run_at, rows = EXCLUDED.rows, seconds = EXCLUDED.seconds;
  RAISE NOTICE 'maintain: %: %', step, COALESCE(affected::text || ' rows', 'done');
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION record_step(text, timestamptz, bigint) IS 'Private to maintain(): notes and reports a step.';
REVOKE ALL ON FUNCTION record_step(text, timestamptz, bigint) FROM PUBLIC;

CREATE OR REPLACE PROCEDURE maintain(keep_history interval DEFAULT '1 year')
LANGUAGE plpgsql
AS $$
DECLARE
  started timestamptz;
  affected bigint;
  index_name regclass;
BEGIN
  IF keep_history < interval '1 day' THEN
    RAISE EXCEPTION 'history is kept for a day at least, not %', keep_history
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The guide keeps one year.';
  END IF;
  -- One at a time; a second caller finds the work under way and leaves.
  IF NOT pg_try_advisory_xact_lock('maintenance_steps'::regclass::oid::int, 0) THEN
    RAISE NOTICE 'maintain: another run is under way; nothing to do';
    RETURN;
  END IF;

  started := clock_timestamp();
  DELETE FROM sessions WHERE expire < now();
  GET DIAGNOSTICS affected = ROW_COUNT;
  PERFORM record_step('sessions', started, affected);

  started := clock_timestamp();
  WITH attempts AS (DELETE FROM login_attempts WHERE last_failed_at < now() - interval '1 day' RETURNING 1),
       requests AS (DELETE FROM password_reset_requests WHERE requested_at < now() - interval '1 day' RETURNING 1)
  SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM requests) INTO affected;
  PERFORM record_step('attempts', started, affected);

  started := clock_timestamp();
  UPDATE user_invitations SET status = 'expired' WHERE status = 'pending' AND expires_at < now();
  GET DIAGNOSTICS affected = ROW_COUNT;
  PERFORM record_step('invitations', started, affected);

  started := clock_timestamp();
  PERFORM record_step('audit partitions', started, audit_partitions());

  -- A trigger moves what is deleted here into task_history_archive; without it the rows stay where they are.
  IF NOT history_is_partitioned() THEN
    IF current_setting('session_replication_role') <> 'replica'
       AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'task_history'::regclass AND t.tgname = 'ticketflow_archive' AND t.tgenabled IN ('O', 'A')) THEN
      started := clock_timestamp();
      DELETE FROM task_history WHERE created_at < now() - keep_history;
      GET DIAGNOSTICS affected = ROW_COUNT;
      PERFORM record_step('history archive', started, affected);
    ELSE
      RAISE WARNING 'old history stays: the trigger ticketflow_archive on task_history does not fire'
        USING HINT = 'Enable the trigger; call deploy() where it is missing.';
    END IF;
  END IF;

  started := clock_timestamp();
  PERFORM record_step('due soon', started, notify_due_soon());

  started := clock_timestamp();
  PERFORM record_step('ai analytics', started, roll_up_ai_analytics());

  started := clock_timestamp();
  FOR index_name IN
    SELECT c.oid FROM pg_class c JOIN pg_am a ON a.oid = c.relam
     WHERE a.amname = 'ticketflow' AND c.relkind = 'i' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tasks'::regclass)
  LOOP
    PERFORM bm25_merge(index_name);
  END LOOP;
  PERFORM record_step('search indexes', started, NULL);

  started := clock_timestamp();
  ANALYZE tasks, users, knowledge_articles, task_comments, task_history;
  PERFORM record_step('statistics', started, NULL);

  -- Last, since detaching a month locks the log until the end of the transaction.
  IF current_setting('transaction_isolation') = 'read committed' THEN
    started := clock_timestamp();
    SELECT count(*) INTO affected FROM audit_archive(GREATEST(keep_history, interval '13 months'));
    PERFORM record_step('audit archive', started, affected);
    IF history_is_partitioned() THEN
      started := clock_timestamp();
      SELECT count(*) INTO affected FROM history_archive(keep_history);
      PERFORM record_step('history archive', started, affected);
    END IF;
  ELSE
    RAISE WARNING 'the audit log is neither sealed nor archived: this transaction sees the past' USING HINT = 'Call maintain() by itself.';
  END IF;
END
$$ SET search_path FROM CURRENT;
COMMENT ON PROCEDURE maintain(interval) IS
  'The guide''s regular maintenance: removes expired sessions, old attempts to sign in and requests for passwords, expires invitations, makes audit partitions ahead, moves history older than keep_history '
  'to its archive (whole months after partition_history()), tells of tickets due soon, rolls up figures, merges search indexes, refreshes statistics, seals the audit log and detaches its months older '
  'than keep_history (13 months at least). For the desk''s owner; '
  'safe to run twice, also at once. Error: 22023 keep_history below a day.';
REVOKE ALL ON PROCEDURE maintain(interval) FROM PUBLIC;

CREATE OR REPLACE FUNCTION schedule_maintenance(schedule text DEFAULT '17 3 * * *') RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  job bigint;
  desk text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'maintenance_steps'::regclass);
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RAISE EXCEPTION 'pg_cron is not installed in this database'
      USING ERRCODE = 'feature_not_supported',
            HINT = format('Create extension pg_cron here (cron.database_name), or let another scheduler run: CALL %I.maintain().', desk);
  END IF;
  EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job
    USING 'ticketflow: maintain ' || desk, schedule, format('CALL %I.maintain()', desk);
  RETURN job;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION schedule_maintenance(text) IS
  'Lets pg_cron run maintain() at this cron schedule (default 03:17 every night, in pg_cron''s time zone) and returns the job''s id; '
  'calling it again changes the schedule. Error: 0A000 pg_cron is not installed here.';
REVOKE ALL ON FUNCTION schedule_maintenance(text) FROM PUBLIC;
