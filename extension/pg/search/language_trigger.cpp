// refresh_trigger(): tells a function of the table's schema which rows had their text changed, once a statement or a row.
#include "pg/owner.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <commands/trigger.h>
#include <executor/spi.h>
#include <executor/tuptable.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/tuplestore.h>
}

using namespace ticketflow::pg;
using ticketflow::core::Condition;
using ticketflow::core::Failure;

namespace {

// Rows handed over in one call: bounds memory, and lets a cancel through.
constexpr std::size_t kBatch = 1000;

struct Call {
    std::string function;
    SPIPlanPtr plan;
};

// One prepared call a trigger, for the life of the session.
std::unordered_map<Oid, Call> &calls() {
    static std::unordered_map<Oid, Call> known;
    return known;
}

int column_number(TupleDesc row, std::string_view name, Relation table) {
    for (int i = 0; i < row->natts; i++)
        if (!TupleDescAttr(row, i)->attisdropped && name == NameStr(TupleDescAttr(row, i)->attname))
            return i + 1;
    throw Failure(Condition::undefined_column,
                  "column \"" + std::string(name) + "\" of table \"" + RelationGetRelationName(table) + "\" does not exist", {},
                  "The arguments of refresh_trigger() are a function, the key column and the columns to watch.");
}

std::vector<int> watched_columns(TupleDesc row, std::string_view list, Relation table) {
    std::vector<int> columns;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        columns.push_back(column_number(row, list.substr(0, comma), table));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return columns;
}

// Bytewise: an untouched toasted value is not fetched, and two equal values stored differently count as a change.
bool differs(TupleTableSlot *before, TupleTableSlot *after, int column) {
    return call([=] {
        bool null_before, null_after;
        const Datum a = slot_getattr(before, column, &null_before), b = slot_getattr(after, column, &null_after);
        if (null_before || null_after)
            return null_before != null_after;
        const FormData_pg_attribute *type = TupleDescAttr(after->tts_tupleDescriptor, column - 1);
        return !datumIsEqual(a, b, type->attbyval, type->attlen);
    });
}

void add_key(std::vector<Datum> &keys, TupleTableSlot *slot, int column) {
    bool null = false;
    const Datum key = call([&null, slot, column] { return slot_getattr(slot, column, &null); });
    if (!null)
        keys.push_back(key);
}

// The keys of a statement's rows whose watched columns changed; an update hands old and new rows in the same order.
std::vector<Datum> statement_keys(TriggerData *trigger, int key, const std::vector<int> &watched) {
    std::vector<Datum> keys;
    Tuplestorestate *const before = trigger->tg_oldtable, *const after = trigger->tg_newtable;
    const TupleDesc row = RelationGetDescr(trigger->tg_relation);
    TupleTableSlot *slots[2];
    call([&slots, row, before, after] {
        for (auto &slot : slots)
            slot = MakeSingleTupleTableSlot(row, &TTSOpsMinimalTuple);
        if (before)
            tuplestore_rescan(before);
        if (after)
            tuplestore_rescan(after);
    });
    for (;;) {
        const bool more = call([&slots, before, after] {
            const bool old_row = before && tuplestore_gettupleslot(before, true, false, slots[0]);
            const bool new_row = after && tuplestore_gettupleslot(after, true, false, slots[1]);
            return old_row || new_row;
        });
        if (!more)
            break;
        check_for_interrupts();
        if (before && after &&
            std::none_of(watched.begin(), watched.end(), [&](int column) { return differs(slots[0], slots[1], column); }))
            continue;
        if (before)
            add_key(keys, slots[0], key);
        if (after)
            add_key(keys, slots[1], key);
    }
    call([&slots] {
        for (auto *slot : slots)
            ExecDropSingleTupleTableSlot(slot);
    });
    return keys;
}

std::vector<Datum> row_keys(TriggerData *trigger, int key) {
    std::vector<Datum> keys;
    const TupleDesc row = RelationGetDescr(trigger->tg_relation);
    for (HeapTuple tuple : {trigger->tg_trigtuple, trigger->tg_newtuple}) {
        if (!tuple)
            continue;
        bool null = false;
        const Datum value = call([tuple, key, row, &null] { return heap_getattr(tuple, key, row, &null); });
        if (!null)
            keys.push_back(value);
    }
    return keys;
}

// The function by its full name: found beside the table, whatever the caller's search_path says.
SPIPlanPtr prepared_call(TriggerData *trigger) {
    Relation table = trigger->tg_relation;
    const char *const name = trigger->tg_trigger->tgargs[0];
    const char *const function = call([table, name] {
        return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), name);
    });
    Call &known = calls()[trigger->tg_trigger->tgoid];
    if (known.plan && known.function == function)
        return known.plan;
    const std::string statement = "SELECT " + std::string(function) + "($1)";
    const char *const text = statement.c_str();
    known.plan = nullptr;
    known.function = function;
    known.plan = call([text] {
        Oid type = INT4ARRAYOID;
        SPIPlanPtr plan = SPI_prepare(text, 1, &type);
        SPI_keepplan(plan);
        return plan;
    });
    return known.plan;
}

