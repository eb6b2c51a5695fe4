// JSON lines on standard output: one a request, and what happens to the service itself.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ticketflow::http {

struct Answer;
struct Request;

// A milestone is written whatever the level: others wait for it.
enum class Level { debug, info, warn, error, critical, milestone };

void start_log(std::string_view level);
void set_log_level(std::string_view level);
void flush_log(); // the lines of requests go out in batches, ten times a second
void stop_log();  // writes what is still queued

// A field's value is JSON already; quote text with json_quote.
void log_event(Level level, std::string_view message, std::initializer_list<std::pair<std::string_view, std::string>> fields = {});
void log_request(const Request &request, const Answer &answer, double seconds, std::string_view outcome);

} // namespace ticketflow::http
