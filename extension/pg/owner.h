// The rights of another role for a while: code that belongs to a table's owner (triggers, checks, defaults, policies) runs as
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

// Both run inside call(); after an error the end of the (sub)transaction gives everything back.
inline Borrowed become(Oid owner) {
    Borrowed own{};
    GetUserIdAndSecContext(&own.caller, &own.context);
    SetUserIdAndSecContext(owner, own.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    own.settings = NewGUCNestLevel();
    return own;
}

inline void give_back(const Borrowed &own) {
    AtEOXact_GUC(false, own.settings);
    SetUserIdAndSecContext(own.caller, own.context);
}

} // namespace ticketflow::pg
