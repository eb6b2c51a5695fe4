#include "pg/search/am_scan.h"

#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"

#include <algorithm>
#include <unordered_map>

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/itup.h>
#include <access/tableam.h>
#include <nodes/tidbitmap.h>
#include <pgstat.h>
}

namespace ticketflow::pg::search {

namespace {

std::vector<RankedScan *> running_scans;
uint64 scan_clock = 0;

constexpr size_t kFirstBatch = 32, kGrowth = 4, kLargestGuess = 1000;

// What PostgreSQL keeps of a scan; the C++ object dies with endscan, or with the memory context after an error.
struct Holder {
    MemoryContextCallback callback;
    RankedScan *scan;
};

void destroy(void *argument) {
    Holder *const holder = static_cast<Holder *>(argument);
    delete holder->scan;
    holder->scan = nullptr;
}

RankedScan &scan_of(IndexScanDesc descriptor) { return *static_cast<Holder *>(descriptor->opaque)->scan; }

size_t largest_batch() { return std::max<size_t>(static_cast<size_t>(work_mem) * 1024 / sizeof(engine::Hit), kFirstBatch); }

// By index, the LIMIT of the last query that was planned. The scan that is executed may be another query's: the first batch is
// then too small or too large, and the answer the same.
std::unordered_map<Oid, size_t> limits;

size_t first_batch(Oid index) {
    const auto found = limits.find(index);
    return found == limits.end() ? kFirstBatch : found->second;
}

} // namespace

void note_limit(Oid index, double rows) {
    if (limits.size() > 1000)
        limits.clear();
    limits[index] = rows >= 1 ? static_cast<size_t>(std::min<double>(rows, kLargestGuess)) : kFirstBatch;
}

RankedScan::RankedScan(IndexScanDesc descriptor)
    : descriptor_(descriptor), index_(RelationGetRelid(descriptor->indexRelation)),
      table_(descriptor->indexRelation->rd_index->indrelid), context_(CurrentMemoryContext) {
    running_scans.push_back(this);
}

RankedScan::~RankedScan() { std::erase(running_scans, this); }

const std::vector<RankedScan *> &RankedScan::running() { return running_scans; }

void RankedScan::restart() {
    begun_ = nothing_ = exhausted_ = false;
    required_.clear();
    rank_.reset();
    unranked_search_.reset();
    search_.reset();
    question_.reset();
    unranked_question_.reset();
    batch_.clear();
    given_.clear();
    nulls_from_ = SIZE_MAX;
    at_ = 0;
}

// Reads the keys: they may have been computed only just before the first row is asked for.
void RankedScan::begin() {
    begun_ = true;
    for (int i = 0; i < descriptor_->numberOfKeys; ++i) {
        const ScanKeyData &key = descriptor_->keyData[i];
        if (key.sk_flags & (SK_ISNULL | SK_SEARCHNULL)) {
            nothing_ = true;
            return;
        }
        required_.emplace_back(key.sk_argument);
    }
    if (descriptor_->numberOfOrderBys > 1)
        throw core::Failure(core::Condition::feature_not_supported, "a ticketflow index cannot rank by two queries at once", {},
                            "Rank by one query, or add up two scores outside of the index.");
    if (descriptor_->numberOfOrderBys == 1 && !(descriptor_->orderByData[0].sk_flags & SK_ISNULL))
        rank_.emplace(descriptor_->orderByData[0].sk_argument);
    nothing_ = !begin_phase(Phase::ranked);
}

// Begins this phase, or the first one after it that may have rows.
bool RankedScan::begin_phase(Phase phase) {
    for (;; phase = static_cast<Phase>(static_cast<int>(phase) + 1)) {
        phase_ = phase;
        batch_.clear();
        at_ = 0;
        last_.reset();
        exhausted_ = false;
        const bool same = rank_ && required_.size() == 1 && required_[0] == *rank_;
        if (phase == Phase::end)
            return false;
        if (phase == Phase::ranked && (rank_ || !required_.empty()) && begin_search(true))
            return true;
        if (phase == Phase::unranked && rank_ && !required_.empty() && !same && begin_search(false))
            return true;
        if (phase == Phase::rest && required_.empty()) {
            begin_rest();
            return !batch_.empty();
        }
    }
}

bool RankedScan::begin_search(bool ranked) {
    auto question = std::make_unique<Question>();
    for (const OwnQuery &query : required_)
        if (!(ranked && rank_ && query == *rank_)) // the usual case: asked once, it stays a plain question
            question->require(query.get(), false);
    if (rank_)
        question->require(rank_->get(), ranked, !ranked);
    if (!question->finish())
        return false;
    batch_size_ = rank_ ? first_batch(index_) : SIZE_MAX;
    auto search = std::make_unique<Search>(descriptor_->indexRelation, *question, true);
    (ranked ? question_ : unranked_question_) = std::move(question);
    (ranked ? search_ : unranked_search_) = std::move(search);
    return true;
}

void RankedScan::begin_rest() {
    const AllRows rows = all_rows(descriptor_->indexRelation);
    std::sort(given_.begin(), given_.end());
    for (const engine::Tid place : rows.documents)
        if (!std::binary_search(given_.begin(), given_.end(), place))
            batch_.push_back({0, place});
    nulls_from_ = batch_.size();
    for (const engine::Tid place : rows.nulls)
        batch_.push_back({0, place});
    exhausted_ = true;
}

// The next batch: four times as many, strictly after the last row.
bool RankedScan::fill() {
    for (;;) {
        if (!exhausted_) {
            const bool first = !last_ && batch_.empty();
            if (!batch_.empty())
                last_ = batch_.back();
            if (!first && batch_size_ != SIZE_MAX)
                batch_size_ = std::min(batch_size_ * kGrowth, largest_batch());
            batch_ = (phase_ == Phase::ranked ? *search_ : *unranked_search_).best(batch_size_, last_);
            at_ = 0;
            exhausted_ = batch_.size() < batch_size_;
            if (rank_ && required_.empty())
                for (const engine::Hit &hit : batch_)
                    given_.push_back(hit.place);
            if (!batch_.empty())
                return true;
        }
        if (phase_ == Phase::end || !begin_phase(static_cast<Phase>(static_cast<int>(phase_) + 1)))
            return false;
        if (phase_ == Phase::rest)
            return true;
    }
}

bool RankedScan::next() {
    do {
        if (!next_place())
            return false;
        // Whoever reads only the index trusts the visibility map, which a VACUUM may have changed since the places were read.
    } while (descriptor_->xs_want_itup && !is_visible());
    if (descriptor_->xs_want_itup)
        give_index_tuple();
    return true;
}

bool RankedScan::is_visible() {
    return call([this] {
        ItemPointerData place = descriptor_->xs_heaptid;
        bool all_dead;
        return table_index_fetch_tuple_check(descriptor_->heapRelation, &place, descriptor_->xs_snapshot, &all_dead);
    });
}

bool RankedScan::next_place() {
    if (!begun_)
        begin();
    if (at_ >= batch_.size() && (nothing_ || !fill())) {
        nothing_ = true;
        return false;
    }
    const bool null = !rank_ || (phase_ == Phase::rest && at_ >= nulls_from_);
    const engine::Hit &hit = batch_[at_++];
    from_place(hit.place, descriptor_->xs_heaptid);
    descriptor_->xs_recheck = false;
    descriptor_->xs_recheckorderby = false;
    if (descriptor_->numberOfOrderBys > 0) {
        moved_at_ = ++scan_clock;
        current_ = distance_of(engine::to_double(hit.score));
        descriptor_->xs_orderbyvals[0] = Float8GetDatum(current_);
        descriptor_->xs_orderbynulls[0] = null;
    }
    return true;
}

// PostgreSQL reads only the index where no column is needed (say, count(*)): any tuple will do.
void RankedScan::give_index_tuple() {
    if (!empty_)
        empty_ = call([this] {
            MemoryContext const outside = MemoryContextSwitchTo(context_);
            Datum value = 0;
            bool null = true;
            IndexTuple const made = index_form_tuple(RelationGetDescr(descriptor_->indexRelation), &value, &null);
            MemoryContextSwitchTo(outside);
            return made;
        });
    descriptor_->xs_itup = empty_;
    descriptor_->xs_itupdesc = RelationGetDescr(descriptor_->indexRelation);
}

bool RankedScan::has_returned(Datum document) const {
    return call([this, document] {
        const AttrNumber column = descriptor_->indexRelation->rd_index->indkey.values[0];
        const IndexFetchTableData *const fetch = descriptor_->xs_heapfetch;
        if (column <= 0 || !fetch || fetch->rel->rd_tableam != GetHeapamTableAmRoutine())
            return false;
        const Buffer buffer = reinterpret_cast<const IndexFetchHeapData *>(fetch)->xs_cbuf;
        const ItemPointerData &place = descriptor_->xs_heaptid;
        if (!BufferIsValid(buffer) || BufferGetBlockNumber(buffer) != ItemPointerGetBlockNumberNoCheck(&place))
            return false;
        const char *const bytes = DatumGetPointer(document), *const begin = static_cast<const char *>(BufferGetPage(buffer));
        if (bytes < begin || bytes >= begin + BLCKSZ)
            return false;
        // The scan's slot has the page pinned, so the row stays where it is.
        Page page = BufferGetPage(buffer);
        const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&place);
        if (offset < FirstOffsetNumber || offset > PageGetMaxOffsetNumber(page) || !ItemIdIsNormal(PageGetItemId(page, offset)))
            return false;
        HeapTupleData row{};
        row.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, PageGetItemId(page, offset)));
        row.t_len = ItemIdGetLength(PageGetItemId(page, offset));
        bool null;
        const Datum own = heap_getattr(&row, column, RelationGetDescr(fetch->rel), &null);
        return !null && DatumGetPointer(own) == bytes;
    });
}

