-- engine: after DROP EXTENSION ticketflow CASCADE (see 05_engine.sql), what changed meanwhile is read again.
DO $$
BEGIN
  IF current_setting('app.engine_returned', true) = 'on' THEN
    PERFORM rebuild_documents(), resync_ticket_numbers('tasks'::regclass);
    PERFORM set_config('app.engine_returned', '', true);
  END IF;
END
$$;
