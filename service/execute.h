// Runs one call: settings, identity, pre-request, call and response settings in one flush and one Sync.
#pragma once

#include "answer.h"
#include "auth.h"
#include "call.h"
#include "pool.h"

#include <unordered_map>

namespace ticketflow::http {

// Shared with whoever watches the client: it may ask for the running query to be cancelled.
struct Running {
    Connection *connection = nullptr; // while a query of this request runs
    bool abandoned = false;           // the client went away, or the service stops
    bool late = false;                // it ran longer than db-call-timeout
    std::chrono::steady_clock::time_point since{}; // when it began to run
};

// What is remembered of earlier answers to the same statement, per thread: only large ones are read row by row.
class SizeHints {
  public:
    bool expect_large(const std::string &sql) const;
    void learn(const std::string &sql, size_t bytes);

  private:
    std::unordered_map<std::string, bool> large_;
};

struct Environment {
    const Config &config;
    const SchemaCache &cache;
    SizeHints &hints;
};

// Throws Error, also for what PostgreSQL reports.
asio::awaitable<Answer> execute(Environment environment, Pool &pool, const Request &request, const Identity &identity, Call &call,
                                Running &running);

// The statements of a call in their order; call_step says which is the call, settings_step which reads response.*
// (or the call's, where it carries them itself).
struct Batch {
    std::vector<Step> steps;
    size_t call_step = 0, settings_step = 0;
    bool explicit_transaction = false, decide = false;
};
Batch make_batch(const Environment &environment, const Request &request, const Identity &identity, const Call &call);

// Turns the results into an answer. `total` and the like follow from the shape. Throws Error.
struct Collected {
    Spool body;
    long long rows = 0;
    bool too_large = false, disk_full = false;
};
Answer build_answer(const Call &call, Outcome &outcome, const Batch &batch, Collected &collected);

// The element separator and brackets of a set, fed row by row.
void collect_row(const Config &config, const Call &call, std::string_view row, bool null, Collected &collected);

} // namespace ticketflow::http
