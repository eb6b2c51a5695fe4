#include "pg/audit_index.h"

extern "C" {
#include <access/amapi.h>
#include <access/brin.h>
#include <access/genam.h>
#include <access/transam.h>
#include <catalog/pg_am.h>
#include <catalog/pg_index.h>
#include <storage/bufmgr.h>
}

namespace ticketflow::pg::audit {
namespace {

// Nothing but PostgreSQL's own code orders the values: an operator class of somebody's would have to run with its owner's rights.
bool has_own_functions(Relation index) {
    const int count = IndexRelationGetNumberOfKeyAttributes(index) * index->rd_indam->amsupport;
    for (int i = 0; i < count; ++i)
        if (index->rd_support[i] >= FirstNormalObjectId)
            return true;
    return false;
}

bool is_plain(Relation index) {
    const Form_pg_index form = index->rd_index;
    return !has_own_functions(index) && (index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == BRIN_AM_OID) && form->indimmediate &&
           !form->indisexclusion && heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr) &&
           heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
}

void fill_one(Relation index, IndexInfo *info, Relation table, TupleTableSlot *row) {
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    const Form_pg_index form = index->rd_index;
    for (int k = 0; k < form->indnatts; ++k)
        values[k] = slot_getattr(row, form->indkey.values[k], &nulls[k]);
    (void) index_insert(index, values, nulls, &row->tts_tid, table, form->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
}

// A range of pages that has no summary yet gets nothing from a row; and who summarises it from now on sees the rows, which
// are in the table. So the index is asked once a range, where core asks it once a row.
void fill_brin(Relation index, IndexInfo *info, Relation table, TupleTableSlot **rows, int count) {
    compat::RangeMap map(index);
    BlockNumber range = InvalidBlockNumber;
    bool summarised = false;
    for (int i = 0; i < count; ++i) {
        const BlockNumber its = ItemPointerGetBlockNumber(&rows[i]->tts_tid) / map.pages_per_range();
        const bool is_new = its != range;
        if (is_new || summarised)
            fill_one(index, info, table, rows[i]);
        if (is_new)
            summarised = map.has_summary(its * map.pages_per_range());
        range = its;
    }
    map.close();
}

} // namespace

bool open_plain_indexes(PlainIndexes &open, Relation table) {
    List *const list = RelationGetIndexList(table);
    open.count = 0;
    open.indexes = static_cast<Relation *>(palloc(sizeof(Relation) * static_cast<Size>(list_length(list) + 1)));
    open.infos = static_cast<IndexInfo **>(palloc(sizeof(IndexInfo *) * static_cast<Size>(list_length(list) + 1)));
    bool plain = true;
    ListCell *cell;
    foreach (cell, list) {
        Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
        plain = plain && is_plain(index);
        if (!index->rd_index->indisready) {
            index_close(index, RowExclusiveLock);
            continue;
        }
        // What BuildIndexInfo() reads beside these is for the executor.
        IndexInfo *const info = makeNode(IndexInfo);
        info->ii_NumIndexAttrs = index->rd_index->indnatts;
        info->ii_NumIndexKeyAttrs = index->rd_index->indnkeyatts;
        info->ii_Context = CurrentMemoryContext;
        open.infos[open.count] = info;
        open.indexes[open.count++] = index;
    }
    list_free(list);
    if (!plain)
        close_plain_indexes(open);
    return plain;
}

void fill_plain_indexes(PlainIndexes &open, Relation table, TupleTableSlot **rows, int count) {
    for (int x = 0; x < open.count; ++x) {
        if (open.indexes[x]->rd_rel->relam == BRIN_AM_OID && count > 1)
            fill_brin(open.indexes[x], open.infos[x], table, rows, count);
        else
            for (int i = 0; i < count; ++i)
                fill_one(open.indexes[x], open.infos[x], table, rows[i]);
    }
}

void close_plain_indexes(PlainIndexes &open) {
    for (int x = 0; x < open.count; ++x) {
        compat::end_index_inserts(open.indexes[x], open.infos[x]);
        index_close(open.indexes[x], RowExclusiveLock);
    }
    open.count = 0;
}

} // namespace ticketflow::pg::audit
