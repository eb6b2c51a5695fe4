#include "pg/numbering_row.h"

#include "core/numbering_mask.h"
#include "pg/owner.h"

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/rmgr.h>
#include <access/skey.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <access/xloginsert.h>
#include <catalog/index.h>
#include <catalog/indexing.h>
#include <catalog/pg_am.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <nodes/execnodes.h>
#include <rewrite/rewriteHandler.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::numbering::row {

namespace {

using core::Condition;

constexpr AttrNumber kLastNumber = 1, kPrefix = 2, kPeriod = 3;

Oid key_index(Relation rel) {
    List *indexes = RelationGetIndexList(rel);
    if (!OidIsValid(rel->rd_pkindex))
        raise_inside_call(Condition::undefined_object,
                          psprintf("table \"%s\" has no primary key", RelationGetRelationName(rel)), "", "");
    list_free(indexes);
    return rel->rd_pkindex;
}

// Indexes and defaults may call functions: the owner's code, which gets no rights of who draws a number.
void insert_index_entries(Relation rel, HeapTuple tuple) {
    const Borrowed own = become(rel->rd_rel->relowner);
    EState *state = CreateExecutorState();
    CatalogIndexState indexes = CatalogOpenIndexes(rel);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(tuple, slot, false);
    slot->tts_tid = tuple->t_self;
    GetPerTupleExprContext(state)->ecxt_scantuple = slot;
    for (int i = 0; i < indexes->ri_NumIndices; ++i) {
        IndexInfo *info = indexes->ri_IndexRelationInfo[i];
        Relation index = indexes->ri_IndexRelationDescs[i];
        Datum values[INDEX_MAX_KEYS];
        bool nulls[INDEX_MAX_KEYS];
        if (!info->ii_ReadyForInserts ||
            (info->ii_Predicate && !ExecQual(ExecPrepareQual(info->ii_Predicate, state), GetPerTupleExprContext(state))))
            continue;
        FormIndexDatum(info, slot, state, values, nulls);
        index_insert(index, values, nulls, &tuple->t_self, rel,
                     index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
    }
    ExecDropSingleTupleTableSlot(slot);
    CatalogCloseIndexes(indexes);
    FreeExecutorState(state);
    give_back(own);
}

// Columns that somebody added have their defaults.
HeapTuple form_row(Relation rel, Key key, int64 last) {
    const Borrowed own = become(rel->rd_rel->relowner);
    TupleDesc columns = RelationGetDescr(rel);
    Datum *values = static_cast<Datum *>(palloc0(sizeof(Datum) * columns->natts));
    bool *nulls = static_cast<bool *>(palloc0(sizeof(bool) * columns->natts));
    values[0] = Int64GetDatum(last);
    values[1] = CStringGetTextDatum(key.prefix);
    values[2] = CStringGetTextDatum(key.period);
    for (int i = 3; i < columns->natts; ++i) {
        Expr *expression = TupleDescAttr(columns, i)->attisdropped
                               ? nullptr
                               : reinterpret_cast<Expr *>(build_column_default(rel, i + 1));
        nulls[i] = !expression;
        if (!expression)
            continue;
        EState *state = CreateExecutorState();
        values[i] = ExecEvalExprSwitchContext(ExecPrepareExpr(expression, state), GetPerTupleExprContext(state), &nulls[i]);
        if (!nulls[i])
            values[i] = datumCopy(values[i], TupleDescAttr(columns, i)->attbyval, TupleDescAttr(columns, i)->attlen);
        FreeExecutorState(state);
    }
    give_back(own);
    return heap_form_tuple(columns, values, nulls);
}

// The next version of a row: what else is in it stays.
HeapTuple next_version(Relation rel, ItemPointer tid, int64 last) {
    HeapTupleData old;
    Buffer buffer;
    old.t_self = *tid;
    if (!heap_fetch(rel, SnapshotAny, &old, &buffer, false))
        return nullptr;
    int column = kLastNumber;
    Datum value = Int64GetDatum(last);
    bool isnull = false;
    HeapTuple row = heap_modify_tuple_by_cols(&old, RelationGetDescr(rel), 1, &column, &value, &isnull);
    ReleaseBuffer(buffer);
    return row;
}

// A period that begins goes on where an overlapping one is: a series that changed its reset must not start again.
int64 first_value(Relation rel, Key key, int64 initial) {
    const Rows rows = of_series(rel, key.prefix);
    for (int i = 0; i < rows.count; ++i)
        if (overlap(rows.rows[i].period, key.period))
            initial = Max(initial, rows.rows[i].last);
    return initial;
}

void insert_frozen(Relation rel, Key key, int64 last, Root *root) {
    HeapTuple tuple = form_row(rel, key, last);
    heap_insert(rel, tuple, GetCurrentCommandId(true), HEAP_INSERT_FROZEN, nullptr);
    insert_index_entries(rel, tuple);
    root->tid = tuple->t_self;
}

// A row that ADD COLUMN left behind stores no counter that could be changed in place.
bool stores_all(HeapTuple tuple) {
    return HeapTupleHeaderGetNatts(tuple->t_data) >= 3 && tuple->t_len >= tuple->t_data->t_hoff + sizeof(int64);
}

// Whether a row that stores all of its first three columns is of this key.
bool is_of(HeapTuple tuple, Key key) {
    char *at = reinterpret_cast<char *>(tuple->t_data) + tuple->t_data->t_hoff + sizeof(int64);
    for (const char *wanted : {key.prefix, key.period}) {
        at = reinterpret_cast<char *>(att_align_pointer(at, TYPALIGN_INT, -1, at));
        const size_t length = strlen(wanted);
        if (VARATT_IS_EXTERNAL(at) || VARATT_IS_COMPRESSED(at) || VARSIZE_ANY_EXHDR(at) != length ||
            memcmp(VARDATA_ANY(at), wanted, length) != 0)
            return false;
        at += VARSIZE_ANY(at);
    }
    return true;
}

} // namespace

Relation open(Oid table) {
    Relation rel = table_open(table, NoLock);
    TupleDesc columns = RelationGetDescr(rel);
    if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relam != HEAP_TABLE_AM_OID ||
        columns->natts < 3)
        refuse(rel);
    // Further columns do no harm; these three must be where they are.
    static constexpr struct {
        const char *name;
        Oid type;
    } kColumns[] = {{"last_number", INT8OID}, {"prefix", VARCHAROID}, {"period", TEXTOID}};
    for (int i = 0; i < 3; ++i) {
        const FormData_pg_attribute &column = *TupleDescAttr(columns, i);
        if (column.attisdropped || !column.attnotnull || column.atttypid != kColumns[i].type ||
            strcmp(NameStr(column.attname), kColumns[i].name) != 0)
            refuse(rel);
    }
    return rel;
}

