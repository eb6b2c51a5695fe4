// Triggers on the numbering tables themselves: what a series may be, and how a change of it reaches every
// session.
#include "pg/compat.h"
#include "pg/datum.h"
#include "pg/numbering_counter.h"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <catalog/namespace.h>
#include <commands/trigger.h>
#include <executor/spi.h>
#include <storage/lmgr.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

// One version of a row of ticket_series, as text.
struct SeriesRow {
    std::string prefix, mask, reset, zone, start, mode, key;
    bool operator==(const SeriesRow &) const = default;
};

std::string field(const TriggerData &data, HeapTuple row, const char *column) {
    const TupleDesc columns = RelationGetDescr(data.tg_relation);
    const char *text = call([=]() -> const char * {
        const int number = SPI_fnumber(columns, column);
        return number > 0 ? SPI_getvalue(row, columns, number) : nullptr;
    });
    return text ? text : "";
}

SeriesRow row_from(const TriggerData &data, HeapTuple row) {
    return {field(data, row, "prefix"),     field(data, row, "mask"),         field(data, row, "reset"),
            field(data, row, "time_zone"),  field(data, row, "start_number"), field(data, row, "mode"),
            field(data, row, "permute_key")};
}

void check_series(const SeriesRow &row) {
    core::check_prefix(row.prefix);
    core::Mask(row.mask).check_covers(core::reset_from(row.reset));
    const char *zone = row.zone.c_str();
    if (!call([zone] { return pg_tzset(zone) != nullptr; }))
        throw Failure(Condition::invalid_parameter_value, "time zone \"" + row.zone + "\" is not known", "",
                      "Take a name from pg_timezone_names, for example Europe/Berlin.");
    if (row.mode != "fast" && row.mode != "gapless")
        throw Failure(Condition::invalid_parameter_value, "unknown numbering mode \"" + row.mode + "\"", "",
                      "A series is fast or gapless.");
    if (row.start.empty() || row.start.size() > 12 || row.start[0] == '-' || row.start == "0")
        throw Failure(Condition::invalid_parameter_value,
                      "a series starts at a number between 1 and 999999999999");
}

// Numbers of two series must tell themselves apart.
void check_distinct(const Home &home) {
    for (auto one = home.series.begin(); one != home.series.end(); ++one)
        for (auto other = std::next(one); other != home.series.end(); ++other)
            if (core::can_meet(one->second->mask, one->first, other->second->mask, other->first))
                throw Failure(Condition::invalid_parameter_value,
                              "series \"" + one->first + "\" would make the same numbers as series \"" + other->first + "\"",
                              "Their masks are " + one->second->mask.text() + " and " + other->second->mask.text() + ".",
                              "Put a separator after {prefix}, or other text into one of them.");
}

void refuse_if_used(const Home &home, const std::string &prefix, const char *what) {
    if (counter_exists(home.counters_table, prefix))
        throw Failure(Condition::object_not_in_state,
                      std::string("cannot ") + what + " ticket series \"" + prefix + "\"",
                      "It has issued numbers, which people keep quoting.",
                      "Make another series the default instead; the numbers of this one go on resolving.");
}

// Whoever draws holds this table's row lock to the end of the transaction: after this, nobody draws by old
// settings.
void wait_for_drawers(const Home &home) {
    const Oid table = home.counters_table;
    call([table] { LockRelationOid(table, ShareRowExclusiveLock); });
}

size_t period_length(core::Reset reset) {
    return core::period_of(reset, {2000, 1, 1}).size();
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_series_check) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event))
        throw core::Failure(core::Condition::object_not_in_state,
                            "ticket_series_check() must be a BEFORE trigger FOR EACH ROW");
    const HomePtr home = home_of_schema(RelationGetNamespace(data->tg_relation));
    if (RelationGetRelid(data->tg_relation) != home->series_table)
        throw core::Failure(core::Condition::wrong_object_type,
                            std::string("table \"") + RelationGetRelationName(data->tg_relation) + "\" does not hold the series of a desk",
                            "", "ticket_series_check() is for the ticket_series that ticketflow.deploy() makes.");
    const SeriesRow before =
        TRIGGER_FIRED_BY_INSERT(data->tg_event) ? SeriesRow{} : row_from(*data, data->tg_trigtuple);
    if (TRIGGER_FIRED_BY_DELETE(data->tg_event)) {
        refuse_if_used(*home, before.prefix, "drop");
        return PointerGetDatum(data->tg_trigtuple);
    }
    HeapTuple row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
    const SeriesRow after = row_from(*data, row);
    if (after == before)
        return PointerGetDatum(row);
    check_series(after);
    if (TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
        if (after.prefix != before.prefix)
            refuse_if_used(*home, before.prefix, "rename");
        wait_for_drawers(*home);
        if (after.reset != before.reset)
            counter_align(*home, after.prefix, period_length(core::reset_from(after.reset)));
    }
    return PointerGetDatum(row);
}

TICKETFLOW_FUNCTION(ticketflow_numbering_series_changed) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw core::Failure(core::Condition::object_not_in_state,
                            "ticket_series_changed() must be called as a trigger");
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    // The extension's own table as well, which every session that counts has read: a desk may be new to it.
    pg::call([data] {
        const Oid own = get_relname_relid(RelationGetRelationName(data->tg_relation), get_namespace_oid("ticketflow", false));
        CacheInvalidateRelcache(data->tg_relation);
        if (OidIsValid(own))
            CacheInvalidateRelcacheByRelid(own);
    });
    const Oid schema = RelationGetNamespace(data->tg_relation), changed = RelationGetRelid(data->tg_relation);
    if (home_of_schema(schema)->series_table == changed) {
        // Two sessions that add series at once must see each other's. Kept until the transaction ends.
        pg::call([=] {
            LockPage(data->tg_relation, 0, ExclusiveLock);
            CommandCounterIncrement();
        });
        check_distinct(*home_now(schema));
    }
    return PointerGetDatum(nullptr);
}

TICKETFLOW_FUNCTION(ticketflow_numbering_counters_guard) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    throw core::Failure(
        core::Condition::object_not_in_state,
        std::string("counters in \"") +
            (CALLED_AS_TRIGGER(fcinfo) ? RelationGetRelationName(data->tg_relation) : "ticket_counters") +
            "\" are not changed by hand",
        "A counter that goes back gives numbers out twice.",
        "resync_ticket_numbers() raises counters to what the tables hold.");
}
