#!/usr/bin/env python3
"""The npm packages connect-pg-simple and express-session, unchanged, with the desk's table sessions as their store."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, make_database, psql  # noqa: E402
from npm import install  # noqa: E402


def main():
    folder = install("npm-sessions", "connect-pg-simple@10", "express-session@1", "pg@8")
    database = make_database("desk", "http_sessions")
    psql(database, "INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('ann', 'ann@example.org', 'user', true, true)")
    test = subprocess.run(["node", os.path.join(ROOT, "test/http/sessions.mjs")],
                          env={**os.environ, "CLIENT": folder, "PGDATABASE": database}, timeout=120, check=False)
    sys.exit(test.returncode)


if __name__ == "__main__":
    main()
