#include "rate_limit.h"

#include <algorithm>

namespace ticketflow::http {

namespace {
constexpr size_t kMostClients = 100000;
}

bool RateLimit::admit(const std::string &client, double now, double rate, double burst) {
    if (rate <= 0)
        return true;
    std::lock_guard<std::mutex> lock(mutex_);
    // A bucket that filled up again says no more than none, so those go when there are too many.
    if (buckets_.size() > kMostClients)
        std::erase_if(buckets_, [&](const auto &entry) { return entry.second.tokens + (now - entry.second.at) * rate >= burst; });
    auto [found, fresh] = buckets_.try_emplace(client, Bucket{burst, now});
    Bucket &bucket = found->second;
    bucket.tokens = std::min(burst, bucket.tokens + (now - bucket.at) * rate);
    bucket.at = now;
    if (bucket.tokens < 1)
        return false;
    bucket.tokens -= 1;
    return true;
}

void RateLimit::forgive(const std::string &client) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (auto found = buckets_.find(client); found != buckets_.end())
        found->second.tokens += 1;
}

} // namespace ticketflow::http
