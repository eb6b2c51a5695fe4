#!/usr/bin/env python3
"""What goes wrong in the field: the database dies, stalls or is full, clients are many, slow or gone. The service answers with the
right status, loses no connection, stays small, and logs each request once. Runs in a cluster of its own, which it restarts."""
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Gate, Service, Tap, make_database, psql, request, running, until  # noqa: E402

tap = Tap()
JSON = {"Content-Type": "application/json"}


def start(service, path="/rpc/slow", body='{"s":30}', method="POST", results=None):
    """A request in a thread; its answer goes to `results`."""
    thread = threading.Thread(target=lambda: results.append(service.request(method, path, body, JSON)), daemon=True)
    thread.start()
    return thread


class Proxy:
    """A unix socket in front of PostgreSQL that can stop forwarding, as a network does."""

    def __init__(self, folder, target):
        self.target, self.stalled = target, False
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(os.path.join(folder, ".s.PGSQL.5432"))
        self.server.listen(50)
        self.pairs, self.selector = {}, selectors.DefaultSelector()
        self.selector.register(self.server, selectors.EVENT_READ)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            for key, _ in self.selector.select(0.05):
                if self.stalled:
                    time.sleep(0.02)
                elif key.fileobj is self.server:
                    near, far = self.server.accept()[0], socket.socket(socket.AF_UNIX)
                    far.connect(self.target)
                    for one, other in ((near, far), (far, near)):
                        self.pairs[one] = other
                        self.selector.register(one, selectors.EVENT_READ)
                elif key.fileobj in self.pairs:  # the other end of the pair may just have closed both
                    self.forward(key.fileobj)

    def forward(self, one):
        other = self.pairs[one]
        try:
            data = one.recv(65536)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        for end in (one, other):
            self.selector.unregister(end)
            self.pairs.pop(end)
            end.close()


