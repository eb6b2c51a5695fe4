#include "call.h"

#include "lookup.h"
#include "sql_filter.h"

#include <algorithm>
#include <set>

namespace ticketflow::http {

namespace {

constexpr char kSettings[] = ", nullif(pg_catalog.current_setting('response.headers', true), '')"
                             ", nullif(pg_catalog.current_setting('response.status', true), '')";

std::string function_name(const Request &request) {
    auto path = request.path();
    if (!path.starts_with("/rpc/"))
        throw failure::bad_path();
    std::string name = percent_decode(path.substr(5), false);
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
        throw failure::bad_path();
    return name;
}

// ---- the function call: "schema"."name"("a" := $1::integer, ...)

std::string array_of(const Value &value) {
    std::string out = "{";
    auto add = [&out](const std::string &item) {
        out += out.size() > 1 ? ",\"" : "\"";
        for (char c : item) {
            if (c == '"' || c == '\\')
                out += '\\';
            out += c;
        }
        out += '"';
    };
    for (const auto &item : value.repeated)
        add(item);
    add(*value.text);
    return out + "}";
}

void append_argument(std::string &out, const Argument &argument, Value &value, bool from_json, Call &call) {
    bool is_json = argument.type.base == "json" || argument.type.base == "jsonb";
    bool is_array = argument.variadic && !from_json && value.text;
    bool converted = value.json && !is_json && !is_array;
    if (!argument.name.empty()) {
        out += argument.variadic ? "VARIADIC " : "";
        append_ident(out, argument.name);
        out += " := ";
    }
    out += converted ? "(SELECT v FROM pg_catalog.json_to_record(pg_catalog.json_build_object('v', $" : "$";
    out += std::to_string(call.parameters.size() + 1);
    out += converted ? "::json)) AS _(v " : "::";
    out += argument.type.name;
    out += converted ? "))" : "";
    if (is_array)
        call.parameters.push_back({array_of(value), false});
    else
        call.parameters.push_back({std::move(is_json && !value.literal.empty() ? value.literal : value.text), false});
}

std::string invocation(const Function &function, Body &body, Call &call) {
    std::string out;
    out.reserve(256);
    append_ident(out, function.schema);
    out += '.';
    append_ident(out, function.name);
    out += '(';
    if (function.single_unnamed()) {
        call.parameters.push_back({std::move(body.whole), body.raw == RawBody::binary});
        return out + "$1::" + function.arguments[0].type.name + ")";
    }
    bool first = true;
    for (const auto &argument : function.arguments) {
        auto value = std::find_if(body.values.begin(), body.values.end(), [&](const auto &v) { return v.name == argument.name; });
        if (value == body.values.end())
            continue;
        out += first ? "" : ", ";
        append_argument(out, argument, *value, body.raw == RawBody::json, call);
        first = false;
    }
    return out + ")";
}

// ---- what the caller accepts

struct Media {
    Format format = Format::json;
    std::string content_type;
    bool singular = false, strip_nulls = false;
    std::string plan_options;
};

bool covers(const std::string &range, const std::string &type) {
    return range == "*/*" || range == type || (range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1)));
}

std::string plan_options(const std::string &parameters, bool json) {
    std::string out = json ? "FORMAT JSON" : "FORMAT TEXT";
    for (const char *option : {"analyze", "verbose", "settings", "buffers", "wal"})
        if (parameters.find(option) != std::string::npos)
            out += std::string(", ") + option;
    return out;
}

std::optional<Media> standard_media(const MediaType &accept, const Config &config) {
    Media out;
    const std::string &type = accept.type;
    bool strip = accept.parameters.find("nulls=stripped") != std::string::npos;
    out.strip_nulls = strip && type.starts_with("application/vnd.pgrst.");
    const char *suffix = out.strip_nulls ? ";nulls=stripped; charset=utf-8" : "; charset=utf-8";
    if (covers(type, "application/json")) {
        out.content_type = "application/json; charset=utf-8";
    } else if (type == "text/csv") {
        out.format = Format::csv;
        out.content_type = "text/csv; charset=utf-8";
    } else if (type == "application/vnd.pgrst.object+json" || type == "application/vnd.pgrst.object") {
        out.singular = true;
        out.content_type = std::string("application/vnd.pgrst.object+json") + suffix;
    } else if (type == "application/vnd.pgrst.array+json" || type == "application/vnd.pgrst.array") {
        out.content_type = std::string("application/vnd.pgrst.array+json") + suffix;
    } else if (type.starts_with("application/vnd.pgrst.plan") && config.db_plan_enabled) {
        out.format = Format::plan;
        bool json = type.ends_with("+json");
        out.plan_options = plan_options(accept.parameters, json);
        out.content_type = std::string("application/vnd.pgrst.plan+") + (json ? "json" : "text") + "; charset=utf-8";
    } else {
        return {};
    }
    return out;
}

