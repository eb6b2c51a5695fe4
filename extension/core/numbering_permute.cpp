#include "core/numbering_permute.h"

namespace ticketflow::core {

namespace {

constexpr int kRounds = 12;

uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

uint64_t key_of(uint64_t key, std::string_view period) {
    uint64_t hash = mix(key + 0x9e3779b97f4a7c15ULL);
    for (const char c : period)
        hash = mix(hash ^ static_cast<unsigned char>(c)) + 0x9e3779b97f4a7c15ULL;
    return hash;
}

// The numbers that have as many digits as this one; all up to the width count as having the width.
struct Block {
    uint64_t first, size;
};

Block block_of(int width, uint64_t number) {
    uint64_t limit = 1;
    for (int i = 0; i < width; ++i)
        limit *= 10;
    if (number < limit)
        return {1, limit - 1};
    while (number >= limit * 10)
        limit *= 10;
    return {limit, limit * 9};
}

int half_bits(uint64_t size) {
    int bits = 1;
    while ((uint64_t{1} << (2 * bits)) < size)
        ++bits;
    return bits;
}

// A balanced Feistel network over 2 * bits bits; walking its cycle until the value is inside the block keeps
// it a permutation of the block.
uint64_t feistel(uint64_t key, int bits, uint64_t value, bool forward) {
    const uint64_t mask = (uint64_t{1} << bits) - 1;
    uint64_t left = value >> bits, right = value & mask;
    for (int i = 0; i < kRounds; ++i) {
        const uint64_t round = static_cast<uint64_t>(forward ? i : kRounds - 1 - i);
        if (forward) {
            const uint64_t next = left ^ (mix(key ^ (round << 56) ^ right) & mask);
            left = right;
            right = next;
        } else {
            const uint64_t next = right ^ (mix(key ^ (round << 56) ^ left) & mask);
            right = left;
            left = next;
        }
    }
    return left << bits | right;
}

int64_t walk(uint64_t key, std::string_view period, int width, int64_t number, bool forward) {
    if (number < 1)
        return number;
    const Block block = block_of(width, static_cast<uint64_t>(number));
    const int bits = half_bits(block.size);
    const uint64_t period_key = key_of(key, period);
    uint64_t value = static_cast<uint64_t>(number) - block.first;
    do
        value = feistel(period_key, bits, value, forward);
    while (value >= block.size);
    return static_cast<int64_t>(value + block.first);
}

} // namespace

int64_t permute_number(uint64_t key, std::string_view period, int width, int64_t number) {
    return walk(key, period, width, number, true);
}

int64_t unpermute_number(uint64_t key, std::string_view period, int width, int64_t shown) {
    return walk(key, period, width, shown, false);
}

} // namespace ticketflow::core
