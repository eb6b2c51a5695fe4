// The SQL functions of numbering that draw and show numbers.
#include "pg/numbering.h"

#include "pg/datum.h"
#include "pg/numbering_counter.h"

extern "C" {
#include <commands/trigger.h>
#include <utils/acl.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::numbering {

using core::Condition;
using core::Failure;

Drawn draw(const Home &home, const Series &series, TimestampTz at, const std::string &queue,
           const std::string &category) {
    Drawn drawn;
    drawn.parts.prefix = series.prefix;
    drawn.parts.date = date_of(at, series);
    drawn.parts.queue = queue;
    drawn.parts.category = category;
    drawn.period = core::period_of(series.reset, drawn.parts.date);
    drawn.parts.number = counter_take(home, series.prefix, drawn.period, series.start, 1);
    drawn.text = series.mask.render(drawn.parts);
    return drawn;
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

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_next) {
    std::optional<std::string> prefix;
    if (!PG_ARGISNULL(0))
        prefix = std::string(pg::text_view(PG_GETARG_DATUM(0)));
    if (PG_ARGISNULL(1))
        throw core::Failure(core::Condition::invalid_parameter_value,
                            "the moment of a ticket number must not be null");
    const HomePtr home = PG_NARGS() > 2 && !PG_ARGISNULL(2) ? home_named(pg::text_view(PG_GETARG_DATUM(2)))
                                                            : home_of_caller(prefix ? &*prefix : nullptr);
    check_may_draw(*home);
    const auto series = home->find(prefix.value_or(home->default_prefix));
    return pg::make_text(draw(*home, *series, PG_GETARG_TIMESTAMPTZ(1), {}, {}).text);
}

TICKETFLOW_FUNCTION(ticketflow_numbering_series_changed) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw core::Failure(core::Condition::object_not_in_state,
                            "ticket_series_changed() must be called as a trigger");
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    pg::call([data] { CacheInvalidateRelcache(data->tg_relation); });
    return PointerGetDatum(nullptr);
}
