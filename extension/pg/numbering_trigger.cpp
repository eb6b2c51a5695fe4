// number_trigger(): fills a column of anybody's table with the next number of a series, and keeps numbers
// given to it.
#include "pg/compat.h"
#include "pg/datum.h"
#include "pg/numbering.h"
#include "pg/numbering_counter.h"
#include "pg/numbering_gapless.h"
#include "pg/numbering_table.h"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <storage/lmgr.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

HeapTuple row_of(const TriggerData &data) {
    return TRIGGER_FIRED_BY_UPDATE(data.tg_event) ? data.tg_newtuple : data.tg_trigtuple;
}

// A column of the row as text; empty for NULL.
std::string value_of(Relation rel, HeapTuple row, AttrNumber column) {
    if (!column)
        return {};
    const TupleDesc columns = RelationGetDescr(rel);
    bool isnull;
    const Datum value = heap_getattr(row, column, columns, &isnull);
    if (isnull)
        return {};
    const Oid type = TupleDescAttr(columns, column - 1)->atttypid;
    if (type == TEXTOID || type == VARCHAROID)
        return std::string(text_view(value));
    if (type == INT4OID)
        return std::to_string(DatumGetInt32(value));
    const char *text = call([=] { return SPI_getvalue(row, columns, column); });
    return text ? text : "";
}

core::Date date_of_row(const TriggerData &data, const Binding &binding, const Series &series) {
    bool isnull = true;
    Datum value = 0;
    if (binding.at)
        value = heap_getattr(row_of(data), binding.at, RelationGetDescr(data.tg_relation), &isnull);
    if (isnull)
        return date_of(call([] { return GetCurrentTransactionStartTimestamp(); }), series);
    if (TupleDescAttr(RelationGetDescr(data.tg_relation), binding.at - 1)->atttypid != DATEOID)
        return date_of(DatumGetTimestampTz(value), series);
    core::Date date;
    if (!DATE_NOT_FINITE(DatumGetDateADT(value)))
        j2date(DatumGetDateADT(value) + POSTGRES_EPOCH_JDATE, &date.year, &date.month, &date.day);
    if (date.year < 1 || date.year > 9999)
        throw Failure(Condition::invalid_datetime, "a ticket number needs a date in the years 1 to 9999");
    return date;
}

// Series and codes for a row: its queue decides, then its category, then the default.
struct Choice {
    std::shared_ptr<const Series> series;
    core::NumberParts parts;
};

Choice choose(const Home &home, const Binding &binding, const TriggerData &data) {
    Choice choice;
    std::string prefix = binding.series, queue, category;
    const Scope *by_queue = nullptr, *by_category = nullptr;
    if (!home.scopes.empty()) {
        queue = value_of(data.tg_relation, row_of(data), binding.queue);
        category = value_of(data.tg_relation, row_of(data), binding.category);
        by_queue = home.scope("queue", queue);
        by_category = home.scope("category", category);
        for (const Scope *scope : {by_queue, by_category})
            if (prefix.empty() && scope)
                prefix = scope->prefix;
    }
    choice.series = home.find(prefix.empty() ? home.default_prefix : prefix);
    choice.parts.prefix = choice.series->prefix;
    if (choice.series->mask.has(core::Mask::Kind::queue))
        choice.parts.queue = by_queue && !by_queue->code.empty()
                                 ? by_queue->code
                                 : core::code_from(value_of(data.tg_relation, row_of(data), binding.queue));
    if (choice.series->mask.has(core::Mask::Kind::category))
        choice.parts.category =
            by_category && !by_category->code.empty()
                ? by_category->code
                : core::code_from(value_of(data.tg_relation, row_of(data), binding.category));
    choice.parts.date = date_of_row(data, binding, *choice.series);
    return choice;
}

void check_fits(const std::string &number, const Binding &binding) {
    if (binding.max_length && number.size() > static_cast<size_t>(binding.max_length))
        throw Failure(Condition::string_data_right_truncation,
                      "ticket number \"" + number + "\" does not fit in column \"" + binding.column_name +
                          "\"",
                      "It has " + std::to_string(number.size()) + " characters, the column holds " +
                          std::to_string(binding.max_length) + ".",
                      "Widen the column, or shorten the mask of the series.");
}

