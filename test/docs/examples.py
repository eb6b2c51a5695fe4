#!/usr/bin/env python3
"""Runs every ```sql fence of the README and docs/, a database of its own for each document."""
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
os.chdir(root)
documents = [p for p in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]
             if p.name != "reference.md" and "```sql" in p.read_text()]
sample = "".join(p.read_text() for p in sorted(pathlib.Path("sql/sample").glob("*.sql")))


def psql(database, script):
    environment = dict(os.environ, PGOPTIONS="-c client_min_messages=warning")
    return subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-d", database],
                          input=script, capture_output=True, text=True, env=environment)


print(f"1..{len(documents)}")
for number, document in enumerate(documents, 1):
    fences = re.findall(r"^```sql\n(.*?)^```", document.read_text(), re.M | re.S)
    name = f"examples_{number}_{os.getpid()}"
    subprocess.run(["test/lib/database", "desk", name], check=True, capture_output=True)
    loaded = psql(name, "BEGIN; SET search_path = public, ticketflow;\n" + sample + "COMMIT;")
    result = psql(name, "SET search_path = public, ticketflow;\n" + "\n".join(fences))
    good = loaded.returncode == 0 and result.returncode == 0
    print(f"{'ok' if good else 'not ok'} {number} - {document}: {len(fences)} examples run")
    if not good:
        print("\n".join("# " + line for line in (loaded.stderr + result.stderr).splitlines()[:8]), file=sys.stderr)
    subprocess.run(["dropdb", "--if-exists", "--force", name], capture_output=True)
    sys.stdout.flush()
