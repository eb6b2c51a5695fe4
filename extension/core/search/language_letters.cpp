#include "core/search/language_letters.h"

namespace ticketflow::core::search {

namespace {

struct Range {
    std::uint32_t first, last;
};

// Neither letters nor digits, in the planes where people write; what is in no list is a letter.
constexpr Range kSigns[] = {
    {0x0080, 0x00A9}, {0x00AB, 0x00B4}, {0x00B6, 0x00B9}, {0x00BB, 0x00BF}, {0x00D7, 0x00D7}, {0x00F7, 0x00F7},
    {0x02C2, 0x02DF}, {0x037E, 0x037E}, {0x0387, 0x0387}, {0x055A, 0x055F}, {0x0589, 0x058A}, {0x05BE, 0x05BE},
    {0x060C, 0x060D}, {0x061B, 0x061F}, {0x066A, 0x066D}, {0x06D4, 0x06D4}, {0x0964, 0x0965}, {0x0E3F, 0x0E3F},
    {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2100, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004}, {0x3008, 0x3020},
    {0x3030, 0x3030}, {0x303D, 0x303F}, {0x30FB, 0x30FB}, {0xD800, 0xF8FF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F},
    {0xFEFF, 0xFEFF}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF},
    {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF},
};

// Scripts written without spaces: each character is a token, and a word is a phrase of them.
constexpr Range kIdeographs[] = {
    {0x0E00, 0x0EFF}, {0x1000, 0x109F}, {0x1780, 0x17FF}, {0x3005, 0x3007}, {0x3021, 0x312F},  {0x3190, 0x31FF},
    {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7AF}, {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x20000, 0x3FFFF},
};

template <std::size_t N> bool within(std::uint32_t code, const Range (&ranges)[N]) {
    for (const Range &range : ranges)
        if (code >= range.first && code <= range.last)
            return true;
    return false;
}

Kind kind_of(std::uint32_t code) {
    if (within(code, kSigns))
        return Kind::other;
    if ((code >= 0x0660 && code <= 0x0669) || (code >= 0x06F0 && code <= 0x06F9) || (code >= 0xFF10 && code <= 0xFF19))
        return Kind::digit;
    return within(code, kIdeographs) ? Kind::ideograph : Kind::letter;
}

Kind ascii_kind(unsigned char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return Kind::letter;
    return c >= '0' && c <= '9' ? Kind::digit : Kind::other;
}

// The code point at `at`; a byte that starts none counts as itself.
std::uint32_t decode(std::string_view text, std::size_t at, std::uint8_t &length) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char lead = byte(0);
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    length = 1;
    if (more == 0 || at + static_cast<std::size_t>(more) >= text.size())
        return more == 0 ? lead : 0xFFFD;
    std::uint32_t code = lead & (0x3Fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((byte(static_cast<std::size_t>(i)) & 0xC0) != 0x80)
            return 0xFFFD;
        code = code << 6 | (byte(static_cast<std::size_t>(i)) & 0x3F);
    }
    length = static_cast<std::uint8_t>(more + 1);
    return code;
}

// Base letters of the small ones of U+00E0 to U+00FF and, two code points an entry, of U+0100 to U+017F.
constexpr const char *kLatin1[] = {"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
                                   "d", "n", "o", "o", "o", "o", "o",  nullptr, "o", "u", "u", "u", "u", "y", "th", "y"};
constexpr const char *kLatinA[] = {"a", "a", "a", "c", "c", "c", "c", "d", "d", "e", "e", "e", "e", "e", "g", "g",
                                   "g", "g", "h", "h", "i", "i", "i", "i", "i", "ij", "j", "k", "l", "l", "l", "l",
                                   "l", "l", "n", "n", "n", "n", "o", "o", "o", "oe", "r", "r", "r", "s", "s", "s",
                                   "s", "t", "t", "t", "u", "u", "u", "u", "u", "u", "w", "y", "z", "z", "z", "z"};

} // namespace

Character character_at(std::string_view text, std::size_t at, Encoding encoding) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x80)
        return {ascii_kind(c), 1};
    if (encoding == Encoding::other)
        return {Kind::letter, 1};
    if (encoding == Encoding::latin)
        return {kind_of(c), 1};
    std::uint8_t length;
    const std::uint32_t code = decode(text, at, length);
    return {kind_of(code), length};
}

std::string without_accents(std::string_view word) {
    std::string plain;
    for (std::size_t at = 0; at < word.size();) {
        std::uint8_t length;
        const std::uint32_t code = decode(word, at, length);
        const char *base = nullptr;
        if (code == 0xDF)
            base = "ss";
        else if (code >= 0xE0 && code <= 0xFF)
            base = kLatin1[code - 0xE0];
        else if (code >= 0x100 && code <= 0x17F)
            base = kLatinA[(code - 0x100) / 2];
        if (code >= 0x300 && code <= 0x36F)
            base = "";
        if (base)
            plain += base;
        else
            plain.append(word.substr(at, length));
        at += length;
    }
    return plain;
}

} // namespace ticketflow::core::search
