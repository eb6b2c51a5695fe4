#include "pg/search/am_scan.h"

#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"

#include <algorithm>

extern "C" {
#include <access/genam.h>
#include <nodes/tidbitmap.h>
#include <pgstat.h>
}

namespace ticketflow::pg::search {

namespace {

std::vector<RankedScan *> running_scans;
uint64 scan_clock = 0;

constexpr size_t kFirstBatch = 64, kGrowth = 4;
constexpr StrategyNumber kMatch = 1;

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

} // namespace

RankedScan::RankedScan(IndexScanDesc descriptor)
    : descriptor_(descriptor), index_(RelationGetRelid(descriptor->indexRelation)),
      table_(descriptor->indexRelation->rd_index->indrelid) {
    running_scans.push_back(this);
}

RankedScan::~RankedScan() { std::erase(running_scans, this); }

const std::vector<RankedScan *> &RankedScan::running() { return running_scans; }

void RankedScan::restart() {
    begun_ = nothing_ = false;
    required_.clear();
    rank_.reset();
    phase_search_.reset();
    search_.reset();
    question_.reset();
    rank_question_.reset();
    batch_.clear();
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
    if (descriptor_->numberOfOrderBys == 1) {
        if (descriptor_->orderByData[0].sk_flags & SK_ISNULL) {
            nothing_ = true;
            return;
        }
        rank_.emplace(descriptor_->orderByData[0].sk_argument);
    }
    nothing_ = !begin_phase(0) && !begin_phase(1);
}

// Phase 0: matches in order of rank. Phase 1: rows that match the condition but not the ranking query; they score 0.
bool RankedScan::begin_phase(unsigned phase) {
    phase_ = phase;
    batch_.clear();
    at_ = 0;
    last_.reset();
    exhausted_ = false;
    if (phase > 1 || (phase == 1 && (!rank_ || required_.empty() || (required_.size() == 1 && required_[0] == *rank_))))
        return false;
    auto question = std::make_unique<Question>();
    for (const OwnQuery &query : required_)
        question->require(query.get(), false);
    if (rank_)
        question->require(rank_->get(), phase == 0, phase == 1);
    if (!question->finish())
        return false;
    batch_size_ = rank_ ? kFirstBatch / kGrowth : SIZE_MAX;
    auto search = std::make_unique<Search>(descriptor_->indexRelation, *question, true);
    if (phase == 0) {
        question_ = std::move(question);
        search_ = std::move(search);
    } else {
        phase_search_.reset();
        rank_question_ = std::move(question);
        phase_search_ = std::move(search);
    }
    return true;
}

// The next batch: four times as many, strictly after the last row.
bool RankedScan::fill() {
    do {
        if (!batch_.empty())
            last_ = batch_.back();
        if (!exhausted_) {
            if (batch_size_ != SIZE_MAX)
                batch_size_ = std::min(batch_size_ * kGrowth, largest_batch());
            batch_ = (phase_ == 0 ? *search_ : *phase_search_).best(batch_size_, last_);
            at_ = 0;
            exhausted_ = batch_.size() < batch_size_;
            if (!batch_.empty())
                return true;
        }
    } while (begin_phase(phase_ + 1));
    return false;
}

bool RankedScan::next() {
    if (!begun_) {
        begin();
        if (descriptor_->numberOfKeys == 0 && descriptor_->numberOfOrderBys == 0)
            for (const engine::Tid place : all_rows(descriptor_->indexRelation))
                batch_.push_back({0, place});
    }
    const bool everything = descriptor_->numberOfKeys == 0 && descriptor_->numberOfOrderBys == 0;
    if (at_ >= batch_.size()) {
        if (nothing_ || everything || !fill()) {
            nothing_ = true;
            return false;
        }
    }
    const engine::Hit &hit = batch_[at_++];
    from_place(hit.place, descriptor_->xs_heaptid);
    descriptor_->xs_recheck = false;
    descriptor_->xs_recheckorderby = false;
    if (rank_) {
        moved_at_ = ++scan_clock;
        current_ = -engine::to_double(hit.score);
        descriptor_->xs_orderbyvals[0] = Float8GetDatum(current_);
        descriptor_->xs_orderbynulls[0] = false;
    }
    return true;
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
        for (const engine::Tid place : all_rows(descriptor_->indexRelation))
            add(place);
    } else if (!nothing_) {
        for (const engine::Hit &hit : search_->best(SIZE_MAX, {}))
            add(hit.place);
    }
    put();
    return count;
}

double RankedScan::score_of_document(Datum document) const { return -score_of(document, rank_->get(), *question_, search_->model()); }

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
