#include "lookup.h"

#include "errors.h"
#include "text.h"

#include <algorithm>

namespace ticketflow::http {

namespace {

constexpr size_t kLongestName = 128, kLongestList = 1000; // bytes that an error repeats of what the caller wrote
constexpr double kSimilarName = 0.75, kSimilarArguments = 0.33;

bool is_raw(RawBody body) { return body == RawBody::text || body == RawBody::xml || body == RawBody::binary; }

bool takes_names(const Function &function, const std::set<std::string> &names, RawBody body) {
    if (function.arguments.empty())
        return names.empty() && !is_raw(body);
    if (function.single_unnamed())
        return false;
    size_t given = 0;
    for (const auto &argument : function.arguments) {
        bool present = names.count(argument.name) > 0;
        if (argument.required && !present)
            return false;
        given += present;
    }
    return given == names.size();
}

bool takes_body(const Function &function, RawBody body) {
    if (!function.single_unnamed())
        return false;
    const std::string &type = function.arguments[0].type.name;
    switch (body) {
    case RawBody::json: return type == "json" || type == "jsonb";
    case RawBody::text: return type == "text";
    case RawBody::xml: return type == "xml";
    case RawBody::binary: return type == "bytea";
    case RawBody::none: return false;
    }
    return false;
}

std::string list_names(const std::set<std::string> &names) {
    std::string out;
    for (const auto &name : names) {
        if (out.size() > kLongestList)
            return out + ", ...";
        out += (out.empty() ? "" : ", ") + clip(name, kLongestName);
    }
    return out;
}

std::string signature(const Function &function) {
    std::set<std::string> names;
    for (const auto &argument : function.arguments)
        names.insert(argument.name);
    return "(" + list_names(names) + ")";
}

Error ambiguous(const std::vector<const Function *> &functions) {
    std::vector<std::string> described;
    for (const auto *function : functions) {
        std::vector<std::string> arguments;
        for (const auto &argument : function->arguments)
            arguments.push_back(argument.name + " => " + argument.type.name);
        described.push_back(function->qualified() + "(" + join(arguments, ", ") + ")");
    }
    Error error;
    error.status = 300;
    error.code = "PGRST203";
    error.message = "Could not choose the best candidate function between: " + join(described, ", ");
    error.hint = "Try renaming the parameters or the function itself in the database so function overloading can be resolved";
    return error;
}

std::optional<std::string> best(const std::vector<std::string> &candidates, const std::string &wanted, double at_least) {
    std::optional<std::string> found;
    for (const auto &candidate : candidates) {
        double score = similarity(candidate, wanted);
        if (score >= at_least && (!found || score > similarity(*found, wanted)))
            found = candidate;
    }
    return found;
}

Error not_found(const SchemaCache &cache, const std::string &schema, const std::string &name,
                const std::set<std::string> &names, RawBody body) {
    std::string qualified = schema + "." + clip(name, kLongestName);
    std::string searched = names.empty() ? " without parameters"
                                         : (names.size() > 1 ? " with parameters " : " with parameter ") + list_names(names);
    Error error;
    error.status = 404;
    error.code = "PGRST202";
    error.message = "Could not find the function " + qualified;
    if (is_raw(body)) {
        const char *type = body == RawBody::text ? "text" : body == RawBody::xml ? "xml" : "bytea";
        searched = std::string(" with a single unnamed ") + type + " parameter";
    } else {
        error.message += names.empty() ? " without parameters" : "(" + list_names(names) + ")";
        const auto *overloads = cache.find(schema, name);
        std::vector<std::string> candidates;
        if (overloads) {
            for (const auto &function : *overloads)
                candidates.push_back(signature(function));
        } else if (auto in_schema = cache.functions.find(schema); in_schema != cache.functions.end()) {
            for (const auto &[candidate, functions] : in_schema->second)
                candidates.push_back(candidate);
        }
        auto hint = overloads ? best(candidates, "(" + list_names(names) + ")", kSimilarArguments) : best(candidates, name, kSimilarName);
        if (hint)
            error.hint = "Perhaps you meant to call the function " + schema + "." + (overloads ? name + *hint : *hint);
    }
    error.message += " in the schema cache";
    error.details = "Searched for the function " + qualified + searched +
                    (body == RawBody::json ? " or with a single unnamed json/jsonb parameter" : "") +
                    ", but no matches were found in the schema cache.";
    return error;
}

} // namespace

const SchemaCache::Overloads *SchemaCache::find(const std::string &schema, const std::string &name) const {
    auto in_schema = functions.find(schema);
    if (in_schema == functions.end())
        return nullptr;
    auto found = in_schema->second.find(name);
    return found == in_schema->second.end() ? nullptr : &found->second;
}

double similarity(std::string_view a, std::string_view b) {
    if (a.empty() && b.empty())
        return 1;
    // Long names are compared by their beginnings: the cost is the product of the lengths.
    a = a.substr(0, 128);
    b = b.substr(0, 128);
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = above;
        }
    }
    return 1.0 - double(row[b.size()]) / double(std::max(a.size(), b.size()));
}

const Function &find_function(const SchemaCache &cache, const std::string &schema, const std::string &name,
                              const std::set<std::string> &argument_names, RawBody body) {
    std::vector<const Function *> by_names, by_body;
    if (const auto *overloads = cache.find(schema, name)) {
        for (const auto &function : *overloads) {
            if (takes_names(function, argument_names, body))
                by_names.push_back(&function);
            else if (takes_body(function, body))
                by_body.push_back(&function);
        }
    }
    const auto &matches = by_names.empty() ? by_body : by_names;
    if (matches.empty())
        throw not_found(cache, schema, name, argument_names, body);
    if (matches.size() > 1)
        throw ambiguous(matches);
    return *matches[0];
}

} // namespace ticketflow::http
