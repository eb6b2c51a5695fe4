#!/usr/bin/env python3
"""The service in front of a deployed desk: signing in, tokens, API keys, and rights that are read from the database."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, Tap, make_database, psql, token  # noqa: E402

PEOPLE = """
INSERT INTO users (id, email, password, role, is_active, is_approved) VALUES
  ('ada', 'ada@example.org', hash_password('correct horse'), 'admin', true, true),
  ('una', 'una@example.org', hash_password('correct horse'), 'user', true, true),
  ('cleo', 'cleo@example.org', hash_password('correct horse'), 'customer', true, true),
  ('yan', 'yan@example.org', hash_password('correct horse'), 'customer', true, true),
  ('carl', 'carl@example.org', hash_password('correct horse'), 'customer', true, true);
"""


def main():
    tap = Tap()
    database = make_database("desk", "http_desk")
    psql(database, PEOPLE)
    login_role = f"web_{os.getpid()}"
    psql(database, f"CREATE ROLE {login_role} LOGIN IN ROLE ticketflow_service")
    os.environ.update(TICKETFLOW_DB_URI=f"dbname={database} user={login_role}", TICKETFLOW_JWT_SECRET=SECRET)
    service = Service(db_anon_role="ticketflow_anon", db_authenticate="public.authenticate",
                      db_authenticate_key="public.authenticate_api_key", db_login="login", db_pool=2, db_uri=None)

    def call(function, arguments=None, who=None, **headers):
        if who:
            headers["Authorization"] = "Bearer " + who
        headers["Content-Type"] = "application/json"
        return service.request("POST", f"/rpc/{function}", json.dumps(arguments or {}), headers)

    def sign_in(person, password="correct horse"):
        return call("login", {"email": f"{person}@example.org", "password": password})

    # Signing in
    wrong = sign_in("ada", "wrong")
    tap.equal((wrong.status, wrong.json and wrong.json["code"]), (401, "PT401"), "a wrong password is 401")
    tap.equal(sorted(wrong.json), ["code", "details", "hint", "message"], "with the usual body")
    tap.equal(psql(database, "SELECT failed_login_attempts FROM users WHERE id = 'ada'"), "1", "and was counted")
    right = sign_in("ada")
    tap.equal((right.status, right.json and right.json.get("user_id"), right.json and right.json.get("token_type")), (200, "ada", "bearer"), "the right one signs in")
    ada, cleo, carl, una = (sign_in(p).json["token"] for p in ("ada", "cleo", "carl", "una"))
    tap.ok("password" not in right.text and "error" not in right.text, "the answer holds no password")
    for path, headers in (("login", {"Accept": "application/vnd.pgrst.object+json"}), ("login", {"Prefer": "handling=strict, max-affected=0"}), ("login", {"Prefer": "tx=rollback"})):
        call(path, {"email": "yan@example.org", "password": "wrong"}, **headers)
    for option in ("user_id=not.is.null", "select=error_code::int", "limit=0"):
        tap.equal(call("login?" + option, {"email": "yan@example.org", "password": "wrong"}).status, 400, f"login is called plainly, not with {option}")
    tap.equal(psql(database, "SELECT failed_login_attempts FROM users WHERE id = 'yan'"), "3", "no option of the dialect makes a guess free")
    for _ in range(5):
        sign_in("nobody", "guess")
    locked = sign_in("nobody", "guess")
    tap.equal((locked.status, locked.json["code"]), (423, "PT423"), "an address is locked after five guesses")

    # Identity and rights
    me = call("me", who=ada)
    row = me.json[0] if isinstance(me.json, list) else me.json
    tap.equal((me.status, row.get("id")), (200, "ada"), "a token acts as its person")
    anonymous = call("create_task", {"title": "x"})
    tap.equal(anonymous.status, 401, "nobody creates no ticket")
    made = call("create_task", {"title": "Printer jams", "description": "Tray 2"}, cleo, **{"X-Request-Id": "req-4711"})
    ticket = made.json[0] if isinstance(made.json, list) else made.json
    if not tap.equal(made.status, 200, "a customer creates a ticket"):
        print("#", made.text, file=sys.stderr)
        tap.done()
    tap.ok(str(ticket["ticket_number"]).startswith("TKT-"), "it has a number")
    tap.equal(psql(database, f"SELECT created_by FROM tasks WHERE id = {ticket['id']}"), "cleo", "and belongs to her")
    seen = service.request("GET", f"/rpc/get_task?id={ticket['id']}", headers={"Authorization": "Bearer " + cleo})
    tap.equal(seen.status, 200, "she sees it by GET")
    other = service.request("GET", f"/rpc/get_task?id={ticket['id']}", headers={"Authorization": "Bearer " + carl})
    tap.ok(other.status == 404 or other.json in ([], None), "another customer does not", other.status, other.text)
    forged = service.request("GET", f"/rpc/get_task?id={ticket['id']}", headers={"Authorization": "Bearer " + carl, "app.current_user_id": "cleo"})
    tap.equal(forged.status, other.status, "nor with headers of his own")

    # The token says who, the database says what
    psql(database, "UPDATE users SET role = 'admin' WHERE id = 'carl'")
    now = service.request("GET", f"/rpc/get_task?id={ticket['id']}", headers={"Authorization": "Bearer " + carl})
    tap.equal(now.status, 200, "a role given takes effect at once")
    psql(database, "UPDATE users SET is_active = false WHERE id = 'carl'")
    gone = call("me", who=carl)
    tap.equal((gone.status, gone.json["code"], gone.header("WWW-Authenticate")), (401, "PT401", "Bearer"), "an inactive person's token is refused")
    lie = token({"sub": "cleo", "role": "ticketflow_admin", "iat": int(time.time())})
    tap.equal(call("list_users", who=lie).status, 403, "a role in the token gives nothing")
    ghost = token({"sub": "ghost", "iat": int(time.time())})
    tap.equal(call("me", who=ghost).status, 401, "an unknown person is refused")
    early = token({"sub": "una", "iat": int(time.time()) - 3600})
    changed = call("change_password", {"current_password": "correct horse", "new_password": "another horse"}, una)
    tap.ok(changed.status in (200, 204), "a password is changed", changed.text)
    tap.equal(call("me", who=early).status, 401, "a token from before is refused")

    # Keys
    key = call("create_api_key", {"name": "robot"}, ada)
    row = key.json[0] if isinstance(key.json, list) else key.json
    secret = next((v for v in (row or {}).values() if isinstance(v, str) and v.startswith("tfk_")), None)
    if tap.ok(secret is not None, "an administrator makes a key", key.text):
        tap.equal(call("me", who=secret).status, 200, "the key acts")
        tap.equal(call("me", **{"X-API-Key": secret}).status, 200, "in its own header as well")
        by_get = service.request("GET", "/rpc/me", headers={"X-API-Key": secret})
        tap.equal((by_get.status, by_get.header("Cache-Control")), (200, "private"), "and by GET, where no cache may share the answer")
        tap.equal(call("me", who=secret[:-1] + ("a" if secret[-1] != "a" else "b")).status, 401, "a wrong key is refused")
        tap.equal(call("revoke_api_key", {"id": row["id"]}, ada).status in (200, 204), True, "it is revoked")
        tap.equal(call("me", who=secret).status, 401, "and refused from then on")

    tap.equal(psql(database, "SELECT DISTINCT request_id || ' ' || user_id FROM audit_log WHERE table_name LIKE '%tasks' AND operation = 'INSERT'"),
              "req-4711 cleo", "the audit log names the request and the person")

    described = service.request("GET", "/", headers={"Authorization": "Bearer " + cleo}).json["paths"]
    public = service.request("GET", "/").json["paths"]
    tap.ok("/rpc/create_task" in described and "/rpc/create_task" not in public and "/rpc/login" in public,
           "the description shows what the caller may call", sorted(public))
    login = service.request("GET", "/").json["paths"]["/rpc/login"]["post"]["responses"]
    shown = login["200"]["content"]["application/json"]["schema"]
    tap.ok({"token", "expires_in", "user_id"} <= shown["properties"].keys() and "error_code" not in shown["properties"] and "401" in login and "423" in login,
           "and login as it answers, not as it is in SQL", login)
    lines = [l for l in service.lines if l["message"] == "request"]
    tap.ok(not any("correct horse" in json.dumps(l) or (secret or "tfk_") in json.dumps(l) for l in service.lines), "no log line holds a secret")
    tap.ok(any(l.get("user") == "cleo" and l.get("function") == "create_task" and l["request_id"] == "req-4711" for l in lines), "the log names request, function and person")
    service.stop()
    psql("postgres", f"DROP ROLE IF EXISTS {login_role}")
    tap.done()


if __name__ == "__main__":
    main()
