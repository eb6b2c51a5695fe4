-- audit: sealing and verification. ticketflow.audit_seal(), audit_verify(), audit_proof() and audit_digest() call these.

CREATE OR REPLACE FUNCTION context_id(digest bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT ('x' || encode(substr(digest, 1, 8), 'hex'))::bit(64)::bigint;
END;
COMMENT ON FUNCTION context_id(bytea) IS 'The id that a row of audit_contexts has by its digest.';

-- The digests of what a context says, so that a row's own digest covers from where it was made.
CREATE OR REPLACE VIEW sealed_contexts WITH (security_invoker = true) AS
SELECT DISTINCT ON (c.id) c.id,
       audit_text_digest(0, 'audit_contexts', ARRAY[c.database_role, c.login_role, c.actor_kind, c.client_address, c.application_name]) AS digest
  FROM audit_contexts c
 ORDER BY c.id, (c.id = context_id(c.digest)) DESC, (c.digest = audit_text_digest(0, 'audit_contexts', ARRAY[c.database_role, c.login_role, c.actor_kind, c.client_address, c.application_name])) DESC;
COMMENT ON VIEW sealed_contexts IS 'Private to audit_verify(): each context''s digest, made from what it says.';

CREATE OR REPLACE VIEW sealed_tables WITH (security_invoker = true) AS
SELECT 'audit_log'::regclass AS part
UNION ALL
SELECT c.oid FROM audit_archives r JOIN pg_class c ON c.relname = r.table_name
 WHERE c.relnamespace = (SELECT l.relnamespace FROM pg_class l WHERE l.oid = 'audit_log'::regclass);
COMMENT ON VIEW sealed_tables IS 'Private to audit_verify() and audit_proof(): audit_log and the months that were detached from it and are still there.';

CREATE OR REPLACE FUNCTION history_digest(id bigint, task_id integer, user_id text, field text, old_value text, new_value text,
  change_type text, created_at timestamptz, transaction_id bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT audit_text_digest(0, 'task_history', ARRAY[id::text, task_id::text, user_id, field, old_value, new_value, change_type,
    ((extract(epoch FROM created_at) * 1000000)::bigint)::text, transaction_id::text]);
END;
COMMENT ON FUNCTION history_digest(bigint, integer, text, text, text, text, text, timestamptz, bigint) IS
  'The SHA-256 of a row of task_history: its leaf in the Merkle tree of its seal.';

-- PL/pgSQL: a bound body that used the row type of audit_seals would forbid a DBA to add a column to it.
CREATE OR REPLACE FUNCTION seal_digest(seal audit_seals) RETURNS bytea
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN audit_text_digest(2, 'audit_seals', ARRAY[seal.id::text, ((extract(epoch FROM seal.sealed_at) * 1000000)::bigint)::text,
    seal.snapshot::text, seal.system_id::text, seal.row_count::text, encode(seal.root, 'hex'), encode(seal.previous, 'hex')]);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION seal_digest(audit_seals) IS 'The SHA-256 of a seal, over its root and the digest of the seal before.';

CREATE OR REPLACE FUNCTION summarize_changes() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT i.indexrelid::regclass AS index, (pg_relation_size(i.indrelid) / current_setting('block_size')::bigint - 1) / 32 * 32 AS last_range
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
     WHERE (i.indrelid = 'task_history'::regclass OR i.indrelid IN (SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent IN ('audit_log'::regclass, 'task_history'::regclass)))
       AND m.amname = 'brin' AND pg_relation_size(i.indrelid) > 0 LOOP
    PERFORM brin_summarize_new_values(it.index);
    -- The pages that are being written to stay out of it: an entry for them would be written with every row.
    PERFORM brin_desummarize_range(it.index, it.last_range);
  END LOOP;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION summarize_changes() IS 'Private to audit_seal(): brings the index of audit_log up to date, so that sealing and looking back read few pages.';
REVOKE ALL ON FUNCTION summarize_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION seal_changes() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  last audit_seals;
  new audit_seals;
  same_cluster boolean;
  mine bigint;
  recent text;
  unlisted text;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'audit_seal() cannot run in a transaction that sees the past'
      USING ERRCODE = 'active_sql_transaction', HINT = 'Run it in READ COMMITTED.';
  END IF;
  -- One sealer at a time; nobody else takes this lock.
  LOCK TABLE audit_seals IN SHARE ROW EXCLUSIVE MODE;
  PERFORM summarize_changes();
  mine := pg_current_xact_id_if_assigned()::text::bigint;
  SELECT * INTO last FROM audit_seals ORDER BY id DESC LIMIT 1;
  new.id := COALESCE(last.id, 0) + 1;
  new.sealed_at := clock_timestamp();
  new.system_id := (SELECT system_identifier FROM pg_control_system());
  new.previous := COALESCE(last.digest, '\x');
  -- Transaction ids of another cluster say nothing here: after a restore what is sealed is told by the leaves alone.
  same_cluster := last.system_id IS NOT DISTINCT FROM new.system_id;

  -- Rows of transactions that the last seal did not see, mine excepted.
  recent := format('a.transaction_id >= %s AND a.transaction_id <> %s',
                   CASE WHEN same_cluster AND last.id IS NOT NULL THEN pg_snapshot_xmin(last.snapshot)::text::bigint ELSE 0 END, COALESCE(mine, -1));
  unlisted := CASE WHEN same_cluster OR last.id IS NULL THEN 'true' ELSE
    'NOT EXISTS (SELECT FROM audit_seal_leaves l WHERE l.ledger = %L AND l.first_id <= a.id AND l.last_id >= a.id AND a.id = ANY (l.ids))' END;
  -- One statement, one snapshot: it seals what it sees and the snapshot of the last seal did not. What commits later is
  -- not in this snapshot and so in the next seal, however old its transaction is.
  SELECT r.row_count, r.root, pg_current_snapshot() INTO new.row_count, new.root, new.snapshot
    FROM audit_seal_rows(new.id, 'audit_seal_leaves', CASE WHEN same_cluster THEN last.snapshot END,
      'SELECT c.id, c.digest FROM sealed_contexts c',
      'SELECT a.id, a.transaction_id, a.created_at, a.table_name, a.operation, a.user_id, a.record_key, a.old_values, a.new_values, a.request_id, '
      'a.cause, a.record, a.moved_to, a.context FROM audit_log a WHERE ' || recent || ' AND ' || format(unlisted, 'audit_log'),
      'SELECT a.id, a.transaction_id, a.created_at, a.task_id, a.user_id::text, a.field::text, a.old_value, a.new_value, a.change_type::text '
      'FROM history_trail a WHERE ' || recent || ' AND ' || format(unlisted, 'task_history')) r;
  IF new.row_count = 0 THEN
    RETURN NULL;
  END IF;
  -- A snapshot does not list its own transaction as running, and later seals must not believe that this one covers it.
  IF mine IS NOT NULL AND pg_visible_in_snapshot(mine::text::xid8, new.snapshot) THEN
    new.snapshot := format('%s:%s:%s', LEAST(pg_snapshot_xmin(new.snapshot)::text::bigint, mine), pg_snapshot_xmax(new.snapshot),
      (SELECT string_agg(x.id::text, ',' ORDER BY x.id) FROM (SELECT p::text::bigint FROM pg_snapshot_xip(new.snapshot) p UNION SELECT mine) x (id)))::pg_snapshot;
  END IF;
  new.digest := seal_digest(new);
  INSERT INTO audit_seals VALUES (new.*);
  RETURN new.id;
END
$$ SET search_path FROM CURRENT
   -- The planner may not know yet that what is new is little.
   SET enable_seqscan = off SET jit = off;
COMMENT ON FUNCTION seal_changes() IS 'ticketflow.audit_seal() for this desk.';

-- Everything that seals may cover: the log, the months that were detached from it, the history and its archive.
CREATE OR REPLACE FUNCTION sealable_rows(OUT ledger text, OUT id bigint, OUT transaction_id bigint, OUT stored bytea, OUT digest bytea,
  first_log bigint DEFAULT 0, last_log bigint DEFAULT 9223372036854775807, first_history bigint DEFAULT 0, last_history bigint DEFAULT 9223372036854775807)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT t.part FROM sealed_tables t LOOP
    RETURN QUERY EXECUTE format(
      'SELECT ''audit_log'', a.id, a.transaction_id, a.row_digest, audit_row_digest(a.id, a.transaction_id, a.created_at, a.table_name, a.operation, '
      '       a.user_id, a.record_key, a.old_values, a.new_values, a.request_id, a.cause, a.record, a.moved_to, c.digest) '
      '  FROM %s a LEFT JOIN sealed_contexts c ON c.id = a.context WHERE a.id BETWEEN $1 AND $2', part) USING first_log, last_log;
  END LOOP;
  RETURN QUERY
    SELECT 'task_history', h.id, h.transaction_id, NULL::bytea,
           history_digest(h.id, h.task_id, h.user_id, h.field, h.old_value, h.new_value, h.change_type, h.created_at, h.transaction_id)
      FROM (SELECT t.id, t.task_id, t.user_id, t.field, t.old_value, t.new_value, t.change_type, t.created_at, t.transaction_id FROM task_history t
            UNION ALL
            SELECT t.id, t.task_id, t.user_id, t.field, t.old_value, t.new_value, t.change_type, t.created_at, t.transaction_id FROM task_history_archive t) h
     WHERE h.id BETWEEN first_history AND last_history;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION sealable_rows(bigint, bigint, bigint, bigint) IS
  'Private to audit_verify(): the rows that seals may cover, ids in the given ranges, with the digest that their content has.';

CREATE OR REPLACE FUNCTION verify_changes("from" timestamptz, "to" timestamptz, digests jsonb,
  OUT seal_id bigint, OUT ledger text, OUT row_id bigint, OUT problem text, OUT detail text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  whole boolean := "from" = '-infinity' AND "to" = 'infinity';
BEGIN
  IF "from" IS NULL OR "to" IS NULL THEN
    RAISE EXCEPTION 'the time to verify must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave from and to out to verify everything.';
  END IF;
  digests := CASE WHEN jsonb_typeof(digests) = 'array' THEN digests ELSE jsonb_build_array(digests) END;
  IF digests <> '[null]' AND EXISTS (
       SELECT FROM jsonb_array_elements(digests) d
        WHERE NOT COALESCE(jsonb_typeof(d) = 'object' AND jsonb_typeof(d -> 'seal') = 'number' AND d ->> 'digest' ~ '^[0-9a-f]{64}$', false)) THEN
    RAISE EXCEPTION 'digests are not what audit_digest() gives' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one object, or an array of objects, with the keys seal (a number) and digest (64 hexadecimal digits).';
  END IF;
  RETURN QUERY
  WITH seals AS (
    SELECT s.*::audit_seals AS s, s.id, s.digest, s.previous, s.root, s.row_count, lag(s.id, 1, 0::bigint) OVER w AS id_before, lag(s.digest, 1, '\x'::bytea) OVER w AS digest_before,
           s.sealed_at
      FROM audit_seals s WINDOW w AS (ORDER BY s.id)),
  chosen AS (SELECT * FROM seals WHERE sealed_at BETWEEN "from" AND "to"),
  -- The concatenation takes the digests out of TOAST once, not once a row.
  chunks AS MATERIALIZED (
    SELECT l.seal_id, l.chunk, l.ledger, l.first_id, l.last_id, l.ids, l.digests || ''::bytea AS digests
      FROM audit_seal_leaves l JOIN chosen c ON c.id = l.seal_id),
  sealed AS (
    SELECT l.seal_id, l.ledger, u.id, substr(l.digests, (32 * (u.place - 1) + 1)::int, 32) AS digest
      FROM chunks l, unnest(l.ids) WITH ORDINALITY u(id, place)),
  trees AS (SELECT l.seal_id, sum(cardinality(l.ids)) AS size, audit_merkle(l.digests ORDER BY l.chunk) AS root FROM chunks l GROUP BY 1),
  ranges AS (
    SELECT COALESCE(min(l.first_id) FILTER (WHERE l.ledger = 'audit_log'), 0) AS a, COALESCE(max(l.last_id) FILTER (WHERE l.ledger = 'audit_log'), -1) AS b,
           COALESCE(min(l.first_id) FILTER (WHERE l.ledger = 'task_history'), 0) AS c, COALESCE(max(l.last_id) FILTER (WHERE l.ledger = 'task_history'), -1) AS d
      FROM chunks l),
  present AS MATERIALIZED (
    SELECT r.* FROM ranges g, sealable_rows(CASE WHEN whole THEN 0 ELSE g.a END, CASE WHEN whole THEN 9223372036854775807 ELSE g.b END,
                                            CASE WHEN whole THEN 0 ELSE g.c END, CASE WHEN whole THEN 9223372036854775807 ELSE g.d END) r),
  newest AS (SELECT s.snapshot, s.system_id = (SELECT system_identifier FROM pg_control_system()) AS here FROM audit_seals s ORDER BY s.id DESC LIMIT 1),
  compared AS (
    SELECT s.seal_id, COALESCE(s.ledger, p.ledger) AS ledger, COALESCE(s.id, p.id) AS id, s.digest AS was, p.digest AS now, p.stored, p.transaction_id,
           -- A row keeps the first half of the digest that it was written with.
           p.stored IS NOT NULL AND p.stored <> substr(p.digest, 1, 16) AS disowned,
           count(*) FILTER (WHERE p.digest = s.digest) OVER (PARTITION BY COALESCE(s.ledger, p.ledger), COALESCE(s.id, p.id), s.seal_id) AS intact
      FROM sealed s FULL JOIN present p ON p.ledger = s.ledger AND p.id = s.id),
  broken AS MATERIALIZED (
    SELECT c.* FROM compared c WHERE c.seal_id IS NOT NULL AND (c.now IS DISTINCT FROM c.was OR c.disowned)),
  copied AS (SELECT DISTINCT c.seal_id, c.ledger, c.id FROM compared c WHERE c.intact > 1),
  -- What is visible was written by a transaction that had its number: numbers from 3 on, and below the next one.
  unsealed AS (
    SELECT c.*, c.transaction_id < 3
             OR c.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::numeric AND c.transaction_id IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint AS unheard_of
      FROM compared c WHERE c.seal_id IS NULL),
  -- Which of the broken ones have the digest of another sealed row.
  swapped AS (
    SELECT DISTINCT b.ledger, b.id FROM broken b JOIN sealed o ON o.ledger = b.ledger AND substr(o.digest, 1, 16) = b.stored AND o.id <> b.id),
  problems AS (
    -- rows that a seal covers
    SELECT b.seal_id, b.ledger, b.id,
           CASE WHEN b.now IS NULL THEN 'missing'
                WHEN b.now = b.was THEN 'altered'
                WHEN b.intact > 0 THEN 'inserted'
                WHEN w.id IS NOT NULL THEN 'reordered'
                ELSE 'altered' END AS problem,
           CASE WHEN b.now IS NULL THEN 'the sealed row is gone'
                WHEN b.now = b.was THEN 'the row_digest is not that of the content'
                WHEN b.intact > 0 THEN 'a second row has the id of a sealed one'
                ELSE 'the content is not the sealed one' END AS detail
      FROM broken b LEFT JOIN swapped w ON w.ledger = b.ledger AND w.id = b.id
    UNION ALL
    SELECT c.seal_id, c.ledger, c.id, 'inserted', 'the sealed row is there more than once' FROM copied c
    UNION ALL
    -- rows that no seal covers
    SELECT NULL, c.ledger, c.id, CASE WHEN c.disowned THEN 'altered' ELSE 'inserted' END,
           CASE WHEN c.disowned THEN 'the content is not the one that was written'
                WHEN c.unheard_of THEN 'its transaction is none of this server'
                ELSE 'no seal covers it, though its transaction is older than the newest seal' END
      FROM unsealed c LEFT JOIN newest n ON true
     WHERE (c.disowned OR n.here AND (c.unheard_of OR pg_visible_in_snapshot(c.transaction_id::text::xid8, n.snapshot)))
       AND NOT EXISTS (SELECT FROM audit_seal_leaves l WHERE NOT whole AND l.ledger = c.ledger AND l.first_id <= c.id AND l.last_id >= c.id AND c.id = ANY (l.ids))
    UNION ALL
    SELECT c.id, 'audit_seals', c.id, 'altered', 'the seal''s digest does not fit its content'
      FROM chosen c WHERE c.digest IS DISTINCT FROM seal_digest(c.s)
    UNION ALL
    SELECT c.id, 'audit_seals', c.id_before + 1, 'missing', format('seals %s to %s are gone', c.id_before + 1, c.id - 1)
      FROM chosen c WHERE c.id <> c.id_before + 1
    UNION ALL
    SELECT c.id, 'audit_seals', c.id, 'reordered', 'the seal does not follow the one before it'
      FROM chosen c WHERE c.id = c.id_before + 1 AND c.previous IS DISTINCT FROM c.digest_before
    UNION ALL
    SELECT c.id, 'audit_seal_leaves', c.id, 'altered', 'the list of sealed rows does not lead to the seal''s root'
      FROM chosen c LEFT JOIN trees t ON t.seal_id = c.id WHERE t.root IS DISTINCT FROM c.root OR t.size IS DISTINCT FROM c.row_count
    UNION ALL
    SELECT l.seal_id, 'audit_seal_leaves', l.seal_id, 'inserted', 'rows are listed for a seal that does not exist'
      FROM (SELECT DISTINCT x.seal_id FROM audit_seal_leaves x) l WHERE whole AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.id = l.seal_id)
    UNION ALL
    SELECT NULL, 'audit_contexts', k.id, 'altered', 'the content does not fit its digest'
      FROM (SELECT c.id FROM audit_contexts c WHERE c.id IS DISTINCT FROM context_id(c.digest) OR c.digest IS DISTINCT FROM
              audit_text_digest(0, 'audit_contexts', ARRAY[c.database_role, c.login_role, c.actor_kind, c.client_address, c.application_name])) k
    UNION ALL
    SELECT (d ->> 'seal')::bigint, 'audit_seals', (d ->> 'seal')::bigint, CASE WHEN s.id IS NULL THEN 'missing' ELSE 'altered' END,
           'the seal is not the one of the digest that was kept outside'
      FROM jsonb_array_elements(digests) d
      LEFT JOIN audit_seals s ON s.id = (d ->> 'seal')::bigint
     WHERE digests <> '[null]' AND encode(s.digest, 'hex') IS DISTINCT FROM d ->> 'digest')
  SELECT p.seal_id, p.ledger, p.id, p.problem, p.detail FROM problems p ORDER BY p.seal_id NULLS LAST, p.ledger, p.id;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION verify_changes(timestamptz, timestamptz, jsonb) IS 'ticketflow.audit_verify() for this desk.';

CREATE OR REPLACE FUNCTION newest_seal() RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT jsonb_build_object('seal', s.id, 'digest', encode(s.digest, 'hex'), 'sealed_at', s.sealed_at, 'rows', s.row_count)
    FROM audit_seals s ORDER BY s.id DESC LIMIT 1;
END;
COMMENT ON FUNCTION newest_seal() IS 'ticketflow.audit_digest() for this desk.';

CREATE OR REPLACE FUNCTION row_bytes(ledger text, row_id bigint) RETURNS bytea
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result bytea;
  part regclass;
BEGIN
  IF ledger = 'task_history' THEN
    RETURN (SELECT audit_text_bytes('task_history', ARRAY[h.id::text, h.task_id::text, h.user_id, h.field, h.old_value, h.new_value, h.change_type,
              ((extract(epoch FROM h.created_at) * 1000000)::bigint)::text, h.transaction_id::text])
              FROM (SELECT t.id, t.task_id, t.user_id, t.field, t.old_value, t.new_value, t.change_type, t.created_at, t.transaction_id FROM task_history t
                    UNION ALL
                    SELECT t.id, t.task_id, t.user_id, t.field, t.old_value, t.new_value, t.change_type, t.created_at, t.transaction_id FROM task_history_archive t) h
             WHERE h.id = row_id LIMIT 1);
  END IF;
  FOR part IN SELECT t.part FROM sealed_tables t LOOP
    EXECUTE format(
      'SELECT audit_row_bytes(a.id, a.transaction_id, a.created_at, a.table_name, a.operation, a.user_id, a.record_key, a.old_values, a.new_values, a.request_id, '
      '       a.cause, a.record, a.moved_to, c.digest) FROM %s a LEFT JOIN sealed_contexts c ON c.id = a.context WHERE a.id = $1 LIMIT 1', part) INTO result USING row_id;
    EXIT WHEN result IS NOT NULL;
  END LOOP;
  RETURN result;
END
$$ SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off;
COMMENT ON FUNCTION row_bytes(text, bigint) IS 'Private to audit_proof(): the bytes that the digest of a row covers.';

CREATE OR REPLACE FUNCTION prove_change(ledger text, row_id bigint) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT jsonb_build_object(
      'ledger', prove_change.ledger, 'id', row_id, 'row', encode(row_bytes(prove_change.ledger, row_id), 'hex'), 'leaf', encode(substr(t.leaves, (32 * t.index + 1)::int, 32), 'hex'), 'index', t.index, 'size', t.size,
      'path', (SELECT COALESCE(jsonb_agg(encode(substr(p.path, (32 * i + 1)::int, 32), 'hex') ORDER BY i), '[]')
                 FROM audit_inclusion_path(t.leaves, t.index) AS p(path), generate_series(0, length(p.path) / 32 - 1) i),
      'root', encode(s.root, 'hex'),
      'seal', jsonb_build_object('id', s.id, 'sealed_at', (extract(epoch FROM s.sealed_at) * 1000000)::bigint, 'snapshot', s.snapshot::text,
        'system_id', s.system_id, 'rows', s.row_count, 'previous', encode(s.previous, 'hex'), 'digest', encode(s.digest, 'hex')))
    FROM (SELECT l.seal_id FROM audit_seal_leaves l WHERE l.ledger = prove_change.ledger AND l.last_id >= row_id AND l.first_id <= row_id AND row_id = ANY (l.ids) LIMIT 1) found
    JOIN audit_seals s ON s.id = found.seal_id
    CROSS JOIN LATERAL (
      SELECT string_agg(l.digests, ''::bytea ORDER BY l.chunk) AS leaves, sum(cardinality(l.ids))::bigint AS size,
             (COALESCE((SELECT sum(cardinality(e.ids)) FROM audit_seal_leaves e WHERE e.seal_id = s.id
                           AND e.chunk < (SELECT m.chunk FROM audit_seal_leaves m WHERE m.seal_id = s.id AND m.ledger = prove_change.ledger AND row_id = ANY (m.ids))), 0)
              + (SELECT array_position(m.ids, row_id) - 1 FROM audit_seal_leaves m WHERE m.seal_id = s.id AND m.ledger = prove_change.ledger AND row_id = ANY (m.ids)))::bigint AS index
        FROM audit_seal_leaves l WHERE l.seal_id = s.id) t;
END;
COMMENT ON FUNCTION prove_change(text, bigint) IS 'ticketflow.audit_proof() for this desk.';
