#!/usr/bin/env bash
# The black-box tests once more, against the service built with AddressSanitizer (leaks too) and UBSan. A finding of a sanitizer
# lands in a file, so it counts even where the test that caused it passes.
set -uo pipefail
export TICKETFLOW_BINARY=$PWD/build/cmake/service/ticketflow_checked
[ -x "$TICKETFLOW_BINARY" ] || { echo "1..0 # SKIP $TICKETFLOW_BINARY is not built; run scripts/build --checked"; exit; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export ASAN_OPTIONS=log_path=$folder/found UBSAN_OPTIONS=log_path=$folder/found:print_stacktrace=1
number=0 status=0
check() { # passed name
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; status=1; fi
}
for test in dialect life hostile desk client openapi; do
    "test/http/$test.py" >"$folder/$test.tap" 2>&1
    check $? "$test.py"
    grep -vE '^ok|^1\.\.' "$folder/$test.tap" | head -40 | sed 's/^/# /' >&2
    found=$(cat "$folder"/found.* 2>/dev/null)
    rm -f "$folder"/found.*
    [ -z "$found" ]
    check $? "no finding of a sanitizer during $test.py"
    printf '%s\n' "$found" | head -60 | sed 's/^/# /' >&2
done
echo "1..$number"
exit $status
