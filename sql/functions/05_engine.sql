-- engine: what DROP EXTENSION ticketflow CASCADE took with it and only a migration makes. That the desk's text search
-- configuration is gone says that it happened; whatever else a DBA removes on purpose stays removed.

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_ts_config c WHERE c.cfgname = 'ticket_language' AND c.cfgnamespace = quote_ident(current_schema())::regnamespace) THEN
    RETURN;
  END IF;
  PERFORM set_config('app.engine_returned', 'on', true);

  CREATE TEXT SEARCH CONFIGURATION ticket_language (COPY = ticketflow);
  COMMENT ON TEXT SEARCH CONFIGURATION ticket_language IS 'How the texts of this desk become words; after a change run rebuild_documents().';
  CREATE OR REPLACE FUNCTION to_tsvector(configuration text, body text) RETURNS text_vector
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN bounded_tsvector(configuration, body);
  COMMENT ON FUNCTION to_tsvector(text, text) IS
    'PostgreSQL''s to_tsvector() for texts of any length: the same result where that succeeds, as far as a tsvector goes elsewhere.';
  CREATE OPERATOR @@ (LEFTARG = text_vector, RIGHTARG = tsquery, FUNCTION = vector_matches, RESTRICT = tsmatchsel, JOIN = tsmatchjoinsel);
  COMMENT ON OPERATOR @@ (text_vector, tsquery) IS 'Whether to_tsvector(text, text) matches a query, by an index also under row security.';
  CREATE INDEX IF NOT EXISTS idx_tasks_search ON tasks USING gin (to_tsvector('english', title || ' ' || COALESCE(description, '')));
  CREATE INDEX IF NOT EXISTS idx_knowledge_search ON knowledge_articles USING gin (to_tsvector('english', title || ' ' || content));
  CREATE INDEX IF NOT EXISTS task_documents_rank ON task_documents USING ticketflow (document);
  CREATE INDEX IF NOT EXISTS task_staff_documents_rank ON task_staff_documents USING ticketflow (document);
  CREATE INDEX IF NOT EXISTS article_documents_rank ON article_documents USING ticketflow (document);

  CREATE OR REPLACE TRIGGER series_check BEFORE INSERT OR UPDATE OR DELETE ON ticket_series
    FOR EACH ROW EXECUTE FUNCTION ticket_series_check();
  CREATE OR REPLACE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ticket_series
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_series_changed();
  CREATE OR REPLACE TRIGGER series_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ticket_series_scopes
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_series_changed();
  CREATE OR REPLACE TRIGGER counters_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket_counters
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_counters_guard();
  CREATE OR REPLACE TRIGGER number BEFORE INSERT OR UPDATE OF ticket_number ON tasks
    FOR EACH ROW EXECUTE FUNCTION number_trigger('ticket_number', '', 'at=created_at', 'queue=assigned_team_id', 'category=category');
  ALTER TABLE tasks ENABLE ALWAYS TRIGGER number;
  DROP TRIGGER IF EXISTS number_at_commit ON tasks;
  CREATE CONSTRAINT TRIGGER number_at_commit AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (numbers_pending())
    EXECUTE FUNCTION number_settle_trigger('ticket_number', '', 'at=created_at', 'queue=assigned_team_id', 'category=category');
  CREATE OR REPLACE TRIGGER number BEFORE INSERT OR UPDATE OF ticket_number ON ticket_number_aliases
    FOR EACH ROW EXECUTE FUNCTION number_trigger('ticket_number');
END
$$;
