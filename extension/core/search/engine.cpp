#include "core/search/engine.h"

#include <utility>


namespace ticketflow::core::search {

namespace {
constexpr uint32_t kWindow = 4096;

// Several lists as one: occurrences in the same document are added up.
void unite(std::vector<Posting> &postings) {
    std::sort(postings.begin(), postings.end(), [](const Posting &a, const Posting &b) { return a.document < b.document; });
    size_t kept = 0;
    for (size_t i = 0; i < postings.size(); ++i) {
        if (kept > 0 && postings[kept - 1].document == postings[i].document) {
            for (unsigned field = 0; field < kFields; ++field)
                postings[kept - 1].frequencies[field] =
                    static_cast<uint8_t>(std::min(255, postings[kept - 1].frequencies[field] + postings[i].frequencies[field]));
        } else {
            postings[kept++] = postings[i];
        }
    }
    postings.resize(kept);
}
} // namespace

SlotTerms resolve(SegmentReader &segment, const Slot &slot, const std::function<void()> &pause) {
    SlotTerms result;
    if (!slot.prefix) {
        Term term;
        if (segment.find(slot.lexeme, term)) {
            result.terms.push_back(term);
            result.postings = term.postings;
        }
        return result;
    }
    DictionaryCursor words(segment);
    for (words.seek(slot.lexeme); words.valid() && words.word().starts_with(slot.lexeme); words.next()) {
        result.terms.push_back(words.term());
        PostingCursor cursor(segment, words.term());
        for (pause(); cursor.document() != kNoDocument; cursor.next())
            result.together.push_back({cursor.document(), cursor.frequencies()});
    }
    unite(result.together);
    result.postings = static_cast<uint32_t>(result.together.size());
    return result;
}

SegmentSearch::SegmentSearch(SegmentReader &segment, const Query &query, const Model &model, std::vector<SlotTerms> &terms,
                             TopK &top, Judge *judge, const std::function<void()> &pause)
    : segment_(segment), query_(query), model_(model), top_(top), judge_(judge), pause_(pause),
      by_slot_(query.slots.size()), present_(query.slots.size()), open_(query.gate.open()) {
    uint8_t place = 0;
    for (unsigned field = 0; field < kFields; ++field) {
        tables_[field] = model.table(field);
        places_[field] = place;
        place = static_cast<uint8_t>(place + (segment.fields() >> field & 1));
    }
    lanes_.reserve(query.slots.size());
    for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
        if (terms[slot].postings == 0)
            continue;
        if (segment.stripped() && query.slots[slot].fields != kAllFields)
            open_ = false; // a label on a word without positions: the judge decides
        std::unique_ptr<PostingCursor> cursor =
            query.slots[slot].prefix ? std::make_unique<PostingCursor>(segment, terms[slot].together)
                                     : std::make_unique<PostingCursor>(segment, terms[slot].terms[0]);
        lanes_.push_back({slot, query.slots[slot].fields, model.factor(slot), 0, std::move(cursor), &terms[slot]});
        Lane &lane = lanes_.back();
        for (uint32_t block = 0; block < lane.cursor->blocks(); ++block)
            lane.bound = std::max(lane.bound, block_bound(lane, block));
        by_slot_[slot] = &lane;
        if (query.slots[slot].positive)
            union_.push_back(&lane);
    }
    std::sort(union_.begin(), union_.end(), [](const Lane *a, const Lane *b) { return a->bound < b->bound; });
    Score sum = 0;
    for (const Lane *lane : union_)
        prefix_.push_back(sum += lane->bound);
}

Score SegmentSearch::block_bound(const Lane &lane, uint32_t block) const {
    return model_.bound(lane.factor, lane.fields, segment_.fields(), lane.cursor->ingredients(block));
}

