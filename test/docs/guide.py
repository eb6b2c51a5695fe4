#!/usr/bin/env python3
"""The schema guide's own commands against a deployed desk: its queries, maintenance, migration template, encryption and audit
statements unchanged, then its three backup commands and what they restore. Prints TAP; runs inside test/with_pg."""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from tap import ROOT, done, equal, ok  # noqa: E402



def psql(script, where=None, stop=True):
    return subprocess.run(['psql', '-XqAt', '-d', where or database, '-f', '-', *(['-v', 'ON_ERROR_STOP=1'] if stop else [])],
                          input=script, capture_output=True, text=True)


def sql(statement, where=None):
    result = psql('SET search_path = public, ticketflow;\n' + statement, where)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return result.stdout.strip()


def runs(script, name):
    result = psql('SET search_path = public, ticketflow;\n' + script)
    ok(result.returncode == 0 and 'ERROR' not in result.stderr, name, result.stderr)
    return result.stdout.strip()


QUERIES = {
    'task listing with filters': ("""
-- Optimized with proper indexes
SELECT t.*, u.first_name, u.last_name 
FROM tasks t 
LEFT JOIN users u ON t.assignee_id = u.id 
WHERE t.status = 'open' AND t.priority = 'high'
ORDER BY t.created_at DESC 
LIMIT 50;""", '()', "SELECT LEAST(count(*), 50) FROM tasks WHERE status = 'open' AND priority = 'high'"),
    'dashboard statistics': ("""
-- Uses partial indexes for better performance
SELECT 
  COUNT(*) FILTER (WHERE status = 'open') AS open_tasks,
  COUNT(*) FILTER (WHERE status = 'in_progress') AS in_progress_tasks,
  COUNT(*) FILTER (WHERE status = 'resolved') AS resolved_tasks
FROM tasks 
WHERE assignee_id = $1;""", "('u-miriam')", 'SELECT 1'),
    'search': ("""
-- Full-text search with ranking
SELECT t.*, ts_rank(search_vector, plainto_tsquery('english', $1)) AS rank
FROM (
  SELECT *, to_tsvector('english', title || ' ' || COALESCE(description, '')) AS search_vector
  FROM tasks
) t
WHERE search_vector @@ plainto_tsquery('english', $1)
ORDER BY rank DESC, created_at DESC;""", "('printer')", "SELECT count(*) FROM tasks WHERE to_tsvector('english', title || ' ' || COALESCE(description, '')) @@ 'printer'"),
}

MAINTENANCE = """
-- Weekly vacuum and analyze
VACUUM ANALYZE;

-- Reindex search indexes monthly
REINDEX INDEX idx_tasks_search;
REINDEX INDEX idx_knowledge_search;

-- Clean old sessions daily
DELETE FROM sessions WHERE expire < NOW();

-- Archive old task history (keep 1 year)
DELETE FROM task_history WHERE created_at < NOW() - INTERVAL '1 year';

-- Update table statistics
ANALYZE tasks;
ANALYZE users;
ANALYZE knowledge_articles;
"""

MIGRATION = """
-- Example migration template
BEGIN;

-- Migration steps here
ALTER TABLE tasks ADD COLUMN new_field VARCHAR(100);
CREATE INDEX idx_tasks_new_field ON tasks(new_field);

-- Verify migration
SELECT COUNT(*) FROM tasks;

-- Commit if successful
COMMIT;
"""

ENCRYPTION = """
-- Enable encryption for sensitive columns
ALTER TABLE users ALTER COLUMN password SET STORAGE PLAIN;
ALTER TABLE api_keys ALTER COLUMN key_hash SET STORAGE PLAIN;

-- Use pgcrypto for additional encryption needs
CREATE EXTENSION IF NOT EXISTS pgcrypto;
"""

AUDIT = """
-- Enable audit logging for critical operations
CREATE OR REPLACE FUNCTION audit_trigger()
RETURNS TRIGGER AS $$
BEGIN
  INSERT INTO audit_log (table_name, operation, user_id, old_values, new_values)
  VALUES (TG_TABLE_NAME, TG_OP, current_setting('app.current_user_id'), 
          row_to_json(OLD), row_to_json(NEW));
  RETURN COALESCE(NEW, OLD);
END;
$$ LANGUAGE plpgsql;
"""

