#!/usr/bin/env python3
"""A ticketflow index under kill -9, on a hot standby, and after its promotion: never a wrong row, never a damaged index.

Servers of its own, on unix sockets in a temporary directory. Settings: ROUNDS of crashes (default 3)."""
import os, random, shutil, signal, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PG_CONFIG = os.environ.get("PG_CONFIG", "pg_config")
BIN = subprocess.run([PG_CONFIG, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
SHARE = subprocess.run([PG_CONFIG, "--sharedir"], capture_output=True, text=True, check=True).stdout.strip()
MAJOR = int(subprocess.run([PG_CONFIG, "--version"], capture_output=True, text=True, check=True).stdout.split()[1].split(".")[0].rstrip("devbtarc"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
STAGE = os.path.join(ROOT, "build", "stage")
AS = []
number = 0


def ok(condition, what):
    global number
    number += 1
    print("ok" if condition else "not ok", number, "-", what, flush=True)


def run(*command, check=True):
    return subprocess.run([*AS, *command], capture_output=True, text=True, check=check)


class Server:
    def __init__(self, home, name):
        self.data, self.socket, self.log = os.path.join(home, name), os.path.join(home, name + ".s"), os.path.join(home, name + ".log")
        os.makedirs(self.socket, exist_ok=True)
        if AS:
            shutil.chown(self.socket, ACCOUNT)

    def configure(self, more=""):
        libdir = subprocess.run([PG_CONFIG, "--pkglibdir"], capture_output=True, text=True).stdout.strip()
        path = f"extension_control_path = '{STAGE}{SHARE}:$system'" if MAJOR >= 18 else f"extension_destdir = '{STAGE}'"
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(f"\nlisten_addresses = ''\nunix_socket_directories = '{self.socket}'\nshared_buffers = 32MB\n"
                       f"dynamic_library_path = '{STAGE}{libdir}:$libdir'\n{path}\nwal_level = replica\nmax_wal_senders = 4\n"
                       f"checkpoint_timeout = 30s\nautovacuum = off\nmax_standby_streaming_delay = 60s\n{more}\n")

    def start(self):
        run(f"{BIN}/pg_ctl", "-D", self.data, "-l", self.log, "-w", "-s", "start")
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            self.pid = int(file.readline())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        deadline = time.time() + 30
        while time.time() < deadline and subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True).stdout:
            time.sleep(0.05)
        while time.time() < deadline:  # until the children have let go of shared memory
            if "no server" in run(f"{BIN}/pg_ctl", "-D", self.data, "status", check=False).stdout:
                break
            time.sleep(0.05)
        time.sleep(0.3)
        os.path.exists(os.path.join(self.data, "postmaster.pid")) and os.unlink(os.path.join(self.data, "postmaster.pid"))

    def stop(self):
        run(f"{BIN}/pg_ctl", "-D", self.data, "-m", "immediate", "-s", "stop", check=False)

    def psql(self, sql, check=True):
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-U", "postgres", "-d", "postgres"], input=sql,
                              text=True, capture_output=True)
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip() if done.returncode == 0 else "ERROR " + done.stderr.strip()


SETUP = """
CREATE EXTENSION ticketflow; ALTER DATABASE postgres SET search_path = ticketflow, public; SET search_path = ticketflow, public;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(300, random()))::int, ' ')) FROM generate_series(1, n));
INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 2000) i;
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 4);
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql STABLE
  SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT count(*) FROM (VALUES ('w20|w30|w5'::tsquery), ('w1&w2'), ('w1<->w2'), ('!w1'), ('w29:*')) AS q (q), LATERAL (
    SELECT (SELECT array_agg(id || ':' || s ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
             (SELECT id, -(document <@> q) s FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) y) AS got,
           (SELECT array_agg(id || ':' || s ORDER BY s DESC, place) FROM
             (SELECT id, ctid place, bm25_score('d_rank', document, q) s FROM d WHERE (document @@ q) IS TRUE) z) AS wanted) r
  WHERE got IS DISTINCT FROM wanted $$;
-- While others write, the statistics move between two reads: then only the rows are compared.
CREATE FUNCTION lost_or_invented() RETURNS bigint LANGUAGE sql STABLE
  SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT count(*) FROM (VALUES ('w20|w30|w5'::tsquery), ('w1&w2'), ('w1<->w2'), ('!w1'), ('w29:*')) AS q (q), LATERAL (
    SELECT (SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) AS got,
           (SELECT array_agg(id ORDER BY id) FROM d WHERE (document @@ q) IS TRUE) AS wanted) r
  WHERE got IS DISTINCT FROM wanted $$;
"""
WRITE = """SET search_path = ticketflow, public; SET client_min_messages = error;
INSERT INTO d (document) SELECT words(5 + (random() * 40)::int) FROM generate_series(1, 60);
UPDATE d SET document = words(12) WHERE id IN (SELECT id FROM d ORDER BY random() LIMIT 10);
DELETE FROM d WHERE id IN (SELECT id FROM d ORDER BY random() LIMIT 40);"""


def load(server, stop, sql):
    while not stop.is_set():
        server.psql(sql, check=False)


def busy(server, seconds):
    stop = threading.Event()
    threads = [threading.Thread(target=load, args=(server, stop, sql)) for sql in
               (WRITE, WRITE, "VACUUM d", "SELECT pg_sleep(0.2); SELECT ticketflow.bm25_merge('d_rank')")]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    return stop, threads


def verify(server, what):
    faults = server.psql("SET jit = off; SELECT count(*) FROM bm25_check('d_rank')")
    ok(faults == "0", f"{what}: bm25_check finds nothing" + ("" if faults == "0" else ": " + server.psql("SELECT * FROM bm25_check('d_rank') LIMIT 3")))
    different = server.psql("SELECT differences()")
    ok(different == "0", f"{what}: the index ranks like an exhaustive sort" + ("" if different == "0" else " " + different))


def crashes(server):
    for i in range(ROUNDS):
        stop, threads = busy(server, random.uniform(0.3, 1))
        found = [server.psql("SELECT lost_or_invented()") for _ in range(3)]
        ok(found == ["0"] * 3, f"before crash {i + 1}: no row lost or invented while others write, vacuum and merge")
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.start()
        verify(server, f"crash {i + 1}")
        server.psql("VACUUM d")
    verify(server, "after VACUUM")
    with open(server.log) as file:
        ok("PANIC" not in file.read(), "no PANIC")


def unlogged(server):
    server.psql("CREATE UNLOGGED TABLE u (document tsvector); CREATE INDEX u_rank ON u USING ticketflow (document); "
                "INSERT INTO u SELECT words(9) FROM generate_series(1, 100); CHECKPOINT")
    server.kill()
    server.start()
    ok(server.psql("SET enable_seqscan = off; SELECT count(*) FROM u WHERE document @@ 'w1'") == "0", "an unlogged index is empty after a crash")
    server.psql("INSERT INTO u SELECT words(9) FROM generate_series(1, 100)")
    ok(server.psql("SELECT count(*) FROM bm25_check('u_rank')") == "0", "and works")


def standby(home, primary):
    replica = Server(home, "replica")
    run(f"{BIN}/pg_basebackup", "-h", primary.socket, "-U", "postgres", "-D", replica.data, "-R", "-c", "fast")
    with open(os.path.join(replica.data, "postgresql.conf"), "a") as file:
        file.write(f"\nunix_socket_directories = '{replica.socket}'\nwal_consistency_checking = ''\n")
    replica.start()
    stop, threads = busy(primary, 0)
    wrong, answers, retries, deadline = [], 0, 0, time.time() + 8
    while time.time() < deadline:
        got = replica.psql("SELECT lost_or_invented()", check=False)
        if got == "0":
            answers += 1
        elif "changed while the query was reading it" in got or "conflict with recovery" in got:
            retries += 1
        else:
            wrong.append(got)
    stop.set()
    for thread in threads:
        thread.join()
    ok(not wrong and answers > 0, f"standby during merges: {answers} right answers, {retries} clear refusals" + (f", wrong: {wrong[:2]}" if wrong else ""))
    ok("55000" in replica.psql("\\set VERBOSITY verbose\nSELECT bm25_merge('d_rank')", check=False), "bm25_merge is refused on a standby")
    primary.kill()
    run(f"{BIN}/pg_ctl", "-D", replica.data, "-w", "-s", "promote")
    verify(replica, "promoted standby")
    replica.psql("VACUUM d; INSERT INTO d (document) SELECT words(9) FROM generate_series(1, 300); SELECT bm25_merge('d_rank')")
    verify(replica, "promoted standby, written to")
    with open(replica.log) as file:
        text = file.read()
    ok("inconsistent page" not in text and "PANIC" not in text, "replay gives the primary's pages (wal_consistency_checking)")
    return replica


def main():
    if not os.path.isdir(STAGE):
        print("1..0 # SKIP the extension is not staged (scripts/build)")
        return
    global ACCOUNT
    home = tempfile.mkdtemp(prefix="search_crash.")
    os.chmod(home, 0o755)
    if os.getuid() == 0:
        ACCOUNT = subprocess.run("getent passwd postgres nobody | head -1 | cut -d: -f1", shell=True, capture_output=True, text=True).stdout.strip()
        shutil.chown(home, ACCOUNT)
        AS[:] = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
    os.chdir(home)
    servers = [Server(home, "primary")]
    try:
        run(f"{BIN}/initdb", "-D", servers[0].data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        servers[0].configure("wal_consistency_checking = 'generic'")
        servers[0].start()
        servers[0].psql(SETUP)
        verify(servers[0], "before")
        crashes(servers[0])
        unlogged(servers[0])
        servers.append(standby(home, servers[0]))
    finally:
        for server in servers:
            server.stop()
        os.chdir("/")
        if os.environ.get("KEEP"):
            print("# kept", home)
        else:
            shutil.rmtree(home, ignore_errors=True)
    print(f"1..{number}")


main()