// The score of one posting of the loaded block.
inline Score SegmentSearch::score_at(const Lane &lane, uint32_t index) {
    const PostingCursor &cursor = *lane.cursor;
    const uint8_t *const lengths = segment_.lengths(cursor.documents()[index]);
    const FieldMask fields = cursor.block_fields() & lane.fields;
    if (fields == segment_.fields() && std::has_single_bit(fields)) { // the common case, without the loop
        const auto field = static_cast<unsigned>(std::countr_zero(fields));
        return model_.saturate(lane.factor, cursor.frequencies(field)[index] * tables_[field][*lengths]);
    }
    double x = 0;
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(fields >> field & 1))
            continue;
        const uint32_t frequency = cursor.frequencies(field)[index];
        if (frequency > 0)
            x += frequency * tables_[field][lengths[places_[field]]];
    }
    return model_.saturate(lane.factor, x);
}

inline Score SegmentSearch::score_here(Lane &lane, uint32_t document) {
    lane.cursor->seek(document);
    return lane.cursor->document() == document && lane.factor > 0 ? score_at(lane, lane.cursor->index()) : 0;
}

void SegmentSearch::run() {
    for (const unsigned slot : query_.gate.required())
        if (!by_slot_[slot])
            return;
    if (!query_.gate.coverable())
        walk_all();
    else if (union_.empty())
        return;
    else if (!query_.gate.required().empty() && !(open_ && union_.size() == 1))
        walk_required();
    else if (!open_)
        walk_union();
    else if (union_.size() == 1)
        walk_one(*union_[0]);
    else
        walk_windows();
}

// ---- deciding about one document

bool SegmentSearch::passes(uint32_t document) {
    if (open_)
        return true;
    std::fill(present_.begin(), present_.end(), Truth::no);
    for (Lane &lane : lanes_) {
        lane.cursor->seek(document);
        if (lane.cursor->document() != document)
            continue;
        const bool counted = lane.fields == kAllFields || fields_of(lane.cursor->frequencies()) & lane.fields;
        present_[lane.slot] = segment_.stripped() && lane.fields != kAllFields ? Truth::maybe
                              : counted                                        ? Truth::yes
                                                                               : Truth::no;
    }
    const Truth truth = query_.gate.evaluate(present_);
    if (truth != Truth::maybe)
        return truth == Truth::yes;
    judged_ = document;
    return judge_ && judge_->matches(*this);
}

void SegmentSearch::occurrences(unsigned slot, std::vector<Occurrence> &found) {
    found.clear();
    Lane *const lane = by_slot_[slot];
    if (!lane)
        return;
    if (!query_.slots[slot].prefix) {
        lane->cursor->seek(judged_);
        if (lane->cursor->document() == judged_)
            found.push_back({lane->cursor->frequencies(), std::string(lane->cursor->positions())});
        return;
    }
    if (lane->parts.empty())
        for (const Term &term : lane->terms->terms)
            lane->parts.push_back(std::make_unique<PostingCursor>(segment_, term));
    for (const auto &part : lane->parts) {
        part->seek(judged_);
        if (part->document() == judged_)
            found.push_back({part->frequencies(), std::string(part->positions())});
    }
}

inline void SegmentSearch::consider(uint32_t document, Score score) {
    if (top_.wants(score) && !segment_.dead(document) && passes(document))
        top_.offer(score, segment_.place(document));
}

// With no score known yet: adds up what every lane gives.
void SegmentSearch::consider_with(uint32_t document) {
    Score score = 0;
    for (Lane &lane : lanes_)
        if (lane.factor > 0)
            score += score_here(lane, document);
    consider(document, score);
}

// ---- every match has certain words

void SegmentSearch::walk_required() {
    std::vector<Lane *> required, optional;
    for (const unsigned slot : query_.gate.required())
        required.push_back(by_slot_[slot]);
    std::sort(required.begin(), required.end(),
              [](const Lane *a, const Lane *b) { return a->cursor->postings() < b->cursor->postings(); });
    Score rest = 0;
    for (Lane &lane : lanes_) {
        if (std::find(required.begin(), required.end(), &lane) == required.end() && lane.factor > 0)
            optional.push_back(&lane);
        if (&lane != required[0])
            rest += lane.bound;
    }
    PostingCursor &lead = *required[0]->cursor;
    for (uint32_t block = 0; block < lead.blocks(); ++block) {
        if (block % 16 == 0)
            pause_();
        if (block < lead.block() || block_bound(*required[0], block) + rest < top_.threshold())
            continue;
        if (block != lead.block())
            lead.load_block(block);
        walk_required_block(required, optional, rest);
        if (lead.document() == kNoDocument && lead.block() >= lead.blocks())
            return;
        block = lead.block() > block ? lead.block() - 1 : block;
    }
}

