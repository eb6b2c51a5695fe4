#include "openapi.h"

#include "errors.h"
#include "text.h"

#include <boost/json.hpp>
#include <map>
#include <set>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

// PostgREST's rule: the first line of a comment is the summary, the rest the description.
void add_comment(json::object &operation, const std::string &comment) {
    auto line = comment.find('\n');
    if (!comment.empty())
        operation["summary"] = std::string(trim(comment.substr(0, line)));
    if (line != std::string::npos)
        operation["description"] = std::string(trim(comment.substr(line)));
}

json::object schema_of(const Type &type, bool swagger);

json::object scalar_schema(const std::string &name, bool swagger) {
    struct Known {
        std::string_view name, type, format;
    };
    static constexpr Known kKnown[] = {
        {"smallint", "integer", "int32"},  {"integer", "integer", "int32"}, {"bigint", "integer", "int64"},
        {"real", "number", "float"},       {"double precision", "number", "double"}, {"numeric", "number", ""},
        {"boolean", "boolean", ""},        {"uuid", "string", "uuid"},      {"date", "string", "date"},
        {"timestamp with time zone", "string", "date-time"}, {"interval", "string", ""}, {"bytea", "string", ""},
    };
    json::object out;
    if (name == "json" || name == "jsonb") {
        if (swagger)
            out["format"] = name;
        return out;
    }
    out["type"] = "string";
    for (const auto &known : kKnown) {
        if (known.name != name)
            continue;
        out["type"] = known.type;
        if (!known.format.empty())
            out["format"] = known.format;
    }
    if (swagger)
        out["format"] = name; // 2.0 names PostgreSQL's type, as PostgREST does
    return out;
}

json::object schema_of(const Type &type, bool swagger) {
    json::object out;
    if (type.base.ends_with("[]")) {
        std::string element = type.base.substr(0, type.base.size() - 2);
        out["type"] = "array";
        out["items"] = scalar_schema(element, swagger);
        if (swagger)
            out["format"] = type.name;
    } else if (type.category == 'C') {
        out["type"] = "object";
    } else {
        out = scalar_schema(type.base, swagger);
        if (swagger && out.contains("format"))
            out["format"] = type.name;
    }
    if (!type.labels.empty()) {
        json::array labels;
        for (const auto &label : type.labels)
            labels.emplace_back(label);
        out["enum"] = labels;
    }
    if (!type.comment.empty() && !swagger)
        out["description"] = type.comment;
    return out;
}

json::object result_schema(const Function &function) {
    json::object element;
    if (function.composite) {
        json::object properties;
        for (const auto &column : function.columns) {
            json::object property = schema_of(column.type, false);
            if (!column.comment.empty())
                property["description"] = column.comment;
            // Any column may be null: PostgreSQL keeps no promise about the result of a function.
            if (property.contains("type"))
                property["type"] = json::array{property["type"], "null"};
            properties[column.name] = property;
        }
        element = {{"type", "object"}, {"properties", properties}};
    } else {
        element = schema_of(function.returns, false);
        if (element.contains("type") && !function.returns_set)
            element["type"] = json::array{element["type"], "null"};
    }
    return function.returns_set ? json::object{{"type", "array"}, {"items", element}} : element;
}

// Errors that a comment announces: `Errors: 42602 bad name, 55P03 another deploy runs.`
std::map<int, std::string> announced_errors(const std::string &comment) {
    std::map<int, std::string> out;
    auto at = comment.find("Errors:");
    if (at == std::string::npos)
        return out;
    auto is_code = [](std::string_view word) {
        return word.size() == 5 && word.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos &&
               word.find_first_of("0123456789") != std::string_view::npos;
    };
    for (auto part : split(std::string_view(comment).substr(at + 7), ',')) {
        for (auto piece : split(part, ';')) {
            auto text = trim(piece);
            auto word = text.substr(0, text.find_first_of(" :"));
            if (!is_code(word))
                continue;
            auto &description = out[status_of_sqlstate(word, "", true)];
            description += (description.empty() ? "" : "; ") + std::string(text.ends_with('.') ? text.substr(0, text.size() - 1) : text);
        }
    }
    return out;
}

// Statuses of errors that a function reports as rows: every PTnnn that its comment mentions.
std::set<int> reported_errors(const std::string &comment) {
    std::set<int> out;
    for (size_t at = 0; (at = comment.find("PT", at)) != std::string::npos; at += 2)
        if (auto status = to_integer(comment.substr(at + 2, 3)); status && *status >= 400 && *status < 600)
            out.insert(int(*status));
    return out;
}

std::string content_type_of(const Function &function) {
    return function.media_type.empty() ? "application/json" : function.media_type;
}

