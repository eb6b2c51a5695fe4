// While planning, `document <@> query` becomes `document <@> of_index(query, index)`: so it ranks in any plan, also where
// no index scan runs (a sort after another index, a tiny table).
#pragma once

#include "pg/bridge.h"

extern "C" {
#include <nodes/nodes.h>
}

namespace ticketflow::pg::search {

// The index that planning has bound to the call, if any.
struct BoundIndex {
    Oid index, table; // InvalidOid: none; no table where rows may come from any of several
    bool several;     // a partitioned table, or one with inheritance children
    bool partitioned;
    bool by_planner;  // not written by the user: the executor checks the rights on the document's table
};
BoundIndex bound_index(FmgrInfo *function);

// Inside call(): whether this is of_index(query, index), and which index it names.
bool names_index(Node *argument, Oid *index);

} // namespace ticketflow::pg::search
