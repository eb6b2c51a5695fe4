// While planning, `document <@> query` becomes `document <@> of_index(query, index)`: so it ranks in any plan, also where
// no index scan runs (a sort after another index, a tiny table).
#pragma once

#include "pg/bridge.h"

namespace ticketflow::pg::search {

// The index that planning has bound to the call, or InvalidOid.
Oid bound_index(FmgrInfo *function);

} // namespace ticketflow::pg::search
