// The library's table of contents: what each topic registers when PostgreSQL loads it.
#include "pg/access.h"
#include "pg/audit_trigger.h"
#include "pg/bridge.h"
#include "pg/numbering_home.h"
#include "pg/search/am_options.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    ticketflow::pg::entry([] {
        ticketflow::pg::access::init();
        ticketflow::pg::audit::init();
        ticketflow::pg::numbering::init();
        ticketflow::pg::search::init();
    });
}
}
