// The SQL functions of numbering that draw numbers, and what they share with the trigger.
#include "pg/numbering.h"

#include "core/numbering_permute.h"
#include "pg/compat.h"
#include "pg/datum.h"
#include "pg/numbering_counter.h"
#include "pg/numbering_draw.h"
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
    return gapless_raise(home, series->prefix, reading.period, series->start, reading.parts.number);
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

// Drawing by hand asks for a right, as nextval() does, and so does looking at the next number, which tells how many there
// are; a trigger draws for whoever may insert.
void check_right(const Home &home, AclMode mode, const char *what, const char *needs) {
    const Oid table = home.counters_table;
    const char *name = call([=]() -> const char * {
        return pg_class_aclcheck(table, GetUserId(), mode) == ACLCHECK_OK ? nullptr : get_rel_name(table);
    });
    if (name)
        throw Failure(Condition::insufficient_privilege, std::string("permission denied to ") + what + " ticket numbers",
                      std::string("It needs the ") + needs + " privilege on table \"" + name + "\".",
                      "Grant it, or let the numbering trigger fill the column: that needs no grant.");
}

void check_may_draw(const Home &home) {
    check_right(home, ACL_UPDATE, "draw", "UPDATE");
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
    } else {
        check_right(*asked.home, ACL_SELECT | ACL_UPDATE, "peek at", "SELECT or UPDATE");
    }
    asked.series = asked.home->find(prefix.value_or(asked.home->default_prefix));
    asked.parts.prefix = asked.series->prefix;
    asked.parts.date = date_of(PG_GETARG_TIMESTAMPTZ(moment_at), *asked.series);
    asked.period = asked.series->period_of(asked.parts.date);
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

namespace ticketflow::pg::numbering {
namespace {

// A text column of a table that has rows of its own, whose numbers may raise a series of this home.
AttrNumber numbered_column(const Home &home, Relation rel, const std::string &column) {
    const std::string table = std::string("\"") + RelationGetRelationName(rel) + "\"";
    if (column.empty())
        throw Failure(Condition::object_not_in_state, "table " + table + " has no column that a series numbers", "",
                      "Give it a number_trigger(), or a column with DEFAULT ticketflow.next_ticket_number('PREFIX').");
    if (rel->rd_rel->relkind != RELKIND_RELATION && rel->rd_rel->relkind != RELKIND_MATVIEW)
        throw Failure(Condition::wrong_object_type, table + " holds no rows of its own", "",
                      "Name a table; of a partitioned one, each partition.");
    if (!call([rel] { return pg_class_aclcheck(RelationGetRelid(rel), GetUserId(), ACL_SELECT) == ACLCHECK_OK; }))
        throw Failure(Condition::insufficient_privilege, "permission denied for table " + table);
    const char *text = column.c_str();
    const int number = call([=] { return SPI_fnumber(RelationGetDescr(rel), text); });
    const Oid type = number > 0 ? TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid : InvalidOid;
    if (type != TEXTOID && type != VARCHAROID)
        throw Failure(Condition::undefined_column, "table " + table + " has no text column \"" + column + "\"", "",
                      "Its number_trigger() takes the name of the column first.");
    check_owner_may_count(owner_may_draw(rel, home.counters_table), rel, home);
    return static_cast<AttrNumber>(number);
}

} // namespace
} // namespace ticketflow::pg::numbering

// resync_numbers(table regclass, column name, home text, named boolean): raises each series to the largest number in the
// table. An empty home is that of next_ticket_number(). A table that nobody named is passed over where it may not count.
TICKETFLOW_FUNCTION(ticketflow_numbering_resync) {
    const Oid table = PG_GETARG_OID(0);
    const std::string column(NameStr(*PG_GETARG_NAME(1)));
    const std::string desk(pg::text_view(PG_GETARG_DATUM(2)));
    const bool named = PG_GETARG_BOOL(3);
    HomePtr home = desk.empty() ? home_of_caller(nullptr) : home_named(desk);
    check_may_draw(*home);
    home = lock_counters(home);
    Relation rel = pg::call([=] {
        InitMaterializedSRF(fcinfo, 0);
        return table_open(table, AccessShareLock);
    });
    AttrNumber number;
    try {
        number = numbered_column(*home, rel, column);
    } catch (const core::Failure &) {
        if (named)
            throw;
        pg::call([rel] { table_close(rel, AccessShareLock); });
        return Datum(0);
    }
    std::map<std::pair<std::string, std::string>, core::Reading> largest;
    const core::Reader reader = reader_for(*home);
    for_each_number(rel, number, [&](std::string_view text) {
        const auto reading = reader.whole(text);
        if (!reading)
            return;
        auto [at, added] = largest.emplace(std::pair(reading->parts.prefix, reading->period), *reading);
        if (!added && at->second.parts.number < reading->parts.number)
            at->second = *reading;
    });
    pg::call([rel] { table_close(rel, AccessShareLock); });
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
