#!/usr/bin/env bash
# A week on a desk: seven days of many people of all roles at once, then everything must still hold together.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v pgbench >/dev/null || { echo "1..0 # SKIP pgbench is not installed"; exit; }
database=$(test/lib/database desk "t_desk_week_$$")
folder=$(mktemp -d)
trap 'rm -rf "$folder"; dropdb --if-exists --force "$database" 2>/dev/null || true' EXIT
psql -XqAt -v ON_ERROR_STOP=1 -d "$database" -f test/isolation/desk_week/actors.sql >/dev/null
for role in customer user manager admin; do echo "SELECT tick('$role');" >"$folder/$role"; done

lost=0
for day in 1 2 3 4 5 6 7; do
    # On two days of the week customers write and few are there to answer.
    if [ $day -gt 5 ]; then shares=(8 1 1 1) clients=4 ticks=12; else shares=(6 8 3 1) clients=10 ticks=25; fi
    pgbench -n -c $clients -j 2 -t $ticks --random-seed=$day -f "$folder/customer@${shares[0]}" -f "$folder/user@${shares[1]}" \
        -f "$folder/manager@${shares[2]}" -f "$folder/admin@${shares[3]}" "$database" >"$folder/log" 2>&1 || { lost=1; sed 's/^/# /' "$folder/log" >&2; }
    # In the morning somebody lets the people of the desk in again.
    psql -XqAt -d "$database" -c "UPDATE users SET is_active = true WHERE NOT is_active" >/dev/null
done
[ $lost = 0 ] && echo "ok 1 - no client was lost" || echo "not ok 1 - no client was lost"
psql -XqAt -v ON_ERROR_STOP=1 -d "$database" -f test/isolation/desk_week/check.sql