// What the service makes of the row of a db-login function.
json::object login_schema(const Function &function) {
    json::object properties;
    for (const auto &column : function.columns)
        if (!column.name.starts_with("error_"))
            properties[column.name] = schema_of(column.type, false);
    properties["token"] = {{"type", "string"}, {"description", "Send it as Authorization: Bearer."}};
    properties["token_type"] = {{"const", "bearer"}};
    properties["expires_in"] = {{"type", "integer"}, {"description", "Seconds."}};
    return {{"type", "object"}, {"properties", properties}, {"required", {"token", "token_type", "expires_in"}}};
}

json::object responses_of(const Function &function, const Config &config) {
    json::object out;
    bool login = config.is_login(function.schema, function.name);
    if (function.returns_void) {
        out["204"] = {{"description", "Done; there is nothing to return."}};
    } else {
        json::object content;
        content[content_type_of(function)] = {{"schema", login ? login_schema(function) : result_schema(function)}};
        if (function.returns_set && function.media_type.empty() && !function.fails_by_row)
            content["text/csv"] = {{"schema", {{"type", "string"}}}};
        out["200"] = {{"description", "The result."}, {"content", content}};
        if (function.returns_set && !function.fails_by_row)
            out["206"] = {{"description", "A part of the result, as Range or limit asked, with its total."}, {"content", content}};
    }
    json::object error = {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}};
    for (const auto &[status, text] : announced_errors(function.comment))
        out[std::to_string(status)] = {{"description", text}, {"content", error}};
    if (login)
        for (int status : reported_errors(function.comment))
            out.emplace(std::to_string(status), json::object{{"description", "Not signed in; the attempt was counted."}, {"content", error}});
    out["default"] = {{"description", "Refused, or failed."}, {"content", error}};
    return out;
}

json::array query_parameters(const Function &function) {
    json::array out;
    for (const auto &argument : function.arguments) {
        json::object parameter = {{"name", argument.name}, {"in", "query"}, {"required", argument.required},
                                  {"schema", schema_of(argument.type, false)}};
        if (argument.variadic)
            parameter["explode"] = true;
        out.push_back(parameter);
    }
    if (function.returns_set)
        for (const char *name : {"select", "order", "limit", "offset"})
            out.push_back(json::object{{"$ref", "#/components/parameters/" + std::string(name)}});
    return out;
}

