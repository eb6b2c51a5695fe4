#include "core/complexity/features.h"

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

// The seeds keep the same word in different blocks apart.
constexpr std::array<std::uint64_t, kBlocks> kBlockSeed = {hash_bytes("tw"), hash_bytes("tp"), hash_bytes("tc"),
                                                           hash_bytes("bw"), hash_bytes("bp")};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int occurrences(std::string_view text, std::string_view pattern) {
    int n = 0;
    for (std::size_t i = text.find(pattern); i != std::string_view::npos; i = text.find(pattern, i + pattern.size()))
        ++n;
    return n;
}

int occurrences(std::string_view text, std::initializer_list<std::string_view> patterns) {
    int n = 0;
    for (const auto pattern : patterns)
        n += occurrences(text, pattern);
    return n;
}

std::string lowered(std::string_view text) {
    std::string out(text.substr(0, kStructureLimit));
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

} // namespace

void Features::read(std::string_view raw_title, std::string_view raw_body) {
    title.read(raw_title, kBodyTextLimit);
    body.read(raw_body, kBodyTextLimit);
    terms.clear();
    length_squared.fill(0);
    slots_.assign(1024, 0);
    add_words();
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

void Features::add_words() {
    const auto add = [this](const Text &text, Block words, Block phrases) {
        for (std::uint32_t i = 0; i < text.words.size(); ++i) {
            count(hash_bytes(text.view(text.words[i]), kBlockSeed[words]), i, words);
            if (i + 1 < text.words.size())
                count(hash_bytes(text.phrase(i), kBlockSeed[phrases]), i, phrases);
        }
    };
    // How a title begins ("Fix …", "Investigate …") is worth a feature of its own.
    if (!title.words.empty())
        count(hash_bytes(title.view(title.words[0]), hash_bytes("^", kBlockSeed[kTitlePhrase])), 0, kTitlePhrase);
    add(title, kTitleWord, kTitlePhrase);
    add(body, kBodyWord, kBodyPhrase);
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
}

void Features::read_structure(std::string_view raw_title, std::string_view raw_body) {
    const std::string t = lowered(raw_title), b = lowered(raw_body);
    raw_body = raw_body.substr(0, kStructureLimit);
    double digits = 0, capitals = 0, letters = 0;
    for (const char c : raw_body) {
        digits += c >= '0' && c <= '9';
        capitals += c >= 'A' && c <= 'Z';
    }
    for (const Word &word : body.words)
        letters += word.length;
    double distinct = 0;
    for (const Feature &term : terms)
        distinct += term.block == kBodyWord;
    const double words = static_cast<double>(body.words.size());

    counts[kTitleWords] = static_cast<double>(title.words.size());
    counts[kBodyWords] = words;
    counts[kNoBody] = body.words.empty();
    counts[kTitleBytes] = static_cast<double>(t.size());
    counts[kBodyBytes] = static_cast<double>(b.size());
    counts[kCodeBlocks] = occurrences(b, {"{code", "<code", "{noformat", "```"});
    counts[kLinks] = occurrences(b, "http");
    counts[kStackLines] = occurrences(b, {"\tat ", " at com.", " at org.", " at java", "\n  file \""});
    counts[kExceptions] = occurrences(b, {"exception", "traceback"});
    counts[kErrors] = occurrences(b, "error");
    counts[kListItems] = occurrences(b, {" * ", " - ", " # ", "<li>", "\n* ", "\n- ", "\n# "});
    counts[kQuestions] = occurrences(b, "?");
    counts[kTitleQuestion] = t.find('?') != std::string::npos;
    counts[kStepsToReproduce] = occurrences(b, "steps to");
    counts[kExclamations] = occurrences(b, "!");
    counts[kUserStory] = b.find("as a ") != std::string::npos;
    counts[kTitleColon] = t.find(':') != std::string::npos;
    counts[kTitleQuote] = t.find('"') != std::string::npos;
    counts[kDistinctWords] = distinct;
    counts[kWordLength] = words > 0 ? letters / words : 0;
    counts[kDigits] = digits;
    counts[kCapitals] = raw_body.empty() ? 0 : capitals / static_cast<double>(raw_body.size());
    counts[kHeadings] = occurrences(b, {"h3.", "h4.", "h5.", "\n## ", "<h2", "<h3"});

    for (std::size_t i = 0; i < kStructures; ++i)
        structure[i] = natural_log(1 + counts[i]);
    for (const auto plain : {kNoBody, kTitleQuestion, kUserStory, kTitleColon, kTitleQuote, kWordLength, kCapitals})
        structure[plain] = counts[plain];
}

} // namespace ticketflow::core::complexity