BACKUPS = """
# Full database backup
pg_dump $DATABASE_URL > backup_$(date +%Y%m%d_%H%M%S).sql

# Table-specific backups
pg_dump $DATABASE_URL -t tasks -t users > critical_tables_backup.sql

# Compressed backup
pg_dump $DATABASE_URL | gzip > backup_$(date +%Y%m%d).sql.gz
"""


def sample_desk():
    parts = sorted(glob.glob(os.path.join(ROOT, 'sql/sample/*.sql')))
    script = ''.join(open(part).read() for part in parts)
    result = psql('BEGIN; SET search_path = public, ticketflow;\n' + script + 'COMMIT;')
    if result.returncode:
        raise RuntimeError(result.stderr)


def statements():
    for name, (query, arguments, wanted) in QUERIES.items():
        prepared = f"PREPARE guide AS {query}\nEXECUTE guide{'' if arguments == '()' else arguments};"
        rows = runs(prepared, f"the guide's query runs: {name}")
        equal(str(len(re.findall(r'(?m)^', rows)) if name == 'dashboard statistics' else int(sql(f'SELECT count(*) FROM ({query.strip().rstrip(";")}) q'.replace('$1', "'printer'")))),
             sql(wanted), 'and finds what is there')
    sql("INSERT INTO sessions VALUES ('old', '{}', now() - interval '1 day'), ('new', '{}', now() + interval '1 day')")
    sql("ALTER TABLE task_history DISABLE TRIGGER USER; UPDATE task_history SET created_at = now() - interval '2 years' WHERE id = (SELECT min(id) FROM task_history); "
        "ALTER TABLE task_history ENABLE TRIGGER USER")
    runs(MAINTENANCE, 'the maintenance block runs')
    equal(sql('SELECT string_agg(sid, $$,$$) FROM sessions'), 'new', 'old sessions are gone')
    equal(sql("SELECT count(*) FROM task_history WHERE created_at < now() - interval '1 year'"), '0', 'old history too')
    runs(MIGRATION, 'the migration template runs')
    equal(sql("SELECT count(new_field) || (SELECT ' ' || indexdef FROM pg_indexes WHERE indexname = 'idx_tasks_new_field') FROM tasks"),
         '0 CREATE INDEX idx_tasks_new_field ON public.tasks USING btree (new_field)', 'and adds its column and index')
    runs(ENCRYPTION, 'the encryption block runs')
    runs(AUDIT, 'the audit function can be created as printed')
    sql("CREATE TABLE hers (a int, b text); CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON hers FOR EACH ROW EXECUTE FUNCTION audit_trigger(); "
        "SET app.current_user_id = 'u-miriam'; INSERT INTO hers VALUES (1, 'x'); UPDATE hers SET b = 'y'; DELETE FROM hers")
    equal(sql("SELECT string_agg(operation || user_id || COALESCE(old_values ->> 'b', '-') || COALESCE(new_values ->> 'b', '-'), ' ' ORDER BY id) FROM audit_log WHERE table_name = 'hers'"),
         'INSERTu-miriam-x UPDATEu-miriamxy DELETEu-miriamy-', 'and writes to the audit log of the desk')
    sql('SELECT * FROM api.search_tasks($$printer$$)')
    ok(int(sql('SELECT count(*) FROM api.search_tasks($$printer$$)')) > 0, 'the desk still searches after all that')