json::object request_body(const Function &function) {
    json::object schema;
    if (function.single_unnamed()) {
        const std::string &type = function.arguments[0].type.name;
        std::string media = type == "text" ? "text/plain" : type == "xml" ? "text/xml" : type == "bytea" ? "application/octet-stream"
                                                                                                        : "application/json";
        return {{"required", true}, {"content", {{media, {{"schema", schema_of(function.arguments[0].type, false)}}}}}};
    }
    json::object properties;
    json::array required;
    for (const auto &argument : function.arguments) {
        properties[argument.name] = schema_of(argument.type, false);
        if (argument.required)
            required.emplace_back(argument.name);
    }
    schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
    if (!required.empty())
        schema["required"] = required;
    return {{"required", !required.empty()}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

json::object components() {
    json::object text = {{"type", {"string", "null"}}};
    json::object error = {{"type", "object"},
                          {"required", {"code", "message", "details", "hint"}},
                          {"properties", {{"code", {{"type", "string"}, {"description", "A SQLSTATE, or a code of the service."}}},
                                          {"message", {{"type", "string"}}}, {"details", text}, {"hint", text}}}};
    auto parameter = [](const char *name, const char *type, const char *meaning) {
        return json::object{{"name", name}, {"in", "query"}, {"description", meaning}, {"schema", {{"type", type}}}};
    };
    return {{"schemas", {{"Error", error}}},
            {"parameters",
             {{"select", parameter("select", "string", "Columns of the result, separated by commas.")},
              {"order", parameter("order", "string", "Columns to sort by, as column.asc or column.desc.nullslast.")},
              {"limit", parameter("limit", "integer", "Most rows to return.")},
              {"offset", parameter("offset", "integer", "Rows to leave out first.")}}},
            {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT or API key"}}}}}};
}

json::object info_of(const SchemaCache &cache, const std::string &schema) {
    auto found = cache.schema_comments.find(schema);
    std::string comment = found == cache.schema_comments.end() ? "" : found->second;
    auto line = comment.find('\n');
    json::object info = {{"title", comment.empty() ? "TicketFlow" : std::string(trim(comment.substr(0, line)))}, {"version", "0.1.0"}};
    info["description"] = line == std::string::npos ? "The stored functions of schema " + schema + "." : std::string(trim(comment.substr(line)));
    return info;
}

std::string server_address(const Config &config) {
    return config.openapi_proxy.empty() ? "/" : config.openapi_proxy;
}

template <class Visit>
void each_function(const SchemaCache &cache, const std::string &schema, const std::set<unsigned> *callable, Visit visit) {
    auto found = cache.functions.find(schema);
    if (found == cache.functions.end())
        return;
    for (const auto &[name, overloads] : found->second) {
        // Overloads share a path; the one with the most arguments describes it best.
        const Function *shown = nullptr;
        for (const auto &function : overloads)
            if ((!callable || callable->count(function.oid)) && (!shown || function.arguments.size() > shown->arguments.size()))
                shown = &function;
        if (shown)
            visit(*shown);
    }
}

json::object swagger_parameter(const Argument &argument) {
    json::object out = schema_of(argument.type, true);
    if (!out.contains("type") || out["type"] == "object") // of json and composites, which a query string writes as text
        out["type"] = "string";
    out["name"] = argument.name;
    out["in"] = "query";
    out["required"] = argument.required;
    if (argument.variadic)
        out["collectionFormat"] = "multi";
    return out;
}

} // namespace

std::string describe_openapi3(const SchemaCache &cache, const Config &config, const std::string &schema,
                              const std::set<unsigned> *callable) {
    json::object paths;
    each_function(cache, schema, callable, [&](const Function &function) {
        json::object item, base = {{"tags", {"(rpc) " + function.name}}, {"responses", responses_of(function, config)}};
        add_comment(base, function.comment);
        if (function.volatility != 'v' && !function.single_unnamed()) {
            json::object get = base;
            get["operationId"] = "get_" + function.name;
            get["parameters"] = query_parameters(function);
            item["get"] = get;
        }
        base["operationId"] = function.name;
        if (!function.arguments.empty())
            base["requestBody"] = request_body(function);
        item["post"] = base;
        paths["/rpc/" + function.name] = item;
    });
    return json::serialize(json::object{{"openapi", "3.1.0"},
                                        {"info", info_of(cache, schema)},
                                        {"servers", json::array{json::object{{"url", server_address(config)}}}},
                                        {"security", json::array{json::object{}, json::object{{"bearer", json::array{}}}}},
                                        {"paths", paths},
                                        {"components", components()}});
}

std::string describe_openapi2(const SchemaCache &cache, const Config &config, const std::string &schema,
                              const std::set<unsigned> *callable) {
    json::array produces = {"application/json", "application/vnd.pgrst.object+json;nulls=stripped",
                            "application/vnd.pgrst.object+json", "text/csv"};
    json::object paths;
    paths["/"] = {{"get", {{"tags", {"Introspection"}}, {"summary", "OpenAPI description (this document)"},
                           {"produces", {"application/openapi+json", "application/json"}},
                           {"responses", {{"200", {{"description", "OK"}}}}}}}};
    each_function(cache, schema, callable, [&](const Function &function) {
        json::object item, base = {{"tags", {"(rpc) " + function.name}}, {"produces", produces},
                                   {"responses", {{"200", {{"description", "OK"}}}}}};
        add_comment(base, function.comment);
        json::array required, query;
        json::object properties;
        for (const auto &argument : function.arguments) {
            query.push_back(swagger_parameter(argument));
            properties[argument.name] = schema_of(argument.type, true);
            if (argument.required)
                required.emplace_back(argument.name);
        }
        if (function.volatility != 'v' && !function.single_unnamed()) {
            json::object get = base;
            get["parameters"] = query;
            item["get"] = get;
        }
        json::object body = {{"type", "object"}, {"properties", properties}};
        if (!required.empty())
            body["required"] = required;
        if (!function.comment.empty())
            body["description"] = function.comment;
        base["parameters"] = json::array{
            json::object{{"name", "args"}, {"in", "body"}, {"required", true}, {"schema", body}},
            json::object{{"$ref", "#/parameters/preferParams"}}};
        item["post"] = base;
        paths["/rpc/" + function.name] = item;
    });
    json::object prefer = {{"name", "Prefer"}, {"in", "header"}, {"required", false}, {"type", "string"}, {"description", "Preference"}};
    json::object out = {{"swagger", "2.0"}, {"info", info_of(cache, schema)}, {"paths", paths}, {"definitions", json::object{}},
                        {"parameters", {{"preferParams", prefer}}}, {"consumes", json::array{"application/json", "text/csv"}},
                        {"produces", produces}};
    std::string address = server_address(config);
    auto scheme = address.find("://");
    if (scheme != std::string::npos) {
        out["schemes"] = {address.substr(0, scheme)};
        std::string rest = address.substr(scheme + 3);
        out["host"] = rest.substr(0, rest.find('/'));
        out["basePath"] = rest.find('/') == std::string::npos ? "/" : rest.substr(rest.find('/'));
    } else {
        out["basePath"] = "/";
    }
    return json::serialize(out);
}

} // namespace ticketflow::http
