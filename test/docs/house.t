#!/usr/bin/env bash
# House rules that a grep can see (CONTRIBUTING.md). Each rule is a function that prints the offences.
set -uo pipefail
cd "$(dirname "$0")/../.."

files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then git ls-files --cached --others --exclude-standard -- "$@"; else find "$@" -type f; fi |
        grep -v '^build/' | while read -r f; do if [ -f "$f" ]; then echo "$f"; fi; done
}

core_includes_no_postgresql_header() {
    files extension/core | xargs grep -nE '#include *[<"](postgres|fmgr|utils/|access/|catalog/|storage/|executor/)' /dev/null
}
only_the_bridge_knows_longjmp() {
    files extension | grep -E '\.(cpp|h)$' | grep -vE 'pg/bridge\.(h|cpp)$' |
        xargs grep -nE 'PG_TRY|PG_CATCH|ereport\(ERROR|elog\(ERROR' /dev/null
}
only_compat_looks_at_the_postgresql_version() {
    files extension service | grep -vE 'pg/compat\.h$' | xargs grep -n 'PG_VERSION_NUM' /dev/null
}
nothing_is_left_undone_by_its_own_word() {
    files extension sql service scripts test bench docs | xargs grep -nwE 'TO''DO|FIX''ME|XX''X|HA''CK' /dev/null
}
no_file_is_longer_than_600_lines() {
    files extension sql service scripts test | grep -E '\.(cpp|h|sql|sh|py|js|mjs|pl|t)$|^scripts/' | grep -v '/expected/' |
        while read -r f; do
            lines=$(wc -l <"$f")
            if [ "$lines" -gt 600 ]; then echo "$lines lines: $f"; fi
        done
}
every_path_named_in_the_documents_exists() {
    files README.md CONTRIBUTING.md docs | grep '\.md$' | grep -v 'docs/reference.md' | while read -r document; do
        grep -oE '`(extension|sql|service|test|bench|docs|scripts)/[A-Za-z0-9_./-]*`' "$document" | tr -d '`' | sort -u |
            while read -r path; do if [ ! -e "$path" ]; then echo "$document: $path does not exist"; fi; done
    done
}
one_version_everywhere() {
    local version
    version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" ticketflow.control)
    # META.json says it twice: of the distribution and of the extension that it provides.
    [ "$(grep -c "\"version\": \"$version\"" META.json)" = 2 ] || echo "META.json does not say version $version twice"
    grep -q "^## $version" CHANGELOG.md || echo "CHANGELOG.md has no section $version"
}
every_plpgsql_function_of_the_desk_pins_its_search_path() {
    files sql/functions sql/api | while read -r f; do
        awk -v f="$f" '
            /LANGUAGE plpgsql/ { open = NR }
            /SET search_path FROM CURRENT/ { open = 0 }
            /^DO / { open = 0 }
            /COMMIT;/ { open = 0 } # a procedure that commits cannot pin its path
            /^CREATE/ && open && NR > open + 2 { print f ":" open ": PL/pgSQL without SET search_path FROM CURRENT"; open = 0 }
            END { if (open) print f ":" open ": PL/pgSQL without SET search_path FROM CURRENT" }' "$f"
    done
}
no_machine_or_registry_is_named() {
    files . | grep -v '^\./\?build' | xargs grep -nIE '(^|[^A-Za-z.])/(work|farm)/|deb\.debian\.''org|registry\.npmjs' /dev/null
}

rules=$(declare -F | sed 's/declare -f //' | grep -v '^files$')
echo "1..$(wc -w <<<"$rules")"
number=0
for rule in $rules; do
    number=$((number + 1))
    found=$($rule 2>/dev/null | head -20)
    if [ -z "$found" ]; then echo "ok $number - $rule"; else
        echo "not ok $number - $rule"
        sed 's/^/# /' <<<"$found" >&2
    fi
done
