// One search over an index as it stood at one moment: its segments, its pending list, and the statistics of all of them.
#pragma once

#include "core/search/pending.h"
#include "pg/search/am_query.h"
#include "pg/search/am_segments.h"

namespace ticketflow::pg::search {

class Search {
  public:
    // `question` must outlive the search. Without `results` only statistics are collected.
    Search(Relation index, const Question &question, bool results);
    ~Search();
    Search(const Search &) = delete;

    const engine::Statistics &statistics() const noexcept { return statistics_; }
    const engine::Model &model() const noexcept { return *model_; }
    // The k best matches after the given one.
    std::vector<engine::Hit> best(size_t k, std::optional<engine::Hit> after);

  private:
    void read_pending(Relation index, const Meta &meta);
    void add_segment(Relation index, const SegmentEntry &entry);
    void give_segments_back() noexcept;

    const Question &question_;
    engine::Statistics statistics_;
    std::vector<std::unique_ptr<OpenSegment>> segments_;
    std::vector<std::vector<engine::SlotTerms>> terms_; // a segment, a slot
    std::optional<engine::PendingSearch> pending_;
    std::optional<engine::Model> model_;
    PhraseJudge judge_;
};

// Only the counts: how many documents, and how many have each word of the query.
engine::Statistics statistics_of(Relation index, const engine::Query &query);

// A tsquery of our own, valid as long as the object.
class OwnQuery {
  public:
    explicit OwnQuery(Datum value);
    TSQuery get() const noexcept { return reinterpret_cast<TSQuery>(const_cast<uint64 *>(bytes_.data())); }
    bool equals(Datum value) const;
    bool operator==(const OwnQuery &other) const noexcept { return bytes_ == other.bytes_; }

  private:
    std::vector<uint64> bytes_;
};

// What a document scores, computed from the document itself with a search's numbers: 0 unless it matches.
double score_of(Datum document, TSQuery query, const Question &question, const engine::Model &model);

// The operator's value, ascending as scores descend; never minus zero.
inline double distance_of(double score) noexcept { return score > 0 ? -score : 0; }

// Rows of an index in order of place: those with a document, and those whose document is NULL.
struct AllRows {
    std::vector<engine::Tid> documents, nulls;
};
AllRows all_rows(Relation index);

} // namespace ticketflow::pg::search
