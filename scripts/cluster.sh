# Private PostgreSQL clusters that have this checkout's extension: sourced by test/with_pg and scripts/demo.
# Expects $checkout; sets $pg_config, $pg_bin and $pg_major.

pg_config=${PG_CONFIG:-pg_config}
pg_bin=$("$pg_config" --bindir)
pg_major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')

# PostgreSQL refuses to run as root: the server then belongs to the first unprivileged account that is there.
server_account=
if [ "$(id -u)" = 0 ]; then server_account=$(getent passwd postgres nobody | head -1 | cut -d: -f1); fi
as_server() {
    if [ -z "$server_account" ]; then "$@"; return; fi
    (cd / && setpriv "--reuid=$server_account" "--regid=$(id -gn "$server_account")" --clear-groups "$@")
}
give_to_server() { if [ -n "$server_account" ]; then chown "$server_account" "$@"; fi; }

# cluster_create FOLDER INITDB_OPTION...: makes FOLDER/data.
cluster_create() {
    local folder=$1
    shift
    mkdir -p "$folder"
    chmod 755 "$folder"
    give_to_server "$folder"
    as_server "$pg_bin/initdb" -D "$folder/data" -U postgres -E UTF8 --locale=C.UTF-8 "$@" >"$folder/initdb.log" 2>&1 ||
        { cat "$folder/initdb.log" >&2; return 1; }
}

# cluster_use_stage FOLDER: lets the server load the staged extension. The server may not be allowed to enter the
# checkout (under root's home, for example), so it gets a copy of the stage.
cluster_use_stage() {
    local folder=$1 stage=$1/stage
    rm -rf "$stage"
    cp -r "$checkout/build/stage" "$stage"
    chmod -R a+rX "$stage"
    {
        echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
        if [ "$pg_major" -ge 18 ]; then
            echo "extension_control_path = '$stage$("$pg_config" --sharedir):\$system'"
        else
            echo "extension_destdir = '$stage'"
        fi
    } >"$folder/stage.conf"
    if ! grep -q "stage.conf" "$folder/data/postgresql.conf"; then
        echo "include = '$folder/stage.conf'" >>"$folder/data/postgresql.conf"
    fi
}

# cluster_start FOLDER [SERVER_OPTIONS]
cluster_start() {
    as_server "$pg_bin/pg_ctl" -D "$1/data" -l "$1/server.log" -w -s -o "${2:-}" start >/dev/null ||
        { tail -20 "$1/server.log" >&2; return 1; }
}
cluster_is_running() { [ -s "$1/data/postmaster.pid" ] && as_server "$pg_bin/pg_ctl" -D "$1/data" status >/dev/null 2>&1; }
# cluster_stop FOLDER fast|immediate
cluster_stop() {
    if cluster_is_running "$1"; then as_server "$pg_bin/pg_ctl" -D "$1/data" -m "$2" -w -s stop >/dev/null 2>&1 || true; fi
}