void hand_over(TriggerData *trigger, std::vector<Datum> &keys) {
    std::sort(keys.begin(), keys.end(), [](Datum a, Datum b) { return DatumGetInt32(a) < DatumGetInt32(b); });
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (keys.empty())
        return;
    // What is derived from a row is written with the rights of the table's owner, as a foreign key's actions are.
    const Borrowed rights = call([trigger] {
        const Borrowed own = become(trigger->tg_relation->rd_rel->relowner, SECURITY_NOFORCE_RLS);
        SPI_connect();
        return own;
    });
    SPIPlanPtr plan = prepared_call(trigger);
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
        const int count = static_cast<int>(std::min(kBatch, keys.size() - at));
        Datum *const first = keys.data() + at;
        call([plan, count, first] {
            Datum argument = PointerGetDatum(construct_array(first, count, INT4OID, 4, true, TYPALIGN_INT));
            SPI_execute_plan(plan, &argument, nullptr, false, 0);
            SPI_freetuptable(SPI_tuptable);
        });
        check_for_interrupts();
    }
    call([&rights] {
        SPI_finish();
        give_back(rights);
    });
}

} // namespace

// refresh_trigger(function, key column, watched columns): AFTER trigger, for each row, or for each statement with
// transition tables; the function takes an array of keys. Watched columns matter to statement updates only.
TICKETFLOW_FUNCTION(ticketflow_language_refresh_trigger) {
    auto *const trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
        throw Failure(Condition::object_not_in_state, "refresh_trigger() must be called by an AFTER INSERT, UPDATE or DELETE trigger");
    if (trigger->tg_trigger->tgnargs < 2)
        throw Failure(Condition::invalid_parameter_value, "refresh_trigger() needs a function and a key column", {},
                      "For example: EXECUTE FUNCTION ticketflow.refresh_trigger('refresh_task_documents', 'id').");
    Relation table = trigger->tg_relation;
    const TupleDesc row = RelationGetDescr(table);
    char **const arguments = trigger->tg_trigger->tgargs;
    const int key = column_number(row, arguments[1], table);
    if (TupleDescAttr(row, key - 1)->atttypid != INT4OID)
        throw Failure(Condition::wrong_object_type, "the key of refresh_trigger() must be of type integer");
    std::vector<Datum> keys;
    if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
        keys = row_keys(trigger, key);
    else if (trigger->tg_oldtable || trigger->tg_newtable)
        keys = statement_keys(trigger, key,
                              watched_columns(row, trigger->tg_trigger->tgnargs > 2 ? arguments[2] : arguments[1], table));
    else
        throw Failure(Condition::object_not_in_state, "refresh_trigger() for each statement needs transition tables", {},
                      "Add REFERENCING NEW TABLE AS new_rows, OLD TABLE AS old_rows, or both.");
    hand_over(trigger, keys);
    return PointerGetDatum(nullptr);
}

// text_differs(old, new): whether two stored values differ, without fetching an untouched toasted one.
TICKETFLOW_FUNCTION(ticketflow_language_text_differs) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_BOOL(PG_ARGISNULL(0) != PG_ARGISNULL(1));
    const Datum before = PG_GETARG_DATUM(0), after = PG_GETARG_DATUM(1);
    if (datumIsEqual(before, after, false, -1))
        PG_RETURN_BOOL(false);
    PG_RETURN_BOOL(call([before, after] { return !DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, before, after)); }));
}
