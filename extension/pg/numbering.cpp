// The SQL functions of numbering that draw numbers, and what they share with the trigger.
#include "pg/numbering.h"

#include "core/numbering_permute.h"
#include "pg/compat.h"
#include "pg/datum.h"
#include "pg/numbering_counter.h"
#include "pg/numbering_gapless.h"
#include "pg/numbering_table.h"

#include <map>

extern "C" {
#include <access/table.h>
#include <access/xlog.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <storage/lmgr.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::numbering {

using core::Condition;
using core::Failure;

HomePtr lock_counters(HomePtr home) {
    const uint64_t before = relation_changes();
    const Oid table = home->counters_table;
    call([table] {
        PreventCommandIfReadOnly("taking a ticket number");
        PreventCommandDuringRecovery("taking a ticket number");
        LockRelationOid(table, RowExclusiveLock);
    });
    return relation_changes() == before ? home : home_of_schema(home->schema);
}

int64_t take(const Home &home, const Series &series, const std::string &period, int64_t count) {
    return series.mode == Mode::gapless ? gapless_take(home, series.prefix, period, series.start, count)
                                        : counter_take(home, series.prefix, period, series.start, count);
}

std::string written(const Series &series, const std::string &period, core::NumberParts parts) {
    if (series.permute_key)
        parts.number = core::permute_number(*series.permute_key, period, series.mask.width(), parts.number);
    return series.mask.render(parts);
}

bool keep(const Home &home, const core::Reading &reading) {
    const auto series = home.find(reading.parts.prefix);
    // A shuffled number says nothing about how far its series is; the trigger steps over it when its turn
    // comes.
    if (series->permute_key)
        return false;
    if (series->mode == Mode::fast)
        return counter_raise(home, series->prefix, reading.period, series->start, reading.parts.number);
    // Counters never go back, so one that is far enough need not be locked.
    const auto before = gapless_peek(home, series->prefix, reading.period);
    if (before && *before >= reading.parts.number)
        return false;
    gapless_raise(home, series->prefix, reading.period, series->start, reading.parts.number);
    return true;
}

core::Reader reader_for(const Home &home) {
    std::vector<core::ReadableSeries> series;
    for (const auto &[prefix, it] : home.series)
        series.push_back({prefix, &it->mask, it->reset});
    const Oid counters = home.counters_table;
    return {
        std::move(series),
        [counters](const std::string &prefix) { return prefix == "TKT" || counter_exists(counters, prefix); },
        [] { check_for_interrupts(); }};
}

namespace {

// Drawing by hand asks for a right, as nextval() does; a trigger draws for whoever may insert.
void check_may_draw(const Home &home) {
    const Oid table = home.counters_table;
    const char *name = call([table]() -> const char * {
        return pg_class_aclcheck(table, GetUserId(), ACL_UPDATE) == ACLCHECK_OK ? nullptr
                                                                                : get_rel_name(table);
    });
    if (name)
        throw Failure(Condition::insufficient_privilege, "permission denied to draw ticket numbers",
                      std::string("It needs the UPDATE privilege on table \"") + name + "\".",
                      "Grant it, or let the numbering trigger fill the column: that needs no grant.");
}

struct Asked {
    HomePtr home;
    std::shared_ptr<const Series> series;
    core::NumberParts parts;
    std::string period;
};

// What the arguments (prefix, moment and, where it is given, desk) of a drawing function mean.
Asked asked_for(FunctionCallInfo fcinfo, int prefix_at, int moment_at, int desk_at, bool draws) {
    std::optional<std::string> prefix;
    if (!PG_ARGISNULL(prefix_at))
        prefix = std::string(text_view(PG_GETARG_DATUM(prefix_at)));
    if (prefix)
        core::check_prefix(*prefix);
    if (PG_ARGISNULL(moment_at))
        throw Failure(Condition::invalid_parameter_value, "the moment of a ticket number must not be null");
    Asked asked;
    asked.home = PG_NARGS() > desk_at && !PG_ARGISNULL(desk_at)
                     ? home_named(text_view(PG_GETARG_DATUM(desk_at)))
                     : home_of_caller(prefix ? &*prefix : nullptr);
    if (draws) {
        check_may_draw(*asked.home);
        asked.home = lock_counters(asked.home);
    }
    asked.series = asked.home->find(prefix.value_or(asked.home->default_prefix));
    asked.parts.prefix = asked.series->prefix;
    asked.parts.date = date_of(PG_GETARG_TIMESTAMPTZ(moment_at), *asked.series);
    asked.period = core::period_of(asked.series->reset, asked.parts.date);
    return asked;
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_next) {
    Asked asked = asked_for(fcinfo, 0, 1, 2, true);
    asked.parts.number = take(*asked.home, *asked.series, asked.period, 1);
    return pg::make_text(written(*asked.series, asked.period, asked.parts));
}

TICKETFLOW_FUNCTION(ticketflow_numbering_peek) {
    Asked asked = asked_for(fcinfo, 0, 1, 2, false);
    asked.parts.number =
        gapless_peek(*asked.home, asked.series->prefix, asked.period).value_or(asked.series->start - 1) + 1;
    if (asked.parts.number > core::kMaxNumber)
        throw_exhausted(asked.series->prefix, asked.period, asked.parts.number - 1);
    return pg::make_text(written(*asked.series, asked.period, asked.parts));
}

TICKETFLOW_FUNCTION(ticketflow_numbering_reserve) {
    const int64 count = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
    if (count < 1 || count > 1000000)
        throw core::Failure(core::Condition::invalid_parameter_value,
                            "the size of a block of ticket numbers must be between 1 and 1000000");
    Asked asked = asked_for(fcinfo, 1, 2, 3, true);
    const int64 first = take(*asked.home, *asked.series, asked.period, count);
    pg::call([fcinfo] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    const ReturnSetInfo *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (int64 i = 0; i < count; ++i) {
        pg::check_for_interrupts();
        asked.parts.number = first + i;
        const std::string number = written(*asked.series, asked.period, asked.parts);
        pg::call([&number, result] {
            Datum value =
                PointerGetDatum(cstring_to_text_with_len(number.data(), static_cast<int>(number.size())));
            bool isnull = false;
            tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
            pfree(DatumGetPointer(value));
        });
    }
    return Datum(0);
}

// resync_numbers(table regclass, column name, home schema oid): raises each series to the largest number in
// the table.
TICKETFLOW_FUNCTION(ticketflow_numbering_resync) {
    const Oid table = PG_GETARG_OID(0);
    const std::string column(NameStr(*PG_GETARG_NAME(1)));
    const std::string desk(pg::text_view(PG_GETARG_DATUM(2)));
    HomePtr home = home_named(desk);
    check_may_draw(*home);
    home = lock_counters(home);
    const char *column_text = column.c_str();
    Relation rel = pg::call([=] {
        Relation opened = table_open(table, AccessShareLock);
        if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
            aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(opened));
        return opened;
    });
    if (rel->rd_rel->relkind != RELKIND_RELATION && rel->rd_rel->relkind != RELKIND_MATVIEW)
        throw core::Failure(core::Condition::wrong_object_type,
                            std::string("\"") + RelationGetRelationName(rel) + "\" holds no rows of its own",
                            "", "Name a table; of a partitioned one, each partition.");
    const int number = pg::call([=] { return SPI_fnumber(RelationGetDescr(rel), column_text); });
    const Oid type = number > 0 ? TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid : InvalidOid;
    if (type != TEXTOID && type != VARCHAROID)
        throw core::Failure(core::Condition::undefined_column,
                            std::string("table \"") + RelationGetRelationName(rel) +
                                "\" has no text column \"" + column + "\"");
    std::map<std::pair<std::string, std::string>, core::Reading> largest;
    const core::Reader reader = reader_for(*home);
    for_each_number(rel, static_cast<AttrNumber>(number), [&](std::string_view text) {
        const auto reading = reader.whole(text);
        if (!reading)
            return;
        auto [at, added] = largest.emplace(std::pair(reading->parts.prefix, reading->period), *reading);
        if (!added && at->second.parts.number < reading->parts.number)
            at->second = *reading;
    });
    pg::call([=] {
        table_close(rel, AccessShareLock);
        InitMaterializedSRF(fcinfo, 0);
    });
    const ReturnSetInfo *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (const auto &[key, reading] : largest) {
        if (!keep(*home, reading))
            continue;
        const char *prefix = key.first.c_str(), *period = key.second.c_str();
        const int64 last = reading.parts.number;
        pg::call([=] {
            Datum values[3] = {CStringGetTextDatum(prefix), CStringGetTextDatum(period), Int64GetDatum(last)};
            bool nulls[3] = {false, false, false};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        });
    }
    return Datum(0);
}
