"""What the HTTP tests share: a database, a running service, a client that shows raw answers, and TAP output."""
import atexit
import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from tap import ROOT, Tap, skip_all  # noqa: F401 (for the tests that use the service)

BINARY = os.environ.get("TICKETFLOW_BINARY", os.path.join(ROOT, "build/cmake/service/ticketflow"))
SECRET = "a secret of more than thirty-two bytes, for tests"


def psql(database, sql, **options):
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
    done = subprocess.run(command + ["-f", "-"], input=sql, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def until(condition, seconds=60):
    """Asks until the answer is true, and returns the last answer. The limit only ends a test that fails."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value


class Gate:
    """Keeps calls of gated() waiting until it is opened."""

    def __init__(self, database):
        self.session = subprocess.Popen(["psql", "-XqAt", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.session.stdin.write("SELECT 'closed' FROM pg_advisory_lock(4711);\n")
        self.session.stdin.flush()
        self.session.stdout.readline()

    def open(self):
        self.session.communicate()


def running(database, function):
    """How many calls of a function are in the database."""
    return int(psql(database, "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' "
                              f"AND query LIKE '%\"{function}\"%'"))


def make_database(kind, name):
    if "WITH_PG_CLUSTER" not in os.environ:
        print("Bail out! run this inside test/with_pg")
        sys.exit(2)
    name = f"{name}_{os.getpid()}"
    subprocess.run([os.path.join(ROOT, "test/lib/database"), kind, name], check=True, stdout=subprocess.DEVNULL)
    atexit.register(lambda: subprocess.run(["dropdb", "--if-exists", "--force", name], capture_output=True, check=False))
    return name


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, secret=SECRET, header=None):
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    signature = hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{b64(signature)}"


class Service:
    """A running `ticketflow serve`; every setting is a keyword with _ for -."""

    def __init__(self, database=None, env=None, wait=True, **settings):
        defaults = {"server_port": 0, "admin_server_port": 0, "log_level": "info"}
        if database:
            defaults["db_uri"] = f"dbname={database}"
        defaults.update(settings)
        command = [BINARY, "serve"]
        for name, value in defaults.items():
            if value is not None:
                command += ["-s", f"{name.replace('_', '-')}={value}"]
        self.lines, self.condition = [], threading.Condition()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})}, pass_fds=(env or {}).get("_fds", ()))
        threading.Thread(target=self._read, daemon=True).start()
        atexit.register(self.stop)
        self.port = self.admin_port = None
        listening = self.wait_for("listening")
        self.port, self.address = listening["port"], listening["address"]
        if int(defaults["admin_server_port"]) >= 0:
            self.admin_port = self.wait_for("admin listening")["port"]
        if wait:
            self.wait_for("schema cache loaded")
            self.wait_ready()

    def _read(self):
        for line in self.process.stdout:
            with self.condition:
                self.lines.append(json.loads(line))
                self.condition.notify_all()
        with self.condition:
            self.lines.append({"message": "end of log"})
            self.condition.notify_all()

    def wait_for(self, message, after=0, seconds=60, **fields):
        """The first log line from number `after` on with this message and these fields."""
        deadline = time.monotonic() + seconds
        with self.condition:
            while True:
                for line in self.lines[after:]:
                    if line["message"] == message and all(line.get(k) == v for k, v in fields.items()):
                        return line
                    if line["message"] == "end of log" and message != "end of log":
                        raise RuntimeError("the service ended: " + self.process.stderr.read())
                if not self.condition.wait(deadline - time.monotonic()):
                    raise RuntimeError(f"no log line {message!r} {fields} within {seconds} s")

    def wait_ready(self, seconds=60):
        if self.admin_port is None:
            return
        deadline = time.monotonic() + seconds
        while self.admin("/ready").status != 200:
            if time.monotonic() > deadline:
                raise RuntimeError("the service does not get ready")
            time.sleep(0.02)

    def admin(self, path):
        return request(self.admin_port, "GET", path)

    def request(self, method, path, body=None, headers=None, **options):
        return request(self.port, method, path, body, headers, **options)

    def stop(self, number=signal.SIGTERM, seconds=40):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0


def raw(port, data, seconds=10, half_close=False):
    """Sends bytes and reads until the server closes; answers to several requests come back as one string."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(data)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while chunk := client.recv(65536):
                out += chunk
        except TimeoutError:
            out += b"<timeout>"
    return out


class Answer:
    def __init__(self, response, body):
        self.status, self.reason, self.body = response.status, response.reason, body
        self.headers = [(name, value) for name, value in response.getheaders()]

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(where, method, path, body=None, headers=None, timeout=60):
    """`where` is a port or the path of a unix socket. headers: a dict, or pairs where a name repeats."""
    connection = (UnixConnection(where, timeout) if isinstance(where, str)
                  else http.client.HTTPConnection("127.0.0.1", where, timeout=timeout))
    if isinstance(body, str):
        body = body.encode()
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in pairs:
        connection.putheader(name, value)
    if body is not None and not any(name.lower() == "content-length" for name, _ in pairs):
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return Answer(response, data)
