#!/usr/bin/env bash
# scripts/demo as a user runs it: from nothing, again, with a busy port, and away.
set -uo pipefail
cd "$(dirname "$0")/../.."
TICKETFLOW_VAR=$(mktemp -d)/var
export TICKETFLOW_VAR
unset WITH_PG_CLUSTER PGHOST PGPORT PGUSER PGDATABASE
number=0
report() { # report STATUS TITLE
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else
        echo "not ok $number - $2"
        tail -15 "$output" | sed 's/^/# /' >&2
    fi
}
output=$(mktemp)
trap 'scripts/demo --reset >/dev/null 2>&1; rm -rf "$(dirname "$TICKETFLOW_VAR")" "$output"' EXIT
is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=20000
until is_free "$port" && is_free $((port + 1)) && is_free $((port + 2)); do port=$((port + 7)); done

echo 1..13
scripts/demo --port "$port" >"$output" 2>&1
report $? "the demo runs to its end"
for sign in 'TKT-20[0-9][0-9]-[0-9]{4}' '<mark>' 'in_progress' 'typical ticket' '"snippet":' 'psql -h'; do
    grep -qE "$sign" "$output"
    report $? "and shows: $sign"
done
command=$(sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -A1 'TOKEN=' | tail -1)
password=$(sed -n 's/.*password \([0-9a-f]*\).*/\1/p' "$output")
TOKEN=$(curl -s "http://127.0.0.1:$port/rpc/login" -H 'Content-Type: application/json' \
    -d "{\"email\": \"astrid@fjordlink.example\", \"password\": \"$password\"}" | sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p')
export TOKEN
bash -c "$command" 2>/dev/null | grep -q '"snippet":'
report $? "the command that it prints works as printed"
scripts/demo --port "$port" >"$output" 2>&1
report $? "it runs again"
made_with=$(cat "$TICKETFLOW_VAR/made_with")
echo older >"$TICKETFLOW_VAR/made_with"
! scripts/demo --port "$port" >"$output" 2>&1 && tail -1 "$output" | grep -q -- '--reset'
report $? "after a change of the scripts it says what to do"
echo "$made_with" >"$TICKETFLOW_VAR/made_with"
scripts/demo --stop >"$output" 2>&1 && is_free "$port" && is_free $((port + 1))
report $? "--stop frees the ports"
python3 -m http.server "$port" --bind 127.0.0.1 >/dev/null 2>&1 &
server=$!
until ! is_free "$port"; do sleep 0.1; done
! scripts/demo --port "$port" >"$output" 2>&1 && tail -1 "$output" | grep -q "port $port (HTTP) is in use"
report $? "a busy port is a clear message"
kill $server
scripts/demo --reset >"$output" 2>&1 && [ ! -e "$TICKETFLOW_VAR" ]
report $? "--reset removes the data"
