// Runs one call: settings, identity, pre-request, call and response settings in one flush and one Sync.
#pragma once

#include "answer.h"
#include "auth.h"
#include "batch.h"
#include "pool.h"
#include "roles.h"

#include <unordered_map>

namespace ticketflow::http {

// Shared with whoever watches the client: it may ask for the running query to be cancelled.
struct Running {
    Connection *connection = nullptr; // while a query of this request runs
    bool abandoned = false;           // the client went away, or the service stops
    bool late = false;                // it ran longer than db-call-timeout
    std::chrono::steady_clock::time_point since{}; // when it began to run
};

// What is remembered of earlier answers to the same statement: only large ones are read row by row.
class SizeHints {
  public:
    bool expect_large(const std::string &sql) const;
    void learn(const std::string &sql, size_t bytes);

  private:
    std::unordered_map<std::string, bool> large_;
};

// What a thread remembers from one call to the next.
struct Memory {
    SizeHints sizes;
    RoleMemory roles;
};

struct Environment {
    const Config &config;
    const SchemaCache &cache;
    Memory &memory;
};

// Throws Error, also for what PostgreSQL reports.
Task<void> execute(Environment environment, Pool &pool, const Request &request, const Identity &identity, const Call &call,
                   Running &running, Answer &answer);

// Rows of a set, as far as they have come.
struct Collected {
    Spool body;
    long long rows = 0;
    bool too_large = false, disk_full = false;

    bool full() const { return too_large || disk_full; }
};

// Adds a row with the separator or bracket before it.
void collect_row(const Config &config, const Call &call, std::string_view row, bool null, Collected &collected);

// Turns the results into an answer. `total` and the like follow from the shape. Throws Error.
void build_answer(const Call &call, Outcome &outcome, const Batch &batch, Collected &collected, Answer &answer);

} // namespace ticketflow::http
