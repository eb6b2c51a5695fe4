// The connections of one thread. Who waits longest gets the next one; a bounded number may wait.
#pragma once

#include "config.h"
#include "pq.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace ticketflow::http {

// Counters that any thread may read.
struct PoolStats {
    std::atomic<long> open{0}, idle{0}, waiting{0}, timeouts{0}, failures{0};
    std::atomic<bool> working{false}; // the last connection attempt or call succeeded
};

class Pool {
  public:
    Pool(asio::io_context &context, asio::thread_pool &helpers, std::shared_ptr<const Config> config, size_t most);

    // Throws Error: PGRST000 (503) while the database is away, PGRST003 (504) after the acquisition timeout, TF503 where
    // too many wait. `first` is called the moment there is a connection, which may be long before the caller runs again.
    Task<std::unique_ptr<Connection>> acquire(const std::function<void(Connection &)> &first);
    void release(std::unique_ptr<Connection> connection);
    void discard(std::unique_ptr<Connection> connection); // a broken one

    void configure(std::shared_ptr<const Config> config, size_t most);
    void tick();  // once a second: idle and old connections go, a lost database is tried again
    void close(); // all idle ones, and no more are made
    bool has_room() const { return !idle_.empty() || open_ + opening_ < most_; }

    PoolStats stats;

  private:
    struct Waiter {
        Waiter(asio::io_context &context, const std::function<void(Connection &)> &first) : timer(context), first(first) {}
        Timer timer;
        const std::function<void(Connection &)> &first;
        std::unique_ptr<Connection> given;
        std::string failed;
    };
    void open_one();
    Task<void> open_task();
    void opened(std::unique_ptr<Connection> connection);
    void failed(const std::string &message);
    bool hand_over(std::unique_ptr<Connection> &connection);
    int retry_after() const;
    void count();

    asio::io_context &context_;
    asio::thread_pool &helpers_;
    std::shared_ptr<const Config> config_;
    size_t most_, open_ = 0, opening_ = 0;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::list<Waiter *> waiters_;
    std::string last_failure_;
    std::chrono::steady_clock::time_point retry_at_{};
    int backoff_ = 0; // seconds
    bool closed_ = false;
};

} // namespace ticketflow::http
