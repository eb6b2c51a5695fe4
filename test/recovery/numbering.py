#!/usr/bin/env python3
"""Ticket numbers under 32 clients, aborts, savepoints, kill -9, a promoted standby, prepared transactions and a restore.

The tables that count have no unique index: a number given out twice would stay and be seen.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

SETUP = """
CREATE EXTENSION ticketflow;
CALL ticketflow.deploy();
CALL ticketflow.deploy('acme', 'acme_api', 'acme_report');
INSERT INTO ticketflow.ticket_series (prefix, mode) VALUES ('GAP', 'gapless');
CREATE SCHEMA shop;
CREATE TABLE shop.fast (number text, by_client int);
CREATE TABLE shop.gapless (number text, by_client int);
CREATE TABLE shop.late (number text, by_client int);
CREATE TRIGGER number BEFORE INSERT ON shop.fast FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('number', 'FAST');
CREATE TRIGGER number BEFORE INSERT ON shop.gapless FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('number', 'GAP');
INSERT INTO ticketflow.ticket_series (prefix, mode) VALUES ('LATE', 'gapless');
CREATE TRIGGER number BEFORE INSERT ON shop.late FOR EACH ROW EXECUTE FUNCTION ticketflow.number_trigger('number', 'LATE');
CREATE CONSTRAINT TRIGGER settle AFTER INSERT ON shop.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (ticketflow.numbers_pending()) EXECUTE FUNCTION ticketflow.number_settle_trigger('number', 'LATE');
INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('u1', 'u1@example.org', 'user', true, true);
INSERT INTO acme.users (id, email, role, is_active, is_approved) VALUES ('u1', 'u1@example.org', 'user', true, true);
"""
BULK = "INSERT INTO shop.fast (by_client) SELECT :client_id FROM generate_series(1, 60);\n"
MIXED = """\\set way random(1, 10)
BEGIN;
INSERT INTO shop.fast (by_client) SELECT :client_id FROM generate_series(1, 3);
SAVEPOINT one;
INSERT INTO shop.fast (by_client) VALUES (:client_id);
\\if :way <= 4
ROLLBACK TO one;
INSERT INTO shop.fast (by_client) VALUES (:client_id);
\\endif
\\if :way = 5
ROLLBACK;
\\else
COMMIT;
\\endif
"""
GAPLESS = """\\set way random(1, 10)
BEGIN;
INSERT INTO shop.late (by_client) SELECT :client_id FROM generate_series(1, :way % 3);
SAVEPOINT one;
INSERT INTO shop.gapless (by_client) VALUES (:client_id);
INSERT INTO shop.late (by_client) VALUES (:client_id);
\\if :way <= 3
ROLLBACK TO one;
INSERT INTO shop.gapless (by_client) VALUES (:client_id);
\\endif
\\if :way = 5
ROLLBACK;
\\else
COMMIT;
\\endif
"""
PLACE = "split_part({}, '-', 3)::bigint"
DESK = "INSERT INTO {}tasks (title, category, created_by) VALUES ('The printer is on fire', 'bug', 'u1');\n"


def numbers_are_unique(server, table, name):
    rows, distinct = server.sql(f"SELECT count(*), count(DISTINCT number) FROM {table}").split("|")
    ok(rows == distinct and int(rows) > 0, f"{name}: {rows} rows, no number twice", f"{distinct} distinct numbers")
    return int(rows)


def no_gap(server, table, name):
    rows, largest, odd = server.sql(f"SELECT count(*), max((ticketflow.parse_ticket_number(number)).number), "
                                    f"count(*) FILTER (WHERE number NOT LIKE '%-%-%' OR number LIKE 'pending%') FROM {table}").split("|")
    ok(rows == largest and odd == "0" and int(rows) > 0, f"{name}: {rows} rows, no gap", f"largest {largest}, without a number {odd}")


class Load:
    """pgbench with 32 clients on all the scripts at once: so many transactions each, or until it is killed."""

    def __init__(self, server, folder, scripts, transactions=10**9):
        words = ["pgbench", "-n", "-c", "32", "-j", "2", "-t", str(transactions)]
        for name, (text, weight) in scripts.items():
            with open(f"{folder}/{name}.sql", "w") as script:
                script.write(text)
            words += ["-f", f"{folder}/{name}.sql@{weight}"]
        self.run = server.background(*words)

    def wait(self):
        return self.run.communicate()[0]


# One transaction of each kind has been committed, and many of most.
WELL_ON_THE_WAY = "SELECT (SELECT count(*) FROM shop.fast) > {} AND EXISTS (SELECT FROM shop.gapless) AND EXISTS (SELECT FROM shop.late) "\
                  "AND EXISTS (SELECT FROM tasks) AND EXISTS (SELECT FROM acme.tasks)"
ALL = {"bulk": (BULK, 4), "mixed": (MIXED, 3), "gapless": (GAPLESS, 3), "desk": (DESK.format(""), 1), "acme": (DESK.format("acme."), 1)}


def crash(server, folder):
    load = Load(server, folder, ALL)
    server.wait_for(WELL_ON_THE_WAY.format(50_000), 300)
    server.kill()
    load.wait()
    server.start()
    seen = server.sql("SELECT count(*) FROM shop.fast")
    ok(int(seen) > 50_000, f"kill -9 in mid-run: {seen} rows had been committed")
    output = Load(server, folder, ALL, 100).wait()
    ok("aborted" not in output, "after the restart every client goes on", output)
    for table in ("shop.fast", "shop.gapless", "shop.late"):
        numbers_are_unique(server, table, f"after kill -9, {table}")
    for table in ("shop.gapless", "shop.late"):
        no_gap(server, table, f"after kill -9, {table}")
    own = server.sql("SELECT min(ticket_number) FROM tasks"), server.sql("SELECT min(ticket_number) FROM acme.tasks")
    equal(own[0], own[1], "two desks count independently")


def a_million(server, folder):
    missing = 1_000_000 - int(server.sql("SELECT count(*) FROM shop.fast"))
    big = "INSERT INTO shop.fast (by_client) SELECT :client_id FROM generate_series(1, 400);\n"
    # Nine of ten transactions are big, by lot: an eighth more makes up for bad luck.
    Load(server, folder, {"big": (big, 9), "mixed": (MIXED, 1)}, missing // (32 * 320) + 1).wait()
    rows = numbers_are_unique(server, "shop.fast", "32 clients")
    ok(rows >= 1_000_000, "in a million numbers", rows)


def bulk(server):
    for table, prefix in (("fast", "FAST"), ("gapless", "GAP"), ("late", "LATE")):
        before = int(server.sql(f"SELECT last_number FROM ticketflow.ticket_counters WHERE prefix = '{prefix}'"))
        server.sql(f"INSERT INTO shop.{table} (by_client) SELECT -10 FROM generate_series(1, 100000)")
        server.sql(f"COPY shop.{table} (by_client) FROM PROGRAM 'yes -- -11 | head -100000'")
        found = server.sql(f"SELECT count(*), count(DISTINCT number), max({PLACE.format('number')}) "
                           f"FROM shop.{table} WHERE by_client IN (-10, -11)").split("|")
        ok(found[:2] == ["200000", "200000"] and int(found[2]) == before + 200000,
           f"100,000 rows in one INSERT and in one COPY, shop.{table}", f"{found}, {before} before")


def bulk_on_a_desk(server):
    last = int(server.sql("SELECT max(last_number) FROM acme.ticket_counters"))
    # With everything that a desk does for a ticket, and more of them with the number trigger alone, which fires always.
    for rows, setting, note in ((5000, "", ""), (100000, "SET session_replication_role = replica;", ", other triggers off")):
        server.sql(f"{setting} INSERT INTO acme.tasks (title, category, created_by) SELECT 'bulk {rows}', 'bug', 'u1' FROM generate_series(1, {rows})")
        server.sql(f"{setting} COPY acme.tasks (title, category, created_by) FROM PROGRAM 'yes bulk {rows},bug,u1 | head -{rows}' (FORMAT csv)")
        found = server.sql(f"SELECT count(*), count(DISTINCT ticket_number), max({PLACE.format('ticket_number')}) "
                           f"FROM acme.tasks WHERE title = 'bulk {rows}'").split("|")
        last += 2 * rows
        equal(found, [str(2 * rows), str(2 * rows), str(last)], f"{rows} tickets in one INSERT and in one COPY{note}: numbers without a gap")


def promotion(primary, folder):
    with Cluster(of=primary) as standby:
        ok("-" in standby.sql("SELECT ticketflow.peek_ticket_number('FAST')"), "a standby can peek")
        refused = standby.sql("\\set VERBOSITY verbose\nSELECT ticketflow.next_ticket_number('FAST')", check=False)
        ok("25006" in refused, "but takes no number (25006)", refused)
        rows = int(primary.sql("SELECT count(*) FROM shop.fast"))
        load = Load(primary, folder, ALL)
        # Both are in the middle of it: what the standby shows it has replayed.
        for server in (primary, standby):
            server.wait_for(WELL_ON_THE_WAY.format(rows + 20_000), 300)
        primary.kill()
        load.wait()
        standby.promote()
        output = Load(standby, folder, ALL, 100).wait()
        ok("aborted" not in output, "a promoted standby goes on", output)
        for table in ("shop.fast", "shop.gapless", "shop.late"):
            numbers_are_unique(standby, table, f"after promotion, {table}")
        for table in ("shop.gapless", "shop.late"):
            no_gap(standby, table, f"after promotion, {table}")
        primary.start()


def prepared(server):
    server.sql("BEGIN; INSERT INTO shop.fast VALUES (NULL, -1); INSERT INTO shop.gapless VALUES (NULL, -1);"
               "INSERT INTO shop.late VALUES (NULL, -1); PREPARE TRANSACTION 'one'")
    server.kill()
    server.start()
    server.sql("INSERT INTO shop.fast VALUES (NULL, -2)")
    ok(True, "a prepared transaction does not hold up a fast series")
    waits = server.sql("SET lock_timeout = '300ms'; INSERT INTO shop.gapless VALUES (NULL, -2)", check=False)
    ok("lock timeout" in waits, "a gapless one waits for it, also after a crash", waits)
    server.sql("ROLLBACK PREPARED 'one'")
    server.sql("BEGIN; INSERT INTO shop.gapless VALUES (NULL, -3); INSERT INTO shop.late VALUES (NULL, -3); PREPARE TRANSACTION 'two'")
    server.sql("COMMIT PREPARED 'two'; INSERT INTO shop.gapless VALUES (NULL, -4); INSERT INTO shop.late VALUES (NULL, -4)")
    for table in ("shop.gapless", "shop.late"):
        no_gap(server, table, f"after prepared transactions, {table}")
    numbers_are_unique(server, "shop.fast", "after prepared transactions, shop.fast")


def restore(server, folder):
    before = server.sql("SELECT ticketflow.next_ticket_number('FAST'), ticketflow.next_ticket_number('GAP')")
    state = "SELECT count(*), count(DISTINCT ticket_number), md5(string_agg(ticket_number, ',' ORDER BY id)) FROM {}"
    wanted = [server.sql(state.format(table)) for table in ("tasks", "acme.tasks")]
    dump = server.command("pg_dump", "-Fc", "-f", f"{folder}/dump", "postgres")
    server.sql("CREATE DATABASE again")
    server.command("pg_restore", "--exit-on-error", "-d", "again", f"{folder}/dump")
    equal([server.sql(state.format(table), "again") for table in ("tasks", "acme.tasks")], wanted, "a restored database has the same numbers" + dump)
    after = server.sql("SELECT ticketflow.next_ticket_number('FAST'), ticketflow.next_ticket_number('GAP')", "again")
    step = [int(a.rsplit("-", 1)[1]) - int(b.rsplit("-", 1)[1]) for a, b in zip(after.split("|"), before.split("|"))]
    equal(step, [1, 1], "and goes on where the other was")
    equal(server.sql(DESK.format("acme.")[:-2] + " RETURNING ticket_number LIKE 'TKT-%'", "again"), "t", "on a desk too")
    same = server.sql("SELECT prefix, mode, is_default FROM acme.ticket_series", "again")
    equal(same, server.sql("SELECT prefix, mode, is_default FROM acme.ticket_series"), "series are the desk's own data")


def main():
    with tempfile.TemporaryDirectory() as folder, Cluster() as server:
        server.sql(SETUP)
        crash(server, folder)
        promotion(server, folder)
        prepared(server)
        restore(server, folder)
        a_million(server, folder)
        bulk(server)
        bulk_on_a_desk(server)
    done()


if __name__ == "__main__":
    main()
