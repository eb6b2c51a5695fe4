// Which database role an identity took last, where the database decides that. A statement is prepared for the role that runs it:
// PostgreSQL inlines a function that the planning role may execute, and does not ask again when another role runs the plan.
#pragma once

#include "auth.h"

#include <string>
#include <unordered_map>

namespace ticketflow::http {

// Whether db-authenticate or db-pre-request has a word in who the call runs as.
bool database_decides(const Config &config, const Identity &identity);
// Whether the database is asked who this is. Only a token or a key has somebody behind it; everybody else is the anonymous role.
bool asks_database(const Config &config, const Identity &identity);

// One for each thread.
class RoleMemory {
  public:
    const std::string *find(const Identity &identity) const; // nothing where it has to be asked
    void learn(const Identity &identity, std::string role);
    void forget(const Identity &identity);

  private:
    std::unordered_map<std::string, std::string> roles_;
};

} // namespace ticketflow::http
