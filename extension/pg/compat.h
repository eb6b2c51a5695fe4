// Everything that differs between PostgreSQL 15, 16, 17 and 18. No other file looks at PG_VERSION_NUM.
#pragma once

extern "C" {
#include <postgres.h>
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "TicketFlow supports PostgreSQL 15 to 18"
#endif

#if PG_VERSION_NUM >= 160000
extern "C" {
#include <varatt.h>
}
#endif
