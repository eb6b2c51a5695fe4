// The layout of a segment (format 1), from its first byte to its last:
//   per word, in byte order of the words:   blocks of 128 postings | skip table (only with more than one block) | positions
//   between words:                          leaves of the dictionary
//   then:                                   upper levels of the dictionary, lengths, row places, dead bits, footer
// A block: which fields occur | width of the documents | a field: width of its occurrences, width and least of its lengths |
// documents as differences | a field: occurrences | a field: lengths, of the postings where it occurs. The lengths repeat what
// is in the segment's table, so that a score needs nothing from outside of its block.
#pragma once

#include "core/search/posting.h"

#include <array>

namespace ticketflow::core::search {

inline constexpr uint32_t kSegmentMagic = 0x54465347; // "TFSG"
inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr unsigned kBlock = 128;
inline constexpr size_t kNodeSize = 2048;    // a dictionary node is closed when it grows past this
inline constexpr size_t kMaxWord = 2047;     // PostgreSQL's own limit
inline constexpr uint8_t kStripped = 1;      // flag: some document has words without positions

struct Footer {
    uint32_t magic, version;
    uint32_t documents, nulls; // documents 0 .. documents - 1 in order of place, then rows whose document is NULL
    uint32_t fields, flags;    // which labels occur; kStripped
    uint32_t depth, root_size; // levels of the dictionary above the leaves
    uint64_t words, root, postings_end;
    uint64_t lengths, places, dead;
    std::array<uint64_t, kFields> total_length; // sums of decoded lengths
};
static_assert(sizeof(Footer) == 112);

// One block in a skip table: the entry is followed by three bytes a field that the segment has: the shortest length
// among postings with one occurrence, the largest frequency, the shortest length among those with more than one.
struct SkipEntry {
    uint32_t last, offset, positions;
};
inline constexpr size_t kIngredients = 3;

inline unsigned field_count(FieldMask fields) noexcept { return static_cast<unsigned>(std::popcount(fields)); }
inline size_t skip_entry_size(FieldMask fields) noexcept { return sizeof(SkipEntry) + kIngredients * field_count(fields); }
inline uint32_t block_count(uint32_t postings) noexcept { return (postings + kBlock - 1) / kBlock; }

} // namespace ticketflow::core::search
