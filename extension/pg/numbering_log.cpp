// How counters that change in place are logged. A busy counter is logged ahead, as a sequence is: one record covers a block of
// 32 numbers, and those are then taken by changing the page alone. The page holds the last number that was taken, the log the
// last one of its block; so after a crash or a promotion the counter goes on at the next block and repeats nothing.
//
// What makes a sequence's page safe is that nobody else changes it. This one has other rows, and its image may be logged
// by whatever changes them, with the number as it is. So a block holds only as long as the page was not logged since:
//  - the record's place is the page's LSN, and the version carries a mark made of it; any other record moves the LSN away;
//  - the LSN is later than the redo pointer: a recovery that begins after the record would not see it;
//  - the record is an image of the page, which recovery puts in place whatever it finds there (it would pass over any
//    other record where the page was written out after it), with every counter that is marked at the end of its block;
//  - the mark is made of database and file as well, so a copy of the page in another file is not taken for it.
// The mark is where a version has its command id, which means nothing once its maker has committed; PostgreSQL itself keeps
// it out of the log.
#include "pg/numbering_row.h"

#include "core/numbering_mask.h"
#include "pg/compat.h"

extern "C" {
#include <access/htup_details.h>
#include <access/rmgr.h>
#include <access/xact.h>
#include <access/xlog.h>
#include <access/xloginsert.h>
#include <common/hashfn.h>
#include <miscadmin.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::numbering::row {

namespace {

constexpr int64 kBlock = 32;
// No command id of a real transaction has this bit.
constexpr uint32 kMarked = 0x80000000;
// An image that is larger than this is logged at the beginning of a block only.
constexpr int kSmallImage = 1024;

int64 end_of_block(int64 number) {
    return Min(number | (kBlock - 1), core::kMaxNumber);
}

CommandId &mark_of(HeapTupleHeader version) {
    return version->t_choice.t_heap.t_field3.t_cid;
}

uint32 mark_for(Relation rel, XLogRecPtr logged) {
    const struct {
        XLogRecPtr logged;
        Oid database, file;
    } place{logged, MyDatabaseId, rel->rd_rel->relfilenode};
    return hash_bytes(reinterpret_cast<const unsigned char *>(&place), sizeof place) | kMarked;
}

bool is_ahead(Relation rel, Page page, HeapTupleHeader version) {
    return mark_of(version) == mark_for(rel, PageGetLSN(page)) && PageGetLSN(page) > GetRedoRecPtr();
}

// The record is what GenericXLog would write for it (one region: offset, length, bytes), without its two copies of the
// page, which cost as much as the rest of a draw.
void log_exactly(Buffer buffer, const int64 *place) {
    const uint16 offset = static_cast<uint16>(reinterpret_cast<const char *>(place) - static_cast<const char *>(BufferGetPage(buffer)));
    const uint16 length = sizeof *place;
    char region[sizeof offset + sizeof length + sizeof *place];
    memcpy(region, &offset, sizeof offset);
    memcpy(region + sizeof offset, &length, sizeof length);
    memcpy(region + sizeof offset + sizeof length, place, sizeof *place);
    XLogBeginInsert();
    XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
    XLogRegisterBufData(0, region, sizeof region);
    const XLogRecPtr logged = XLogInsert(RM_GENERIC_ID, 0);
    PageSetLSN(BufferGetPage(buffer), logged);
}

// The marked counters of a page and this one.
int collect_ahead(Relation rel, Page page, HeapTupleHeader version, HeapTupleHeader *found) {
    int count = 0;
    for (OffsetNumber i = FirstOffsetNumber; i <= PageGetMaxOffsetNumber(page); i = OffsetNumberNext(i)) {
        const ItemId item = PageGetItemId(page, i);
        if (!ItemIdIsNormal(item))
            continue;
        const HeapTupleHeader other = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
        if (other == version || ((mark_of(other) & kMarked) && is_ahead(rel, page, other)))
            found[count++] = other;
    }
    return count;
}

void log_ahead(Relation rel, Buffer buffer, HeapTupleHeader version) {
    Page page = BufferGetPage(buffer);
    HeapTupleHeader ahead[MaxHeapTuplesPerPage];
    const int count = collect_ahead(rel, page, version, ahead);
    // Others read the page without a lock, so the ends of blocks are in a copy.
    PGAlignedBlock image;
    memcpy(image.data, page, BLCKSZ);
    for (int i = 0; i < count; ++i) {
        char *const copy = image.data + (reinterpret_cast<char *>(ahead[i]) - static_cast<char *>(page));
        *counter_of(reinterpret_cast<HeapTupleHeader>(copy)) = end_of_block(*counter_of(ahead[i]));
    }
    const XLogRecPtr logged = log_page_image(rel, BufferGetBlockNumber(buffer), image.data);
    PageSetLSN(page, logged);
    for (int i = 0; i < count; ++i)
        mark_of(ahead[i]) = mark_for(rel, logged);
}

// In the transaction that made a version its command id is in use.
bool pays_ahead(Page page, HeapTupleHeader version, bool begins_block) {
    const PageHeader header = reinterpret_cast<PageHeader>(page);
    return !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(version)) &&
           (begins_block || header->pd_lower + BLCKSZ - header->pd_upper <= kSmallImage);
}

} // namespace

void write_logged(Relation rel, Buffer buffer, HeapTupleHeader version, int64 value) {
    START_CRIT_SECTION();
    *counter_of(version) = value;
    MarkBufferDirty(buffer);
    if (RelationNeedsWAL(rel))
        log_exactly(buffer, counter_of(version));
    END_CRIT_SECTION();
}

void write_ahead(Relation rel, Buffer buffer, HeapTupleHeader version, int64 value) {
    Page page = BufferGetPage(buffer);
    int64 *const counter = counter_of(version);
    const bool begins_block = value > end_of_block(*counter);
    // Dirty before the redo pointer is read: a checkpoint that moves it later than that will write the page.
    MarkBufferDirty(buffer);
    if (!begins_block && is_ahead(rel, page, version)) {
        *counter = value;
        return;
    }
    if (!RelationNeedsWAL(rel) || !pays_ahead(page, version, begins_block))
        return write_logged(rel, buffer, version, value);
    START_CRIT_SECTION();
    *counter = value;
    log_ahead(rel, buffer, version);
    END_CRIT_SECTION();
}

void write_exactly(Relation rel, Buffer buffer, HeapTupleHeader version) {
    if (!(mark_of(version) & kMarked) || HeapTupleHeaderGetNatts(version) < 3)
        return;
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    write_logged(rel, buffer, version, *counter_of(version));
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

} // namespace ticketflow::pg::numbering::row
