// Words of a ticket: lower-cased, without markup, the same bytes on every machine and in every locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::complexity {

// Natural logarithm from the four basic operations only: libm may differ by a bit between versions, this cannot.
double natural_log(double x);

// e^x the same way.
double natural_exp(double x);

// 64-bit hash of bytes (FNV-1a with a final mix); part of the model format.
constexpr std::uint64_t kHashSeed = 1469598103934665603ull;
constexpr std::uint64_t hash_step(std::uint64_t state, unsigned char byte) { return (state ^ byte) * 1099511628211ull; }
constexpr std::uint64_t hash_finish(std::uint64_t state) {
    state ^= state >> 32;
    state *= 0x9E3779B97F4A7C15ull;
    return state ^ (state >> 29);
}
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t state = kHashSeed) {
    for (const char byte : bytes)
        state = hash_step(state, static_cast<unsigned char>(byte));
    return state;
}

struct Word {
    std::uint32_t start, length; // in Text::folded
};

// A text made ready: its words, all of them inside `folded`.
struct Text {
    std::string folded;
    std::vector<Word> words;

    std::string_view view(const Word &word) const { return std::string_view(folded).substr(word.start, word.length); }
    std::string_view phrase(std::size_t first) const { // two words that follow each other
        const Word &a = words[first], &b = words[first + 1];
        return std::string_view(folded).substr(a.start, b.start + b.length - a.start);
    }
    // Reads at most `limit` bytes that are not markup.
    void read(std::string_view source, std::size_t limit);
};

} // namespace ticketflow::core::complexity
