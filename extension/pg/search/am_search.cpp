#include "pg/search/am_search.h"

#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"
#include "pg/search/am_options.h"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace ticketflow::pg::search {

namespace {
const std::function<void()> kLookForInterrupts = [] { check_for_interrupts(); };
} // namespace

Search::Search(Relation index, const Question &question, bool results)
    : question_(question), pending_(question.query()), judge_(question) {
    const engine::Query &query = question.query();
    const Meta meta = read_meta(index);
    statistics_.postings.resize(query.slots.size());
    for (const ChainEntry &chain : {meta.sealing, meta.pending})
        each_record(index, chain, [this](const uint8_t *record, size_t size) { pending_.add(record, size, statistics_); });
    for (uint32 i = 0; i < meta.segments; ++i) {
        sources_.push_back(std::make_unique<PageSource>(index, meta.segment[i]));
        segments_.push_back(std::make_unique<engine::SegmentReader>(*sources_.back()));
        engine::SegmentReader &segment = *segments_.back();
        // A row that VACUUM marks later was dead to this query's snapshot already.
        if (meta.segment[i].dead == 0)
            segment.assume_alive();
        statistics_.documents += segment.documents();
        for (unsigned field = 0; field < engine::kFields; ++field)
            statistics_.total_length[field] += segment.footer().total_length[field];
        terms_.emplace_back();
        for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
            terms_.back().push_back(engine::resolve(segment, query.slots[slot], kLookForInterrupts));
            statistics_.postings[slot] += terms_.back().back().postings;
        }
    }
    model_.emplace(options_of(index), statistics_, query);
    if (!results) {
        segments_.clear();
        sources_.clear();
    }
}

std::vector<engine::Hit> Search::best(size_t k, std::optional<engine::Hit> after) {
    engine::TopK top(k, after);
    pending_.search(*model_, top, &judge_);
    for (size_t i = 0; i < segments_.size(); ++i)
        engine::SegmentSearch(*segments_[i], question_.query(), *model_, terms_[i], top, &judge_, kLookForInterrupts).run();
    return top.take();
}

engine::Statistics statistics_of(Relation index, const engine::Query &query) {
    engine::Statistics statistics;
    statistics.postings.resize(query.slots.size());
    engine::PendingSearch pending(query);
    const Meta meta = read_meta(index);
    for (const ChainEntry &chain : {meta.sealing, meta.pending})
        each_record(index, chain, [&](const uint8_t *record, size_t size) { pending.add(record, size, statistics); });
    for (uint32 i = 0; i < meta.segments; ++i) {
        PageSource source(index, meta.segment[i]);
        engine::SegmentReader segment(source);
        statistics.documents += segment.documents();
        engine::Term term;
        for (unsigned slot = 0; slot < query.slots.size(); ++slot)
            if (segment.find(query.slots[slot].lexeme, term))
                statistics.postings[slot] += term.postings;
    }
    return statistics;
}

OwnQuery::OwnQuery(Datum value) {
    TSQuery const query = call([value] { return DatumGetTSQuery(value); });
    bytes_.resize((VARSIZE(query) + 7) / 8);
    memcpy(bytes_.data(), query, VARSIZE(query));
}

bool OwnQuery::equals(Datum value) const {
    return call([this, value] {
        TSQuery const query = DatumGetTSQuery(value);
        return VARSIZE(query) == VARSIZE(get()) && memcmp(query, get(), VARSIZE(query)) == 0;
    });
}

double score_of(Datum document, TSQuery query, const Question &question, const engine::Model &model) {
    const bool matches = call([=] { return DatumGetBool(DirectFunctionCall2(ts_match_vq, document, TSQueryGetDatum(query))); });
    if (!matches)
        return 0;
    DocumentReader reader;
    ItemPointerData nowhere;
    ItemPointerSet(&nowhere, 0, 1);
    engine::Bytes bytes;
    engine::encode_record(reader.read(document, false, nowhere), bytes);
    const engine::RecordView record(bytes.data(), bytes.size());
    engine::Score score = 0;
    for (unsigned slot = 0; slot < question.query().slots.size(); ++slot)
        score += model.score(question.query(), slot, engine::frequencies_in(record, question.query().slots[slot]), record.lengths());
    return engine::to_double(score);
}

AllRows all_rows(Relation index) {
    AllRows rows;
    const Meta meta = read_meta(index);
    for (const ChainEntry &chain : {meta.sealing, meta.pending})
        each_record(index, chain, [&rows](const uint8_t *bytes, size_t size) {
            const engine::RecordView record(bytes, size);
            if (!record.dead())
                (record.null() ? rows.nulls : rows.documents).push_back(record.place());
        });
    for (uint32 i = 0; i < meta.segments; ++i) {
        PageSource source(index, meta.segment[i]);
        engine::SegmentReader segment(source);
        for (uint32 row = 0; row < segment.rows(); ++row) {
            if (row % 8192 == 0)
                check_for_interrupts();
            if (!segment.dead(row))
                (row < segment.documents() ? rows.documents : rows.nulls).push_back(segment.place(row));
        }
    }
    std::sort(rows.documents.begin(), rows.documents.end());
    std::sort(rows.nulls.begin(), rows.nulls.end());
    return rows;
}

} // namespace ticketflow::pg::search