void refuse(Relation rel) {
    raise_inside_call(Condition::wrong_object_type,
                      psprintf("table \"%s\" does not hold ticket counters", RelationGetRelationName(rel)), "",
                      "Its first columns are last_number bigint, prefix varchar and period text, as ticketflow.deploy() makes them.");
}

void refuse_changed(const char *prefix) {
    raise_inside_call(Condition::object_in_use,
                      psprintf("the counter of series \"%s\" was changed by hand in this command", prefix), "",
                      "Do not update ticket_counters by hand; use resync_ticket_numbers().");
}

bool find_root(Relation rel, Key key, Root *root) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], kPrefix, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(key.prefix));
    ScanKeyInit(&keys[1], kPeriod, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(key.period));
    SysScanDesc scan = systable_beginscan(rel, key_index(rel), true, SnapshotSelf, 2, keys);
    HeapTuple tuple = systable_getnext(scan);
    const bool found = HeapTupleIsValid(tuple);
    if (found) {
        OffsetNumber roots[MaxHeapTuplesPerPage];
        root->tid = tuple->t_self;
        Buffer buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&root->tid));
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        heap_get_root_tuples(BufferGetPage(buffer), roots);
        UnlockReleaseBuffer(buffer);
        const OffsetNumber offset = roots[ItemPointerGetOffsetNumber(&root->tid) - 1];
        if (OffsetNumberIsValid(offset))
            ItemPointerSetOffsetNumber(&root->tid, offset);
    }
    systable_endscan(scan);
    return found;
}

