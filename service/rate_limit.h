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

  private:
    struct Bucket {
        double tokens, at;
    };
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
};

} // namespace ticketflow::http
