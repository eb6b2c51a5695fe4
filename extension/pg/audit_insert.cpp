#include "pg/audit_insert.h"

extern "C" {
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/partition.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <executor/nodeModifyTable.h>
#include <mb/pg_wchar.h>
#include <partitioning/partbounds.h>
#include <partitioning/partdesc.h>
#include <rewrite/rewriteHandler.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/hsearch.h>
#include <utils/inval.h>
#include <utils/partcache.h>
#include <utils/rel.h>
}

#include <cstring>

namespace ticketflow::pg::audit {

// Where the columns of a shape are in a table.
struct Layout {
    struct Key {
        Oid table;
        const LogShape *shape;
    } key;
    bool fresh;
    bool has_own_columns; // beside the shape's, with defaults and constraints of their own
    AttrNumber attributes[kMostLogColumns];
    int32 longest[kMostLogColumns]; // characters a varchar(n) takes; 0: any
};

namespace {

HTAB *layouts;

[[noreturn]] void report_wrong_log(Relation table, const char *column, bool exists) {
    raise_inside_call(core::Condition::wrong_object_type,
                      psprintf("table \"%s\" cannot take the log of changes", RelationGetRelationName(table)),
                      psprintf(exists ? "Its column \"%s\" has another type." : "It has no column \"%s\".", column),
                      "Deploy a desk, or give the table the columns that a desk's audit_log has.");
}

[[noreturn]] void report_wrong_kind(Relation table) {
    raise_inside_call(core::Condition::wrong_object_type,
                      psprintf("\"%s\" cannot take the log of changes: it is not a table", RelationGetRelationName(table)), "",
                      "A log is a table, or a table with one level of partitions that are tables.");
}

[[noreturn]] void report_null(Relation table, int attribute) {
    raise_inside_call(core::Condition::wrong_object_type,
                      psprintf("table \"%s\" cannot take the log of changes", RelationGetRelationName(table)),
                      psprintf("Its column \"%s\" must not be null, and the change has no value for it.",
                               NameStr(TupleDescAttr(RelationGetDescr(table), attribute)->attname)),
                      "Drop the NOT NULL of that column.");
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
        if (!OidIsValid(relation) || layout->key.table == relation)
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
    int taken = 0, columns = 0;
    for (int c = 0; c < shape->count; ++c)
        taken += layout->attributes[c] != InvalidAttrNumber;
    for (int i = 0; i < row->natts; ++i)
        columns += !TupleDescAttr(row, i)->attisdropped;
    layout->has_own_columns = columns > taken;
    layout->fresh = true;
}

const Layout *layout_of(Relation table, const LogShape *shape) {
    if (!layouts) {
        HASHCTL control = {};
        control.keysize = sizeof(Layout::Key);
        control.entrysize = sizeof(Layout);
        layouts = hash_create("ticketflow log layouts", 32, &control, HASH_ELEM | HASH_BLOBS);
    }
    Layout::Key key = {};
    key.table = RelationGetRelid(table);
    key.shape = shape;
    bool found;
    Layout *const layout = static_cast<Layout *>(hash_search(layouts, &key, HASH_ENTER, &found));
    if (!found)
        layout->fresh = false;
    if (!layout->fresh)
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

void use_executor(Insertion &insertion) {
    if (insertion.estate)
        return;
    if (!insertion.borrowed)
        insertion.rights = become(insertion.log->rd_rel->relowner);
    insertion.borrowed = true;
    insertion.estate = CreateExecutorState();
    insertion.result = makeNode(ResultRelInfo);
    InitResultRelInfo(insertion.result, insertion.table, 0, nullptr, 0);
    if (!insertion.is_plain)
        ExecOpenIndices(insertion.result, false);
}

void open_target(Insertion &insertion, Oid table) {
    insertion.target = table;
    insertion.table = table_open(table, RowExclusiveLock);
    if (insertion.table->rd_rel->relkind != RELKIND_RELATION)
        report_wrong_kind(insertion.table);
    insertion.layout = layout_of(insertion.table, insertion.shape);
    insertion.estate = nullptr;
    insertion.is_plain = open_plain_indexes(insertion.indexes, insertion.table);
    if (!insertion.is_plain)
        use_executor(insertion);
    insertion.slot_count = insertion.filled = 0;
    insertion.defaults = nullptr;
}

void fill_indexes(Insertion &insertion) {
    if (insertion.is_plain) {
        fill_plain_indexes(insertion.indexes, insertion.table, insertion.slots, insertion.filled);
        if (insertion.estate)
            ResetPerTupleExprContext(insertion.estate);
        return;
    }
    for (int i = 0; i < insertion.filled; ++i) {
        if (insertion.result->ri_NumIndices > 0)
            compat::insert_index_tuples(insertion.result, insertion.slots[i], insertion.estate);
        ResetPerTupleExprContext(insertion.estate);
    }
}

void write_filled(Insertion &insertion) {
    const CommandId command = GetCurrentCommandId(true);
    const int options = insertion.shape->append_only ? TABLE_INSERT_SKIP_FSM : 0;
    if (insertion.filled == 1)
        table_tuple_insert(insertion.table, insertion.slots[0], command, options, nullptr);
    else if (insertion.filled > 1)
        table_multi_insert(insertion.table, insertion.slots, insertion.filled, command, options, nullptr);
    fill_indexes(insertion);
    for (int i = 0; i < insertion.filled; ++i)
        ExecClearTuple(insertion.slots[i]);
    insertion.filled = 0;
}

void close_target(Insertion &insertion) {
    write_filled(insertion);
    for (int i = 0; i < insertion.slot_count; ++i)
        ExecDropSingleTupleTableSlot(insertion.slots[i]);
    if (insertion.is_plain)
        close_plain_indexes(insertion.indexes);
    else
        ExecCloseIndices(insertion.result);
    if (insertion.estate)
        FreeExecutorState(insertion.estate);
    table_close(insertion.table, NoLock);
}

bool is_of_shape(const Layout &layout, const LogShape &shape, AttrNumber attribute) {
    for (int c = 0; c < shape.count; ++c)
        if (layout.attributes[c] == attribute)
            return true;
    return false;
}

Datum clipped(Datum value, int32 longest) {
    varlena *const text = PG_DETOAST_DATUM_PACKED(value);
    const int bytes = static_cast<int>(VARSIZE_ANY_EXHDR(text));
    if (bytes <= longest)
        return value;
    const int kept = pg_mbcharcliplen(VARDATA_ANY(text), bytes, longest);
    return kept == bytes ? value : PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(text), kept));
}

// Columns that somebody added to the log: what an INSERT that does not name them would do.
void fill_own_columns(Insertion &insertion, TupleTableSlot *slot) {
    const TupleDesc row = RelationGetDescr(insertion.table);
    use_executor(insertion);
    ExprContext *const context = GetPerTupleExprContext(insertion.estate);
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!slot->tts_isnull[i] || attribute->attisdropped || attribute->attgenerated || !attribute->atthasdef || is_of_shape(*insertion.layout, *insertion.shape, i + 1))
            continue;
        if (!insertion.defaults)
            insertion.defaults = static_cast<ExprState **>(MemoryContextAllocZero(insertion.estate->es_query_cxt, sizeof(ExprState *) * static_cast<Size>(row->natts)));
        if (!insertion.defaults[i])
            insertion.defaults[i] = ExecPrepareExpr(reinterpret_cast<Expr *>(build_column_default(insertion.table, i + 1)), insertion.estate);
        const Datum value = ExecEvalExpr(insertion.defaults[i], context, &slot->tts_isnull[i]);
        if (!slot->tts_isnull[i]) {
            // The expression's own memory ends with this row, the slot's with the batch.
            MemoryContext const before = MemoryContextSwitchTo(insertion.estate->es_query_cxt);
            slot->tts_values[i] = datumCopy(value, attribute->attbyval, attribute->attlen);
            MemoryContextSwitchTo(before);
        }
    }
    if (row->constr && row->constr->has_generated_stored)
        ExecComputeStoredGenerated(insertion.result, insertion.estate, slot, CMD_INSERT);
    if (row->constr)
        ExecConstraints(insertion.result, slot, insertion.estate);
}

