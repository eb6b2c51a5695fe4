// The running service: workers, listeners, signals, reloads, the end.
#pragma once

#include "listener.h"
#include "watcher.h"
#include "worker.h"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>
#include <vector>

namespace ticketflow::http {

class Server {
  public:
    // The file and the overrides are read again at a reload.
    Server(std::string file, std::vector<std::string> overrides);
    ~Server();

    int run(); // until SIGTERM or SIGINT; the exit status

  private:
    void make_workers();
    void accept_from(const Listening &listening, bool admin);
    Task<void> accept_loop(int file, bool admin);
    void accepted(int file, bool admin);
    Task<void> signals();
    void reload_config();
    void watch_key_file();
    void give_schema(std::shared_ptr<const SchemaCache> cache);
    Task<void> drain();
    size_t sessions();

    std::string file_;
    std::vector<std::string> overrides_;
    Settings settings_;
    Metrics metrics_;
    RateLimits limits_;
    asio::thread_pool helpers_{8};
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<int> listening_, lasting_; // the latter are not shut down when the service stops
    std::shared_ptr<asio::ssl::context> tls_;
    std::unique_ptr<Watcher> watcher_;
    std::string key_stamp_; // of the file that jwt-secret names
    std::string socket_path_;
    size_t next_ = 0;
    bool stopping_ = false;
};

} // namespace ticketflow::http
