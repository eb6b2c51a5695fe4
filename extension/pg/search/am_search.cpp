#include "pg/search/am_search.h"

#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"
#include "pg/search/am_options.h"

extern "C" {
#include <access/genam.h>
#include <catalog/partition.h>
#include <catalog/pg_inherits.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::search {

namespace {
const std::function<void()> kLookForInterrupts = [] { check_for_interrupts(); };

bool has_storage(Relation index) { return index->rd_rel->relkind == RELKIND_INDEX; }

// What one index holds, added to the statistics.
void add_own(Relation index, const engine::Query &query, engine::Statistics &sum) {
    engine::Statistics own;
    read_steadily(index, [&](const Meta &meta) {
        own = {};
        own.postings.resize(query.slots.size());
        engine::PendingSearch pending(query);
        for (const ChainEntry &chain : {meta.sealing, meta.pending})
            each_record(index, chain, [&](const uint8_t *record, size_t size) { pending.add(record, size, own); });
        for (uint32 i = 0; i < meta.segments; ++i) {
            std::unique_ptr<OpenSegment> open = open_segment(index, meta.segment[i]);
            own.documents += open->reader.documents();
            for (unsigned field = 0; field < engine::kFields; ++field)
                own.total_length[field] += open->reader.footer().total_length[field];
            for (unsigned slot = 0; slot < query.slots.size(); ++slot)
                own.postings[slot] += engine::resolve(open->reader, query.slots[slot], kLookForInterrupts).postings;
            give_back(std::move(open));
        }
    });
    sum.documents += own.documents;
    for (unsigned field = 0; field < engine::kFields; ++field)
        sum.total_length[field] += own.total_length[field];
    for (size_t slot = 0; slot < own.postings.size(); ++slot)
        sum.postings[slot] += own.postings[slot];
}

// The indexes of the other partitions, of all levels, locked; none where the table is not a partition.
List *partners_of(Relation index) {
    if (has_storage(index) && !index->rd_rel->relispartition)
        return NIL;
    const Oid own = RelationGetRelid(index);
    Oid root = own;
    if (index->rd_rel->relispartition)
        root = llast_oid(get_partition_ancestors(own));
    List *found = NIL;
    ListCell *cell;
    foreach (cell, find_all_inheritors(root, AccessShareLock, nullptr))
        if (lfirst_oid(cell) != own && get_rel_relkind(lfirst_oid(cell)) == RELKIND_INDEX)
            found = lappend_oid(found, lfirst_oid(cell));
    return found;
}

// A partition ranks by the numbers of the whole table: so the scores of all partitions compare, and are the same in any plan.
void add_partners(Relation index, const engine::Query &query, engine::Statistics &sum) {
    List *const partners = call([index] { return partners_of(index); });
    for (int i = 0; i < list_length(partners); ++i) {
        const Oid oid = list_nth_oid(partners, i);
        Relation partner = call([oid] { return index_open(oid, NoLock); });
        add_own(partner, query, sum);
        call([partner] { index_close(partner, NoLock); });
    }
}
} // namespace

Search::Search(Relation index, const Question &question, bool results) : question_(question), judge_(question) {
    if (has_storage(index))
        read_steadily(index, [this, index](const Meta &meta) {
            read_pending(index, meta);
            for (uint32 i = 0; i < meta.segments; ++i)
                add_segment(index, meta.segment[i]);
        });
    else
        statistics_.postings.resize(question.query().slots.size());
    add_partners(index, question.query(), statistics_);
    model_.emplace(options_of(index), statistics_, question.query());
    if (!results)
        give_segments_back();
}

Search::~Search() { give_segments_back(); }

void Search::give_segments_back() noexcept {
    for (std::unique_ptr<OpenSegment> &segment : segments_)
        give_back(std::move(segment));
    segments_.clear();
}

void Search::read_pending(Relation index, const Meta &meta) {
    statistics_ = {};
    statistics_.postings.resize(question_.query().slots.size());
    pending_.emplace(question_.query());
    for (const ChainEntry &chain : {meta.sealing, meta.pending})
        each_record(index, chain, [this](const uint8_t *record, size_t size) { pending_->add(record, size, statistics_); });
}

void Search::add_segment(Relation index, const SegmentEntry &entry) {
    const engine::Query &query = question_.query();
    segments_.push_back(open_segment(index, entry));
    engine::SegmentReader &segment = segments_.back()->reader;
    // A row that VACUUM marks later was dead to this query's snapshot already.
    if (entry.dead == 0)
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

std::vector<engine::Hit> Search::best(size_t k, std::optional<engine::Hit> after) {
    engine::TopK top(k, after);
    pending_->search(*model_, top, &judge_);
    for (size_t i = 0; i < segments_.size(); ++i)
        engine::SegmentSearch(segments_[i]->reader, question_.query(), *model_, terms_[i], top, &judge_, kLookForInterrupts).run();
    return top.take();
}

engine::Statistics statistics_of(Relation index, const engine::Query &query) {
    engine::Statistics statistics;
    statistics.postings.resize(query.slots.size());
    if (has_storage(index))
        add_own(index, query, statistics);
    add_partners(index, query, statistics);
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
    read_steadily(index, [&rows, index](const Meta &meta) {
        rows = {};
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
    });
    std::sort(rows.documents.begin(), rows.documents.end());
    std::sort(rows.nulls.begin(), rows.nulls.end());
    return rows;
}

} // namespace ticketflow::pg::search
