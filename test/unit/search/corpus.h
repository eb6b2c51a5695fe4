// Random documents with skewed word frequencies, as segments in memory.
#pragma once

#include "core/search/accumulator.h"
#include "core/search/engine.h"
#include "core/search/length.h"
#include "core/search/merge.h"
#include "core/search/oracle.h"
#include "core/search/pending.h"

#include <cmath>
#include <map>
#include <random>
#include <string>

namespace ticketflow::core::search::testing {

struct OwnDocument {
    Tid place = 0;
    bool null = false, stripped = false;
    std::map<std::string, std::array<std::vector<uint16_t>, kFields>> words;

    Bytes record() const {
        Bytes bytes;
        with([&](const Document &document) { encode_record(document, bytes); });
        return bytes;
    }
    template <class F> void with(F &&f) const {
        std::vector<Word> list;
        std::vector<std::string> positions;
        positions.reserve(words.size());
        std::array<uint32_t, kFields> lengths{};
        for (const auto &[lexeme, fields] : words) {
            Word word{lexeme, {}, {}};
            Bytes bytes;
            for (unsigned field = 0; field < kFields; ++field) {
                word.frequencies[field] = static_cast<uint8_t>(fields[field].size());
                lengths[field] += static_cast<uint32_t>(fields[field].size());
                uint16_t previous = 0;
                for (const uint16_t position : fields[field]) {
                    append_varint(bytes, static_cast<uint16_t>(position - previous));
                    previous = position;
                }
            }
            if (stripped) {
                bytes.assign(1, 0);
                word.frequencies = {1, 0, 0, 0};
            }
            positions.emplace_back(bytes.begin(), bytes.end());
            word.positions = positions.back();
            list.push_back(word);
        }
        Document document{place, null, stripped, {}, list};
        for (unsigned field = 0; field < kFields; ++field)
            document.lengths[field] = encode_length(lengths[field]);
        f(document);
    }
};

class Corpus {
  public:
    explicit Corpus(unsigned seed) : random(seed) {}

    std::string word() { // Zipf-like over 400 words
        const double u = std::uniform_real_distribution<>(0, 1)(random);
        return "w" + std::to_string(static_cast<int>(std::pow(400.0, u)) - 1);
    }
    OwnDocument document(Tid place, unsigned fields) {
        OwnDocument made;
        made.place = place;
        uint16_t position = 0;
        for (unsigned field = 0; field < kFields; ++field) {
            if (!(fields >> field & 1))
                continue;
            const int length = 1 + static_cast<int>(random() % (field == 3 ? 6 : random() % 8 == 0 ? 300 : 30));
            for (int i = 0; i < length; ++i) {
                auto &list = made.words[word()][field];
                if (list.size() < 255)
                    list.push_back(++position);
            }
        }
        return made;
    }
    std::vector<OwnDocument> documents(uint32_t count, unsigned fields, Tid first = 0) {
        std::vector<OwnDocument> made;
        for (uint32_t i = 0; i < count; ++i)
            made.push_back(document((first + i / 20) << 16 | (i % 20 + 1), fields));
        return made;
    }
    // A random query; OR, AND, mixed with NOT, prefixes and labels by `shape`.
    Query query(unsigned shape) {
        Query made;
        const unsigned words = 1 + random() % (shape == 0 ? 12 : 4);
        auto leaf = [&](bool count) {
            const bool prefix = shape >= 2 && random() % 6 == 0;
            const FieldMask fields = shape >= 3 && random() % 4 == 0 ? FieldMask(1 + random() % 15) : kAllFields;
            std::string text = random() % 20 == 0 ? "unknown" : word();
            const unsigned slot = made.slot(prefix ? text.substr(0, 2) : text, prefix, fields);
            made.slots[slot].count += count;
            return made.gate.word(slot);
        };
        unsigned root = leaf(true);
        for (unsigned i = 1; i < words; ++i) {
            const Gate::Kind kind = shape == 0 ? Gate::Kind::any_of : shape == 1 || random() % 2 ? Gate::Kind::all_of : Gate::Kind::any_of;
            root = made.gate.combine(kind, root, leaf(true));
        }
        if (shape >= 2 && random() % 2)
            root = made.gate.combine(Gate::Kind::all_of, root, made.gate.negation(leaf(false)));
        if (shape >= 4)
            root = made.gate.combine(random() % 2 ? Gate::Kind::any_of : Gate::Kind::all_of, root,
                                     made.gate.combine(Gate::Kind::any_of, leaf(true), made.gate.negation(leaf(false))));
        made.gate.set_root(root);
        made.finish();
        return made;
    }

    std::mt19937 random;
};

inline const std::function<void()> kNoPause = [] {};

struct Segment {
    explicit Segment(Bytes taken) : bytes(std::move(taken)), source(bytes), reader(source) {}
    static std::unique_ptr<Segment> of(const std::vector<OwnDocument> &documents) {
        Accumulator accumulator;
        for (const OwnDocument &document : documents)
            document.with([&](const Document &view) { accumulator.add(view); });
        MemorySink sink;
        accumulator.write(sink);
        return std::make_unique<Segment>(std::move(sink.taken));
    }
    void kill(uint32_t row) { bytes[reader.footer().dead + row / 8] |= static_cast<uint8_t>(1 << (row % 8)); }

    Bytes bytes;
    MemorySource source;
    SegmentReader reader;
};

// Statistics and terms of a query over segments, as a scan collects them.
struct Resolved {
    Resolved(const std::vector<Segment *> &segments, const Query &query) {
        statistics.postings.resize(query.slots.size());
        for (Segment *segment : segments) {
            terms.emplace_back();
            statistics.documents += segment->reader.documents();
            for (unsigned field = 0; field < kFields; ++field)
                statistics.total_length[field] += segment->reader.footer().total_length[field];
            for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
                terms.back().push_back(resolve(segment->reader, query.slots[slot], kNoPause));
                statistics.postings[slot] += terms.back().back().postings;
            }
        }
    }
    Statistics statistics;
    std::vector<std::vector<SlotTerms>> terms;
};

} // namespace ticketflow::core::search::testing
