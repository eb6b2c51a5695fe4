#include "pg/numbering_table.h"

#include "pg/compat.h"

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/skey.h>
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/partition.h>
#include <catalog/pg_am.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

std::unordered_map<Oid, BindingPtr> bindings;
uint64_t bindings_changes = 0;

AttrNumber column_named(Relation rel, const char *name) {
    const int number = call([=] { return SPI_fnumber(RelationGetDescr(rel), name); });
    if (number <= 0)
        throw Failure(Condition::undefined_column, std::string("number_trigger() names the column \"") +
                                                       name + "\", which table \"" +
                                                       RelationGetRelationName(rel) + "\" does not have");
    return static_cast<AttrNumber>(number);
}

void read_option(Binding &binding, Relation rel, const std::string &option) {
    const size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    AttrNumber *const target = key == "at"         ? &binding.at
                               : key == "queue"    ? &binding.queue
                               : key == "category" ? &binding.category
                                                   : nullptr;
    if (!target || equals == std::string::npos)
        throw Failure(Condition::invalid_parameter_value,
                      "number_trigger() does not know the argument \"" + option + "\"", "",
                      "After column and prefix it takes at=COLUMN, queue=COLUMN and category=COLUMN.");
    *target = column_named(rel, option.c_str() + equals + 1);
    const Oid type = TupleDescAttr(RelationGetDescr(rel), *target - 1)->atttypid;
    if (target == &binding.at && type != TIMESTAMPTZOID && type != DATEOID)
        throw Failure(
            Condition::wrong_object_type,
            "column \"" + option.substr(equals + 1) + "\" is neither timestamp with time zone nor date", "",
            "The moment that chooses a number's period must not depend on a session's time zone.");
}

// The index that forbids the same number twice, if the table has one on this column alone.
Oid unique_index_on(Relation rel, AttrNumber column) {
    return call([=] {
        Oid result = InvalidOid;
        List *indexes = RelationGetIndexList(rel);
        for (int i = 0; i < list_length(indexes) && !OidIsValid(result); ++i) {
            Relation index = index_open(list_nth_oid(indexes, i), AccessShareLock);
            const Form_pg_index form = index->rd_index;
            if (form->indisunique && form->indisvalid && form->indnkeyatts == 1 &&
                form->indkey.values[0] == column && index->rd_rel->relam == BTREE_AM_OID &&
                RelationGetIndexPredicate(index) == NIL)
                result = RelationGetRelid(index);
            index_close(index, AccessShareLock);
        }
        list_free(indexes);
        return result;
    });
}

bool has_settling_trigger(Relation rel) {
    return call([=] {
        for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; ++i) {
            const Trigger &trigger = rel->trigdesc->triggers[i];
            if (!trigger.tgdeferrable || trigger.tgenabled == TRIGGER_DISABLED)
                continue;
            const char *name = get_func_name(trigger.tgfoid);
            if (name && strcmp(name, "number_settle_trigger") == 0)
                return true;
        }
        return false;
    });
}

Oid schema_of(Relation rel) {
    return call([=] {
        if (!rel->rd_rel->relispartition)
            return RelationGetNamespace(rel);
        return get_rel_namespace(llast_oid(get_partition_ancestors(RelationGetRelid(rel))));
    });
}