Media choose_media(const Request &request, const Function &function, const Config &config) {
    auto accepts = parse_accept(request);
    for (const auto &accept : accepts) {
        if (function.media_type.empty()) {
            if (auto media = standard_media(accept, config))
                return *media;
            continue;
        }
        bool anything = function.media_type == "*/*";
        if (!anything && !covers(accept.type, function.media_type))
            continue;
        Media media;
        media.format = Format::raw;
        media.content_type = anything ? "application/octet-stream" : function.media_type;
        if (media.content_type == "text/plain" || media.content_type == "text/xml" || media.content_type == "text/csv" ||
            media.content_type == "application/json")
            media.content_type += "; charset=utf-8";
        return media;
    }
    std::vector<std::string> names;
    for (const auto &accept : accepts)
        names.push_back(accept.type);
    throw failure::not_acceptable(join(names, ", "));
}

// ---- the statement around the call

struct Statement {
    std::string source;  // what follows FROM, with its alias
    std::string select, where, order, limit;
    std::string element; // one row t as text
};

Statement statement_parts(const std::string &invoked, const Query &query, const Media &media, Call &call) {
    const Function &function = *call.function;
    Statement out;
    SqlContext context{quote_ident(function.name), function.columns, call.parameters};
    out.source = function.composite ? invoked : "(SELECT " + invoked + " AS pgrst_scalar)";
    out.source += " AS ";
    out.source += context.alias;
    out.select = function.composite ? sql_select(query.select, context) : context.alias + ".pgrst_scalar";
    out.where = sql_where(query.filters, context);
    out.order = sql_order(query.order, context);
    if (function.returns_set)
        out.limit = sql_limit(call.range);
    std::string json = function.composite ? "pg_catalog.row_to_json(t)" : "pg_catalog.to_json(t.pgrst_scalar)";
    if (media.strip_nulls)
        json = "pg_catalog.json_strip_nulls(" + json + ")";
    out.element = media.format == Format::raw ? "t.pgrst_scalar" : std::move(json += "::text");
    return out;
}

std::string counted_sql(const Statement &parts, const std::string &alias, const Media &media, bool total) {
    std::string body;
    std::string out = "WITH pgrst_source AS (SELECT * FROM " + parts.source + "), page AS MATERIALIZED (SELECT " + parts.select +
                      " FROM pgrst_source AS " + alias + parts.where + parts.order + parts.limit + ") SELECT ";
    out += total ? "(SELECT pg_catalog.count(*) FROM pgrst_source AS " + alias + parts.where + ")::text" : "NULL::text";
    if (media.format == Format::csv)
        body = "COALESCE((SELECT pg_catalog.string_agg(k, ',') FROM (SELECT pg_catalog.json_object_keys(pg_catalog.row_to_json(h)) AS k "
               "FROM (SELECT * FROM page LIMIT 1) AS h) AS a), '') || pg_catalog.chr(10) || "
               "COALESCE((SELECT pg_catalog.string_agg(pg_catalog.substr(t::text, 2, pg_catalog.length(t::text) - 2), pg_catalog.chr(10)) "
               "FROM page AS t), '')";
    else
        body = "(SELECT '[' || COALESCE(pg_catalog.string_agg(" + parts.element + ", ','), '') || ']' FROM page AS t)";
    return out + ", (SELECT pg_catalog.count(*) FROM page)::text, " + body;
}

