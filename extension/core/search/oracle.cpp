#include "core/search/oracle.h"

namespace ticketflow::core::search {

namespace {

struct SlotEvidence final : Evidence {
    SlotEvidence(SegmentReader &in, const Query &asked) : segment(in), query(asked) {}
    void occurrences(unsigned slot, std::vector<Occurrence> &found) override {
        found.clear();
        DictionaryCursor words(segment);
        const Slot &wanted = query.slots[slot];
        for (words.seek(wanted.lexeme); words.valid() && words.word().starts_with(wanted.lexeme); words.next()) {
            if (!wanted.prefix && words.word() != wanted.lexeme)
                break;
            PostingCursor cursor(segment, words.term());
            while (cursor.document() < document)
                cursor.next();
            if (cursor.document() == document)
                found.push_back({cursor.frequencies(), std::string(cursor.positions())});
        }
    }
    SegmentReader &segment;
    const Query &query;
    uint32_t document = 0;
};

} // namespace

std::vector<Hit> exhaustive(SegmentReader &segment, const Query &query, const Model &model, Judge *judge) {
    std::vector<std::vector<Frequencies>> frequencies(query.slots.size());
    for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
        frequencies[slot].resize(segment.documents());
        DictionaryCursor words(segment);
        const Slot &wanted = query.slots[slot];
        for (words.seek(wanted.lexeme); words.valid() && words.word().starts_with(wanted.lexeme); words.next()) {
            if (!wanted.prefix && words.word() != wanted.lexeme)
                break;
            for (PostingCursor cursor(segment, words.term()); cursor.document() != kNoDocument; cursor.next())
                for (unsigned field = 0; field < kFields; ++field) {
                    uint8_t &sum = frequencies[slot][cursor.document()][field];
                    sum = static_cast<uint8_t>(std::min<uint32_t>(255, sum + cursor.frequency(field)));
                }
        }
    }
    std::vector<Hit> hits;
    std::vector<Truth> present(query.slots.size());
    SlotEvidence evidence(segment, query);
    for (uint32_t document = 0; document < segment.documents(); ++document) {
        Lengths lengths{};
        const uint8_t *code = segment.lengths(document);
        for (unsigned field = 0; field < kFields; ++field)
            if (segment.fields() >> field & 1)
                lengths[field] = *code++;
        Score score = 0;
        for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
            const Frequencies &found = frequencies[slot][document];
            const FieldMask fields = fields_of(found), wanted = query.slots[slot].fields;
            present[slot] = segment.stripped() && wanted != kAllFields && fields ? Truth::maybe
                            : fields & wanted                                     ? Truth::yes
                                                                                  : Truth::no;
            score += model.score(query, slot, found, lengths);
        }
        evidence.document = document;
        const Truth truth = query.gate.evaluate(present);
        if (!segment.dead(document) && (truth == Truth::yes || (truth == Truth::maybe && judge && judge->matches(evidence))))
            hits.push_back({score, segment.place(document)});
    }
    std::sort(hits.begin(), hits.end());
    return hits;
}

} // namespace ticketflow::core::search