// Raises the series to what is in the table: numbers that came while no trigger fired (a restore, a replica).
void catch_up(const Home &home, const TriggerData &data, const Binding &binding, const Choice &choice,
              const std::string &period) {
    const core::Reader reader = reader_for(home);
    std::optional<core::Reading> largest;
    for_each_number(data.tg_relation, binding.column, [&](std::string_view text) {
        const auto reading = reader.whole(text);
        if (reading && reading->parts.prefix == choice.parts.prefix && reading->period == period &&
            (!largest || largest->parts.number < reading->parts.number))
            largest = reading;
    });
    if (largest)
        keep(home, *largest);
}

// The next number that no row has. Meeting a taken one, one session looks through the table while others wait
// for it.
std::string draw_free(const Home &home, const TriggerData &data, const Binding &binding, Choice &choice) {
    const std::string period = core::period_of(choice.series->reset, choice.parts.date);
    const Oid counters = home.counters_table;
    const core::Mask &mask = choice.series->mask;
    const bool plain = !choice.series->permute_key && mask.tokens().back().kind == core::Mask::Kind::number;
    Relation locked = nullptr;
    bool caught_up = false;
    for (;;) {
        choice.parts.number = take(home, *choice.series, period, 1);
        const std::string number = written(*choice.series, period, choice.parts);
        check_fits(number, binding);
        if (!is_taken(data.tg_relation, binding, number, choice.parts.number,
                      plain ? mask.digits(choice.parts.number) : 0)) {
            if (locked)
                call([locked] {
                    UnlockPage(locked, 1, ExclusiveLock);
                    table_close(locked, NoLock);
                });
            return number;
        }
        check_for_interrupts();
        if (!locked)
            locked = call([counters] {
                Relation rel = table_open(counters, RowExclusiveLock);
                LockPage(rel, 1, ExclusiveLock);
                return rel;
            });
        else if (!caught_up && !choice.series->permute_key) {
            catch_up(home, data, binding, choice, period);
            caught_up = true;
        }
    }
}

// Unique among all open transactions, and about as long as a number.
std::string placeholder() {
    static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static uint64 sequence = 0;
    const uint64 transaction = call([] { return U64FromFullTransactionId(GetTopFullTransactionId()); });
    std::string text;
    for (uint64 part : {++sequence, transaction}) {
        std::string digits;
        do
            digits.insert(digits.begin(), kDigits[part % 36]);
        while (part /= 36);
        text = text.empty() ? "-" + digits : digits + text;
    }
    return "pending-" + text;
}

Datum with_number(const TriggerData &data, const Binding &binding, const std::string &number) {
    const char *text = number.c_str();
    const AttrNumber number_column = binding.column;
    HeapTuple row = row_of(data);
    const TupleDesc columns = RelationGetDescr(data.tg_relation);
    return PointerGetDatum(call([=] {
        int column = number_column;
        Datum value = CStringGetTextDatum(text);
        bool isnull = false;
        return heap_modify_tuple_by_cols(row, columns, 1, &column, &value, &isnull);
    }));
}

bool is_placeholder(const std::string &number) {
    return number.compare(0, 8, "pending-") == 0;
}

// A number that somebody gave is kept, and its series learns of it.
void keep_given(HomePtr home, const std::string &number) {
    const auto reading = reader_for(*home).whole(number);
    if (reading)
        keep(*lock_counters(home), *reading);
}

// Whoever may insert a row gets its number, but not everybody's table may count in a home: like a sequence, it asks
// for a right, of the table's owner.
void check_owner_may_count(const Home &home, Relation rel) {
    const Oid counters = home.counters_table, owner = rel->rd_rel->relowner;
    if (!call([=] { return pg_class_aclcheck(counters, owner, ACL_UPDATE) == ACLCHECK_OK; }))
        throw Failure(Condition::insufficient_privilege,
                      std::string("permission denied to number table \"") + RelationGetRelationName(rel) + "\"",
                      "Its owner needs the UPDATE privilege on the ticket_counters that it counts in.",
                      "Grant it to the owner of the table, or put the table into the schema of a desk of the owner's.");
}

