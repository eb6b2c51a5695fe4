#include "core/complexity/features.h"

#include "core/complexity/tokens.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

// The seeds keep the same word in different blocks apart.
constexpr std::array<std::uint64_t, kBlocks> kBlockSeed = {
    hash_bytes("tw"), hash_bytes("tp"), hash_bytes("tc"), hash_bytes("aw"), hash_bytes("bw"), hash_bytes("bp"), hash_bytes("aw")};

// What the scan of a text counts; markers are lower case.
struct Marker {
    std::string_view text;
    Structure counts;
};
constexpr std::array kMarkers = {
    Marker{"{code", kCodeBlocks}, Marker{"<code", kCodeBlocks}, Marker{"{noformat", kCodeBlocks}, Marker{"```", kCodeBlocks},
    Marker{"http", kLinks}, Marker{"\tat ", kStackLines}, Marker{" at com.", kStackLines}, Marker{" at org.", kStackLines},
    Marker{" at java", kStackLines}, Marker{"\n  file \"", kStackLines}, Marker{"exception", kExceptions},
    Marker{"traceback", kExceptions}, Marker{"error", kErrors}, Marker{" * ", kListItems}, Marker{" - ", kListItems},
    Marker{" # ", kListItems}, Marker{"<li>", kListItems}, Marker{"\n* ", kListItems}, Marker{"\n- ", kListItems},
    Marker{"\n# ", kListItems}, Marker{"?", kQuestions}, Marker{"!", kExclamations}, Marker{"steps to", kStepsToReproduce},
    Marker{"as a ", kUserStory}, Marker{"h3.", kHeadings}, Marker{"h4.", kHeadings}, Marker{"h5.", kHeadings},
    Marker{"\n## ", kHeadings}, Marker{"<h2", kHeadings}, Marker{"<h3", kHeadings}};

struct Classes { // of each byte: its lower case, what it is, and the markers that begin with it
    std::array<unsigned char, 256> lower{};
    std::array<unsigned char, 256> kind{}; // 1 digit, 2 capital
    std::array<std::uint32_t, 256> markers{};
    constexpr Classes() {
        for (unsigned c = 0; c < 256; ++c) {
            lower[c] = static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
            kind[c] = c >= '0' && c <= '9' ? 1 : c >= 'A' && c <= 'Z' ? 2 : 0;
            for (std::size_t m = 0; m < kMarkers.size(); ++m)
                if (static_cast<unsigned char>(kMarkers[m].text[0]) == lower[c])
                    markers[c] |= 1u << m;
        }
    }
};
constexpr Classes kClasses;
static_assert(kMarkers.size() <= 32);

bool begins_with(std::string_view rest, std::string_view marker) {
    if (rest.size() < marker.size())
        return false;
    for (std::size_t i = 1; i < marker.size(); ++i)
        if (kClasses.lower[static_cast<unsigned char>(rest[i])] != static_cast<unsigned char>(marker[i]))
            return false;
    return true;
}

} // namespace

void Features::read(std::string_view raw_title, std::string_view raw_body) {
    title.read(raw_title, kBodyTextLimit);
    body.read(raw_body, kBodyTextLimit);
    terms.clear();
    length_squared.fill(0);
    counts.fill(0);
    slots_.assign(1024, 0);
    // How a title begins ("Fix …", "Investigate …") is worth a feature of its own.
    if (!title.words.empty())
        count(hash_bytes(title.view(title.words[0]), hash_bytes("^", kBlockSeed[kTitlePhrase])), 0, kTitlePhrase);
    add_words(title, kTitleWord, kTitlePhrase, kTitleAnywhere);
    add_words(body, kBodyWord, kBodyPhrase, kBodyAnywhere);
    add_title_parts();
    finish_terms();
    read_structure(raw_title, raw_body);
}

void Features::count(std::uint64_t hash, std::uint32_t word, Block block) {
    hash = hash_finish(hash);
    if (terms.size() * 2 >= slots_.size()) {
        slots_.assign(slots_.size() * 4, 0);
        for (std::uint32_t i = 0; i < terms.size(); ++i) {
            std::size_t at = terms[i].hash & (slots_.size() - 1);
            while (slots_[at] != 0)
                at = (at + 1) & (slots_.size() - 1);
            slots_[at] = i + 1;
        }
    }
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
        if (terms[slots_[at] - 1].hash == hash) {
            terms[slots_[at] - 1].value += 1;
            return;
        }
    }
    terms.push_back({hash, 1, word, block});
    slots_[at] = static_cast<std::uint32_t>(terms.size());
}

