#!/usr/bin/env bash
# Mutated requests against the code that reads them, under AddressSanitizer and UBSan: a fixed part, and a new part each run.
set -uo pipefail
binary=build/cmake/service/http_fuzz
[ -x "$binary" ] || { echo "1..0 # SKIP $binary is not built; run scripts/build --checked"; exit; }
rounds=${FUZZ_ROUNDS:-20000} seed=$((RANDOM * 32768 + RANDOM)) number=0 status=0
for given in 1 "$seed"; do
    number=$((number + 1))
    if out=$("$binary" "$rounds" "$given" 2>&1); then
        echo "ok $number - seed $given: $out"
    else
        echo "not ok $number - seed $given"
        printf '%s\n' "$out" | head -60 | sed 's/^/# /' >&2
        status=1
    fi
done
echo "1..$number"
exit $status
