#include "pg/audit_writer.h"

#include "pg/audit_table.h"

extern "C" {
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/partition.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <mb/pg_wchar.h>
#include <partitioning/partbounds.h>
#include <partitioning/partdesc.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/hsearch.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/partcache.h>
#include <utils/rel.h>
#include <utils/varlena.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

constexpr int kMostPendingRows = 500;
constexpr Size kMostPendingBytes = 4 * 1024 * 1024;
constexpr int kRowsPerInsert = 100;

struct Pending {
    LogRow row;
    SubTransactionId subtransaction;
};

// Rows of one log that wait for their statement to end.
struct Batch {
    Batch *next;
    Oid log;
    const LogShape *shape;
    MemoryContext memory; // of the rows and their values
    Pending *rows;
    int count;
    int capacity;
};

Batch *batches;
int statement_depth;
const PlannedStmt *statement;
ExecutorFinish_hook_type next_finish_hook;

// --- where a column of the shape is in a table

struct Layout {
    Oid table; // hash key
    const LogShape *shape;
    bool fresh;
    AttrNumber attributes[kMostLogColumns];
    int32 longest[kMostLogColumns]; // characters a varchar(n) takes; 0: any
};

HTAB *layouts;

[[noreturn]] void report_wrong_log(Relation table, const char *column, bool exists) {
    raise_inside_call(core::Condition::wrong_object_type,
                      psprintf("table \"%s\" cannot take the log of changes", RelationGetRelationName(table)),
                      psprintf(exists ? "Its column \"%s\" has another type." : "It has no column \"%s\".", column),
                      "Deploy a desk, or give the table the columns that a desk's audit_log has.");
}

[[noreturn]] void report_no_partition(Relation log, TimestampTz at) {
    raise_inside_call(core::Condition::object_not_in_state,
                      psprintf("table \"%s\" has no partition for %s", RelationGetRelationName(log), timestamptz_to_str(at)), "",
                      "Call audit_partitions(), or create a default partition.");
}

void forget_layout(Datum, Oid relation) {
    if (!layouts)
        return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, layouts);
    while (Layout *const layout = static_cast<Layout *>(hash_seq_search(&scan)))
        if (!OidIsValid(relation) || layout->table == relation)
            layout->fresh = false;
}

bool fits(Oid wanted, Oid have) {
    return !OidIsValid(wanted) || wanted == have || (wanted == TEXTOID && have == VARCHAROID);
}

void describe_layout(Layout *layout, Relation table, const LogShape *shape) {
    const TupleDesc row = RelationGetDescr(table);
    for (int c = 0; c < shape->count; ++c) {
        layout->attributes[c] = InvalidAttrNumber;
        layout->longest[c] = 0;
        for (int i = 0; i < row->natts; ++i) {
            const Form_pg_attribute attribute = TupleDescAttr(row, i);
            if (attribute->attisdropped || strcmp(NameStr(attribute->attname), shape->columns[c].name) != 0)
                continue;
            if (!fits(shape->columns[c].type, attribute->atttypid))
                report_wrong_log(table, shape->columns[c].name, true);
            layout->attributes[c] = attribute->attnum;
            if (attribute->atttypid == VARCHAROID && attribute->atttypmod > VARHDRSZ)
                layout->longest[c] = attribute->atttypmod - VARHDRSZ;
        }
        if (shape->columns[c].required && layout->attributes[c] == InvalidAttrNumber)
            report_wrong_log(table, shape->columns[c].name, false);
    }
    layout->shape = shape;
    layout->fresh = true;
}

const Layout *layout_of(Relation table, const LogShape *shape) {
    if (!layouts) {
        HASHCTL control = {};
        control.keysize = sizeof(Oid);
        control.entrysize = sizeof(Layout);
        layouts = hash_create("ticketflow log layouts", 32, &control, HASH_ELEM | HASH_BLOBS);
    }
    const Oid key = RelationGetRelid(table);
    bool found;
    Layout *const layout = static_cast<Layout *>(hash_search(layouts, &key, HASH_ENTER, &found));
    if (!found)
        layout->fresh = false;
    if (!layout->fresh || layout->shape != shape)
        describe_layout(layout, table, shape);
    return layout;
}

// --- partitions

