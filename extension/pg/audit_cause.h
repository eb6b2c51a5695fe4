// What made a trigger fire: the statement itself, a foreign key, or a TRUNCATE that is recorded already.
// Everything here may raise a PostgreSQL error: use it inside call().
#pragma once

#include "pg/audit_context.h"
#include "pg/audit_table.h"

extern "C" {
#include <commands/trigger.h>
}

namespace ticketflow::pg::audit {

// "cascade: users" where a foreign key changed the table, what the session says (app.cause), both, or null.
const char *cause_of(const Origin &origin, Relation relation);

// Whether a TRUNCATE needs no row: its statement has one for all of the partitions, or the table is recorded no more.
// Asked once a trigger call.
bool is_known_truncation(const TriggerData *data, const Table &table);

} // namespace ticketflow::pg::audit
