// VACUUM: dead rows get a mark (a bit in their segment, a flag in the pending list); merging forgets them.
#include "pg/search/am_build.h"
#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"

extern "C" {
#include <storage/lmgr.h>
}

namespace ticketflow::pg::search {

namespace {

struct Counter {
    IndexBulkDeleteCallback callback;
    void *state;
    double removed = 0, left = 0;

    bool is_dead(engine::Tid place) const {
        ItemPointerData tid;
        from_place(place, tid);
        return call([this, &tid] { return callback(&tid, state); });
    }
};

// Marks records that begin on one page; only their first bytes are touched, and pages only grow behind them.
void mark_records(Relation index, BlockNumber block, const std::vector<uint32> &offsets) {
    const uint32 *const first = offsets.data();
    const size_t count = offsets.size();
    call([=] {
        const Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        PageChange change(index);
        uint8_t *const content = content_of(change.page(buffer));
        for (size_t i = 0; i < count; ++i)
            content[first[i] + offsetof(engine::RecordHead, flags)] |= engine::kRecordDead;
        change.finish();
        UnlockReleaseBuffer(buffer);
    });
}

void mark_pending(Relation index, const ChainEntry &chain, Counter &counter) {
    PageCopy page;
    size_t carried = 0; // bytes of a record that began on an earlier page
    for (BlockNumber block = chain.id ? chain.head : InvalidBlockNumber; block != InvalidBlockNumber; block = page.tail.next) {
        call([] { vacuum_delay(); });
        read_page(index, block, chain.id, PageKind::pending, page);
        size_t at = std::min(carried, page.used);
        carried -= at;
        std::vector<uint32> dead;
        while (at < page.used) {
            if (page.used - at < sizeof(engine::RecordHead))
                throw_damaged(index, block, "a pending document has no head");
            const auto head = engine::load<engine::RecordHead>(page.content + at);
            if (head.size < sizeof head)
                throw_damaged(index, block, "a pending document has no size");
            if (!(head.flags & engine::kRecordDead)) {
                if (counter.is_dead(head.place)) {
                    dead.push_back(static_cast<uint32>(at));
                    ++counter.removed;
                } else {
                    ++counter.left;
                }
            }
            const size_t here = std::min<size_t>(head.size, page.used - at);
            carried = head.size - here;
            at += here;
        }
        if (!dead.empty())
            mark_records(index, block, dead);
    }
}

// Sets bits of a segment's bitmap; all lie on one page of the stream.
void mark_rows(Relation index, const SegmentEntry &entry, BlockNumber block, uint64 page_start, uint64 dead_start,
               const std::vector<uint32> &rows) {
    const uint32 *const first = rows.data();
    const size_t count = rows.size();
    const bool ours = call([=, &entry] {
        const Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        const bool good = is_sound(BufferGetPage(buffer), block) && tail_of(BufferGetPage(buffer))->owner == entry.id;
        if (good) {
            PageChange change(index);
            uint8_t *const content = content_of(change.page(buffer));
            for (size_t i = 0; i < count; ++i)
                content[dead_start + first[i] / 8 - page_start] |= static_cast<uint8_t>(1 << (first[i] % 8));
            change.finish();
        }
        UnlockReleaseBuffer(buffer);
        return good;
    });
    if (!ours)
        throw_damaged(index, block, "a page is not what was written, or belongs to another part of the index");
}

void mark_segment(Relation index, const SegmentEntry &entry, Counter &counter) {
    PageSource source(index, entry);
    engine::SegmentReader segment(source);
    const uint64 dead_start = segment.footer().dead;
    std::vector<uint32> dead;
    uint32 marked = 0, page = 0, before = 0;
    auto flush = [&] {
        if (!dead.empty())
            mark_rows(index, entry, source.block_of(page), uint64{page} * kPageRoom, dead_start, dead);
        marked += static_cast<uint32>(dead.size());
        dead.clear();
    };
    for (uint32 row = 0; row < segment.rows(); ++row) {
        if (row % 1024 == 0)
            call([] { vacuum_delay(); });
        if (segment.dead(row)) {
            ++before;
            continue;
        }
        if (!counter.is_dead(segment.place(row))) {
            ++counter.left;
            continue;
        }
        const uint32 on = static_cast<uint32>((dead_start + row / 8) / kPageRoom);
        if (on != page)
            flush();
        page = on;
        dead.push_back(row);
    }
    flush();
    counter.removed += marked;
    // All of them, with what a crash has kept from being counted: searches do not look for dead rows where none are counted.
    const uint32 all = before + marked;
    if (all == entry.dead)
        return;
    const uint64 id = entry.id;
    update_meta(index, [id, all](Meta &meta) {
        for (uint32 i = 0; i < meta.segments; ++i)
            if (meta.segment[i].id == id)
                meta.segment[i].dead = all;
    });
}

IndexBulkDeleteResult *or_new(IndexBulkDeleteResult *stats) {
    return stats ? stats : call([] { return static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult))); });
}

} // namespace

IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback, void *state) {
    Relation const index = info->index;
    MaintenanceLock::take(index);
    Counter counter{callback, state};
    const Meta meta = read_meta(index);
    mark_pending(index, meta.sealing, counter);
    mark_pending(index, meta.pending, counter);
    for (uint32 i = 0; i < meta.segments; ++i)
        mark_segment(index, meta.segment[i], counter);
    MaintenanceLock::release(index);
    stats = or_new(stats);
    stats->tuples_removed += counter.removed;
    stats->num_index_tuples = counter.left;
    return stats;
}

IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only)
        return stats;
    Relation const index = info->index;
    MaintenanceLock::take(index);
    flush_everything(index);
    merge_by_policy(index, MergePolicy::vacuum);
    reclaim(index);
    const uint64 free_pages = sweep(index, info->strategy);
    MaintenanceLock::release(index);
    const bool counted = stats != nullptr;
    stats = or_new(stats);
    if (!counted) {
        const Meta meta = read_meta(index);
        for (uint32 i = 0; i < meta.segments; ++i)
            stats->num_index_tuples += meta.segment[i].documents + meta.segment[i].nulls - meta.segment[i].dead;
    }
    stats->num_pages = call([index] { return RelationGetNumberOfBlocks(index); });
    stats->pages_free = static_cast<BlockNumber>(free_pages);
    return stats;
}

} // namespace ticketflow::pg::search
