#!/usr/bin/env bash
# Fuzzes the decoders of the search index under AddressSanitizer and UBSan: a fixed part, and a new part each run. Then plants
# bugs in a copy, a missing check each, and sees that the same fuzzer finds them.
set -uo pipefail
cd "$(dirname "$0")/../.."
rounds=${FUZZ_ROUNDS:-3000} number=0 status=0
mkdir -p build/fuzz
cxx=g++
command -v ccache >/dev/null && cxx="ccache g++"
build() { # FOLDER BINARY
    $cxx -std=c++20 -O1 -g1 -ffp-contract=off -fsanitize=address,undefined -fno-sanitize-recover=all -I"$1" -Itest/unit/search \
        -c test/fuzz/search_fuzz.cpp -o "$2.o" && g++ -fsanitize=address,undefined "$2.o" -o "$2"
}
report() { # PASSED NAME
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; status=1; fi
}
plant() { # NAME FILE TEXT: in the copy, the check in the line with TEXT is left out where FUZZ_PLANT is NAME's first letter
    grep -qF "$3" "$copy/core/search/$2" || { echo "Bail out! planting $1: the line is no longer there"; exit 1; }
    awk -v text="$3" -v letter="${1:0:1}" 'index($0, text) { sub(/if \(/, "if (!planted(\047" letter "\047) \\&\\& ("); sub(/\)$/, "))") } { print }' \
        "$copy/core/search/$2" >"$copy.new" && mv "$copy.new" "$copy/core/search/$2"
}

plants=(reader_without_end postings_of_any_document words_of_any_size)
copy=build/fuzz/planted
rm -rf "$copy" && mkdir -p "$copy" && cp -r extension/core "$copy/core"
plant reader_without_end bytes.h 'if (size > left())'
plant postings_of_any_document posting_cursor.cpp 'if (next > segment_.documents())'
plant words_of_any_size posting_cursor.cpp 'if (expected > size ||'
sed -i '0,/^#include/s//#include <cstdlib>\ninline bool planted(char which) {\n    static const char *const wanted = std::getenv("FUZZ_PLANT");\n    return wanted \&\& *wanted == which;\n}\n#include/' "$copy/core/search/bytes.h"
build "$copy" "$copy.bin" & # compiling takes longest: both beside each other
build extension build/fuzz/good.bin || { echo "Bail out! the fuzzer does not compile"; exit 1; }
wait $! || { echo "Bail out! the planted fuzzer does not compile"; exit 1; }

for seed in 1 $((RANDOM * 32768 + RANDOM)); do
    out=$(build/fuzz/good.bin "$rounds" "$seed" 2>&1)
    failed=$?
    report $failed "seed $seed: $(tail -1 <<<"$out" | cut -c1-80)"
    [ $failed = 0 ] || head -60 <<<"$out" | sed 's/^/# /' >&2
done
for name in "${plants[@]}"; do
    FUZZ_PLANT=$name "$copy.bin" "$rounds" 1 >build/fuzz/out 2>&1
    [ $? -ne 0 ] && grep -qE 'AddressSanitizer|runtime error' build/fuzz/out
    report $? "a planted bug is found: $name"
done
echo "1..$number"
exit $status
