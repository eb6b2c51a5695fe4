#include "core/import/text.h"

#include <cstring>

namespace ticketflow::core::import {
namespace {

// Length of the well-formed sequence at bytes[at], 0 where there is none: no surrogate, nothing overlong, at most 10FFFF.
std::size_t sequence_length(std::string_view bytes, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned lead = byte(0);
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return tail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool second = tail(1) && !(lead == 0xE0 && byte(1) < 0xA0) && !(lead == 0xED && byte(1) > 0x9F);
        return second && tail(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool second = tail(1) && !(lead == 0xF0 && byte(1) < 0x90) && !(lead == 0xF4 && byte(1) > 0x8F);
        return second && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

std::optional<std::size_t> first_wrong_byte(std::string_view bytes) {
    constexpr std::uint64_t kHigh = 0x8080808080808080u;
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::uint64_t eight = 0;
        while (at + sizeof eight <= bytes.size()) {
            std::memcpy(&eight, bytes.data() + at, sizeof eight);
            if (eight & kHigh)
                break;
            at += sizeof eight;
        }
        if (at == bytes.size())
            break;
        const std::size_t length = sequence_length(bytes, at);
        if (length == 0)
            return at;
        at += length;
    }
    return std::nullopt;
}

} // namespace

std::optional<Problem> text_problem(std::string_view bytes) {
    if (const std::size_t nul = bytes.find('\0'); nul != std::string_view::npos)
        return Problem{"22021", "NUL byte at byte " + std::to_string(nul + 1) + " of the record"};
    const auto wrong = first_wrong_byte(bytes);
    if (!wrong)
        return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes[*wrong]);
    return Problem{"22021", std::string("byte 0x") + "0123456789ABCDEF"[byte >> 4] + "0123456789ABCDEF"[byte & 15] + " at byte " +
                                std::to_string(*wrong + 1) + " of the record is not UTF-8"};
}

void append_json_string(std::string &out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_utf8(std::string &out, std::uint32_t code_point) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xC0 | code_point >> 6);
        put(0x80 | (code_point & 0x3F));
    } else if (code_point < 0x10000) {
        put(0xE0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    } else {
        put(0xF0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3F));
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    }
}

} // namespace ticketflow::core::import
