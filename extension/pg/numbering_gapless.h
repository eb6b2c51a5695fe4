// Gapless counting: a series is locked from a transaction's first number until it ends, and its row is
// written once, at commit, so that a rollback leaves nothing behind.
#pragma once

#include "pg/numbering_home.h"

namespace ticketflow::pg::numbering {

int64_t gapless_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count);
void gapless_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number);
// Takes back the number that gapless_take() gave last.
void gapless_give_back(const Home &home, const std::string &prefix, const std::string &period);
// The last number as this transaction sees it.
std::optional<int64_t> gapless_peek(const Home &home, const std::string &prefix, const std::string &period);
// True where this transaction holds the series already: waiting longer would spare nobody.
bool gapless_holds(const Home &home, const std::string &prefix);

void init_gapless();

} // namespace ticketflow::pg::numbering
