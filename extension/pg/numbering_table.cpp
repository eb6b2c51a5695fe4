#include "pg/numbering_table.h"

#include "pg/compat.h"

#include <vector>

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
#include <utils/acl.h>
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
    binding->home = home_of_schema(schema_of(rel));
    binding->may_count = owner_may_draw(rel, binding->home->counters_table);
    binding->unique_index = unique_index_on(rel, binding->column);
    binding->settles_at_commit = has_settling_trigger(rel);
    return binding;
}

} // namespace

bool owner_may_draw(Relation rel, Oid counters) {
    const Oid owner = rel->rd_rel->relowner;
    return call([=] { return pg_class_aclcheck(counters, owner, ACL_UPDATE) == ACLCHECK_OK; });
}

BindingPtr binding_of(const TriggerData &data) {
    see_changes();
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

namespace {

// Whether the index has an entry from low to high that is as long as they are, committed or in progress.
// Shorter numbers lie between longer ones in text order.
bool index_has(Relation rel, const Binding &binding, const std::string &low, const std::string &high) {
    const char *from = low.c_str(), *to = high.c_str();
    const AttrNumber column = binding.column;
    const Oid index = binding.unique_index,
              collation = TupleDescAttr(RelationGetDescr(rel), column - 1)->attcollation;
    const bool one = low == high;
    return call([=] {
        SnapshotData dirty;
        InitDirtySnapshot(dirty);
        ScanKeyData keys[2];
        ScanKeyEntryInitialize(&keys[0], 0, column,
                               one ? BTEqualStrategyNumber : BTGreaterEqualStrategyNumber, InvalidOid,
                               collation, one ? F_TEXTEQ : F_TEXT_GE, CStringGetTextDatum(from));
        if (!one)
            ScanKeyEntryInitialize(&keys[1], 0, column, BTLessEqualStrategyNumber, InvalidOid, collation,
                                   F_TEXT_LE, CStringGetTextDatum(to));
        SysScanDesc scan = systable_beginscan(rel, index, true, &dirty, one ? 1 : 2, keys);
        bool found = false;
        HeapTuple tuple;
        for (int seen = 0; !found && HeapTupleIsValid(tuple = systable_getnext(scan)); ++seen) {
            bool isnull;
            const Datum value = heap_getattr(tuple, column, RelationGetDescr(rel), &isnull);
            found = one || seen > 1000 || VARSIZE_ANY_EXHDR(PG_DETOAST_DATUM_PACKED(value)) == strlen(from);
        }
        systable_endscan(scan);
        return found;
    });
}

// Numbers that nobody has, from one that was drawn on: up to the next thousand, of one length. Rows with
// given numbers raise their series, so a number inside can become taken only past the trigger: by a change of
// the table's triggers, which empties this, or by replication, which meets the unique index once and empties
// this as well.
constexpr int64_t kWindow = 1000;
struct Window {
    Oid table;
    std::string stem;
    size_t digits;
    int64_t from, until;
    bool is_of(Oid other, std::string_view number, size_t other_digits) const {
        return table == other && digits == other_digits && number.substr(0, number.size() - digits) == stem;
    }
};
// The latest found first: rows come many to a series and period.
constexpr size_t kMostWindows = 64;
std::vector<Window> windows;
uint64_t windows_changes = 0;

// Null where there is none.
Window *window_of(Oid table, std::string_view number, size_t digits) {
    if (windows_changes != relation_changes()) {
        windows.clear();
        windows_changes = relation_changes();
    }
    for (size_t i = 0; i < windows.size(); ++i)
        if (windows[i].is_of(table, number, digits)) {
            if (i > 0)
                std::swap(windows[0], windows[i]);
            return &windows[0];
        }
    return nullptr;
}

} // namespace

bool is_taken(Relation rel, const Binding &binding, const std::string &number, int64_t value, size_t digits) {
    if (!OidIsValid(binding.unique_index))
        return false;
    if (digits == 0)
        return index_has(rel, binding, number, number);
    const Oid table = RelationGetRelid(rel);
    const Window *const known = window_of(table, number, digits);
    if (known && known->from <= value && value <= known->until)
        return false;
    // The last of this thousand has as many digits, since both reach to the same power of ten.
    const int64_t last = value - value % kWindow + kWindow - 1;
    const std::string stem = number.substr(0, number.size() - digits);
    std::string last_text = stem;
    core::append_padded(last_text, last, static_cast<int>(digits));
    if (digits < 3 || last_text == number || index_has(rel, binding, number, last_text))
        return index_has(rel, binding, number, number);
    Window *window = window_of(table, number, digits);
    if (!window) {
        if (windows.size() == kMostWindows)
            windows.pop_back();
        window = &*windows.insert(windows.begin(), Window{table, stem, digits, 0, 0});
    }
    window->from = value;
    window->until = last;
    return false;
}

void forget_windows() {
    windows.clear();
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
