#include "roles.h"

namespace ticketflow::http {

namespace {

constexpr size_t kMostIdentities = 10000;

std::string key_of(const Identity &identity) {
    return (identity.key.empty() ? "user " + identity.user : "key " + identity.key) + '\n' + identity.role;
}

} // namespace

bool asks_database(const Config &config, const Identity &identity) {
    return !identity.key.empty() || (identity.authenticated && !config.db_authenticate.empty());
}

bool database_decides(const Config &config, const Identity &identity) {
    return asks_database(config, identity) || !config.db_pre_request.empty();
}

const std::string *RoleMemory::find(const Identity &identity) const {
    auto found = roles_.find(key_of(identity));
    return found == roles_.end() ? nullptr : &found->second;
}

void RoleMemory::learn(const Identity &identity, std::string role) {
    if (roles_.size() >= kMostIdentities) // whatever is forgotten is asked again
        roles_.clear();
    roles_[key_of(identity)] = std::move(role);
}

void RoleMemory::forget(const Identity &identity) { roles_.erase(key_of(identity)); }

} // namespace ticketflow::http
