// 32 bits that tell whether bytes are those that were written. Not against forgers: against disks, torn pages and stray writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ticketflow::core::search {

// Eight lanes side by side, so that a page takes a third of a microsecond.
inline uint32_t fingerprint(const uint8_t *bytes, size_t size, uint64_t seed) noexcept {
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15, kOther = 0xC2B2AE3D27D4EB4F;
    constexpr unsigned kLanes = 8;
    uint64_t lanes[kLanes];
    for (unsigned lane = 0; lane < kLanes; ++lane)
        lanes[lane] = (seed + size + lane) * kOther;
    const auto mix = [](uint64_t lane, uint64_t word) {
        lane = (lane ^ word) * kOdd;
        return lane ^ lane >> 32;
    };
    for (; size >= 8 * kLanes; size -= 8 * kLanes, bytes += 8 * kLanes) {
        uint64_t words[kLanes];
        std::memcpy(words, bytes, sizeof words);
        for (unsigned lane = 0; lane < kLanes; ++lane)
            lanes[lane] = mix(lanes[lane], words[lane]);
    }
    for (; size > 0;) {
        const size_t part = size < 8 ? size : 8;
        uint64_t word = 0;
        std::memcpy(&word, bytes, part);
        lanes[0] = mix(lanes[0], word);
        bytes += part;
        size -= part;
    }
    uint64_t all = 0;
    for (const uint64_t lane : lanes)
        all = mix(all, lane);
    return static_cast<uint32_t>(all ^ all >> 29);
}

} // namespace ticketflow::core::search