// The partition of a log that holds `at`: what the executor's tuple routing does, for one range column.
Oid partition_for(Relation log, TimestampTz at) {
    const PartitionKey key = RelationGetPartitionKey(log);
    if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1)
        report_wrong_log(log, "created_at", true);
    const PartitionDesc partitions = RelationGetPartitionDesc(log, true);
    const PartitionBoundInfo bounds = partitions->boundinfo;
    int index = -1;
    if (bounds) {
        Datum value = TimestampTzGetDatum(at);
        bool equal = false;
        const int offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, 1, &value, &equal);
        index = bounds->indexes[offset + 1];
        if (index < 0)
            index = bounds->default_index;
    }
    if (index < 0)
        report_no_partition(log, at);
    return partitions->oids[index];
}

// --- writing

struct Writer {
    Relation table;
    ResultRelInfo *result;
    EState *estate;
    TupleTableSlot *slots[kRowsPerInsert];
    int slot_count;
    int filled;
    const Layout *layout;
};

void open_writer(Writer &writer, Oid table, const LogShape *shape) {
    writer.table = table_open(table, RowExclusiveLock);
    writer.layout = layout_of(writer.table, shape);
    writer.estate = CreateExecutorState();
    writer.result = makeNode(ResultRelInfo);
    InitResultRelInfo(writer.result, writer.table, 0, nullptr, 0);
    ExecOpenIndices(writer.result, false);
    writer.slot_count = writer.filled = 0;
}

void write_filled(Writer &writer) {
    const CommandId command = GetCurrentCommandId(true);
    if (writer.filled == 1)
        table_tuple_insert(writer.table, writer.slots[0], command, 0, nullptr);
    else if (writer.filled > 1)
        table_multi_insert(writer.table, writer.slots, writer.filled, command, 0, nullptr);
    for (int i = 0; i < writer.filled; ++i) {
        if (writer.result->ri_NumIndices > 0)
            compat::insert_index_tuples(writer.result, writer.slots[i], writer.estate);
        ResetPerTupleExprContext(writer.estate);
    }
    for (int i = 0; i < writer.filled; ++i)
        ExecClearTuple(writer.slots[i]);
    writer.filled = 0;
}

void close_writer(Writer &writer) {
    write_filled(writer);
    ExecCloseIndices(writer.result);
    for (int i = 0; i < writer.slot_count; ++i)
        ExecDropSingleTupleTableSlot(writer.slots[i]);
    FreeExecutorState(writer.estate);
    table_close(writer.table, NoLock);
}

Datum clipped(Datum value, int32 longest) {
    varlena *const text = PG_DETOAST_DATUM_PACKED(value);
    const int bytes = static_cast<int>(VARSIZE_ANY_EXHDR(text));
    if (bytes <= longest)
        return value;
    const int kept = pg_mbcharcliplen(VARDATA_ANY(text), bytes, longest);
    return kept == bytes ? value : PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(text), kept));
}

void write_row(Writer &writer, const LogRow &row) {
    if (writer.filled == writer.slot_count)
        writer.slots[writer.slot_count++] = table_slot_create(writer.table, nullptr);
    TupleTableSlot *const slot = writer.slots[writer.filled++];
    const int width = RelationGetDescr(writer.table)->natts;
    for (int i = 0; i < width; ++i) {
        slot->tts_values[i] = 0;
        slot->tts_isnull[i] = true;
    }
    for (int c = 0; c < writer.layout->shape->count; ++c) {
        const int i = writer.layout->attributes[c] - 1;
        if (i < 0 || row.nulls[c])
            continue;
        slot->tts_isnull[i] = false;
        slot->tts_values[i] = writer.layout->longest[c] > 0 ? clipped(row.values[c], writer.layout->longest[c]) : row.values[c];
    }
    ExecStoreVirtualTuple(slot);
    if (writer.filled == kRowsPerInsert)
        write_filled(writer);
}

