// Segments: made of the pending list, merged, published in one WAL record, and their pages reused.
#include "pg/search/am_maintain.h"

#include "core/search/accumulator.h"
#include "core/search/merge.h"

#include <bit>

extern "C" {
#include <access/transam.h>
#include <storage/indexfsm.h>
#include <storage/lmgr.h>
#include <storage/proc.h>
#include <storage/procarray.h>
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::search {

bool MaintenanceLock::try_take(Relation index) {
    return call([index] { return ConditionalLockPage(index, kMetaBlock, ExclusiveLock); });
}
void MaintenanceLock::take(Relation index) {
    call([index] { LockPage(index, kMetaBlock, ExclusiveLock); });
}
void MaintenanceLock::release(Relation index) {
    call([index] { UnlockPage(index, kMetaBlock, ExclusiveLock); });
}

namespace {

constexpr uint32 kSmallMerge = 4096; // pages that an inserting session is asked to merge at most
constexpr unsigned kFanIn = 6;

// In the record that replaces it: from the next transaction on nobody can read it.
void retire(Meta &meta, uint64 id, BlockNumber root, uint32 pages) {
    const uint64 xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    if (meta.retired < kMaxRetired)
        meta.waiting[meta.retired++] = {id, xid, root, pages};
    else
        meta.lost_xid = xid; // a sweep finds the pages by their owner
}

// Closes the pending list and begins a new one; what is sealed stays searchable until its segment is published.
ChainEntry seal(Relation index) {
    return call([index] {
        const Buffer meta_buffer = ReadBuffer(index, kMetaBlock);
        LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
        const ChainEntry old = reinterpret_cast<Meta *>(content_of(BufferGetPage(meta_buffer)))->pending;
        if (old.head != InvalidBlockNumber) {
            const Buffer tail_buffer = ReadBuffer(index, old.tail);
            LockBuffer(tail_buffer, BUFFER_LOCK_EXCLUSIVE);
            PageChange change(index);
            Meta &meta = *reinterpret_cast<Meta *>(content_of(change.page(meta_buffer)));
            meta.sealing = old;
            meta.pending = {meta.next_id++, InvalidBlockNumber, InvalidBlockNumber, 0, 0};
            tail_of(change.page(tail_buffer))->closed = 1;
            change.finish();
            UnlockReleaseBuffer(tail_buffer);
        }
        UnlockReleaseBuffer(meta_buffer);
        return old;
    });
}

uint64 new_id(Relation index) {
    uint64 id = 0;
    update_meta(index, [&id](Meta &meta) { id = meta.next_id++; });
    return id;
}

void merge_segments_of(Relation index, const std::vector<SegmentEntry> &chosen) {
    std::vector<std::unique_ptr<PageSource>> sources;
    std::vector<std::unique_ptr<engine::SegmentReader>> readers;
    std::vector<engine::SegmentReader *> inputs;
    for (const SegmentEntry &entry : chosen) {
        sources.push_back(std::make_unique<PageSource>(index, entry));
        readers.push_back(std::make_unique<engine::SegmentReader>(*sources.back()));
        inputs.push_back(readers.back().get());
    }
    PageSink sink(index, new_id(index));
    const SegmentEntry made = sink.finish(engine::merge_segments(inputs, sink, [] { call([] { vacuum_delay(); }); }));
    const SegmentEntry *const old = chosen.data();
    const size_t count = chosen.size();
    update_meta(index, [&made, old, count](Meta &meta) {
        uint32 kept = 0;
        for (uint32 i = 0; i < meta.segments; ++i) {
            bool replaced = false;
            for (size_t j = 0; j < count; ++j)
                replaced |= old[j].id == meta.segment[i].id;
            if (!replaced)
                meta.segment[kept++] = meta.segment[i];
        }
        meta.segments = kept;
        if (made.documents + made.nulls > 0)
            meta.segment[meta.segments++] = made;
        for (size_t j = 0; j < count; ++j)
            retire(meta, old[j].id, old[j].root, old[j].pages);
        if (made.documents + made.nulls == 0)
            retire(meta, made.id, made.root, made.pages);
    });
}

bool has_many_dead(const SegmentEntry &entry) {
    return uint64{entry.dead} * 5 > uint64{entry.documents} + entry.nulls;
}

// Segments of about the same size (within a factor of four), if there are enough of them.
std::vector<SegmentEntry> choose(const Meta &meta, MergePolicy policy) {
    std::vector<SegmentEntry> all(meta.segment, meta.segment + meta.segments);
    if (policy == MergePolicy::everything) {
        const bool needed = all.size() > 1 || (all.size() == 1 && all[0].dead > 0);
        return needed ? all : std::vector<SegmentEntry>();
    }
    std::sort(all.begin(), all.end(), [](const SegmentEntry &a, const SegmentEntry &b) { return a.pages < b.pages; });
    if (policy == MergePolicy::vacuum)
        for (const SegmentEntry &entry : all)
            if (has_many_dead(entry))
                return {entry};
    const uint64 limit = policy == MergePolicy::vacuum ? UINT32_MAX : kSmallMerge;
    const bool crowded = all.size() + 2 >= kMaxSegments;
    for (size_t from = 0; from < all.size(); ++from) {
        uint64 pages = 0;
        size_t to = from;
        while (to < all.size() && all[to].pages <= uint64{4} * std::max<uint32>(all[from].pages, 16) && pages + all[to].pages <= limit)
            pages += all[to++].pages;
        if (to - from >= (policy == MergePolicy::vacuum ? 3 : kFanIn))
            return {all.begin() + static_cast<long>(from), all.begin() + static_cast<long>(to)};
    }
    // The list of segments is nearly full: merge the smallest, whatever they weigh.
    if (crowded)
        return {all.begin(), all.begin() + kFanIn};
    return {};
}

// The pages of a retired segment, in the order in which they may be freed: what leads to others comes last.
std::vector<BlockNumber> pages_of(Relation index, const RetiredEntry &entry) {
    std::vector<BlockNumber> blocks;
    SegmentEntry segment{};
    segment.id = entry.id;
    segment.root = entry.root;
    segment.pages = entry.pages;
    segment.size = uint64{entry.pages} * kPageRoom;
    PageSource source(index, segment);
    for (uint32 page = 0; page < entry.pages; ++page)
        blocks.push_back(source.block_of(page));
    for (const BlockNumber block : source.map_blocks())
        blocks.push_back(block);
    return blocks;
}

// Frees the page if it still belongs to the owner; a crash may have interrupted an earlier round.
void free_page_of(Relation index, BlockNumber block, uint64 owner) {
    call([=] {
        const Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        Page page = BufferGetPage(buffer);
        const bool ours = is_sound(page, block) && tail_of(page)->owner == owner && tail_of(page)->kind != PageKind::free;
        if (ours) {
            PageChange change(index);
            tail_of(change.page(buffer))->kind = PageKind::free;
            change.finish();
        }
        UnlockReleaseBuffer(buffer);
        if (ours)
            RecordFreeIndexPage(index, block);
    });
}

// Only sessions of this database read the index: asked about its table, the horizon leaves out those of others. For a
// table that only this session sees it leaves out the session's own cursors, too.
bool nobody_reads(Relation index, uint64 xid) {
    return call([index, xid] {
        if (RELATION_IS_LOCAL(index) && TransactionIdIsValid(MyProc->xmin) && !TransactionIdPrecedes(static_cast<TransactionId>(xid), MyProc->xmin))
            return false;
        Relation table = RelationIdGetRelation(index->rd_index->indrelid);
        const bool removable = GlobalVisCheckRemovableFullXid(table, FullTransactionIdFromU64(xid));
        if (table)
            RelationClose(table);
        return removable;
    });
}

// Readers of a pending list hold nothing of it between two calls and begin anew when it has gone, so its pages are free at
// once: also for the transaction that fills the index, whose own snapshot keeps all else that it replaces.
void free_chain(Relation index, const ChainEntry &chain) {
    PageCopy page;
    std::vector<BlockNumber> blocks;
    for (BlockNumber block = chain.head; block != InvalidBlockNumber; block = page.tail.next) {
        read_page(index, block, chain.id, PageKind::pending, page);
        blocks.push_back(block);
    }
    // From the end: after a crash, what is left is still a chain for nobody, and a sweep finds it.
    for (size_t i = blocks.size(); i-- > 0;) {
        check_for_interrupts();
        free_page_of(index, blocks[i], chain.id);
    }
    call([index] { IndexFreeSpaceMapVacuum(index); });
}

} // namespace

void flush_pending(Relation index) {
    Meta meta = read_meta(index);
    if (meta.segments + 1 >= kMaxSegments) {
        merge_by_policy(index, MergePolicy::small);
        meta = read_meta(index);
    }
    const ChainEntry chain = meta.sealing.id ? meta.sealing : seal(index);
    if (chain.head == InvalidBlockNumber)
        return;
    engine::Accumulator documents;
    engine::Bytes copy;
    std::vector<engine::Word> words;
    each_record(index, chain, [&](const uint8_t *bytes, size_t size) {
        const engine::RecordView record(bytes, size);
        if (record.dead())
            return;
        words.clear();
        record.each([&words](const engine::Word &word) { words.push_back(word); });
        documents.add({record.place(), record.null(), record.stripped(), record.lengths(), words});
    });
    SegmentEntry made{};
    if (documents.rows() > 0) {
        PageSink sink(index, new_id(index));
        const engine::Footer footer = documents.write(sink);
        made = sink.finish(footer);
    }
    update_meta(index, [&made](Meta &changed) {
        if (made.id)
            changed.segment[changed.segments++] = made;
        changed.sealing = {};
    });
    free_chain(index, chain);
}

void flush_everything(Relation index) {
    if (read_meta(index).sealing.id)
        flush_pending(index);
    flush_pending(index);
}

void merge_by_policy(Relation index, MergePolicy policy) {
    for (;;) {
        const std::vector<SegmentEntry> chosen = choose(read_meta(index), policy);
        if (chosen.empty())
            return;
        merge_segments_of(index, chosen);
    }
}

uint64 reclaim(Relation index) {
    uint64 freed = 0;
    const Meta meta = read_meta(index);
    for (uint32 i = 0; i < meta.retired; ++i) {
        const RetiredEntry entry = meta.waiting[i];
        if (!nobody_reads(index, entry.xid))
            continue;
        // A damaged or half-freed entry loses its pages to the next sweep; it must not stop maintenance.
        try {
            for (const BlockNumber block : pages_of(index, entry)) {
                check_for_interrupts();
                free_page_of(index, block, entry.id);
                ++freed;
            }
        } catch (const core::Failure &) {
        }
        update_meta(index, [&entry](Meta &changed) {
            for (uint32 j = 0; j < changed.retired; ++j)
                if (changed.waiting[j].id == entry.id) {
                    changed.waiting[j] = changed.waiting[--changed.retired];
                    return;
                }
        });
    }
    if (freed > 0)
        call([index] { IndexFreeSpaceMapVacuum(index); });
    return freed;
}

uint64 sweep(Relation index, BufferAccessStrategy strategy) {
    const Meta meta = read_meta(index);
    std::vector<uint64> known{meta.pending.id, meta.sealing.id};
    for (uint32 i = 0; i < meta.segments; ++i)
        known.push_back(meta.segment[i].id);
    for (uint32 i = 0; i < meta.retired; ++i)
        known.push_back(meta.waiting[i].id);
    std::sort(known.begin(), known.end());
    const bool lost_are_free = meta.lost_xid == 0 || nobody_reads(index, meta.lost_xid);
    // Under the lock of who makes pages, so that each page counted here is locked by its maker until it has an owner:
    // a page that only looks new would be given to two.
    const BlockNumber blocks = call([index] {
        const bool shared = !RELATION_IS_LOCAL(index);
        if (shared)
            LockRelationForExtension(index, ExclusiveLock);
        const BlockNumber all = RelationGetNumberOfBlocks(index);
        if (shared)
            UnlockRelationForExtension(index, ExclusiveLock);
        return all;
    });
    const uint64 *const first = known.data(), *const end = first + known.size();
    uint64 free_pages = 0;
    for (BlockNumber block = kMetaBlock + 1; block < blocks; ++block) {
        free_pages += call([=] {
            vacuum_delay();
            const Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
            LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
            Page page = BufferGetPage(buffer);
            // A damaged page is nobody's: who still needs it says so.
            const bool sound = is_sound(page, block);
            bool free = PageIsNew(page) || (sound && tail_of(page)->kind == PageKind::free);
            // An insert may be writing pages for the pending list that is current now, even if it was not above.
            if (sound && !free && lost_are_free && tail_of(page)->owner < meta.next_id && !std::binary_search(first, end, tail_of(page)->owner)) {
                PageChange change(index);
                tail_of(change.page(buffer))->kind = PageKind::free;
                change.finish();
                free = true;
            }
            UnlockReleaseBuffer(buffer);
            if (free)
                RecordFreeIndexPage(index, block);
            return free;
        });
    }
    if (lost_are_free && meta.lost_xid != 0)
        update_meta(index, [](Meta &changed) { changed.lost_xid = 0; });
    call([index] { IndexFreeSpaceMapVacuum(index); });
    return free_pages;
}

} // namespace ticketflow::pg::search
