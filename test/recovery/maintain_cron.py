#!/usr/bin/env python3
"""schedule_maintenance() with a real pg_cron: the job runs by the clock, for the desk it was asked for, and can be changed."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok, skip_all  # noqa: E402

SETTINGS = """shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 16
"""
LIMIT = 90  # seconds to wait for a run: pg_cron before 1.5 knows minutes only


def pg_cron_version():
    folder = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--sharedir"], text=True, check=True,
                            stdout=subprocess.PIPE).stdout.strip()
    try:
        with open(f"{folder}/extension/pg_cron.control", encoding="utf-8") as control:
            return tuple(int(n) for n in re.search(r"default_version\s*=\s*'(\d+)\.(\d+)", control.read()).groups())
    except OSError:
        skip_all("pg_cron is not installed for this PostgreSQL")


def wait_for_run(server, job):
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        status = server.sql(f"SELECT status FROM cron.job_run_details WHERE jobid = {job} AND status IN ('succeeded', 'failed') ORDER BY runid LIMIT 1")
        if status:
            return status
        time.sleep(0.3)
    return "no run in time"


def main():
    often = "1 second" if pg_cron_version() >= (1, 5) else "* * * * *"
    with Cluster(SETTINGS) as server:
        server.sql("CREATE EXTENSION ticketflow; CALL ticketflow.deploy(); CALL ticketflow.deploy('acme', 'acme_api', 'acme_report')")
        refused = server.sql("SELECT schedule_maintenance()", check=False)
        ok("pg_cron is not installed in this database" in refused, "refused before CREATE EXTENSION pg_cron", refused)
        server.sql("CREATE EXTENSION pg_cron")
        for desk in ("public", "acme"):
            server.sql(f"INSERT INTO {desk}.sessions VALUES ('old', '{{}}', now() - interval '1 hour'), ('new', '{{}}', now() + interval '1 hour')")

        first = server.sql("SELECT schedule_maintenance()")
        equal(server.sql(f"SELECT schedule, command, active FROM cron.job WHERE jobid = {first}"), "17 3 * * *|CALL public.maintain()|t",
            "every night unless told otherwise")
        job = server.sql(f"SELECT acme.schedule_maintenance('{often}')")
        equal(server.sql("SELECT count(*) FROM cron.job"), "2", "each desk has a job of its own")
        equal(wait_for_run(server, job), "succeeded", f"the job runs ({often})")
        print("# " + server.sql(f"SELECT status, return_message FROM cron.job_run_details WHERE jobid = {job} ORDER BY runid LIMIT 1"))
        equal(server.sql("SELECT string_agg(sid, ',') FROM acme.sessions"), "new", "and does its work")
        equal(server.sql("SELECT count(*) FROM acme.maintenance_steps"), "10", "all of it")
        equal(server.sql("SELECT count(*) FROM sessions"), "2", "on that desk alone")

        again = server.sql("SELECT acme.schedule_maintenance('5 4 * * 0')")
        equal((again, server.sql(f"SELECT schedule FROM cron.job WHERE jobid = {job}")), (job, "5 4 * * 0"), "scheduling again changes the schedule")
        refused = server.sql("SELECT schedule_maintenance('whenever')", check=False)
        ok("ERROR" in refused and server.sql("SELECT count(*) FROM cron.job") == "2", "a schedule that is none is refused", refused)
    done()


main()
