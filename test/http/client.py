#!/usr/bin/env python3
"""@supabase/postgrest-js, unchanged, against the service: every option of its rpc()."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, make_database, psql, token  # noqa: E402
from npm import install  # noqa: E402


def main():
    folder = install("npm", "@supabase/postgrest-js@2")
    database = make_database("engine", "http_client")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    service = Service(db_uri=f"dbname={database} user=authenticator", db_anon_role="anon", jwt_secret=SECRET, db_pool=2,
                      db_schemas="api,api2", db_tx_end="commit-allow-override", db_plan_enabled="true")
    test = subprocess.run(["node", os.path.join(ROOT, "test/http/client.mjs"), f"http://127.0.0.1:{service.port}",
                           token({"role": "agent"})], env={**os.environ, "CLIENT": folder}, timeout=120, check=False)
    service.stop()
    sys.exit(test.returncode)


if __name__ == "__main__":
    main()
