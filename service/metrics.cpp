#include "metrics.h"

#include "text.h"

namespace ticketflow::http {

namespace {

// A label's value: backslash, quote and line break are escaped.
std::string label(std::string_view value) {
    std::string out;
    for (char c : value) {
        if (c == '\\' || c == '"')
            out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

// Callers choose the method, and a series once begun stays.
std::string_view known_method(std::string_view method) {
    for (std::string_view known : {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
        if (method == known)
            return known;
    return "other";
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

void metric(std::string &out, const char *name, const char *type, const char *help, double value) {
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + " " + number(value) + "\n";
}

void head(std::string &out, const char *name, const char *type, const char *help) {
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

} // namespace

void Metrics::observe(const std::string &function, const std::string &method, int status, double seconds, size_t bytes,
                      const std::string &code) {
    std::lock_guard<std::mutex> lock(mutex_);
    Series &series = functions_[function];
    ++series.requests[{known_method(method), status}];
    bytes_ += bytes;
    Histogram &histogram = series.durations;
    for (size_t i = 0; i < kBounds.size(); ++i)
        histogram.counts[i] += seconds <= kBounds[i];
    ++histogram.count;
    histogram.sum += seconds;
    // A SQLSTATE has five characters; the codes of the service are longer.
    if (code.size() == 5)
        ++error_class_[code.substr(0, 2)];
}

std::string Metrics::text(const std::vector<const PoolStats *> &pools, long most_connections) const {
    std::string out;
    long open = 0, idle = 0, waiting = 0, timeouts = 0, failures = 0;
    for (const auto *pool : pools) {
        open += pool->open;
        idle += pool->idle;
        waiting += pool->waiting;
        timeouts += pool->timeouts;
        failures += pool->failures;
    }
    metric(out, "pgrst_db_pool_max", "gauge", "Most connections to the database", double(most_connections));
    metric(out, "pgrst_db_pool_available", "gauge", "Idle connections to the database", double(idle));
    metric(out, "pgrst_db_pool_waiting", "gauge", "Requests waiting for a connection", double(waiting));
    metric(out, "pgrst_db_pool_timeouts_total", "counter", "Requests that waited in vain", double(timeouts));
    metric(out, "ticketflow_db_connections", "gauge", "Open connections to the database", double(open));
    metric(out, "ticketflow_db_connection_failures_total", "counter", "Failed attempts to connect", double(failures));
    metric(out, "pgrst_schema_cache_query_time_seconds", "gauge", "Time of the last load of the schema cache", schema_seconds);
    head(out, "pgrst_schema_cache_loads_total", "counter", "Loads of the schema cache");
    out += "pgrst_schema_cache_loads_total{status=\"SUCCESS\"} " + std::to_string(schema_loads) + "\n";
    out += "pgrst_schema_cache_loads_total{status=\"FAIL\"} " + std::to_string(schema_failures) + "\n";
    metric(out, "ticketflow_http_in_flight", "gauge", "Requests being answered", double(in_flight));
    metric(out, "ticketflow_http_connections", "gauge", "Client connections", double(connections));
    metric(out, "ticketflow_http_connections_total", "counter", "Client connections so far", double(connections_total));
    metric(out, "ticketflow_http_connections_refused_total", "counter", "Client connections above max-connections", double(refused));
    metric(out, "ticketflow_http_rate_limited_total", "counter", "Requests above rate-limit", double(rate_limited));
    metric(out, "ticketflow_http_cancelled_total", "counter", "Queries cancelled because the client went away", double(cancelled));

    std::lock_guard<std::mutex> lock(mutex_);
    metric(out, "ticketflow_http_response_bytes_total", "counter", "Bytes of answers, without headers", double(bytes_));
    head(out, "ticketflow_http_requests_total", "counter", "Requests by function, method and status");
    for (const auto &[function, series] : functions_)
        for (const auto &[labels, count] : series.requests)
            out += "ticketflow_http_requests_total{function=\"" + label(function) + "\",method=\"" + std::string(labels.first) + "\",status=\"" +
                   std::to_string(labels.second) + "\"} " + std::to_string(count) + "\n";
    head(out, "ticketflow_db_errors_total", "counter", "Errors by SQLSTATE class");
    for (const auto &[name, count] : error_class_)
        out += "ticketflow_db_errors_total{class=\"" + label(name) + "\"} " + std::to_string(count) + "\n";
    head(out, "ticketflow_http_duration_seconds", "histogram", "Time from the end of a request to the end of its answer");
    for (const auto &[function, series] : functions_) {
        const Histogram &histogram = series.durations;
        std::string name = "function=\"" + label(function) + "\"";
        for (size_t i = 0; i < kBounds.size(); ++i)
            out += "ticketflow_http_duration_seconds_bucket{" + name + ",le=\"" + number(kBounds[i]) + "\"} " +
                   std::to_string(histogram.counts[i]) + "\n";
        out += "ticketflow_http_duration_seconds_bucket{" + name + ",le=\"+Inf\"} " + std::to_string(histogram.count) + "\n";
        out += "ticketflow_http_duration_seconds_sum{" + name + "} " + number(histogram.sum) + "\n";
        out += "ticketflow_http_duration_seconds_count{" + name + "} " + std::to_string(histogram.count) + "\n";
    }
    return out;
}

} // namespace ticketflow::http