void Features::add_words(const Text &text, Block words, Block phrases, Block anywhere) {
    for (std::uint32_t i = 0; i < text.words.size(); ++i) {
        const std::string_view word = text.view(text.words[i]);
        count(hash_bytes(word, kBlockSeed[words]), i, words);
        count(hash_bytes(word, kBlockSeed[anywhere]), i, anywhere);
        if (i + 1 < text.words.size())
            count(hash_bytes(text.phrase(i), kBlockSeed[phrases]), i, phrases);
        const Tone tone = tone_of(hash_bytes(word));
        counts[kUrgentWords] += tone == Tone::urgent;
        counts[kAskingWords] += tone == Tone::asking;
    }
}

// Runs of 3 to 5 bytes inside <word>: forms of a word that training never saw still look like it.
void Features::add_title_parts() {
    for (std::uint32_t i = 0; i < title.words.size(); ++i) {
        const std::string_view inner = title.view(title.words[i]);
        const std::size_t size = inner.size() + 2;
        const auto at = [&](std::size_t k) -> unsigned char {
            return k == 0 ? '<' : k == size - 1 ? '>' : static_cast<unsigned char>(inner[k - 1]);
        };
        for (std::size_t from = 0; from + 3 <= size; ++from) {
            std::uint64_t state = hash_step(hash_step(kBlockSeed[kTitlePart], at(from)), at(from + 1));
            for (std::size_t n = 3; n <= 5 && from + n <= size; ++n) {
                state = hash_step(state, at(from + n - 1));
                count(state, i, kTitlePart);
            }
        }
    }
}

void Features::finish_terms() {
    static const std::vector<double> logs = [] {
        std::vector<double> table(4096);
        for (std::size_t i = 1; i < table.size(); ++i)
            table[i] = 1 + natural_log(static_cast<double>(i));
        return table;
    }();
    for (Feature &term : terms) {
        term.value = logs[std::min<std::size_t>(static_cast<std::size_t>(term.value), logs.size() - 1)];
        length_squared[term.block] += term.value * term.value;
    }
    length_squared[kTitleAnywhere] = length_squared[kBodyAnywhere] = length_squared[kTitleAnywhere] + length_squared[kBodyAnywhere];
}

void Features::read_structure(std::string_view raw_title, std::string_view raw_body) {
    raw_title = raw_title.substr(0, kStructureLimit);
    raw_body = raw_body.substr(0, kStructureLimit);
    std::array<int, 3> kinds{};
    for (std::size_t i = 0; i < raw_body.size(); ++i) {
        const auto c = static_cast<unsigned char>(raw_body[i]);
        ++kinds[kClasses.kind[c]];
        for (auto left = kClasses.markers[c]; left != 0; left &= left - 1) {
            const Marker &marker = kMarkers[static_cast<std::size_t>(std::countr_zero(left))];
            if (begins_with(raw_body.substr(i), marker.text))
                counts[marker.counts] += 1;
        }
    }
    for (const auto text : {raw_title, raw_body}) {
        const TokenCounts tokens = count_tokens(text.substr(0, kTokenLimit));
        counts[kSystems] += tokens.systems;
        counts[kVersions] += tokens.versions;
        counts[kCodes] += tokens.codes;
    }
    double letters = 0;
    for (const Word &word : body.words)
        letters += word.length;
    for (const Feature &term : terms)
        counts[kDistinctWords] += term.block == kBodyWord;
    const double words = static_cast<double>(body.words.size());

    counts[kTitleWords] = static_cast<double>(title.words.size());
    counts[kBodyWords] = words;
    counts[kNoBody] = body.words.empty();
    counts[kTitleBytes] = static_cast<double>(raw_title.size());
    counts[kBodyBytes] = static_cast<double>(raw_body.size());
    counts[kUserStory] = counts[kUserStory] > 0;
    counts[kTitleQuestion] = raw_title.find('?') != std::string_view::npos;
    counts[kTitleColon] = raw_title.find(':') != std::string_view::npos;
    counts[kTitleQuote] = raw_title.find('"') != std::string_view::npos;
    counts[kWordLength] = words > 0 ? letters / words : 0;
    counts[kDigits] = kinds[1];
    counts[kCapitals] = raw_body.empty() ? 0 : kinds[2] / static_cast<double>(raw_body.size());

    for (std::size_t i = 0; i < kStructures; ++i)
        structure[i] = counts[i] > 0 ? natural_log(1 + counts[i]) : 0;
    for (const auto plain : {kNoBody, kTitleQuestion, kUserStory, kTitleColon, kTitleQuote, kWordLength, kCapitals})
        structure[plain] = counts[plain];
}

} // namespace ticketflow::core::complexity
