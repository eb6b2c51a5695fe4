// The body of a POST as arguments of a function.
#pragma once

#include "lookup.h"
#include "query.h"
#include "request.h"

#include <optional>
#include <string>
#include <vector>

namespace ticketflow::http {

struct Value {
    std::string name;
    std::optional<std::string> text; // nothing is NULL
    bool json = false;               // text is a JSON array or object, not yet PostgreSQL's form of it
    std::string literal;             // the JSON string that text came from, for arguments of type json
    std::vector<std::string> repeated; // earlier values of the same name, for VARIADIC
};

struct Body {
    RawBody raw = RawBody::none;
    std::vector<Value> values;            // named, each name once
    std::optional<std::string> whole;     // for a single unnamed argument
};

// Throws Error PGRST102 (400) for what cannot be read, 22P05 for \u0000 and 22021 for a NUL byte.
Body parse_body(const Request &request, const std::optional<std::vector<std::string>> &columns);
Body body_from_arguments(const std::vector<std::pair<std::string, std::string>> &arguments);

} // namespace ticketflow::http
