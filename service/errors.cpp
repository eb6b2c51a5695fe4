#include "errors.h"

#include "text.h"

#include <boost/json.hpp>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

struct StateRule {
    std::string_view prefix;
    int status;
};

// First match wins; what matches nothing is 400. The order and the statuses are PostgREST's.
constexpr StateRule kStates[] = {
    {"08", 503},    {"09", 500},    {"0L", 403}, {"0P", 403},    {"23503", 409}, {"23505", 409}, {"25006", 405},
    {"21000", 500}, {"25", 500},    {"28", 403}, {"2D", 500},    {"38", 500},    {"39", 500},    {"3B", 500},
    {"40", 500},    {"53400", 500}, {"53", 503}, {"54", 500},    {"55", 500},    {"57P01", 503}, {"57P02", 503},
    {"57P03", 503}, {"57", 500},    {"58", 500}, {"F0", 500},    {"HV", 500},    {"P0001", 400}, {"P0", 500},
    {"XX", 500},    {"42883", 404}, {"42P01", 404}, {"42P17", 500},
};

void append_optional(std::string &out, const std::optional<std::string> &value) {
    if (value)
        append_json_quoted(out, *value);
    else
        out += "null";
}

std::optional<std::string> optional_text(const json::object &object, std::string_view key) {
    auto *value = object.if_contains(key);
    if (!value || value->is_null())
        return {};
    return value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
}

// RAISE SQLSTATE 'PGRST': MESSAGE holds the body, DETAIL the status and headers, both as JSON.
Error error_from_raise(const PgError &error) {
    Error out;
    boost::system::error_code ec;
    json::value body = json::parse(error.message, ec);
    if (ec || !body.is_object() || !body.as_object().contains("code") || !body.as_object().contains("message"))
        return failure::bad_raise("Invalid JSON value for MESSAGE: '" + error.message + "'", true);
    if (!error.detail)
        return failure::bad_raise("DETAIL is missing in the RAISE statement", false);
    json::value detail = json::parse(*error.detail, ec);
    auto *object = ec ? nullptr : detail.if_object();
    auto *status = object ? object->if_contains("status") : nullptr;
    auto *headers = object ? object->if_contains("headers") : nullptr;
    if (!status || !status->is_int64() || status->as_int64() < 200 || status->as_int64() > 999 || !headers || !headers->is_object())
        return failure::bad_raise("Invalid JSON value for DETAIL: '" + *error.detail + "'", false);
    out.status = int(status->as_int64());
    for (const auto &pair : headers->as_object()) {
        std::string value = optional_text(headers->as_object(), pair.key()).value_or("");
        if (!fits_head(std::string(pair.key()), value))
            return failure::bad_raise("Invalid JSON value for DETAIL: '" + *error.detail + "'", false);
        out.headers.emplace_back(pair.key(), std::move(value));
    }
    out.reason = optional_text(*object, "status_text").value_or("");
    out.code = *optional_text(body.as_object(), "code");
    out.message = *optional_text(body.as_object(), "message");
    out.details = optional_text(body.as_object(), "details");
    out.hint = optional_text(body.as_object(), "hint");
    return out;
}

// A reason phrase may hold no control character, or a message could forge headers.
std::string safe_phrase(std::string_view text) {
    std::string out;
    for (unsigned char c : text.substr(0, 200))
        out += c < 0x20 || c == 0x7F ? ' ' : char(c);
    return out;
}

// What an error repeats of the caller's words.
std::string echo(std::string_view text) { return clip(text, 256); }

Error make(int status, std::string code, std::string message, std::optional<std::string> details = {},
           std::optional<std::string> hint = {}) {
    Error out{status, std::move(code), std::move(message), std::move(details), std::move(hint), {}, {}};
    if (status == 503)
        out.headers.emplace_back("Retry-After", "1");
    return out;
}

Error unauthorized(std::string code, std::string message, std::optional<std::string> details) {
    Error out = make(401, std::move(code), std::move(message), std::move(details));
    out.headers.emplace_back("WWW-Authenticate",
                             "Bearer error=\"invalid_token\", error_description=" + json_quote(out.message));
    return out;
}

} // namespace

bool fits_head(std::string_view name, std::string_view value) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (unsigned char c : value)
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    return !name.empty() && name.find_first_not_of(kToken) == std::string_view::npos;
}

bool frames_message(std::string_view name) {
    for (const char *field : {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "te", "date"})
        if (iequals(name, field))
            return true;
    return false;
}

std::string Error::body() const {
    std::string out = "{\"code\":";
    append_json_quoted(out, code);
    out += ",\"message\":";
    append_json_quoted(out, message);
    out += ",\"details\":";
    append_optional(out, details);
    out += ",\"hint\":";
    append_optional(out, hint);
    return out += '}';
}

