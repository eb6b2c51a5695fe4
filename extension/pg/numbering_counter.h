// Counters that live outside transactions: rows of ticket_counters, changed in place under the page's lock.
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

} // namespace ticketflow::pg::numbering
