#include "core/search/engine.h"

namespace ticketflow::core::search {

namespace {

// Scores of so many occurrences are kept by length; more are rare.
constexpr unsigned kKnownOccurrences = 4;
constexpr Score kUnknown = UINT64_MAX;
// Shorter lists do not repay the memory.
constexpr uint32_t kWorthKnowing = 512;
// In place of a document: a hit of another segment. It comes after all documents with the same score, so that it never
// displaces one that its place may put first.
constexpr Tid kElsewhere = UINT64_MAX;

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
    : segment_(segment), query_(query), model_(model), result_(top), top_(top.size(), {}), judge_(judge), pause_(pause),
      by_slot_(query.slots.size()), present_(query.slots.size()), open_(query.gate.open()) {
    if (top.size() != SIZE_MAX)
        for (const Hit &hit : top.hits())
            top_.offer(hit.score, kElsewhere);
    for (unsigned field = 0; field < kFields; ++field)
        tables_[field] = model.table(field);
    lanes_.reserve(query.slots.size());
    for (unsigned slot = 0; slot < query.slots.size(); ++slot)
        if (terms[slot].postings > 0)
            add_lane(slot, terms[slot]);
    std::sort(union_.begin(), union_.end(), [](const Lane *a, const Lane *b) { return a->bound < b->bound; });
    Score sum = 0;
    for (const Lane *lane : union_)
        prefix_.push_back(sum += lane->bound);
}

void SegmentSearch::add_lane(unsigned slot, SlotTerms &terms) {
    const Slot &asked = query_.slots[slot];
    if (segment_.stripped() && asked.fields != kAllFields)
        open_ = false; // a label on a word without positions: the judge decides
    std::unique_ptr<PostingCursor> cursor = asked.prefix ? std::make_unique<PostingCursor>(segment_, terms.together)
                                                         : std::make_unique<PostingCursor>(segment_, terms.terms[0]);
    Lane &lane = lanes_.emplace_back(Lane{slot, asked.fields, model_.factor(slot), std::move(cursor), &terms});
    lane.bounds.reserve(lane.cursor->blocks());
    for (uint32_t block = 0; block < lane.cursor->blocks(); ++block) {
        // One more, so that 0 says that there is no posting at all.
        lane.bounds.push_back(model_.bound(lane.factor, lane.fields, segment_.fields(), lane.cursor->ingredients(block)) + 1);
        lane.bound = std::max(lane.bound, lane.bounds.back());
    }
    if (terms.postings >= kWorthKnowing)
        for (unsigned field = 0; field < kFields; ++field)
            if (segment_.fields() & lane.fields & 1 << field) {
                lane.known[field] = std::make_unique_for_overwrite<Score[]>(kKnownOccurrences * 256);
                std::fill_n(lane.known[field].get(), kKnownOccurrences * 256, kUnknown);
            }
    by_slot_[slot] = &lane;
    if (asked.positive)
        union_.push_back(&lane);
}

// The score of a posting whose word occurs in one field only.
inline Score SegmentSearch::score_of_one(Lane &lane, unsigned field, uint8_t occurrences, uint8_t length) {
    const unsigned row = occurrences - 1u;
    if (row >= kKnownOccurrences || !lane.known[field])
        return model_.saturate(lane.factor, occurrences * tables_[field][length]);
    Score &known = lane.known[field][row * 256 + length];
    if (known == kUnknown)
        known = model_.saturate(lane.factor, occurrences * tables_[field][length]);
    return known;
}

// The score of one posting of the loaded block.
Score SegmentSearch::score_at(Lane &lane, uint32_t index) {
    PostingCursor &cursor = *lane.cursor;
    const FieldMask fields = cursor.block_fields() & lane.fields;
    double x = 0;
    unsigned found = 0, last = 0;
    for (unsigned left = fields; left != 0; left &= left - 1) {
        const auto field = static_cast<unsigned>(std::countr_zero(left));
        const uint8_t occurrences = cursor.occurrences(field)[index];
        if (occurrences == 0)
            continue;
        ++found;
        last = field;
        x += occurrences * tables_[field][cursor.lengths(field)[index]];
    }
    return found == 1 ? score_of_one(lane, last, cursor.occurrences(last)[index], cursor.lengths(last)[index])
                      : model_.saturate(lane.factor, x);
}

// The scores of postings [from, to) of the loaded block, by index; valid until the next call.
const Score *SegmentSearch::scores_of(Lane &lane, uint32_t from, uint32_t to) {
    PostingCursor &cursor = *lane.cursor;
    const FieldMask fields = cursor.block_fields();
    const auto field = static_cast<unsigned>(std::countr_zero(fields));
    if (!std::has_single_bit(fields) || !(fields & lane.fields) || !lane.known[field]) {
        for (uint32_t i = from; i < to; ++i)
            block_scores_[i] = score_at(lane, i);
        return block_scores_.data();
    }
    const uint8_t *const occurrences = cursor.occurrences(field), *const lengths = cursor.lengths(field);
    const Score *const known = lane.known[field].get();
    for (uint32_t i = from; i < to; ++i) {
        const unsigned row = occurrences[i] - 1u;
        Score score = row < kKnownOccurrences ? known[row * 256 + lengths[i]] : kUnknown;
        if (score == kUnknown)
            score = score_of_one(lane, field, occurrences[i], lengths[i]);
        block_scores_[i] = score;
    }
    return block_scores_.data();
}

// Whether the word is in a field that was asked for.
bool SegmentSearch::counts(const Lane &lane, uint32_t index) {
    if (lane.fields == kAllFields)
        return true;
    for (unsigned field = 0; field < kFields; ++field)
        if (lane.cursor->block_fields() & lane.fields & 1 << field && lane.cursor->occurrences(field)[index] > 0)
            return true;
    return false;
}

inline Score SegmentSearch::score_here(Lane &lane, uint32_t document) {
    lane.cursor->seek(document);
    return lane.cursor->document() == document && lane.factor > 0 ? score_at(lane, lane.cursor->index()) : 0;
}

void SegmentSearch::run() {
    walk();
    deliver();
}

void SegmentSearch::deliver() {
    for (const Hit &hit : top_.take_in_order_of_place())
        if (hit.place != kElsewhere)
            result_.offer(hit.score, segment_.place(static_cast<uint32_t>(hit.place)));
}

void SegmentSearch::walk() {
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

bool SegmentSearch::comes_after(uint32_t document, Score score) {
    const std::optional<Hit> &after = result_.after();
    return !after || score < after->score || (score == after->score && segment_.place(document) > after->place);
}

void SegmentSearch::consider(uint32_t document, Score score) {
    if (top_.wants(score) && comes_after(document, score) && !segment_.dead(document) && passes(document))
        top_.offer(score, document);
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
        if (block < lead.block() || required[0]->bounds[block] + rest < top_.threshold())
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
        if (lane.bounds[block] < top_.threshold())
            continue;
        if (block != cursor.block())
            cursor.load_block(block);
        const Score *const scores = scores_of(lane, 0, cursor.count());
        for (uint32_t i = 0; i < cursor.count(); ++i)
            if (top_.wants(scores[i]) && counts(lane, i))
                consider(cursor.documents()[i], scores[i]);
    }
}

// ---- some of several words, and more to check: one document at a time

size_t SegmentSearch::first_essential() const {
    const Score threshold = top_.threshold();
    size_t first = 0;
    while (first < union_.size() && prefix_[first] < threshold)
        ++first;
    return first;
}

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
