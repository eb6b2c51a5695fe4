// Rows of ticket_counters as storage sees them, for the two ways of counting. Everything here runs inside call(): it raises
// PostgreSQL errors and has no destructors.
#pragma once

#include "pg/bridge.h"
#include "pg/compat.h"

extern "C" {
#include <access/table.h>
#include <storage/bufmgr.h>
#include <storage/itemptr.h>
}

namespace ticketflow::pg::numbering::row {

struct Key {
    const char *prefix, *period;
};

// Where a row was found. A row's root is where its index entry points to; it stays there while versions of the row come and
// go, as long as they find room in its page.
struct Root {
    bool known = false;
    ItemPointerData tid{};
    Buffer buffer = InvalidBuffer; // where its page was
};

// Opens a table of counters that is locked already, and sees that it is one.
Relation open(Oid table);
// The same; a table whose row is known was seen to be one, and when it changes, nothing is known any more.
inline Relation open(Oid table, const Root &root) {
    return root.known ? table_open(table, NoLock) : open(table);
}
[[noreturn]] void refuse(Relation rel);
// What changes a counter by hand leaves a row that cannot be counted in.
[[noreturn]] void refuse_changed(const char *prefix);

// False where there is no row.
bool find_root(Relation rel, Key key, Root *root);
// Makes the row where there is none, visible at once to everybody and whatever becomes of the transaction.
void find_or_insert(Relation rel, Key key, int64 initial, Root *root);

// The version of a row that is committed or our own. Null where root leads to no row of this key. The buffer is locked in the
// given mode and pinned then; tid says where in it the version is.
HeapTupleHeader fetch(Relation rel, Key key, Root *root, int mode, Buffer *buffer, ItemPointer tid);
// The counter in a version of a row.
int64 *counter_of(HeapTupleHeader version);

// Changes a counter in a page that is locked exclusively, and logs it.
void write_logged(Relation rel, Buffer buffer, int64 *place, int64 value);

// The next version of a row, in the transaction; waits for the transaction that made a later one. False where another has
// come before.
bool update(Relation rel, Key key, int64 last, ItemPointer tid);

struct Row {
    int64 last;
    const char *period;
};
struct Rows {
    Row *rows;
    int count;
};
// The counters of one series, in the current memory context.
Rows of_series(Relation rel, const char *prefix);
// Two periods of different kinds overlap where one is inside the other: 2026 and 2026-11, and "" and any.
bool overlap(const char *one, const char *other);

} // namespace ticketflow::pg::numbering::row
