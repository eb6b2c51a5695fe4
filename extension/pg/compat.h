// Everything that differs between PostgreSQL 15, 16, 17 and 18. No other file looks at PG_VERSION_NUM.
#pragma once

extern "C" {
#include <postgres.h>
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "TicketFlow supports PostgreSQL 15 to 18"
#endif

#if PG_VERSION_NUM >= 160000
extern "C" {
#include <varatt.h>
}
#endif

extern "C" {
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/relscan.h>
#include <access/xact.h>
#include <catalog/pg_class.h>
#include <catalog/pg_proc.h>
#include <miscadmin.h>
#include <utils/acl.h>
#include <utils/snapmgr.h>
#include <commands/vacuum.h>
#include <pgstat.h>
#include <storage/bufmgr.h>
#include <tcop/dest.h>
#include <utils/rel.h>
}

namespace ticketflow::pg {

// Sleeps when VACUUM's cost limit is reached; looks for interrupts.
inline void vacuum_delay() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

// For pg_stat_all_indexes and EXPLAIN ANALYZE.
inline void count_index_scan(IndexScanDesc scan) {
    pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
    if (scan->instrument)
        scan->instrument->nsearches++;
#endif
}

// The file that holds a relation now; another one after REINDEX or TRUNCATE.
struct RelationFile {
    Oid space, database;
    uint32 number;
    bool operator==(const RelationFile &) const = default;
};
inline RelationFile file_of(Relation relation) {
#if PG_VERSION_NUM >= 160000
    return {relation->rd_locator.spcOid, relation->rd_locator.dbOid, relation->rd_locator.relNumber};
#else
    return {relation->rd_node.spcNode, relation->rd_node.dbNode, relation->rd_node.relNode};
#endif
}

// A page of a relation that was once in this buffer, and most probably still is.
inline Buffer read_again(Relation relation, BlockNumber block, Buffer recent) {
    if (recent == InvalidBuffer)
        return ReadBuffer(relation, block);
#if PG_VERSION_NUM >= 160000
    const bool there = ReadRecentBuffer(relation->rd_locator, MAIN_FORKNUM, block, recent);
#else
    const bool there = ReadRecentBuffer(relation->rd_node, MAIN_FORKNUM, block, recent);
#endif
    return there ? recent : ReadBuffer(relation, block);
}

// Whether the current user owns a relation.
inline bool owns_relation(Oid relation) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relation, GetUserId());
#else
    return pg_class_ownercheck(relation, GetUserId());
#endif
}

// Where EXPLAIN ANALYZE sends the rows.
inline bool discards_rows(CommandDest destination) {
#if PG_VERSION_NUM >= 170000
    if (destination == DestExplainSerialize)
        return true;
#endif
    return destination == DestNone || destination == DestIntoRel;
}

// Whether the current user may call a function.
inline bool may_execute(Oid function) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#else
    return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

// A new version of a row, as UPDATE makes it; moved says whether its indexes need entries.
inline TM_Result update_row(Relation relation, ItemPointer at, HeapTuple row, bool *moved) {
    TM_FailureData failure;
    LockTupleMode mode;
#if PG_VERSION_NUM >= 160000
    TU_UpdateIndexes indexes;
    const TM_Result result = heap_update(relation, at, row, GetCurrentCommandId(true), InvalidSnapshot, true, &failure, &mode, &indexes);
    *moved = result == TM_Ok && indexes == TU_All;
#else
    const TM_Result result = heap_update(relation, at, row, GetCurrentCommandId(true), InvalidSnapshot, true, &failure, &mode);
    *moved = result == TM_Ok && !HeapTupleIsHeapOnly(row);
#endif
    return result;
}

} // namespace ticketflow::pg

extern "C" {
#include <access/brin_revmap.h>
#include <access/genam.h>
#include <catalog/pg_attribute.h>
#include <executor/executor.h>
#include <storage/bufmgr.h>
#include <utils/regproc.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

namespace ticketflow::pg::compat {

inline List *qualified_name_list(const char *name) {
#if PG_VERSION_NUM >= 160000
    return stringToQualifiedNameList(name, nullptr);
#else
    return stringToQualifiedNameList(name);
#endif
}

// Virtual generated columns have no value in the tuples that a trigger sees.
inline bool is_virtual_generated([[maybe_unused]] Form_pg_attribute attribute) {
#if PG_VERSION_NUM >= 180000
    return attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
    return false;
#endif
}

// Which page ranges of a table a BRIN index has a summary for.
class RangeMap {
  public:
    explicit RangeMap(Relation index) {
#if PG_VERSION_NUM >= 170000
        map_ = brinRevmapInitialize(index, &pages_per_range_);
#else
        map_ = brinRevmapInitialize(index, &pages_per_range_, nullptr);
#endif
    }
    BlockNumber pages_per_range() const { return pages_per_range_; }
    bool has_summary(BlockNumber first_page) {
        Buffer buffer = InvalidBuffer;
        OffsetNumber at;
        Size size;
#if PG_VERSION_NUM >= 170000
        const bool found = brinGetTupleForHeapBlock(map_, first_page, &buffer, &at, &size, BUFFER_LOCK_SHARE) != nullptr;
#else
        const bool found = brinGetTupleForHeapBlock(map_, first_page, &buffer, &at, &size, BUFFER_LOCK_SHARE, nullptr) != nullptr;
#endif
        if (found)
            LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
        if (BufferIsValid(buffer))
            ReleaseBuffer(buffer);
        return found;
    }
    void close() { brinRevmapTerminate(map_); }

  private:
    BrinRevmap *map_;
    BlockNumber pages_per_range_;
};

// What an index kept between the rows of one statement.
inline void end_index_inserts([[maybe_unused]] Relation index, [[maybe_unused]] IndexInfo *info) {
#if PG_VERSION_NUM >= 170000
    index_insert_cleanup(index, info);
#endif
}

inline void insert_index_tuples(ResultRelInfo *result, TupleTableSlot *slot, EState *estate) {
#if PG_VERSION_NUM >= 160000
    ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL, false);
#else
    ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL);
#endif
}

} // namespace ticketflow::pg::compat
