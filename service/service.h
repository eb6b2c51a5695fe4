// From a request to an answer: routes, authenticates, plans, executes. One for each thread; knows no socket.
#pragma once

#include "answer.h"
#include "auth.h"
#include "execute.h"
#include "metrics.h"
#include "rate_limit.h"
#include "request.h"

#include <memory>

namespace ticketflow::http {

// What a reload replaces as a whole.
struct Settings {
    std::shared_ptr<const Config> config;
    std::shared_ptr<const KeySet> keys;
};

class Service {
  public:
    Service(Settings settings, Pool &pool, Metrics &metrics, RateLimits &limits);

    // Never throws: what fails becomes an error answer.
    Task<Answer> handle(const Request &request, Running &running);

    void configure(Settings settings);
    void set_schema(std::shared_ptr<const SchemaCache> cache) { cache_ = std::move(cache); }
    const std::shared_ptr<const SchemaCache> &schema() const { return cache_; }
    const Config &config() const { return *settings_.config; }

    // An answer that no function made (a limit, a parse error), dressed like any other.
    Answer refuse(const Request &request, const Error &error) const;

  private:
    // These fill the answer; what they throw is an error answer.
    Task<void> route(const Request &request, Running &running, Answer &answer);
    Task<void> call(const Request &request, Running &running, Answer &answer);
    Task<void> describe(const Request &request, Running &running, Answer &answer);
    Task<void> options(const Request &request, Answer &answer) const;
    Error too_many(const char *message, const char *hint, long long seconds);
    void admit_login(const Request &request);
    void finish(const Request &request, Answer &answer) const;

    Settings settings_;
    std::shared_ptr<const SchemaCache> cache_;
    Pool &pool_;
    Metrics &metrics_;
    RateLimits &limits_;
    std::unique_ptr<Authenticator> authenticator_;
    Memory memory_;
};

// Cross-origin headers for any answer, and the answer to a preflight.
void add_cors(const Request &request, const Config &config, Answer &answer);
bool is_preflight(const Request &request);

// A login function's row becomes a token, or the error that the row describes.
void answer_login(const KeySet &keys, const Config &config, double now, Answer &answer);

} // namespace ticketflow::http
