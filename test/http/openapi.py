#!/usr/bin/env python3
"""The service's descriptions, 3.1 and 2.0, of the fixture and of a desk, against the OpenAPI schemas: the npm package
@seriousme/openapi-schema-validator, unchanged."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from http_service import ROOT, SECRET, Service, make_database, psql  # noqa: E402
from npm import install  # noqa: E402
from tap import done, equal  # noqa: E402

CHECK = """
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
const require = createRequire(process.env.CLIENT + '/package.json')
const { Validator } = await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')))
let text = ''
for await (const chunk of process.stdin) text += chunk
const validator = new Validator()
const result = await validator.validate(JSON.parse(text))
console.log(JSON.stringify({ valid: result.valid, version: validator.version, errors: result.errors ?? null }))
"""


def validate(folder, document):
    run = subprocess.run(["node", "--input-type=module", "-e", CHECK], input=document, capture_output=True, text=True, timeout=60,
                         env={**os.environ, "CLIENT": folder}, check=False)
    return json.loads(run.stdout) if run.returncode == 0 else run.stderr


def main():
    folder = install("npm-openapi", "@seriousme/openapi-schema-validator@2")
    fixture, desk = make_database("engine", "http_openapi"), make_database("desk", "http_openapi_desk")
    with open(os.path.join(ROOT, "test/http/fixture.sql"), encoding="utf-8") as script:
        psql(fixture, script.read())
    for database, settings in ((fixture, {"db_anon_role": "anon", "db_schemas": "api,api2"}), (desk, {"db_anon_role": "ticketflow_anon", "db_login": "login"})):
        service = Service(db_uri=f"dbname={database}", jwt_secret=SECRET, openapi_mode="ignore-privileges", db_pool=1, **settings)
        for accept, version in (("application/json", "3.1"), ("application/openapi+json", "2.0")):
            answer = service.request("GET", "/", headers={"Accept": accept})
            equal((validate(folder, answer.text), len(answer.json["paths"]) > 30), ({"valid": True, "version": version, "errors": None}, True), f"{database.rsplit('_', 1)[0]}: OpenAPI {version} is valid")
        service.stop()
    broken = json.dumps({"openapi": "3.1.0", "info": {"title": "x"}, "paths": {}})
    equal(validate(folder, broken)["valid"], False, "which a broken one is not")
    done()


if __name__ == "__main__":
    main()