# What must be the same in a restored database: rows and sums of every table, its columns, indexes, triggers, policies and rights.
STATE = r"""
CREATE TEMP TABLE state (what text, value text);
-- PostgreSQL itself writes a cast elsewhere when it reads back what it printed; that is no difference.
CREATE FUNCTION pg_temp.plain(text) RETURNS text LANGUAGE sql AS $f$ SELECT regexp_replace($1, '::(character varying|text)(\[\])?|[()[:space:]]', '', 'g') $f$;
DO $$
DECLARE t record; n bigint; sum text;
BEGIN
  FOR t IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND s.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND s.nspname !~ '^pg_temp' ORDER BY c.oid::regclass::text COLLATE "C" LOOP
    EXECUTE format('SELECT count(*), md5(array_agg(md5(x::text) ORDER BY md5(x::text))::text) FROM ONLY %s x', t.name) INTO n, sum;
    INSERT INTO state VALUES ('rows ' || t.name, n || ' ' || COALESCE(sum, ''));
  END LOOP;
END $$;
INSERT INTO state SELECT 'columns ' || a.attrelid::regclass, string_agg(format('%s %s %s %s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attacl, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attname)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace::regnamespace::text IN ('public', 'api', 'report') GROUP BY a.attrelid;
INSERT INTO state SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'api', 'report');
INSERT INTO state SELECT 'constraint ' || conrelid::regclass || conname, pg_temp.plain(pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace::regnamespace::text IN ('public', 'api', 'report');
INSERT INTO state SELECT 'trigger ' || tgrelid::regclass || tgname, pg_temp.plain(pg_get_triggerdef(oid)) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal;
INSERT INTO state SELECT 'policy ' || tablename || policyname, concat_ws('|', permissive, roles::text, cmd, qual, with_check) FROM pg_policies;
INSERT INTO state SELECT 'rights ' || oid::regclass, relacl::text || relrowsecurity || relforcerowsecurity FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'api', 'report') AND relkind IN ('r', 'p', 'v', 'm', 'S');
INSERT INTO state SELECT 'function ' || oid::regprocedure, concat_ws('|', prosecdef, provolatile, proconfig, proacl, md5(prosrc), prosqlbody IS NOT NULL) FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'api', 'report') AND prokind IN ('f', 'p');
INSERT INTO state SELECT 'sequence ' || schemaname || sequencename, COALESCE(last_value::text, 'unused') FROM pg_sequences WHERE schemaname IN ('public', 'api', 'report', 'ticketflow');
INSERT INTO state SELECT 'comment ' || obj::text, description FROM (SELECT pg_describe_object(classoid, objoid, objsubid) AS obj, description FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid::regclass::text ~ '^(tasks|users|report\.)') c;
SELECT what || ' = ' || value FROM state ORDER BY 1;
"""


def state(where):
    return sql("SET timezone = 'UTC'; " + STATE, where).splitlines()


def difference(one, two):
    return '\n'.join([f'only before: {line}' for line in one if line not in set(two)][:10] + [f'only after: {line}' for line in two if line not in set(one)][:10])


def backups():
    sql("""ALTER TABLE tasks ADD COLUMN floor integer DEFAULT 3; UPDATE tasks SET floor = id % 7; CREATE INDEX her_index ON tasks (floor) WHERE floor > 2;
           CREATE TABLE her_log (n integer); CREATE FUNCTION her_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.her_log VALUES (1); RETURN NULL; END';
           CREATE TRIGGER her_trigger AFTER INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION her_count();
           INSERT INTO tasks (title, category, created_by) SELECT 'another one', 'bug', id FROM users LIMIT 1;
           UPDATE tasks SET priority = 'urgent' WHERE title = 'another one'; DELETE FROM tasks WHERE id = (SELECT max(id) FROM tasks)""")
    before = state(database)
    environment = dict(os.environ, DATABASE_URL=f"postgresql://{os.environ['PGUSER']}@/{database}?host={os.environ['PGHOST']}&port={os.environ['PGPORT']}")
    result = subprocess.run(['bash', '-euo', 'pipefail', '-c', BACKUPS], cwd=folder, env=environment, capture_output=True, text=True)
    ok(result.returncode == 0, 'the three backup commands run as printed', result.stderr)
    whole = glob.glob(os.path.join(folder, 'backup_*_*.sql'))[0]
    packed = glob.glob(os.path.join(folder, 'backup_*.sql.gz'))[0]
    for name, command in (('plain', f'cat {whole}'), ('compressed', f'zcat {packed}')):
        where = f'{database}_{name}'
        subprocess.run(['createdb', where], check=True)
        result = subprocess.run(f'{command} | psql -XqAt -v ON_ERROR_STOP=1 -d {where}', shell=True, capture_output=True, text=True)
        ok(result.returncode == 0, f'the {name} backup restores into an empty database without an error', result.stderr[:2000])
        after = state(where)
        ok(before == after, 'rows, columns, numbers, policies, rights, history and audit are as before; nothing fired', difference(before, after))
    new = "INSERT INTO tasks (title, category, created_by) SELECT 'first after', 'bug', min(id) FROM users RETURNING ticket_number, floor"
    equal(sql(new, f'{database}_plain'), sql(new), 'the next ticket gets the number that it would have had')
    equal(sql("SELECT count(*) FROM api.search_tasks('first after')", f'{database}_plain'), sql("SELECT count(*) FROM api.search_tasks('first after')"), 'and is found')
    equal(sql('SELECT count(*) FROM her_log', f'{database}_plain'), sql('SELECT count(*) FROM her_log'), 'her trigger fired once')
    result = psql('CALL ticketflow.deploy()', f'{database}_plain')
    ok(result.returncode == 0 and '0 migration(s)' in result.stderr, 'a restored desk can be deployed again', result.stderr)
    parts()


