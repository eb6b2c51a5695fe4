// Writes rows of the log into a table or the right partition of it, and into their indexes, past the executor.
// Everything here may raise a PostgreSQL error: use it inside call().
#pragma once

#include "pg/audit_index.h"
#include "pg/audit_writer.h"
#include "pg/owner.h"

namespace ticketflow::pg::audit {

inline constexpr int kRowsPerInsert = 100;

struct Layout;

// A run of rows into one log. Plain memory: an error leaves it to the end of the transaction.
struct Insertion {
    Relation log;
    const LogShape *shape;
    Oid target; // the log or the partition that is open; InvalidOid: none
    Relation table;
    TimestampTz time;        // of the row before: the next of that time has the same target
    const Layout *layout;
    bool is_plain;           // its indexes are filled without the executor
    PlainIndexes indexes;
    EState *estate;          // null until something needs the executor
    ResultRelInfo *result;
    TupleTableSlot *slots[kRowsPerInsert];
    ExprState **defaults; // of the target's own columns, once needed
    int slot_count;
    int filled;
    bool borrowed; // the rights of the log's owner: what the executor runs there is that role's code
    Borrowed rights;
};

void begin_insert(Insertion &insertion, Oid log, const LogShape *shape);
void insert_row(Insertion &insertion, const LogRow &row);
void end_insert(Insertion &insertion);

void register_insert();

} // namespace ticketflow::pg::audit
