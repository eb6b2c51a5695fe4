#!/usr/bin/env bash
# docs/reference.md is what the catalog says, and everything in the catalog has a comment.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo 1..2
mkdir -p build
scripts/reference >build/reference.md
if diff -u docs/reference.md build/reference.md >build/reference.diff; then
    echo "ok 1 - docs/reference.md agrees with the catalog"
else
    echo "not ok 1 - docs/reference.md agrees with the catalog (run: test/with_pg scripts/reference > docs/reference.md)"
    head -40 build/reference.diff | sed 's/^/# /' >&2
fi

database=$(test/lib/database desk "comments_$$")
trap 'dropdb --if-exists --force "$database" >/dev/null 2>&1' EXIT
missing=$(psql -XqAt -d "$database" <<'SQL'
WITH schema AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('ticketflow', 'api', 'public', 'report')),
foreign_member AS (
  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
  WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND e.extname <> 'ticketflow')
SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN schema s ON s.oid = p.pronamespace
WHERE obj_description(p.oid, 'pg_proc') IS NULL
  AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM foreign_member)
UNION ALL
SELECT 'relation ' || c.oid::regclass FROM pg_class c JOIN schema s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p') AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL
  AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM foreign_member)
UNION ALL
SELECT format('column %s.%s', c.oid::regclass, a.attname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'report' AND c.relkind IN ('v', 'm') AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1;
SQL
)
if [ -z "$missing" ]; then
    echo "ok 2 - every object has a comment"
else
    echo "not ok 2 - every object has a comment"
    sed 's/^/# no comment: /' <<<"$missing" >&2
fi
