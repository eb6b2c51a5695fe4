-- access: trigger functions that run as the owner. The right to execute one is asked only of who creates a trigger, and
-- whoever could would put it on a temporary table of her own: so nobody but the owner may.
REVOKE ALL ON FUNCTION check_login_binding(), unbind_logins(), follow_ticket_prefix(), follow_ticket_scopes(), refuse_alias_as_number(),
  keep_ticket_number(), keep_an_admin(), count_article_votes(), notify_of_task(), notify_of_comment(), notify_of_escalation(),
  record_complexity() FROM PUBLIC;
