"""Private PostgreSQL clusters for tests that crash, promote or restart a server.

    from cluster import Cluster
    from tap import done, equal, ok      (test/lib is put on sys.path by the test)
    with Cluster() as primary:
        primary.sql("CREATE EXTENSION ticketflow")
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from tap import ROOT


class Cluster:
    """A server of its own in a temporary folder, with the staged extension; stopped and removed at the end."""

    def __init__(self, settings="", of=None, backup=None):
        """of: a running cluster whose standby this becomes. backup: a data folder to be copied, with its settings."""
        self.folder = tempfile.mkdtemp(prefix="ticketflow.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.bin = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True, check=True,
                                  stdout=subprocess.PIPE).stdout.strip()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("PG") or k == "PG_CONFIG"}
        self.env.update(PGHOST=self.folder, PGUSER="postgres", PGDATABASE="postgres",
                        PATH=self.bin + ":" + os.environ["PATH"])
        if of:
            self._shell(f'mkdir -p "$folder"; give_to_server "$folder"; '
                        f'as_server "$pg_bin/pg_basebackup" -h "{of.folder}" -U postgres -D "$folder/data" -R -X stream -c fast')
        elif backup:
            self._shell(f'cp -a --reflink=auto "{backup}" "$folder/data"; give_to_server "$folder"')
        else:
            self._shell('cluster_create "$folder" --no-sync -A trust')
        own = ""  # what a copied folder has already
        if not backup:
            self._shell('cluster_use_stage "$folder"')
            own = ("listen_addresses = ''\nfsync = off\nmax_connections = 60\nmax_prepared_transactions = 10\nshared_buffers = 64MB\n"
                   f"wal_level = replica\ninclude '{self.folder}/stage.conf'\n")
        with open(f"{self.folder}/data/postgresql.conf", "a") as conf:
            conf.write(f"{own}unix_socket_directories = '{self.folder}'\n{settings}\n")
        self.start()

    def _shell(self, command):
        run = subprocess.run(["bash", "-euc", f'checkout={ROOT!r}; folder={self.folder!r}; . "$checkout/scripts/cluster.sh"; {command}'],
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if run.returncode:
            raise RuntimeError(run.stdout)

    def start(self, before=""):
        """before: what the shell that starts the server runs first, such as a limit for it."""
        self._shell(before + 'cluster_start "$folder"')

    def stop(self, mode="fast"):
        self._shell(f'cluster_stop "$folder" {mode}')

    def pid(self):
        with open(f"{self.folder}/data/postmaster.pid") as lines:
            return int(lines.readline())

    def kill(self):
        """kill -9 of the postmaster and all its processes, as a power failure of the server would look."""
        parent = self.pid()
        os.kill(parent, signal.SIGSTOP)
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], text=True, stdout=subprocess.PIPE).stdout.split()
        for pid in [int(child) for child in children] + [parent]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pid in [parent] + [int(child) for child in children]:
            while os.path.exists(f"/proc/{pid}/stat") and open(f"/proc/{pid}/stat").read().split(")")[-1].split()[0] != "Z":
                time.sleep(0.01)
        # A zombie that nobody reaps would still count as running.
        os.remove(f"{self.folder}/data/postmaster.pid")
        os.remove(f"{self.folder}/.s.PGSQL.5432.lock")

    def log(self):
        with open(f"{self.folder}/server.log") as lines:
            return lines.read()

    def promote(self):
        self._shell('as_server "$pg_bin/pg_ctl" -D "$folder/data" -w -s promote')

    def command(self, *words, check=True, text=None):
        run = subprocess.run(list(words), env=self.env, text=True, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check and run.returncode:
            raise RuntimeError(f"{' '.join(words)}: {run.stdout}")
        return run.stdout

    def sql(self, text, database="postgres", check=True):
        return self.command("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, check=check, text=text).strip()

    def wait_for(self, question, seconds=60):
        """Until a query answers t; the test goes on anyway after that time, and fails by what it then sees."""
        deadline = time.time() + seconds
        while time.time() < deadline and self.sql(question, check=False) != "t":
            time.sleep(0.1)

    def background(self, *words):
        return subprocess.Popen(list(words), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
