// Drawing one number: what the SQL functions and the trigger share.
#pragma once

#include "core/numbering_read.h"
#include "pg/numbering_home.h"

namespace ticketflow::pg::numbering {

// Locks the home's counters against a change of settings until the transaction ends, and returns the settings
// that hold.
HomePtr lock_counters(HomePtr home);

// Takes count consecutive numbers of the series in this period, in the series' mode; returns the first.
int64_t take(const Home &home, const Series &series, const std::string &period, int64_t count);
// The text of one number, shuffled where the series hides volume.
std::string written(const Series &series, const std::string &period, core::NumberParts parts);
// Keeps a number that somebody gave: its series will not draw it. True where that raised a counter.
bool keep(const Home &home, const core::Reading &reading);

// Reads numbers of this home's series.
core::Reader reader_for(const Home &home);

} // namespace ticketflow::pg::numbering
