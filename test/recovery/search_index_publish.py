#!/usr/bin/env python3
"""A ticketflow index recovered to just before and just after each WAL record that changes its first page.

These records publish: a new pending page, a sealed list, a segment, a merge, dead rows, pages that are free again. A crash between
two of them leaves what recovery to that point gives. A base backup is recovered to each, ends its recovery there as after a
crash, ranks like an exhaustive sort, and works on.
POINTS: how many of the records are tried, spread evenly (default 24), or "all"."""
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import search_oracle  # noqa: E402
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

POINTS = os.environ.get("POINTS", "24")
SETTINGS = "autovacuum = off\nwal_keep_size = 1GB\ncheckpoint_timeout = 1h\nmax_wal_size = 4GB\n"
SETUP = """
CREATE EXTENSION ticketflow; ALTER DATABASE postgres SET search_path = ticketflow, public; SET search_path = ticketflow, public;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(300, random()))::int, ' ')) FROM generate_series(1, n));
SELECT setseed(0.5); INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 500) i;
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 2);
""" + search_oracle.FUNCTIONS
INSERT = ["INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 40) i"]
# Each is a transaction of its own. Inserts make more segments than one of them merges at once.
WORK = INSERT * 8 + ["DELETE FROM d WHERE id % 3 = 0", "VACUUM d", "UPDATE d SET document = words(9) WHERE id % 50 = 1",
                     "SELECT bm25_merge('d_rank')", "BEGIN; INSERT INTO d (document) SELECT words(30) FROM generate_series(1, 120); ROLLBACK",
                     "VACUUM d", "REINDEX INDEX d_rank"] + INSERT * 3 + ["VACUUM d"]
AGAIN = "INSERT INTO d (document) SELECT words(20) FROM generate_series(1, 150); VACUUM d; SELECT bm25_merge('d_rank')"


class Recovered(Cluster):
    """A copy of a base backup, recovered to a record of the primary's WAL and then opened."""

    def __init__(self, backup, primary, record, inclusive):
        open(f"{backup}/recovery.signal", "a").close()
        super().__init__(f"hot_standby = off\nrestore_command = 'cp {primary.folder}/data/pg_wal/%f %p'\nrecovery_target_lsn = '{record}'\n"
                         f"recovery_target_inclusive = {inclusive}\nrecovery_target_action = promote\nrecovery_target_timeline = current\n", backup=backup)
        self.wait_for("SELECT NOT pg_is_in_recovery()")


def publishing_records(primary, first, files):
    """The LSN of every record after `first` that changes the first page of one of these files."""
    last = primary.sql("SELECT pg_current_wal_flush_lsn()")
    dump = primary.command("pg_waldump", "-p", f"{primary.folder}/data/pg_wal", "-s", first, "-e", last, "-r", "Generic", check=False)
    return re.findall(rf"lsn: (\S+), .*rel \d+/\d+/(?:{'|'.join(files)}) (?:fork main )?blk 0\b", dump)


def recovered(backup, primary, record, inclusive):
    """What is wrong at that point: a list of what was asked and the answer."""
    wrong = []
    with Recovered(backup, primary, record, inclusive) as server:
        def expect(got, want, name):
            if got != want:
                wrong.append(f"{record}, inclusive {inclusive}: {name}: {got}")
        search_oracle.verify(server, expect, "recovered")
        server.sql(AGAIN)
        search_oracle.verify(server, expect, "written to")
    return wrong


def main():
    backup = tempfile.mkdtemp(prefix="ticketflow.base.", dir="/tmp")
    try:
        with Cluster(SETTINGS) as primary:
            primary.sql(SETUP)
            primary._shell(f'give_to_server "{backup}"; as_server "$pg_bin/pg_basebackup" -h "$folder" -U postgres -D "{backup}/data" -X none -c fast')
            first = primary.sql("SELECT pg_current_wal_flush_lsn()")
            files = [primary.sql("SELECT pg_relation_filenode('d_rank')")]
            for statement in WORK:
                primary.sql("SELECT setseed(0.1) \\g /dev/null\n" + statement)
            search_oracle.verify(primary, equal, "the primary")
            files.append(primary.sql("SELECT pg_relation_filenode('d_rank')"))
            primary.sql("SELECT pg_switch_wal()")
            records = publishing_records(primary, first, files)
            ok(len(records) >= 30, f"the workload publishes often: {len(records)} records")
            wanted = len(records) if POINTS == "all" else min(int(POINTS), len(records))
            chosen = [records[len(records) * i // wanted] for i in range(wanted)]
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda at: recovered(f"{backup}/data", primary, *at),
                                        [(record, inclusive) for record in chosen for inclusive in ("off", "on")]))
            equal(sum(answers, []), [], f"before and after {wanted} publishing records: checked, ranked, written to")
    finally:
        shutil.rmtree(backup, ignore_errors=True)
    done()


main()
