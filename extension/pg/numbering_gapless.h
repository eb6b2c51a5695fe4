// Gapless counting: a transaction's first number updates the counter's row, like any row, so that others wait until it ends
// and a rollback leaves nothing behind; further numbers are counted in memory and written at commit.
#pragma once

#include "pg/numbering_home.h"

namespace ticketflow::pg::numbering {

int64_t gapless_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count);
// True where that raised it.
bool gapless_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number);
// Takes back the number that gapless_take() gave last.
void gapless_give_back(const Home &home, const std::string &prefix, const std::string &period);
// The last number as this transaction sees it.
std::optional<int64_t> gapless_peek(const Home &home, const std::string &prefix, const std::string &period);
// True where this transaction holds the series already: to take the number later would spare nobody.
bool gapless_holds(const Home &home, const std::string &prefix);
// From now on rows of this transaction wait for their numbers.
void gapless_postpone();
bool gapless_postponed();

void init_gapless();

} // namespace ticketflow::pg::numbering
