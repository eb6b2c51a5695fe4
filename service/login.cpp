// Signing in: the database checks the password and names the person, the service signs the token.
#include "service.h"

#include <boost/json.hpp>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

std::string text_of(const json::object &row, const char *name) {
    const auto *value = row.if_contains(name);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

} // namespace

void answer_login(const KeySet &keys, const Config &config, double now, Answer &answer) {
    boost::system::error_code ec;
    json::value parsed = json::parse(answer.result ? answer.view : std::string_view(answer.text), ec);
    if (!ec && parsed.is_array() && parsed.as_array().size() == 1)
        parsed = json::value(parsed.as_array()[0]);
    if (ec || !parsed.is_object())
        return;
    const auto &row = parsed.as_object();
    std::string user = text_of(row, "user_id");
    json::object body;
    if (user.empty()) {
        Error error;
        error.code = text_of(row, "error_code");
        error.message = text_of(row, "error_message");
        if (std::string hint = text_of(row, "error_hint"); !hint.empty())
            error.hint = hint;
        if (error.code.empty())
            return;
        error.status = status_of_sqlstate(error.code, error.message, false);
        answer.status = error.status;
        answer.code = error.code;
        answer.text = error.body();
        answer.result.reset();
        answer.set("Content-Type", "application/json; charset=utf-8");
        answer.set("Proxy-Status", "PostgREST; error=" + error.code);
        if (error.status == 401)
            answer.set("WWW-Authenticate", "Bearer");
        return;
    }
    json::object claims = {{"sub", user}, {"role", text_of(row, "database_role")}};
    for (const auto &[name, value] : row)
        if (!std::string_view(name).starts_with("error_"))
            body[name] = value;
    body["token"] = sign_token(json::serialize(claims), keys, now, config.jwt_lifetime);
    body["token_type"] = "bearer";
    body["expires_in"] = config.jwt_lifetime;
    answer.text = json::serialize(body);
    answer.result.reset();
    answer.set("Cache-Control", "no-store");
}

} // namespace ticketflow::http
