// Writes rows of the log into its table and indexes, past the executor: rows of one statement are collected and written
// together when the statement ends. Functions may raise a PostgreSQL error: use them inside call().
#pragma once

#include "pg/bridge.h"
#include "pg/compat.h"

extern "C" {
#include <datatype/timestamp.h>
#include <executor/execdesc.h>
}

namespace ticketflow::pg::audit {

inline constexpr int kMostLogColumns = 16;

// The columns that one kind of log row fills, by name; the others are null.
struct LogShape {
    int count;
    int time_column; // what partitions are by
    bool append_only; // old pages are not filled up: they are summarised, and after a checkpoint each would be logged whole
    struct {
        const char *name;
        Oid type; // TEXTOID stands for varchar too; InvalidOid: whatever the table has
        bool required;
    } columns[kMostLogColumns];
};

struct LogRow {
    Datum values[kMostLogColumns];
    bool nulls[kMostLogColumns];
    // Of the column whose type the shape leaves open.
    Oid open_type;
    int16 open_length;
    bool open_by_value;
};

// Keeps the log's columns as they are until the transaction ends: call it before rows are made for it. True where that
// had to wait its turn, so that what is known of the log may be old.
bool hold_log(Oid log, const LogShape *shape);

// Takes a copy of the row, to be written when its statement ends.
void add_row(Oid log, const LogShape *shape, const LogRow &row);

// The statement that runs now: null where a row comes from elsewhere (COPY, deferred triggers, logical apply).
const PlannedStmt *current_statement();

void register_writer();

} // namespace ticketflow::pg::audit
