// A document's length in one byte: exact up to 31 words, then 16 steps an octave (at most 3.2 % off), up to 524,287.
// Every statistic is made from decoded lengths, so that it does not depend on how documents are spread over segments.
#pragma once

#include <bit>
#include <cstdint>

namespace ticketflow::core::search {

inline constexpr uint32_t kExactLengths = 32;

inline uint32_t decode_length(uint8_t code) noexcept {
    if (code < kExactLengths)
        return code;
    const unsigned octave = (code - kExactLengths) / 16, step = (code - kExactLengths) % 16;
    return (16 + step) << (octave + 1);
}

// The nearest length not above the given one.
inline uint8_t encode_length(uint32_t length) noexcept {
    if (length < kExactLengths)
        return static_cast<uint8_t>(length);
    const unsigned octave = static_cast<unsigned>(std::bit_width(length)) - 6;
    if (octave >= 14)
        return 255;
    return static_cast<uint8_t>(kExactLengths + octave * 16 + ((length >> (octave + 1)) - 16));
}

} // namespace ticketflow::core::search
