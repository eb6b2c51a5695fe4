// The query string: arguments of the function, and what the caller wants of the result (select, filters, order, limits).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ticketflow::http {

struct PathStep {
    bool as_text = false; // ->> instead of ->
    std::string key;
    bool index = false; // key is an array index
};

struct Field {
    std::string name;
    std::vector<PathStep> path;
};

struct SelectItem {
    bool star = false;
    Field field;
    std::string alias, cast;
};

struct OrderItem {
    Field field;
    bool descending = false;
    enum class Nulls { unsaid, first, last } nulls = Nulls::unsaid;
};

enum class Quantifier { none, any, all };

struct Condition {
    Field field;
    bool negated = false;
    std::string op; // as written: eq, in, fts, ...
    Quantifier quantifier = Quantifier::none;
    std::string config;            // of a text search operator
    std::string value;             // as written
    std::vector<std::string> list; // of `in`
};

// A condition, or several joined by AND or OR.
struct Filter {
    bool negated = false, any = false;
    std::optional<Condition> condition;
    std::vector<Filter> parts;
};

struct Query {
    std::vector<SelectItem> select;
    std::vector<Filter> filters; // all must hold
    std::vector<OrderItem> order;
    std::optional<long long> limit, offset;
    std::optional<std::vector<std::string>> columns;
    std::vector<std::pair<std::string, std::string>> arguments; // of GET and HEAD
};

// With `arguments`, what does not look like `operator.value` is an argument of the function; otherwise all are filters.
// Throws Error PGRST100 (400) with the place where parsing stopped.
Query parse_query(std::string_view text, bool arguments);

// name=value pairs, percent-decoded; also a form's body.
std::vector<std::pair<std::string, std::string>> parse_pairs(std::string_view text);

} // namespace ticketflow::http
