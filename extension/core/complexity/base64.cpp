// Models as text: base64, which C++ has no library for.
#include "core/complexity/model.h"

#include "core/failure.h"

namespace ticketflow::core::complexity {

namespace {
constexpr std::string_view kDigits64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string encode_base64(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k > bytes.size() ? '=' : kDigits64[group >> (18 - 6 * k) & 63];
    }
    return out;
}

std::string decode_base64(std::string_view text) {
    std::string out;
    std::uint32_t group = 0;
    int have = 0;
    for (const char c : text) {
        if (c == '=' || c == '\n' || c == '\r' || c == ' ')
            continue;
        const auto digit = kDigits64.find(c);
        if (digit == std::string_view::npos)
            throw Failure(Condition::invalid_text_representation, "invalid base64 in complexity model");
        group = group << 6 | static_cast<std::uint32_t>(digit);
        if (++have == 4) {
            out += static_cast<char>(group >> 16);
            out += static_cast<char>(group >> 8);
            out += static_cast<char>(group);
            group = 0;
            have = 0;
        }
    }
    if (have == 3) {
        out += static_cast<char>(group >> 10);
        out += static_cast<char>(group >> 2);
    } else if (have == 2) {
        out += static_cast<char>(group >> 4);
    }
    return out;
}

} // namespace ticketflow::core::complexity
