// The lexemes of a token that is more than a plain word: the whole of it and its parts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::search {

// All in lower case but for what `letters_only` strings the dictionary of words still folds and stems.
struct Parts {
    static constexpr std::size_t kMaxWhole = 255;  // bytes; a longer whole is only found by its parts
    static constexpr std::size_t kMaxParts = 24;

    std::vector<std::string> wholes;  // each of them names the token: "ora-00600", "ora00600"
    std::vector<std::string> parts;   // all of them together do: "ora", "600"
};

Parts parts_of(std::string_view token);

// Whether a word dictionary should have it: ASCII letters, or letters beyond ASCII.
bool letters_only(std::string_view text);

// Digits without leading zeros: ORA-00600 is also called ORA-600.
std::string_view without_zeros(std::string_view digits);

} // namespace ticketflow::core::search
