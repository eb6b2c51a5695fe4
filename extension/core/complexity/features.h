// What a ticket's text says about work: hashed words, phrases and parts of words, and its structure.
#pragma once

#include "core/complexity/text.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ticketflow::core::complexity {

// The blocks of text features; each is normalised to length one, then multiplied by its gain.
// A word also counts wherever it stands: the two blocks of that share their hashes and their length.
enum Block : std::uint8_t { kTitleWord, kTitlePhrase, kTitlePart, kTitleAnywhere, kBodyWord, kBodyPhrase, kBodyAnywhere, kBlocks };
constexpr bool of_title(std::size_t block) { return block <= kTitleAnywhere; }

// Structure, in the order of the model format.
enum Structure : std::uint8_t {
    kTitleWords, kBodyWords, kNoBody, kTitleBytes, kBodyBytes, kCodeBlocks, kLinks, kStackLines, kExceptions, kErrors,
    kListItems, kQuestions, kTitleQuestion, kStepsToReproduce, kExclamations, kUserStory, kTitleColon, kTitleQuote,
    kDistinctWords, kWordLength, kDigits, kCapitals, kHeadings, kUrgentWords, kAskingWords, kSystems, kVersions, kCodes, kStructures
};

struct Feature {
    std::uint64_t hash;
    double value;       // 1 + ln(count)
    std::uint32_t word; // index of its (first) word in the title or the body
    Block block;
};

class Features {
  public:
    // NULL and empty texts are the same: nothing was said.
    void read(std::string_view title, std::string_view body);

    bool has_text() const { return !title.words.empty() || !body.words.empty(); }

    Text title, body;
    std::vector<Feature> terms;
    std::array<double, kBlocks> length_squared{}; // sum of value² of each block, its counterpart included
    std::array<double, kStructures> counts{};     // as counted, for people
    std::array<double, kStructures> structure{};  // as used: ln(1 + count) where a count has no natural limit

  private:
    void add_words(const Text &text, Block words, Block phrases, Block anywhere);
    void add_title_parts();
    void count(std::uint64_t hash, std::uint32_t word, Block block);
    void finish_terms();
    void read_structure(std::string_view raw_title, std::string_view raw_body);

    std::vector<std::uint32_t> slots_; // open addressing: index of a term + 1
};

constexpr std::size_t kBodyTextLimit = 2000;       // bytes of text whose words count
constexpr std::size_t kStructureLimit = 64 * 1024; // bytes of the raw text whose structure counts
constexpr std::size_t kTokenLimit = 8 * 1024;      // bytes of the raw text whose systems, versions and codes count

} // namespace ticketflow::core::complexity
