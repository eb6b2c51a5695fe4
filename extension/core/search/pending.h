// Documents that are not in a segment yet: few, so each is looked at.
#pragma once

#include "core/search/engine.h"
#include "core/search/record.h"

#include <deque>

namespace ticketflow::core::search {

class PendingSearch {
  public:
    explicit PendingSearch(const Query &query) : query_(query) {}

    // Adds to the statistics (whose `postings` has a value a slot) and keeps the document if it may match.
    void add(const uint8_t *record, size_t size, Statistics &statistics);
    void search(const Model &model, TopK &top, Judge *judge) const;

  private:
    struct Kept {
        Bytes record;
        std::vector<Frequencies> frequencies; // a slot
    };

    const Query &query_;
    std::deque<Kept> kept_;
};

// The slot's occurrences in a record: one entry, or one a word that begins with a prefix.
void occurrences_in(const RecordView &record, const Slot &slot, std::vector<Occurrence> &found);
// The sum of what occurrences_in finds.
Frequencies frequencies_in(const RecordView &record, const Slot &slot);

} // namespace ticketflow::core::search
