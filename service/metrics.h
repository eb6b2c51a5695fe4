// Counters and histograms in Prometheus' text format.
#pragma once

#include "pool.h"

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ticketflow::http {

class Metrics {
  public:
    void observe(const std::string &function, const std::string &method, int status, double seconds, size_t bytes,
                 const std::string &code);

    std::atomic<long> in_flight{0}, connections{0}, connections_total{0}, refused{0}, rate_limited{0}, cancelled{0};
    std::atomic<long> schema_loads{0}, schema_failures{0};
    std::atomic<double> schema_seconds{0};

    std::string text(const std::vector<const PoolStats *> &pools, long most_connections) const;

  private:
    static constexpr std::array<double, 13> kBounds = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
    struct Histogram {
        std::array<unsigned long, kBounds.size()> counts{};
        unsigned long count = 0;
        double sum = 0;
    };
    mutable std::mutex mutex_;
    struct Series {
        Histogram durations;
        std::map<std::pair<std::string_view, int>, unsigned long> requests; // by method and status
    };
    std::map<std::string, Series> functions_;
    std::map<std::string, unsigned long> error_class_; // by SQLSTATE class
    unsigned long bytes_ = 0;
};

} // namespace ticketflow::http
