#!/usr/bin/env python3
"""A ticketflow index under kill -9, on a hot standby, and after its promotion: never a wrong row, never a damaged index.

ROUNDS: how many crashes (default 3)."""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import search_oracle  # noqa: E402
from cluster import Cluster  # noqa: E402
from search_oracle import FUNCTIONS  # noqa: E402
from tap import done, equal, ok  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SETTINGS = """shared_buffers = 32MB
checkpoint_timeout = 30s
autovacuum = off
max_standby_streaming_delay = 60s
"""

SETUP = """
CREATE EXTENSION ticketflow; ALTER DATABASE postgres SET search_path = ticketflow, public; SET search_path = ticketflow, public;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(300, random()))::int, ' ')) FROM generate_series(1, n));
INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 2000) i;
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 4);
""" + FUNCTIONS
WRITE = """SET search_path = ticketflow, public; SET client_min_messages = error;
INSERT INTO d (document) SELECT words(5 + (random() * 40)::int) FROM generate_series(1, 60);
UPDATE d SET document = words(12) WHERE id IN (SELECT id FROM d ORDER BY random() LIMIT 10);
DELETE FROM d WHERE id IN (SELECT id FROM d ORDER BY random() LIMIT 40);"""


def load(server, stop, sql):
    while not stop.is_set():
        server.sql(sql, check=False)


def busy(server, seconds):
    stop = threading.Event()
    threads = [threading.Thread(target=load, args=(server, stop, sql)) for sql in
               (WRITE, WRITE, "VACUUM d", "SELECT pg_sleep(0.2); SELECT ticketflow.bm25_merge('d_rank')")]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    return stop, threads


def end(stop, threads):
    stop.set()
    for thread in threads:
        thread.join()


def verify(server, what):
    search_oracle.verify(server, equal, what)


def crashes(server):
    for i in range(ROUNDS):
        stop, threads = busy(server, random.uniform(0.3, 1))
        found = [server.sql("SELECT lost_or_invented()") for _ in range(3)]
        equal(found, ["0"] * 3, f"before crash {i + 1}: no row lost or invented while others write, vacuum and merge")
        server.kill()
        end(stop, threads)
        server.start()
        verify(server, f"crash {i + 1}")
        server.sql("VACUUM d")
    verify(server, "after VACUUM")
    ok("PANIC" not in server.log(), "no PANIC")


def unlogged(server):
    server.sql("CREATE UNLOGGED TABLE u (document tsvector); CREATE INDEX u_rank ON u USING ticketflow (document); "
               "INSERT INTO u SELECT words(9) FROM generate_series(1, 100); CHECKPOINT")
    server.kill()
    server.start()
    equal(server.sql("SET enable_seqscan = off; SELECT count(*) FROM u WHERE document @@ 'w1'"), "0", "an unlogged index is empty after a crash")
    server.sql("INSERT INTO u SELECT words(9) FROM generate_series(1, 100)")
    equal(server.sql("SELECT count(*) FROM bm25_check('u_rank')"), "0", "and works")


def reading(replica, seconds):
    """What a standby answers while the primary writes and merges: right answers, clear refusals, and anything else."""
    answers, refusals, wrong, deadline = 0, 0, [], time.time() + seconds
    while time.time() < deadline:
        got = replica.sql("SELECT lost_or_invented()", check=False)
        if got == "0":
            answers += 1
        elif "changed while the query was reading it" in got or "conflict with recovery" in got:
            refusals += 1
        else:
            wrong.append(got)
    return answers, refusals, wrong


def standby(primary, replica):
    stop, threads = busy(primary, 0)
    answers, refusals, wrong = reading(replica, 8)
    end(stop, threads)
    view = replica.sql("SELECT index FROM bm25_indexes", check=False)
    equal(view, "d_rank", "bm25_indexes on a standby lists what can be read there, and does not fail by an unlogged index")
    for asked in ("bm25_stats('u_rank')", "bm25_check('u_rank')", "bm25_score('u_rank', 'w1', 'w1')"):
        said = replica.sql(f"\\set VERBOSITY verbose\nSELECT * FROM {asked}", check=False)
        ok("55000" in said and "during recovery" in said, f"{asked} of an unlogged index is refused on a standby", said)
    ok(answers > 0 and not wrong, f"standby during merges: {answers} right answers, {refusals} clear refusals, none wrong", wrong[:2])
    ok("55000" in replica.sql("\\set VERBOSITY verbose\nSELECT bm25_merge('d_rank')", check=False), "bm25_merge is refused on a standby")
    primary.kill()
    replica.promote()
    verify(replica, "promoted standby")
    replica.sql("VACUUM d; INSERT INTO d (document) SELECT words(9) FROM generate_series(1, 300); SELECT bm25_merge('d_rank')")
    verify(replica, "promoted standby, written to")
    ok("inconsistent page" not in replica.log() and "PANIC" not in replica.log(), "replay gives the primary's pages (wal_consistency_checking)")


def main():
    with Cluster(SETTINGS + "wal_consistency_checking = 'generic'") as primary:
        primary.sql(SETUP)
        verify(primary, "before")
        crashes(primary)
        unlogged(primary)
        with Cluster(SETTINGS, of=primary) as replica:
            standby(primary, replica)
    done()


main()
