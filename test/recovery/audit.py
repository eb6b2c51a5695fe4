#!/usr/bin/env python3
"""The log of changes after kill -9 under load, on a promoted standby, and after a dump and a restore."""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

SETUP = """
CREATE EXTENSION ticketflow;
CALL ticketflow.deploy();
CREATE TABLE parcel (id serial PRIMARY KEY, n int NOT NULL DEFAULT 0, note text);
SELECT ticketflow.audit_enable('parcel');
INSERT INTO parcel (note) SELECT 'x' FROM generate_series(1, 50);
"""
WORK = """\\set k random(1, 50)
\\set way random(1, 10)
BEGIN;
UPDATE parcel SET n = n + 1 WHERE id = :k;
SAVEPOINT one;
UPDATE parcel SET note = 'never' WHERE id = :k;
ROLLBACK TO one;
INSERT INTO parcel (note) VALUES ('new');
\\if :way = 1
ROLLBACK;
\\else
COMMIT;
\\endif
"""
# A row for every committed change and none for another: the log replayed is the table.
REPLAY = """
WITH said AS (SELECT (record_key ->> 'id')::int AS id, count(*) FILTER (WHERE operation = 'UPDATE') AS updates, count(*) FILTER (WHERE operation = 'INSERT') AS inserts,
                     count(*) FILTER (WHERE new_values ->> 'note' = 'never') AS never FROM audit_log WHERE table_name = 'parcel' GROUP BY 1)
SELECT count(*) FROM parcel p FULL JOIN said s USING (id) WHERE p.id IS NULL OR s.id IS NULL OR p.n <> s.updates OR s.inserts <> 1 OR s.never > 0
"""
VERIFY = "SELECT count(*) FROM ticketflow.audit_verify()"


def main():
    with Cluster("full_page_writes = on") as primary, tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(WORK)
        script.flush()
        os.chmod(script.name, 0o644)
        primary.sql(SETUP)
        with Cluster("hot_standby = on", of=primary) as standby:
            for round_ in (1, 2):
                load = primary.background("pgbench", "-n", "-c", "6", "-T", "60", "-f", script.name, "postgres")
                before = primary.sql("SELECT count(*) FROM audit_log")
                deadline = time.time() + 30
                while time.time() < deadline and int(primary.sql("SELECT count(*) FROM audit_log")) < int(before) + 3000:
                    primary.sql("SELECT ticketflow.audit_seal()")
                primary.kill()
                load.wait()
                primary.start()
                ok(int(primary.sql("SELECT count(*) FROM audit_log")) > int(before), f"kill -9 number {round_}: changes were recorded")
                equal(primary.sql(REPLAY), "0", "every committed change has its rows, no other has any")
                equal(primary.sql(VERIFY), "0", "and what was sealed is intact")
            ok(int(primary.sql("SELECT count(*) FROM audit_seals")) > 3, "while seals were made")
            primary.sql("SELECT ticketflow.audit_seal()")
            equal(primary.sql("SELECT (SELECT sum(row_count) FROM audit_seals) - (SELECT count(*) FROM audit_log) - (SELECT count(*) FROM task_history)"), "0", "no change is in two seals or in none")
            wanted = primary.sql("SELECT pg_current_wal_lsn()")
            deadline = time.time() + 30
            while time.time() < deadline and standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'") != "t":
                time.sleep(0.1)
            equal(standby.sql(VERIFY), "0", "a standby verifies too")
            primary.stop("immediate")
            standby.promote()
            standby.sql("UPDATE parcel SET n = n + 1; SELECT ticketflow.audit_seal();")
            equal(standby.sql(REPLAY), "0", "a promoted standby goes on recording")
            equal(standby.sql(VERIFY), "0", "and sealing")
            dump = f"{standby.folder}/dump.sql"
            standby.command("pg_dump", "-f", dump, "postgres")
            counts = "SELECT (SELECT count(*) FROM audit_log), (SELECT count(*) FROM task_history), (SELECT count(*) FROM parcel), (SELECT count(*) FROM audit_seals)"
            before = standby.sql(counts)
            standby.sql("CREATE DATABASE again")
            standby.command("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "again", "-f", dump)
            equal(standby.sql(counts, "again"), before, "a restore fires no trigger twice")
            equal(standby.sql(VERIFY, "again"), "0", "and its seals hold")
            standby.sql("UPDATE parcel SET n = n + 1; SELECT ticketflow.audit_seal();", "again")
            equal(standby.sql(VERIFY, "again"), "0", "also after new changes are sealed")
            with Cluster() as other:
                other.command("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", dump)
                equal(other.sql(VERIFY), "0", "seals hold in another cluster, whose transaction ids begin anew")
                other.sql("UPDATE parcel SET n = n + 1; SELECT ticketflow.audit_seal();")
                equal(other.sql("SELECT (SELECT sum(row_count) FROM audit_seals) - (SELECT count(*) FROM audit_log) - (SELECT count(*) FROM task_history)"), "0", "where sealing goes on without a gap")
                equal(other.sql(VERIFY), "0", "and verifies")
    done()


main()
