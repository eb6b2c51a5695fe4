#include "pg/search/am_document.h"

#include "core/search/length.h"

namespace ticketflow::pg::search {

// Positions of one word, field by field; a tsvector keeps them in order, but all labels together.
void DocumentReader::add_positions(engine::Word &word, const WordEntryPos *positions, unsigned count, size_t &start) {
    start = positions_.size();
    for (unsigned field = 0; field < engine::kFields; ++field) {
        unsigned previous = 0;
        for (unsigned i = 0; i < count; ++i) {
            if (WEP_GETWEIGHT(positions[i]) != field || word.frequencies[field] == 255)
                continue;
            const unsigned position = WEP_GETPOS(positions[i]);
            engine::append_varint(positions_, position - previous);
            previous = position;
            ++word.frequencies[field];
        }
        lengths_[field] += word.frequencies[field];
    }
}

const engine::Document &DocumentReader::read(Datum value, bool null, const ItemPointerData &tid) {
    document_ = {};
    document_.place = to_place(tid);
    document_.null = null;
    if (null)
        return document_;
    // Lives as long as the caller's memory context: the words point into it.
    TSVector const vector = call([value] { return DatumGetTSVector(value); });
    words_.clear();
    positions_.clear();
    ranges_.clear();
    lengths_ = {};
    const WordEntry *const entries = ARRPTR(vector);
    for (int i = 0; i < vector->size; ++i) {
        engine::Word word{{STRPTR(vector) + entries[i].pos, entries[i].len}, {}, {}};
        size_t start = positions_.size();
        const unsigned count = entries[i].haspos ? POSDATALEN(vector, &entries[i]) : 0;
        if (count > 0) {
            add_positions(word, POSDATAPTR(vector, &entries[i]), count, start);
        } else {
            document_.stripped = true;
            word.frequencies[0] = 1;
            ++lengths_[0];
            positions_.push_back(0);
        }
        ranges_.emplace_back(start, positions_.size() - start);
        words_.push_back(word);
    }
    for (size_t i = 0; i < words_.size(); ++i)
        words_[i].positions = {reinterpret_cast<const char *>(positions_.data()) + ranges_[i].first, ranges_[i].second};
    for (unsigned field = 0; field < engine::kFields; ++field)
        document_.lengths[field] = engine::encode_length(lengths_[field]);
    document_.words = words_;
    return document_;
}

} // namespace ticketflow::pg::search
