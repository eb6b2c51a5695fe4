#include "log.h"

#include "answer.h"
#include "request.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <mutex>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace ticketflow::http {

namespace {

constexpr size_t kBatch = 128 * 1024;
constexpr size_t kLongestMethod = 32, kLongestPath = 1024; // callers choose them

std::shared_ptr<spdlog::logger> logger;
std::mutex batch_mutex;
std::string batch; // lines of requests that were not handed to the logger yet

spdlog::level::level_enum level_of(std::string_view name) {
    return name == "crit" ? spdlog::level::critical : name == "error" ? spdlog::level::err : name == "warn" ? spdlog::level::warn
                              : name == "debug" ? spdlog::level::debug : spdlog::level::info;
}

spdlog::level::level_enum level_of(Level level) {
    constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                     spdlog::level::err, spdlog::level::critical, spdlog::level::critical};
    return kLevels[int(level)];
}

void append_time(std::string &out) {
    auto now = std::chrono::system_clock::now();
    std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    int millis = int(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000);
    thread_local std::time_t last = 0;
    thread_local char text[32];
    if (seconds != last) {
        std::tm parts;
        gmtime_r(&seconds, &parts);
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        last = seconds;
    }
    out += text;
    out += '.';
    for (int digit : {millis / 100, millis / 10 % 10, millis % 10})
        out += char('0' + digit);
    out += 'Z';
}

void append_number(std::string &out, std::string_view name, long long value) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(value);
}

// Milliseconds to three places.
void append_milliseconds(std::string &out, std::string_view name, double seconds) {
    auto micros = std::max(0LL, std::llround(seconds * 1e6));
    append_number(out, name, micros / 1000);
    out += '.';
    for (long long digit : {micros / 100 % 10, micros / 10 % 10, micros % 10})
        out += char('0' + digit);
}

void append_text(std::string &out, std::string_view name, std::string_view value) {
    if (value.empty())
        return;
    out += ",\"";
    out += name;
    out += "\":";
    append_json_quoted(out, value);
}

void begin_line(std::string &out, const char *level, std::string_view message) {
    out = "{\"time\":\"";
    append_time(out);
    out += "\",\"level\":\"";
    out += level;
    out += "\",\"message\":";
    append_json_quoted(out, message);
}

} // namespace

void start_log(std::string_view level) {
    spdlog::init_thread_pool(16384, 1);
    auto sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    // Blocking on a full queue loses no line. Waking the writer costs more than a whole request, so lines come in batches.
    logger = std::make_shared<spdlog::async_logger>("ticketflow", sink, spdlog::thread_pool(), spdlog::async_overflow_policy::block);
    logger->set_pattern("%v");
    logger->set_level(level_of(level));
    spdlog::register_logger(logger);
}

void set_log_level(std::string_view level) {
    if (logger)
        logger->set_level(level_of(level));
}

void flush_log() {
    std::lock_guard<std::mutex> lock(batch_mutex);
    if (batch.empty() || !logger)
        return;
    batch.pop_back(); // the logger ends what it writes with a line break
    logger->log(spdlog::level::critical, spdlog::string_view_t(batch));
    logger->flush();
    batch.clear();
}

void stop_log() {
    flush_log();
    logger.reset();
    spdlog::shutdown();
}

void log_event(Level level, std::string_view message, std::initializer_list<std::pair<std::string_view, std::string>> fields) {
    static constexpr const char *kNames[] = {"debug", "info", "warn", "error", "critical", "info"};
    if (!logger || !logger->should_log(level_of(level)))
        return;
    std::string out;
    begin_line(out, kNames[int(level)], message);
    for (const auto &[name, value] : fields)
        out += ",\"" + std::string(name) + "\":" + value;
    flush_log(); // keeps the order
    logger->log(level_of(level), "{}", out + "}");
    logger->flush(); // events are few, and somebody may be waiting for "listening"
}

void log_request(const Request &request, const Answer &answer, double seconds, std::string_view outcome) {
    auto level = answer.status >= 500 ? spdlog::level::err : answer.status >= 400 ? spdlog::level::warn : spdlog::level::info;
    if (!logger || !logger->should_log(level))
        return;
    thread_local std::string out; // its room is used again
    begin_line(out, answer.status >= 500 ? "error" : answer.status >= 400 ? "warn" : "info", "request");
    append_text(out, "request_id", request.id);
    append_text(out, "method", clip(request.method, kLongestMethod));
    append_text(out, "path", clip(request.path(), kLongestPath));
    append_text(out, "function", answer.function);
    append_number(out, "status", answer.status);
    append_text(out, "code", answer.code);
    append_text(out, "role", answer.role);
    append_text(out, "user", answer.user);
    append_text(out, "peer", request.peer);
    append_text(out, "outcome", outcome);
    append_number(out, "bytes", (long long)(answer.size()));
    append_milliseconds(out, "ms", seconds);
    append_milliseconds(out, "wait_ms", answer.seconds_wait);
    append_milliseconds(out, "database_ms", answer.seconds_database);
    out += "}\n";
    std::unique_lock<std::mutex> lock(batch_mutex);
    batch += out;
    bool full = batch.size() > kBatch;
    lock.unlock();
    if (full)
        flush_log();
}

} // namespace ticketflow::http
