#include "execute.h"

namespace ticketflow::http {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLarge = 256 * 1024;
constexpr size_t kMostHints = 4096;
constexpr int kMostAttempts = 3; // another role, an outdated statement, and then it has to do

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// Returns a connection to its pool however the call ends.
class Lease {
  public:
    Lease(Pool &pool, std::unique_ptr<Connection> connection, Running &running)
        : pool_(pool), running_(running), connection_(std::move(connection)) {
        running_.connection = connection_.get();
    }
    Lease(const Lease &) = delete;
    ~Lease() {
        running_.connection = nullptr;
        if (connection_)
            pool_.release(std::move(connection_));
    }
    void give_back() {
        running_.connection = nullptr;
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

Error late() {
    return failure::limit(504, "The database did not answer in time.", "db-call-timeout limits how long a call may run.");
}

Error left() { return failure::limit(499, "The client closed the connection."); }

std::string_view value_at(const Result &result, int row, int column) {
    return {PQgetvalue(result.get(), row, column), size_t(PQgetlength(result.get(), row, column))};
}

// One call on its way through the database.
class Execution {
  public:
    Execution(Environment environment, Pool &pool, const Request &request, const Identity &identity, const Call &call, Running &running)
        : environment_(environment), config_(environment.config), pool_(pool), request_(request), identity_(identity), call_(call),
          running_(running) {}

    // False where the call did not run and may be tried again.
    Task<bool> attempt(bool first, bool last, Answer &answer);

  private:
    const std::string *known_role() const;
    Task<std::string> ask_role(Lease &lease);
    Task<void> end_transaction(Lease &lease, Outcome &outcome, bool commit);
    RowSink sink_for(Batch &batch, Collected &collected) const;
    void collect(const Result &result, Collected &collected) const;
    std::optional<Error> verdict(const Outcome &outcome, const Collected &collected) const;
    bool mistaken(const Batch &batch, const Outcome &outcome) const;
    Error error_of(const PgError &error) const;
    Error loss(Lease &lease, const Outcome &outcome) const;

    Environment environment_;
    const Config &config_;
    Pool &pool_;
    const Request &request_;
    const Identity &identity_;
    const Call &call_;
    Running &running_;
};

// A person is known once her token or key is: PostgREST's rule, that the role differs from the anonymous one, holds for roles
// that come from the token.
Error Execution::error_of(const PgError &error) const {
    bool known = identity_.authenticated && (asks_database(config_, identity_) || identity_.role != config_.db_anon_role);
    return error_from_pg(error, known);
}

// What to say when the connection is gone; it leaves the pool.
Error Execution::loss(Lease &lease, const Outcome &outcome) const {
    lease.drop();
    if (running_.late)
        return late();
    return outcome.error ? error_of(*outcome.error) : failure::connection_lost(outcome.broken);
}

// What the call will run as; nothing where the database has to be asked.
const std::string *Execution::known_role() const {
    return database_decides(config_, identity_) ? environment_.memory.roles.find(identity_) : &identity_.role;
}

Task<std::string> Execution::ask_role(Lease &lease) {
    Batch question = make_question(config_, request_, identity_, call_);
    Outcome outcome = co_await lease->run(question.steps);
    if (!outcome.broken.empty())
        throw loss(lease, outcome);
    co_await lease->settle_cancel();
    if (running_.late)
        throw late();
    if (outcome.error)
        throw error_of(*outcome.error);
    const Result &answer = outcome.results[question.role_step];
    std::string role(value_at(answer, 0, PQnfields(answer.get()) - 1));
    environment_.memory.roles.learn(identity_, role);
    co_return role;
}

RowSink Execution::sink_for(Batch &batch, Collected &collected) const {
    if (call_.shape != Shape::rows || !environment_.memory.sizes.expect_large(call_.sql))
        return {};
    batch.steps[batch.call_step].stream = true;
    return [this, &collected](PGresult *row) {
        std::string_view text(PQgetvalue(row, 0, 0), size_t(PQgetlength(row, 0, 0)));
        collect_row(config_, call_, text, PQgetisnull(row, 0, 0), collected);
        return !collected.full();
    };
}

// The rows of a set that came in one piece; of a streamed one none are left.
void Execution::collect(const Result &result, Collected &collected) const {
    for (int i = 0; i < PQntuples(result.get()) && !collected.full(); ++i)
        collect_row(config_, call_, value_at(result, i, 0), PQgetisnull(result.get(), i, 0), collected);
    environment_.memory.sizes.learn(call_.sql, collected.body.size());
}

// Why the client gets an error, if she does.
std::optional<Error> Execution::verdict(const Outcome &outcome, const Collected &collected) const {
    if (running_.late)
        return late();
    if (collected.too_large)
        return Error{500, "54000", "the answer is larger than max-response-bytes", {},
                     "Ask for fewer rows with limit, or for fewer columns with select.", {}, {}};
    if (collected.disk_full)
        return Error{500, "53100", "the disk that answers are kept on is full", {}, "Free space in TMPDIR.", {}, {}};
    if (outcome.error)
        return error_of(*outcome.error);
    if (call_.singular && collected.rows != 1)
        return failure::not_singular(collected.rows);
    if (call_.preferences.strict() && call_.preferences.max_affected && call_.shape == Shape::rows &&
        collected.rows > *call_.preferences.max_affected)
        return failure::too_many_affected(collected.rows);
    return {};
}

// Whether the call did not run because what was remembered is not so any more.
bool Execution::mistaken(const Batch &batch, const Outcome &outcome) const {
    if (!outcome.error)
        return false;
    if (outcome.failed_step == batch.role_step && outcome.error->sqlstate == "22012") {
        environment_.memory.roles.forget(identity_);
        return true;
    }
    return outcome.stale_statement;
}

Task<void> Execution::end_transaction(Lease &lease, Outcome &outcome, bool commit) {
    std::vector<Step> steps(1);
    steps[0].sql = commit ? "COMMIT" : "ROLLBACK";
    steps[0].prepare = false;
    Outcome end = co_await lease->run(steps);
    if (!end.broken.empty())
        throw loss(lease, end);
    if (end.error && !outcome.error)
        outcome.error = std::move(end.error);
}

Task<bool> Execution::attempt(bool first, bool last, Answer &answer) {
    auto started = Clock::now();
    // Where the role is known the call goes out as soon as there is a connection, so that the server need not wait for us.
    Batch batch;
    if (const std::string *role = known_role())
        batch = make_batch(config_, environment_.cache, request_, identity_, call_, *role);
    auto connection = co_await pool_.acquire([this, &batch](Connection &given) {
        running_.connection = &given;
        running_.since = Clock::now();
        given.follow(environment_.cache.generation);
        if (!batch.steps.empty() && !running_.abandoned)
            given.begin(batch.steps);
    });
    Lease lease(pool_, std::move(connection), running_);
    auto acquired = running_.since;
    if (!lease->begun()) {
        if (running_.abandoned)
            throw left();
        std::string role = co_await ask_role(lease);
        batch = make_batch(config_, environment_.cache, request_, identity_, call_, role);
        lease->begin(batch.steps);
    }
    Collected collected;
    collected.body = Spool(size_t(config_.spool));
    RowSink sink = sink_for(batch, collected);
    Outcome outcome = co_await lease->finish(batch.steps, &sink);
    if (!outcome.broken.empty()) {
        bool nothing_came = outcome.results[0] == nullptr && !outcome.error;
        bool again = first && nothing_came && call_.read_only && !running_.abandoned && !running_.late;
        Error error = loss(lease, outcome);
        if (again)
            co_return false;
        throw error;
    }
    co_await lease->settle_cancel();
    auto done = Clock::now();
    if (!batch.explicit_transaction)
        lease.give_back();
    if (call_.shape == Shape::rows && !outcome.error)
        collect(outcome.results[batch.call_step], collected);
    auto refused = verdict(outcome, collected);
    if (batch.explicit_transaction && (outcome.error || batch.decide || running_.late)) {
        co_await end_transaction(lease, outcome, !refused);
        refused = refused ? refused : verdict(outcome, collected);
        done = Clock::now();
    }
    if (!last && mistaken(batch, outcome))
        co_return false;
    if (refused)
        throw *refused;
    build_answer(call_, outcome, batch, collected, answer);
    answer.seconds_wait = seconds(acquired - started);
    answer.seconds_database = seconds(done - acquired);
    co_return true;
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

Task<void> execute(Environment environment, Pool &pool, const Request &request, const Identity &identity, const Call &call,
                   Running &running, Answer &answer) {
    Execution execution(environment, pool, request, identity, call, running);
    bool ran = false;
    for (int number = 1; !ran; ++number)
        ran = co_await execution.attempt(number == 1, number == kMostAttempts, answer);
}

} // namespace ticketflow::http
