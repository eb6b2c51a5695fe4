// The statements around a call: transaction, settings, identity, pre-request, call, response settings.
#include "execute.h"

#include <algorithm>

namespace ticketflow::http {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string headers_json(const Request &request) {
    std::string out = "{";
    std::vector<std::string_view> seen;
    for (const auto &[name, value] : request.headers) {
        if (name == "cookie" || std::find(seen.begin(), seen.end(), name) != seen.end())
            continue;
        seen.push_back(name);
        out += out.size() > 1 ? "," : "";
        append_json_quoted(out, name);
        out += ':';
        append_json_quoted(out, value);
    }
    return out + "}";
}

std::string cookies_json(const Request &request) {
    std::string out = "{";
    for (auto part : split(request.header("cookie"), ';')) {
        auto equals = part.find('=');
        if (equals == std::string_view::npos)
            continue;
        out += out.size() > 1 ? "," : "";
        append_json_quoted(out, trim(part.substr(0, equals)));
        out += ':';
        append_json_quoted(out, trim(part.substr(equals + 1)));
    }
    return out + "}";
}

std::string search_path(const Config &config, const Call &call) {
    std::string out = quote_ident(call.schema);
    for (const auto &schema : config.extra_path)
        out += ", " + quote_ident(schema);
    return out;
}

void add(Pairs &pairs, std::string_view name, std::string value) {
    for (auto &[known, old] : pairs) {
        if (known == name) {
            old = std::move(value);
            return;
        }
    }
    pairs.emplace_back(name, std::move(value));
}

Pairs settings(const Environment &environment, const Request &request, const Identity &identity, const Call &call, bool explicit_tx) {
    const Config &config = environment.config;
    Pairs pairs;
    pairs.reserve(16);
    pairs.emplace_back("search_path", search_path(config, call));
    if (call.read_only && !explicit_tx)
        pairs.emplace_back("transaction_read_only", "on");
    if (config.db_statement_timeout > 0)
        pairs.emplace_back("statement_timeout", std::to_string(config.db_statement_timeout));
    if (const RoleSettings *role = environment.cache.role(identity.role))
        for (const auto &[name, value] : role->settings)
            add(pairs, name, value);
    for (const auto &[name, value] : call.function->settings)
        add(pairs, name, value);
    for (const auto &[name, value] : config.app_settings)
        pairs.emplace_back(name, value);
    if (call.preferences.timezone)
        add(pairs, "timezone", *call.preferences.timezone);
    pairs.emplace_back("request.method", request.method);
    pairs.emplace_back("request.path", std::string(request.path()));
    pairs.emplace_back("request.headers", headers_json(request));
    pairs.emplace_back("request.cookies", cookies_json(request));
    pairs.emplace_back("request.jwt.claims", identity.claims);
    pairs.emplace_back("app.request_id", request.id);
    pairs.emplace_back("app.current_user_id", identity.user);
    return pairs;
}

Step settings_step(Pairs pairs) {
    Step step;
    step.sql.reserve(pairs.size() * 40);
    step.sql = "SELECT ";
    step.parameters.reserve(pairs.size() * 2);
    for (auto &[name, value] : pairs) {
        size_t n = step.parameters.size() + 1;
        step.sql += n > 1 ? ", " : "";
        step.sql += "pg_catalog.set_config($" + std::to_string(n) + ", $" + std::to_string(n + 1) + ", true)";
        step.parameters.push_back({std::move(name), false});
        step.parameters.push_back({std::move(value), false});
    }
    return step;
}

Step plain(std::string sql) {
    Step step;
    step.sql = std::move(sql);
    step.prepare = false;
    return step;
}

// The schema and name of a configured function, quoted.
std::string function_reference(const std::string &name) {
    auto dot = name.find('.');
    return dot == std::string::npos ? quote_ident(name) : quote_ident(name.substr(0, dot)) + "." + quote_ident(name.substr(dot + 1));
}

// The database decides who acts: it reads the person's row, sets role and identity, or raises.
Step authenticate_step(const Config &config, const Identity &identity) {
    Step step;
    if (!identity.key.empty()) {
        step.sql = "SELECT * FROM " + function_reference(config.db_authenticate_key) + "($1::text)";
        step.parameters.push_back({identity.key, false});
    } else {
        step.sql = "SELECT * FROM " + function_reference(config.db_authenticate) +
                   "($1::text, pg_catalog.to_timestamp($2::double precision))";
        step.parameters.push_back({identity.user, false});
        step.parameters.push_back({identity.issued ? std::optional<std::string>(std::to_string(*identity.issued)) : std::nullopt, false});
    }
    return step;
}

// Only a token or a key has somebody behind it; everybody else is the anonymous role.
bool asks_database(const Config &config, const Identity &identity) {
    return !identity.key.empty() || (identity.authenticated && !config.db_authenticate.empty());
}

} // namespace

Batch make_batch(const Environment &environment, const Request &request, const Identity &identity, const Call &call) {
    const Config &config = environment.config;
    Batch batch;
    const RoleSettings *role = environment.cache.role(identity.role);
    std::string isolation = !call.isolation.empty() ? call.isolation : role ? role->isolation : "";
    bool special = !isolation.empty() && lower(isolation) != "read committed";
    bool limits_rows = call.preferences.strict() && call.preferences.max_affected;
    batch.decide = !call.read_only && !call.rollback && (call.singular || limits_rows);
    batch.explicit_transaction = special || call.rollback || batch.decide;

    if (batch.explicit_transaction) {
        std::string begin = "BEGIN";
        if (special && isolation.find_first_not_of("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos)
            begin += " ISOLATION LEVEL " + isolation;
        batch.steps.push_back(plain(begin + (call.read_only ? " READ ONLY" : " READ WRITE")));
    }
    Pairs pairs = settings(environment, request, identity, call, batch.explicit_transaction);
    bool asks = asks_database(config, identity);
    if (!asks)
        pairs.emplace_back("role", identity.role);
    batch.steps.push_back(settings_step(std::move(pairs)));
    if (asks)
        batch.steps.push_back(authenticate_step(config, identity));
    if (!config.db_pre_request.empty()) {
        Step step;
        step.sql = "SELECT " + function_reference(config.db_pre_request) + "()";
        batch.steps.push_back(std::move(step));
    }
    batch.call_step = batch.settings_step = batch.steps.size();
    Step step;
    step.sql = call.sql;
    step.parameters = call.parameters;
    step.prepare = call.format != Format::plan;
    batch.steps.push_back(std::move(step));
    if (call.shape == Shape::rows || call.shape == Shape::counted) {
        batch.settings_step = batch.steps.size();
        Step read;
        read.sql = "SELECT NULL::text, nullif(pg_catalog.current_setting('response.headers', true), '')"
                   ", nullif(pg_catalog.current_setting('response.status', true), '')";
        batch.steps.push_back(std::move(read));
    }
    if (call.rollback) {
        batch.steps.push_back(plain("SET CONSTRAINTS ALL IMMEDIATE"));
        batch.steps.push_back(plain("ROLLBACK"));
    } else if (batch.explicit_transaction && !batch.decide) {
        batch.steps.push_back(plain("COMMIT"));
    }
    return batch;
}

} // namespace ticketflow::http
