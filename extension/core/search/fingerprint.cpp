#include "core/search/fingerprint.h"

#include <cstring>

namespace ticketflow::core::search {

namespace {

using Lanes = uint32_t __attribute__((vector_size(32)));
constexpr size_t kGroups = 8;
constexpr uint32_t kOdd = 0x9E3779B1;
constexpr uint64_t kOddLong = 0x9E3779B97F4A7C15;

// One to one in the lane and in the word: what differs in one word alone cannot give the same lane.
[[gnu::always_inline]] inline void mix(Lanes &lane, const Lanes &word) {
    lane = (lane ^ word) * kOdd;
    lane ^= lane >> 15;
}
[[gnu::always_inline]] inline void mix(uint64_t &lane, uint64_t word) {
    lane = (lane ^ word) * kOddLong;
    lane ^= lane >> 32;
}
template <class T> [[gnu::always_inline]] inline void mix_bytes(T &lane, const uint8_t *bytes, size_t size = sizeof(T)) {
    T word{};
    std::memcpy(&word, bytes, size);
    mix(lane, word);
}

[[gnu::always_inline]] inline uint32_t compute(const uint8_t *bytes, size_t size, uint64_t seed) {
    uint64_t all = seed;
    mix(all, size);
    Lanes groups[kGroups];
    for (uint32_t group = 0; group < kGroups; ++group)
        groups[group] = Lanes{0, 1, 2, 3, 4, 5, 6, 7} + (static_cast<uint32_t>(all) + group * 8);
    for (; size >= sizeof groups; size -= sizeof groups, bytes += sizeof groups) {
#pragma GCC unroll 8
        for (size_t group = 0; group < kGroups; ++group)
            mix_bytes(groups[group], bytes + group * sizeof(Lanes));
    }
    for (size_t group = 0; size >= sizeof(Lanes); size -= sizeof(Lanes), bytes += sizeof(Lanes))
        mix_bytes(groups[group++], bytes);
    for (size_t half = kGroups / 2; half > 0; half /= 2)
        for (size_t group = 0; group < half; ++group)
            mix(groups[group], groups[group + half]);
    for (size_t at = 0; at < sizeof(Lanes); at += sizeof all)
        mix_bytes(all, reinterpret_cast<const uint8_t *>(&groups[0]) + at);
    for (; size >= sizeof all; size -= sizeof all, bytes += sizeof all)
        mix_bytes(all, bytes);
    if (size > 0)
        mix_bytes(all, bytes, size);
    return static_cast<uint32_t>(all ^ all >> 29);
}

#ifdef __x86_64__
[[gnu::target("avx2")]] uint32_t compute_avx2(const uint8_t *bytes, size_t size, uint64_t seed) { return compute(bytes, size, seed); }
#endif

} // namespace

uint32_t fingerprint(const uint8_t *bytes, size_t size, uint64_t seed) noexcept {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return compute_avx2(bytes, size, seed);
#endif
    return compute(bytes, size, seed);
}

} // namespace ticketflow::core::search
