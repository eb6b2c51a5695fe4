// What a function answers under one snapshot: shared by statement_value() and statement_includes().
#pragma once

#include "pg/bridge.h"

extern "C" {
#include <datatype/timestamp.h>
}

namespace ticketflow::pg::access {

// Whose answers hold: the same person asking under a snapshot that shows the same rows, in one statement of the client,
// since functions may read any setting. Of two snapshots of one backend with one xmax, the later one's transactions in progress are a
// subset of the earlier one's: so counts tell them apart.
struct Epoch {
    TransactionId xmin, xmax;
    uint32 running;
    int32 subtransactions;
    bool overflowed;
    CommandId command;
    Oid role, login;
    uint64 changes;
    TimestampTz statement;

    bool operator==(const Epoch &) const = default;
};

struct Answer {
    Oid function, type;
    bool is_null;
    Datum value;
};

// False where there is no snapshot by which answers could be kept. Raises no error: it runs for every row.
bool present_epoch(Epoch &epoch);

// The answer of a stable function without arguments, known or asked now; copy the value before anything else runs. May raise:
// for use inside call(). Without an epoch nothing is kept.
Answer ask(Oid function, Oid type, const Epoch *epoch);

} // namespace ticketflow::pg::access
