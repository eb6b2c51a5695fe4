// import: a tolerant reader of dates, for set-based loading (a bad date is a NULL to report, not an error).
#include "core/import/datetime.h"
#include "pg/datum.h"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

using namespace ticketflow;

namespace {

core::import::DateOrder date_order(std::string_view name) {
    if (name == "ymd")
        return core::import::DateOrder::unstated;
    if (name == "dmy")
        return core::import::DateOrder::day_first;
    if (name == "mdy")
        return core::import::DateOrder::month_first;
    throw core::Failure(core::Condition::invalid_parameter_value,
                        "unknown date order \"" + std::string(name) + "\"", {}, "Use ymd, dmy or mdy.");
}

} // namespace

// parse_datetime(value text, zone text, date_order text) -> timestamptz, NULL where value is no date
TICKETFLOW_FUNCTION(ticketflow_parse_datetime) {
    const auto order = date_order(pg::text_view(PG_GETARG_DATUM(2)));
    const auto time = core::import::parse_datetime(pg::text_view(PG_GETARG_DATUM(0)), order);
    if (!time) {
        fcinfo->isnull = true;
        return Datum(0);
    }
    constexpr std::int64_t kEpochs = std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;
    const Timestamp local = time->microseconds - kEpochs;
    if (time->offset_seconds)
        return TimestampTzGetDatum(local - *time->offset_seconds * USECS_PER_SEC);
    const Datum zone = PG_GETARG_DATUM(1);
    return pg::call([zone, local] { return DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(local)); });
}
