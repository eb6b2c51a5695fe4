// Which schemas of the database are desks. Everything here may raise a PostgreSQL error: use it inside call().
#pragma once

extern "C" {
#include <postgres.h>
}

namespace ticketflow::pg::desk {

// The table that deploy() leaves in a desk's schema.
constexpr const char *kMarker = "ticketflow_desk";

struct List {
    int count;
    Oid *schemas; // in the current memory context, in the order of their oids
};

// Anybody can make a table of that name. One counts only where its owner may create schemas in this database, as whoever
// deploys a desk may: a stranger's must neither collect what belongs to a desk nor make the only desk one of two.
List all();

// InvalidOid where there is none, or several.
Oid only();

} // namespace ticketflow::pg::desk