// Writes the rows of the current subtransaction; those of an outer one, whose statement still runs, stay.
void write_batch(Batch &batch) {
    const SubTransactionId current = GetCurrentSubTransactionId();
    Relation log = table_open(batch.log, RowExclusiveLock);
    const bool partitioned = log->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    Writer writer;
    Oid open = InvalidOid;
    int kept = 0;
    for (int i = 0; i < batch.count; ++i) {
        const Pending &pending = batch.rows[i];
        if (pending.subtransaction != current) {
            batch.rows[kept++] = pending;
            continue;
        }
        const TimestampTz at = DatumGetTimestampTz(pending.row.values[batch.shape->time_column]);
        const Oid target = partitioned ? partition_for(log, at) : batch.log;
        if (target != open) {
            if (OidIsValid(open))
                close_writer(writer);
            open_writer(writer, target, batch.shape);
            open = target;
        }
        write_row(writer, pending.row);
    }
    if (OidIsValid(open))
        close_writer(writer);
    table_close(log, NoLock);
    batch.count = kept;
    if (kept == 0) {
        batch.rows = nullptr;
        MemoryContextReset(batch.memory);
    }
}

void write_pending() {
    for (Batch *batch = batches; batch; batch = batch->next) {
        if (batch->count == 0)
            continue;
        MemoryContext const before = MemoryContextSwitchTo(batch->memory);
        write_batch(*batch);
        MemoryContextSwitchTo(before);
    }
}

Batch *batch_of(Oid log, const LogShape *shape) {
    for (Batch *batch = batches; batch; batch = batch->next)
        if (batch->log == log)
            return batch;
    Batch *const batch = static_cast<Batch *>(MemoryContextAllocZero(TopTransactionContext, sizeof(Batch)));
    batch->log = log;
    batch->shape = shape;
    batch->memory = AllocSetContextCreate(TopTransactionContext, "ticketflow log rows", ALLOCSET_DEFAULT_SIZES);
    batch->next = batches;
    batches = batch;
    return batch;
}

// --- hooks

// Statements nest: a trigger or function runs statements of its own while the outer one finishes.
class RunningStatement {
  public:
    explicit RunningStatement(const PlannedStmt *inner) : outer_(statement) {
        statement = inner;
        ++statement_depth;
    }
    ~RunningStatement() {
        statement = outer_;
        --statement_depth;
    }
    RunningStatement(const RunningStatement &) = delete;
    RunningStatement &operator=(const RunningStatement &) = delete;

  private:
    const PlannedStmt *outer_;
};

void finish(QueryDesc *query) {
    entry([query] {
        RunningStatement running(query->plannedstmt);
        call([query] {
            if (next_finish_hook)
                next_finish_hook(query);
            else
                standard_ExecutorFinish(query);
            write_pending();
        });
    });
}

void at_transaction_event(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE: write_pending(); break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: batches = nullptr; break;
    default: break;
    }
}

// What a subtransaction that failed had collected must not be written; what one that succeeded had collected is its
// parent's from now on. Its rows are the youngest.
void at_subtransaction_event(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *) {
    for (Batch *batch = batches; batch; batch = batch->next) {
        if (event == SUBXACT_EVENT_ABORT_SUB)
            while (batch->count > 0 && batch->rows[batch->count - 1].subtransaction >= mine)
                --batch->count;
        else if (event == SUBXACT_EVENT_COMMIT_SUB)
            for (int i = batch->count; i > 0 && batch->rows[i - 1].subtransaction >= mine; --i)
                batch->rows[i - 1].subtransaction = parent;
    }
}

} // namespace

MemoryContext row_memory(Oid log, const LogShape *shape) {
    Batch *const batch = batch_of(log, shape);
    if (!batch->rows) {
        // One row is what a statement writes most often.
        batch->capacity = 4;
        batch->rows = static_cast<Pending *>(MemoryContextAlloc(batch->memory, sizeof(Pending) * 4));
    }
    return batch->memory;
}

void add_row(Oid log, const LogShape *shape, const LogRow &row) {
    Batch *const batch = batch_of(log, shape);
    if (batch->count == batch->capacity) {
        batch->capacity *= 4;
        batch->rows = static_cast<Pending *>(repalloc(batch->rows, sizeof(Pending) * static_cast<Size>(batch->capacity)));
    }
    batch->rows[batch->count++] = {row, GetCurrentSubTransactionId()};
    const bool full = batch->count >= kMostPendingRows ||
                      (batch->count % 16 == 0 && MemoryContextMemAllocated(batch->memory, false) > kMostPendingBytes);
    if (statement_depth == 0 || full)
        write_pending();
}

const PlannedStmt *current_statement() { return statement; }

void register_writer() {
    CacheRegisterRelcacheCallback(forget_layout, 0);
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
    next_finish_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = finish;
}

} // namespace ticketflow::pg::audit
