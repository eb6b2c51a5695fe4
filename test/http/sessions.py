#!/usr/bin/env python3
"""The npm packages connect-pg-simple and express-session, unchanged, with the desk's table sessions as their store."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, make_database, psql, skip_all  # noqa: E402

PACKAGES = ["connect-pg-simple@10", "express-session@1", "pg@8"]
FOLDER = os.path.join(ROOT, "build/npm-sessions")


def install():
    if all(os.path.isdir(os.path.join(FOLDER, "node_modules", package.split("@")[0])) for package in PACKAGES):
        return
    os.makedirs(FOLDER, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--prefix", FOLDER, "--no-audit", "--no-fund", "--silent", *PACKAGES],
                              capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        skip_all("npm cannot install " + PACKAGES[0] + ": no answer in time")
    if done.returncode:
        skip_all("npm cannot install " + PACKAGES[0] + ": " + " ".join((done.stderr or done.stdout).split())[:200])


def main():
    if not shutil.which("node") or not shutil.which("npm"):
        skip_all("node and npm are not installed")
    install()
    database = make_database("desk", "http_sessions")
    psql(database, "INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('ann', 'ann@example.org', 'user', true, true)")
    test = subprocess.run(["node", os.path.join(ROOT, "test/http/sessions.mjs")],
                          env={**os.environ, "CLIENT": FOLDER, "PGDATABASE": database}, timeout=120, check=False)
    sys.exit(test.returncode)


if __name__ == "__main__":
    main()
