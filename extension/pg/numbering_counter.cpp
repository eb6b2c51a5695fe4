// A counter is a row of ticket_counters that this file changes in place, under the exclusive lock of its
// page, logged through GenericXLog. That makes it behave like a sequence: a number taken stays taken when its
// transaction rolls back, nobody waits for anybody's commit, and after a crash or a promotion the counter is
// at least what any committed transaction saw. The first number of a period inserts the row frozen (visible
// at once, to everybody, whatever becomes of the transaction) under a short lock, so that a new year has no
// first user to wait for. Unlike a sequence's state the row is plain data: it is dumped, restored and read
// like any other.
#include "pg/numbering_counter.h"

#include "pg/compat.h"

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
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <nodes/execnodes.h>
#include <storage/bufmgr.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

constexpr AttrNumber kLastNumber = 1, kPrefix = 2, kPeriod = 3;

struct Place {
    ItemPointerData tid;
};

std::unordered_map<std::string, Place> places;
uint64_t places_changes = 0;

std::string place_key(Oid table, const std::string &prefix, const std::string &period) {
    std::string key(reinterpret_cast<const char *>(&table), sizeof table);
    key.append(prefix).append(1, ' ').append(period);
    return key;
}

// Nothing below this line and above the next comment of its kind has a destructor: it runs inside call().

constexpr char kCounterHint[] = "Do not update ticket_counters by hand; use resync_ticket_numbers().";

Oid key_index(Relation rel) {
    List *indexes = RelationGetIndexList(rel);
    if (!OidIsValid(rel->rd_pkindex))
        raise_inside_call(core::Condition::undefined_object, psprintf("table \"%s\" has no primary key", RelationGetRelationName(rel)), "", "");
    list_free(indexes);
    return rel->rd_pkindex;
}

// The row's place, by the primary key; sees rows of other sessions as soon as they are there.
bool find_row(Relation rel, const char *prefix, const char *period, ItemPointer tid) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], kPrefix, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(prefix));
    ScanKeyInit(&keys[1], kPeriod, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(period));
    SysScanDesc scan = systable_beginscan(rel, key_index(rel), true, SnapshotSelf, 2, keys);
    HeapTuple tuple = systable_getnext(scan);
    const bool found = HeapTupleIsValid(tuple);
    if (found)
        *tid = tuple->t_self;
    systable_endscan(scan);
    return found;
}

void insert_index_entries(Relation rel, HeapTuple tuple) {
    CatalogIndexState indexes = CatalogOpenIndexes(rel);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(tuple, slot, false);
    slot->tts_tid = tuple->t_self;
    for (int i = 0; i < indexes->ri_NumIndices; ++i) {
        IndexInfo *info = indexes->ri_IndexRelationInfo[i];
        Relation index = indexes->ri_IndexRelationDescs[i];
        Datum values[INDEX_MAX_KEYS];
        bool nulls[INDEX_MAX_KEYS];
        if (!info->ii_ReadyForInserts)
            continue;
        FormIndexDatum(info, slot, nullptr, values, nulls);
        index_insert(index, values, nulls, &tuple->t_self, rel,
                     index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
    }
    ExecDropSingleTupleTableSlot(slot);
    CatalogCloseIndexes(indexes);
}

HeapTuple form_row(Relation rel, const char *prefix, const char *period, int64 last) {
    Datum values[3] = {Int64GetDatum(last), CStringGetTextDatum(prefix), CStringGetTextDatum(period)};
    bool nulls[3] = {false, false, false};
    return heap_form_tuple(RelationGetDescr(rel), values, nulls);
}

void insert_frozen(Relation rel, const char *prefix, const char *period, int64 last, ItemPointer tid) {
    HeapTuple tuple = form_row(rel, prefix, period, last);
    heap_insert(rel, tuple, GetCurrentCommandId(true), HEAP_INSERT_FROZEN, nullptr);
    insert_index_entries(rel, tuple);
    *tid = tuple->t_self;
}

// The counter inside its page, or null where the row at this place is not (or no longer) the one we look for.
int64 *counter_in(Relation rel, Buffer buffer, ItemPointer tid, const char *prefix, const char *period) {
    Page page = BufferGetPage(buffer);
    const OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
    if (PageIsNew(page) || offset > PageGetMaxOffsetNumber(page))
        return nullptr;
    ItemId item = PageGetItemId(page, offset);
    if (!ItemIdIsNormal(item))
        return nullptr;
    HeapTupleData tuple;
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
    tuple.t_len = ItemIdGetLength(item);
    tuple.t_self = *tid;
    tuple.t_tableOid = RelationGetRelid(rel);
    // A row whose transaction rolled back stays at its place until VACUUM.
    if (!HeapTupleSatisfiesVisibility(&tuple, SnapshotSelf, buffer))
        return nullptr;
    if (!(tuple.t_data->t_infomask & HEAP_XMAX_INVALID) &&
        !HEAP_XMAX_IS_LOCKED_ONLY(tuple.t_data->t_infomask))
        return nullptr;
    bool isnull;
    const struct {
        AttrNumber column;
        const char *text;
    } wanted[] = {{kPrefix, prefix}, {kPeriod, period}};
    for (const auto &want : wanted) {
        struct varlena *value = reinterpret_cast<struct varlena *>(
            DatumGetPointer(heap_getattr(&tuple, want.column, RelationGetDescr(rel), &isnull)));
        if (isnull || VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value) ||
            VARSIZE_ANY_EXHDR(value) != strlen(want.text) ||
            memcmp(VARDATA_ANY(value), want.text, VARSIZE_ANY_EXHDR(value)) != 0)
            return nullptr;
    }
    return reinterpret_cast<int64 *>(reinterpret_cast<char *>(tuple.t_data) + tuple.t_data->t_hoff);
}

