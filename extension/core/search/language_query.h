// What a person typed into a search box, and queries as text that PostgreSQL's tsquery input reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::search {

// The typed text in three: what stands before the last "or", the words after it, and the last word if it may still be
// growing (no space, quote or sign closes it).
struct Typed {
    std::string_view before_or, head, last;
};
Typed split_typed(std::string_view text);

// The words between spaces without the punctuation around them; those that a minus refuses, and "or", are left out.
std::vector<std::string_view> positive_words(std::string_view text);

// One lexeme as a tsquery operand: quoted, with the prefix mark if asked for.
std::string operand(std::string_view lexeme, bool prefix = false);

// The operands joined by an operator (" | ", " & "), nested evenly: a long query must not recurse deeply.
std::string joined(const std::vector<std::string> &operands, std::string_view symbol);

// Endings that may finish a half-typed word; the stem of "configura" + "tion" is what documents hold.
inline constexpr std::string_view kEndings[] = {"s",   "e",    "ed",   "er",   "ing",  "ion",  "tion", "ation",
                                                "ate", "ment", "ness", "able", "ible", "ance", "ence", "ity",
                                                "al",  "ly",   "y",    "ies"};

} // namespace ticketflow::core::search
