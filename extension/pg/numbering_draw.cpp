#include "pg/numbering_draw.h"

#include "pg/compat.h"
#include "pg/datum.h"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <miscadmin.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::numbering {

using core::Condition;
using core::Failure;

HeapTuple row_of(const TriggerData &data) {
    return TRIGGER_FIRED_BY_UPDATE(data.tg_event) ? data.tg_newtuple : data.tg_trigtuple;
}

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

namespace {

core::Date date_of_row(const TriggerData &data, const Binding &binding, const Series &series) {
    bool isnull = true;
    Datum value = 0;
    if (binding.at)
        value = heap_getattr(row_of(data), binding.at, RelationGetDescr(data.tg_relation), &isnull);
    if (isnull)
        return date_of(GetCurrentTransactionStartTimestamp(), series);
    if (TupleDescAttr(RelationGetDescr(data.tg_relation), binding.at - 1)->atttypid != DATEOID)
        return date_of(DatumGetTimestampTz(value), series);
    core::Date date;
    if (!DATE_NOT_FINITE(DatumGetDateADT(value)))
        j2date(DatumGetDateADT(value) + POSTGRES_EPOCH_JDATE, &date.year, &date.month, &date.day);
    if (date.year < 1 || date.year > 9999)
        throw Failure(Condition::invalid_datetime, "a ticket number needs a date in the years 1 to 9999");
    return date;
}

Choice read_choice(const Home &home, const Binding &binding, const TriggerData &data) {
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
    const core::Mask &mask = choice.series->mask;
    choice.parts.prefix = choice.series->prefix;
    if (mask.has(core::Mask::Kind::queue))
        choice.parts.queue = by_queue && !by_queue->code.empty()
                                 ? by_queue->code
                                 : core::code_from(value_of(data.tg_relation, row_of(data), binding.queue));
    if (mask.has(core::Mask::Kind::category))
        choice.parts.category =
            by_category && !by_category->code.empty()
                ? by_category->code
                : core::code_from(value_of(data.tg_relation, row_of(data), binding.category));
    choice.parts.date = date_of_row(data, binding, *choice.series);
    choice.period = choice.series->period_of(choice.parts.date);
    if (!choice.series->permute_key)
        choice.stem = mask.stem(choice.parts);
    return choice;
}

} // namespace

ChoicePtr choose(const Home &home, const Binding &binding, const TriggerData &data) {
    const bool same_home = &home == binding.home.get();
    if (same_home && binding.recent && date_of_row(data, binding, *binding.recent->series) == binding.recent->parts.date)
        return binding.recent;
    const ChoicePtr choice = std::make_shared<const Choice>(read_choice(home, binding, data));
    const core::Mask &mask = choice->series->mask;
    if (same_home && home.scopes.empty() && !mask.has(core::Mask::Kind::queue) && !mask.has(core::Mask::Kind::category))
        binding.recent = choice;
    return choice;
}

void check_owner_may_count(bool may_count, Relation rel, const Home &home) {
    if (may_count)
        return;
    const Oid counters = home.counters_table;
    const char *const grant = call([=] {
        return psprintf("GRANT UPDATE ON %s TO %s;", quote_qualified_identifier(get_namespace_name(get_rel_namespace(counters)), get_rel_name(counters)),
                        quote_identifier(GetUserNameFromId(rel->rd_rel->relowner, false)));
    });
    throw Failure(Condition::insufficient_privilege,
                  std::string("permission denied to number table \"") + RelationGetRelationName(rel) + "\"",
                  "Its owner needs the UPDATE privilege on the ticket_counters that it counts in, which others count in as well.",
                  std::string("Who may grant it says: ") + grant + " Or put the table into the schema of a desk of the owner's.");
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

namespace {

std::string written(const Choice &choice, int64_t value) {
    if (choice.stem) {
        std::string number = *choice.stem;
        core::append_padded(number, value, choice.series->mask.width());
        return number;
    }
    core::NumberParts parts = choice.parts;
    parts.number = value;
    return written(*choice.series, choice.period, std::move(parts));
}

// Raises the series to what is in the table: numbers that came while no trigger fired (a restore, a replica).
void catch_up(const Home &home, const TriggerData &data, const Binding &binding, const Choice &choice) {
    const core::Reader reader = reader_for(home);
    std::optional<core::Reading> largest;
    for_each_number(data.tg_relation, binding.column, [&](std::string_view text) {
        const auto reading = reader.whole(text);
        if (reading && reading->parts.prefix == choice.parts.prefix && reading->period == choice.period &&
            (!largest || largest->parts.number < reading->parts.number))
            largest = reading;
    });
    if (largest)
        keep(home, *largest);
}

} // namespace

std::string draw_free(const Home &home, const TriggerData &data, const Binding &binding, const Choice &choice) {
    const Oid counters = home.counters_table;
    Relation locked = nullptr;
    bool caught_up = false;
    for (;;) {
        const int64_t value = take(home, *choice.series, choice.period, 1);
        const std::string number = written(choice, value);
        check_fits(number, binding);
        if (!is_taken(data.tg_relation, binding, number, value, choice.stem ? number.size() - choice.stem->size() : 0)) {
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
            catch_up(home, data, binding, choice);
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

bool is_placeholder(const std::string &number) {
    return number.compare(0, 8, "pending-") == 0;
}

} // namespace ticketflow::pg::numbering
