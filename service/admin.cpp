#include "admin.h"

#include <chrono>

namespace ticketflow::http {

namespace {

constexpr long long kStalled = 5; // seconds without a tick

bool alive(const std::vector<std::unique_ptr<Worker>> &workers) {
    auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
    for (const auto &worker : workers)
        if (now - worker->heartbeat > kStalled)
            return false;
    return true;
}

bool ready(const std::vector<std::unique_ptr<Worker>> &workers) {
    bool connected = false;
    for (const auto &worker : workers)
        connected = connected || worker->pool.stats.working;
    // The first worker answers, so only its own schema cache may be looked at.
    return connected && workers[0]->service.schema() && !workers[0]->draining;
}

std::string schema_json(const SchemaCache &cache) {
    std::string out = "{\"generation\":" + std::to_string(cache.generation) + ",\"functions\":[";
    bool first = true;
    for (const auto &[schema, functions] : cache.functions)
        for (const auto &[name, overloads] : functions)
            for (const auto &function : overloads) {
                out += (first ? "" : ",") + std::string("{\"schema\":") + json_quote(schema) + ",\"name\":" + json_quote(name) +
                       ",\"returns\":" + json_quote(function.returns.name) + ",\"set\":" + (function.returns_set ? "true" : "false") +
                       ",\"arguments\":[";
                for (size_t i = 0; i < function.arguments.size(); ++i) {
                    const auto &argument = function.arguments[i];
                    out += (i ? ",{" : "{") + std::string("\"name\":") + json_quote(argument.name) + ",\"type\":" +
                           json_quote(argument.type.name) + ",\"required\":" + (argument.required ? "true" : "false") + "}";
                }
                out += "]}";
                first = false;
            }
    return out + "]}";
}

} // namespace

Answer answer_admin(const Request &request, const std::vector<std::unique_ptr<Worker>> &workers, const Metrics &metrics) {
    Answer answer;
    auto path = request.path();
    answer.headers = {{"Content-Type", "application/json; charset=utf-8"}};
    if (request.method != "GET" && request.method != "HEAD")
        return answer_from(failure::unsupported_method(request.method));
    if (path == "/live") {
        answer.status = alive(workers) ? 200 : 500;
        answer.text = answer.status == 200 ? "{\"live\":true}" : "{\"live\":false}";
    } else if (path == "/ready") {
        answer.status = ready(workers) ? 200 : 503;
        answer.text = answer.status == 200 ? "{\"ready\":true}" : "{\"ready\":false}";
    } else if (path == "/metrics") {
        std::vector<const PoolStats *> pools;
        for (const auto &worker : workers)
            pools.push_back(&worker->pool.stats);
        answer.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
        answer.text = metrics.text(pools, long(workers[0]->service.config().db_pool));
    } else if (path == "/schema_cache") {
        if (!workers[0]->service.schema())
            return answer_from(failure::no_schema_cache());
        answer.text = schema_json(*workers[0]->service.schema());
    } else {
        return answer_from(failure::bad_path());
    }
    answer.bodiless = request.method == "HEAD";
    return answer;
}

} // namespace ticketflow::http
