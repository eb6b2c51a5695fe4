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
    struct Lane {
        unsigned slot;
        FieldMask fields;
        double factor;
        Score bound = 0;
        std::unique_ptr<PostingCursor> cursor;
        const SlotTerms *terms;
        std::vector<std::unique_ptr<PostingCursor>> parts{}; // of a prefix, opened when positions are asked for
    };

    void walk_required();
    void walk_required_block(std::vector<Lane *> &required, const std::vector<Lane *> &optional, Score rest);
    void walk_one(Lane &lane);
    void walk_windows();
    void skip_weak_blocks(Lane &lane, Score others);
    void walk_union();
    void walk_all();
    size_t first_essential() const;
    void fill_window(Lane &lane, uint32_t first, uint32_t end);
    void settle_window(size_t essential, uint32_t first, uint32_t end);
    void add_to_candidates(Lane &lane, uint32_t first, uint32_t end);
    void consider(uint32_t document, Score score);
    void consider_with(uint32_t document);
    bool passes(uint32_t document);
    Score score_at(const Lane &lane, uint32_t index);
    Score block_bound(const Lane &lane, uint32_t block) const;
    Score score_here(Lane &lane, uint32_t document);
    void occurrences(unsigned slot, std::vector<Occurrence> &found) override;

    SegmentReader &segment_;
    const Query &query_;
    const Model &model_;
    TopK &top_;
    Judge *const judge_;
    const std::function<void()> &pause_;
    std::array<const double *, kFields> tables_{};
    std::array<uint8_t, kFields> places_{}; // of a field among the segment's length codes
    std::vector<Lane> lanes_;               // slots that occur in the segment
    std::vector<Lane *> by_slot_;           // or none
    std::vector<Lane *> union_;             // positive lanes, bound ascending
    std::vector<Score> prefix_;             // sums of their bounds
    std::vector<Truth> present_;
    std::vector<Score> window_;
    std::vector<uint64_t> touched_;
    std::vector<uint32_t> candidates_; // of a window, relative to its first document
    std::vector<Score> scores_;         // theirs
    uint32_t judged_ = kNoDocument;
    bool open_;
};

} // namespace ticketflow::core::search