void write_sql(const std::string &invoked, const Query &query, const Media &media, Call &call) {
    const Function &function = *call.function;
    bool counts = call.preferences.count.has_value();
    if (function.returns_void) {
        call.shape = Shape::nothing;
        call.sql = "SELECT " + invoked + kSettings;
        return;
    }
    Statement parts = statement_parts(invoked, query, media, call);
    bool cut = call.range.limit || call.range.offset > 0;
    if (media.format == Format::csv || (function.returns_set && counts && cut && !media.singular && media.format == Format::json)) {
        call.shape = Shape::counted;
        call.sql = counted_sql(parts, quote_ident(function.name), media, function.returns_set && counts);
    } else {
        call.shape = function.returns_set ? Shape::rows : Shape::one;
        call.sql.reserve(512);
        for (std::string_view part : {std::string_view("SELECT "), std::string_view(parts.element), std::string_view(function.returns_set ? "" : kSettings),
                                      std::string_view(" FROM (SELECT "), std::string_view(parts.select), std::string_view(" FROM "),
                                      std::string_view(parts.source), std::string_view(parts.where), std::string_view(parts.order),
                                      std::string_view(parts.limit), std::string_view(") AS t")})
            call.sql += part;
    }
    if (media.format == Format::plan) {
        call.shape = Shape::rows;
        call.sql = "EXPLAIN (" + media.plan_options + ") " + call.sql;
    }
}

void choose_ending(const Request &request, const Config &config, Call &call) {
    call.read_only = request.method != "POST" || call.function->volatility != 'v';
    call.may_choose_end = config.db_tx_end.ends_with("-allow-override");
    call.rollback = config.db_tx_end.starts_with("rollback");
    if (call.may_choose_end && call.preferences.transaction)
        call.rollback = *call.preferences.transaction == "rollback";
    call.isolation = call.function->isolation;
}

// A failed sign-in is a row that counts the attempt. Were the client free to have an error made of it (406 for no row that fits a
// filter, say), the attempt would be rolled back and guessing free; were she free to name its columns, she could choose who she is.
void keep_plain(const Query &query, Call &call) {
    call.plain = true;
    bool shaped = !query.select.empty() || !query.filters.empty() || !query.order.empty() || query.limit || query.offset;
    if (shaped)
        throw failure::plain_only(call.function->qualified());
    call.preferences.transaction.reset();
    call.preferences.max_affected.reset();
    call.preferences.count.reset();
}

} // namespace

std::string choose_schema(const Request &request, const Config &config) {
    bool reads = request.method == "GET" || request.method == "HEAD";
    auto wanted = trim(request.header(reads ? "accept-profile" : "content-profile"));
    if (wanted.empty())
        return config.schemas[0];
    std::string schema(wanted);
    if (auto alias = config.aliases.find(schema); alias != config.aliases.end())
        schema = alias->second;
    if (std::find(config.schemas.begin(), config.schemas.end(), schema) == config.schemas.end())
        throw failure::bad_schema(wanted, join(config.schemas, ", "));
    return schema;
}

Call plan_call(const Request &request, const SchemaCache &cache, const Config &config) {
    Call call;
    std::string name = function_name(request);
    bool reads = request.method == "GET" || request.method == "HEAD";
    if (!reads && request.method != "POST")
        throw failure::bad_method(request.method);
    call.head = request.method == "HEAD";
    call.schema = choose_schema(request, config);
    call.echo_schema = config.schemas.size() > 1 || request.has_header(reads ? "accept-profile" : "content-profile");
    call.preferences = parse_preferences(request);
    if (call.preferences.strict() && !call.preferences.invalid.empty())
        throw failure::bad_preferences(join(call.preferences.invalid, ", "));

    Query query = parse_query(request.query(), reads);
    Body body = reads ? body_from_arguments(query.arguments) : parse_body(request, query.columns);
    std::set<std::string> names;
    for (const auto &value : body.values)
        names.insert(value.name);
    call.function = &find_function(cache, call.schema, name, names, body.raw);
    if (call.function->fails_by_row || config.is_login(call.schema, name))
        keep_plain(query, call);

    Media media = choose_media(request, *call.function, config);
    call.format = media.format;
    call.content_type = media.content_type;
    call.object = media.singular;
    call.singular = media.singular && call.function->returns_set;
    call.range = parse_range(request, query.limit, query.offset, config.db_max_rows);
    if (call.preferences.strict() && call.preferences.max_affected && !call.function->returns_set)
        throw failure::not_a_set();
    choose_ending(request, config, call);
    write_sql(invocation(*call.function, body, call), query, media, call);
    return call;
}

} // namespace ticketflow::http