def parts():
    """-t tasks -t users: the rows and the tables, without what other tables and functions would give."""
    where = f'{database}_parts'
    file = os.path.join(folder, 'critical_tables_backup.sql')
    subprocess.run(['createdb', where], check=True)
    result = psql(open(file).read(), where, stop=False)
    errors = re.findall(r'ERROR: +(.*)', result.stderr)
    allowed = re.compile(r'(function|relation|schema|type|operator class|access method|text search configuration) .* does not exist|(trigger|policy) "\w+" for table "\w+" does not exist')
    wrong = [error for error in errors if not allowed.fullmatch(error)]
    ok(errors and not wrong, 'two tables alone restore with errors only for what they refer to', wrong)
    for table in ('tasks', 'users'):
        ordered = f"SELECT count(*), md5(string_agg(x::text, '' ORDER BY id)) FROM {table} x WHERE id::text IN (SELECT id::text FROM {table}) AND {'title' if table == 'tasks' else 'email'} <> 'first after'"
        equal(sql(ordered, where), sql(ordered), f'every row of {table} is there')
    equal(sql("SELECT relrowsecurity FROM pg_class WHERE relname = 'tasks'", where), 't', 'row level security is on, so nobody sees more than before')

    where = f'{database}_again'
    subprocess.run(['createdb', where], check=True)
    subprocess.run(['psql', '-XqAt', '-d', where, '-c', 'CREATE EXTENSION ticketflow', '-c', 'CALL ticketflow.deploy()'], check=True, capture_output=True)
    dump = subprocess.run(['pg_dump', '-d', database, '--data-only', '--disable-triggers', '-t', 'users', '-t', 'tasks', '-t', 'teams', '-t', 'organizations'], check=True, capture_output=True, text=True).stdout
    sql('ALTER TABLE tasks ADD COLUMN floor integer, ADD COLUMN new_field varchar(100)', where)
    result = psql(dump, where)
    ok(result.returncode == 0, 'their rows go into a new desk with --data-only --disable-triggers', result.stderr)
    equal(sql('SELECT count(*), (SELECT count(*) FROM task_history), (SELECT count(*) FROM audit_log) FROM tasks', where), sql('SELECT count(*), 0, 0 FROM tasks'), 'and nothing fires')
    sql('SELECT resync_ticket_numbers(); SELECT rebuild_documents()', where)
    equal(sql("SELECT count(*) FROM api.search_tasks('printer')", where), sql("SELECT count(*) FROM api.search_tasks('printer')"), 'after rebuild_documents() the desk searches them')
    number = "INSERT INTO tasks (title, category, created_by) SELECT 'next', 'bug', min(id) FROM users RETURNING ticket_number"
    equal(sql(number, where), sql(number), 'after resync_ticket_numbers() it counts on')


database = f'guide_{os.getpid()}'
subprocess.run([os.path.join(ROOT, 'test/lib/database'), 'desk', database], check=True, capture_output=True, cwd=ROOT)
sql('DROP EXTENSION pgtap')
with tempfile.TemporaryDirectory() as folder:
    sample_desk()
    statements()
    backups()
for name in ('', '_plain', '_compressed', '_parts', '_again'):
    subprocess.run(['dropdb', '--if-exists', '--force', database + name], check=False)
done()