void fill_slot(Insertion &insertion, const LogRow &row) {
    if (insertion.filled == insertion.slot_count)
        insertion.slots[insertion.slot_count++] = table_slot_create(insertion.table, nullptr);
    TupleTableSlot *const slot = insertion.slots[insertion.filled++];
    const int width = RelationGetDescr(insertion.table)->natts;
    for (int i = 0; i < width; ++i) {
        slot->tts_values[i] = 0;
        slot->tts_isnull[i] = true;
    }
    for (int c = 0; c < insertion.shape->count; ++c) {
        const int i = insertion.layout->attributes[c] - 1;
        if (i < 0 || row.nulls[c])
            continue;
        // The row was made for the column that the log had then.
        if (!OidIsValid(insertion.shape->columns[c].type) && TupleDescAttr(RelationGetDescr(insertion.table), i)->atttypid != row.open_type)
            report_wrong_log(insertion.table, insertion.shape->columns[c].name, true);
        slot->tts_isnull[i] = false;
        slot->tts_values[i] = insertion.layout->longest[c] > 0 ? clipped(row.values[c], insertion.layout->longest[c]) : row.values[c];
    }
    ExecStoreVirtualTuple(slot);
    if (insertion.layout->has_own_columns)
        fill_own_columns(insertion, slot);
    for (int i = 0; i < width; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(insertion.table), i);
        if (slot->tts_isnull[i] && attribute->attnotnull && !attribute->attisdropped)
            report_null(insertion.table, i);
    }
    if (insertion.filled == kRowsPerInsert)
        write_filled(insertion);
}

} // namespace

void begin_insert(Insertion &insertion, Oid log, const LogShape *shape) {
    insertion.log = table_open(log, RowExclusiveLock);
    if (insertion.log->rd_rel->relkind != RELKIND_RELATION && insertion.log->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        report_wrong_kind(insertion.log);
    insertion.borrowed = false;
    insertion.shape = shape;
    insertion.target = InvalidOid;
}

void insert_row(Insertion &insertion, const LogRow &row) {
    const TimestampTz time = DatumGetTimestampTz(row.values[insertion.shape->time_column]);
    if (!OidIsValid(insertion.target) || time != insertion.time) {
        const Oid target = insertion.log->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? partition_for(insertion.log, time)
                                                                                       : RelationGetRelid(insertion.log);
        if (target != insertion.target) {
            if (OidIsValid(insertion.target))
                close_target(insertion);
            open_target(insertion, target);
        }
        insertion.time = time;
    }
    fill_slot(insertion, row);
}

void end_insert(Insertion &insertion) {
    if (OidIsValid(insertion.target))
        close_target(insertion);
    if (insertion.borrowed)
        give_back(insertion.rights);
    table_close(insertion.log, NoLock);
}

void register_insert() { CacheRegisterRelcacheCallback(forget_layout, 0); }

} // namespace ticketflow::pg::audit
