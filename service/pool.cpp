#include "pool.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <random>

namespace ticketflow::http {

namespace {

constexpr int kLongestBackoff = 32;

Error unavailable(const std::string &message, int seconds) {
    Error error = failure::connection(message);
    error.headers = {{"Retry-After", std::to_string(seconds)}};
    return error;
}

} // namespace

Pool::Pool(asio::io_context &context, asio::thread_pool &helpers, std::shared_ptr<const Config> config, size_t most)
    : context_(context), helpers_(helpers), config_(std::move(config)), most_(most) {}

void Pool::configure(std::shared_ptr<const Config> config, size_t most) {
    config_ = std::move(config);
    most_ = most;
    // What is open was made with the old settings; it goes when it comes back.
    open_ -= idle_.size();
    idle_.clear();
    count();
}

void Pool::count() {
    stats.open = long(open_);
    stats.idle = long(idle_.size());
    stats.waiting = long(waiters_.size());
}

int Pool::retry_after() const {
    auto left = std::chrono::duration_cast<std::chrono::seconds>(retry_at_ - std::chrono::steady_clock::now()).count();
    return int(std::max<long>(1, left + 1));
}

Task<std::unique_ptr<Connection>> Pool::acquire(const std::function<void(Connection &)> &first) {
    while (!idle_.empty() && waiters_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        if (!connection->silent()) { // the server ended it, or says something that nobody waits for
            discard(std::move(connection));
            continue;
        }
        count();
        first(*connection);
        co_return connection;
    }
    if (open_ == 0 && opening_ == 0 && std::chrono::steady_clock::now() < retry_at_)
        throw unavailable(last_failure_, retry_after());
    if (waiters_.size() >= size_t(config_->db_pool_queue) && open_ + opening_ >= most_)
        throw failure::pool_full();

    Waiter waiter(context_, first);
    waiters_.push_back(&waiter);
    if (opening_ < waiters_.size())
        open_one();
    count();
    waiter.timer.expires_after(std::chrono::seconds(config_->db_pool_timeout));
    boost::system::error_code ec;
    co_await waiter.timer.async_wait(awaiting_or(ec));
    if (waiter.given)
        co_return std::move(waiter.given);
    waiters_.remove(&waiter);
    count();
    if (!waiter.failed.empty())
        throw unavailable(waiter.failed, retry_after());
    ++stats.timeouts;
    throw failure::pool_timeout();
}

bool Pool::hand_over(std::unique_ptr<Connection> &connection) {
    if (waiters_.empty())
        return false;
    Waiter *oldest = waiters_.front();
    waiters_.pop_front();
    oldest->given = std::move(connection);
    oldest->first(*oldest->given);
    oldest->timer.cancel();
    return true;
}

void Pool::release(std::unique_ptr<Connection> connection) {
    auto now = std::chrono::steady_clock::now();
    bool old = now - connection->born > std::chrono::seconds(config_->db_pool_lifetime);
    if (!connection->usable() || old || closed_ || open_ > most_) {
        discard(std::move(connection));
        return;
    }
    stats.working = true;
    if (!hand_over(connection)) {
        connection->idle_since = now;
        idle_.push_back(std::move(connection));
    }
    count();
}

void Pool::discard(std::unique_ptr<Connection> connection) {
    connection.reset();
    --open_;
    if (!waiters_.empty())
        open_one();
    count();
}

void Pool::open_one() {
    if (closed_ || open_ + opening_ >= most_)
        return;
    ++opening_;
    asio::co_spawn(context_, open_task(), asio::detached);
}

Task<void> Pool::open_task() {
    std::unique_ptr<Connection> connection;
    std::string message;
    std::string conninfo = config_->db_uri;
    try {
        connection = co_await Connection::open(context_.get_executor(), helpers_, conninfo, config_->db_connect_timeout, config_->db_prepared);
    } catch (const std::exception &error) {
        message = error.what();
    }
    --opening_;
    if (connection)
        opened(std::move(connection));
    else
        failed(message);
    count();
}

void Pool::opened(std::unique_ptr<Connection> connection) {
    ++open_;
    backoff_ = 0;
    retry_at_ = {};
    stats.working = true;
    release(std::move(connection));
}

void Pool::failed(const std::string &message) {
    static thread_local std::minstd_rand random(std::random_device{}());
    ++stats.failures;
    last_failure_ = message;
    backoff_ = std::clamp(backoff_ * 2, 1, kLongestBackoff);
    retry_at_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(backoff_ * 1000 + random() % 500);
    if (open_ > 0)
        return; // those who wait will get one of the open connections
    stats.working = false;
    for (auto *waiter : waiters_) {
        waiter->failed = message.empty() ? "cannot connect" : message;
        waiter->timer.cancel();
    }
}

void Pool::tick() {
    auto now = std::chrono::steady_clock::now();
    auto spent = [&](const std::unique_ptr<Connection> &connection) {
        bool lonely = now - connection->idle_since > std::chrono::seconds(config_->db_pool_idle);
        return !connection->usable() || !connection->silent() || now - connection->born > std::chrono::seconds(config_->db_pool_lifetime) ||
               (lonely && open_ > 1);
    };
    for (auto at = idle_.begin(); at != idle_.end();) {
        if (spent(*at)) {
            at = idle_.erase(at);
            --open_;
        } else {
            ++at;
        }
    }
    // One connection is kept warm, and a lost database is tried again even when nobody asks.
    if (open_ == 0 && opening_ == 0 && now >= retry_at_)
        open_one();
    count();
}

void Pool::close() {
    closed_ = true;
    open_ -= idle_.size();
    idle_.clear();
    count();
}

} // namespace ticketflow::http
