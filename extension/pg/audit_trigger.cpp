// The trigger that audit_enable() puts on a table.
#include "pg/audit_cause.h"
#include "pg/audit_context.h"
#include "pg/audit_row.h"
#include "pg/audit_table.h"
#include "pg/audit_trigger.h"
#include "pg/datum.h"

extern "C" {
#include <access/htup_details.h>
#include <access/relation.h>
#include <access/xact.h>
#include <commands/sequence.h>
#include <commands/trigger.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/timestamp.h>
}

#include <cstring>

namespace ticketflow::pg::audit {

TriggerData *trigger_data(FunctionCallInfo fcinfo, const char *function) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw core::Failure(core::Condition::object_not_in_state, std::string(function) + " was not called by a trigger");
    TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(data->tg_event))
        throw core::Failure(core::Condition::object_not_in_state,
                            std::string(function) + " must be an AFTER trigger", {},
                            "Create the trigger with ticketflow.audit_enable().");
    return data;
}

void require_log(const Table &table, const char *kind) {
    if (!OidIsValid(table.log))
        throw core::Failure(core::Condition::object_not_in_state,
                            std::string("changes of table \"") + table.name + "\" have no place to go: there is no " + kind,
                            {}, "Deploy a desk in this schema, or name the log in ticketflow.audit_enable().");
    if (table.log_closed)
        throw core::Failure(core::Condition::insufficient_privilege,
                            std::string("the owner of table \"") + table.name + "\" may not write to the " + kind, {},
                            "Grant that role INSERT on the log, or remove the trigger.");
}

namespace {

Datum text_datum(std::string_view value) {
    return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
}

std::string_view view(const StringInfoData &text) { return {text.data, static_cast<size_t>(text.len)}; }

// What JSON usually takes; more is no error.
constexpr int kKeyBytes = 128, kDifferenceBytes = 512, kRowBytes = 1024;

struct Image {
    Datum *values;
    bool *nulls;
};

Image open_image(HeapTuple tuple, TupleDesc row) {
    Image image;
    image.values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<Size>(row->natts)));
    image.nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<Size>(row->natts)));
    heap_deform_tuple(tuple, row, image.values, image.nulls);
    return image;
}

void add_column(JsonObject &object, const Column &column, const Image &image) {
    add_value(object, column, image.values[column.attnum - 1], image.nulls[column.attnum - 1]);
}

void add_whole(JsonObject &object, const Table &table, const Image &image) {
    object.start(table.count, kRowBytes);
    for (int c = 0; c < table.count; ++c)
        if (table.columns[c].policy != Policy::exclude)
            add_column(object, table.columns[c], image);
}

struct Key {
    JsonObject object;
    Jsonb *value;
    int64 record;
};

int64 integer_of(const Column &column, Datum value) {
    return column.length == 2 ? DatumGetInt16(value) : column.length == 4 ? DatumGetInt32(value) : DatumGetInt64(value);
}

void build_key(Key &key, const Table &table, const Image &image) {
    key.object.start(table.key_count, kKeyBytes);
    for (int k = 0; k < table.key_count; ++k)
        add_column(key.object, *table.key[k], image);
    key.value = key.object.finish();
    const Column &first = *table.key[0];
    const bool integer = table.key_count == 1 && first.kind == Kind::integer && !image.nulls[first.attnum - 1];
    key.record = integer          ? record_of({table.name, table.name_length}, true, integer_of(first, image.values[first.attnum - 1]), {})
                 : table.plain_key ? record_of({table.name, table.name_length}, false, 0, view(key.object.text()))
                                   : record_of_key({table.name, table.name_length}, key.value);
}

// What a row of the log gets, whatever the operation.
struct Change {
    const Table *table;
    const Origin *origin;
    TriggerEvent event;
    const char *operation;
    JsonObject before, after;
    bool has_before, has_after, has_key, moved;
    Key key, new_key;
};

// One buffer for the canonical form of all rows: nothing else runs while it is in use.
BufferSink &digest_scratch() {
    constexpr int kKept = 64 * 1024;
    static BufferSink scratch;
    if (scratch.bytes.data && scratch.bytes.maxlen > kKept) {
        pfree(scratch.bytes.data);
        scratch.bytes.data = nullptr;
    }
    if (!scratch.bytes.data) {
        MemoryContext const before = MemoryContextSwitchTo(TopMemoryContext);
        initStringInfo(&scratch.bytes);
        MemoryContextSwitchTo(before);
    }
    return scratch;
}

