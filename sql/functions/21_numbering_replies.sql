-- numbering: which ticket a mail belongs to.

CREATE OR REPLACE FUNCTION ticket_reply_token(task_id integer) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  mark text;
  bytes bytea;
BEGIN
  SELECT r.token INTO mark FROM ticket_reply_tokens r WHERE r.task_id = ticket_reply_token.task_id;
  IF mark IS NULL THEN
    IF NOT EXISTS (SELECT FROM tasks t WHERE t.id = ticket_reply_token.task_id) THEN
      RAISE EXCEPTION 'there is no ticket %', ticket_reply_token.task_id USING ERRCODE = 'undefined_object';
    END IF;
    bytes := gen_random_bytes(20);
    SELECT 'tf' || string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', 1 + (get_byte(bytes, i) & 31), 1), '') INTO mark
      FROM generate_series(0, 19) i;
    INSERT INTO ticket_reply_tokens AS r (task_id, token) VALUES (ticket_reply_token.task_id, mark)
    ON CONFLICT ON CONSTRAINT ticket_reply_tokens_pkey DO UPDATE SET token = r.token RETURNING r.token INTO mark;
  END IF;
  RETURN mark;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION ticket_reply_token(integer) IS
  'The opaque mark of a ticket for Message-ID, References and reply addresses (support+MARK@...): 22 lower-case letters and '
  'digits, made at the first call. Unlike the number it cannot be guessed. Error: 42704 no such ticket.';
REVOKE ALL ON FUNCTION ticket_reply_token(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticket_reply_token(integer) TO ticketflow_service;

-- PL/pgSQL, because it keeps its plan: it runs for every notification.
CREATE OR REPLACE FUNCTION people_who_see(task_id integer, people text[]) RETURNS text[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  -- The rule of visible_tasks (access) for people who are not the acting person; test/sql/numbering_replies.sql compares the two.
  RETURN ARRAY(
    SELECT u.id FROM tasks t JOIN users u ON u.id = ANY (people) AND u.is_active AND u.is_approved
     WHERE t.id = people_who_see.task_id
       AND (t.created_by = u.id
         OR u.role = 'admin'
         OR u.role = 'customer' AND t.organization_id = u.organization_id
            AND EXISTS (SELECT FROM organizations o WHERE o.id = u.organization_id AND o.is_shared)
         OR u.role IN ('user', 'manager') AND (
              t.assignee_type = 'user' AND (t.assignee_id = u.id OR EXISTS (
                SELECT FROM team_members other
                 WHERE other.user_id = t.assignee_id
                   AND (u.role = 'user' AND EXISTS (SELECT FROM team_members m WHERE m.team_id = other.team_id AND m.user_id = u.id)
                     OR u.role = 'manager' AND EXISTS (SELECT FROM teams g WHERE g.id = other.team_id AND g.manager_id = u.id))))
           OR t.assignee_type = 'team'
              AND (u.role = 'user' AND EXISTS (SELECT FROM team_members m WHERE m.team_id = t.assigned_team_id AND m.user_id = u.id)
                OR u.role = 'manager' AND EXISTS (SELECT FROM teams g WHERE g.id = t.assigned_team_id AND g.manager_id = u.id))))
     ORDER BY u.id);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION people_who_see(integer, text[]) IS 'Which of these people, active and approved, see the ticket; each once, in the order of ids.';
REVOKE ALL ON FUNCTION people_who_see(integer, text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION person_may_write(person text, task_id integer) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT people_who_see(person_may_write.task_id, ARRAY[person]) <> '{}';
END;
COMMENT ON FUNCTION person_may_write(text, integer) IS 'Whether this person, active and approved, sees the ticket and so may add to it.';
REVOKE ALL ON FUNCTION person_may_write(text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION route_reply(subject text, body text, sender text, headers text DEFAULT NULL, recipient text DEFAULT NULL)
RETURNS TABLE (task_id integer, ticket_number text, matched_by text, found_in text, sender_id text, sender_ok boolean)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  WITH person AS (
    SELECT u.id FROM users u
     WHERE lower(u.email) = lower(btrim(COALESCE(substring(sender FROM '<([^<>]+)>\s*$'), sender)))
  ), places AS (
    SELECT * FROM (VALUES ('headers', 1, left(headers, 100000)), ('recipient', 2, left(recipient, 10000)),
                          ('subject', 3, left(subject, 10000)), ('body', 4, left(body, 1000000))) AS v (place, rank, text)
     WHERE v.text IS NOT NULL
  ), candidates AS (
    SELECT r.task_id, 'token' AS matched_by, p.place, 0 AS sureness, p.rank, 0::bigint AS position
      FROM places p, LATERAL regexp_matches(lower(p.text), '(?:^|[^a-z0-9])(tf[a-z2-7]{20})(?![a-z0-9])', 'g') AS word (groups)
      JOIN ticket_reply_tokens r ON r.token = word.groups[1]
    UNION ALL
    SELECT m.task_id, m.matched_by, p.place, 1, p.rank, n.position
      FROM places p, LATERAL unnest(extract_ticket_numbers(p.text)) WITH ORDINALITY AS n (number, position),
           LATERAL ticket_number_matches(n.number) m
     WHERE p.place IN ('subject', 'body') AND n.position <= 50
  ), best AS (
    SELECT DISTINCT ON (c.task_id) c.* FROM candidates c ORDER BY c.task_id, c.sureness, c.rank, c.position)
  SELECT b.task_id, t.ticket_number::text, b.matched_by, b.place, (SELECT p.id FROM person p)::text,
         COALESCE(person_may_write((SELECT p.id FROM person p), b.task_id), false)
    FROM best b JOIN tasks t ON t.id = b.task_id
   ORDER BY b.sureness, b.rank, b.position, b.task_id;
END;
COMMENT ON FUNCTION route_reply(text, text, text, text, text) IS
  'The tickets that a mail may belong to, surest first: by the opaque mark in headers (References, In-Reply-To), recipient, subject or '
  'body, then by numbers in subject and body (matched_by: token, number, renumbered, merged, given). Nothing is decided by the '
  'number alone: put the mail into a ticket only where sender_ok, which is whether the sender''s active account sees it. '
  'sender is an address, bare or as Name <address>; that it is genuine is the mail server''s to check.';
REVOKE ALL ON FUNCTION route_reply(text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION route_reply(text, text, text, text, text) TO ticketflow_service;
