#!/usr/bin/env bash
# Each check that docs/search-peers.md names exists in the file that it names.
set -uo pipefail
cd "$(dirname "$0")/../.."
rows=0 missing=
while IFS='|' read -r _ report _ tried _; do
    file=$(sed -n 's/^ *`\([^`]*\)`.*/\1/p' <<<"$tried")
    [ -n "$file" ] || continue
    rows=$((rows + 1))
    phrase=$(sed 's/^ *`[^`]*` *//; s/ *$//' <<<"$tried")
    if [ ! -e "$file" ] || ! grep -qF -- "$phrase" "$file"; then missing+="# $report: $file does not say: $phrase"$'\n'; fi
done <docs/search-peers.md
echo 1..2
[ "$rows" -ge 30 ] && echo "ok 1 - $rows reports are listed" || echo "not ok 1 - only $rows reports are listed"
if [ -z "$missing" ]; then echo "ok 2 - each has its check"; else
    echo "not ok 2 - each has its check"
    printf '%s' "$missing" >&2
    exit 1
fi
