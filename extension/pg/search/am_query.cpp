#include "pg/search/am_query.h"

#include <algorithm>

namespace ticketflow::pg::search {

using engine::Gate;

// tsquery is in prefix order with the right operand first, so from the end each operator finds its operands on a stack.
void Question::require(TSQuery query, bool ranks, bool negated) {
    if (query->size == 0) {
        impossible_ |= !negated; // an empty query matches nothing
        return;
    }
    Condition condition{query, negated, std::vector<unsigned>(static_cast<size_t>(query->size))};
    const QueryItem *const items = GETQUERY(query);
    const char *const text = GETOPERAND(query);
    std::vector<unsigned> stack;
    auto pop = [&stack] {
        if (stack.empty())
            throw core::Failure(core::Condition::data_corrupted, "malformed tsquery");
        const unsigned node = stack.back();
        stack.pop_back();
        return node;
    };
    for (int i = query->size; i-- > 0;) {
        if (items[i].type == QI_VALSTOP)
            throw core::Failure(core::Condition::feature_not_supported, "a tsquery with stop words cannot be searched");
        if (items[i].type == QI_VAL) {
            const QueryOperand &operand = items[i].qoperand;
            const engine::FieldMask fields = operand.weight ? operand.weight & engine::kAllFields : engine::kAllFields;
            const unsigned slot = query_.slot({text + operand.distance, operand.length}, operand.prefix, fields);
            condition.slots[static_cast<size_t>(i)] = slot;
            stack.push_back(query_.gate.word(slot));
            continue;
        }
        const unsigned right = pop();
        if (items[i].qoperator.oper == OP_NOT) {
            stack.push_back(query_.gate.negation(right));
            continue;
        }
        const unsigned left = pop();
        const Gate::Kind kind = items[i].qoperator.oper == OP_AND  ? Gate::Kind::all_of
                                : items[i].qoperator.oper == OP_OR ? Gate::Kind::any_of
                                                                   : Gate::Kind::phrase;
        stack.push_back(query_.gate.combine(kind, left, right));
    }
    const unsigned root = pop();
    if (ranks)
        count_words(items, query->size, condition);
    roots_.push_back(negated ? query_.gate.negation(root) : root);
    conditions_.push_back(std::move(condition));
}

// Words outside of every NOT count for the rank, as often as the query names them.
void Question::count_words(const QueryItem *items, int size, const Condition &condition) {
    std::vector<bool> under_not(static_cast<size_t>(size) + 1, false);
    for (int i = 0; i < size; ++i) {
        const auto at = static_cast<size_t>(i);
        if (items[i].type == QI_VAL) {
            if (!under_not[at])
                ++query_.slots[condition.slots[at]].count;
            continue;
        }
        const bool inner = under_not[at] || items[i].qoperator.oper == OP_NOT;
        under_not[at + 1] = inner;
        if (items[i].qoperator.oper != OP_NOT && i + static_cast<int>(items[i].qoperator.left) < size)
            under_not[at + items[i].qoperator.left] = inner;
    }
}

bool Question::finish() {
    if (impossible_ || roots_.empty())
        return false;
    unsigned root = roots_[0];
    for (size_t i = 1; i < roots_.size(); ++i)
        root = query_.gate.combine(Gate::Kind::all_of, root, roots_[i]);
    query_.gate.set_root(root);
    query_.finish();
    return true;
}

void PhraseJudge::gather(engine::Evidence &evidence, unsigned slot) {
    Positions &word = words_[slot];
    word.read = true;
    word.present = word.unknown = false;
    word.all.clear();
    evidence.occurrences(slot, found_);
    const engine::FieldMask wanted = question_.query().slots[slot].fields;
    for (const engine::Occurrence &occurrence : found_) {
        word.present = true;
        if (occurrence.positions.size() == 1 && occurrence.positions[0] == '\0') {
            word.unknown = true;
            continue;
        }
        engine::Reader reader(reinterpret_cast<const uint8_t *>(occurrence.positions.data()), occurrence.positions.size());
        for (unsigned field = 0; field < engine::kFields; ++field) {
            uint64_t position = 0;
            for (unsigned n = occurrence.frequencies[field]; n > 0; --n) {
                position += reader.varint();
                if (!(wanted >> field & 1))
                    continue;
                WordEntryPos packed = 0;
                WEP_SETPOS(packed, static_cast<WordEntryPos>(position));
                WEP_SETWEIGHT(packed, field);
                word.all.push_back(packed);
            }
        }
    }
    std::sort(word.all.begin(), word.all.end(), [](WordEntryPos a, WordEntryPos b) { return WEP_GETPOS(a) < WEP_GETPOS(b); });
    word.all.erase(std::unique(word.all.begin(), word.all.end(),
                               [](WordEntryPos a, WordEntryPos b) { return WEP_GETPOS(a) == WEP_GETPOS(b); }),
                   word.all.end());
}

// Called by PostgreSQL: must not throw, and does nothing that could.
TSTernaryValue PhraseJudge::look(void *self, QueryOperand *operand, ExecPhraseData *data) {
    PhraseJudge &judge = *static_cast<PhraseJudge *>(self);
    const QueryItem *const items = GETQUERY(judge.current_->query);
    const auto item = static_cast<size_t>(reinterpret_cast<const QueryItem *>(operand) - items);
    Positions &word = judge.words_[judge.current_->slots[item]];
    if (!word.present)
        return TS_NO;
    if (!data && !operand->weight)
        return TS_YES;
    if (word.unknown) // without positions a label is taken to be there, as PostgreSQL does
        return data ? TS_MAYBE : TS_YES;
    if (word.all.empty())
        return TS_NO;
    if (data) {
        data->npos = static_cast<int>(word.all.size());
        data->pos = word.all.data();
        data->allocated = false;
    }
    return TS_YES;
}

bool PhraseJudge::matches(engine::Evidence &evidence) {
    for (Positions &word : words_)
        word.read = false;
    for (const Condition &condition : question_.conditions()) {
        const QueryItem *const items = GETQUERY(condition.query);
        for (size_t i = 0; i < condition.slots.size(); ++i)
            if (items[i].type == QI_VAL && !words_[condition.slots[i]].read)
                gather(evidence, condition.slots[i]);
        current_ = &condition;
        const bool found = call([this, &condition] { return TS_execute(GETQUERY(condition.query), this, TS_EXEC_EMPTY, look); });
        if (found == condition.negated)
            return false;
    }
    return true;
}

} // namespace ticketflow::pg::search
