// What a document says about one of its words, and how a whole document arrives at the index.
#pragma once

#include "core/search/bytes.h"

#include <array>
#include <string_view>

namespace ticketflow::core::search {

// The labels of a tsvector, in the order of PostgreSQL's weights: D, C, B, A.
inline constexpr unsigned kFields = 4;
using FieldMask = uint8_t;
inline constexpr FieldMask kAllFields = 0xf;

using Frequencies = std::array<uint8_t, kFields>; // occurrences of a word a field; a tsvector holds at most 255
using Lengths = std::array<uint8_t, kFields>;     // encoded lengths a field

// A row's place in its table: block number << 16 | line pointer.
using Tid = uint64_t;

struct Posting {
    uint32_t document;
    Frequencies frequencies;
};

inline FieldMask fields_of(const Frequencies &frequencies) noexcept {
    FieldMask mask = 0;
    for (unsigned field = 0; field < kFields; ++field)
        mask |= static_cast<FieldMask>((frequencies[field] > 0) << field);
    return mask;
}

// Positions of one word in one document travel as bytes: a field after the other, each first position as it is and
// the rest as differences, one varint each. A word without positions (a stripped tsvector) has the single byte 0.
struct Word {
    std::string_view lexeme;
    Frequencies frequencies;
    std::string_view positions;
};

} // namespace ticketflow::core::search