// The current context is the executor's for one trigger call.
void write_change(Change &change, Relation relation) {
    namespace at = log_column;
    const Table &table = *change.table;
    const Origin &origin = *change.origin;
    LogRow row;
    memset(row.nulls, true, sizeof row.nulls);
    const auto set = [&row](int column, Datum value) {
        row.values[column] = value;
        row.nulls[column] = false;
    };
    LogContent content = {};
    const TimestampTz now = GetCurrentStatementStartTimestamp();
    content.transaction_id = static_cast<int64>(U64FromFullTransactionId(GetTopFullTransactionId()));
    content.created_at = unix_microseconds(now);
    content.table_name = {table.name, table.name_length};
    content.operation = change.operation;
    content.request_id = origin.request_id ? std::string_view(origin.request_id) : std::string_view();
    const char *const cause = cause_of(origin, relation);
    content.cause = cause ? std::string_view(cause) : std::string_view();
    content.user_id = origin.user;
    core::audit::Digest context_digest;
    const int64 context = context_of_change(table.log_schema, origin, context_digest);
    if (context != 0) {
        content.context = &context_digest;
        set(at::context, Int64GetDatum(context));
    }
    if (change.has_before)
        set(at::old_values, JsonbPGetDatum(change.before.finish())), content.old_values = view(change.before.text());
    if (change.has_after)
        set(at::new_values, JsonbPGetDatum(change.after.finish())), content.new_values = view(change.after.text());
    if (change.has_key) {
        set(at::record_key, JsonbPGetDatum(change.key.value));
        content.record_key = view(change.key.object.text());
        content.record = change.key.record;
    }
    if (TRIGGER_FIRED_BY_TRUNCATE(change.event))
        content.record = record_of(content.table_name, false, 0, {});
    if (change.moved) {
        set(at::moved_to, Int64GetDatum(change.new_key.record));
        content.has_moved_to = true;
        content.moved_to = change.new_key.record;
    }
    content.id = OidIsValid(table.sequence) ? nextval_internal(table.sequence, false) : 0;
    set(at::id, Int64GetDatum(content.id));
    set(at::table_name, text_datum(content.table_name));
    set(at::operation, text_datum(content.operation));
    set(at::created_at, TimestampTzGetDatum(now));
    set(at::transaction_id, Int64GetDatum(content.transaction_id));
    set(at::record, Int64GetDatum(content.record));
    if (content.user_id.data())
        set(at::user_id, text_datum(content.user_id));
    if (content.request_id.data())
        set(at::request_id, text_datum(content.request_id));
    if (content.cause.data())
        set(at::cause, text_datum(content.cause));
    const core::audit::Digest digest = digest_of(content, digest_scratch());
    set(at::row_digest, text_datum({reinterpret_cast<const char *>(digest.data()), kRowDigestBytes}));
    add_row(table.log, &kLogShape, row);
}

// False where nothing that counts has changed.
bool find_changes(Change &change, const Image &before, const Image &after, bool *changed) {
    const Table &table = *change.table;
    bool counts = false;
    change.moved = false;
    for (int c = 0; c < table.count; ++c) {
        const Column &column = table.columns[c];
        changed[c] = column.policy != Policy::exclude &&
                     !same_value(column, before.values[column.attnum - 1], before.nulls[column.attnum - 1],
                                 after.values[column.attnum - 1], after.nulls[column.attnum - 1]);
        if (!changed[c])
            continue;
        counts = counts || column.policy != Policy::ignore;
        change.moved = change.moved || column.in_key;
    }
    return counts;
}

