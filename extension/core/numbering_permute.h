// Shuffles the numbers of a series under a secret, so that they do not show how many there are. Each number
// stays as short as it was: the numbers of one length change places among themselves.
#pragma once

#include <cstdint>
#include <string_view>

namespace ticketflow::core {

// The shuffled form of number >= 1; width is the least number of digits that the series writes.
int64_t permute_number(uint64_t key, std::string_view period, int width, int64_t number);
// The number that permute_number() made this of.
int64_t unpermute_number(uint64_t key, std::string_view period, int width, int64_t shown);

} // namespace ticketflow::core
