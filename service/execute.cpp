#include "execute.h"


namespace ticketflow::http {

namespace {

constexpr size_t kLarge = 256 * 1024;
constexpr size_t kMostHints = 4096;

// Returns a connection to its pool however the call ends.
class Lease {
  public:
    Lease(Pool &pool, std::unique_ptr<Connection> connection, Running &running)
        : pool_(pool), running_(running), connection_(std::move(connection)) {
        running_.connection = connection_.get();
        running_.since = std::chrono::steady_clock::now();
    }
    Lease(const Lease &) = delete;
    ~Lease() {
        running_.connection = nullptr;
        if (connection_)
            pool_.release(std::move(connection_));
    }
    void drop() {
        running_.connection = nullptr;
        pool_.discard(std::move(connection_));
    }
    Connection *operator->() const { return connection_.get(); }

  private:
    Pool &pool_;
    Running &running_;
    std::unique_ptr<Connection> connection_;
};

Step ending(const char *sql) {
    Step step;
    step.sql = sql;
    step.prepare = false;
    return step;
}

Error from_database(const Config &config, const Identity &identity, const PgError &error) {
    bool authenticated = identity.authenticated && (identity.role.empty() || identity.role != config.db_anon_role);
    return error_from_pg(error, authenticated);
}

Error late() {
    return failure::limit(504, "The database did not answer in time.", "db-call-timeout limits how long a call may run.");
}

std::optional<Error> refusal(const Call &call, const Collected &collected) {
    if (collected.too_large)
        return Error{500, "54000", "the answer is larger than max-response-bytes", {},
                     "Ask for fewer rows with limit, or for fewer columns with select.", {}, {}};
    if (call.singular && collected.rows != 1)
        return failure::not_singular(collected.rows);
    if (call.preferences.strict() && call.preferences.max_affected && call.shape == Shape::rows &&
        collected.rows > *call.preferences.max_affected)
        return failure::too_many_affected(collected.rows);
    return {};
}

} // namespace

bool SizeHints::expect_large(const std::string &sql) const {
    auto found = large_.find(sql);
    return found == large_.end() || found->second; // unknown: be careful
}

void SizeHints::learn(const std::string &sql, size_t bytes) {
    if (large_.size() >= kMostHints)
        large_.clear();
    large_[sql] = bytes > kLarge;
}

// One attempt. An empty answer asks for another, where nothing ran.
static asio::awaitable<std::optional<Answer>> attempt(Environment environment, Pool &pool, const Request &request,
                                                      const Identity &identity, Call &call, Running &running, bool last) {
    using Clock = std::chrono::steady_clock;
    auto started = Clock::now();
    auto connection = co_await pool.acquire();
    Lease lease(pool, std::move(connection), running);
    auto acquired = Clock::now();
    if (running.abandoned)
        throw failure::limit(499, "The client closed the connection.");
    if (lease->generation != environment.cache.generation) {
        lease->forget_statements();
        lease->generation = environment.cache.generation;
    }
    Batch batch = make_batch(environment, request, identity, call);
    Collected collected;
    collected.body = Spool(size_t(environment.config.spool));
    RowSink sink;
    if (call.shape == Shape::rows && environment.hints.expect_large(call.sql)) {
        batch.steps[batch.call_step].stream = true;
        const Config *config = &environment.config;
        sink = [config, &call, &collected](PGresult *row) {
            collect_row(*config, call, {PQgetvalue(row, 0, 0), size_t(PQgetlength(row, 0, 0))}, PQgetisnull(row, 0, 0), collected);
            return !collected.too_large && !collected.disk_full;
        };
    }
    Outcome outcome = co_await lease->run(std::move(batch.steps), sink);
    if (outcome.broken.empty())
        co_await lease->settle_cancel();
    if (running.late)
        outcome.error.reset();
    if (!outcome.broken.empty()) {
        bool nothing_came = outcome.results[0] == nullptr && !outcome.error;
        lease.drop();
        if (running.late)
            throw late();
        if (outcome.error)
            throw from_database(environment.config, identity, *outcome.error);
        if (!last && nothing_came && call.read_only && !running.abandoned)
            co_return std::nullopt;
        throw failure::connection_lost(outcome.broken);
    }
    if (call.shape == Shape::rows && !outcome.error && outcome.results[batch.call_step]) {
        const Result &result = outcome.results[batch.call_step];
        for (int i = 0; i < PQntuples(result.get()); ++i)
            collect_row(environment.config, call, {PQgetvalue(result.get(), i, 0), size_t(PQgetlength(result.get(), i, 0))},
                        PQgetisnull(result.get(), i, 0), collected);
        environment.hints.learn(call.sql, collected.body.size());
    }
    auto refused = running.late ? std::optional<Error>(late()) : collected.too_large || !outcome.error ? refusal(call, collected) : std::nullopt;
    if (batch.explicit_transaction && (outcome.error || batch.decide || running.late)) {
        std::vector<Step> steps;
        steps.push_back(ending(outcome.error || refused ? "ROLLBACK" : "COMMIT"));
        Outcome end = co_await lease->run(std::move(steps));
        if (!end.broken.empty()) {
            lease.drop();
            throw failure::connection_lost(end.broken);
        }
        if (end.error && !outcome.error)
            outcome.error = end.error;
    }
    if (outcome.error && outcome.stale_statement && !last)
        co_return std::nullopt;
    if (refused)
        throw *refused;
    if (outcome.error)
        throw from_database(environment.config, identity, *outcome.error);
    Answer answer = build_answer(call, outcome, batch, collected);
    answer.seconds_wait = std::chrono::duration<double>(acquired - started).count();
    answer.seconds_database = std::chrono::duration<double>(Clock::now() - acquired).count();
    co_return std::optional<Answer>(std::move(answer));
}

asio::awaitable<Answer> execute(Environment environment, Pool &pool, const Request &request, const Identity &identity, Call &call,
                                Running &running) {
    auto answer = co_await attempt(environment, pool, request, identity, call, running, false);
    if (!answer)
        answer = co_await attempt(environment, pool, request, identity, call, running, true);
    co_return std::move(*answer);
}

} // namespace ticketflow::http
