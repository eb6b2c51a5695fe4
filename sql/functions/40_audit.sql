-- audit: which tables of the desk are recorded, and what of them is not.

DO $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT * FROM (VALUES
      ('organizations', '{}'::text[], '{}'::text[]),
      -- Attempts to sign in are counted in the row of the person; that she is locked out is a change, that she mistyped is none.
      ('users', '{updated_at,failed_login_attempts,last_failed_login_at}', '{password,password_reset_token}'),
      ('departments', '{updated_at}', '{}'),
      ('user_invitations', '{}', '{token}'),
      ('api_keys', '{last_used}', '{key_hash}'),
      ('company_settings', '{updated_at}',
       '{aws_access_key_id_ses,aws_secret_access_key_ses,aws_access_key_id_bedrock,aws_secret_access_key_bedrock,microsoft_client_secret}'),
      ('teams', '{updated_at}', '{}'),
      ('team_members', '{}', '{}'),
      ('tasks', '{updated_at,version}', '{}'),
      ('task_comments', '{updated_at}', '{}'),
      ('task_attachments', '{}', '{}'),
      ('knowledge_articles', '{updated_at,view_count}', '{}')
    ) AS audited (table_name, exclude, redact)
    WHERE to_regclass(table_name) IS NOT NULL
      -- A DBA who recorded more or less of a table keeps her choice.
      AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'ticketflow_audit')
  LOOP
    PERFORM audit_enable(it.table_name::regclass, it.exclude, it.redact);
  END LOOP;
END
$$;

CREATE OR REPLACE TRIGGER ticketflow_history AFTER INSERT OR UPDATE OR DELETE ON tasks
  FOR EACH ROW EXECUTE FUNCTION history_trigger('{"row_key": "id", "row_key_name": "task_id", "label": "title", "exclude": ["updated_at", "last_updated_by", "resolved_at", "closed_at", "version"]}');
