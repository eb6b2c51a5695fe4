// Who is calling? A bearer token becomes claims and a database role; a key of the desk is handed to the database.
#pragma once

#include "config.h"
#include "jwk.h"
#include "request.h"

#include <memory>
#include <string>
#include <unordered_map>

namespace ticketflow::http {

struct Identity {
    std::string role;     // to take; empty where the database decides
    std::string claims;   // a JSON object, always with "role"
    std::string user;     // the claim `sub`
    std::string key;      // a key of the desk, not a token
    std::optional<double> issued; // the claim `iat`
    bool authenticated = false;   // a token or key was given
};

// One for each thread: the cache needs no lock.
class Authenticator {
  public:
    explicit Authenticator(std::shared_ptr<const Config> config, std::shared_ptr<const KeySet> keys)
        : config_(std::move(config)), keys_(std::move(keys)) {}

    // Throws Error: PGRST300 to PGRST303. `now` is Unix time.
    Identity identify(const Request &request, long long now);

  private:
    struct Cached {
        Identity identity;
        double expires, not_before;
    };
    Identity anonymous() const;
    const Cached &remember(std::string token, Cached entry);

    std::shared_ptr<const Config> config_;
    std::shared_ptr<const KeySet> keys_;
    std::unordered_map<std::string, Cached> cache_;
};

// A token HS256-signed over `claims` (a JSON object), with iat and exp added unless they are there. iat has a fraction: a token
// made in the second in which the password changed must not count as older than the change. Throws
// std::invalid_argument where claims is no object.
std::string sign_token(std::string_view claims, const KeySet &keys, double now, long long lifetime);

} // namespace ticketflow::http
