#include "batch.h"

#include "roles.h"

#include <set>
#include <unordered_map>
#include <unordered_set>

namespace ticketflow::http {

namespace {

// PostgreSQL takes a hundred arguments in a call.
constexpr size_t kMostInCall = 90;
constexpr size_t kMostTexts = 1000;

struct Setting {
    std::string_view name;
    std::string value;
};
using Settings = std::vector<Setting>;

std::string headers_json(const Request &request) {
    std::string out = "{";
    out.reserve(1024);
    std::unordered_set<std::string_view> seen;
    for (const auto &[name, value] : request.headers) {
        if (name == "cookie" || !seen.insert(name).second)
            continue;
        if (out.size() > 1)
            out += ',';
        append_json_quoted(out, name);
        out += ':';
        append_json_quoted(out, value);
    }
    return out += '}';
}

std::string cookies_json(const Request &request) {
    std::string out = "{";
    for (auto part : split(request.header("cookie"), ';')) {
        auto equals = part.find('=');
        if (equals == std::string_view::npos)
            continue;
        if (out.size() > 1)
            out += ',';
        append_json_quoted(out, trim(part.substr(0, equals)));
        out += ':';
        append_json_quoted(out, trim(part.substr(equals + 1)));
    }
    return out += '}';
}

std::string search_path(const Config &config, const Call &call) {
    std::string out;
    append_ident(out, call.schema);
    for (const auto &schema : config.extra_path) {
        out += ", ";
        append_ident(out, schema);
    }
    return out;
}

// The last word on a name counts.
void replace(Settings &settings, std::string_view name, std::string value) {
    for (auto &setting : settings) {
        if (setting.name == name) {
            setting.value = std::move(value);
            return;
        }
    }
    settings.push_back({name, std::move(value)});
}

Settings settings_of(const Config &config, const RoleSettings *role, const Request &request, const Identity &identity, const Call &call,
                     bool explicit_transaction) {
    Settings out;
    out.reserve(16);
    out.push_back({"search_path", search_path(config, call)});
    if (call.read_only && !explicit_transaction)
        out.push_back({"transaction_read_only", "on"});
    if (config.db_statement_timeout > 0)
        out.push_back({"statement_timeout", std::to_string(config.db_statement_timeout)});
    if (role)
        for (const auto &[name, value] : role->settings)
            replace(out, name, value);
    for (const auto &[name, value] : call.function->settings)
        replace(out, name, value);
    for (const auto &[name, value] : config.app_settings)
        replace(out, name, value);
    if (call.preferences.timezone)
        replace(out, "timezone", *call.preferences.timezone);
    out.push_back({"request.method", request.method});
    out.push_back({"request.path", std::string(request.path())});
    out.push_back({"request.headers", headers_json(request)});
    out.push_back({"request.cookies", cookies_json(request)});
    out.push_back({"request.jwt.claims", identity.claims});
    out.push_back({"app.request_id", request.id});
    out.push_back({"app.current_user_id", identity.user});
    return out;
}

// One small number comes back instead of all the values.
std::string write_settings(const Settings &settings) {
    std::string out;
    for (size_t i = 0; i < settings.size(); ++i) {
        out += i == 0 ? "SELECT pg_catalog.num_nulls(" : i % kMostInCall == 0 ? "), pg_catalog.num_nulls(" : ", ";
        out += "pg_catalog.set_config(" + quote_literal(settings[i].name) + ", $" + std::to_string(i + 1) + ", true)";
    }
    return out += ')';
}

// The same names come again with every request, so their statement is kept.
const std::string &settings_sql(const Settings &settings) {
    thread_local std::unordered_map<std::string, std::string> known;
    thread_local std::string names;
    names.clear();
    for (const auto &setting : settings) {
        names += setting.name;
        names += '\0';
    }
    auto found = known.find(names);
    if (found != known.end())
        return found->second;
    if (known.size() >= kMostTexts)
        known.clear();
    return known[names] = write_settings(settings);
}

Step settings_step(Settings settings) {
    Step step;
    step.sql = settings_sql(settings);
    step.parameters.reserve(settings.size() + 1);
    for (auto &setting : settings)
        step.parameters.push_back({std::move(setting.value), false});
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

std::string parameter(Step &step, std::optional<std::string> value) {
    step.parameters.push_back({std::move(value), false});
    return "$" + std::to_string(step.parameters.size());
}

// What the last of the steps that may change the role selects: the role, or an error where it is not the expected one.
std::string role_check(Step &step, const std::string *expected) {
    std::string role = "pg_catalog.current_setting('role')";
    return expected ? "1 / (" + role + " = " + parameter(step, *expected) + "::text)::integer" : role;
}

// The database decides who acts: it reads the person's row, sets role and identity, or raises. The outer join makes a row even
// where the function returns none, so that the role is always looked at.
Step authenticate_step(const Config &config, const Identity &identity, bool last, const std::string *expected) {
    Step step;
    std::string call;
    if (!identity.key.empty()) {
        call = function_reference(config.db_authenticate_key) + "(" + parameter(step, identity.key) + "::text)";
    } else {
        auto issued = identity.issued ? std::optional<std::string>(std::to_string(*identity.issued)) : std::nullopt;
        call = function_reference(config.db_authenticate) + "(" + parameter(step, identity.user) + "::text";
        call += ", pg_catalog.to_timestamp(" + parameter(step, std::move(issued)) + "::double precision))";
    }
    step.sql = last ? "SELECT " + role_check(step, expected) + " FROM (SELECT) AS one LEFT JOIN " + call + " AS who ON true"
                    : "SELECT FROM " + call + " AS who";
    return step;
}

Step pre_request_step(const Config &config, const std::string *role_before, const std::string *expected) {
    Step step;
    step.sql = "SELECT " + function_reference(config.db_pre_request) + "(), ";
    step.sql += role_check(step, expected);
    step.prepare = role_before != nullptr;
    step.role = role_before ? *role_before : "";
    return step;
}

// Settings and identity. Without `expected`, role_step tells the role instead of checking it.
void add_preparation(Batch &batch, const Config &config, const RoleSettings *role, const Request &request, const Identity &identity,
                     const Call &call, const std::string *expected) {
    Settings settings = settings_of(config, role, request, identity, call, batch.explicit_transaction);
    bool asks = asks_database(config, identity), prepares = !config.db_pre_request.empty();
    if (!asks)
        settings.push_back({"role", identity.role});
    batch.steps.push_back(settings_step(std::move(settings)));
    if (asks) {
        batch.role_step = batch.steps.size();
        batch.steps.push_back(authenticate_step(config, identity, !prepares, expected));
    }
    if (prepares) {
        batch.role_step = batch.steps.size();
        batch.steps.push_back(pre_request_step(config, asks ? nullptr : &identity.role, expected));
    }
}

std::string isolation_of(const Call &call, const RoleSettings *role) {
    std::string isolation = lower(!call.isolation.empty() ? call.isolation : role ? role->isolation : "");
    static const std::set<std::string> kSpecial = {"serializable", "repeatable read", "read uncommitted"};
    return kSpecial.count(isolation) > 0 ? isolation : "";
}

// libpq's text ends at such a byte, so it would be cut silently.
void refuse_nul(const Batch &batch) {
    for (const auto &step : batch.steps)
        for (const auto &parameter : step.parameters)
            if (!parameter.binary && parameter.text && parameter.text->find('\0') != std::string::npos)
                throw failure::nul_byte();
}

} // namespace

Batch make_question(const Config &config, const Request &request, const Identity &identity, const Call &call) {
    Batch batch;
    add_preparation(batch, config, nullptr, request, identity, call, nullptr);
    refuse_nul(batch);
    return batch;
}

Batch make_batch(const Config &config, const SchemaCache &cache, const Request &request, const Identity &identity, const Call &call,
                 const std::string &role) {
    Batch batch;
    batch.steps.reserve(6);
    const RoleSettings *role_settings = cache.role(role);
    std::string isolation = isolation_of(call, role_settings);
    bool limits_rows = call.preferences.strict() && call.preferences.max_affected;
    batch.decide = !call.read_only && !call.rollback && !call.plain && (call.singular || limits_rows);
    batch.explicit_transaction = !isolation.empty() || call.rollback || batch.decide;
    if (batch.explicit_transaction)
        batch.steps.push_back(plain("BEGIN" + (isolation.empty() ? "" : " ISOLATION LEVEL " + isolation) +
                                    (call.read_only ? " READ ONLY" : " READ WRITE")));
    add_preparation(batch, config, role_settings, request, identity, call, &role);

    batch.call_step = batch.settings_step = batch.steps.size();
    Step step;
    step.sql = call.sql;
    step.parameters = call.parameters;
    step.role = role;
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
    refuse_nul(batch);
    return batch;
}

} // namespace ticketflow::http
