// Token buckets by client address: so many requests a second, and a burst.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace ticketflow::http {

class RateLimit {
  public:
    // Whether a request of `client` may pass at `now` (seconds); rate 0 lets all pass.
    bool admit(const std::string &client, double now, double rate, double burst);
    void forgive(const std::string &client); // the last one does not count

  private:
    struct Bucket {
        double tokens, at;
    };
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
};

struct RateLimits {
    RateLimit requests, logins;
};

} // namespace ticketflow::http
