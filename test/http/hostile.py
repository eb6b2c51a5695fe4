#!/usr/bin/env python3
"""What strangers send: messages that are framed in two ways, plans of other roles, and whatever could fill memory or undo a count."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, Tap, make_database, psql, raw, token, until  # noqa: E402

tap = Tap()
JSON = {"Content-Type": "application/json"}


def test_framing(common):
    """What programs in front of the service may read otherwise than it does."""
    service = Service(**common)
    port, agent = service.port, token({"role": "agent"}).encode()
    hidden = b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden\r\n\r\n"
    for coding, status in ((b"xchunked", 400), (b"identity", 400), (b'"chunked"', 400), (b"chunked, identity", 400), (b"chunked,chunked", 400), (b"gzip, chunked", 501)):
        out = raw(port, b"POST /rpc/ctr HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + hidden)
        tap.ok(out.startswith(b"HTTP/1.1 %d " % status) and b"hidden" not in out and out.count(b"HTTP/1.1 ") == 1, f"Transfer-Encoding {coding.decode()} hides no request", out[:300])
    out = raw(port, b"POST /rpc/whoami HTTP/1.1\r\nHost: x\r\nX-Request-Id: head\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n"
              b"2\r\n{}\r\n0\r\nAuthorization: Bearer " + agent + b"\r\nX-Request-Id: trailer\r\n\r\n")
    tap.ok(out.startswith(b"HTTP/1.1 200 ") and b'"anon"' in out and b"X-Request-Id: head" in out, "a trailer signs nobody in and names no request", out[:400])
    for repeated in (b"Host: x\r\nHost: y\r\n", b"Host: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer " + agent + b"\r\n",
                     b"Host: x\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n", b""):
        out = raw(port, b"POST /rpc/whoami HTTP/1.1\r\n" + repeated + b"Content-Length: 2\r\n\r\n{}")
        tap.ok(out.startswith(b"HTTP/1.1 400 ") and b"TF400" in out, f"400 for {repeated.split(b':')[0].decode() or 'no host'} " + ("more than once" if repeated else ""), out[:300])
    service.stop()


def test_roles(common, database):
    """PostgreSQL inlines what the planning role may call and does not ask again; a plan must not serve another role."""
    psql(database, """
        CREATE TABLE people (id text PRIMARY KEY, role text NOT NULL);
        INSERT INTO people VALUES ('p', 'agent');
        CREATE FUNCTION person(who text, issued timestamptz) RETURNS void LANGUAGE plpgsql AS $$
          BEGIN
            PERFORM set_config('role', role, true) FROM people WHERE id = who;
            IF NOT FOUND THEN RAISE SQLSTATE 'PT401' USING MESSAGE = 'nobody'; END IF;
          END $$;
        ALTER SEQUENCE counter RESTART""" + "; GRANT SELECT ON people TO authenticator")
    one = {**common, "db_pool": 1, "server_threads": 1}
    agent = {"Authorization": "Bearer " + token({"role": "agent"})}
    service = Service(**one)
    secret = lambda headers=None: (a := service.request("GET", "/rpc/secret", headers=headers), (a.status, a.json if a.status == 200 else a.json["code"]))[1]  # noqa: E731
    tap.equal([secret(agent) for _ in range(2)], [(200, "for agents")] * 2, "a function for agents, called by one")
    tap.equal([secret() for _ in range(2)], [(401, "42501")] * 2, "its plan is not for anonymous")
    tap.equal(secret(agent), (200, "for agents"), "but still for agents")
    service.stop()

    service = Service(**one, db_authenticate="public.person")
    person = {"Authorization": "Bearer " + token({"sub": "p"})}
    tap.equal([secret(person) for _ in range(3)], [(200, "for agents")] * 3, "a role that the database gives")
    psql(database, "UPDATE people SET role = 'slowpoke'")
    tap.equal([secret(person) for _ in range(2)], [(403, "42501")] * 2, "and takes away: the next call has another plan")
    tap.equal(service.request("POST", "/rpc/slow", '{"s":5}', {**JSON, **person}).json["code"], "57014", "settings of the role that the database gives")
    psql(database, "UPDATE people SET role = 'agent'")
    tap.equal((service.request("POST", "/rpc/ctr", "{}", {**JSON, **person}).json, secret(person)), (1, (200, "for agents")), "a writer whose role changed ran once")
    tap.equal(secret({"Authorization": "Bearer " + token({"sub": "q"})}), (401, "PT401"), "an unknown person")
    tap.equal(secret(), (401, "42501"), "anonymous is not asked for")
    service.stop()

    service = Service(**one, db_pre_request="api.pre")
    tap.equal([secret({"X-Agent": "yes"}), secret(), secret({"X-Agent": "yes"}), secret()], [(200, "for agents"), (401, "42501")] * 2, "a role that pre-request takes")
    service.stop()


def test_abuse(common, database):
    """What strangers may send as often as they like."""
    service = Service(**{**common, "db_pool": 1}, db_tx_end="commit-allow-override")
    many = {f"k{i}": 1 for i in range(300000)}
    for name, body, kind in (("JSON", json.dumps(many), "application/json"), ("form", "&".join(f"{k}=1" for k in many), "application/x-www-form-urlencoded"),
                             ("CSV", ",".join(many) + "\n" + ",".join("1" for _ in many), "text/csv")):
        answer = service.request("POST", "/rpc/add", body, {"Content-Type": kind})
        tap.equal((answer.status, len(answer.body) < 10000), (404, True), f"300,000 arguments as {name}: no function takes them, and a short answer says so")
    answer = service.request("POST", "/rpc/hi?columns=" + ",".join(f"k{i}" for i in range(9000)), json.dumps(many), JSON)
    tap.equal(answer.status, 404, "nor as columns")
    answer = service.request("GET", "/rpc/add?a=1&b=2", headers=[(f"X-{i}", "1") for i in range(90)] + [("X-1", "2")] * 5)
    tap.equal(answer.json, 3, "many headers")
    for i in range(60):
        raw(service.port, f"M{i} /rpc/add HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    metrics = service.admin("/metrics").text
    tap.equal((metrics.count('method="M'), metrics.count('method="other"')), (0, 1), "a made-up method makes no series of its own")
    for i in range(60):
        terms = ",".join(f"n.{('gt', 'gte', 'lt', 'lte')[(n >> (i % 7)) & 3]}.{n}" for n in range(1000 + i))
        tap.equal(service.request("GET", f"/rpc/fifteen?or=({terms})&limit=1").status, 200, "a long filter") if i < 1 else service.request("GET", f"/rpc/fifteen?or=({terms})&limit=1")
    for i in range(400):
        service.request("GET", "/rpc/fifteen?select=" + ",".join(f"c{n}:n" for n in range(i % 40)) + f"&limit={i}")
    kept = service.request("GET", "/rpc/prepared").json[0]
    tap.ok(kept["count"] > 5 and kept["bytes"] < 200000, "what is kept prepared has a bound", kept)

    counted = 0
    for query, headers in (("", {}), ("", {"Accept": "application/vnd.pgrst.object+json"}), ("", {"Prefer": "tx=rollback"}), ("", {"Prefer": "count=exact"}),
                           ("", {"Prefer": "handling=strict, max-affected=0"}), ("", {"Accept": "text/csv"}), ("", {"Range": "5-6"}),
                           ("", {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"})):
        answer = service.request("POST", "/rpc/try" + query, '{"name":"wrong"}', {**JSON, **headers})
        counted += 1
        tap.equal((answer.status, psql(database, "SELECT count(*) FROM attempts")), (200, str(counted)), f"a failure that is a row is kept: {headers}")
    for query in ("error_code=not.is.null", "select=error_code::int", "select=ok", "limit=0", "offset=3", "order=ok", "or=(ok.is.true)"):
        answer = service.request("POST", "/rpc/try?" + query, '{"name":"wrong"}', JSON)
        right = service.request("POST", "/rpc/try?" + query, '{"name":"right"}', JSON)
        tap.equal((answer.status, answer.text, psql(database, "SELECT count(*) FROM attempts")), (400, right.text, str(counted)), f"and not called with ?{query}")
    service.stop()

    service = Service(**common, db_login="signin", db_schemas="api,api2")
    signed = service.request("POST", "/rpc/signin", '{"who":"u1"}', JSON)
    tap.equal((signed.status, signed.json["user_id"], "token" in signed.json), (200, "u1", True), "a function of db-login signs in")
    for query in ("select=user_id:other", "select=other,user_id:other", "limit=1"):
        tap.equal(service.request("POST", "/rpc/signin?" + query, '{"who":"u1"}', JSON).status, 400, f"as whom it says, whatever the client asks: {query}")
    tap.equal(service.request("POST", "/rpc/signin", '{"who":"u1"}', {**JSON, "Content-Profile": "api2"}).json, [{"user_id": "u1"}], "one of that name in another schema does not")
    service.stop()

    service = Service(**common, db_login="signin, try")
    for _ in range(40):
        service.request("POST", "/rpc/signin", '{"who":"u1"}', JSON)
    guess = lambda: service.request("POST", "/rpc/try", '{"name":"wrong"}', JSON)  # noqa: E731
    tap.equal({guess().status for _ in range(30)}, {401}, "thirty failed sign-ins a minute and address; those that succeed do not count")
    refused = until(lambda: (a := guess()).status == 429 and a)
    tap.equal(refused and (refused.json["code"], refused.header("Retry-After")), ("TF429", "60"), "then they are refused")
    service.stop()
    service = Service(**common, db_login="signin, try", login_limit=1)
    tap.equal(guess().status, 401, "one a minute, where so configured")
    tap.equal([service.request("POST", "/rpc/signin", '{"who":"u1"}', JSON).status, service.request("GET", "/rpc/add?a=1&b=2").status], [429, 200],
              "then no sign-in passes, and everything else does")
    service.stop()


def main():
    database = make_database("engine", "http_hostile")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    common = {"db_uri": f"dbname={database} user=authenticator", "db_anon_role": "anon", "jwt_secret": SECRET, "db_pool": 2}
    test_framing(common)
    test_roles(common, database)
    test_abuse(common, database)
    tap.done()


if __name__ == "__main__":
    main()
