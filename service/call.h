// One request, understood: the statement to run, its parameters, and how the result becomes an answer.
#pragma once

#include "body.h"
#include "config.h"
#include "preferences.h"
#include "query.h"
#include "request.h"
#include "schema_cache.h"

#include <optional>
#include <string>
#include <vector>

namespace ticketflow::http {

// How the rows of the call are read. In `one`, columns 1 and 2 hold the response settings; elsewhere a statement of its own.
enum class Shape {
    nothing, // void: 204
    one,     // one value: a scalar or a composite
    rows,    // a row of the result set is one element of the answer
    counted, // one row: total, number of elements, body
};

enum class Format { json, csv, raw, plan };

struct Parameter {
    std::optional<std::string> text;
    bool binary = false;
};

struct Call {
    const Function *function = nullptr;
    std::string sql;
    std::vector<Parameter> parameters;
    Shape shape = Shape::rows;
    Format format = Format::json;
    std::string content_type;
    bool singular = false; // exactly one row, or 406
    bool object = false;   // the answer is the element itself, not an array
    bool read_only = false;
    bool head = false;
    bool plain = false;    // what it writes is kept whatever the answer looks like, and nobody shapes the answer
    RowRange range;
    Preferences preferences;
    std::string schema;
    bool echo_schema = false; // answer with Content-Profile
    bool rollback = false, may_choose_end = false;
    std::string isolation;
};

// Throws Error. `cache` must outlive the call.
Call plan_call(const Request &request, const SchemaCache &cache, const Config &config);

// The schema that Accept-Profile or Content-Profile names, or the first. Throws PGRST106.
std::string choose_schema(const Request &request, const Config &config);

} // namespace ticketflow::http
