#!/usr/bin/env python3
"""What sessions do to one ticketflow index beside each other: inserts go on while a merge stands still, a cursor outlives merges,
and a cancelled flush leaves nothing behind."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import search_oracle  # noqa: E402
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

SETUP = """
CREATE EXTENSION ticketflow; ALTER DATABASE postgres SET search_path = ticketflow, public; SET search_path = ticketflow, public;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector) WITH (autovacuum_enabled = off); CREATE TABLE other (i int);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(3000, random()))::int, ' ')) FROM generate_series(1, n));
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 1);
""" + search_oracle.FUNCTIONS
ATTEMPTS = 20


def state(pid):
    with open(f"/proc/{pid}/stat") as line:
        return line.read().rsplit(")", 1)[1].split()[0]


def finishes(server, sql, seconds, late):
    """Whether it ends by itself; otherwise it is cancelled when what it waits for goes on, and is one of the late."""
    run = server.background("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", f"SET statement_timeout = '{seconds - 1}s'; {sql}")
    try:
        return run.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        late.append(run)
        return False


def insert_beside_merge(server):
    """Stops a session in the middle of its merge, holding the maintenance lock, then inserts. A session that is stopped just while it
    holds a lock of the server itself (say, of the WAL) stops everybody: that is no answer, and it is tried again. So is, twice, one that inserts
    wait for: it may be stopped just while it writes the page that they need."""
    stuck = 0
    for attempt in range(ATTEMPTS):
        server.sql("INSERT INTO d (document) SELECT words(40) FROM generate_series(1, 30000)")
        merge = server.background("psql", "-XqAt", "-c", "SELECT pg_backend_pid()", "-c", "SELECT ticketflow.bm25_merge('d_rank')")
        pid = int(merge.stdout.readline())
        server.wait_for("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'page' AND granted AND relation = 'd_rank'::regclass)"
                        f" OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})", 10)
        try:
            time.sleep(0.05 + 0.01 * attempt)
            os.kill(pid, signal.SIGSTOP)
            while state(pid) not in "TZ":
                time.sleep(0.001)
        except (ProcessLookupError, FileNotFoundError):
            merge.wait()
            return "the merge ended before it was stopped"
        late = []
        try:
            if not finishes(server, "INSERT INTO other VALUES (1)", 2, late):
                continue
            if server.sql(f"SELECT count(*) FROM pg_locks WHERE locktype = 'page' AND granted AND pid = {pid}") != "1":
                continue
            before = server.sql("SELECT count(*) FROM d")
            inserted = finishes(server, "INSERT INTO d (document) SELECT words(30) FROM generate_series(1, 20); " * 20, 10, late)
            if not inserted and stuck < 2:
                stuck += 1
                continue
            return (inserted, int(server.sql("SELECT count(*) FROM d")) - int(before),
                    server.sql("SELECT count(*) FROM (SELECT FROM d WHERE document @@ 'w1' ORDER BY document <@> 'w1') x") ==
                    server.sql("SELECT count(*) FROM d WHERE (document @@ 'w1') IS TRUE"), state(pid))
        finally:
            os.kill(pid, signal.SIGCONT)
            for run in [merge, *late]:
                run.wait()
    return "never stopped at a harmless place"


def merges(server):
    equal(insert_beside_merge(server), (True, 400, True, "T"), "inserts commit, and are found, while a merge stands still")
    search_oracle.verify(server, equal, "after the merge")


def own_cursor(server):
    """Pages of what a merge replaced wait for this session's own cursors, also on a temporary table, which no other session sees."""
    fill = "INSERT INTO t SELECT to_tsvector('simple', 'x word' || g || repeat(' z', g % 20)) FROM generate_series({}, {}) g; "
    script = ("SET search_path = ticketflow, public; CREATE TEMP TABLE t (document tsvector); " + fill.format(1, 20000) +
              "CREATE INDEX ti ON t USING ticketflow (document); " + fill.format(20001, 22000) +
              "\nBEGIN;\nDECLARE c CURSOR FOR SELECT document <@> 'x' FROM t ORDER BY document <@> 'x';\nMOVE 2 FROM c;\nSELECT bm25_merge('ti') \\g /dev/null\n")
    # Other sessions' transactions move the horizon on.
    script += "\\! psql -XqAt -c 'SELECT txid_current()' -c 'SELECT txid_current()' > /dev/null\n" * 2
    script += "SELECT bm25_merge('ti');\n" + fill.format(30001, 36000) + "\n\\set ECHO_HIDDEN off\n\\unset QUIET\nMOVE ALL FROM c;\n"
    answer = server.sql(script, check=False)
    equal(answer.splitlines()[-1:], ["MOVE 21998"], "a cursor on a temporary table reads on after merges and inserts", answer)


def cancelled_flush(server):
    server.sql("CREATE TABLE st (id serial PRIMARY KEY, body tsvector); CREATE INDEX st_i ON st USING ticketflow (body) WITH (pending_pages = 65536); "
               "INSERT INTO st (body) SELECT to_tsvector('simple', 'a b c d e f w' || g || ' x' || g || ' y' || g) FROM generate_series(1, 60000) g; "
               "ALTER INDEX st_i SET (pending_pages = 64)")
    answer = server.sql("SET statement_timeout = '20ms'; INSERT INTO st (body) VALUES ('q')", check=False)
    ok("statement timeout" in answer, "a flush is cancelled", answer)
    server.sql("INSERT INTO st (body) SELECT 'q'::tsvector FROM generate_series(1, 400)")
    server.sql("SELECT bm25_merge('st_i')")
    equal(server.sql("SELECT pending_rows, segments FROM bm25_stats('st_i')"), "0|1", "then bm25_merge leaves one segment and nothing waiting")


def main():
    with Cluster("autovacuum = off\n") as server:
        server.sql(SETUP)
        merges(server)
        own_cursor(server)
        cancelled_flush(server)
    done()


main()
