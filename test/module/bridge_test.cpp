// Functions that misbehave on purpose, to show what the bridge makes of it (test/sql/bridge.sql).
#include "pg/bridge.h"
#include "pg/datum.h"

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
PG_MODULE_MAGIC;

#include <catalog/pg_type.h>
#include <executor/spi.h>
}

namespace {

int live_objects = 0;

struct Probe {
    Probe() { ++live_objects; }
    Probe(const Probe &) { ++live_objects; }
    ~Probe() { --live_objects; }
};

} // namespace

using namespace ticketflow;

TICKETFLOW_FUNCTION(bridge_test_fail) {
    const Probe probe;
    const std::string kind(pg::text_view(PG_GETARG_DATUM(0)));
    const std::vector<Probe> more(3);
    if (kind == "failure")
        throw core::Failure(core::Condition::object_not_in_state, "core failed", "some detail", "some hint");
    if (kind == "bad_alloc")
        throw std::bad_alloc();
    if (kind == "int")
        throw 42;
    if (kind == "std")
        throw std::runtime_error("plain exception");
    if (kind == "postgres")
        pg::call([] {
            ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("inner"), errdetail("inner detail"),
                    errhint("inner hint"));
        });
    if (kind == "bad_alloc inside")
        pg::call([] { throw std::bad_alloc(); });
    if (kind == "huge")
        throw core::Failure(core::Condition::invalid_name, std::string(100000, 'x'));
    return pg::make_text("fine");
}

TICKETFLOW_FUNCTION(bridge_test_live_objects) { PG_RETURN_INT32(live_objects); }

TICKETFLOW_FUNCTION(bridge_test_loop) {
    const Probe probe;
    for (;;)
        pg::check_for_interrupts();
}

TICKETFLOW_FUNCTION(bridge_test_query) {
    const Probe probe;
    const std::string query(pg::text_view(PG_GETARG_DATUM(0)));
    const char *text = query.c_str();
    pg::call([text] {
        SPI_connect();
        SPI_execute(text, false, 0);
        SPI_finish();
    });
    PG_RETURN_VOID();
}
