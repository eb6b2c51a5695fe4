// Damm's check digit: catches every single wrong digit and every swap of two neighbours.
#pragma once

#include <string_view>

namespace ticketflow::core {

namespace detail {
// A totally anti-symmetric quasigroup of order 10 with a zero diagonal (H. M. Damm, 2004).
inline constexpr unsigned char kDamm[10][10] = {
    {0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3}, {4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
    {1, 7, 5, 0, 9, 8, 3, 4, 2, 6}, {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
    {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7}, {9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
    {2, 5, 8, 1, 4, 3, 6, 7, 9, 0}};
} // namespace detail

// The check digit, '0' to '9', of the decimal digits in text; every other character is passed over.
constexpr char damm_digit(std::string_view text) {
    unsigned char state = 0;
    for (const char c : text)
        if (c >= '0' && c <= '9')
            state = detail::kDamm[state][c - '0'];
    return static_cast<char>('0' + state);
}

} // namespace ticketflow::core
