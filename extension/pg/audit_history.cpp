// The trigger that keeps the history of a ticket: one row a field that a person changed.
#include "pg/audit_context.h"
#include "pg/audit_trigger.h"
#include "pg/audit_writer.h"
#include "pg/datum.h"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <commands/sequence.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/timestamp.h>
}

namespace ticketflow::pg::audit {
namespace {

namespace at {
enum : int { id, row, user_id, field, old_value, new_value, change_type, created_at, transaction_id, count };
}

// The name of the column that takes the row's key is the trigger's; the rest is the guide's.
constexpr LogShape shape_for(const char *row_key_name) {
    return {at::count,
            at::created_at,
            false,
            {{"id", INT8OID, false},
             {row_key_name, InvalidOid, true},
             {"user_id", TEXTOID, true},
             {"field", TEXTOID, true},
             {"old_value", TEXTOID, true},
             {"new_value", TEXTOID, true},
             {"change_type", TEXTOID, true},
             {"created_at", TIMESTAMPTZOID, true},
             {"transaction_id", INT8OID, false}}};
}

constexpr char kWholeRow[] = "*";
constexpr char kRedacted[] = "[redacted]";

struct Change {
    const TriggerData *data;
    const Table *table;
    const LogShape *shape;
    const Origin *origin;
    Datum *before_values, *after_values;
    bool *before_nulls, *after_nulls;
};

Datum converted_key(const Table &table, const Column &column, Datum value) {
    if (table.row_key_type == column.type)
        return value;
    Oid input, argument;
    getTypeInputInfo(table.row_key_type, &input, &argument);
    return OidInputFunctionCall(input, value_text(column, value), argument, -1);
}

void set_value(LogRow &row, int place, const Column *column, const Datum *values, const bool *nulls) {
    if (!column || !values || nulls[column->attnum - 1])
        return;
    const char *const text =
        column->policy == Policy::redact ? kRedacted : value_text(*column, values[column->attnum - 1]);
    row.values[place] = CStringGetTextDatum(text);
    row.nulls[place] = false;
}

void write(const Change &change, const char *field, const char *kind, const Column *column) {
    const Table &table = *change.table;
    LogRow row;
    memset(row.nulls, true, sizeof row.nulls);
    const auto set = [&row](int place, Datum value) {
        row.values[place] = value;
        row.nulls[place] = false;
    };
    row.open_type = table.row_key_type;
    row.open_length = table.row_key_length;
    row.open_by_value = table.row_key_by_value;
    const bool gone = !change.after_values;
    if (table.row_key_column >= 0 && !(gone ? change.before_nulls : change.after_nulls)[table.columns[table.row_key_column].attnum - 1]) {
        const Column &key = table.columns[table.row_key_column];
        const Datum value = gone ? change.before_values[key.attnum - 1] : change.after_values[key.attnum - 1];
        set(at::row, converted_key(table, key, value));
    }
    const std::string_view user = change.origin->user;
    if (user.data())
        set(at::user_id, PointerGetDatum(cstring_to_text_with_len(user.data(), static_cast<int>(user.size()))));
    if (OidIsValid(table.sequence))
        set(at::id, Int64GetDatum(nextval_internal(table.sequence, false)));
    set(at::field, CStringGetTextDatum(field));
    set(at::change_type, CStringGetTextDatum(kind));
    set(at::created_at, TimestampTzGetDatum(GetCurrentStatementStartTimestamp()));
    set(at::transaction_id, Int64GetDatum(static_cast<int64>(U64FromFullTransactionId(GetTopFullTransactionId()))));
    set_value(row, at::old_value, column, change.before_values, change.before_nulls);
    set_value(row, at::new_value, column, change.after_values, change.after_nulls);
    add_row(table.log, change.shape, row);
}

void open_image(HeapTuple tuple, TupleDesc row, Datum *&values, bool *&nulls) {
    values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<Size>(row->natts)));
    nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<Size>(row->natts)));
    heap_deform_tuple(tuple, row, values, nulls);
}

void record_fields(const Change &change) {
    for (int c = 0; c < change.table->count; ++c) {
        const Column &column = *change.table->in_order[c];
        if (column.policy == Policy::exclude || column.policy == Policy::ignore)
            continue;
        const int i = column.attnum - 1;
        if (!same_value(column, change.before_values[i], change.before_nulls[i], change.after_values[i], change.after_nulls[i]))
            write(change, column.key.name, "updated", &column);
    }
}

// May raise: runs inside call().
void record(const TriggerData *data, const Table *table, const LogShape *shape, const Origin *origin) {
    const TupleDesc row = RelationGetDescr(data->tg_relation);
    Change change = {data, table, shape, origin, nullptr, nullptr, nullptr, nullptr};
    const Column *const label = table->label_column < 0 ? nullptr : &table->columns[table->label_column];
    if (TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
        open_image(data->tg_trigtuple, row, change.before_values, change.before_nulls);
        open_image(data->tg_newtuple, row, change.after_values, change.after_nulls);
        record_fields(change);
    } else if (TRIGGER_FIRED_BY_INSERT(data->tg_event)) {
        open_image(data->tg_trigtuple, row, change.after_values, change.after_nulls);
        write(change, kWholeRow, "created", label);
    } else {
        open_image(data->tg_trigtuple, row, change.before_values, change.before_nulls);
        write(change, kWholeRow, "deleted", label);
    }
}

// One shape a name of the key column; names are few and live as long as the library.
const LogShape *shape_of(const char *row_key_name) {
    struct Known {
        Known *next;
        LogShape shape;
    };
    static Known *known;
    for (const Known *one = known; one; one = one->next)
        if (strcmp(one->shape.columns[at::row].name, row_key_name) == 0)
            return &one->shape;
    Known *const made = static_cast<Known *>(MemoryContextAlloc(TopMemoryContext, sizeof(Known)));
    made->next = known;
    made->shape = shape_for(MemoryContextStrdup(TopMemoryContext, row_key_name));
    known = made;
    return &made->shape;
}

} // namespace
} // namespace ticketflow::pg::audit

using namespace ticketflow::pg;

TICKETFLOW_FUNCTION(ticketflow_history_trigger) {
    TriggerData *const data = audit::trigger_data(fcinfo, "history_trigger()");
    if (!TRIGGER_FIRED_FOR_ROW(data->tg_event))
        throw ticketflow::core::Failure(ticketflow::core::Condition::object_not_in_state,
                                        "history_trigger() must be fired for each row");
    const auto look_up = [data] {
        const audit::Table *const found =
            call([data] { return audit::table_of(data->tg_relation, data->tg_trigger, audit::kHistoryName); });
        audit::require_log(*found, audit::kHistoryName);
        return found;
    };
    const audit::Table *table = look_up();
    const audit::LogShape *shape = call([table] { return audit::shape_of(table->row_key_name); });
    while (call([table, shape] { return audit::hold_log(table->log, shape); })) {
        table = look_up();
        shape = call([table] { return audit::shape_of(table->row_key_name); });
    }
    if (!OidIsValid(table->row_key_type))
        throw ticketflow::core::Failure(ticketflow::core::Condition::wrong_object_type,
                                        std::string("the history of table \"") + table->name + "\" has no column \"" + table->row_key_name + "\"",
                                        {}, "Name the column that takes the row's key in row_key_name.");
    const audit::Origin origin = audit::origin_of_change(table->log_schema);
    const audit::PlainOutput plain;
    call([&] { audit::record(data, table, shape, &origin); });
    return PointerGetDatum(nullptr);
}
