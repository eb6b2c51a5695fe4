// The stretch of a text that shows best why it matches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::search {

struct Marked {
    std::string_view text;
    std::uint64_t terms = 0;  // a bit for each term of the query that this token matches
    bool word = false;        // counts towards the length of a window
};

struct Window {
    std::size_t first = 0, last = 0;  // tokens [first, last)
    int distinct = 0, matches = 0;    // terms and tokens that match inside
    bool better_than(const Window &other) const {
        return distinct != other.distinct ? distinct > other.distinct : matches > other.matches;
    }
};

// The window of so many words with most different terms, then most matches, then the earliest.
Window best_window(const std::vector<Marked> &tokens, int max_words);

// The window as HTML: escaped, matches in <mark>, runs of space as one, the ellipsis where text was cut off.
std::string window_html(const std::vector<Marked> &tokens, const Window &window, std::string_view ellipsis);

} // namespace ticketflow::core::search
