// Which tables' changes a log takes.
#pragma once

#include "pg/bridge.h"

namespace ticketflow::pg::audit {

// Anybody may put our trigger on a table of her own, a temporary one even: what that writes must not pass for the desk's. So a log takes the
// changes of tables whose owner may write to it anyway, and of those that its own owner had recorded, under the name that she gave
// them then: table audit_consents beside the log. May raise: inside call().
bool may_record(Oid relation, Oid log, const char *table_name);

} // namespace ticketflow::pg::audit
