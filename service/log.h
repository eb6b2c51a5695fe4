// JSON lines on standard output: one a request, and what happens to the service itself.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ticketflow::http {

struct Answer;
struct Request;

enum class Level { debug, info, warn, error, critical };

void start_log(std::string_view level);
void set_log_level(std::string_view level);
void stop_log(); // writes what is still queued

// A field's value is JSON already; quote text with json_quote.
void log_event(Level level, std::string_view message, std::initializer_list<std::pair<std::string_view, std::string>> fields = {});
void log_request(const Request &request, const Answer &answer, double seconds, std::string_view outcome);

} // namespace ticketflow::http