int64 RankedScan::all_into(TIDBitmap *bitmap) {
    if (!begun_)
        begin();
    std::vector<ItemPointerData> places;
    int64 count = 0;
    auto put = [&] {
        ItemPointerData *const first = places.data();
        const int number = static_cast<int>(places.size());
        call([=] { tbm_add_tuples(bitmap, first, number, false); });
        count += number;
        places.clear();
    };
    auto add = [&](engine::Tid place) {
        places.emplace_back();
        from_place(place, places.back());
        if (places.size() == 1024)
            put();
    };
    if (descriptor_->numberOfKeys == 0) {
        const AllRows rows = all_rows(descriptor_->indexRelation);
        for (const auto *some : {&rows.documents, &rows.nulls})
            for (const engine::Tid place : *some)
                add(place);
    } else if (!nothing_) {
        for (const engine::Hit &hit : search_->best(SIZE_MAX, {}))
            add(hit.place);
    }
    put();
    return count;
}

double RankedScan::score_of_document(Datum document) const { return distance_of(score_of(document, rank_->get(), *question_, search_->model())); }

IndexScanDesc begin_scan(Relation index, int keys, int orderbys) {
    IndexScanDesc const descriptor = call([=] {
        IndexScanDesc made = RelationGetIndexScan(index, keys, orderbys);
        made->opaque = palloc0(sizeof(Holder));
        if (orderbys > 0) {
            made->xs_orderbyvals = static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<Size>(orderbys)));
            made->xs_orderbynulls = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<Size>(orderbys)));
        }
        return made;
    });
    Holder *const holder = static_cast<Holder *>(descriptor->opaque);
    holder->scan = new RankedScan(descriptor);
    holder->callback.func = destroy;
    holder->callback.arg = holder;
    call([=] { MemoryContextRegisterResetCallback(CurrentMemoryContext, &holder->callback); });
    return descriptor;
}

void rescan(IndexScanDesc descriptor, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count) {
    scan_of(descriptor).restart();
    if (keys && key_count > 0)
        memmove(descriptor->keyData, keys, sizeof(ScanKeyData) * static_cast<size_t>(key_count));
    if (orderbys && orderby_count > 0)
        memmove(descriptor->orderByData, orderbys, sizeof(ScanKeyData) * static_cast<size_t>(orderby_count));
    call([descriptor] { count_index_scan(descriptor); });
}

bool get_tuple(IndexScanDesc descriptor, ScanDirection direction) {
    if (direction != ForwardScanDirection)
        throw core::Failure(core::Condition::feature_not_supported, "a ticketflow index can only be read forwards");
    return scan_of(descriptor).next();
}

int64 get_bitmap(IndexScanDesc descriptor, TIDBitmap *bitmap) { return scan_of(descriptor).all_into(bitmap); }

void end_scan(IndexScanDesc descriptor) { destroy(descriptor->opaque); }

} // namespace ticketflow::pg::search
