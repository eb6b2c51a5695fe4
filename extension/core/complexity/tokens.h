// What unusual tokens of a raw text are: names of systems, versions, codes of errors; and words of urgency and of asking.
#pragma once

#include <cstdint>
#include <string_view>

namespace ticketflow::core::complexity {

enum class Token : std::uint8_t { other, system, version, code };

// VPN, OrderService, db01.example.org, /etc/hosts are systems; 2.4.1 and v3.0 versions; ORA-00600, 0x80070005 and
// NullPointerException codes. Only the shape counts, so no list of products has to be kept.
Token classify_token(std::string_view token);

struct TokenCounts {
    int systems = 0, versions = 0, codes = 0;
};
TokenCounts count_tokens(std::string_view text);

enum class Tone : std::uint8_t { none, urgent, asking };
Tone tone_of(std::uint64_t word_hash); // of a folded word, hash_bytes() with kHashSeed

} // namespace ticketflow::core::complexity
