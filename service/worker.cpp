#include "worker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <poll.h>
#include <sched.h>

namespace ticketflow::http {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr int kTicksPerSecond = 10;
constexpr auto kPatience = std::chrono::seconds(3); // for a server that was asked to cancel

// Whether the other side has closed, or closed its writing half. Data that waits to be read does not hide it.
bool peer_closed(int file) {
    pollfd entry{file, POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// Where the database runs on the same processors, a thread that interrupts it for each of its answers makes both slower: in this
// policy it waits its turn and finds several. Whoever started us with another policy keeps it.
void be_patient() {
    sched_param none{};
    if (::sched_getscheduler(0) == SCHED_OTHER)
        ::sched_setscheduler(0, SCHED_BATCH, &none);
}

} // namespace

void Watched::expect(Phase next, long long seconds) {
    phase = next;
    deadline = Clock::now() + std::chrono::seconds(seconds);
}

Worker::Worker(Settings settings, Metrics &metrics, RateLimits &limits, asio::thread_pool &helpers, size_t connections)
    : pool(context, helpers, settings.config, connections), service(settings, pool, metrics, limits), metrics_(metrics),
      work_(context.get_executor()) {}

void Worker::start() {
    asio::co_spawn(context, tick(), asio::detached);
    thread_ = std::thread([this] {
        be_patient();
        context.run();
    });
}

void Worker::stop() {
    work_.reset();
    context.stop();
}

void Worker::join() {
    if (thread_.joinable())
        thread_.join();
}

// A call that takes too long is cancelled, and where the server does not react to that, its connection is given up.
void Worker::look_at_call(Watched &watched, Clock::time_point now) {
    Running &running = watched.running;
    if (!running.abandoned && peer_closed(watched.file)) {
        running.abandoned = true;
        ++metrics_.cancelled;
        if (running.connection)
            running.connection->cancel();
    }
    auto most = std::chrono::seconds(service.config().db_call_timeout);
    if (most.count() == 0 || !running.connection)
        return;
    if (now - running.since > most && !running.late) {
        running.late = true;
        running.connection->cancel();
    } else if (now - running.since > most + kPatience) {
        running.connection->abort();
    }
}

void Worker::look_at_clients() {
    auto now = Clock::now();
    for (auto *watched : watched_) {
        if (watched->phase == Watched::Phase::handling) {
            look_at_call(*watched, now);
        } else if (!watched->timed_out && now > watched->deadline) {
            watched->timed_out = true;
            watched->interrupt();
        }
    }
}

Task<void> Worker::tick() {
    Timer timer(context);
    for (int count = 0;; ++count) {
        timer.expires_after(kTick);
        boost::system::error_code ec;
        co_await timer.async_wait(awaiting_or(ec));
        if (ec)
            co_return;
        heartbeat = std::chrono::duration_cast<std::chrono::seconds>(Clock::now().time_since_epoch()).count();
        look_at_clients();
        if (on_tick)
            on_tick();
        if (count % kTicksPerSecond == 0) {
            pool.tick();
            if (on_second)
                on_second();
        }
    }
}

void Worker::drain() {
    draining = true;
    for (auto *watched : watched_) {
        if (watched->stays)
            continue;
        watched->drain = true;
        if (watched->phase == Watched::Phase::idle)
            watched->interrupt();
    }
}

void Worker::abandon() {
    for (auto *watched : watched_) {
        watched->running.abandoned = true;
        if (watched->running.connection)
            watched->running.connection->cancel();
        watched->drain = true;
        if (watched->phase != Watched::Phase::handling)
            watched->interrupt();
    }
}

} // namespace ticketflow::http
