#!/usr/bin/env python3
"""Behind PgBouncer in transaction mode: no prepared statement, no LISTEN, and still one transaction a call."""
import getpass
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, Tap, make_database, psql, skip_all, token, until  # noqa: E402


def main():
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not binary:
        skip_all("pgbouncer is not installed")
    tap = Tap()
    database = make_database("engine", "http_bouncer")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = os.path.join(folder, "pgbouncer.ini")
        with open(path, "w", encoding="ascii") as out:
            out.write(f"[databases]\n{database} = host={os.environ['PGHOST']} user=authenticator\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
                      "auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nignore_startup_parameters = extra_float_digits\n")
        account = {"user": pwd.getpwnam("nobody").pw_uid} if getpass.getuser() == "root" else {}
        bouncer = subprocess.Popen([binary, "-q", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **account)
        until(lambda: os.path.exists(os.path.join(folder, ".s.PGSQL.6432")) or bouncer.poll() is not None)
        if bouncer.poll() is not None:
            skip_all("pgbouncer does not start: " + " ".join(bouncer.stderr.read().split())[:200])
        service = Service(db_uri=f"dbname={database} host={folder} port=6432 user=authenticator", db_anon_role="anon", jwt_secret=SECRET,
                          db_pool=4, db_prepared_statements="false", db_channel_enabled="false", db_tx_end="commit-allow-override")
        agent = {"Authorization": "Bearer " + token({"role": "agent", "sub": "u1"})}
        roles = [service.request("GET", "/rpc/whoami", headers=agent if i % 2 else {}).json for i in range(20)]
        tap.equal(roles, ["anon", "agent"] * 10, "roles do not mix")
        tap.equal(service.request("GET", "/rpc/setting?name=app.current_user_id", headers=agent).json, "u1", "the identity arrives")
        tap.equal(service.request("GET", "/rpc/ctr").status, 405, "GET is read-only")
        gone = service.request("POST", "/rpc/ins", '{"title":"gone"}', {"Content-Type": "application/json", "Prefer": "tx=rollback"})
        tap.equal((gone.status, service.request("GET", "/rpc/tall?title=eq.gone").json), (200, []), "a transaction of its own, rolled back")
        tap.equal(service.request("POST", "/rpc/dup", "{}", {"Content-Type": "application/json"}).status, 409, "errors")
        tap.equal(service.request("GET", "/rpc/add?a=1&b=2").json, 3, "and on")
        tap.equal({service.request("GET", "/rpc/prepared").json[0]["count"] for _ in range(6)}, {0}, "no statement stays on connections that others use")
        service.stop()
        bouncer.terminate()
        bouncer.wait()
    tap.done()


if __name__ == "__main__":
    main()
