#!/usr/bin/env python3
"""The service as a process: settings, authentication, limits, admin listener, reloads, draining, ways to listen."""
import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import BINARY, Gate, ROOT, SECRET, Service, Tap, b64, make_database, psql, raw, request, running, token, until  # noqa: E402

tap = Tap()
JSON = {"Content-Type": "application/json"}


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, check=True).stdout


def sign(folder, alg, claims, key, kid=None):
    header = {"alg": alg, **({"kid": kid} if kid else {})}
    text = (b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())).encode()
    path = os.path.join(folder, "text")
    with open(path, "wb") as out:
        out.write(text)
    if alg == "EdDSA":
        signature = openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", path)
    elif alg.startswith("PS"):
        signature = openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest", "-sign", key, path)
    else:
        signature = openssl("dgst", "-sha256", "-sign", key, path)
    if alg == "ES256":  # DER to r and s
        r, s = re.findall(r"INTEGER\s*:([0-9A-F]+)", openssl("asn1parse", "-inform", "DER", text=signature).decode())
        signature = bytes.fromhex(r.zfill(64) + s.zfill(64))
    return text.decode() + "." + b64(signature)


def make_keys(folder):
    rsa, ec, ed = (os.path.join(folder, name) for name in ("rsa.pem", "ec.pem", "ed.pem"))
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa)
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", ec)
    openssl("genpkey", "-algorithm", "ED25519", "-out", ed)
    modulus = openssl("rsa", "-in", rsa, "-noout", "-modulus").decode().split("=")[1].strip()
    point = openssl("pkey", "-in", ec, "-pubout", "-outform", "DER")[-64:]
    edwards = openssl("pkey", "-in", ed, "-pubout", "-outform", "DER")[-32:]
    keys = [
        {"kty": "RSA", "kid": "r1", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"},
        {"kty": "EC", "kid": "e1", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])},
        {"kty": "OKP", "kid": "d1", "crv": "Ed25519", "x": b64(edwards)},
        {"kty": "oct", "kid": "h1", "k": b64(SECRET.encode())},
    ]
    return rsa, ec, ed, keys


def who(service, bearer):
    answer = service.request("GET", "/rpc/whoami", headers={"Authorization": "Bearer " + bearer})
    return answer.json if answer.status == 200 else (answer.status, answer.json["code"])


def test_keys(common):
    with tempfile.TemporaryDirectory() as folder:
        rsa, ec, ed, keys = make_keys(folder)
        path = os.path.join(folder, "keys.json")
        with open(path, "w", encoding="ascii") as out:
            json.dump({"keys": keys}, out)
        service = Service(**{**common, "jwt_secret": "@" + path, "jwt_aud": "desk", "jwt_role_claim_key": "$.app.roles[0]"})
        claims = {"app": {"roles": ["agent"]}}
        for alg, key, kid in (("RS256", rsa, "r1"), ("PS256", rsa, "r1"), ("ES256", ec, "e1"), ("EdDSA", ed, "d1")):
            tap.equal(who(service, sign(folder, alg, claims, key, kid)), "agent", f"120 {alg} by a key set")
            tap.equal(who(service, sign(folder, alg, claims, key)), "agent", f"120 {alg} without kid tries all keys")
        tap.equal(who(service, token(claims, header={"alg": "HS256", "kid": "h1"})), "agent", "120 HS256 by a JWK")
        tap.equal(who(service, sign(folder, "RS256", claims, rsa, "e1")), (401, "PGRST301"), "120 the kid of another key")
        # The public key is no secret, so it must not verify an HMAC made with it.
        public = openssl("pkey", "-in", rsa, "-pubout").decode()
        tap.equal(who(service, token(claims, secret=public, header={"alg": "HS256", "kid": "r1"})), (401, "PGRST301"), "113 RS256 is not taken for HS256")
        tap.equal(who(service, token({**claims, "aud": "desk"}, header={"alg": "HS256", "kid": "h1"})), "agent", "116 the right audience")
        tap.equal(who(service, token({**claims, "aud": ["x", "desk"]}, header={"alg": "HS256"})), "agent", "116 one of several")
        tap.equal(who(service, token({**claims, "aud": "shop"}, header={"alg": "HS256"})), (401, "PGRST303"), "116 another audience")
        tap.equal(who(service, token({**claims, "aud": ""}, header={"alg": "HS256"})), (401, "PGRST303"), "116 an empty audience")
        for nobody in ([], None):
            tap.equal(who(service, token({**claims, "aud": nobody}, header={"alg": "HS256"})), "agent", f"116 no audience at all, {nobody}")
        old = sign(folder, "RS256", claims, rsa, "r1")
        with open(path + ".new", "w", encoding="ascii") as out:
            json.dump({"keys": keys[1:]}, out)
        seen = len(service.lines)
        os.rename(path + ".new", path)
        service.wait_for("settings reloaded", after=seen)
        until(lambda: who(service, old) != "agent")
        tap.equal(who(service, old), (401, "PGRST301"), "120 a key taken out of the file is forgotten")
        service.stop()
    bare = Service(**{**common, "jwt_secret": "", "db_anon_role": ""})
    tap.equal(bare.request("GET", "/rpc/whoami").json["code"], "PGRST302", "117 no token, no anonymous role")
    tap.equal(bare.request("GET", "/rpc/whoami").header("WWW-Authenticate"), "Bearer", "117 with a challenge")
    tap.equal(who(bare, token({"role": "agent"})), (500, "PGRST300"), "117 a token, no secret")
    bare.stop()


