#!/usr/bin/env python3
"""What sessions do to one ticketflow index beside each other: inserts go on while a merge stands still, a cursor outlives merges,
and a cancelled flush leaves nothing behind."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import search_oracle  # noqa: E402
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

SETUP = """
CREATE EXTENSION ticketflow; ALTER DATABASE postgres SET search_path = ticketflow, public; SET search_path = ticketflow, public;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector) WITH (autovacuum_enabled = off);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(20000, random()))::int, ' ')) FROM generate_series(1, n));
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 65536);
""" + search_oracle.FUNCTIONS

# VACUUM's longest pause after its first page: the merge in it goes on for a minute at least, and holds no lock of the server's while it sleeps.
SLOW_VACUUM = ["psql", "-XqAt", "-c", "SET vacuum_cost_limit = 1", "-c", "SET vacuum_cost_delay = '100ms'", "-c", "VACUUM d"]


def insert_beside_merge(server):
    """Three segments of one size, the third still pending, and nothing for VACUUM to do in the table: VACUUM merges them at once."""
    for _ in range(3):
        server.sql("VACUUM d; INSERT INTO d (document) SELECT words(40) FROM generate_series(1, 10000)")
    server.sql("VACUUM (INDEX_CLEANUP off) d; ALTER INDEX d_rank SET (pending_pages = 1)")
    vacuum = server.background(*SLOW_VACUUM)
    merging = """EXISTS (SELECT FROM pg_stat_progress_vacuum JOIN pg_stat_activity USING (pid) JOIN pg_locks l USING (pid)
                 WHERE phase = 'cleaning up indexes' AND l.locktype = 'page' AND l.granted"""
    server.wait_for(f"SELECT {merging} AND wait_event = 'VacuumDelay')")
    segments = server.sql("SELECT segments FROM bm25_stats('d_rank')")
    insert = "INSERT INTO d (document) SELECT words(30) FROM generate_series(1, 20); "
    server.sql("SET statement_timeout = '20s'; " + insert * 20, check=False)
    seen = (server.sql(f"SELECT {merging})"), server.sql("SELECT count(*) FROM d"), segments, server.sql("SELECT segments FROM bm25_stats('d_rank')"))
    found = (server.sql("SELECT count(*) FROM (SELECT FROM d WHERE document @@ 'w1' ORDER BY document <@> 'w1') x"),
             server.sql("SELECT count(*) FROM d WHERE (document @@ 'w1') IS TRUE"))
    server.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_progress_vacuum")
    ok("canceling statement" in vacuum.communicate()[0], "the merge is cancelled")
    return seen, found


def merges(server):
    seen, found = insert_beside_merge(server)
    equal(seen, ("t", "30400", "3", "3"), "inserts commit while a merge of three segments stands still")
    equal(*found, "and are found")
    search_oracle.verify(server, equal, "after the cancelled merge")
    server.sql("VACUUM d")
    equal(server.sql("SELECT segments < 3 FROM bm25_stats('d_rank')"), "t", "the next VACUUM merges")
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
