// The statements around a call, in the order in which they go out in one flush.
#pragma once

#include "auth.h"
#include "call.h"
#include "pq.h"

#include <string>
#include <vector>

namespace ticketflow::http {

struct Batch {
    std::vector<Step> steps;
    size_t role_step = kNone;      // fails with 22012 where the database took another role than expected
    size_t call_step = kNone;
    size_t settings_step = kNone;  // reads response.*; the call itself, where it carries them
    bool explicit_transaction = false;
    bool decide = false; // whether to commit depends on what the call returns

    static constexpr size_t kNone = size_t(-1);
};

// `role` is the role that the call will run as; where the database decides, the batch fails before the call if it is another.
// Throws Error 22021 where a value holds a NUL byte.
Batch make_batch(const Config &config, const SchemaCache &cache, const Request &request, const Identity &identity, const Call &call,
                 const std::string &role);

// The same as far as it says which role the database takes: role_step returns it. Calls nothing.
Batch make_question(const Config &config, const Request &request, const Identity &identity, const Call &call);

} // namespace ticketflow::http
