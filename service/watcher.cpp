#include "watcher.h"

#include "log.h"
#include "text.h"

#include <algorithm>
#include <cstdint>
#include <libpq-fe.h>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <tuple>
#include <unistd.h>

namespace ticketflow::http {

namespace {

constexpr int kDebounce = 100;        // milliseconds, so that a migration of many statements reloads once
constexpr int kLongestBackoff = 32;   // seconds
constexpr int kLookAround = 30 * 1000; // milliseconds between checks that the connection lives

} // namespace

Watcher::Watcher(std::shared_ptr<const Config> config, Metrics &metrics, Events events)
    : config_(std::move(config)), metrics_(metrics), events_(std::move(events)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

Watcher::~Watcher() {
    stop_ = true;
    uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
    thread_.join();
    disconnect();
    ::close(wake_);
}

void Watcher::reload() {
    reload_ = true;
    uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
}

// The connection stays where it may: what is notified while there is none would be lost.
void Watcher::configure(std::shared_ptr<const Config> config) {
    auto of_connection = [](const Config &c) { return std::tie(c.db_uri, c.db_channel, c.db_channel_enabled); };
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (of_connection(*config) != of_connection(*config_))
            reconnect_ = true;
        config_ = std::move(config);
    }
    reload();
}

std::shared_ptr<const Config> Watcher::config() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return config_;
}

void Watcher::disconnect() {
    PQfinish(connection_);
    connection_ = nullptr;
}

bool Watcher::connect() {
    auto settings = config();
    const char *names[] = {"dbname", "keepalives_idle", "client_encoding", "fallback_application_name", "connect_timeout", nullptr};
    std::string timeout = std::to_string(settings->db_connect_timeout);
    const char *values[] = {settings->db_uri.c_str(), "30", "UTF8", "ticketflow watcher", timeout.c_str(), nullptr};
    connection_ = PQconnectdbParams(names, values, 1);
    PQsetNoticeReceiver(connection_, [](void *, const PGresult *) {}, nullptr);
    // Compiling the catalog query costs a hundred times what running it does.
    PQclear(PQexec(connection_, "SET jit = off"));
    if (PQstatus(connection_) == CONNECTION_OK && settings->db_channel_enabled) {
        PQclear(PQexec(connection_, ("LISTEN " + quote_ident(settings->db_channel)).c_str()));
    }
    if (PQstatus(connection_) == CONNECTION_OK)
        return true;
    log_event(Level::error, "cannot connect to the database", {{"error", json_quote(trim(PQerrorMessage(connection_)))}});
    disconnect();
    return false;
}

bool Watcher::load() {
    try {
        auto cache = load_schema_cache(connection_, *config());
        cache->generation = ++generation_;
        ++metrics_.schema_loads;
        metrics_.schema_seconds = cache->load_seconds;
        log_event(Level::info, "schema cache loaded", {{"functions", std::to_string(cache->function_count)},
                                                       {"ms", std::to_string(cache->load_seconds * 1e3)}});
        events_.loaded(std::move(cache));
        return true;
    } catch (const std::exception &error) {
        ++metrics_.schema_failures;
        log_event(Level::error, "cannot load the schema cache", {{"error", json_quote(error.what())}});
        return false;
    }
}

// Waits for the eventfd, for the server, or for the time to pass.
void Watcher::wait(int milliseconds) {
    pollfd files[2] = {{wake_, POLLIN, 0}, {connection_ ? PQsocket(connection_) : -1, POLLIN, 0}};
    ::poll(files, 2, milliseconds);
    uint64_t count;
    (void)!::read(wake_, &count, sizeof count);
}

void Watcher::notifications() {
    if (!connection_)
        return;
    if (PQconsumeInput(connection_) != 1 || PQstatus(connection_) != CONNECTION_OK) {
        log_event(Level::warn, "the watcher lost its connection", {{"error", json_quote(trim(PQerrorMessage(connection_)))}});
        disconnect();
        return;
    }
    while (PGnotify *note = PQnotifies(connection_)) {
        std::string_view text = note->extra;
        if (text == "reload config")
            events_.reload_config();
        else if (text.empty() || text == "reload schema")
            reload_ = true;
        PQfreemem(note);
    }
}

void Watcher::run() {
    while (!stop_) {
        if (reconnect_.exchange(false))
            disconnect();
        if (!connection_) {
            reload_ = connect() || reload_;
            if (!connection_) {
                backoff_ = std::clamp(backoff_ * 2, 1, kLongestBackoff);
                wait(backoff_ * 1000);
                continue;
            }
        }
        if (reload_.exchange(false) && !load()) {
            backoff_ = std::clamp(backoff_ * 2, 1, kLongestBackoff);
            reload_ = true;
            if (PQstatus(connection_) != CONNECTION_OK)
                disconnect();
            wait(backoff_ * 1000);
            continue;
        }
        backoff_ = 0;
        notifications(); // those that came while the catalog was read are not in the socket any more
        if (!reload_ && !stop_) {
            wait(kLookAround);
            notifications();
        }
        if (reload_ && !stop_) {
            wait(kDebounce);
            notifications();
        }
    }
}

} // namespace ticketflow::http
