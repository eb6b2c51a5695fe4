#!/usr/bin/env python3
"""Runs every ```sql fence of the README and docs/, a database of its own for each document."""
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
os.chdir(root)
sys.path.insert(0, str(root / "test/lib"))
from tap import done, ok  # noqa: E402

documents = [p for p in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]
             if p.name != "reference.md" and "```sql" in p.read_text()]
sample = "".join(p.read_text() for p in sorted(pathlib.Path("sql/sample").glob("*.sql")))


def psql(database, script):
    environment = dict(os.environ, PGOPTIONS="-c client_min_messages=warning")
    return subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-d", database],
                          input=script, capture_output=True, text=True, env=environment)


sampled = f"examples_{os.getpid()}"
subprocess.run(["test/lib/database", "desk", sampled], check=True, capture_output=True)
loaded = psql(sampled, "BEGIN; SET search_path = public, ticketflow;\n" + sample + "COMMIT;")
ok(loaded.returncode == 0, "the sample is loaded", loaded.stderr)
for number, document in enumerate(documents, 1):
    fences = re.findall(r"^```sql\n(.*?)^```", document.read_text(), re.M | re.S)
    name = f"{sampled}_{number}"
    subprocess.run(["createdb", "-T", sampled, name], check=True)
    result = psql(name, "SET search_path = public, ticketflow;\n" + "\n".join(fences))
    ok(result.returncode == 0, f"{document}: {len(fences)} examples run", *result.stderr.splitlines()[:8])
    subprocess.run(["dropdb", "--force", name], check=True)
subprocess.run(["dropdb", sampled], check=True)
done()
