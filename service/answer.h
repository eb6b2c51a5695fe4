// What goes back to the client, and what the log wants to know of it.
#pragma once

#include "errors.h"
#include "pq.h"
#include "spool.h"

#include <string>
#include <string_view>

namespace ticketflow::http {

struct Answer {
    int status = 200;
    std::string reason;
    Headers headers;
    std::string text;       // the body, unless one of the next two is set
    Result result;          // kept for `view`
    std::string_view view;  // bytes inside result
    Spool spool;
    bool bodiless = false;  // HEAD, 204: no Content-Length either
    bool close = false;

    // For log and metrics
    std::string function, role, user, code;
    double seconds_auth = 0, seconds_plan = 0, seconds_wait = 0, seconds_database = 0;

    size_t size() const { return spool.open() ? spool.size() : result ? view.size() : text.size(); }
    void set(std::string_view name, std::string value); // replaces, whatever the case of the name
    bool has(std::string_view name) const;
    void add_vary(std::string_view name); // one more header that the answer depends on
};

Answer answer_from(const Error &error);

// Status line and headers, with Content-Length.
std::string head_of(const Answer &answer, bool keep_alive, std::string_view date);

} // namespace ticketflow::http