// The lead's block from where it stands; leaves it at the next block, or further on when another list said so.
void SegmentSearch::walk_required_block(std::vector<Lane *> &required, const std::vector<Lane *> &optional, Score rest) {
    PostingCursor &lead = *required[0]->cursor;
    const uint32_t block = lead.block();
    while (lead.block() == block && lead.document() != kNoDocument) {
        const uint32_t document = lead.document();
        Score score = required[0]->factor > 0 ? score_at(*required[0], lead.index()) : 0;
        uint32_t target = document;
        if (score + rest >= top_.threshold()) {
            Score open = rest;
            for (size_t i = 1; i < required.size() && target == document; ++i) {
                Lane &lane = *required[i];
                lane.cursor->seek(document);
                target = lane.cursor->document();
                if (target != document)
                    break;
                open -= lane.bound;
                if (lane.factor > 0)
                    score += score_at(lane, lane.cursor->index());
                if (score + open < top_.threshold()) {
                    target = document + 1;
                    break;
                }
            }
            if (target == document) {
                for (Lane *lane : optional)
                    score += score_here(*lane, document);
                consider(document, score);
            }
        }
        if (target == kNoDocument)
            return lead.load_block(lead.blocks());
        if (target > document + 1)
            lead.seek(target);
        else
            lead.next();
    }
}

// ---- one word

void SegmentSearch::walk_one(Lane &lane) {
    PostingCursor &cursor = *lane.cursor;
    for (uint32_t block = 0; block < cursor.blocks(); ++block) {
        if (block % 16 == 0)
            pause_();
        if (block_bound(lane, block) < top_.threshold())
            continue;
        if (block != cursor.block())
            cursor.load_block(block);
        for (uint32_t i = 0; i < cursor.count(); ++i) {
            const Score score = score_at(lane, i);
            if (!top_.wants(score))
                continue;
            cursor.skip_in_block(i);
            if (lane.fields != kAllFields && !(fields_of(cursor.frequencies()) & lane.fields))
                continue;
            consider(cursor.documents()[i], score);
        }
    }
}

// ---- some of several words, nothing else to check: windows of documents

size_t SegmentSearch::first_essential() const {
    const Score threshold = top_.threshold();
    size_t first = 0;
    while (first < union_.size() && prefix_[first] < threshold)
        ++first;
    return first;
}

// Where one list is left that can lift a document into the result, its blocks decide.
void SegmentSearch::skip_weak_blocks(Lane &lane, Score others) {
    PostingCursor &cursor = *lane.cursor;
    uint32_t block = cursor.block();
    while (block < cursor.blocks() && block_bound(lane, block) + others < top_.threshold())
        ++block;
    if (block != cursor.block())
        cursor.load_block(block);
}

void SegmentSearch::walk_windows() {
    window_.assign(kWindow, 0);
    touched_.assign(kWindow / 64, 0);
    for (;;) {
        pause_();
        const size_t essential = first_essential();
        uint32_t first = kNoDocument;
        for (size_t i = essential; i < union_.size(); ++i) {
            Lane &lane = *union_[i];
            PostingCursor &cursor = *lane.cursor;
            if (i + 1 == union_.size() && i == essential && cursor.index() == 0)
                skip_weak_blocks(lane, i > 0 ? prefix_[i - 1] : 0);
            first = std::min(first, cursor.document());
        }
        if (first == kNoDocument)
            return;
        first &= ~63u;
        const uint32_t end = first > kNoDocument - kWindow ? kNoDocument : first + kWindow;
        for (size_t i = essential; i < union_.size(); ++i)
            fill_window(*union_[i], first, end);
        settle_window(essential, first, end);
    }
}

