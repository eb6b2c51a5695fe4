// Searches one segment for the best documents. Three ways, by the shape of the query:
//   every match has certain words   walk the rarest of them, look the others up
//   every match has some word       walk the union; words that cannot lift a document into the result are only looked up
//   neither (say, !spam)            walk all documents
// In each way blocks that cannot reach the result are not read. The result is that of the exhaustive oracle, bit by bit.
#pragma once

#include "core/search/posting_cursor.h"
#include "core/search/top_k.h"

#include <functional>
#include <memory>

namespace ticketflow::core::search {

struct Occurrence {
    Frequencies frequencies;
    std::string positions; // as in Word
};

// A document under decision, for who must look at positions.
class Evidence {
  public:
    virtual ~Evidence() = default;
    // The slot's occurrences in the document: one entry, or one a word that begins with a prefix.
    virtual void occurrences(unsigned slot, std::vector<Occurrence> &found) = 0;
};

// Decides what words alone cannot: phrases, labels on words without positions.
class Judge {
  public:
    virtual ~Judge() = default;
    virtual bool matches(Evidence &evidence) = 0;
};

// The terms of one slot in one segment: one word, or those that begin with a prefix, and how many documents have any.
struct SlotTerms {
    std::vector<Term> terms;
    std::vector<Posting> together; // a prefix: the union of all its postings
    uint32_t postings = 0;
};
SlotTerms resolve(SegmentReader &segment, const Slot &slot, const std::function<void()> &pause);

class SegmentSearch final : private Evidence {
  public:
    SegmentSearch(SegmentReader &segment, const Query &query, const Model &model, std::vector<SlotTerms> &terms, TopK &top,
                  Judge *judge, const std::function<void()> &pause);
    void run();

  private:
    // A word's postings in the segment, on their way through it.
    struct Lane {
        unsigned slot;
        FieldMask fields;
        double factor;
        std::unique_ptr<PostingCursor> cursor;
        const SlotTerms *terms;
        Score bound = 0;             // of all postings
        std::vector<Score> bounds{}; // a block
        uint32_t block = 0;          // the first one that may hold a document of the window
        std::array<std::unique_ptr<Score[]>, kFields> known{}; // scores by occurrences and length, as far as computed
        std::vector<std::unique_ptr<PostingCursor>> parts{};   // of a prefix, opened when positions are asked for
    };
    struct WindowLane {
        Lane *lane;
        Score bound; // of the window's postings
    };

    void add_lane(unsigned slot, SlotTerms &terms);
    void walk();
    void deliver();
    bool comes_after(uint32_t document, Score score);
    void walk_required();
    void walk_required_block(std::vector<Lane *> &required, const std::vector<Lane *> &optional, Score rest);
    void walk_one(Lane &lane);
    void walk_union();
    void walk_all();
    size_t first_essential() const;
    void consider(uint32_t document, Score score);
    void consider_with(uint32_t document);
    bool passes(uint32_t document);
    Score score_at(Lane &lane, uint32_t index);
    const Score *scores_of(Lane &lane, uint32_t from, uint32_t to);
    static bool counts(const Lane &lane, uint32_t index);
    Score score_of_one(Lane &lane, unsigned field, uint8_t occurrences, uint8_t length);
    Score score_here(Lane &lane, uint32_t document);
    void occurrences(unsigned slot, std::vector<Occurrence> &found) override;

    // engine_windows.cpp
    void walk_windows();
    uint32_t next_document(Lane &lane, uint32_t from);
    Score window_bound(Lane &lane, uint32_t first, uint32_t end);
    bool bound_window(uint32_t first, uint32_t end);
    void search_window(uint32_t first, uint32_t end, bool dense);
    void take_candidates(Lane &lane, uint32_t first, uint32_t end, Score others);
    template <bool Dense> void fill_window(const WindowLane &lane, uint32_t first, uint32_t end, Score bar);
    template <bool Dense> void collect_touched(uint32_t size, Score bar);
    void settle_window(size_t essential, uint32_t first, uint32_t end);
    void add_to_candidates(Lane &lane, uint32_t first, uint32_t end);
    size_t add_block_to_candidates(Lane &lane, uint32_t first, size_t c);

    SegmentReader &segment_;
    const Query &query_;
    const Model &model_;
    TopK &result_;
    TopK top_; // by document in place of place: in a segment both are in the same order, and places cost a look at other pages
    Judge *const judge_;
    const std::function<void()> &pause_;
    std::array<const double *, kFields> tables_{};
    std::vector<Lane> lanes_;     // slots that occur in the segment
    std::vector<Lane *> by_slot_; // or none
    std::vector<Lane *> union_;   // positive lanes, bound ascending
    std::vector<Score> prefix_;   // sums of their bounds
    std::vector<Truth> present_;
    std::vector<WindowLane> order_; // the same, by their bounds in the window
    std::vector<Score> sums_;       // of those bounds
    std::vector<Score> window_;
    std::vector<uint64_t> touched_;
    std::vector<uint32_t> candidates_; // of a window, relative to its first document
    std::vector<Score> scores_;        // theirs
    size_t count_ = 0;                 // how many
    std::array<Score, kBlock> block_scores_;
    uint32_t judged_ = kNoDocument;
    bool open_;
};

} // namespace ticketflow::core::search