void record_update(Change &change, const TriggerData *data) {
    const Table &table = *change.table;
    const TupleDesc row = RelationGetDescr(data->tg_relation);
    const Image before = open_image(data->tg_trigtuple, row), after = open_image(data->tg_newtuple, row);
    bool *const changed = static_cast<bool *>(palloc(sizeof(bool) * static_cast<Size>(Max(table.count, 1))));
    if (!find_changes(change, before, after, changed))
        return;
    change.operation = "UPDATE";
    change.has_before = change.has_after = true;
    // Without a key nothing but the whole row says which row it was.
    if (table.full || table.key_count == 0) {
        add_whole(change.before, table, before);
        add_whole(change.after, table, after);
    } else {
        change.before.start(table.count, kDifferenceBytes);
        change.after.start(table.count, kDifferenceBytes);
        for (int c = 0; c < table.count; ++c) {
            if (!changed[c])
                continue;
            add_column(change.before, table.columns[c], before);
            add_column(change.after, table.columns[c], after);
        }
    }
    if (table.key_count > 0) {
        change.has_key = true;
        build_key(change.key, table, before);
        if (change.moved)
            build_key(change.new_key, table, after);
    }
    write_change(change, data->tg_relation);
}

void record_whole_row(Change &change, const TriggerData *data, bool insert) {
    const Table &table = *change.table;
    const Image image = open_image(data->tg_trigtuple, RelationGetDescr(data->tg_relation));
    change.operation = insert ? "INSERT" : "DELETE";
    change.has_after = insert;
    change.has_before = !insert;
    add_whole(insert ? change.after : change.before, table, image);
    if (table.key_count > 0) {
        change.has_key = true;
        build_key(change.key, table, image);
    }
    write_change(change, data->tg_relation);
}

void record_truncation(Change &change, const TriggerData *data) {
    Relation relation = data->tg_relation;
    change.operation = "TRUNCATE";
    change.has_before = relation->rd_rel->relispartition;
    if (change.has_before) {
        static const JsonKey kPartition = {"partition", 9, "\"partition\": ", 13};
        const char *const name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
        change.before.start(1, kKeyBytes);
        change.before.add_string(kPartition, name, strlen(name));
    }
    write_change(change, relation);
}

// May raise: runs inside call().
void record(const TriggerData *data, const Table *table, const Origin *origin) {
    Change change;
    change.table = table;
    change.origin = origin;
    change.event = data->tg_event;
    change.has_before = change.has_after = change.has_key = change.moved = false;
    if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event)) {
        record_truncation(change, data);
    } else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
        record_update(change, data);
    } else {
        record_whole_row(change, data, TRIGGER_FIRED_BY_INSERT(data->tg_event));
    }
}

} // namespace

Datum image_of(HeapTupleHeader row) {
    const Oid relation_id = get_typ_typrelid(HeapTupleHeaderGetTypeId(row));
    if (!OidIsValid(relation_id))
        raise_inside_call(core::Condition::wrong_object_type, "the row is not one of a table", "",
                          "Select whole rows: SELECT audit_image(t) FROM tickets t.");
    Relation relation = relation_open(relation_id, AccessShareLock);
    HeapTupleData tuple;
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_tableOid = relation_id;
    tuple.t_data = row;
    const Table *const table = table_of(relation);
    JsonObject object;
    add_whole(object, *table, open_image(&tuple, RelationGetDescr(relation)));
    Jsonb *const image = object.finish();
    relation_close(relation, AccessShareLock);
    return JsonbPGetDatum(image);
}

void init() {
    call([] {
        prepare_plain_output();
        register_table_cache();
        register_writer();
        register_context();
    });
}

} // namespace ticketflow::pg::audit

using namespace ticketflow::pg;

TICKETFLOW_FUNCTION(ticketflow_audit_trigger) {
    TriggerData *const data = audit::trigger_data(fcinfo, "audit_trigger()");
    if (TRIGGER_FIRED_FOR_ROW(data->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
        throw ticketflow::core::Failure(ticketflow::core::Condition::object_not_in_state,
                                        "audit_trigger() must be fired for each row, or for TRUNCATE",
                                        {}, "Create the trigger with ticketflow.audit_enable().");
    const auto look_up = [data] {
        const audit::Table *const found =
            call([data] { return audit::table_of(data->tg_relation, data->tg_trigger, audit::kLogName); });
        audit::require_log(*found, audit::kLogName);
        return found;
    };
    const audit::Table *table = look_up();
    while (call([table] { return audit::hold_log(table->log, &audit::kLogShape); }))
        table = look_up();
    if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) && call([data, table] { return audit::is_known_truncation(data, *table); }))
        return PointerGetDatum(nullptr);
    const audit::Origin origin = audit::origin_of_change(table->log_schema);
    const audit::PlainOutput plain;
    call([&] { audit::record(data, table, &origin); });
    return PointerGetDatum(nullptr);
}