enum class Change { take, raise };

struct Request {
    Change change;
    int64 amount;   // take: how many; raise: at least
    int64 previous; // answer: the last number before
    bool changed;
};

// Changes eight bytes of a page that is locked exclusively. The record is what GenericXLog would write for it
// (one region: offset, length, bytes), without its two copies of the page, which cost as much as the rest of
// a draw.
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

// False where the row is not at that place.
bool change_in_place(Relation rel, ItemPointer tid, const char *prefix, const char *period,
                     Request *request) {
    Buffer buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(tid));
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    int64 *counter = counter_in(rel, buffer, tid, prefix, period);
    if (!counter) {
        UnlockReleaseBuffer(buffer);
        return false;
    }
    request->previous = *counter;
    const int64 next =
        request->change == Change::take ? *counter + request->amount : Max(*counter, request->amount);
    request->changed = next != *counter && next <= core::kMaxNumber;
    if (request->changed)
        write_logged(rel, buffer, counter, next);
    UnlockReleaseBuffer(buffer);
    return true;
}

Relation open_counters(Oid table) {
    Relation rel = table_open(table, RowExclusiveLock);
    TupleDesc columns = RelationGetDescr(rel);
    if (rel->rd_rel->relkind != RELKIND_RELATION || columns->natts != 3 ||
        TupleDescAttr(columns, 0)->atttypid != INT8OID || !TupleDescAttr(columns, 0)->attnotnull ||
        TupleDescAttr(columns, 1)->atttypid != VARCHAROID || TupleDescAttr(columns, 2)->atttypid != TEXTOID)
        ereport(
            ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
            errmsg("table \"%s\" does not hold ticket counters", RelationGetRelationName(rel)),
            errhint("Its columns are last_number, prefix and period, as ticketflow.deploy() makes them."));
    return rel;
}

// Two periods of different kinds overlap where one is inside the other: 2026 and 2026-11, and "" and any.
bool overlap(const char *one, const char *other) {
    const size_t length = strlen(one), other_length = strlen(other);
    return length != other_length && strncmp(one, other, Min(length, other_length)) == 0;
}

struct Row {
    int64 last;
    const char *period;
};

// The counters of one series, in the current memory context.
struct Rows {
    Row *rows;
    int count;
};

