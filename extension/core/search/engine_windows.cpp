// Queries that any of several words answers: the segment is searched window by window. In each, words whose bounds do not
// add up to a place in the result are only looked up, for documents that other words bring in; and where all bounds together
// do not, nothing is read (MaxScore with the bounds of blocks).
#include "core/search/engine.h"

#include <utility>

namespace ticketflow::core::search {

namespace {
constexpr uint32_t kNarrow = 4096, kWide = 16384;
// With fewer postings in a narrow window than this, a wide one is taken and only what was touched is looked at.
constexpr uint64_t kFew = 256;

// The first posting of the loaded block, from where the cursor stands, that is not before `end`.
uint32_t before(const PostingCursor &cursor, uint32_t end) {
    const uint32_t *const documents = cursor.documents();
    return static_cast<uint32_t>(std::lower_bound(documents + cursor.index(), documents + cursor.count(), end) - documents);
}
} // namespace

// A document not below `from` that no earlier one of the list precedes: exact in the block that is loaded, else its least.
uint32_t SegmentSearch::next_document(Lane &lane, uint32_t from) {
    PostingCursor &cursor = *lane.cursor;
    const uint32_t blocks = cursor.blocks();
    while (lane.block < blocks && cursor.last_of(lane.block) < from)
        ++lane.block;
    if (lane.block >= blocks)
        return kNoDocument;
    if (cursor.block() == lane.block) {
        cursor.seek(from);
        return cursor.document();
    }
    return lane.block == 0 ? from : std::max(from, cursor.last_of(lane.block - 1) + 1);
}

Score SegmentSearch::window_bound(Lane &lane, uint32_t first, uint32_t end) {
    if (next_document(lane, first) >= end)
        return 0;
    const PostingCursor &cursor = *lane.cursor;
    Score most = 0;
    for (uint32_t block = lane.block; block < cursor.blocks(); ++block) {
        most = std::max(most, lane.bounds[block]);
        if (cursor.last_of(block) >= end - 1)
            break;
    }
    return most;
}

// Bounds all words in the window, the weakest first; false if no document in it can reach the result.
bool SegmentSearch::bound_window(uint32_t first, uint32_t end) {
    for (size_t i = 0; i < order_.size(); ++i) {
        WindowLane lane{order_[i].lane, window_bound(*order_[i].lane, first, end)};
        size_t at = i; // nearly in order, as in the window before
        for (; at > 0 && order_[at - 1].bound > lane.bound; --at)
            order_[at] = order_[at - 1];
        order_[at] = lane;
    }
    Score sum = 0;
    for (size_t i = 0; i < order_.size(); ++i)
        sums_[i] = sum += order_[i].bound;
    return sum > 0 && sum >= top_.threshold();
}

void SegmentSearch::walk_windows() {
    window_.assign(kWide, 0);
    candidates_.resize(kWide);
    scores_.resize(kWide);
    touched_.assign(kWide / 64, 0);
    sums_.resize(union_.size());
    for (Lane *lane : union_)
        order_.push_back({lane, 0});
    for (uint32_t at = 0; at < segment_.documents();) {
        pause_();
        uint32_t first = kNoDocument;
        uint64_t postings = 0;
        for (size_t i = first_essential(); i < union_.size(); ++i) {
            first = std::min(first, next_document(*union_[i], at));
            postings += union_[i]->cursor->postings();
        }
        if (first == kNoDocument)
            return;
        const bool dense = postings * kNarrow >= kFew * segment_.documents();
        const uint32_t width = dense ? kNarrow : kWide;
        const uint32_t end = first > kNoDocument - width ? kNoDocument : first + width;
        if (bound_window(first, end))
            search_window(first, end, dense);
        at = end;
    }
}

void SegmentSearch::search_window(uint32_t first, uint32_t end, bool dense) {
    const Score threshold = top_.threshold();
    size_t essential = 0;
    while (sums_[essential] < threshold)
        ++essential;
    // A word without a posting here is not worth a look, nor is it essential while nothing is found.
    while (order_[essential].bound == 0)
        ++essential;
    const Score others = essential > 0 ? sums_[essential - 1] : 0;
    if (essential + 1 == order_.size()) {
        take_candidates(*order_[essential].lane, first, end, others);
    } else {
        const Score bar = threshold > others ? threshold - others : 0;
        for (size_t i = essential; i < order_.size(); ++i)
            dense ? fill_window<true>(order_[i], first, end, bar) : fill_window<false>(order_[i], first, end, bar);
        dense ? collect_touched<true>(end - first, bar) : collect_touched<false>(end - first, bar);
    }
    settle_window(essential, first, end);
}

// One list is left that can lift a document into the result: its postings are judged as they come.
void SegmentSearch::take_candidates(Lane &lane, uint32_t first, uint32_t end, Score others) {
    PostingCursor &cursor = *lane.cursor;
    const Score threshold = top_.threshold(), bar = threshold > others ? threshold - others : 0;
    const bool restricted = lane.fields != kAllFields;
    size_t found = 0;
    for (uint32_t block = lane.block; block < cursor.blocks(); ++block) {
        if (lane.bounds[block] >= bar) {
            if (block != cursor.block())
                cursor.load_block(block);
            cursor.seek(first);
            if (cursor.block() != block)
                continue;
            const uint32_t from = cursor.index(), to = before(cursor, end);
            const Score *const scores = scores_of(lane, from, to);
            const uint32_t *const documents = cursor.documents();
            for (uint32_t i = from; i < to; ++i) {
                candidates_[found] = documents[i] - first;
                scores_[found] = scores[i];
                found += scores[i] >= bar && (!restricted || counts(lane, i));
            }
            cursor.skip_in_block(to);
        }
        if (cursor.last_of(block) >= end - 1)
            break;
    }
    count_ = found;
}

// Adds a list's scores to the window. Dense: only documents that reach the bar are marked, and all is wiped afterwards.
template <bool Dense> void SegmentSearch::fill_window(const WindowLane &window_lane, uint32_t first, uint32_t end, Score bar) {
    Lane &lane = *window_lane.lane;
    PostingCursor &cursor = *lane.cursor;
    const Score threshold = top_.threshold(), others = sums_.back() - window_lane.bound;
    const bool restricted = lane.fields != kAllFields;
    for (uint32_t block = lane.block; block < cursor.blocks(); ++block) {
        // A document of this block does not reach the result, whatever the other words give it.
        if (lane.bounds[block] + others >= threshold) {
            if (block != cursor.block())
                cursor.load_block(block);
            cursor.seek(first);
            if (cursor.block() != block)
                continue;
            const uint32_t *const documents = cursor.documents();
            const uint32_t from = cursor.index(), to = before(cursor, end);
            const Score *const scores = scores_of(lane, from, to);
            for (uint32_t i = from; i < to; ++i) {
                if (restricted && !counts(lane, i))
                    continue;
                const uint32_t at = documents[i] - first;
                const Score score = window_[at] += scores[i];
                if (!Dense || score >= bar)
                    touched_[at / 64] |= uint64_t{1} << (at % 64);
            }
            cursor.skip_in_block(to);
        }
        if (cursor.last_of(block) >= end - 1)
            return;
    }
}

// The documents of the window that reach the bar become candidates; without branches, because nothing foretells which do.
template <bool Dense> void SegmentSearch::collect_touched(uint32_t size, Score bar) {
    Score *const window = window_.data(), *const scores = scores_.data();
    uint32_t *const candidates = candidates_.data();
    size_t found = 0;
    for (uint32_t word = 0; word < (size + 63) / 64; ++word) {
        for (uint64_t bits = std::exchange(touched_[word], 0); bits != 0; bits &= bits - 1) {
            const uint32_t at = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
            candidates[found] = at;
            scores[found] = window[at];
            found += window[at] >= bar;
            if (!Dense)
                window[at] = 0;
        }
    }
    count_ = found;
    if (Dense)
        std::fill_n(window, size, 0);
}

// The window's documents that may still reach the result meet the words that were only to be looked up, the strongest first.
void SegmentSearch::settle_window(size_t essential, uint32_t first, uint32_t end) {
    const Score threshold = top_.threshold();
    for (size_t i = essential; i-- > 0 && order_[i].bound > 0 && count_ > 0;) {
        add_to_candidates(*order_[i].lane, first, end);
        const Score others = i > 0 ? sums_[i - 1] : 0;
        size_t kept = 0;
        for (size_t c = 0; c < count_; ++c) {
            candidates_[kept] = candidates_[c];
            scores_[kept] = scores_[c];
            kept += scores_[c] + others >= threshold;
        }
        count_ = kept;
    }
    for (size_t c = 0; c < count_; ++c)
        consider(first + candidates_[c], scores_[c]);
}

// Each candidate looked up one by one, or, where that would be most of the list, by walking the list once.
void SegmentSearch::add_to_candidates(Lane &lane, uint32_t first, uint32_t end) {
    PostingCursor &cursor = *lane.cursor;
    const uint64_t in_window = uint64_t{cursor.postings()} * (end - first) / std::max(segment_.documents(), 1u);
    if (count_ * 8 < in_window) {
        for (size_t c = 0; c < count_; ++c) {
            const uint32_t document = first + candidates_[c];
            cursor.seek(document);
            if (cursor.document() == document)
                scores_[c] += score_at(lane, cursor.index());
        }
        return;
    }
    for (size_t c = 0; c < count_;) {
        cursor.seek(first + candidates_[c]);
        if (cursor.document() >= end)
            return;
        c = add_block_to_candidates(lane, first, c);
    }
}

// From the cursor's place to the end of its block: which of the candidates from `c` on are there. Returns the first one behind.
size_t SegmentSearch::add_block_to_candidates(Lane &lane, uint32_t first, size_t c) {
    PostingCursor &cursor = *lane.cursor;
    const uint32_t *const documents = cursor.documents(), *const candidates = candidates_.data();
    const uint32_t count = cursor.count();
    const size_t all = count_;
    uint32_t index[kBlock + 1], at = cursor.index();
    size_t candidate[kBlock + 1], met = 0;
    while (at < count && c < all) {
        const uint32_t here = documents[at], wanted = first + candidates[c];
        index[met] = at;
        candidate[met] = c;
        met += here == wanted;
        at += here <= wanted;
        c += wanted <= here;
    }
    cursor.skip_in_block(at);
    for (size_t i = 0; i < met; ++i)
        scores_[candidate[i]] += score_at(lane, index[i]);
    return c;
}

} // namespace ticketflow::core::search
