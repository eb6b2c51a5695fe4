// Opens an index that a function was given, and checks what the caller may do with it.
#pragma once

#include "pg/bridge.h"

extern "C" {
#include <utils/rel.h>
}

namespace ticketflow::pg::search {

enum class Access {
    checked, // the executor has checked the rights on the table, of the caller or of a view's owner
    read,    // SELECT on the table or on the indexed columns: statistics tell about rows
    counts,  // the same, and row security hides nothing from the caller: for what states counts outright
    maintain // ownership
};

// PostgreSQL closes it after an error; close() does it before.
class OpenIndex {
  public:
    // For reading, a table stands for its one ticketflow index: so tableoid names that of a partition.
    OpenIndex(Oid index, LOCKMODE lock, Access access);
    Relation relation() const noexcept { return relation_; }
    void close();

  private:
    Relation relation_;
    const LOCKMODE lock_;
};

} // namespace ticketflow::pg::search
