// libpq as awaitables: a connection that is always in pipeline mode, and runs a batch of statements in one round trip.
#pragma once

#include "call.h"
#include "errors.h"
#include "task.h"

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <libpq-fe.h>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ticketflow::http {

struct ResultDeleter {
    void operator()(PGresult *result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultDeleter>;

PgError pg_error(const PGresult *result);

struct Step {
    std::string sql;
    std::vector<Parameter> parameters;
    std::string role;    // that it runs as, where that is not always the same; a prepared plan is good for one role only
    bool prepare = true; // worth keeping prepared
    bool stream = false; // rows go to the sink, one by one, instead of into the result
};

// Takes the rows of a streaming step. Returns false to say that it wants no more; the rest is then dropped.
using RowSink = std::function<bool(PGresult *row)>;

struct Outcome {
    std::vector<Result> results; // one a step; empty where the step did not run
    std::optional<PgError> error;
    size_t failed_step = 0;   // results.size() where the commit failed
    bool stale_statement = false; // a prepared statement was gone or outdated, and the step did not run
    std::string broken;       // why the connection is of no use any more
};

class Connection {
  public:
    // Connects on the helper threads, because libpq resolves names and may wait there. Throws std::runtime_error.
    static Task<std::unique_ptr<Connection>> open(Executor executor, asio::thread_pool &helpers, std::string conninfo,
                                                  long long timeout, bool prepared);
    ~Connection();
    Connection(const Connection &) = delete;

    // Sends all steps and one Sync, then reads to its end. Never throws; see Outcome.
    Task<Outcome> run(const std::vector<Step> &steps, const RowSink *sink = nullptr);
    // The same in two parts: the first may be called where nothing can be awaited. `steps` stay until the second ends.
    void begin(const std::vector<Step> &steps);
    Task<Outcome> finish(const std::vector<Step> &steps, const RowSink *sink = nullptr);
    bool begun() const { return running_; }

    // Asks the server to stop what runs. The request goes out on a helper thread; the connection is not given to
    // another caller before that is done, lest it stop a later call.
    void cancel();
    Task<void> settle_cancel();
    void abort(); // ends a run whose server does not react; the connection is broken then

    bool usable() const;
    bool silent() const; // nothing came while it was idle: no goodbye, no end
    void follow(unsigned long generation); // of the schema cache: statements of an older one are forgotten
    int backend() const { return PQbackendPID(handle_); }
    std::chrono::steady_clock::time_point born, idle_since;

  private:
    Connection(Executor executor, asio::thread_pool &helpers, PGconn *handle, bool prepared);

    struct Expected {
        enum class Kind { deallocate, prepare, execute } kind;
        size_t step;
        std::string name;
    };
    struct Prepared {
        std::string name;
        std::list<std::string>::iterator use;
    };
    bool send_step(const Step &step, size_t index);
    Task<bool> flush();
    void take(PGresult *result, const Expected *expected, const std::vector<Step> &steps, Outcome &outcome, const RowSink *sink);
    void remember(std::string key, const std::string &name);
    void forget(const std::string &key, bool drop); // drop: it is still there on the server

    Executor executor_;
    asio::thread_pool &helpers_;
    PGconn *handle_;
    std::shared_ptr<PGcancel> cancel_; // a helper may still be using it when the connection is gone
    Descriptor descriptor_;
    bool prepared_, running_ = false, sink_done_ = false;
    int syncs_ = 0; // sent and not read yet
    bool flushed_ = true;            // all of it left already
    std::vector<Expected> expected_; // the results of what was sent, in order
    // Room that is used again and again.
    std::string key_;
    std::vector<const char *> values_;
    std::vector<int> lengths_, formats_;
    std::shared_ptr<std::atomic<int>> cancelling_;
    unsigned long next_name_ = 0, generation_ = 0;
    std::unordered_map<std::string, Prepared> statements_; // by role and text
    std::list<std::string> used_; // their keys, least recently first
    size_t text_ = 0;             // bytes of the keys
    std::vector<std::string> drop_; // names to deallocate with the next batch
};

} // namespace ticketflow::http