def cluster(*arguments):
    """pg_ctl, as the account that owns the cluster."""
    data = os.path.join(os.environ["WITH_PG_CLUSTER"], "data")
    command = ["pg_ctl", "-D", data, "-l", os.path.join(os.environ["WITH_PG_CLUSTER"], "server.log"), "-w", "-s", *arguments]
    owner = os.stat(data)
    if os.getuid() == 0:
        command = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def test_database(common, database):
    service = Service(**common, db_pool=2)
    get = lambda: service.request("GET", "/rpc/add?a=1&b=2")  # noqa: E731
    get()
    psql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketflow'")
    until(lambda: psql(database, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticketflow'") == "0")
    before = int(psql(database, "SELECT nextval('counter')"))
    tap.equal(service.request("POST", "/rpc/ctr", "{}", JSON).status, 200, "idle backends killed: nobody notices, writers neither")
    tap.equal(int(psql(database, "SELECT last_value FROM counter")), before + 1, "and the writer ran once")
    results = []
    thread = start(service, results=results)
    until(lambda: running(database, "slow"))
    psql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%\"slow\"%' AND pid <> pg_backend_pid()")
    thread.join()
    tap.equal((results[0].status, results[0].json["code"], results[0].header("Retry-After")), (503, "57P01", "1"), "70 a backend killed under a call: 503")
    tap.equal(get().status, 200, "the next one is served")

    cluster("stop", "-m", "immediate")
    down = until(lambda: (a := get()).status == 503 and a)
    tap.equal((down.status, down.json["code"] in ("PGRST000", "PGRST001"), int(down.header("Retry-After")) >= 1), (503, True, True), "70 database down: 503 with Retry-After")
    tap.equal(service.admin("/live").status, 200, "the service lives")
    until(lambda: service.admin("/ready").status == 503)
    tap.equal(service.admin("/ready").status, 503, "but is not ready")
    for _ in range(100):
        get()
    failures = int(next(line for line in service.admin("/metrics").text.splitlines() if line.startswith("ticketflow_db_connection_failures_total")).split()[1])
    tap.ok(1 <= failures <= 20, "100 requests meanwhile do not mean 100 attempts to connect", failures)
    early = Service(**common, wait=False)
    none = early.request("GET", "/rpc/add?a=1&b=2")
    tap.equal((none.status, none.json["code"], none.header("Retry-After")), (503, "PGRST002", "1"), "72 started before the database: no schema cache")
    cluster("start")
    tap.ok(until(lambda: early.request("GET", "/rpc/add?a=1&b=2").status == 200, 40), "72 and it comes by itself")
    tap.equal(early.stop(), 0, "a clean end")
    back = until(lambda: (a := get()).status == 200 and a, 40)
    tap.equal(back and back.json, 3, "database back: served again")
    tap.ok(until(lambda: service.admin("/ready").status == 200, 20), "and ready")
    psql(database, "CREATE FUNCTION api.after_restart() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; NOTIFY pgrst")
    tap.ok(until(lambda: service.request("GET", "/rpc/after_restart").status == 200, 40), "and listening again")
    tap.equal(service.stop(), 0, "a clean end")


def test_pool(common, database):
    service = Service(**common, db_pool=1, db_pool_queue=2, db_pool_acquisition_timeout=5)
    results, waiting = [], []
    gate = Gate(database)
    holder = start(service, "/rpc/gated", "{}", results=results)
    until(lambda: running(database, "gated"))
    threads = [start(service, "/rpc/ctr", "{}", results=waiting) for _ in range(2)]
    until(lambda: "pgrst_db_pool_waiting 2" in service.admin("/metrics").text)
    full = service.request("GET", "/rpc/add?a=1&b=2")
    tap.equal((full.status, full.json["code"], full.header("Retry-After")), (503, "TF503", "1"), "the queue is full: 503 at once")
    for thread in threads:
        thread.join()
    tap.equal([(a.status, a.json["code"]) for a in waiting], [(504, "PGRST003")] * 2, "71 waited in vain: 504")
    gate.open()
    holder.join()
    tap.equal(results[0].status, 204, "who had the connection was served")
    tap.equal(service.request("GET", "/rpc/add?a=1&b=2").status, 200, "and the connection is there for the next")
    service.stop()

    service = Service(**common, db_pool=1)
    lists = [[] for _ in range(8)]
    gate = Gate(database)
    holder = start(service, "/rpc/gated", "{}", results=[])
    until(lambda: running(database, "gated"))
    threads = []
    for place in range(8):  # each is seen to wait before the next one comes
        threads.append(start(service, "/rpc/ctr", "{}", results=lists[place]))
        until(lambda: f"pgrst_db_pool_waiting {place + 1}\n" in service.admin("/metrics").text)
    gate.open()
    for thread in [holder, *threads]:
        thread.join()
    order = [found[0].json for found in lists]
    tap.equal(order, sorted(order), "who waits longest gets the connection")

    seen = len(service.lines)
    gate = Gate(database)
    holder = start(service, "/rpc/gated", "{}", results=[])
    until(lambda: running(database, "gated"))
    left = socket.create_connection(("127.0.0.1", service.port))
    left.sendall(b'POST /rpc/try HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"name":"left"}')
    until(lambda: "pgrst_db_pool_waiting 1\n" in service.admin("/metrics").text)
    left.close()
    until(lambda: "ticketflow_http_cancelled_total 1\n" in service.admin("/metrics").text)
    next_one = []
    after = start(service, "/rpc/ctr", "{}", results=next_one)
    until(lambda: "pgrst_db_pool_waiting 2\n" in service.admin("/metrics").text)
    gate.open()
    holder.join()
    after.join()
    tap.ok(service.wait_for("request", after=seen, function="try", status=499), "who left while she waited is told so")
    tap.equal(next_one[0].status, 200, "the next one is served")
    tap.equal(psql(database, "SELECT count(*) FROM attempts WHERE name = 'left'"), "0", "and what the other wanted was not done")
    service.stop()


def test_stall(common, database):
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(folder, os.path.join(os.environ["PGHOST"], ".s.PGSQL.5432"))
        service = Service(**{**common, "db_uri": f"dbname={database} user=authenticator host={folder}"}, db_pool=1, db_call_timeout=3,
                          db_pool_acquisition_timeout=10, db_connect_timeout=4)
        tap.equal(service.request("GET", "/rpc/add?a=1&b=2").json, 3, "through a network")
        slow = service.request("POST", "/rpc/slow", '{"s":30}', JSON)
        tap.equal((slow.status, slow.json["code"]), (504, "TF504"), "a call over db-call-timeout: 504")
        tap.ok(until(lambda: running(database, "slow") == 0), "and cancelled")
        proxy.stalled = True
        stalled = service.request("GET", "/rpc/add?a=1&b=2")
        tap.equal((stalled.status, stalled.json["code"]), (504, "TF504"), "the network stalls: 504")
        proxy.stalled = False
        tap.ok(until(lambda: service.request("GET", "/rpc/add?a=1&b=2").status == 200, 30), "it flows again: served")
        tap.equal(service.stop(), 0, "a clean end")


def test_clients(common, database):
    service = Service(**common, db_pool=2, header_timeout=3, max_connections=3000)
    ok = lambda: service.request("GET", "/rpc/add?a=1&b=2").status == 200  # noqa: E731
    ok()
    before = service.resident_kb()
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(2000)]
    tap.ok(until(lambda: "ticketflow_http_connections 2000" in service.admin("/metrics").text), "2,000 idle connections")
    tap.ok(ok(), "others are served")
    slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
    for client in slow:
        client.sendall(b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        client.sendall(b"y")
    tap.ok(ok(), "200 slow ones as well")
    answers = []
    for client in slow:
        client.settimeout(60)
        answers.append(client.recv(20))
    tap.equal(set(answers), {b"HTTP/1.1 408 Request"}, "which are told that they are too slow")
    grown = service.resident_kb() - before
    tap.ok(grown < 64 * 1024, "memory stays small", f"{grown} kB more")
    print(f"# 2,200 connections: {grown} kB more, {service.resident_kb()} kB in all")
    for client in idle + slow:
        client.close()
    tap.ok(until(lambda: "ticketflow_http_connections 0" in service.admin("/metrics").text), "all are gone when they are gone")

    seen = len(service.lines)
    gone = socket.create_connection(("127.0.0.1", service.port))
    gone.sendall(b'POST /rpc/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"s":60}')
    until(lambda: running(database, "slow"))
    gone.close()
    tap.ok(until(lambda: running(database, "slow") == 0), "a client goes away: its query is cancelled")
    tap.equal(service.wait_for("request", after=seen, status=499)["outcome"], "client closed", "and logged as 499")

    # A large answer, a slow reader, and one that leaves in the middle.
    before = service.resident_kb()
    rows = 1500000
    reader = socket.create_connection(("127.0.0.1", service.port))
    reader.settimeout(120)
    reader.sendall(f"GET /rpc/many?n={rows} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    data = reader.recv(65536)
    head, _, start_of_body = data.partition(b"\r\n\r\n")
    length = int([line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")][0].split()[1])
    tap.ok(length > 180e6 and head.startswith(b"HTTP/1.1 200 OK"), f"an answer of {length >> 20} MB")
    grown = service.resident_kb() - before
    tap.ok(grown < 64 * 1024, "is not kept in memory", f"{grown} kB more")
    print(f"# {length >> 20} MB answer: {grown} kB more, {service.resident_kb()} kB in all")
    tap.ok(all(ok() for _ in range(3)), "while it is read slowly, others are served")
    received, tail = len(start_of_body), b""
    while chunk := reader.recv(1 << 20):
        received += len(chunk)
        tail = chunk
    tap.equal((received, tail[-1:]), (length, b"]"), "it arrives whole")
    reader.close()
    seen = len(service.lines)
    leaver = socket.create_connection(("127.0.0.1", service.port))
    leaver.sendall(b"GET /rpc/many?n=300000 HTTP/1.1\r\nHost: x\r\n\r\n")
    leaver.recv(65536)
    leaver.close()
    tap.ok(service.wait_for("request", after=seen, function="many", outcome="write failed"), "a reader leaves in the middle")
    tap.ok(until(lambda: len(os.listdir(f"/proc/{service.process.pid}/fd")) < 40), "no file stays open")
    tap.ok(ok(), "and all is well")
    tap.equal(service.stop(), 0, "a clean end")

    service = Service(**common, db_pool=2, write_timeout=1)
    lazy = socket.create_connection(("127.0.0.1", service.port))
    lazy.sendall(b"GET /rpc/many?n=300000 HTTP/1.1\r\nHost: x\r\n\r\n")
    tap.ok(service.wait_for("request", function="many", outcome="client too slow"), "a reader that reads nothing is left")
    lazy.close()
    service.stop()


def test_log(common):
    service = Service(**common, db_pool=2, server_threads=2)
    sent = set()

    def client(number):
        for i in range(50):
            name = f"r-{number}-{i}"
            path, body = (("/rpc/add", '{"a":1,"b":2}'), ("/rpc/nope", "{}"), ("/rpc/boom", '{"code":"P0001"}'), ("/x/y", "{}"))[i % 4]
            request(service.port, "POST", path, body, {**JSON, "X-Request-Id": name})
            sent.add(name)

    def vanish(number):
        for i in range(10):
            name = f"v-{number}-{i}"
            gone = socket.create_connection(("127.0.0.1", service.port))
            gone.sendall(f"GET /rpc/fifteen HTTP/1.1\r\nHost: x\r\nX-Request-Id: {name}\r\n\r\n".encode() * (1 + i % 2))
            gone.close()
            sent.add(name)

    def pipeline(number):
        names = [f"p-{number}-{i}" for i in range(20)]
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
            line.sendall(b"".join(f"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: {name}\r\n\r\n".encode() for name in names))
            line.sendall(b"X Y Z\r\n\r\n")  # no HTTP: refused, with an id of its own
            while line.recv(65536):
                pass
        sent.update(names)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
    threads += [threading.Thread(target=work, args=(n,)) for n in range(3) for work in (vanish, pipeline)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.stop()
    service.wait_for("end of log")
    logged = [line["request_id"] for line in service.lines if line["message"] == "request"]
    whole = [name for name in logged if name[0] in "rp"]
    refused = [name for name in logged if name[:2] not in ("r-", "p-", "v-")]
    left = [name for name in logged if name[:2] == "v-"]
    tap.equal((len(whole), set(whole) == {name for name in sent if name[0] in "rp"}), (360, True), "each of 360 requests is in the log, once")
    tap.equal(len(refused), 3, "what is no HTTP as well")
    # A client that is gone may have been gone before its request was read; of the others none twice.
    tap.ok(all(left.count(name) <= 1 + int(name[-1]) % 2 for name in left), "and those of clients that left at most once", left)


def main():
    if "HTTP_CHAOS" not in os.environ:
        os.environ.update(HTTP_CHAOS="1", WITH_PG_STAGED="1")
        os.execv(os.path.join(ROOT, "test/with_pg"), ["with_pg", os.path.abspath(__file__)])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 10000), most))
    database = make_database("engine", "http_chaos")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    common = {"db_uri": f"dbname={database} user=authenticator", "db_anon_role": "anon", "jwt_secret": SECRET, "log_level": "info"}
    for test in (lambda: test_pool(common, database), lambda: test_stall(common, database), lambda: test_clients(common, database),
                 lambda: test_log(common), lambda: test_database(common, database)):
        test()
    tap.done()


def enter_own_cluster():
    """Other tests use the cluster that this one was started in; it restarts its own."""
    environment = {name: value for name, value in os.environ.items() if name != "WITH_PG_CLUSTER"}
    environment.update(CHAOS_CLUSTER="own", WITH_PG_STAGED="1")
    command = os.path.join(ROOT, "test/with_pg")
    os.execve(command, [command, os.path.abspath(__file__)], environment)


if __name__ == "__main__":
    if "CHAOS_CLUSTER" not in os.environ:
        enter_own_cluster()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    main()
