#include "core/search/pending.h"

#include "core/search/length.h"

namespace ticketflow::core::search {

namespace {

template <class F> void each_occurrence(const RecordView &record, const Slot &slot, F &&f) {
    Word word;
    if (slot.prefix)
        record.each([&](const Word &other) {
            if (other.lexeme.starts_with(slot.lexeme))
                f(other);
        });
    else if (record.find(slot.lexeme, word))
        f(word);
}

class RecordEvidence final : public Evidence {
  public:
    RecordEvidence(const RecordView &record, const Query &query) : record_(record), query_(query) {}
    void occurrences(unsigned slot, std::vector<Occurrence> &found) override {
        occurrences_in(record_, query_.slots[slot], found);
    }

  private:
    const RecordView &record_;
    const Query &query_;
};

} // namespace

void occurrences_in(const RecordView &record, const Slot &slot, std::vector<Occurrence> &found) {
    found.clear();
    each_occurrence(record, slot, [&](const Word &word) { found.push_back({word.frequencies, std::string(word.positions)}); });
}

Frequencies frequencies_in(const RecordView &record, const Slot &slot) {
    Frequencies sum{};
    each_occurrence(record, slot, [&](const Word &word) {
        for (unsigned field = 0; field < kFields; ++field)
            sum[field] = static_cast<uint8_t>(std::min(255, sum[field] + word.frequencies[field]));
    });
    return sum;
}

void PendingSearch::add(const uint8_t *bytes, size_t size, Statistics &statistics) {
    const RecordView record(bytes, size);
    if (record.null() || record.dead())
        return;
    ++statistics.documents;
    for (unsigned field = 0; field < kFields; ++field)
        statistics.total_length[field] += decode_length(record.lengths()[field]);
    std::vector<Frequencies> frequencies(query_.slots.size());
    bool possible = !query_.gate.coverable();
    for (unsigned slot = 0; slot < query_.slots.size(); ++slot) {
        frequencies[slot] = frequencies_in(record, query_.slots[slot]);
        if (fields_of(frequencies[slot]) == 0)
            continue;
        ++statistics.postings[slot];
        possible |= query_.slots[slot].positive;
    }
    if (possible)
        kept_.push_back({Bytes(bytes, bytes + size), std::move(frequencies)});
}

void PendingSearch::search(const Model &model, TopK &top, Judge *judge) const {
    std::vector<Truth> present(query_.slots.size());
    for (const Kept &kept : kept_) {
        const RecordView record(kept.record.data(), kept.record.size());
        Score score = 0;
        for (unsigned slot = 0; slot < query_.slots.size(); ++slot) {
            const FieldMask fields = fields_of(kept.frequencies[slot]), wanted = query_.slots[slot].fields;
            present[slot] = record.stripped() && wanted != kAllFields && fields ? Truth::maybe
                            : fields & wanted                                    ? Truth::yes
                                                                                 : Truth::no;
            score += model.score(query_, slot, kept.frequencies[slot], record.lengths());
        }
        if (!top.wants(score))
            continue;
        const Truth truth = query_.gate.evaluate(present);
        RecordEvidence evidence(record, query_);
        if (truth == Truth::yes || (truth == Truth::maybe && judge && judge->matches(evidence)))
            top.offer(score, record.place());
    }
}

} // namespace ticketflow::core::search
