// The indexes of a table that rows of a log are written into, past the executor where they ask nothing of it.
// Everything here may raise a PostgreSQL error: use it inside call().
#pragma once

#include "pg/bridge.h"
#include "pg/compat.h"

extern "C" {
#include <nodes/execnodes.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::audit {

// B-trees and BRINs over plain columns; open while rows are written.
struct PlainIndexes {
    int count;
    Relation *indexes;
    IndexInfo **infos;
};

// False, and nothing is open, where an index of the table needs the executor: an expression, a condition, a constraint
// that is checked later, functions that are not PostgreSQL's own, or another access method.
bool open_plain_indexes(PlainIndexes &open, Relation table);

// Makes the entries of rows that are in the table already, index by index.
void fill_plain_indexes(PlainIndexes &open, Relation table, TupleTableSlot **rows, int count);

void close_plain_indexes(PlainIndexes &open);

} // namespace ticketflow::pg::audit