void SegmentSearch::fill_window(Lane &lane, uint32_t first, uint32_t end) {
    PostingCursor &cursor = *lane.cursor;
    const bool restricted = lane.fields != kAllFields;
    while (cursor.document() < end) {
        uint32_t i = cursor.index();
        const uint32_t count = cursor.count();
        const uint32_t *const documents = cursor.documents();
        for (; i < count && documents[i] < end; ++i) {
            const uint32_t at = documents[i] - first;
            if (restricted) {
                cursor.skip_in_block(i);
                if (!(fields_of(cursor.frequencies()) & lane.fields))
                    continue;
            }
            window_[at] += score_at(lane, i);
            touched_[at / 64] |= uint64_t{1} << (at % 64);
        }
        cursor.skip_in_block(i);
        if (i == count)
            cursor.load_block(cursor.block() + 1);
    }
}

// The window's documents that may still reach the result meet the words that were only to be looked up, the strongest
// first: each looked up one by one, or, where that would be most of the list, by walking the list once.
void SegmentSearch::settle_window(size_t essential, uint32_t first, uint32_t end) {
    candidates_.clear();
    for (uint32_t word = 0; word < kWindow / 64; ++word) {
        for (uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1)
            candidates_.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
        touched_[word] = 0;
    }
    scores_.resize(candidates_.size());
    for (size_t c = 0; c < candidates_.size(); ++c)
        scores_[c] = std::exchange(window_[candidates_[c]], 0);
    for (size_t i = essential; i-- > 0;) {
        const Score threshold = top_.threshold(), others = prefix_[i];
        size_t kept = 0;
        for (size_t c = 0; c < candidates_.size(); ++c) {
            candidates_[kept] = candidates_[c];
            scores_[kept] = scores_[c];
            kept += scores_[c] + others >= threshold;
        }
        candidates_.resize(kept);
        scores_.resize(kept);
        if (kept == 0)
            return;
        add_to_candidates(*union_[i], first, end);
    }
    for (size_t c = 0; c < candidates_.size(); ++c)
        consider(first + candidates_[c], scores_[c]);
}

void SegmentSearch::add_to_candidates(Lane &lane, uint32_t first, uint32_t end) {
    PostingCursor &cursor = *lane.cursor;
    const uint64_t in_window = uint64_t{cursor.postings()} * kWindow / std::max(segment_.documents(), 1u);
    if (candidates_.size() * 4 < in_window) {
        for (size_t c = 0; c < candidates_.size(); ++c)
            scores_[c] += score_here(lane, first + candidates_[c]);
        return;
    }
    cursor.seek(first + candidates_[0]);
    for (size_t c = 0; c < candidates_.size() && cursor.document() < end;) {
        const uint32_t document = first + candidates_[c];
        if (cursor.document() < document) {
            cursor.next();
            continue;
        }
        if (cursor.document() == document)
            scores_[c] += score_at(lane, cursor.index());
        ++c;
    }
}

// ---- some of several words, and more to check: one document at a time

void SegmentSearch::walk_union() {
    for (uint32_t done = 0;; ++done) {
        if (done % 1024 == 0)
            pause_();
        const size_t essential = first_essential();
        uint32_t document = kNoDocument;
        for (size_t i = essential; i < union_.size(); ++i)
            document = std::min(document, union_[i]->cursor->document());
        if (document == kNoDocument)
            return;
        consider_with(document);
        for (size_t i = essential; i < union_.size(); ++i)
            if (union_[i]->cursor->document() == document)
                union_[i]->cursor->next();
    }
}

// ---- any document

void SegmentSearch::walk_all() {
    for (uint32_t document = 0; document < segment_.documents(); ++document) {
        if (document % 1024 == 0)
            pause_();
        consider_with(document);
    }
}

} // namespace ticketflow::core::search
