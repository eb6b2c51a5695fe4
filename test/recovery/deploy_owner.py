#!/usr/bin/env python3
"""deploy() by an owner who is no superuser, beside another deploy and another owner, and cut off. Prints TAP; runs inside test/with_pg."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from tap import done, ok  # noqa: E402

database, shared, owner, stranger = (f'deploy_{os.getpid()}{suffix}' for suffix in ('', '_shared', '_owner', '_stranger'))


def psql(script, user='postgres', where=database):
    return subprocess.run(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', where, '-U', user, '-f', '-'],
                          input="SET statement_timeout = '60s';\n" + script, capture_output=True, text=True)


def answer(script, user='postgres'):
    result = psql(script, user)
    return result.stdout.strip() if result.returncode == 0 else result.stderr


def objects():
    return answer("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'ticketflow')")


def deploying():
    result = psql("CALL ticketflow.deploy('acme', 'acme_api', 'acme_report')", stranger)
    ok(result.returncode != 0 and '42501' in result.stderr, 'who may not create schemas is told so', result.stderr)
    ok(objects() == '0', 'and nothing is half done', objects())
    result = psql("CALL ticketflow.deploy('acme', 'acme_api', 'acme_report')", owner)
    ok(result.returncode == 0, 'the owner of the database deploys a desk without being superuser', result.stderr)
    ok(answer("SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'acme'") == owner, 'it is hers')
    work = """SET search_path = acme, ticketflow;
        INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('a', 'a@example.com', 'admin', true, true);
        INSERT INTO tasks (title, category, created_by) VALUES ('printer jams', 'bug', 'a');
        CREATE TABLE raw (key text, title text); INSERT INTO raw VALUES ('1', 'a jammed printer');
        SELECT inserted FROM import_tasks('x', 'raw', '{"external_id": "key", "title": "title"}', defaults => '{"category": "bug"}', author => 'a');
        SET app.current_user_id = 'a'; SELECT count(*) FROM acme_api.search_tasks('printer');"""
    ok(answer(work, owner) == '1\n2', 'tickets are numbered, imported and found there', answer('SELECT 1', owner), psql(work, owner).stderr)
    result = psql("CALL ticketflow.deploy('acme', 'acme_api', 'acme_report')", owner)
    ok(result.returncode == 0 and ' 0 migration' in result.stderr, 'deploying again applies nothing', result.stderr)
    result = psql("CALL ticketflow.deploy('acme', 'acme_api', 'acme_report')", stranger)
    ok(result.returncode != 0 and '42501' in result.stderr, 'nobody else deploys over it', result.stderr)


def at_once():
    before = objects()
    first = subprocess.Popen(['psql', '-XqAt', '-d', database, '-U', owner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def deploy_and_hold():
        first.stdin.write("BEGIN; CALL ticketflow.deploy('two', 'two_api', 'two_report'); SELECT pg_backend_pid();\n")
        first.stdin.flush()
        return first.stdout.readline().strip()

    deploy_and_hold()
    result = psql("CALL ticketflow.deploy('two', 'two_api', 'two_report')", owner)
    ok(result.returncode != 0 and '55P03' in result.stderr and 'HINT' in result.stderr, 'a second deploy during a deploy is refused at once', result.stderr)
    result = psql("CALL ticketflow.deploy('three', 'three_api', 'three_report')", owner)
    ok('55P03' in result.stderr, 'of another desk too', result.stderr)
    first.stdin.write('ROLLBACK;\n')
    first.stdin.flush()
    ok(answer("SELECT to_regclass('two.tasks') IS NULL") == 't', 'a deploy rolled back leaves nothing')
    pid = deploy_and_hold()
    ok(answer(f'SELECT pg_terminate_backend({pid}, 10000)') == 't', 'a deploy is cut off before it commits')
    first.communicate()
    ok(objects() == before, 'nothing is half done', objects(), before)
    result = psql("CALL ticketflow.deploy('two', 'two_api', 'two_report')", owner)
    ok(result.returncode == 0, 'and the next deploy does it', result.stderr)
    result = psql("CALL ticketflow.deploy('four', 'four_api', 'four_report')")
    ok(result.returncode != 0 and '42501' in result.stderr, 'a superuser''s desk does not look names up in a schema of the database''s owner', result.stderr)


def two_owners():
    def run(script, user='postgres'):
        return psql(script, user, shared)

    run(f'SET standard_conforming_strings = off; CREATE EXTENSION ticketflow; GRANT CREATE ON DATABASE {shared} TO {owner}, {stranger}')
    first, second = (f"CALL ticketflow.deploy('{name}', '{name}_api', '{name}_report')" for name in ('acme', 'best'))
    result = run(first, owner)
    ok(result.returncode == 0, 'who may only create schemas has a desk', result.stderr)
    result = run(second, stranger)
    ok('42501' in result.stderr and 'ALTER EXTENSION pgcrypto SET SCHEMA ticketflow' in result.stderr,
       'a second owner does not look names up beside the first one\'s pgcrypto, and is told the way out', result.stderr)
    run('ALTER EXTENSION pgcrypto SET SCHEMA ticketflow')
    result = run(second, stranger)
    ok(result.returncode == 0, 'which lets two owners have a desk each in one database', result.stderr)
    run("""CREATE SCHEMA trap; CREATE TABLE trap.ticketflow_desk (); CREATE SCHEMA claim;
        CREATE TABLE claim.ticketflow_desk AS SELECT 'acme'::text AS api_schema, 'acme_api'::text AS report_schema""", stranger)
    result = run('SET standard_conforming_strings = off; ' + first, owner)
    ok(result.returncode == 0, 'no table of a stranger stops the next deploy, nor do backslashes that escape', result.stderr)
    result = run("CALL ticketflow.deploy('six', 'acme_api', 'six_report')", owner)
    ok('55006' in result.stderr, 'while schemas of her own other desk are refused', result.stderr)


QUOTED = '''SET search_path = "My ""Desk""", ticketflow;\n'''
WORK = """SELECT audit_seal(); SELECT count(*) FROM audit_verify(); SELECT audit_proof(1) IS NULL, audit_digest() ->> 'seal';
    UPDATE tasks SET title = 'changed'; SELECT row_as_of('tasks', jsonb_build_object('id', id), '2000-01-01') FROM tasks;
    SELECT string_agg(outcome, ',') FROM revert((SELECT max(transaction_id) FROM audit_log WHERE table_name = 'tasks'));
    SELECT revert('tasks', jsonb_build_object('id', id), now()) ->> 'title' FROM tasks;
    INSERT INTO audit_log (created_at, table_name, operation) VALUES ('2001-02-03', 'old', 'INSERT'); SELECT audit_month('audit_log', '2001-02-01');
    SELECT audit_partitions(5) > 0; CALL maintain(); SELECT string_agg(table_name, ',') FROM audit_archives; SELECT count(*) FROM audit_verify();
    UPDATE task_history SET created_at = '2001-02-03' WHERE field = 'title'; CALL partition_history(); CALL maintain(); SELECT count(*) > 0 FROM task_history_archive;"""

# Calls each function that its owner may call, with nulls where it asks for something, and reads each view; undone at once. What is
# looked for is what no argument explains: rights that the owner lacks, and names that mean something else than they should.
EACH = r"""SET client_min_messages = error; SET app.current_user_id = 'a';
    CREATE FUNCTION pg_temp.trouble(OUT called int, OUT problems text) LANGUAGE plpgsql AS $$
    DECLARE it record;
    BEGIN
      called := 0;
      FOR it IN
        SELECT p.oid::regprocedure::text AS what, format(CASE p.prokind WHEN 'p' THEN 'CALL %I.%I(%s)' ELSE 'SELECT * FROM %I.%I(%s)' END, n.nspname, p.proname,
               (SELECT string_agg(CASE WHEN p.provariadic <> 0 AND a.place = p.pronargs THEN 'VARIADIC ' ELSE '' END || 'NULL::' ||
                         CASE WHEN t.typtype = 'p' THEN 'text' ELSE a.type::regtype::text END, ', ' ORDER BY a.place)
                  FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place) JOIN pg_type t ON t.oid = a.type WHERE a.place <= p.pronargs - p.pronargdefaults)) AS statement
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('My "Desk"', 'api-x', 'Reports Y', 'ticketflow') AND p.prokind IN ('f', 'p') AND p.proname <> 'deploy' AND has_function_privilege(p.oid, 'EXECUTE')
           AND NOT p.prorettype = ANY ('{trigger,event_trigger,internal,index_am_handler}'::regtype[]) AND NOT 'internal'::regtype = ANY (p.proargtypes)
        UNION ALL
        SELECT 'view ' || c.relname, format('SELECT * FROM %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('My "Desk"', 'Reports Y', 'ticketflow') AND c.relkind = 'v'
      LOOP
        called := called + 1;
        BEGIN
          EXECUTE it.statement;
          RAISE 'undone' USING ERRCODE = 'TF000';
        EXCEPTION WHEN OTHERS THEN
          IF SQLSTATE || ' ' || SQLERRM ~ '^(42501 permission denied for|42702|3F000|XX)' THEN
            problems := concat_ws(E'\n', problems, it.what || ': ' || SQLSTATE || ' ' || SQLERRM);
          END IF;
        END;
      END LOOP;
    END $$;
    SELECT called > 300, problems FROM pg_temp.trouble();"""

# settings_key() is granted by hand, once the server has a file with the key.
REVOKED = r"""SELECT q.oid::regprocedure || ' calls ' || p.proname FROM pg_proc p JOIN pg_proc q ON q.oid <> p.oid AND q.prokind IN ('f', 'p')
     WHERE p.pronamespace = 'ticketflow'::regnamespace AND NOT has_function_privilege(p.oid, 'EXECUTE') AND p.proname <> 'settings_key'
       AND has_function_privilege(q.oid, 'EXECUTE') AND q.prorettype <> 'event_trigger'::regtype AND pg_get_functiondef(q.oid) ~ ('\m' || p.proname || '\s*\(')
       AND q.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('My "Desk"', 'api-x', 'Reports Y', 'ticketflow'))"""


def everything():
    """On a desk whose owner is no superuser, and whose names need quotes."""
    def run(script, user=owner):
        result = psql(QUOTED + script, user, shared)
        return result.stdout.strip() if result.returncode == 0 else result.stdout + result.stderr

    run("""CALL deploy('My "Desk"', 'api-x', 'Reports Y'); INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('a', 'a@example.com', 'admin', true, true);
        INSERT INTO tasks (title, category, created_by) VALUES ('printer jams', 'bug', 'a')""")
    got = run(WORK)
    ok(got == '1\n0\nf|1\n\nreverted\nprinter jams\nt\nt\naudit_log_2001_02\n0\nt', 'its owner seals, verifies, proves, looks back, reverts, archives and maintains', got)
    got = run("SET client_min_messages = error; UPDATE tasks SET title = 'again'; SELECT audit_seal() > 1; SELECT count(*) FROM audit_verify() WHERE ledger <> 'task_history'; CALL maintain()", 'postgres')
    ok(got == 't\n0', 'a superuser does it for her', got)
    got = run(REVOKED)
    ok(got == '', 'no function that she may call calls one that she may not', got)
    got = run(EACH)
    ok(got == 't|', 'every function and view of the desk can be called by her', got)


subprocess.run(['psql', '-XqAt', '-d', 'postgres', '-c', f'CREATE ROLE {owner} LOGIN', '-c', f'CREATE ROLE {stranger} LOGIN', '-c', f'CREATE DATABASE {database} OWNER {owner}', '-c', f'CREATE DATABASE {shared}',
                '-c', f'REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC'], check=True)
psql('CREATE EXTENSION ticketflow')
deploying()
at_once()
two_owners()
everything()
subprocess.run(['psql', '-XqAt', '-d', 'postgres', '-c', f'DROP DATABASE {database} WITH (FORCE)', '-c', f'DROP DATABASE {shared} WITH (FORCE)', '-c', f'DROP ROLE {owner}', '-c', f'DROP ROLE {stranger}'], check=False)
done()
