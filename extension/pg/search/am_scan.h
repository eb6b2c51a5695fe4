// A running index scan, and the list of those of this session: the operator <@> in a SELECT list finds its numbers there.
#pragma once

#include "pg/search/am_search.h"

extern "C" {
#include <access/relscan.h>
}

namespace ticketflow::pg::search {

class RankedScan {
  public:
    explicit RankedScan(IndexScanDesc descriptor);
    ~RankedScan();
    RankedScan(const RankedScan &) = delete;
    RankedScan &operator=(const RankedScan &) = delete;

    void restart();
    bool next();
    int64 all_into(TIDBitmap *bitmap);

    Oid index() const noexcept { return index_; }
    Oid table() const noexcept { return table_; }
    // Whether it ranks by this query and has begun.
    bool ranks_by(Datum query) const { return begun_ && rank_ && search_ && rank_->equals(query); }
    // Whether this is the document in the row that it returned last: the very bytes, in the table's page.
    bool has_returned(Datum document) const;
    double score_of_document(Datum document) const;
    double current_score() const noexcept { return current_; } // the value of <@>
    uint64 moved_at() const noexcept { return moved_at_; }     // a clock of the session's scans
    static const std::vector<RankedScan *> &running();

  private:
    // What is returned one after the other. `rest` are the rows that a ranking without condition does not match: whoever
    // asks for an order only wants all rows, whatever the plan.
    enum class Phase { ranked, unranked, rest, end };

    void begin();
    bool begin_phase(Phase phase);
    bool begin_search(bool ranked);
    void begin_rest();
    bool fill();
    bool next_place();
    bool is_visible();
    void give_index_tuple();

    IndexScanDesc const descriptor_;
    const Oid index_, table_;
    MemoryContext const context_;
    IndexTuple empty_ = nullptr; // for index-only scans that need no column
    std::vector<OwnQuery> required_;
    std::optional<OwnQuery> rank_; // none where the query to rank by is NULL
    bool begun_ = false, nothing_ = false, exhausted_ = false;
    Phase phase_ = Phase::ranked;
    std::unique_ptr<Question> question_, unranked_question_;
    std::unique_ptr<Search> search_, unranked_search_;
    std::vector<engine::Hit> batch_;
    std::vector<engine::Tid> given_; // by a ranking without condition
    size_t at_ = 0, batch_size_ = 0, nulls_from_ = SIZE_MAX;
    std::optional<engine::Hit> last_;
    double current_ = 0;
    uint64 moved_at_ = 0;
};

// How many rows the query that is being planned wants of the index, if it says; only a guess how much to compute at once.
void note_limit(Oid index, double rows);

IndexScanDesc begin_scan(Relation index, int keys, int orderbys);
void rescan(IndexScanDesc descriptor, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count);
bool get_tuple(IndexScanDesc descriptor, ScanDirection direction);
int64 get_bitmap(IndexScanDesc descriptor, TIDBitmap *bitmap);
void end_scan(IndexScanDesc descriptor);

} // namespace ticketflow::pg::search
