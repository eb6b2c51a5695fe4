// Who changes something, and from where. What stays the same over many changes is stored once, in audit_contexts, under
// an id made of its content.
#pragma once

#include "core/audit/sha256.h"
#include "pg/bridge.h"

#include <string_view>

namespace ticketflow::pg::audit {

// Plain views of what the session says about the present change; empty: nothing said.
struct Origin {
    std::string_view user;
    const char *request_id;
    const char *cause;
    bool may_say_kind; // the login speaks for users, so app.actor_kind counts
};

// Throws like any C++ of ours; call it outside of call().
Origin origin_of_change(Oid desk);

// The id of the present context in the log's schema, stored if it is not there yet; 0: that schema keeps no contexts.
// `digest` receives what the row's hash covers. May raise: inside call().
int64 context_of_change(Oid log_schema, const Origin &origin, core::audit::Digest &digest);

// The digest of a context by its content; null pointers are nulls.
core::audit::Digest context_digest(const char *database_role, const char *login_role, const char *actor_kind,
                                   const char *client_address, const char *application_name);

void register_context();

} // namespace ticketflow::pg::audit
