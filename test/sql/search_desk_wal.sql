-- search: what a change of a ticket writes to the search documents, in bytes of WAL.
\set ECHO none
CREATE EXTENSION pg_walinspect;
SELECT plan(4);

CREATE FUNCTION document_wal(from_lsn pg_lsn, to_lsn pg_lsn) RETURNS bigint LANGUAGE sql AS $$
  WITH files AS (
    SELECT format('rel %s/%s/%s ', COALESCE(NULLIF(c.reltablespace, 0), d.dattablespace), d.oid, pg_relation_filenode(c.oid)) AS name
    FROM pg_database d, pg_class c
    WHERE d.datname = current_database()
      AND (c.oid IN ('task_documents'::regclass, 'task_staff_documents'::regclass)
        OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE oid IN ('task_documents'::regclass, 'task_staff_documents'::regclass))
        OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN ('task_documents'::regclass, 'task_staff_documents'::regclass))))
  SELECT COALESCE(sum(r.record_length), 0)
  FROM pg_get_wal_records_info(from_lsn, to_lsn) r
  WHERE EXISTS (SELECT FROM files f WHERE strpos(r.block_ref, f.name) > 0)
$$;

INSERT INTO users (id, email) VALUES ('ann', 'ann@x.test');
INSERT INTO tasks (title, description, category, created_by)
  SELECT 'Printer ' || i, repeat('paper jam in tray two ', 20), 'bug', 'ann' FROM generate_series(1, 200) i;
VACUUM ANALYZE tasks, task_documents, task_staff_documents;
CHECKPOINT;

SELECT pg_current_wal_insert_lsn() AS start \gset
UPDATE tasks SET status = 'in_progress';
UPDATE tasks SET priority = 'high', updated_at = now(), title = title, description = description;
UPDATE tasks SET status = 'resolved' WHERE id % 2 = 0;
SELECT pg_current_wal_flush_lsn() AS stop \gset
SELECT ok(:'stop'::pg_lsn - :'start'::pg_lsn > 100000, 'changes of status and priority write WAL');
SELECT is(document_wal(:'start', :'stop'), 0::bigint, 'none of it for the search documents, their indexes or their TOAST table');

SELECT pg_current_wal_insert_lsn() AS start \gset
UPDATE tasks SET title = 'Scanner' WHERE id = 1;
SELECT pg_current_wal_flush_lsn() AS stop \gset
SELECT cmp_ok(document_wal(:'start', :'stop'), '>', 0::bigint, 'a change of a title does');

SELECT pg_current_wal_insert_lsn() AS start \gset
INSERT INTO task_comments (task_id, user_id, content) VALUES (1, 'ann', 'and a comment');
SELECT pg_current_wal_flush_lsn() AS stop \gset
SELECT cmp_ok(document_wal(:'start', :'stop'), '>', 0::bigint, 'and so does a comment');
SELECT * FROM finish();
