#!/usr/bin/env python3
"""PostgREST's dialect, case by case: a table of requests and what must come back. The numbers are those of the project's
list of cases; a case without a number is our own."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, Tap, make_database, psql, token  # noqa: E402

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TEXT = {"Content-Type": "text/plain"}
AGENT = {"Authorization": "Bearer " + token({"role": "agent"})}
ANY = object()


def post(path, body=None, headers=None, **want):
    return ("POST", path, body, {**JSON, **(headers or {})}, want)


def get(path, headers=None, **want):
    return ("GET", path, None, headers or {}, want)


def error(code, message=ANY, details=ANY, hint=ANY):
    return {"code": code, "message": message, "details": details, "hint": hint}


def no_function(signature, searched, hint=None):
    return error("PGRST202", f"Could not find the function api.{signature} in the schema cache",
                 f"Searched for the function api.{signature.split('(')[0].split(' ')[0]}{searched}, but no matches were found in the schema cache.", hint)


def bearer(claims, **options):
    return {"Authorization": "Bearer " + token(claims, **options)}


NOW = int(time.time())
INVALID = 'Bearer error="invalid_token", error_description="{}"'

CASES = {
    "1 named arguments in a JSON body": post("/rpc/add", '{"a":1,"b":2}', json=3, header={"Content-Range": "0-0/*", "Vary": "Accept, Prefer, Range"}),
    "2 arguments in the query string": get("/rpc/add?a=1&b=2", json=3),
    "3 HEAD has headers only": ("HEAD", "/rpc/add?a=1&b=2", None, {}, {"text": "", "header": {"Content-Type": "application/json; charset=utf-8", "Content-Length": None}}),
    "4 UTF-8": post("/rpc/hi", '{"name":"￥"}', json="Hello, ￥"),
    "5 a table": post("/rpc/rows", '{"min":2,"max":4}', json=[{"id": 3}, {"id": 4}], header={"Content-Range": "0-1/*"}),
    "6 an empty table": get("/rpc/rows?min=2&max=2", text="[]", header={"Content-Range": "*/*", "Content-Length": "2"}),
    "7 a set of scalars is a flat array": post("/rpc/ints", "{}", json=[1, 2, 3]),
    "8 one composite is an object": get("/rpc/t1?id=1&select=id,title", json={"id": 1, "title": "ticket 1"}),
    "9 a composite of nulls": get("/rpc/t1?id=999", json={"id": None, "title": None, "data": None, "tags": None}),
    "9 and it is singular": get("/rpc/t1?id=999", {"Accept": "application/vnd.pgrst.object+json"}, status=200),
    "10 null": post("/rpc/nul", None, text="null"),
    "11 void": post("/rpc/v", "{}", status=204, text="", header={"Content-Type": None, "Content-Length": None}),
    "11 void by GET": get("/rpc/v", status=204, text=""),
    "12 a table of one column is not flattened": get("/rpc/one_column", json=[{"a": "A"}]),
    "13 one OUT argument": get("/rpc/out1?num=5", json={"n1": 6}),
    "13 OUT and INOUT": get("/rpc/out2", json={"a": 3, "b": 8}),
    "14 a record": post("/rpc/rec", "", json={"f1": 1, "f2": "x"}),
    "14 a set of records": post("/rpc/srec", "", json=[{"f1": 1, "f2": "x"}]),
    "14 no filter on a record": get("/rpc/srec?f1=eq.1", status=400),
    "15 a range": get("/rpc/rng?low=10&up=20", json="[10,20)"),
    "15 enum, domain, money, array, numeric": get("/rpc/kinds?select=m,e,c,a,n,b,d", text='[{"m":"calm","e":"a@b","c":"$0.00","a":[1,2],"n":12345678901234567890.10,"b":true,"d":"2026-02-03"}]'),
    "16 an empty body, no content type": ("POST", "/rpc/sayhello", "", {}, {"json": "hello"}),
    "17 of an array the first object counts": post("/rpc/add", '[{"a":1,"b":2},{"a":4,"b":6}]', json=3),
    "18 keys outside ?columns are ignored": post("/rpc/hi?columns=name", '{"name":"J","x":1}', json="Hello, J"),
    "19 one unnamed json argument": post("/rpc/j", '{"A":1,"B":2}', json={"A": 1, "B": 2}),
    "20 a wrong key for a named one": post("/rpc/jn", '{"A":1}', status=404, json=error("PGRST202", "Could not find the function api.jn(A) in the schema cache", "Searched for the function api.jn with parameter A or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.")),
    "21 json stays an object": post("/rpc/jn", '{"data":{"k":3}}', json="object"),
    "21 a quoted one stays a string": post("/rpc/jn", '{"data":"{\\"k\\":3}"}', json="string"),
    "22 text/plain in and out": post("/rpc/tx", "abc", {**TEXT, "Accept": "text/plain"}, text="abc", header={"Content-Type": "text/plain; charset=utf-8"}),
    "23 bytes in and out": post("/rpc/bin", b"\x00\xff\x01'\\", {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}, raw=b"\x00\xff\x01'\\", header={"Content-Type": "application/octet-stream"}),
    "24 text for a function of named arguments": post("/rpc/hi", "x", TEXT, status=404, json=error("PGRST202", "Could not find the function api.hi in the schema cache", "Searched for the function api.hi with a single unnamed text parameter, but no matches were found in the schema cache.", None)),
    "25 overload without arguments": post("/rpc/f", "{}", json="none"),
    "25 overload by names": post("/rpc/f", '{"x":1,"y":2}', json="named"),
    "25 overload by unnamed json": post("/rpc/f", '{"Z":1}', json="json"),
    "26 json and jsonb": post("/rpc/g", '{"a":1}', status=300, json=error("PGRST203", "Could not choose the best candidate function between: api.g( => json), api.g( => jsonb)")),
    "27 variadic, none": get("/rpc/vari", json=[]),
    "27 variadic, one": get("/rpc/vari?v=hi", json=["hi"]),
    "27 variadic, two": get("/rpc/vari?v=hi&v=there", json=["hi", "there"]),
    "28 variadic by JSON": post("/rpc/vari", '{"v":["a","b"]}', json=["a", "b"]),
    "28 variadic by form": post("/rpc/vari", "v=a&v=b", FORM, json=["a", "b"]),
    "29 the last value wins": get("/rpc/hi?name=ignored&name=world", json="Hello, world"),
    "30 defaults": get("/rpc/defs?b=4", json=8),
    "30 all defaults": get("/rpc/defs", json=6),
    "31 overload, none": get("/rpc/ov", json=[1, 2, 3]),
    "31 overload, two": get("/rpc/ov?a=1&b=2", json=3),
    "31 overload, three": get("/rpc/ov?a=1&b=2&c=3", json="123"),
    "32 ambiguous": get("/rpc/amb?x=1", status=300, json=error("PGRST203", "Could not choose the best candidate function between: api.amb(x => integer), api.amb(x => text)", None, "Try renaming the parameters or the function itself in the database so function overloading can be resolved")),
    "33 a form": post("/rpc/add", "a=1&b=2", FORM, json=3),
    "34 an array by GET": get("/rpc/plus_one?arr=%7B1,2%7D", json=[2, 3]),
    "34 an array by JSON": post("/rpc/plus_one", '{"arr":[1,2]}', json=[2, 3]),
    "34 an array as a literal": post("/rpc/plus_one", '{"arr":"{1,2}"}', json=[2, 3]),
    "35 CSV": post("/rpc/add", "a,b\n1,2", {"Content-Type": "text/csv"}, json=3),
    "35 NULL in CSV": post("/rpc/add", "a,b\n1,NULL", {"Content-Type": "text/csv"}, text="null"),
    "36 a misspelt name": get("/rpc/sayhell", status=404, json=no_function("sayhell without parameters", " without parameters", "Perhaps you meant to call the function api.sayhello")),
    "37 one argument too many": get("/rpc/add?a=1&b=2&zz=3", status=404, json=no_function("add(a, b, zz)", " with parameters a, b, zz", "Perhaps you meant to call the function api.add(a, b)")),
    "38 one argument missing": get("/rpc/add?a=1", status=404, json=error("PGRST202")),
    "39 no trigger function": get("/rpc/tap_trigger", status=404, json=error("PGRST202")),
    "39 no aggregate": get("/rpc/total", status=404, json=error("PGRST202")),
    "39 no procedure": post("/rpc/proc", "{}", status=404, json=error("PGRST202")),
    "39 no two unnamed arguments": post("/rpc/two_unnamed", "{}", status=404, json=error("PGRST202")),
    "40 on POST a parameter is a filter": post("/rpc/hi?name=John", '{"name":"x"}', status=400, json=error("PGRST100", '"failed to parse filter (John)" (line 1, column 1)', 'unexpected "J" expecting "not" or operator (eq, gt, ...)')),
    "41 on GET what looks like one is one": get("/rpc/hi?name=eq.x", status=404, json=error("PGRST202")),
    "42 no JSON": post("/rpc/hi", "sdfsdf", status=400, json=error("PGRST102", "Empty or invalid json")),
    "43 different keys": post("/rpc/add", '[{"a":1},{"b":2}]', status=400, json=error("PGRST102", "All object keys must match")),
    "43 no objects": post("/rpc/add", "[1,2]", status=400, json=error("PGRST102", "All object keys must match")),
    "44 any value for an unnamed json": post("/rpc/j", "5", json=5),
    "44 a bare value where names are wanted": post("/rpc/add", "true", status=404),
    "45 an unknown content type": post("/rpc/hi", "<x/>", {"Content-Type": "application/xml"}, status=400, json=error("PGRST102", "Content-Type not acceptable: application/xml")),
    "46 no integer": post("/rpc/add", '{"a":"x","b":1}', status=400, json=error("22P02", 'invalid input syntax for type integer: "x"')),
    "47 an integer too large": post("/rpc/add", '{"a":99999999999,"b":1}', status=400, json=error("22003")),
    "47 a text too long": post("/rpc/long_title", json.dumps({"title": "x" * 30}), status=400, json=error("22001")),
    "47 no date": post("/rpc/day", '{"d":"yesterdayish"}', status=400, json=error("22007")),
    "47 no such date": post("/rpc/day", '{"d":"2026-02-31"}', status=400, json=error("22008")),
    "48 invalid XML": post("/rpc/xm", "<a>", {"Content-Type": "text/xml"}, status=400, json=error("2200N", ANY, re.compile("line 1"))),
    "49 DELETE": ("DELETE", "/rpc/add", None, {}, {"status": 405, "json": error("PGRST101", "Cannot use the DELETE method on RPC")}),
    "49 PATCH, even of nothing": ("PATCH", "/rpc/unknown", "{}", JSON, {"status": 405, "json": error("PGRST101", "Cannot use the PATCH method on RPC")}),
    "49 PUT": ("PUT", "/rpc/add", "{}", JSON, {"status": 405, "json": error("PGRST101")}),
    "50 POST to the root": post("/", "{}", status=405, json=error("PGRST117", "Unsupported HTTP method: POST")),
    "51 a path too long": get("/rpc/a/b", status=404, json=error("PGRST125", "Invalid path specified in request URL")),
    "51 another": get("/x/y", status=404, json=error("PGRST125")),
    "52 a table": get("/unknown_table", status=404, json=error("PGRST205", "Could not find the table 'api.unknown_table' in the schema cache")),
    "53 GET of a writer": get("/rpc/ctr", status=405, text='{"code":"25006","message":"cannot execute nextval() in a read-only transaction","details":null,"hint":null}'),
    "53 GET of an insert": get("/rpc/ins?title=x", status=405, json=error("25006")),
    "53 GET of a volatile reader works": get("/rpc/volatile_reader", json=5),
    "54 POST of a writer": post("/rpc/ins?select=title", '{"title":"new"}', json={"title": "new"}),
    "55 POST of a stable writer": post("/rpc/stable_writer", "{}", status=405, json=error("25006")),
    "56 RAISE with detail and hint": post("/rpc/boom", '{"code":"P0001","message":"no","det":"why","hint":"do"}', status=400, json=error("P0001", "no", "why", "do"), header={"Proxy-Status": "PostgREST; error=P0001"}),
    "57 PT402": post("/rpc/boom", '{"code":"PT402","message":"Payment Required"}', status=402, reason="Payment Required", json=error("PT402")),
    "58 PT40A": post("/rpc/boom", '{"code":"PT40A"}', status=500, json=error("PT40A")),
    "59 RAISE PGRST": post("/rpc/boom", json.dumps({"code": "PGRST", "message": '{"code":"123","message":"ABC","details":"D","hint":"H"}', "det": '{"status":332,"status_text":"My Custom Status","headers":{"X-Header":"str"}}'}), status=332, reason="My Custom Status", json=error("123", "ABC", "D", "H"), header={"X-Header": "str", "Proxy-Status": "PostgREST; error=123"}),
    "60 RAISE PGRST, message not JSON": post("/rpc/boom", json.dumps({"code": "PGRST", "message": "INVALID", "det": '{"status":332,"headers":{}}'}), status=500, json=error("PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", "Invalid JSON value for MESSAGE: 'INVALID'", "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.")),
    "61 RAISE PGRST, detail not JSON": post("/rpc/boom", json.dumps({"code": "PGRST", "message": '{"code":"1","message":"A"}', "det": "INVALID"}), status=500, json=error("PGRST121", ANY, "Invalid JSON value for DETAIL: 'INVALID'", "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.")),
    "61 RAISE PGRST, no detail": post("/rpc/boom", json.dumps({"code": "PGRST", "message": '{"code":"1","message":"A"}'}), status=500, json=error("PGRST121", ANY, "DETAIL is missing in the RAISE statement")),
    "61 RAISE PGRST, a header that is none": post("/rpc/boom", json.dumps({"code": "PGRST", "message": '{"code":"1","message":"A"}', "det": '{"status":400,"headers":{"X A":"1"}}'}), status=500, json=error("PGRST121")),
    "61 RAISE PGRST, framing": post("/rpc/boom", json.dumps({"code": "PGRST", "message": '{"code":"1","message":"A"}', "det": '{"status":400,"headers":{"Transfer-Encoding":"chunked"}}'}), status=400, header={"Transfer-Encoding": None}),
    "62 ASSERT": post("/rpc/asserts", "{}", status=500, json=error("P0004")),
    "62 NO_DATA_FOUND": post("/rpc/boom", '{"code":"P0002"}', status=500),
    "63 unique violation": post("/rpc/dup", "{}", status=409, json=error("23505", ANY, "Key (title)=(ticket 1) already exists.")),
    "63 foreign key violation": post("/rpc/note", '{"ticket":12345,"body":"x"}', status=409, json=error("23503")),
    "64 not null": post("/rpc/note", '{"ticket":1,"body":null}', status=400, json=error("23502")),
    "64 check": post("/rpc/note", '{"ticket":1,"body":"bad"}', status=400, json=error("23514")),
    "64 exclusion": post("/rpc/boom", '{"code":"23P01"}', status=400),
    "65 a violation found at commit": post("/rpc/dup_later", "{}", status=409, json=error("23505", ANY, "Key (title)=(ticket 1) already exists.")),
    "65 and with tx=rollback": post("/rpc/dup_later", "{}", {"Prefer": "tx=rollback"}, status=409, json=error("23505")),
    "66 not for anonymous": get("/rpc/secret", status=401, json=error("42501", "permission denied for function secret"), header={"WWW-Authenticate": "Bearer"}),
    "67 not for this role": get("/rpc/secret", bearer({"role": "slowpoke"}), status=403, json=error("42501"), header={"WWW-Authenticate": None}),
    "67 for that role": get("/rpc/secret", AGENT, json="for agents"),
    "68 statement timeout of the role": post("/rpc/slow", '{"s":5}', bearer({"role": "slowpoke"}), status=500, json=error("57014", "canceling statement due to statement timeout")),
    "69 serialization failure": post("/rpc/boom", '{"code":"40001"}', status=500),
    "69 deadlock": post("/rpc/boom", '{"code":"40P01"}', status=500),
    "69 lock not available": post("/rpc/boom", '{"code":"55P03"}', status=500),
    "73 Range": get("/rpc/rows?min=2&max=4", {"Range-Unit": "items", "Range": "1-1"}, json=[{"id": 4}], header={"Content-Range": "1-1/*"}),
    "74 Range with count": get("/rpc/rows?min=2&max=4", {"Range": "1-1", "Prefer": "count=exact"}, status=206, json=[{"id": 4}], header={"Content-Range": "1-1/2", "Preference-Applied": "count=exact"}),
    "75 limit and offset": get("/rpc/rows?min=2&max=4&limit=1&offset=1", json=[{"id": 4}], header={"Content-Range": "1-1/*"}),
    "75 on POST": post("/rpc/rows?limit=1&offset=1", '{"min":2,"max":4}', {"Prefer": "count=exact"}, status=206, json=[{"id": 4}], header={"Content-Range": "1-1/2"}),
    "76 Range is for GET": post("/rpc/rows", '{"min":2,"max":4}', {"Range": "1-1"}, json=[{"id": 3}, {"id": 4}]),
    "76 bytes are no rows": get("/rpc/rows?min=2&max=4", {"Range": "bytes=0-0"}, json=[{"id": 3}, {"id": 4}]),
    "77 HEAD counts": ("HEAD", "/rpc/rows?min=0&max=5", None, {"Prefer": "count=exact"}, {"header": {"Content-Range": "0-4/5"}}),
    "78 count of one result": get("/rpc/add?a=3&b=4", {"Prefer": "count=exact"}, json=7, header={"Content-Range": "0-0/1"}),
    "79 offset behind the end": get("/rpc/fifteen?offset=100", {"Prefer": "count=exact"}, status=416, json=error("PGRST103", "Requested range not satisfiable", "An offset of 100 was requested, but there are only 15 rows."), header={"Content-Range": "*/15"}),
    "79 without count": get("/rpc/fifteen?offset=100", text="[]", header={"Content-Range": "*/*"}),
    "80 a range upside down": get("/rpc/fifteen", {"Range": "1-0"}, status=416, json=error("PGRST103", ANY, "The lower boundary must be lower than or equal to the upper boundary in the Range header.")),
    "81 limit 0": get("/rpc/fifteen?limit=0", text="[]", header={"Content-Range": "*/*"}),
    "81 limit -1": get("/rpc/fifteen?limit=-1", status=416, json=error("PGRST103", ANY, "Limit should be greater than or equal to zero.")),
    "82 filters, select, limit and offset": get("/rpc/tall?id=gt.1&id=lt.5&select=id&limit=2&offset=1", json=[{"id": 3}, {"id": 4}], header={"Content-Range": "1-2/*"}),
    "83 argument and column of one name": get("/rpc/below?id=5&id=gt.2&select=id", json=[{"id": 3}, {"id": 4}]),
    "84 in": get('/rpc/fifteen?n=in.(1,3)&select=n', json=[{"n": 1}, {"n": 3}]),
    "84 in, quoted": get('/rpc/fifteen?label=in.("row%201","row,2")&select=n', json=[{"n": 1}]),
    "84 in, empty": get('/rpc/fifteen?n=in.()', json=[]),
    "84 not": get('/rpc/fifteen?n=not.gt.2&select=n', json=[{"n": 1}, {"n": 2}]),
    "84 like": get('/rpc/fifteen?label=like.*w%201*&n=lt.11&select=n', json=[{"n": 1}, {"n": 10}]),
    "84 ilike any": get('/rpc/fifteen?label=ilike(any).{ROW%201,ROW%202}&select=n', json=[{"n": 1}, {"n": 2}]),
    "84 gt all": get('/rpc/fifteen?n=gt(all).{3,14}&select=n', json=[{"n": 15}]),
    "84 match": get('/rpc/fifteen?label=match.5$&select=n', json=[{"n": 5}, {"n": 15}]),
    "84 is null": get('/rpc/tall?id=lte.5&data=is.null', json=[]),
    "84 is not_null": get('/rpc/tall?id=eq.1&data=is.not_null&select=id', json=[{"id": 1}]),
    "84 isdistinct": get('/rpc/fifteen?n=isdistinct.3&select=n&limit=3', json=[{"n": 1}, {"n": 2}, {"n": 4}]),
    "84 cs on an array": get('/rpc/kinds?a=cs.{1}&select=m', json=[{"m": "calm"}]),
    "84 ov on an array": get('/rpc/kinds?a=ov.{2,9}&select=m', json=[{"m": "calm"}]),
    "84 cs on jsonb": get('/rpc/tall?data=cs.{"n":2}&select=id', json=[{"id": 2}]),
    "84 or": get('/rpc/fifteen?or=(n.eq.1,and(n.gt.3,n.lt.5),n.in.(9,10))&select=n', json=[{"n": 1}, {"n": 4}, {"n": 9}, {"n": 10}]),
    "84 not.or": get('/rpc/fifteen?not.or=(n.lt.14,label.eq."row 15")&select=n', json=[{"n": 14}]),
    "84 and with not": get('/rpc/fifteen?and=(n.gt.1,not.or(n.eq.2,n.gt.3))&select=n', json=[{"n": 3}]),
    "84 fts": get('/rpc/fifteen?label=fts(simple).7&select=n', json=[{"n": 7}]),
    "84 wfts": get('/rpc/fifteen?label=wfts.row%20-8&n=gt.6&n=lt.10&select=n', json=[{"n": 7}, {"n": 9}]),
    "84 order": get('/rpc/fifteen?order=n.desc.nullslast,label&limit=2&select=n', json=[{"n": 15}, {"n": 14}]),
    "84 json path": get('/rpc/tall?data->>n=eq.3&select=id,data->deep->1,x:data->deep->>0', json=[{"id": 3, "deep": 6, "x": "3"}]),
    "84 json path as json": get('/rpc/tall?data->n=eq.3&select=id', json=[{"id": 3}]),
    "84 imatch": get('/rpc/fifteen?label=imatch.ROW%201$&select=n', json=[{"n": 1}]),
    "84 neq, gte, lte": get('/rpc/fifteen?n=gte.2&n=lte.4&n=neq.3&select=n', json=[{"n": 2}, {"n": 4}]),
    "84 like all": get('/rpc/fifteen?label=like(all).{*1*,*2}&select=n', json=[{"n": 12}]),
    "84 is true, is unknown": get('/rpc/spans?or=(fine.is.true,fine.is.unknown)&select=id', json=[{"id": 1}, {"id": 3}]),
    "84 sl": get('/rpc/spans?span=sl.[5,9)&select=id', json=[{"id": 1}]),
    "84 sr": get('/rpc/spans?span=sr.[1,9)&select=id', json=[{"id": 3}]),
    "84 nxr": get('/rpc/spans?span=nxr.[5,9)&select=id', json=[{"id": 1}, {"id": 2}]),
    "84 nxl": get('/rpc/spans?span=nxl.[5,9)&select=id', json=[{"id": 2}, {"id": 3}]),
    "84 adj": get('/rpc/spans?span=adj.[5,9)&select=id', json=[{"id": 1}]),
    "84 cd on a range": get('/rpc/spans?span=cd.[0,10)&select=id', json=[{"id": 1}, {"id": 2}]),
    "84 plfts, phfts": get('/rpc/fifteen?label=plfts(simple).row%207&label=phfts(simple).row%207&select=n', json=[{"n": 7}]),
    "85 alias and cast": get("/rpc/fifteen?select=x:n::text&limit=1", json=[{"x": "1"}]),
    "85 order by no column": get("/rpc/rows?min=1&max=3&order=nope", status=400, json=error("42703", "column rows.nope does not exist")),
    "85 a cast is no way in": get("/rpc/fifteen?select=n::int);drop table tickets--", status=400, json=error("PGRST100")),
    "86 filter on a column not selected": get("/rpc/fifteen?n=eq.2&select=label", json=[{"label": "row 2"}]),
    "87 no operator": post("/rpc/fifteen?n=foo.1", "{}", status=400, json=error("PGRST100")),
    "88 CSV": get("/rpc/rows?min=2&max=4", {"Accept": "text/csv"}, text="id\n3\n4", header={"Content-Type": "text/csv; charset=utf-8", "Content-Range": "0-1/*"}),
    "88 CSV quotes": get("/rpc/csv_kinds", {"Accept": "text/csv"}, text='a,b,c,d,e\n1,"x y",,t,"q""u,o"'),
    "88 CSV of nothing": get("/rpc/rows?min=2&max=2", {"Accept": "text/csv"}, text="\n"),
    "89 singular": get("/rpc/rows?min=2&max=3", {"Accept": "application/vnd.pgrst.object+json"}, json={"id": 3}, header={"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"}),
    "90 singular, none": get("/rpc/rows?min=2&max=2", {"Accept": "application/vnd.pgrst.object+json"}, status=406, json=error("PGRST116", "Cannot coerce the result to a single JSON object", "The result contains 0 rows")),
    "90 singular, two, rolled back": post("/rpc/ins_two", '{"title":"undone"}', {"Accept": "application/vnd.pgrst.object+json"}, status=406, json=error("PGRST116", ANY, "The result contains 2 rows")),
    "90 really": get("/rpc/tall?title=like.undone*", json=[]),
    "90 singular writer, one": post("/rpc/ins_set?select=title", '{"title":"one"}', {"Accept": "application/vnd.pgrst.object+json"}, json={"title": "one"}),
    "90 is kept": get("/rpc/tall?title=eq.one&select=title", json=[{"title": "one"}]),
    "91 singular scalar": get("/rpc/hi?name=world", {"Accept": "application/vnd.pgrst.object+json"}, json="Hello, world"),
    "92 nulls stripped": get("/rpc/csv_kinds", {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}, json=[{"a": 1, "b": "x y", "d": True, "e": 'q"u,o'}], header={"Content-Type": "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"}),
    "92 of an object": get("/rpc/csv_kinds", {"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}, json={"a": 1, "b": "x y", "d": True, "e": 'q"u,o'}),
    "93 a browser": get("/rpc/add?a=1&b=2", {"Accept": "text/html,*/*;q=0.8"}, json=3, header={"Content-Type": "application/json; charset=utf-8"}),
    "94 not acceptable": get("/rpc/add?a=1&b=2", {"Accept": "audio/mpeg3"}, status=406, json=error("PGRST107", "None of these media types are available: audio/mpeg3")),
    "94 bytes of a plain function": get("/rpc/add?a=1&b=2", {"Accept": "application/octet-stream"}, status=406),
    "95 an image": get("/rpc/png", {"Accept": "image/png"}, raw=b"\x89PNG", header={"Content-Type": "image/png"}),
    "95 an image for anybody": get("/rpc/png", raw=b"\x89PNG", header={"Content-Type": "image/png"}),
    "95 no JSON of an image": get("/rpc/png", {"Accept": "application/json"}, status=406),
    "95 a page for a browser": get("/rpc/page", {"Accept": "text/html,*/*;q=0.8"}, text="<p>hi", header={"Content-Type": "text/html"}),
    "96 no plan unless enabled": get("/rpc/add?a=1&b=2", {"Accept": "application/vnd.pgrst.plan+json"}, status=406),
    "97 an unknown schema": get("/rpc/add?a=1&b=2", {"Accept-Profile": "nope"}, status=406, json=error("PGRST106", "Invalid schema: nope", None, "Only the following schemas are exposed: api")),
    "97 on POST": post("/rpc/add", '{"a":1,"b":2}', {"Content-Profile": "nope"}, status=406, json=error("PGRST106")),
    "98 the schema is echoed": get("/rpc/add?a=1&b=2", {"Accept-Profile": "api"}, header={"Content-Profile": "api"}),
    "99 tx=rollback": post("/rpc/ins?select=title", '{"title":"gone"}', {"Prefer": "tx=rollback"}, json={"title": "gone"}, header={"Preference-Applied": "tx=rollback"}),
    "99 is gone": get("/rpc/tall?title=eq.gone", json=[]),
    "100 strict": get("/rpc/add?a=1&b=2", {"Prefer": "handling=strict, foo"}, status=400, json=error("PGRST122", "Invalid preferences given with handling=strict", "Invalid preferences: foo")),
    "100 lenient": get("/rpc/add?a=1&b=2", {"Prefer": "foo"}, json=3),
    "101 max-affected": post("/rpc/fifteen_new", "{}", {"Prefer": "handling=strict, max-affected=10"}, status=400, json=error("PGRST124", "Query result exceeds max-affected preference constraint", "The query affects 15 rows")),
    "101 rolled back": get("/rpc/tall?title=like.bulk*", json=[]),
    "101 not for one value": post("/rpc/ctr", "{}", {"Prefer": "handling=strict, max-affected=10"}, status=400, json=error("PGRST128")),
    "102 timezone": get("/rpc/stamp", {"Prefer": "timezone=America/Los_Angeles"}, json="2026-07-01T05:00:00-07:00", header={"Preference-Applied": "timezone=America/Los_Angeles"}),
    "102 no such timezone": get("/rpc/stamp", {"Prefer": "timezone=Jupiter/X"}, status=400, json=error("22023")),
    "103 preferences in order, the first of each": ("GET", "/rpc/fifteen?limit=1", None, [("Prefer", "timezone=UTC, count=exact"), ("Prefer", "handling=lenient, count=planned")], {"status": 206, "header": {"Preference-Applied": "count=exact, handling=lenient, timezone=UTC"}}),
    "104 response.headers": post("/rpc/headers", json.dumps({"h": '[{"X-A":"1"},{"Set-Cookie":"a"},{"Set-Cookie":"b"},{"Vary":"X"}]'}), json={"x": 1}, header={"X-A": "1", "Vary": "X"}, repeated={"Set-Cookie": ["a", "b"]}),
    "104 of a set": post("/rpc/set_headers", "{}", json=[1, 2], header={"X-Set": "yes"}),
    "105 not an array": post("/rpc/headers", json.dumps({"h": '{"X-A":"1"}'}), status=500, json=error("PGRST111", "response.headers guc must be a JSON array composed of objects with a single key and a string value")),
    "105 not a string": post("/rpc/headers", json.dumps({"h": '[{"X-A":1}]'}), status=500, json=error("PGRST111")),
    "105 no header smuggled in": post("/rpc/headers", json.dumps({"h": '[{"X-A":"1\\r\\nX-B: 2"}]'}), status=500, json=error("PGRST111"), header={"X-B": None}),
    "105 a name that is none": post("/rpc/headers", json.dumps({"h": '[{"X A":"1"}]'}), status=500, json=error("PGRST111")),
    "105 an empty name": post("/rpc/headers", json.dumps({"h": '[{"":"1"}]'}), status=500, json=error("PGRST111")),
    "105 where the answer ends is not theirs to say": post("/rpc/headers", json.dumps({"h": '[{"Transfer-Encoding":"chunked"},{"content-length":"1"},{"Connection":"keep-alive"},{"X-A":"1"}]'}), json={"x": 1}, header={"Transfer-Encoding": None, "Connection": None, "X-A": "1"}, repeated={"Content-Length": ["7"]}),
    "106 response.status": post("/rpc/status", '{"s":"403"}', status=403, json={"x": 1}),
    "106 no status": post("/rpc/status", '{"s":"bad"}', status=500, json=error("PGRST112", "response.status guc must be a valid status code")),
    "107 request.method": get("/rpc/guc?prefix=request&name=method", json="GET"),
    "107 request.path": get("/rpc/guc?prefix=request&name=path", json="/rpc/guc"),
    "107 request.headers": get("/rpc/guc?prefix=request&name=headers", {"X-Thing": "a\"b", "Cookie": "c=1"}, inner=lambda v: v["x-thing"] == 'a"b' and "cookie" not in v),
    "107 request.cookies": get("/rpc/guc?prefix=request&name=cookies", {"Cookie": "c=1; d=2"}, inner=lambda v: v == {"c": "1", "d": "2"}),
    "107 claims have a role": get("/rpc/guc?prefix=request.jwt&name=claims", inner=lambda v: v == {"role": "anon"}),
    "107 claims of a token": get("/rpc/guc?prefix=request.jwt&name=claims", bearer({"role": "agent", "sub": "u1"}), inner=lambda v: v == {"role": "agent", "sub": "u1"}),
    "107 search_path": get("/rpc/setting?name=search_path", json='"api", "public"'),
    "107 the person": get("/rpc/setting?name=app.current_user_id", bearer({"role": "agent", "sub": "u1"}), json="u1"),
    "107 nobody after somebody": get("/rpc/setting?name=app.current_user_id", json=""),
    "109 settings of the function win": post("/rpc/own_timeout", '{"s":2}', bearer({"role": "agent"}), status=500, json=error("57014")),
    "109 isolation of the function": get("/rpc/as_serializable", json="serializable"),
    "110 a role": get("/rpc/whoami", AGENT, json="agent"),
    "110 lower case": get("/rpc/whoami", {"Authorization": "bearer " + token({"role": "agent"})}, json="agent"),
    "110 another scheme is anonymous": get("/rpc/whoami", {"Authorization": "Basic eDp5"}, json="anon"),
    "110 a role is gone afterwards": post("/rpc/leaks", "{}", AGENT, json="agent"),
    "110 really gone": get("/rpc/whoami", json="anon"),
    "111 an empty token": get("/rpc/whoami", {"Authorization": "Bearer "}, status=401, json=error("PGRST301", "Empty JWT is sent in Authorization header"), header={"WWW-Authenticate": INVALID.format("Empty JWT is sent in Authorization header")}),
    "112 two parts": get("/rpc/whoami", {"Authorization": "Bearer a.b"}, status=401, json=error("PGRST301", "Expected 3 parts in JWT; got 2")),
    "113 a wrong secret": get("/rpc/whoami", bearer({"role": "agent"}, secret="another secret that is long enough, really"), status=401, json=error("PGRST301", "No suitable key or wrong key type", "None of the keys was able to decode the JWT")),
    "113 alg none": get("/rpc/whoami", bearer({"role": "agent"}, header={"alg": "none"}), status=401, json=error("PGRST301")),
    "113 another alg": get("/rpc/whoami", bearer({"role": "agent"}, header={"alg": "RS256"}), status=401, json=error("PGRST301")),
    "113 a crit header": get("/rpc/whoami", bearer({"role": "agent"}, header={"alg": "HS256", "crit": ["exp"]}), status=401, json=error("PGRST301")),
    "113 broken base64": get("/rpc/whoami", {"Authorization": "Bearer !!.??.##"}, status=401, json=error("PGRST301")),
    "113 a huge token": get("/rpc/whoami", {"Authorization": "Bearer " + "a" * 40000}, status=401, json=error("PGRST301")),
    "113 claims that are no object": get("/rpc/whoami", bearer(b"[1]"), status=401, json=error("PGRST301")),
    "114 expired": get("/rpc/whoami", bearer({"role": "agent", "exp": NOW - 100}), status=401, json=error("PGRST303", "JWT expired"), header={"WWW-Authenticate": INVALID.format("JWT expired")}),
    "114 within the skew": get("/rpc/whoami", bearer({"role": "agent", "exp": NOW - 5}), json="agent"),
    "114 not yet": get("/rpc/whoami", bearer({"role": "agent", "nbf": NOW + 600}), status=401, json=error("PGRST303", "JWT not yet valid")),
    "114 from the future": get("/rpc/whoami", bearer({"role": "agent", "iat": NOW + 600}), status=401, json=error("PGRST303", "JWT issued at future")),
    "115 exp no number": get("/rpc/whoami", bearer({"role": "agent", "exp": "x"}), status=401, json=error("PGRST303", "The JWT 'exp' claim must be a number")),
    "115 aud no string": get("/rpc/whoami", bearer({"role": "agent", "aud": 5}), status=401, json=error("PGRST303", "The JWT 'aud' claim must be a string or an array of strings")),
    "115 a NUL in the name of somebody": get("/rpc/whoami", bearer({"role": "agent", "sub": "u1\0x"}), status=401, json=error("PGRST303")),
    "115 a NUL in a role": get("/rpc/whoami", bearer({"role": "agent\0x"}), status=401, json=error("PGRST303")),
    "115 iat no time": get("/rpc/whoami", bearer({"role": "agent", "iat": -1e18}), status=401, json=error("PGRST303")),
    "115 the role none": get("/rpc/whoami", bearer({"role": "none"}), status=401, json=error("PGRST303")),
    "118 an empty role is none": get("/rpc/whoami", bearer({"role": "", "sub": "u2"}), json="anon"),
    "118 no role is anonymous": get("/rpc/whoami", bearer({"sub": "u2"}), json="anon"),
    "119 no such role": get("/rpc/whoami", bearer({"role": "nobody_at_all"}), status=401, json=error("22023", 'role "nobody_at_all" does not exist')),
    "119 a number as role": get("/rpc/whoami", bearer({"role": 5}), status=401, json=error("22023", 'role "5" does not exist')),
    "119 a list as role": get("/rpc/whoami", bearer({"role": ["agent"]}), status=401, json=error("22023", 'role "["agent"]" does not exist')),
    "119 a role that was not granted": get("/rpc/whoami", bearer({"role": "stranger"}), status=403, json=error("42501")),
    "121 preflight": ("OPTIONS", "/rpc/add", None, {"Origin": "http://x", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Foo,Bar"}, {"header": {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD", "Access-Control-Allow-Headers": "Authorization, Foo, Bar, Accept, Accept-Language, Content-Language", "Access-Control-Max-Age": "86400"}}),
    "122 with an origin": get("/rpc/add?a=1&b=2", {"Origin": "http://x"}, header={"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit"}),
    "123 OPTIONS of a writer": ("OPTIONS", "/rpc/v", None, {}, {"text": "", "header": {"Allow": "OPTIONS,POST", "Access-Control-Allow-Origin": "*", "Content-Length": "0"}}),
    "123 OPTIONS of a reader": ("OPTIONS", "/rpc/tall", None, {}, {"header": {"Allow": "OPTIONS,GET,HEAD,POST"}}),
    "125 the description is no CSV": get("/", {"Accept": "text/csv"}, status=406),
    "126 the request id is echoed": get("/rpc/add?a=1&b=2", {"X-Request-Id": "abc-1"}, header={"X-Request-Id": "abc-1"}),
    "a composite argument": post("/rpc/title_of", '{"ticket":{"id":1,"title":"T"}}', json="T"),
    "a domain argument": post("/rpc/mail", '{"to_whom":"x"}', status=400, json=error("23514")),
    "character is not cut silently": post("/rpc/narrow", '{"c":"long"}', json="long"),
    "bigint keeps its digits": post("/rpc/big", '{"n":9007199254740993}', text="9007199254740993"),
    "\\u0000 is refused": post("/rpc/hi", '{"name":"a\\u0000b"}', status=400, json=error("22P05")),
    "%00 is refused": get("/rpc/hi?name=a%00b", status=400, json=error("22021")),
    "%00 in a filter is refused": get("/rpc/fifteen?label=eq.row%00x", status=400, json=error("22021")),
    "bytes that are no UTF-8": get("/rpc/hi?name=%ff", status=400, json=error("22021")),
    "a surrogate pair": post("/rpc/hi", '{"name":"\\ud83d\\ude00"}', json="Hello, 😀"),
    "the last of a repeated key": post("/rpc/hi", '{"name":"a","name":"b"}', json="Hello, b"),
    "json nested too deep": post("/rpc/j", "[" * 5000 + "]" * 5000, status=400),
    "an error does not repeat everything": get("/rpc/" + "x" * 50000, status=404, text=re.compile("^.{0,2000}$")),
    "an escaped path": get("/rpc/a%64d?a=1&b=2", json=3),
    "no embedding": get("/rpc/tall?select=id,notes(*)", status=400, json=error("PGRST200")),
    "a quote in a value": get("/rpc/hi?name=o'hara\\", json="Hello, o'hara\\"),
    "a quote in a json path": get("/rpc/tall?data->>\"a'b\\\\\"=eq.1", json=[]),
}


def matches(got, want):
    if want is ANY:
        return True
    if isinstance(want, re.Pattern):
        return isinstance(got, str) and bool(want.search(got))
    if isinstance(want, dict) and isinstance(got, dict):
        return got.keys() == want.keys() and all(matches(got[k], want[k]) for k in want)
    return type(got) is type(want) and got == want


def check(tap, name, service, case):
    method, path, body, headers, want = case
    answer = service.request(method, path.replace(" ", "%20").replace('"', "%22"), body, headers)
    wrong = []

    def differ(what, got, wanted):
        wrong.append(f"  {what}: got {got!r}, want {wanted!r}")

    status = want.get("status", 200)
    if answer.status != status:
        differ("status", answer.status, status)
    if "reason" in want and answer.reason != want["reason"]:
        differ("reason", answer.reason, want["reason"])
    if "text" in want and not matches(answer.body.decode(errors="replace"), want["text"]):
        differ("text", answer.body, want["text"])
    if "raw" in want and answer.body != want["raw"]:
        differ("raw", answer.body, want["raw"])
    if "json" in want and not matches(answer.json, want["json"]):
        differ("json", answer.body, want["json"])
    if "inner" in want and not (isinstance(answer.json, str) and want["inner"](json.loads(answer.json))):
        differ("inner", answer.body, "")
    for header, value in want.get("header", {}).items():
        if answer.header(header) != value:
            differ(header, answer.header(header), value)
    for header, values in want.get("repeated", {}).items():
        if [v for k, v in answer.headers if k == header] != values:
            differ(header, answer.headers, values)
    if answer.status >= 400 and method != "HEAD" and "json" in want and isinstance(want["json"], dict) and "code" in want["json"]:
        if list(answer.json or {}) != ["code", "message", "details", "hint"] or not (answer.header("Proxy-Status") or "").startswith("PostgREST; error="):
            differ("error body", answer.body, "code, message, details, hint and Proxy-Status")
    tap.ok(not wrong, name, f"failed: {name}: {method} {path}", *wrong)


def main():
    tap = Tap()
    database = make_database("engine", "http_dialect")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as fixture:
        psql(database, fixture.read())
    common = {"db_uri": f"dbname={database} user=authenticator", "db_anon_role": "anon", "jwt_secret": SECRET}
    service = Service(**common, db_tx_end="commit-allow-override", db_pool=2)
    for name, case in CASES.items():
        check(tap, name, service, case)
    tap.equal(psql(database, "SELECT count(*) FROM tickets WHERE title IN ('new', 'one')"), "2", "54 each writer ran exactly once")
    service.stop()
    tap.done()


if __name__ == "__main__":
    main()
