// Characters as the tokenizer sees them: letter, digit, ideograph or neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ticketflow::core::search {

enum class Encoding {
    utf8,
    latin,  // one byte a character, the upper half laid out like ISO 8859-1
    other,  // whatever is not ASCII counts as a letter
};

enum class Kind : std::uint8_t { other, letter, digit, ideograph };

struct Character {
    Kind kind;
    std::uint8_t length;  // bytes
};

// The character that starts at `at`, which must be inside the text.
Character character_at(std::string_view text, std::size_t at, Encoding encoding);

inline bool is_ascii_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_ascii_lower(char c) { return c >= 'a' && c <= 'z'; }
inline bool is_ascii_letter(char c) { return is_ascii_upper(c) || is_ascii_lower(c); }
inline bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_ascii_hex(char c) { return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The word without the accents of Latin letters (UTF-8, lower case); equal to it where there are none.
std::string without_accents(std::string_view word);

} // namespace ticketflow::core::search