void find_or_insert(Relation rel, Key key, int64 initial, Root *root) {
    if (find_root(rel, key, root))
        return;
    // Held for the insert only: nobody waits for a transaction.
    LockPage(rel, 0, ExclusiveLock);
    if (!find_root(rel, key, root))
        insert_frozen(rel, key, first_value(rel, key, initial), root);
    UnlockPage(rel, 0, ExclusiveLock);
}

HeapTupleHeader fetch(Relation rel, Key key, Root *root, int mode, Buffer *buffer, ItemPointer tid) {
    HeapTupleData tuple;
    *tid = root->tid;
    *buffer = root->buffer = read_again(rel, ItemPointerGetBlockNumber(tid), root->buffer);
    LockBuffer(*buffer, mode);
    if (heap_hot_search_buffer(tid, rel, *buffer, SnapshotSelf, &tuple, nullptr, true)) {
        if (!stores_all(&tuple)) {
            UnlockReleaseBuffer(*buffer);
            refuse(rel);
        }
        if (is_of(&tuple, key))
            return tuple.t_data;
    }
    UnlockReleaseBuffer(*buffer);
    return nullptr;
}

int64 *counter_of(HeapTupleHeader version) {
    return reinterpret_cast<int64 *>(reinterpret_cast<char *>(version) + version->t_hoff);
}

// The record is what GenericXLog would write for it (one region: offset, length, bytes), without its two copies of the
// page, which cost as much as the rest of a draw.
void write_logged(Relation rel, Buffer buffer, int64 *place, int64 value) {
    Page page = BufferGetPage(buffer);
    const uint16 offset = static_cast<uint16>(reinterpret_cast<char *>(place) - static_cast<char *>(page));
    const uint16 length = sizeof value;
    char region[sizeof offset + sizeof length + sizeof value];
    memcpy(region, &offset, sizeof offset);
    memcpy(region + sizeof offset, &length, sizeof length);
    memcpy(region + sizeof offset + sizeof length, &value, sizeof value);
    START_CRIT_SECTION();
    *place = value;
    MarkBufferDirty(buffer);
    if (RelationNeedsWAL(rel)) {
        XLogBeginInsert();
        XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
        XLogRegisterBufData(0, region, sizeof region);
        const XLogRecPtr end = XLogInsert(RM_GENERIC_ID, 0);
        PageSetLSN(page, end);
    }
    END_CRIT_SECTION();
}

bool update(Relation rel, Key key, int64 last, ItemPointer tid) {
    HeapTuple tuple = next_version(rel, tid, last);
    bool moved;
    if (!tuple)
        return false;
    switch (update_row(rel, tid, tuple, &moved)) {
    case TM_Ok:
        if (moved)
            insert_index_entries(rel, tuple);
        *tid = tuple->t_self;
        return true;
    case TM_Updated:
    case TM_Deleted:
        return false;
    default:
        refuse_changed(key.prefix);
    }
}

Rows of_series(Relation rel, const char *prefix) {
    int room = 16;
    Rows result{static_cast<Row *>(palloc(sizeof(Row) * room)), 0};
    ScanKeyData key;
    ScanKeyInit(&key, kPrefix, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(prefix));
    SysScanDesc scan = systable_beginscan(rel, key_index(rel), true, SnapshotSelf, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool isnull;
        if (result.count == room)
            result.rows = static_cast<Row *>(repalloc(result.rows, sizeof(Row) * (room *= 2)));
        result.rows[result.count++] = {
            DatumGetInt64(heap_getattr(tuple, kLastNumber, RelationGetDescr(rel), &isnull)),
            TextDatumGetCString(heap_getattr(tuple, kPeriod, RelationGetDescr(rel), &isnull))};
    }
    systable_endscan(scan);
    return result;
}

bool overlap(const char *one, const char *other) {
    const size_t length = strlen(one), other_length = strlen(other);
    return length != other_length && strncmp(one, other, Min(length, other_length)) == 0;
}

} // namespace ticketflow::pg::numbering::row
