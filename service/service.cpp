#include "service.h"

#include "log.h"

#include <algorithm>
#include <chrono>

namespace ticketflow::http {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

long long unix_time() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double steady_time() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

double precise_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string server_timing(const Answer &answer, double total) {
    char text[256];
    double rest = total - answer.seconds_auth - answer.seconds_plan - answer.seconds_wait - answer.seconds_database;
    std::snprintf(text, sizeof text, "jwt;dur=%.3f, plan;dur=%.3f, pool;dur=%.3f, transaction;dur=%.3f, response;dur=%.3f",
                  answer.seconds_auth * 1e3, answer.seconds_plan * 1e3, answer.seconds_wait * 1e3,
                  answer.seconds_database * 1e3, std::max(0.0, rest) * 1e3);
    return text;
}

} // namespace

Service::Service(Settings settings, Pool &pool, Metrics &metrics, RateLimits &limits)
    : pool_(pool), metrics_(metrics), limits_(limits) {
    configure(std::move(settings));
}

void Service::configure(Settings settings) {
    settings_ = std::move(settings);
    authenticator_ = std::make_unique<Authenticator>(settings_.config, settings_.keys);
}

void Service::finish(const Request &request, Answer &answer) const {
    const Config &config = *settings_.config;
    add_cors(request, config, answer);
    if (!config.trace_header.empty() && !request.id.empty())
        answer.set(config.trace_header, request.id);
    if (request.method == "HEAD")
        answer.bodiless = true;
}

Answer Service::refuse(const Request &request, const Error &error) const {
    Answer answer = answer_from(error);
    finish(request, answer);
    return answer;
}

Task<Answer> Service::handle(const Request &request, Running &running) {
    auto started = Clock::now();
    Answer answer;
    // What this request started with stays alive while it runs, whatever is reloaded meanwhile.
    Settings settings = settings_;
    try {
        co_await route(request, running, answer);
    } catch (const Error &error) {
        answer = answer_from(error);
    } catch (const std::exception &error) {
        log_event(Level::error, "internal error", {{"request_id", json_quote(request.id)}, {"error", json_quote(error.what())}});
        answer = answer_from({500, "TF500", "internal error", {}, {}, {}, {}});
    }
    if (settings.config->server_timing)
        answer.headers.emplace_back("Server-Timing", server_timing(answer, seconds_since(started)));
    finish(request, answer);
    co_return answer;
}

Error Service::too_many(const char *message, const char *hint, long long seconds) {
    ++metrics_.rate_limited;
    Error error = failure::limit(429, message, hint);
    error.headers.emplace_back("Retry-After", std::to_string(seconds));
    return error;
}

// Guesses at passwords are slow and few. What comes over a unix socket comes from a proxy, which is everybody.
void Service::admit_login(const Request &request) {
    long long most = settings_.config->login_limit;
    if (request.peer != "unix" && !limits_.logins.admit(request.peer, steady_time(), double(most) / 60, double(most)))
        throw too_many("Too many failed sign-ins from this address.", "Retry after a minute.", 60);
}

Task<void> Service::route(const Request &request, Running &running, Answer &answer) {
    const Config &config = *settings_.config;
    if (!limits_.requests.admit(request.peer, steady_time(), double(config.rate_limit), double(config.rate_burst)))
        throw too_many("Too many requests from this address.", "Retry after a second.", 1);
    if (request.method == "OPTIONS")
        return options(request, answer);
    auto path = request.path();
    if (path == "/" || path.empty()) {
        if (request.method != "GET" && request.method != "HEAD")
            throw failure::unsupported_method(request.method);
        return describe(request, running, answer);
    }
    if (path.starts_with("/rpc/"))
        return call(request, running, answer);
    auto name = path.substr(1);
    if (name.find('/') != std::string_view::npos)
        throw failure::bad_path();
    throw Error{404, "PGRST205", "Could not find the table '" + choose_schema(request, config) + "." + clip(percent_decode(name, false), 128) +
                         "' in the schema cache", {}, "Only functions are exposed, as /rpc/<function>.", {}, {}};
}

Task<void> Service::call(const Request &request, Running &running, Answer &answer) {
    auto cache = cache_;
    Settings settings = settings_;
    auto started = Clock::now();
    Identity identity = authenticator_->identify(request, unix_time());
    double auth = seconds_since(started);
    if (!cache)
        throw failure::no_schema_cache();
    Call call = plan_call(request, *cache, *settings.config);
    double plan = seconds_since(started) - auth;
    Environment environment{*settings.config, *cache, memory_};
    std::string name = call.function->name;
    bool login = settings.config->is_login(call.schema, name);
    if (login)
        admit_login(request);
    try {
        co_await execute(environment, pool_, request, identity, call, running, answer);
    } catch (const Error &error) {
        answer = answer_from(error);
    }
    if (login && answer.code.empty())
        answer_login(*settings.keys, *settings.config, precise_time(), answer);
    if (login && (answer.status < 400 || answer.status >= 500))
        limits_.logins.forgive(request.peer);
    // Shared caches leave answers to Authorization alone, but know nothing of other ways to say who one is.
    if (!identity.key.empty() && !answer.has("Cache-Control"))
        answer.headers.emplace_back("Cache-Control", "private");
    answer.function = std::move(name);
    answer.role = std::move(identity.role);
    answer.user = std::move(identity.user);
    answer.seconds_auth = auth;
    answer.seconds_plan = plan;
}

Task<void> Service::options(const Request &request, Answer &answer) const {
    if (is_preflight(request))
        co_return;
    answer.headers.emplace_back("Access-Control-Allow-Origin", "*");
    auto path = request.path();
    if (path.starts_with("/rpc/") && cache_) {
        std::string name = percent_decode(path.substr(5), false);
        const auto *functions = cache_->find(choose_schema(request, *settings_.config), name);
        if (!functions)
            throw Error{404, "PGRST202", "Could not find the function " + settings_.config->schemas[0] + "." + clip(name, 128) +
                                             " in the schema cache", {}, {}, {}, {}};
        bool reads = std::any_of(functions->begin(), functions->end(), [](const auto &f) { return f.volatility != 'v'; });
        answer.headers.emplace_back("Allow", reads ? "OPTIONS,GET,HEAD,POST" : "OPTIONS,POST");
    } else {
        answer.headers.emplace_back("Allow", "OPTIONS,GET,HEAD");
    }
}

} // namespace ticketflow::http