def test_variants(common):
    service = Service(**common, db_schemas="api,api2", db_schema_aliases="public:api", db_pre_request="api.pre", db_plan_enabled="true",
                      server_timing_enabled="true", server_cors_allowed_origins="http://a, http://b", db_max_rows=3,
                      openapi_server_proxy_uri="https://desk.example.org/api", db_prepared_statements="false")
    get = lambda path, **headers: service.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})  # noqa: E731
    tap.equal(get("/rpc/only_there", Accept_Profile="api2").json, 2, "97 another schema")
    tap.equal(get("/rpc/add?a=1&b=2").header("Content-Profile"), "api", "98 the schema is always echoed where there are several")
    tap.equal(get("/rpc/add?a=1&b=2", Accept_Profile="public").status, 200, "a schema alias")
    tap.equal((get("/rpc/whoami", X_Refuse="yes").status, get("/rpc/whoami", X_Refuse="yes").reason), (418, "pre-request refuses"), "108 pre-request raises")
    tap.equal(get("/rpc/whoami", X_Agent="yes").json, "agent", "108 pre-request takes a role")
    plan = get("/rpc/tall", Accept="application/vnd.pgrst.plan+json")
    tap.ok(plan.json and "Plan" in plan.json[0], "96 a plan", plan.text)
    tap.ok(re.match(r"jwt;dur=[\d.]+, plan;dur=[\d.]+, pool;dur=[\d.]+, transaction;dur=[\d.]+, response;dur=[\d.]+$", get("/rpc/ints").header("Server-Timing") or ""), "126 Server-Timing")
    started = time.monotonic()
    waited = service.request("POST", "/rpc/slow", '{"s":0.2}', JSON).header("Server-Timing")
    elapsed = (time.monotonic() - started) * 1000
    times = {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", waited)}
    tap.ok(times["transaction"] >= 200 and sum(times.values()) <= elapsed, "126 the time goes to where it was spent, once", (waited, elapsed))
    tap.equal((get("/rpc/ints", Origin="http://a").header("Access-Control-Allow-Origin"), get("/rpc/ints", Origin="http://a").header("Access-Control-Allow-Credentials")), ("http://a", "true"), "122 an allowed origin")
    tap.equal(get("/rpc/ints", Origin="http://c").header("Access-Control-Allow-Origin"), None, "122 another origin")
    tap.equal([get("/rpc/ints", **h).header("Vary") for h in ({}, {"Origin": "http://a"})], ["Accept, Prefer, Range, Origin"] * 2, "122 caches keep answers to origins apart")
    tap.equal(len(get("/rpc/fifteen").json), 3, "db-max-rows")
    two = get("/", Accept="application/openapi+json")
    tap.equal((two.header("Content-Type"), two.json["swagger"], two.json["host"], two.json["basePath"]), ("application/openapi+json; charset=utf-8", "2.0", "desk.example.org", "/api"), "124 OpenAPI 2.0")
    add = two.json["paths"]["/rpc/add"]
    tap.equal((add["get"]["summary"], add["get"]["description"], add["get"]["tags"]), ("Adds two numbers", "Both are needed. Errors: 22003 out of range.", ["(rpc) add"]), "124 the comment")
    tap.equal(add["get"]["parameters"][0], {"name": "a", "in": "query", "required": True, "type": "integer", "format": "integer"}, "124 a parameter")
    tap.equal([p["collectionFormat"] for p in two.json["paths"]["/rpc/vari"]["get"]["parameters"]], ["multi"], "124 a variadic parameter")
    tap.ok("get" not in two.json["paths"]["/rpc/v"] and "/rpc/secret" not in two.json["paths"], "124 no GET of a writer, nothing that is not mine")
    agents = get("/", Accept="application/openapi+json", Authorization="Bearer " + token({"role": "agent"})).json
    tap.ok("/rpc/secret" in agents["paths"], "124 an agent sees more")
    three = get("/").json
    post = three["paths"]["/rpc/add"]["post"]
    tap.equal((three["openapi"], post["requestBody"]["content"]["application/json"]["schema"]["required"]), ("3.1.0", ["a", "b"]), "OpenAPI 3.1")
    kinds = three["paths"]["/rpc/kinds"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]["properties"]
    tap.equal((kinds["m"]["enum"], kinds["a"]["type"], kinds["ts"]["format"]), (["calm", "cross"], ["array", "null"], "date-time"), "with the types of the result")
    tap.ok("22003 out of range" in post["responses"]["400"]["description"], "and the errors that the comment names")
    service.stop()
    closed = Service(**common, openapi_mode="disabled", db_tx_end="commit")
    tap.equal(closed.request("GET", "/rpc/add?a=1&b=2").header("Server-Timing"), None, "126 no Server-Timing unless it is asked for")
    tap.equal(closed.request("GET", "/").json["code"], "PGRST126", "125 no description")
    kept = closed.request("POST", "/rpc/ins?select=title", '{"title":"kept"}', {**JSON, "Prefer": "tx=rollback"})
    tap.equal((kept.status, kept.header("Preference-Applied")), (200, None), "99 tx=rollback is ignored where it is not allowed")
    closed.stop()


def test_reload(common, database):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write('server-cors-allowed-origins = "http://one"\n')
        conf.flush()
        service = Service(**common)
        tap.equal(service.request("GET", "/rpc/later").status, 404, "127 a function that is not there yet")
        for name, how in (("later", "notify"), ("latest", "signal"), ("by_trigger", "trigger")):
            seen = len(service.lines)
            if how == "trigger":
                with open(os.path.join(ROOT, "service/reload_trigger.sql"), encoding="ascii") as script:
                    psql(database, script.read())
                service.wait_for("schema cache loaded", after=seen)
                seen = len(service.lines)
            psql(database, f"CREATE FUNCTION api.{name}() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'"
                 + ("; NOTIFY pgrst, 'reload schema'" if how == "notify" else ""))
            if how == "signal":
                service.process.send_signal(signal.SIGUSR1)
            service.wait_for("schema cache loaded", after=seen)
            until(lambda: service.request("GET", f"/rpc/{name}").status == 200)
            tap.equal(service.request("GET", f"/rpc/{name}").json, 1, f"127 and is by {how}")
        psql(database, "CREATE OR REPLACE FUNCTION api.ints() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT 7'")
        tap.equal(service.request("GET", "/rpc/ints").json, [7], "a function replaced under a prepared statement")
        psql(database, "DROP FUNCTION api.one_column(); CREATE FUNCTION api.one_column() RETURNS TABLE (a int, b int) LANGUAGE sql STABLE AS 'SELECT 1, 2'")
        tap.ok(until(lambda: service.request("GET", "/rpc/one_column").json == [{"a": 1, "b": 2}]), "and one whose result has another type")
        psql(database, "REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC")
        seen = len(service.lines)
        service.process.send_signal(signal.SIGUSR1)
        service.wait_for("cannot load the schema cache", after=seen)
        tap.equal(service.request("GET", "/rpc/add?a=1&b=2").json, 3, "127 the old cache serves while a reload fails")
        psql(database, "GRANT SELECT ON pg_catalog.pg_proc TO PUBLIC")
        service.wait_for("schema cache loaded", after=seen)
        seen = len(service.lines)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("settings reloaded", after=seen)
        seen = len(service.lines)
        psql(database, "NOTIFY pgrst, 'reload config'")
        service.wait_for("settings reloaded", after=seen)
        tap.equal(service.request("GET", "/rpc/add?a=1&b=2").json, 3, "127 settings are reloaded by SIGHUP and NOTIFY")
        service.stop()


def test_limits(common):
    hurried = Service(**common, header_timeout=1, body_timeout=1, keepalive_timeout=1)
    slow = raw(hurried.port, b"GET / HTTP/1.1\r\nHost:")
    tap.ok(slow.startswith(b"HTTP/1.1 408 ") and b"TF408" in slow, "408 for a head that does not end", slow[:200])
    slow = raw(hurried.port, b"POST /rpc/j HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
    tap.ok(slow.startswith(b"HTTP/1.1 408 "), "408 for a body that does not end", slow[:200])
    tap.equal(raw(hurried.port, b""), b"", "a silent connection is closed without a word")
    service = Service(**common, max_header_bytes=4096, max_body_bytes=1000, max_requests_per_connection=3, max_response_bytes=100000)
    port = service.port
    big = raw(port, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10000 + b"\r\n\r\n")
    tap.ok(big.startswith(b"HTTP/1.1 431 ") and b'"code":"TF431"' in big, "431 for a head too large", big[:300])
    for name, extra in (("announced", b"Content-Length: 5000\r\n\r\n"), ("sent", b"Content-Length: 5000\r\n\r\n" + b"x" * 5000)):
        large = raw(port, b"POST /rpc/j HTTP/1.1\r\nHost: x\r\n" + extra)
        tap.ok(large.startswith(b"HTTP/1.1 413 ") and b"TF413" in large, f"413 for a body too large, {name}", large[:300])
    chunked = raw(port, b"POST /rpc/j HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
    tap.ok(chunked.startswith(b"HTTP/1.1 413 "), "413 for chunks too large", chunked[:200])
    bad = raw(port, b"\x16\x03\x01\x00\xa5 nonsense\r\n\r\n")
    tap.ok(bad.startswith(b"HTTP/1.1 400 ") and b"TF400" in bad, "400 for what is no HTTP", bad[:200])
    smuggled = raw(port, b"POST /rpc/j HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    tap.ok(b"HTTP/1.1 400 " in smuggled[:20], "400 for two lengths", smuggled[:200])
    three = raw(port, b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
    tap.equal((three.count(b"HTTP/1.1 200 OK"), three.count(b"Connection: close")), (3, 1), "requests in one packet, and no more than allowed")
    old = raw(port, b"GET /rpc/add?a=1&b=2 HTTP/1.0\r\n\r\n")
    tap.ok(old.endswith(b"3") and b"Connection: close" in old, "HTTP/1.0")
    cont = raw(hurried.port, b"POST /rpc/j HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    tap.ok(cont.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), "100 Continue", cont[:200])
    answer = service.request("GET", "/rpc/many?n=5000")
    tap.equal((answer.status, answer.json["code"]), (500, "54000"), "an answer too large")
    refused = []
    for one in (service, hurried):
        one.stop()
        one.wait_for("end of log")
        refused += [line["status"] for line in one.lines if line["message"] == "request" and line["status"] in (400, 408, 413, 431)]
    tap.equal(sorted(refused), [400, 400, 408, 408, 408, 413, 413, 413, 431], "each refusal is in the log once")

    rated = Service(**common, rate_limit=1, rate_burst=5)
    answers = [rated.request("GET", "/rpc/add?a=1&b=2") for _ in range(5)]
    tap.equal({a.status for a in answers}, {200}, "a burst passes")
    limited = until(lambda: (a := rated.request("GET", "/rpc/add?a=1&b=2")).status == 429 and a)
    tap.equal(limited and (limited.json["code"], limited.header("Retry-After")), ("TF429", "1"), "429 above the rate")
    rated.stop()

    few = Service(**common, max_connections=2)
    held = [socket.create_connection(("127.0.0.1", few.port)) for _ in range(2)]
    for client in held:
        client.sendall(b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1000)
    third = raw(few.port, b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n")
    tap.ok(third.startswith(b"HTTP/1.1 503 ") and b"TF503" in third, "503 above the number of connections", third[:200])
    for client in held:
        client.close()
    few.stop()


def test_admin(common):
    service = Service(**common)
    service.request("GET", "/rpc/add?a=1&b=2")
    service.request("GET", "/rpc/nothing")
    service.request("POST", "/rpc/boom", '{"code":"P0001"}', JSON)
    tap.equal((service.admin("/live").status, service.admin("/ready").status, service.admin("/x").status), (200, 200, 404), "128 /live and /ready")
    wanted_lines = ('ticketflow_http_requests_total{function="add",method="GET",status="200"} 1', 'ticketflow_http_duration_seconds_bucket{function="add",le="+Inf"} 1',
                   'ticketflow_db_errors_total{class="P0"} 1', "pgrst_db_pool_max 2", "pgrst_schema_cache_loads_total{status=\"SUCCESS\"} 1", "ticketflow_http_in_flight 0")
    until(lambda: all(wanted in service.admin("/metrics").text for wanted in wanted_lines))  # counted when the client has its answer
    text = service.admin("/metrics").text
    for wanted in wanted_lines:
        tap.ok(wanted in text, f"128 /metrics has {wanted}", text)
    for line in text.splitlines():
        if not re.match(r'# (HELP|TYPE) [a-z_]+ .+$|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+$', line):
            tap.ok(False, "a line of /metrics", line)
    functions = service.admin("/schema_cache").json["functions"]
    tap.ok({"schema": "api", "name": "hi", "returns": "text", "set": False, "arguments": [{"name": "name", "type": "text", "required": True}]} in functions, "128 /schema_cache")
    service.stop()


def test_drain(common, database):
    service = Service(**common, drain_timeout=60)
    answers = []
    client = threading.Thread(target=lambda: answers.append(service.request("POST", "/rpc/gated", "{}", JSON)))
    gate = Gate(database)
    idle = socket.create_connection(("127.0.0.1", service.port))
    idle.sendall(b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n")
    idle.recv(1000)
    client.start()
    until(lambda: running(database, "gated"))
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("stopping")
    tap.equal(idle.recv(100), b"", "an idle connection is closed when the service stops")
    tap.equal(service.admin("/ready").status, 503, "it is not ready any more")
    try:
        socket.create_connection(("127.0.0.1", service.port), timeout=2).close()
        tap.ok(False, "nobody new is let in")
    except OSError:
        tap.ok(True, "nobody new is let in")
    gate.open()
    client.join()
    tap.equal([(answer.status, answer.header("Connection")) for answer in answers], [(204, "close")], "what runs is finished")
    service.process.wait(60)
    tap.equal(service.process.returncode, 0, "and the exit status is 0")
    hasty = Service(**common, drain_timeout=0)
    waiting = socket.create_connection(("127.0.0.1", hasty.port))
    waiting.sendall(b'POST /rpc/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"s":30}')
    until(lambda: running(database, "slow"))
    hasty.stop()
    tap.ok(until(lambda: running(database, "slow") == 0), "without patience running queries are cancelled")


def test_listening(common):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "web.sock")
        service = Service(**common, server_unix_socket=path)
        tap.equal(request(path, "GET", "/rpc/add?a=1&b=2").json, 3, "a unix socket")
        tap.equal(oct(os.stat(path).st_mode & 0o777), "0o660", "for owner and group")
        second = subprocess.run([BINARY, "serve", "-s", f"server-unix-socket={path}"], capture_output=True, text=True, timeout=20, check=False)
        tap.ok(second.returncode == 2 and "another service listens" in second.stderr, "a second service leaves it alone", second.stderr)
        service.stop()
        tap.ok(not os.path.exists(path), "it is gone afterwards")

        certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost")
        service = Service(**common, server_tls_certificate=certificate, server_tls_key=key)
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False
        with context.wrap_socket(socket.create_connection(("127.0.0.1", service.port)), server_hostname="localhost") as client:
            client.sendall(b"GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
            out = b""
            while out.count(b"\r\n\r\n3") < 2:
                out += client.recv(4096)
            tap.ok(True, "TLS")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=renewed")
        seen = len(service.lines)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("settings reloaded", after=seen)
        shown = ssl.get_server_certificate(("127.0.0.1", service.port)).encode()
        tap.ok(b"renewed" in openssl("x509", "-noout", "-subject", text=shown), "a renewed certificate is taken by SIGHUP")
        plain = raw(service.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        tap.ok(b"HTTP" not in plain, "no plain text where TLS is spoken")
        service.stop()

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.set_inheritable(listener.fileno(), True)
    settings = [part for name, value in common.items() for part in ("-s", f"{name.replace('_', '-')}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(folder, "notify"))
        notify.settimeout(60)
        process = subprocess.Popen(["bash", "-c", f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash", BINARY, "serve", *settings],
                                   pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": os.path.join(folder, "notify")})
        tap.equal(notify.recv(100), b"READY=1", "systemd is told that the service is ready")
        answer = until(lambda: (a := request(port, "GET", "/rpc/add?a=1&b=2")).status != 503 and a)
        tap.equal(answer and answer.json, 3, "a socket that systemd opened")
        process.send_signal(signal.SIGTERM)
        tap.equal(notify.recv(100), b"STOPPING=1", "and when it stops")
        process.wait(60)
    busy = subprocess.run([BINARY, "serve", "-s", f"server-port={port}"], capture_output=True, text=True, timeout=20, check=False)
    tap.ok(busy.returncode == 2 and "cannot listen" in busy.stderr, "a busy port is a clear message", busy.stderr)
    listener.close()


def test_commands(database):
    def run(*arguments, **env):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **env})
    conf = os.path.join(ROOT, "service/ticketflow.conf")
    tap.equal(run("check-config", conf).returncode, 0, "the configuration file is right")
    defaults = run("check-config", "--defaults").stdout
    with open(conf, encoding="ascii") as file:
        text = file.read()
    missing = [block for block in defaults.strip().split("\n\n") if block.replace("\n", "\n# ", 1) not in text]
    tap.equal(missing, [], "it explains every setting and its default")
    for name, arguments, wanted in (
            ("an unknown setting", ("-s", "nope=1"), 'unknown setting "nope"'), ("a word for a number", ("-s", "db-pool=x"), "expected an integer in 1..1000"),
            ("a word not known", ("-s", "db-tx-end=x"), "expected one of commit|"), ("no file", ("/nowhere.conf",), "No such file"),
            ("a short secret", ("-s", "jwt-secret=short"), "32 bytes"), ("no key file", ("-s", "jwt-secret=@/nowhere"), "/nowhere"),
            ("a key without a secret", ("-s", 'jwt-secret={"kty":"oct"}'), "jwt-secret"),
            ("no certificate", ("-s", "server-tls-certificate=/nowhere", "-s", "server-tls-key=/nowhere"), "cannot use the certificate")):
        done = run("check-config", *arguments)
        tap.ok(done.returncode == 2 and wanted in done.stderr, f"check-config: {name}", done.stderr)
    tap.ok('db-pool = 7' in run("check-config", TICKETFLOW_DB_POOL="7").stdout, "the environment counts")
    short = run("serve", "-s", "jwt-secret=short")
    tap.ok(short.returncode == 2 and "32 bytes" in short.stderr, "a short secret is refused", short.stderr)
    made = run("token", "-s", f"jwt-secret={SECRET}", "--user", "una", "--role", "agent").stdout.strip()
    body = json.loads(base64.urlsafe_b64decode(made.split(".")[1] + "=="))
    tap.equal((body["sub"], body["role"], body["exp"] - int(body["iat"])), ("una", "agent", 3600), "token signs")
    described = json.loads(run("openapi", "-s", f"db-uri=dbname={database}", "--role", "anon").stdout)
    tap.ok("/rpc/add" in described["paths"] and "/rpc/secret" not in described["paths"], "openapi describes for a role")
    tap.equal(run("nothing").returncode != 0, True, "an unknown subcommand fails")


def main():
    database = make_database("engine", "http_life")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    common = {"db_uri": f"dbname={database} user=authenticator", "db_anon_role": "anon", "jwt_secret": SECRET, "db_pool": 2}
    test_commands(database)
    test_keys(common)
    test_variants(common)
    test_reload(common, database)
    test_limits(common)
    test_admin(common)
    test_drain(common, database)
    test_listening(common)
    tap.done()


if __name__ == "__main__":
    main()
