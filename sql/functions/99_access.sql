-- access: trigger functions that run as the owner. The right to execute one is asked only of who creates a trigger, and
-- whoever could would put it on a temporary table of her own: so nobody but the owner may.
REVOKE ALL ON FUNCTION check_login_binding(), unbind_logins(), follow_ticket_prefix(), follow_ticket_scopes(), refuse_alias_as_number(),
  keep_ticket_number(), keep_an_admin(), count_article_votes(), notify_of_task(), notify_of_comment(), notify_of_escalation(),
  record_complexity() FROM PUBLIC;

-- What runs as the owner passes policies, unless somebody says FORCE ROW LEVEL SECURITY: with this one it goes on working then.
DO $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT c.oid::regclass AS name, pg_get_userbyid(c.relowner) AS owner, p.oid IS NOT NULL AS is_there FROM pg_class c
      LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'owner'
     WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relrowsecurity
       AND p.polroles IS DISTINCT FROM ARRAY[c.relowner]
  LOOP
    IF it.is_there THEN
      EXECUTE format('DROP POLICY owner ON %s', it.name);
    END IF;
    EXECUTE format('CREATE POLICY owner ON %s TO %I USING (true) WITH CHECK (true)', it.name, it.owner);
    EXECUTE format('COMMENT ON POLICY owner ON %s IS %L', it.name, 'The owner passes, also with FORCE ROW LEVEL SECURITY.');
  END LOOP;
END
$$;
