# The steps of scripts/demo: sourced by it, in the order of use.

# The checkout may lie where the server's account cannot go (root's home): the cluster then lives elsewhere.
cluster_home() {
    mkdir -p "$var"
    if [ -e "$var/cluster" ]; then readlink -f "$var/cluster"; return; fi
    local home=$var/cluster
    if ! as_server test -x "$var"; then
        home=/var/tmp/ticketflow-demo-$(cksum <<<"$var" | cut -d' ' -f1)
        ln -sfn "$home" "$var/cluster"
    fi
    echo "$home"
}

port_is_busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
secret() { openssl rand -hex 16; }

start_cluster() {
    cluster=$(cluster_home)
    socket=$cluster/socket
    # A socket's path may be 107 bytes long at most.
    if [ ${#socket} -gt 90 ]; then socket=/tmp/ticketflow-demo-$(cksum <<<"$var" | cut -d' ' -f1); fi
    pg_port=$((port + 1))
    umask 077
    [ -s "$var/passwords" ] || printf 'postgres=%s\nservice=%s\nastrid=%s\njwt=%s\n' "$(secret)" "$(secret)" "$(secret)" "$(secret)$(secret)" >"$var/passwords"
    password() { sed -n "s/^$1=//p" "$var/passwords"; }
    export PGPASSFILE=$var/pgpass
    printf '*:*:*:postgres:%s\n*:*:*:ticketflow_service:%s\n' "$(password postgres)" "$(password service)" >"$PGPASSFILE"
    umask 022

    if cluster_is_running "$cluster" && [ "$(cat "$var/pg_port" 2>/dev/null)" != "$pg_port" ]; then
        stop_service
        cluster_stop "$cluster" fast
    fi
    if ! cluster_is_running "$cluster"; then
        if port_is_busy "$pg_port"; then fail "port $pg_port (PostgreSQL) is in use; choose another with --port"; fi
        if [ ! -d "$cluster/data" ]; then
            step "Creating a private PostgreSQL $pg_major cluster in $cluster"
            local pwfile
            pwfile=$(mktemp)
            password postgres >"$pwfile"
            give_to_server "$pwfile"
            cluster_create "$cluster" -A scram-sha-256 --pwfile="$pwfile" || fail "initdb failed"
            rm -f "$pwfile"
        fi
        mkdir -p "$socket"
        give_to_server "$socket"
        cluster_use_stage "$cluster"
        cluster_start "$cluster" "-p $pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$socket'" ||
            fail "PostgreSQL did not start; its log is $cluster/server.log"
        echo "$pg_port" >"$var/pg_port"
    fi
    export PGHOST=$socket PGPORT=$pg_port PGUSER=postgres PGDATABASE=ticketflow PATH="$pg_bin:$PATH"
    sql() { psql -Xq -v ON_ERROR_STOP=1 "$@"; }
}

# While 0.1.0 is not released its scripts change in place, and a desk of yesterday's cannot be upgraded to today's.
refuse_other_checkout() {
    local made
    made=$(cksum <"$(echo ticketflow--*.*.*.sql)")
    if [ "$(sql -Atc "SELECT count(*) FROM pg_extension WHERE extname = 'ticketflow'")" = 0 ]; then echo "$made" >"$var/made_with"; fi
    [ "$(cat "$var/made_with" 2>/dev/null)" = "$made" ] ||
        fail "the desk in $var was made by another state of this checkout; scripts/demo --reset removes it, then run the demo again"
}

create_desk() {
    if [ "$(sql -d postgres -Atc "SELECT count(*) FROM pg_database WHERE datname = 'ticketflow'")" = 0 ]; then
        createdb ticketflow
    fi
    refuse_other_checkout
    step "Extension and desk"
    export PGOPTIONS='-c client_min_messages=warning'
    sql -c 'CREATE EXTENSION IF NOT EXISTS ticketflow' -c 'CALL ticketflow.deploy()'
    if [ "$(sql -Atc 'SELECT count(*) FROM tasks')" = 0 ]; then
        step "Loading the sample desk"
        cat sql/sample/*.sql | sql -1 -c "SET search_path = public, ticketflow" -f - >/dev/null
    fi
    sql -v service="$(password service)" -v astrid="$(password astrid)" >/dev/null <<'SQL'
ALTER ROLE ticketflow_service PASSWORD :'service';
UPDATE users SET password = crypt(:'astrid', gen_salt('bf')) WHERE id = 'u-astrid' AND (password IS NULL OR password <> crypt(:'astrid', password));
SQL
    sql -Atc "SELECT format('    %s tickets, %s comments, %s people, %s articles', (SELECT count(*) FROM tasks),
      (SELECT count(*) FROM task_comments), (SELECT count(*) FROM users), (SELECT count(*) FROM knowledge_articles))"
}

start_service() {
    url=http://127.0.0.1:$port
    stop_service
    if port_is_busy $((port + 2)); then fail "port $((port + 2)) (health and metrics) is in use; choose another with --port"; fi
    if port_is_busy "$port"; then fail "port $port (HTTP) is in use; choose another with --port"; fi
    step "Starting the HTTP service"
    (
        umask 077
        cat >"$var/ticketflow.conf" <<CONF
db-uri = "host=$PGHOST port=$PGPORT user=ticketflow_service dbname=ticketflow passfile=$PGPASSFILE"
db-schemas = "api"
db-anon-role = "ticketflow_anon"
jwt-secret = "$(password jwt)"
db-authenticate = "public.authenticate"
db-authenticate-key = "public.authenticate_api_key"
db-login = "login"
admin-server-port = $((port + 2))
server-host = "127.0.0.1"
server-port = $port
CONF
    )
    setsid nohup build/cmake/service/ticketflow serve "$var/ticketflow.conf" >"$var/service.log" 2>&1 &
    echo $! >"$var/service.pid"
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:$((port + 2))/ready" >/dev/null && return
        service_pid >/dev/null || break
        sleep 0.1
    done
    tail -5 "$var/service.log" >&2
    fail "the service did not become ready; its log is $var/service.log"
}

# What the service does for each request: its own login, the role and the identity of the person who asks.
as_person() { # as_person ROLE USER_ID SQL
    psql -Xq -v ON_ERROR_STOP=1 -P pager=off -U ticketflow_service \
        -c "SET ROLE ticketflow_$1" -c "SET app.current_user_id = '$2'" -c "SET search_path = public, ticketflow" -c "$3"
}

walk_through() {
    step "1. A customer opens a ticket; the database numbers it"
    as_person customer c-nils "SELECT id, ticket_number, title, status, priority FROM api.create_task(
      title => 'Label printer LP-204 jams again', category => 'incident', priority => 'high',
      description => 'The label printer in Hall B jams on every third label since the new rolls came. Error 0x2F on its display.')"
    local task
    task=$(sql -Atc "SELECT max(id) FROM tasks")

    step "2. A ranked search, best first, hits marked"
    as_person customer c-nils "SELECT ticket_number, round(rank::numeric, 3) AS rank, title, snippet
      FROM api.search_tasks('label printer jams', max_results => 5)"

    step "3. An agent works on it; history and audit know who did what"
    as_person manager u-mikkel "SELECT ticket_number, assignee_id FROM api.assign_task($task, assignee_id => 'u-pavel')" >/dev/null 2>&1 ||
        as_person admin u-astrid "SELECT ticket_number FROM api.assign_task($task, assignee_id => 'u-pavel')" >/dev/null
    as_person user u-pavel "SELECT ticket_number, status FROM api.change_status($task, 'in_progress')" >/dev/null
    sql -c "SELECT created_at::timestamptz(0), user_id, change_type, field, old_value, new_value FROM task_history WHERE task_id = $task ORDER BY id"
    sql -c "SELECT id, operation, user_id, left(old_values::text, 60) AS old_values, left(new_values::text, 60) AS new_values
      FROM audit_log WHERE table_name = 'tasks' ORDER BY id DESC LIMIT 3"

    step "4. How hard it will be, and why"
    sql -c "SELECT complexity_score, escalation_recommended FROM ticket_complexity_scores WHERE task_id = $task"
    as_person admin u-astrid "SELECT * FROM api.explain_complexity($task) LIMIT 8"

    step "5. The same search over HTTP"
    local token
    token=$(curl -s "$url/rpc/login" -H 'Content-Type: application/json' \
        -d "{\"email\": \"astrid@fjordlink.example\", \"password\": \"$(password astrid)\"}" | sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p')
    [ -n "$token" ] || fail "signing in over HTTP gave no token; see $var/service.log"
    local body='{"query": "label printer jams", "max_results": 2}'
    printf "%s    TOKEN=...   # of POST /rpc/login, see below\n    curl %s/rpc/search_tasks -H \"Authorization: Bearer \$TOKEN\" -H 'Content-Type: application/json' -d '%s'%s\n" \
        "$dim" "$url" "$body" "$plain"
    curl -sf "$url/rpc/search_tasks" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$body" ||
        fail "the search over HTTP failed; see $var/service.log"
    echo
}

farewell() {
    cat <<TEXT

${bold}TicketFlow is running.${plain}
  HTTP        $url   (sign in: POST /rpc/login, astrid@fjordlink.example, password $(password astrid))
  health      http://127.0.0.1:$((port + 2))/live, /ready, /metrics
  SQL         PGPASSFILE=$PGPASSFILE psql -h $PGHOST -p $PGPORT -U postgres ticketflow
  stop        scripts/demo --stop      (--reset also removes the data)
TEXT
}
