// Counters that live outside transactions: rows of ticket_counters, changed in place under the page's lock.
#pragma once

#include "pg/numbering_home.h"

extern "C" {
#include <storage/itemptr.h>
}

namespace ticketflow::pg::numbering {

// Takes count consecutive numbers, returns the first. The counter begins at start where there is none yet.
int64_t counter_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count);
// The largest number so far, or nothing where the period has no counter yet.
std::optional<int64_t> counter_peek(const Home &home, const std::string &prefix, const std::string &period);
// Makes the counter at least number; true where that raised it.
bool counter_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number);

// For gapless counting: locks the counter's row until the transaction ends; makes it where there is none ...
// ...
struct GaplessRow {
    ItemPointerData tid;
    int64_t last;
};
GaplessRow counter_lock(const Home &home, const std::string &prefix, const std::string &period,
                        int64_t start);
// ... and its successor, written in the transaction like any other row.
void counter_write(Oid counters_table, const std::string &prefix, const std::string &period,
                   ItemPointerData tid, int64_t last);
// Whether the series has counted in any period.
bool counter_exists(Oid counters_table, const std::string &prefix);
// Raises the counters of one kind of period (by the length of its key) to what overlapping periods of other
// kinds hold: for a series that changes its reset.
void counter_align(const Home &home, const std::string &prefix, size_t period_length);
[[noreturn]] void throw_exhausted(const std::string &prefix, const std::string &period, int64_t last);

} // namespace ticketflow::pg::numbering
