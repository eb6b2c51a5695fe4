#include "server.h"

#include "admin.h"
#include "log.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ticketflow::http {

namespace {

size_t thread_count(const Config &config) {
    if (config.server_threads > 0)
        return size_t(config.server_threads);
    return std::max(1u, std::thread::hardware_concurrency());
}

// So many client connections need as many files.
void raise_file_limit() {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

std::string stamp_of(const std::string &secret) {
    struct stat entry;
    if (!secret.starts_with("@") || stat(secret.c_str() + 1, &entry) != 0)
        return {};
    return std::to_string(entry.st_mtim.tv_sec) + "." + std::to_string(entry.st_mtim.tv_nsec) + "." + std::to_string(entry.st_ino);
}

Settings load_settings(const std::string &file, const std::vector<std::string> &overrides) {
    auto config = std::make_shared<const Config>(load_config(file, overrides));
    return {config, std::make_shared<const KeySet>(load_keys(*config))};
}

size_t share(const Config &config, size_t workers, size_t index) {
    size_t total = std::max(size_t(config.db_pool), workers);
    return total / workers + (index < total % workers ? 1 : 0);
}

} // namespace

Server::Server(std::string file, std::vector<std::string> overrides)
    : file_(std::move(file)), overrides_(std::move(overrides)), settings_(load_settings(file_, overrides_)) {
    tls_ = make_tls(*settings_.config);
    key_stamp_ = stamp_of(settings_.config->jwt_secret);
}

Server::~Server() {
    watcher_.reset();
    for (auto &worker : workers_) {
        worker->stop();
        worker->join();
    }
    helpers_.join();
    for (const auto *files : {&listening_, &lasting_})
        for (int file : *files)
            ::close(file);
    if (!socket_path_.empty())
        ::unlink(socket_path_.c_str());
}

void Server::make_workers() {
    size_t count = std::min(thread_count(*settings_.config), size_t(settings_.config->db_pool));
    for (size_t i = 0; i < count; ++i)
        workers_.push_back(std::make_unique<Worker>(settings_, metrics_, limits_, helpers_, share(*settings_.config, count, i)));
}

void Server::give_schema(std::shared_ptr<const SchemaCache> cache) {
    for (auto &worker : workers_) {
        Worker *target = worker.get();
        asio::post(worker->context, [target, cache] { target->service.set_schema(cache); });
    }
}

void Server::reload_config() {
    try {
        Settings fresh = load_settings(file_, overrides_);
        tls_ = make_tls(*fresh.config);
        settings_ = fresh;
        key_stamp_ = stamp_of(fresh.config->jwt_secret);
        set_log_level(fresh.config->log_level);
        for (size_t i = 0; i < workers_.size(); ++i) {
            Worker *worker = workers_[i].get();
            size_t most = share(*fresh.config, workers_.size(), i);
            asio::post(worker->context, [worker, fresh, most] {
                worker->pool.configure(fresh.config, most);
                worker->service.configure(fresh);
            });
        }
        watcher_->configure(fresh.config);
        log_event(Level::info, "settings reloaded");
    } catch (const std::exception &error) {
        log_event(Level::error, "settings not reloaded, the old ones stay", {{"error", json_quote(error.what())}});
    }
}

void Server::watch_key_file() {
    std::string stamp = stamp_of(settings_.config->jwt_secret);
    if (stamp.empty() || stamp == key_stamp_)
        return;
    key_stamp_ = stamp;
    reload_config();
}

void Server::accepted(int file, bool admin) {
    int one = 1;
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // fails on a unix socket, which needs none
    Worker &worker = admin ? *workers_[0] : *workers_[next_++ % workers_.size()];
    SessionContext context{worker, metrics_, {}, peer_name(file), !admin, false};
    if (admin) {
        context.handler = [this](const Request &request, Running &) -> Task<Answer> {
            co_return answer_admin(request, workers_, metrics_);
        };
    } else {
        Worker *target = &worker;
        context.handler = [target](const Request &request, Running &running) { return target->service.handle(request, running); };
        ++metrics_.connections_total;
        context.overloaded = metrics_.connections >= settings_.config->max_connections;
        if (context.overloaded)
            ++metrics_.refused;
    }
    auto tls = admin ? nullptr : tls_;
    Worker *target = &worker;
    asio::post(worker.context, [target, file, context = std::move(context), tls]() mutable {
        int family = AF_UNIX;
        socklen_t length = sizeof family;
        getsockopt(file, SOL_SOCKET, SO_DOMAIN, &family, &length);
        boost::system::error_code ec;
        Socket socket(target->context.get_executor());
        socket.assign(asio::generic::stream_protocol(family, 0), file, ec);
        if (ec) {
            ::close(file);
            return;
        }
        auto session = tls ? serve_tls(std::move(context), std::move(socket), tls) : serve_plain(std::move(context), std::move(socket));
        asio::co_spawn(target->context, std::move(session), asio::detached);
    });
}

Task<void> Server::accept_loop(int file, bool admin) {
    Descriptor descriptor(workers_[0]->context, ::dup(file));
    Timer pause(workers_[0]->context);
    while (!stopping_ || admin) {
        boost::system::error_code ec;
        co_await descriptor.async_wait(Descriptor::wait_read, awaiting_or(ec));
        if (ec)
            co_return;
        for (int client; (!stopping_ || admin) && (client = ::accept4(file, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
            accepted(client, admin);
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            // Out of files: the queue of the kernel holds the others until some are closed.
            pause.expires_after(std::chrono::milliseconds(50));
            co_await pause.async_wait(awaiting_or(ec));
        }
    }
}

void Server::accept_from(const Listening &listening, bool admin) {
    ::fcntl(listening.file, F_SETFL, O_NONBLOCK);
    (admin || listening.inherited ? lasting_ : listening_).push_back(listening.file);
    asio::co_spawn(workers_[0]->context, accept_loop(listening.file, admin), asio::detached);
    log_event(Level::milestone, admin ? "admin listening" : "listening",
              {{"address", json_quote(listening.address)}, {"port", std::to_string(listening.port)}});
}

size_t Server::sessions() { return size_t(metrics_.connections.load()); }

Task<void> Server::drain() {
    Timer timer(workers_[0]->context);
    long long patience = settings_.config->drain_timeout * 20;
    for (auto &worker : workers_) {
        Worker *target = worker.get();
        asio::post(worker->context, [target] { target->drain(); });
    }
    for (int i = 0; metrics_.in_flight > 0 && i < patience; ++i) {
        timer.expires_after(std::chrono::milliseconds(50));
        co_await timer.async_wait(awaiting);
    }
    for (auto &worker : workers_) {
        Worker *target = worker.get();
        asio::post(worker->context, [target] { target->abandon(); });
    }
    for (int i = 0; sessions() > 0 && i < 40; ++i) { // two seconds for cancelled queries to end
        timer.expires_after(std::chrono::milliseconds(50));
        co_await timer.async_wait(awaiting);
    }
}

Task<void> Server::signals() {
    asio::signal_set set(workers_[0]->context, SIGTERM, SIGINT, SIGHUP);
    set.add(SIGUSR1);
    set.add(SIGUSR2);
    for (;;) {
        int number = co_await set.async_wait(awaiting);
        if (number == SIGHUP || number == SIGUSR2)
            reload_config();
        else if (number == SIGUSR1)
            watcher_->reload();
        else
            break;
    }
    log_event(Level::info, "stopping", {{"in_flight", std::to_string(metrics_.in_flight.load())}});
    notify_systemd("STOPPING=1");
    stopping_ = true;
    for (int file : listening_)
        ::shutdown(file, SHUT_RD); // nobody new is let in
    co_await drain();
    for (auto &worker : workers_)
        worker->stop();
}

int Server::run() {
    std::signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    auto listeners = open_listeners(*settings_.config);
    if (listeners[0].port == 0 && !listeners[0].inherited)
        socket_path_ = settings_.config->server_socket;
    make_workers();
    Watcher::Events events;
    events.loaded = [this](std::shared_ptr<const SchemaCache> cache) { give_schema(std::move(cache)); };
    events.reload_config = [this] { asio::post(workers_[0]->context, [this] { reload_config(); }); };
    workers_[0]->on_tick = flush_log;
    workers_[0]->on_second = [this] { watch_key_file(); };
    watcher_ = std::make_unique<Watcher>(settings_.config, metrics_, std::move(events));
    asio::co_spawn(workers_[0]->context, signals(), asio::detached);
    for (const auto &listening : listeners)
        accept_from(listening, false);
    if (settings_.config->admin_port >= 0)
        accept_from(open_tcp(settings_.config->admin_host, int(settings_.config->admin_port)), true);
    for (auto &worker : workers_)
        worker->start();
    notify_systemd("READY=1");
    for (auto &worker : workers_)
        worker->join();
    log_event(Level::milestone, "stopped");
    return 0;
}

} // namespace ticketflow::http