BindingPtr read_binding(const TriggerData &data) {
    const Trigger &trigger = *data.tg_trigger;
    Relation rel = data.tg_relation;
    if (trigger.tgnargs < 1)
        throw Failure(Condition::invalid_parameter_value, "number_trigger() needs the name of a column", "",
                      "For example EXECUTE FUNCTION ticketflow.number_trigger('number', 'INV').");
    auto binding = std::make_shared<Binding>();
    binding->column = column_named(rel, trigger.tgargs[0]);
    const FormData_pg_attribute &column = *TupleDescAttr(RelationGetDescr(rel), binding->column - 1);
    if (column.atttypid != TEXTOID && column.atttypid != VARCHAROID)
        throw Failure(Condition::wrong_object_type,
                      std::string("column \"") + trigger.tgargs[0] + "\" cannot hold ticket numbers", "",
                      "Make it text or varchar.");
    binding->column_name = trigger.tgargs[0];
    if (column.atttypid == VARCHAROID && column.atttypmod >= 0)
        binding->max_length = column.atttypmod - static_cast<int>(VARHDRSZ);
    if (trigger.tgnargs > 1)
        binding->series = trigger.tgargs[1];
    if (!binding->series.empty())
        core::check_prefix(binding->series);
    for (int i = 2; i < trigger.tgnargs; ++i)
        read_option(*binding, rel, trigger.tgargs[i]);
    binding->schema = schema_of(rel);
    binding->unique_index = unique_index_on(rel, binding->column);
    binding->settles_at_commit = has_settling_trigger(rel);
    return binding;
}

} // namespace

BindingPtr binding_of(const TriggerData &data) {
    if (bindings_changes != relation_changes()) {
        bindings.clear();
        bindings_changes = relation_changes();
    }
    const auto found = bindings.find(data.tg_trigger->tgoid);
    if (found != bindings.end())
        return found->second;
    watch(RelationGetRelid(data.tg_relation));
    return bindings[data.tg_trigger->tgoid] = read_binding(data);
}

bool is_taken(Relation rel, const Binding &binding, const std::string &number) {
    if (!OidIsValid(binding.unique_index))
        return false;
    const char *text = number.c_str();
    const AttrNumber column = binding.column;
    const Oid index = binding.unique_index,
              collation = TupleDescAttr(RelationGetDescr(rel), column - 1)->attcollation;
    return call([=] {
        SnapshotData dirty;
        InitDirtySnapshot(dirty);
        ScanKeyData key;
        ScanKeyEntryInitialize(&key, 0, column, BTEqualStrategyNumber, InvalidOid, collation, F_TEXTEQ,
                               CStringGetTextDatum(text));
        SysScanDesc scan = systable_beginscan(rel, index, true, &dirty, 1, &key);
        const bool found = HeapTupleIsValid(systable_getnext(scan));
        systable_endscan(scan);
        return found;
    });
}

void for_each_number(Relation rel, AttrNumber column, const std::function<void(std::string_view)> &visit) {
    constexpr int kBatch = 512;
    struct State {
        SnapshotData dirty;
        TableScanDesc scan;
        TupleTableSlot *slot;
        MemoryContext memory;
        text *values[kBatch];
        int count;
    };
    State *const state = call([=] {
        State *made = static_cast<State *>(palloc0(sizeof(State)));
        InitDirtySnapshot(made->dirty);
        made->scan = table_beginscan(rel, &made->dirty, 0, nullptr);
        made->slot = table_slot_create(rel, nullptr);
        made->memory =
            AllocSetContextCreate(CurrentMemoryContext, "ticketflow numbers", ALLOCSET_DEFAULT_SIZES);
        return made;
    });
    do {
        call([=] {
            CHECK_FOR_INTERRUPTS();
            MemoryContextReset(state->memory);
            state->count = 0;
            while (state->count < kBatch &&
                   table_scan_getnextslot(state->scan, ForwardScanDirection, state->slot)) {
                bool isnull;
                const Datum value = slot_getattr(state->slot, column, &isnull);
                if (isnull)
                    continue;
                MemoryContext outer = MemoryContextSwitchTo(state->memory);
                state->values[state->count++] = DatumGetTextPCopy(value);
                MemoryContextSwitchTo(outer);
            }
        });
        for (int i = 0; i < state->count; ++i)
            visit({VARDATA_ANY(state->values[i]), static_cast<size_t>(VARSIZE_ANY_EXHDR(state->values[i]))});
    } while (state->count == kBatch);
    call([=] {
        ExecDropSingleTupleTableSlot(state->slot);
        table_endscan(state->scan);
        MemoryContextDelete(state->memory);
        pfree(state);
    });
}

} // namespace ticketflow::pg::numbering
