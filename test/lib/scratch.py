"""A database for one test in the cluster of test/with_pg, dropped when the test is over.

    with Scratch("engine") as database:
        database.rows("SELECT 1, 'a'")        [["1", "a"]]"""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("TICKETFLOW_DATA") or os.path.join(ROOT, "..", "shared", "data")


class Scratch:
    def __init__(self, kind, search_path="ticketflow, public"):
        self.name = f"t_scratch_{os.getpid()}"
        self.environment = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning -c search_path=" + search_path.replace(" ", "")}
        subprocess.run([os.path.join(ROOT, "test/lib/database"), kind, self.name], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["dropdb", "--if-exists", "--force", self.name], check=False)

    def rows(self, script):
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-d", self.name], input=script, text=True,
                              capture_output=True, env=self.environment)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]
