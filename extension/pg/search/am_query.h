// From tsquery to the engine's query, and the judge that decides phrases with PostgreSQL's own rules.
#pragma once

#include "core/search/engine.h"
#include "pg/bridge.h"

extern "C" {
#include <tsearch/ts_type.h>
#include <tsearch/ts_utils.h>
}

namespace ticketflow::pg::search {

namespace engine = ticketflow::core::search;

// One tsquery that results must match (or must not), with the slot of each of its operands.
struct Condition {
    TSQuery query;
    bool negated;
    std::vector<unsigned> slots; // by item of the query
};

class Question {
  public:
    // Every match satisfies it. With `ranks`, its words count for the score.
    void require(TSQuery query, bool ranks, bool negated = false);
    // After the last require(): builds the gate. False if nothing can match.
    bool finish();

    const engine::Query &query() const noexcept { return query_; }
    const std::vector<Condition> &conditions() const noexcept { return conditions_; }

  private:
    void count_words(const QueryItem *items, int size, const Condition &condition);

    engine::Query query_;
    std::vector<Condition> conditions_;
    std::vector<unsigned> roots_;
    bool impossible_ = false;
};

class PhraseJudge final : public engine::Judge {
  public:
    explicit PhraseJudge(const Question &question) : question_(question), words_(question.query().slots.size()) {}
    bool matches(engine::Evidence &evidence) override;

  private:
    struct Positions {
        bool read = false, present = false, unknown = false;
        std::vector<WordEntryPos> all;
    };
    void gather(engine::Evidence &evidence, unsigned slot);
    static TSTernaryValue look(void *self, QueryOperand *operand, ExecPhraseData *data);

    const Question &question_;
    const Condition *current_ = nullptr;
    std::vector<Positions> words_;
    std::vector<engine::Occurrence> found_;
};

} // namespace ticketflow::pg::search
