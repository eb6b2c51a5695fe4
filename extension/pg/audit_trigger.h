// What the audit trigger and the history trigger share.
#pragma once

#include "pg/audit_table.h"

extern "C" {
#include <commands/trigger.h>
}

namespace ticketflow::pg::audit {

// The trigger's call, or a Failure where it is none or not an AFTER trigger.
TriggerData *trigger_data(FunctionCallInfo fcinfo, const char *function);

// A Failure where the changes of the table have no place to go.
void require_log(const Table &table, const char *kind);

// A row of a table as the log keeps it whole. May raise: inside call().
Datum image_of(HeapTupleHeader row);

void init();

} // namespace ticketflow::pg::audit