void check_called_right(FunctionCallInfo fcinfo) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
        throw Failure(Condition::object_not_in_state,
                      "number_trigger() must be a BEFORE INSERT or BEFORE UPDATE trigger FOR EACH ROW");
}

// UPDATE of the one row that waits under this placeholder, with the rights of the table's owner: whoever may
// insert a row gets its number. False where the row is gone.
bool replace_placeholder(Relation rel, const Binding &binding, const std::string &pending,
                         const std::string &number) {
    const char *column = binding.column_name.c_str(), *from = pending.c_str(), *to = number.c_str();
    return call([=] {
        Oid user;
        int context;
        GetUserIdAndSecContext(&user, &context);
        SetUserIdAndSecContext(rel->rd_rel->relowner,
                               context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
        SPI_connect();
        const char *name = quote_identifier(column);
        char *query = psprintf("UPDATE ONLY %s SET %s = $1 WHERE %s = $2",
                               quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
                                                          RelationGetRelationName(rel)),
                               name, name);
        Oid types[2] = {TEXTOID, TEXTOID};
        Datum values[2] = {CStringGetTextDatum(to), CStringGetTextDatum(from)};
        const int result = SPI_execute_with_args(query, 2, types, values, nullptr, false, 0);
        if (result != SPI_OK_UPDATE)
            raise_inside_call(core::Condition::internal_error, psprintf("cannot number a row: %s", SPI_result_code_string(result)), "", "");
        const bool found = SPI_processed > 0;
        SPI_finish();
        SetUserIdAndSecContext(user, context);
        return found;
    });
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_trigger) {
    check_called_right(fcinfo);
    const TriggerData &data = *reinterpret_cast<TriggerData *>(fcinfo->context);
    const BindingPtr binding = binding_of(data);
    HomePtr home = home_of_schema(binding->schema);
    check_owner_may_count(*home, data.tg_relation);
    const std::string given = value_of(data.tg_relation, row_of(data), binding->column);
    const bool is_update = TRIGGER_FIRED_BY_UPDATE(data.tg_event);
    if (is_update && !given.empty() &&
        given == value_of(data.tg_relation, data.tg_trigtuple, binding->column))
        return PointerGetDatum(data.tg_newtuple);
    if (!given.empty()) {
        if (!is_placeholder(given))
            keep_given(home, given);
        return PointerGetDatum(row_of(data));
    }
    home = lock_counters(home);
    Choice choice = choose(*home, *binding, data);
    // In a transaction that goes on, a gapless series is left to the others until the commit.
    if (choice.series->mode == Mode::gapless && binding->settles_at_commit && !is_update &&
        IsTransactionBlock() && !gapless_holds(*home, choice.series->prefix)) {
        const std::string pending = placeholder();
        check_fits(pending, *binding);
        return with_number(data, *binding, pending);
    }
    return with_number(data, *binding, draw_free(*home, data, *binding, choice));
}

// Gives rows that wait under a placeholder their number, as late as can be: at commit, or at SET CONSTRAINTS
// IMMEDIATE.
TICKETFLOW_FUNCTION(ticketflow_numbering_settle) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
        throw core::Failure(
            core::Condition::object_not_in_state,
            "number_settle_trigger() must be an AFTER INSERT constraint trigger FOR EACH ROW");
    const BindingPtr binding = binding_of(*data);
    const std::string pending = value_of(data->tg_relation, data->tg_trigtuple, binding->column);
    if (!is_placeholder(pending))
        return PointerGetDatum(nullptr);
    const HomePtr home = lock_counters(home_of_schema(binding->schema));
    check_owner_may_count(*home, data->tg_relation);
    Choice choice = choose(*home, *binding, *data);
    const std::string number = draw_free(*home, *data, *binding, choice);
    // A row that was deleted again needs no number, and a gapless series must not lose one.
    if (!replace_placeholder(data->tg_relation, *binding, pending, number) &&
        choice.series->mode == Mode::gapless)
        gapless_give_back(*home, choice.series->prefix,
                          core::period_of(choice.series->reset, choice.parts.date));
    return PointerGetDatum(nullptr);
}
