// One thread that serves: its event loop, its database connections, and the client connections it watches.
#pragma once

#include "service.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <thread>

namespace ticketflow::http {

// A client connection, as far as time-outs, disconnects and draining go.
struct Watched {
    enum class Phase { idle, reading, handling, writing };
    Phase phase = Phase::idle;
    std::chrono::steady_clock::time_point deadline{};
    bool timed_out = false, drain = false;
    bool stays = false; // through a drain: the admin listener answers to the end
    int file = -1;
    Running running;
    std::function<void()> interrupt; // makes the pending read or write end

    void expect(Phase next, long long seconds);
};

class Worker {
  public:
    Worker(Settings settings, Metrics &metrics, RateLimits &limits, asio::thread_pool &helpers, size_t connections);

    void start();
    void stop(); // from any thread
    void join();

    // What follows runs on the worker's own thread.
    void watch(Watched &watched) { watched_.push_back(&watched); }
    void forget(Watched &watched) { watched_.remove(&watched); }
    void drain();  // no more requests on open connections; idle ones end now
    void abandon(); // running queries are cancelled and connections closed
    size_t sessions() const { return watched_.size(); }

    asio::io_context context{1};
    Pool pool;
    Service service;
    bool draining = false;
    std::atomic<long long> heartbeat{0}; // steady seconds of the last tick
    std::function<void()> on_tick, on_second; // of the first worker: log lines, reload checks

  private:
    Task<void> tick();
    void look_at_clients();
    void look_at_call(Watched &watched, std::chrono::steady_clock::time_point now);

    Metrics &metrics_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::list<Watched *> watched_;
    std::thread thread_;
};

} // namespace ticketflow::http
