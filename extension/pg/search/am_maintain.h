// What happens to an index besides searching it: documents wait in the pending list, become segments, segments merge,
// and what was replaced is reused once nobody can read it.
#pragma once

#include "pg/search/am_pages.h"

namespace ticketflow::pg::search {

// One at a time works on the structure of an index; inserting and searching never wait for it.
class MaintenanceLock {
  public:
    static bool try_take(Relation index); // without waiting
    static void take(Relation index);
    static void release(Relation index);
};

// Appends an encoded document to the pending list.
void append_record(Relation index, const engine::Bytes &record);
// Calls f(const uint8_t *record, size_t size) for each document of a list, dead ones included. Throws PendingMoved unless the
// caller has the maintenance lock.
void each_record(Relation index, const ChainEntry &chain, const std::function<void(const uint8_t *, size_t)> &f);

// Calls f(const Meta &) until it has read the pending lists undisturbed; f must be ready to begin anew.
template <class F> void read_steadily(Relation index, F &&f) {
    for (uint64 moved = 0;; check_for_interrupts()) {
        const Meta meta = read_meta(index);
        // Pages are given away only after the first page names another list.
        if (meta.pending.id + meta.sealing.id == moved)
            throw_damaged(index, meta.pending.head, "a page of the pending list belongs to another part of the index");
        try {
            return f(meta);
        } catch (const PendingMoved &) {
            moved = meta.pending.id + meta.sealing.id;
        }
    }
}

// The rest needs the maintenance lock.

// Makes a segment of the pending list.
void flush_pending(Relation index);
// Also where an earlier flush was interrupted, so that nothing waits afterwards but what is inserted meanwhile.
void flush_everything(Relation index);
enum class MergePolicy { small, vacuum, everything };
// Merges segments until the policy is content; forgets dead rows of those it rewrites.
void merge_by_policy(Relation index, MergePolicy policy);
// Puts pages of what was replaced on the free list, as far as no snapshot needs them. Returns how many.
uint64 reclaim(Relation index);
// Looks at every page and frees those that belong to nothing (left by a crash). Returns how many are free.
uint64 sweep(Relation index, BufferAccessStrategy strategy);

} // namespace ticketflow::pg::search