int status_of_sqlstate(std::string_view sqlstate, std::string_view message, bool authenticated) {
    if (sqlstate == "42501")
        return authenticated ? 403 : 401;
    if (sqlstate == "22023" && message.starts_with("role \"") && message.ends_with("does not exist"))
        return 401;
    if (sqlstate == "21000" && message.ends_with("requires a WHERE clause"))
        return 400;
    if (sqlstate == "42883" && message.starts_with("function xmlagg("))
        return 406;
    if (sqlstate.starts_with("PT") && sqlstate.size() == 5) {
        auto status = to_integer(sqlstate.substr(2));
        return status && *status >= 200 && *status <= 999 ? int(*status) : 500;
    }
    for (const auto &rule : kStates)
        if (sqlstate.starts_with(rule.prefix))
            return rule.status;
    return 400;
}

Error error_from_pg(const PgError &error, bool authenticated) {
    if (error.sqlstate == "PGRST")
        return error_from_raise(error);
    Error out = make(status_of_sqlstate(error.sqlstate, error.message, authenticated), error.sqlstate, error.message,
                     error.detail, error.hint);
    if (error.sqlstate.starts_with("PT") && out.status != 500)
        out.reason = safe_phrase(error.message);
    if (out.status == 401)
        out.headers.emplace_back("WWW-Authenticate", "Bearer");
    return out;
}

namespace failure {

Error connection(const std::string &detail) {
    return make(503, "PGRST000", "Database connection error. Retrying the connection.", detail);
}
Error connection_lost(const std::string &detail) {
    return make(503, "PGRST001", "Database client error. Retrying the connection.", detail);
}
Error no_schema_cache() {
    return make(503, "PGRST002", "Could not query the database for the schema cache. Retrying.");
}
Error pool_timeout() { return make(504, "PGRST003", "Timed out acquiring connection from connection pool."); }
Error pool_full() {
    return make(503, "TF503", "Too many requests are waiting for a database connection.", {},
                "Retry after a second; db-pool-queue limits how many may wait.");
}
Error bad_parameter(std::string message, std::string details) {
    return make(400, "PGRST100", std::move(message), std::move(details));
}
Error plain_only(const std::string &function) {
    return make(400, "PGRST100", "select, filters, order, limit and offset are not for " + function, {},
                "It reports failures as rows, which must be committed; call it plainly.");
}
Error bad_method(std::string_view method) {
    return make(405, "PGRST101", "Cannot use the " + echo(method) + " method on RPC");
}
Error bad_body(std::string message) { return make(400, "PGRST102", echo(message)); }
Error bad_range(std::string details) {
    return make(416, "PGRST103", "Requested range not satisfiable", std::move(details));
}
Error bad_schema(std::string_view name, std::string_view exposed) {
    return make(406, "PGRST106", "Invalid schema: " + echo(name), {},
                "Only the following schemas are exposed: " + std::string(exposed));
}
Error not_acceptable(std::string_view accept) {
    return make(406, "PGRST107", "None of these media types are available: " + echo(accept));
}
Error bad_response_headers() {
    return make(500, "PGRST111",
                "response.headers guc must be a JSON array composed of objects with a single key and a string value");
}
Error bad_response_status() { return make(500, "PGRST112", "response.status guc must be a valid status code"); }
Error not_singular(long long rows) {
    return make(406, "PGRST116", "Cannot coerce the result to a single JSON object",
                "The result contains " + std::to_string(rows) + " rows");
}
Error unsupported_method(std::string_view method) {
    return make(405, "PGRST117", "Unsupported HTTP method: " + echo(method));
}
Error bad_raise(std::string details, bool in_message) {
    return make(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", std::move(details),
                in_message ? "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
                             "'details', 'hint'."
                           : "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: "
                             "'status_text'.");
}
Error bad_preferences(std::string_view names) {
    return make(400, "PGRST122", "Invalid preferences given with handling=strict",
                "Invalid preferences: " + echo(names));
}
Error too_many_affected(long long rows) {
    return make(400, "PGRST124", "Query result exceeds max-affected preference constraint",
                "The query affects " + std::to_string(rows) + " rows");
}
Error bad_path() { return make(404, "PGRST125", "Invalid path specified in request URL"); }
Error root_disabled() { return make(404, "PGRST126", "Root endpoint metadata is disabled"); }
Error not_a_set() {
    return make(400, "PGRST128", "Function must return SETOF or TABLE when max-affected preference is used with handling=strict");
}
Error no_secret() { return make(500, "PGRST300", "Server lacks JWT secret"); }
Error bad_token(std::string message, std::optional<std::string> details) {
    return unauthorized("PGRST301", std::move(message), std::move(details));
}
Error no_anonymous() {
    Error out = make(401, "PGRST302", "Anonymous access is disabled");
    out.headers.emplace_back("WWW-Authenticate", "Bearer");
    return out;
}
Error bad_claims(std::string message) { return unauthorized("PGRST303", std::move(message), {}); }
Error nul_byte() { return make(400, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00"); }
Error limit(int status, std::string message, std::optional<std::string> hint) {
    return make(status, "TF" + std::to_string(status), std::move(message), {}, std::move(hint));
}

} // namespace failure

const char *reason_phrase(int status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 418: return "I'm a teapot";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

} // namespace ticketflow::http
