#!/usr/bin/env python3
"""A desk with its log through pg_dump: whole, and its structure first and its rows after it; with the history in one table and by month."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

SETUP = """
CREATE ROLE lender;
CREATE EXTENSION ticketflow;
CALL ticketflow.deploy();
INSERT INTO users (id, email, role, is_approved) VALUES ('ada', 'ada@x.test', 'admin', true);
INSERT INTO tasks (title, category, created_by) SELECT 'Printer ' || n, 'bug', 'ada' FROM generate_series(1, 20) n;
INSERT INTO task_history (task_id, user_id, field, old_value, change_type, created_at)
  SELECT 1, 'ada', 'priority', n::text, 'updated', now() - n * interval '1 day' FROM generate_series(1, 100) n;
DELETE FROM task_history WHERE created_at < now() - interval '80 days';
CREATE TABLE parcel (id serial PRIMARY KEY, weight int, note text, gone text);
SELECT ticketflow.audit_enable('parcel', redact => '{note}');
INSERT INTO parcel (weight, note, gone) SELECT n, 'secret', 'former ' || n FROM generate_series(1, 20) n;
CREATE TABLE then_at AS SELECT clock_timestamp() AS at;
ALTER TABLE parcel DROP COLUMN gone;
ALTER TABLE parcel ALTER weight TYPE numeric(8,2), ADD COLUMN colour text;
UPDATE parcel SET weight = weight + 0.5, colour = 'red';
DELETE FROM parcel WHERE id > 15;
CREATE SCHEMA depot AUTHORIZATION lender;
CREATE TABLE depot.crate (id int PRIMARY KEY, v text);
ALTER TABLE depot.crate OWNER TO lender;
SELECT ticketflow.audit_enable('depot.crate');
INSERT INTO depot.crate VALUES (1, 'a');
SELECT ticketflow.audit_seal();
UPDATE tasks SET status = 'in_progress' WHERE id <= 10;
"""
# What a reader of the log is told: all rows, their seals, and the rows as they were.
STATE = """
SET timezone = 'UTC';
SELECT 'log', count(*), md5(string_agg(l::text, ',' ORDER BY id)) FROM audit_log l;
SELECT 'history', count(*), md5(string_agg(h::text, ',' ORDER BY id)) FROM history_trail h;
SELECT 'archive', count(*), md5(string_agg(a::text, ',' ORDER BY id)) FROM task_history_archive a;
SELECT 'seals', count(*), md5(string_agg(s::text, ',' ORDER BY id)) FROM audit_seals s;
SELECT id, ticketflow.row_as_of('parcel', jsonb_build_object('id', id), at) FROM generate_series(1, 20) id, then_at;
SELECT t FROM ticketflow.audit_tables t WHERE t::text LIKE '%parcel%' OR t::text LIKE '%crate%' ORDER BY t::text;
SELECT c FROM audit_consents c;
"""
VERIFY = "SELECT * FROM ticketflow.audit_verify()"
# Numbers go on behind the restored ones, and what is new is sealed with what was not sealed yet.
GO_ON = "UPDATE parcel SET weight = 1 WHERE id = 1; UPDATE tasks SET priority = 'high' WHERE id = 1; SELECT ticketflow.audit_seal();"
UNSEALED = "SELECT (SELECT sum(row_count) FROM audit_seals) - (SELECT count(*) FROM audit_log) - (SELECT count(*) FROM history_trail)"


# Of another owner: recorded only where the consent to it is there.
LENT = "SET ROLE lender; UPDATE depot.crate SET v = v || '!'; RESET ROLE; SELECT count(*) FROM audit_log WHERE table_name = 'crate'"


def restore(server, name, *files):
    server.sql(f"CREATE DATABASE {name}")
    for file in files:
        server.command("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", name, "-f", file)


def check(server, name, wanted, how):
    equal(server.sql(STATE, name), wanted, f"{how}: rows, seals and the past are the same")
    equal(server.sql(VERIFY, name), "", "and verify")
    before = int(server.sql("SELECT count(*) FROM audit_log", name))
    ok(server.sql(GO_ON, name) != "", "what comes after it is sealed")
    equal(server.sql("SELECT count(*) FROM audit_log", name), str(before + 2), "each change has its row")
    equal(server.sql(LENT, name), "2", "another owner's table is recorded as before")
    ok(server.sql("SELECT ticketflow.audit_seal()", name) != "", "which is sealed, too")
    equal(server.sql(UNSEALED, name), "0", "each row is in one seal")
    equal(server.sql(VERIFY, name), "", "and all of it verifies")


def main():
    with Cluster() as server:
        server.sql(SETUP)
        for which, make in (("one", ""), ("by_month", "CALL partition_history()")):
            server.sql(make or "SELECT 1")
            equal(server.sql(VERIFY), "", f"history {which}: the desk verifies")
            wanted = server.sql(STATE)
            ok("former 20" in wanted and "[redacted]" in wanted, "former columns and rows are seen")
            whole, structure, rows = (f"{server.folder}/{which}.{part}.sql" for part in ("whole", "structure", "rows"))
            server.command("pg_dump", "-f", whole, "postgres")
            server.command("pg_dump", "-s", "-f", structure, "postgres")
            server.command("pg_dump", "-a", "--disable-triggers", "-f", rows, "postgres")
            restore(server, f"whole_{which}", whole)
            check(server, f"whole_{which}", wanted, f"history {which}, one dump")
            restore(server, f"parts_{which}", structure, rows)
            check(server, f"parts_{which}", wanted, f"history {which}, structure first and rows after it")
            equal(server.sql("SELECT relkind FROM pg_class WHERE oid = 'task_history'::regclass", f"parts_{which}"), "p" if make else "r", "history is kept as it was")
        equal(server.sql("SELECT tableoid::regclass = to_regclass('task_history_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) FROM task_history ORDER BY id DESC LIMIT 1", "parts_by_month"),
              "t", "a change after the restore is written to its month")
    done()


main()
