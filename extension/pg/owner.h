// Who owns a relation, and the rights of another role for a while: code that belongs to a table's owner (triggers, checks, defaults, policies) runs as
// that owner, may not leave that role, and leaves no setting behind.
#pragma once

#include "pg/bridge.h"

extern "C" {
#include <utils/guc.h>
}

namespace ticketflow::pg {

struct Borrowed {
    Oid caller;
    int context;
    int settings;
};

// Both run inside call(); after an error the end of the (sub)transaction gives everything back. `further` flags: SECURITY_NOFORCE_RLS,
// say, for what a policy must not hide from its own table's owner.
inline Borrowed become(Oid owner, int further = 0) {
    Borrowed own{};
    GetUserIdAndSecContext(&own.caller, &own.context);
    SetUserIdAndSecContext(owner, own.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION | further);
    own.settings = NewGUCNestLevel();
    return own;
}

inline void give_back(const Borrowed &own) {
    AtEOXact_GUC(false, own.settings);
    SetUserIdAndSecContext(own.caller, own.context);
}

// All of this may raise: for use inside call(). InvalidOid where there is no such relation.
Oid owner_of(Oid relation);
// The same of one that must be there, and keeps its owner until the transaction ends.
Oid lock_owner_of(Oid relation);

struct Answer {
    Datum value;
    bool isnull;
};

// The first column of the first row that SPI's last statement gave, in the memory of who connected to SPI; null where it gave none.
Answer first_answer();

inline Datum give(FunctionCallInfo fcinfo, const Answer &answer) {
    fcinfo->isnull = answer.isnull;
    return answer.value;
}

} // namespace ticketflow::pg
