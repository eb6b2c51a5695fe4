// Counters: rows of ticket_counters. Those of fast series live outside transactions and are changed in place under the
// page's lock; those of gapless series are updated like any row.
#pragma once

#include "pg/numbering_home.h"

namespace ticketflow::pg::numbering {

// Takes count consecutive numbers, returns the first. The counter begins at start where there is none yet.
int64_t counter_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count);
// The largest number so far, or nothing where the period has no counter yet.
std::optional<int64_t> counter_peek(const Home &home, const std::string &prefix, const std::string &period);
// Makes the counter at least number; true where that raised it.
bool counter_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number);

// For gapless counting: the row's next version, made in the transaction, which keeps every other one from counting in it
// until this one ends. by takes so many numbers; at_least raises, and makes no version where nothing is to raise.
struct GaplessRow {
    int64_t before, last;
};
std::optional<GaplessRow> counter_advance(const Home &home, const std::string &prefix, const std::string &period,
                                          int64_t start, int64_t by, int64_t at_least);
// Writes the final value into that version.
void counter_rewrite(Oid counters_table, const std::string &prefix, const std::string &period, int64_t last);
// Whether the series has counted in any period.
bool counter_exists(Oid counters_table, const std::string &prefix);
// Raises the counters of one kind of period (by the length of its key) to what overlapping periods of other
// kinds hold: for a series that changes its reset.
void counter_align(const Home &home, const std::string &prefix, size_t period_length);
[[noreturn]] void throw_exhausted(const std::string &prefix, const std::string &period, int64_t last);

} // namespace ticketflow::pg::numbering
