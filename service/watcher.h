// A thread with a connection of its own: reads the schema cache, listens for NOTIFY, and reads it again when told to.
#pragma once

#include "config.h"
#include "metrics.h"
#include "schema_cache.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace ticketflow::http {

class Watcher {
  public:
    struct Events {
        std::function<void(std::shared_ptr<const SchemaCache>)> loaded; // called on the watcher's thread
        std::function<void()> reload_config;
    };
    Watcher(std::shared_ptr<const Config> config, Metrics &metrics, Events events);
    ~Watcher(); // stops the thread

    void reload(); // from any thread
    void configure(std::shared_ptr<const Config> config);

  private:
    void run();
    bool connect();
    bool load();
    void disconnect();
    void notifications();
    void wait(int milliseconds);
    std::shared_ptr<const Config> config() const;

    mutable std::mutex mutex_;
    std::shared_ptr<const Config> config_;
    Metrics &metrics_;
    Events events_;
    pg_conn *connection_ = nullptr;
    int wake_; // an eventfd
    std::atomic<bool> stop_{false}, reload_{true}, reconnect_{false};
    unsigned long generation_ = 0;
    int backoff_ = 0; // seconds
    std::thread thread_;
};

} // namespace ticketflow::http
