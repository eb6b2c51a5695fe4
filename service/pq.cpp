#include "pq.h"

#include "text.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <sys/socket.h>

namespace ticketflow::http {

namespace {

// What a backend keeps for a prepared statement is some forty times its text, and clients choose the text by their filters.
constexpr size_t kMostStatements = 256, kLongestStatement = 4096, kMostText = 128 * 1024;

asio::awaitable<PGconn *, asio::thread_pool::executor_type> connect_blocking(std::string conninfo, std::string timeout) {
    // The environment (PGHOST, ...) and a service file count as well, where conninfo is silent.
    const char *names[] = {"dbname", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                           "client_encoding", "fallback_application_name", "connect_timeout", nullptr};
    const char *values[] = {conninfo.c_str(), "30", "10", "3", "30000", "UTF8", "ticketflow", timeout.c_str(), nullptr};
    co_return PQconnectdbParams(names, values, 1);
}

bool stale(const PgError &error) {
    return error.sqlstate == "26000" || error.sqlstate == "42P05" ||
           (error.sqlstate == "0A000" && error.message == "cached plan must not change result type");
}

// What a prepared statement is found by.
void write_key(std::string &key, const Step &step) {
    key = step.role;
    key += '\0';
    key += step.sql;
}

std::string key_of(const Step &step) {
    std::string key;
    write_key(key, step);
    return key;
}

std::optional<std::string> field(const PGresult *result, int code) {
    const char *value = PQresultErrorField(result, code);
    return value ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace

PgError pg_error(const PGresult *result) {
    PgError error;
    error.sqlstate = field(result, PG_DIAG_SQLSTATE).value_or("XX000");
    error.message = field(result, PG_DIAG_MESSAGE_PRIMARY).value_or(std::string(trim(PQresultErrorMessage(result))));
    error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    error.hint = field(result, PG_DIAG_MESSAGE_HINT);
    return error;
}

Task<std::unique_ptr<Connection>> Connection::open(Executor executor, asio::thread_pool &helpers, std::string conninfo,
                                                   long long timeout, bool prepared) {
    auto connecting = connect_blocking(std::move(conninfo), std::to_string(timeout));
    PGconn *handle = co_await asio::co_spawn(helpers.get_executor(), std::move(connecting), awaiting);
    if (PQstatus(handle) != CONNECTION_OK || PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) != 1) {
        std::string message(trim(PQerrorMessage(handle)));
        PQfinish(handle);
        throw std::runtime_error(message);
    }
    // A notice is for nobody here; libpq would print it to stderr.
    PQsetNoticeReceiver(handle, [](void *, const PGresult *) {}, nullptr);
    co_return std::unique_ptr<Connection>(new Connection(executor, helpers, handle, prepared));
}

Connection::Connection(Executor executor, asio::thread_pool &helpers, PGconn *handle, bool prepared)
    : born(std::chrono::steady_clock::now()), idle_since(born), executor_(executor), helpers_(helpers), handle_(handle),
      cancel_(PQgetCancel(handle), PQfreeCancel), descriptor_(executor, PQsocket(handle)), prepared_(prepared),
      cancelling_(std::make_shared<std::atomic<int>>(0)) {}

Connection::~Connection() {
    descriptor_.release(); // libpq owns the socket and closes it
    PQfinish(handle_);
}

bool Connection::usable() const {
    return !running_ && PQstatus(handle_) == CONNECTION_OK && PQtransactionStatus(handle_) == PQTRANS_IDLE;
}

bool Connection::silent() const {
    char byte;
    return ::recv(PQsocket(handle_), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

void Connection::follow(unsigned long generation) {
    if (generation == generation_)
        return;
    generation_ = generation;
    for (auto &[key, statement] : statements_)
        drop_.push_back(statement.name);
    statements_.clear();
    used_.clear();
    text_ = 0;
}

void Connection::remember(std::string key, const std::string &name) {
    used_.push_back(key);
    text_ += key.size();
    statements_[std::move(key)] = {name, std::prev(used_.end())};
    while (statements_.size() > kMostStatements || text_ > kMostText)
        forget(std::string(used_.front()), true);
}

void Connection::forget(const std::string &key, bool drop) {
    auto found = statements_.find(key);
    if (found == statements_.end())
        return;
    if (drop)
        drop_.push_back(found->second.name);
    text_ -= key.size();
    used_.erase(found->second.use);
    statements_.erase(found);
}

bool Connection::send_step(const Step &step, size_t index) {
    values_.clear();
    lengths_.clear();
    formats_.clear();
    for (const auto &parameter : step.parameters) {
        values_.push_back(parameter.text ? parameter.text->c_str() : nullptr);
        lengths_.push_back(parameter.text ? int(parameter.text->size()) : 0);
        formats_.push_back(parameter.binary);
    }
    int count = int(values_.size());
    // Results come in binary: for text it is the same bytes, and bytea arrives as it is.
    if (!prepared_ || !step.prepare || step.sql.size() > kLongestStatement) {
        expected_.push_back({Expected::Kind::execute, index, {}});
        return PQsendQueryParams(handle_, step.sql.c_str(), count, nullptr, values_.data(), lengths_.data(), formats_.data(), 1) == 1;
    }
    write_key(key_, step);
    auto known = statements_.find(key_);
    std::string name = known == statements_.end() ? "tf" + std::to_string(++next_name_) : known->second.name;
    if (known == statements_.end()) {
        expected_.push_back({Expected::Kind::prepare, index, name});
        if (PQsendPrepare(handle_, name.c_str(), step.sql.c_str(), 0, nullptr) != 1)
            return false;
    } else {
        used_.splice(used_.end(), used_, known->second.use);
    }
    expected_.push_back({Expected::Kind::execute, index, name});
    return PQsendQueryPrepared(handle_, name.c_str(), count, values_.data(), lengths_.data(), formats_.data(), 1) == 1;
}

void Connection::begin(const std::vector<Step> &steps) {
    bool sent = true;
    running_ = true;
    expected_.clear();
    syncs_ = 0;
    auto sync = [&] {
        sent = sent && PQpipelineSync(handle_) == 1;
        syncs_ += sent;
    };
    // Each in a transaction of its own: a statement that is gone already must not fail what follows.
    for (const auto &name : drop_) {
        expected_.push_back({Expected::Kind::deallocate, 0, name});
        sent = sent && PQsendQueryParams(handle_, ("DEALLOCATE " + name).c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
        sync();
    }
    drop_.clear();
    for (size_t i = 0; i < steps.size(); ++i)
        sent = sent && send_step(steps[i], i);
    sync();
    int left = sent ? PQflush(handle_) : -1;
    flushed_ = left == 0;
    if (left < 0)
        syncs_ = -1;
}

Task<bool> Connection::flush() {
    using namespace asio::experimental::awaitable_operators;
    for (;;) {
        int left = PQflush(handle_);
        if (left <= 0)
            co_return left == 0;
        // The server may be waiting for us to read before it reads on, so both directions count.
        auto both = descriptor_.async_wait(Descriptor::wait_read, awaiting) || descriptor_.async_wait(Descriptor::wait_write, awaiting);
        auto ready = co_await std::move(both);
        if (ready.index() == 0 && PQconsumeInput(handle_) != 1)
            co_return false;
    }
}

void Connection::take(PGresult *result, const Expected *expected, const std::vector<Step> &steps, Outcome &outcome,
                      const RowSink *sink) {
    Result owned(result);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) {
        --syncs_;
    } else if (status == PGRES_FATAL_ERROR) {
        PgError error = pg_error(result);
        if (expected && expected->kind == Expected::Kind::deallocate)
            return;
        if (expected && stale(error)) {
            outcome.stale_statement = true;
            forget(key_of(steps[expected->step]), false);
        }
        if (!outcome.error) {
            outcome.failed_step = expected ? expected->step : outcome.results.size();
            outcome.error = std::move(error);
        }
    } else if (status == PGRES_SINGLE_TUPLE) {
        if (!sink_done_ && !(*sink)(result)) {
            sink_done_ = true;
            cancel();
        }
    } else if (expected && expected->kind == Expected::Kind::prepare) {
        if (status == PGRES_COMMAND_OK)
            remember(key_of(steps[expected->step]), expected->name);
    } else if (expected && expected->kind == Expected::Kind::execute && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)) {
        outcome.results[expected->step] = std::move(owned);
    }
}

Task<Outcome> Connection::run(const std::vector<Step> &steps, const RowSink *sink) {
    begin(steps);
    return finish(steps, sink);
}

Task<Outcome> Connection::finish(const std::vector<Step> &steps, const RowSink *sink) {
    Outcome outcome;
    outcome.results.resize(steps.size());
    sink_done_ = false;
    bool sound = syncs_ > 0;
    if (sound && !flushed_)
        sound = co_await flush();
    size_t at = 0;
    bool fresh = true; // nothing of the expected_ result was read yet
    while (sound && syncs_ > 0) {
        bool streams = at < expected_.size() && expected_[at].kind == Expected::Kind::execute && steps[expected_[at].step].stream;
        if (fresh && streams && sink && *sink)
            PQsetSingleRowMode(handle_);
        fresh = false;
        if (PQisBusy(handle_)) {
            boost::system::error_code ec;
            co_await descriptor_.async_wait(Descriptor::wait_read, awaiting_or(ec));
            sound = !ec && PQconsumeInput(handle_) == 1;
            continue;
        }
        PGresult *result = PQgetResult(handle_);
        if (result) {
            take(result, at < expected_.size() ? &expected_[at] : nullptr, steps, outcome, sink);
        } else if (at < expected_.size()) {
            ++at;
            fresh = true;
        }
        sound = PQstatus(handle_) == CONNECTION_OK;
    }
    running_ = false;
    if (!sound)
        outcome.broken = std::string(trim(PQerrorMessage(handle_)));
    if (!sound && outcome.broken.empty())
        outcome.broken = "the connection was lost";
    co_return outcome;
}

void Connection::cancel() {
    if (!running_ || !cancel_)
        return;
    cancelling_->fetch_add(1);
    auto handle = cancel_;
    auto pending = cancelling_;
    asio::post(helpers_, [handle, pending] {
        char message[256];
        PQcancel(handle.get(), message, sizeof message);
        pending->fetch_sub(1);
    });
}

void Connection::abort() { ::shutdown(PQsocket(handle_), SHUT_RDWR); }

Task<void> Connection::settle_cancel() {
    while (cancelling_->load() > 0) {
        Timer timer(executor_, std::chrono::milliseconds(2));
        boost::system::error_code ec;
        co_await timer.async_wait(awaiting_or(ec));
    }
}

} // namespace ticketflow::http