Rows rows_of(Relation rel, const char *prefix) {
    Rows result{static_cast<Row *>(palloc(sizeof(Row) * 16)), 0};
    int room = 16;
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

// A period that begins goes on where an overlapping one is: a series that changed its reset must not start
// again.
int64 first_value(Relation rel, const char *prefix, const char *period, int64 initial) {
    const Rows rows = rows_of(rel, prefix);
    for (int i = 0; i < rows.count; ++i)
        if (overlap(rows.rows[i].period, period))
            initial = Max(initial, rows.rows[i].last);
    return initial;
}

// Finds or makes the row. The page lock is held for the insert only: nobody waits for a transaction.
void find_or_insert(Relation rel, const char *prefix, const char *period, int64 initial, ItemPointer tid) {
    if (find_row(rel, prefix, period, tid))
        return;
    LockPage(rel, 0, ExclusiveLock);
    if (!find_row(rel, prefix, period, tid))
        insert_frozen(rel, prefix, period, first_value(rel, prefix, period, initial), tid);
    UnlockPage(rel, 0, ExclusiveLock);
}

void change_row(Oid table, const char *prefix, const char *period, int64 initial, ItemPointer tid, bool known,
                Request *request) {
    Relation rel = open_counters(table);
    // Without a transaction id the commit would not wait for the counter's log record.
    GetTopTransactionId();
    for (int attempt = 0; !known || !change_in_place(rel, tid, prefix, period, request); ++attempt) {
        if (attempt > 100)
            raise_inside_call(core::Condition::object_in_use, psprintf("the counter of series \"%s\" is being changed by a transaction", prefix), "", kCounterHint);
        if (attempt > 0)
            pg_usleep(1000);
        CHECK_FOR_INTERRUPTS();
        find_or_insert(rel, prefix, period, initial, tid);
        known = true;
    }
    table_close(rel, NoLock);
}

// The newest visible version of a row, from any of its versions on. False where the place leads nowhere.
bool find_newest(Relation rel, const char *prefix, const char *period, ItemPointer tid) {
    Buffer pinned = ReadBuffer(rel, ItemPointerGetBlockNumber(tid));
    heap_page_prune_opt(rel, pinned);
    ReleaseBuffer(pinned);
    TableScanDesc scan = table_beginscan_tid(rel, SnapshotSelf);
    heap_get_latest_tid(scan, tid);
    table_endscan(scan);
    HeapTupleData tuple;
    Buffer buffer;
    tuple.t_self = *tid;
    if (!heap_fetch(rel, SnapshotSelf, &tuple, &buffer, false))
        return false;
    bool isnull;
    const char *own_prefix =
        TextDatumGetCString(heap_getattr(&tuple, kPrefix, RelationGetDescr(rel), &isnull));
    const char *own_period =
        TextDatumGetCString(heap_getattr(&tuple, kPeriod, RelationGetDescr(rel), &isnull));
    ReleaseBuffer(buffer);
    return strcmp(own_prefix, prefix) == 0 && strcmp(own_period, period) == 0;
}

// Locks the row as SELECT FOR NO KEY UPDATE does, whatever the isolation level, and returns its number. A row
// lock, unlike a lock of the lock manager, is not handed to a sleeping process: who runs takes it, which
// keeps the series busy.
int64 lock_row(Relation rel, const char *prefix, ItemPointer tid) {
    TupleTableSlot *slot = table_slot_create(rel, nullptr);
    TM_FailureData failure;
    const TM_Result result =
        table_tuple_lock(rel, tid, SnapshotSelf, slot, GetCurrentCommandId(false), LockTupleNoKeyExclusive,
                         LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
    if (result != TM_Ok)
        raise_inside_call(core::Condition::object_in_use, psprintf("the counter of series \"%s\" is being changed by a transaction", prefix), "", kCounterHint);
    bool isnull;
    const int64 last = DatumGetInt64(slot_getattr(slot, kLastNumber, &isnull));
    *tid = slot->tts_tid;
    ExecDropSingleTupleTableSlot(slot);
    return last;
}

// Here destructors are allowed again.

void forget_moved_places() {
    if (places_changes != relation_changes()) {
        places.clear();
        places_changes = relation_changes();
    }
}

Request change(const Home &home, const std::string &prefix, const std::string &period, int64_t initial,
               Change kind, int64_t amount) {
    forget_moved_places();
    const std::string key = place_key(home.counters_table, prefix, period);
    const auto found = places.find(key);
    ItemPointerData tid;
    const bool known = found != places.end();
    if (known)
        tid = found->second.tid;
    Request request{kind, amount, 0, false};
    const char *prefix_text = prefix.c_str(), *period_text = period.c_str();
    const Oid table = home.counters_table;
    call([&tid, &request, known, prefix_text, period_text, table, initial] {
        change_row(table, prefix_text, period_text, initial, &tid, known, &request);
    });
    if (!known || !ItemPointerEquals(&tid, &found->second.tid))
        places[key] = {tid};
    return request;
}

} // namespace

int64_t counter_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count) {
    const Request request = change(home, prefix, period, start - 1, Change::take, count);
    if (!request.changed)
        throw_exhausted(prefix, period, request.previous);
    return request.previous + 1;
}

