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
    bool ranks_by(const OwnQuery &query) const noexcept { return begun_ && rank_ && search_ && *rank_ == query; }
    double score_of_document(Datum document) const;
    double current_score() const noexcept { return current_; }
    uint64 moved_at() const noexcept { return moved_at_; } // a clock of the session's scans
    static const std::vector<RankedScan *> &running();

  private:
    void begin();
    bool begin_phase(unsigned phase);
    bool fill();

    IndexScanDesc const descriptor_;
    const Oid index_, table_;
    std::vector<OwnQuery> required_;
    std::optional<OwnQuery> rank_;
    bool begun_ = false, nothing_ = false, exhausted_ = false;
    unsigned phase_ = 0;
    std::unique_ptr<Question> question_, rank_question_;
    std::unique_ptr<Search> search_, phase_search_;
    std::vector<engine::Hit> batch_;
    size_t at_ = 0, batch_size_ = 0;
    std::optional<engine::Hit> last_;
    double current_ = 0;
    uint64 moved_at_ = 0;
};

IndexScanDesc begin_scan(Relation index, int keys, int orderbys);
void rescan(IndexScanDesc descriptor, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count);
bool get_tuple(IndexScanDesc descriptor, ScanDirection direction);
int64 get_bitmap(IndexScanDesc descriptor, TIDBitmap *bitmap);
void end_scan(IndexScanDesc descriptor);

} // namespace ticketflow::pg::search