std::optional<int64_t> counter_peek(const Home &home, const std::string &prefix, const std::string &period) {
    const char *prefix_text = prefix.c_str(), *period_text = period.c_str();
    const Oid table = home.counters_table;
    int64 last = 0;
    const bool found = call([=, &last] {
        Relation rel = table_open(table, AccessShareLock);
        const Rows rows = rows_of(rel, prefix_text);
        table_close(rel, AccessShareLock);
        bool overlapping = false, exact = false;
        for (int i = 0; i < rows.count && !exact; ++i) {
            exact = strcmp(rows.rows[i].period, period_text) == 0;
            if (exact || overlap(rows.rows[i].period, period_text)) {
                last = exact ? rows.rows[i].last : Max(last, rows.rows[i].last);
                overlapping = true;
            }
        }
        return overlapping;
    });
    return found ? std::optional<int64_t>(last) : std::nullopt;
}

bool counter_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number) {
    return change(home, prefix, period, start - 1, Change::raise, number).changed;
}

GaplessRow counter_lock(const Home &home, const std::string &prefix, const std::string &period,
                        int64_t start) {
    forget_moved_places();
    const std::string key = place_key(home.counters_table, prefix, period);
    const auto found = places.find(key);
    GaplessRow row{{}, 0};
    const bool known = found != places.end();
    if (known)
        row.tid = found->second.tid;
    const char *prefix_text = prefix.c_str(), *period_text = period.c_str();
    const Oid table = home.counters_table;
    call([=, &row] {
        Relation rel = open_counters(table);
        if (!known || !find_newest(rel, prefix_text, period_text, &row.tid))
            find_or_insert(rel, prefix_text, period_text, start - 1, &row.tid);
        row.last = lock_row(rel, prefix_text, &row.tid);
        table_close(rel, NoLock);
    });
    places[key] = {row.tid};
    return row;
}

void counter_write(Oid counters_table, const std::string &prefix, const std::string &period,
                   ItemPointerData tid, int64_t last) {
    const char *prefix_text = prefix.c_str(), *period_text = period.c_str();
    const ItemPointerData written = call([=] {
        ItemPointerData at = tid;
        Relation rel = open_counters(counters_table);
        HeapTuple tuple = form_row(rel, prefix_text, period_text, last);
        if (update_row(rel, &at, tuple))
            insert_index_entries(rel, tuple);
        table_close(rel, NoLock);
        return tuple->t_self;
    });
    // Should the transaction still fail, the place leads nowhere and the row is looked up again.
    const auto found = places.find(place_key(counters_table, prefix, period));
    if (found != places.end())
        found->second.tid = written;
}

bool counter_exists(Oid counters_table, const std::string &prefix) {
    const char *prefix_text = prefix.c_str();
    return call([=] {
        Relation rel = table_open(counters_table, AccessShareLock);
        const Rows rows = rows_of(rel, prefix_text);
        table_close(rel, AccessShareLock);
        return rows.count > 0;
    });
}

void counter_align(const Home &home, const std::string &prefix, size_t period_length) {
    const char *prefix_text = prefix.c_str();
    const Oid table = home.counters_table;
    const Rows rows = call([=] {
        Relation rel = table_open(table, AccessShareLock);
        const Rows found = rows_of(rel, prefix_text);
        table_close(rel, AccessShareLock);
        return found;
    });
    for (int i = 0; i < rows.count; ++i)
        for (int j = 0; j < rows.count && strlen(rows.rows[i].period) == period_length; ++j)
            if (overlap(rows.rows[i].period, rows.rows[j].period))
                counter_raise(home, prefix, rows.rows[i].period, 1, rows.rows[j].last);
}

void throw_exhausted(const std::string &prefix, const std::string &period, int64_t last) {
    throw Failure(Condition::sequence_limit_exceeded,
                  "ticket series \"" + prefix + "\" has no number left" +
                      (period.empty() ? "" : " in " + period),
                  "Its last number is " + std::to_string(last) + "; a number has at most 12 digits.",
                  "Begin a new series with another prefix.");
}

} // namespace ticketflow::pg::numbering
