#include "schema_cache.h"

#include "config.h"
#include "text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <libpq-fe.h>
#include <stdexcept>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

// One JSON object a function. A type is described by name, base type, category, enum labels and comment.
constexpr char kFunctionsQuery[] = R"sql(
WITH RECURSIVE chain(oid, base) AS (
  SELECT oid, CASE WHEN typtype = 'd' THEN typbasetype ELSE oid END FROM pg_catalog.pg_type
  UNION ALL
  SELECT c.oid, t.typbasetype FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.base WHERE t.typtype = 'd'
), types AS (
  SELECT c.oid, b.oid AS base, t.typname, b.typtype AS base_kind, b.typrelid,
    pg_catalog.json_build_object(
      'name', CASE t.oid WHEN 1042 THEN 'character varying' WHEN 1014 THEN 'character varying[]'
                         WHEN 1560 THEN 'bit varying' WHEN 1561 THEN 'bit varying[]' ELSE pg_catalog.format_type(t.oid, NULL) END,
      'base', pg_catalog.format_type(b.oid, NULL),
      'category', CASE WHEN b.typtype = 'c' THEN 'C' WHEN b.typelem <> 0 AND b.typlen = -1 THEN 'A' ELSE b.typcategory END,
      'labels', (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid),
      'comment', CASE WHEN t.oid >= 16384 THEN pg_catalog.obj_description(t.oid, 'pg_type') END) AS described
  FROM chain c JOIN pg_catalog.pg_type b ON b.oid = c.base AND b.typtype <> 'd' JOIN pg_catalog.pg_type t ON t.oid = c.oid
), candidates AS (
  SELECT p.*, n.nspname, pg_catalog.cardinality(p.proargtypes::oid[]) AS input_count
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = ANY ($1::text[]) AND p.prokind = 'f' AND p.prorettype NOT IN (2279, 3838, 2281)
)
SELECT pg_catalog.json_build_object(
  'oid', p.oid::bigint, 'schema', p.nspname, 'name', p.proname, 'comment', pg_catalog.obj_description(p.oid, 'pg_proc'),
  'volatility', p.provolatile, 'set', p.proretset, 'void', p.prorettype = 2278, 'returns', r.described,
  'type_name', r.typname, 'row_type', r.base_kind = 'c',
  'arguments', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', COALESCE(p.proargnames[a.n], ''), 'mode', COALESCE(p.proargmodes[a.n], 'i'), 'type', t.described) ORDER BY a.n)
      FROM pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY a(type, n)
      JOIN types t ON t.oid = a.type),
  'inputs', p.input_count, 'defaults', p.pronargdefaults, 'variadic', p.provariadic <> 0, 'config', p.proconfig,
  'columns', CASE WHEN r.base_kind = 'c' THEN (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', c.attname,
        'type', t.described, 'comment', pg_catalog.col_description(r.typrelid, c.attnum)) ORDER BY c.attnum)
      FROM pg_catalog.pg_attribute c JOIN types t ON t.oid = c.atttypid
      WHERE c.attrelid = r.typrelid AND c.attnum > 0 AND NOT c.attisdropped) END)
FROM candidates p JOIN types r ON r.oid = p.prorettype
ORDER BY p.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
)sql";

// Settings that ALTER ROLE gave to roles that this connection may take, as far as it may set them.
constexpr char kRolesQuery[] = R"sql(
SELECT r.rolname, pg_catalog.split_part(s.item, '=', 1), pg_catalog.substr(s.item, pg_catalog.strpos(s.item, '=') + 1)
FROM pg_catalog.pg_db_role_setting d JOIN pg_catalog.pg_roles r ON r.oid = d.setrole
CROSS JOIN LATERAL pg_catalog.unnest(d.setconfig) AS s(item)
LEFT JOIN pg_catalog.pg_settings g ON g.name = pg_catalog.split_part(s.item, '=', 1)
WHERE d.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND pg_catalog.pg_has_role(r.oid, 'MEMBER') AND (g.name IS NULL OR g.context = 'user')
ORDER BY r.rolname, d.setdatabase, 2
)sql";

struct Result {
    explicit Result(PGresult *value) : handle(value) {}
    Result(const Result &) = delete;
    ~Result() { PQclear(handle); }
    std::string text(int row, int column) const { return PQgetvalue(handle, row, column); }
    PGresult *handle;
};

PGresult *query(pg_conn *connection, const char *sql, const char *parameter = nullptr) {
    PGresult *result = PQexecParams(connection, sql, parameter ? 1 : 0, nullptr, parameter ? &parameter : nullptr, nullptr, nullptr, 0);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    std::string message = PQerrorMessage(connection);
    PQclear(result);
    throw std::runtime_error(std::string(trim(message)));
}

std::string text_of(const json::object &object, const char *key) {
    const auto *value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

Type type_of(const json::value &value) {
    const auto &object = value.as_object();
    Type type{text_of(object, "name"), text_of(object, "base"), text_of(object, "category")[0], {}, text_of(object, "comment")};
    if (const auto *labels = object.at("labels").if_array())
        for (const auto &label : *labels)
            type.labels.emplace_back(label.as_string());
    return type;
}

void read_config(Function &function, const json::value &settings, const Config &config) {
    const auto *list = settings.if_array();
    for (const auto &item : list ? *list : json::array()) {
        std::string text(item.as_string());
        std::string name = text.substr(0, text.find('=')), value = text.substr(text.find('=') + 1);
        if (std::find(config.hoisted.begin(), config.hoisted.end(), name) == config.hoisted.end())
            continue;
        if (name == "default_transaction_isolation")
            function.isolation = value;
        else
            function.settings.emplace_back(name, value);
    }
}

// The arguments, the columns that OUT arguments make, and whether the function can be called by name at all.
bool read_arguments(Function &function, const json::object &object) {
    long inputs = object.at("inputs").as_int64(), defaults = object.at("defaults").as_int64(), position = 0;
    bool variadic = object.at("variadic").as_bool();
    std::vector<Column> outputs;
    const auto *list = object.at("arguments").if_array();
    for (const auto &item : list ? *list : json::array()) {
        const auto &argument = item.as_object();
        std::string name = text_of(argument, "name"), mode = text_of(argument, "mode");
        Type type = type_of(argument.at("type"));
        if (mode != "i" && mode != "v")
            outputs.push_back({name.empty() ? "column" + std::to_string(outputs.size() + 1) : name, type, {}});
        if (mode == "o" || mode == "t")
            continue;
        ++position;
        function.arguments.push_back({name, type, position <= inputs - defaults, variadic && position == inputs});
    }
    if (!outputs.empty()) {
        function.composite = true;
        function.columns = outputs;
    }
    long unnamed = std::count_if(function.arguments.begin(), function.arguments.end(), [](const auto &a) { return a.name.empty(); });
    if (unnamed == 0)
        return true;
    static const std::vector<std::string> kBodies = {"bytea", "json", "jsonb", "text", "xml"};
    return function.single_unnamed() &&
           std::find(kBodies.begin(), kBodies.end(), function.arguments[0].type.name) != kBodies.end();
}

bool read_function(Function &function, const json::object &object, const Config &config) {
    function.oid = unsigned(object.at("oid").as_int64());
    function.schema = text_of(object, "schema");
    function.name = text_of(object, "name");
    function.comment = text_of(object, "comment");
    function.volatility = text_of(object, "volatility")[0];
    function.returns_set = object.at("set").as_bool();
    function.returns_void = object.at("void").as_bool();
    function.returns = type_of(object.at("returns"));
    function.composite = object.at("row_type").as_bool();
    if (const auto *columns = object.at("columns").if_array())
        for (const auto &item : *columns)
            function.columns.push_back({text_of(item.as_object(), "name"), type_of(item.as_object().at("type")),
                                        text_of(item.as_object(), "comment")});
    std::string type_name = text_of(object, "type_name");
    if (type_name.find('/') != std::string::npos)
        function.media_type = type_name;
    read_config(function, object.at("config"), config);
    bool callable = read_arguments(function, object);
    auto reports = [](const Column &column) { return column.name == "error_code"; };
    function.fails_by_row = function.volatility == 'v' && std::any_of(function.columns.begin(), function.columns.end(), reports);
    return callable;
}

} // namespace

const RoleSettings *SchemaCache::role(const std::string &name) const {
    auto found = roles.find(name);
    return found == roles.end() ? nullptr : &found->second;
}

std::shared_ptr<SchemaCache> load_schema_cache(pg_conn *connection, const Config &config) {
    auto started = std::chrono::steady_clock::now();
    auto cache = std::make_shared<SchemaCache>();
    std::string schemas = "{";
    for (const auto &schema : config.schemas) {
        schemas += (schemas.size() > 1 ? "," : "") + quote_ident(schema);
        cache->functions[schema];
    }
    schemas += "}";
    {
        Result rows(query(connection, kFunctionsQuery, schemas.c_str()));
        for (int i = 0; i < PQntuples(rows.handle); ++i) {
            Function function;
            if (!read_function(function, json::parse(rows.text(i, 0)).as_object(), config))
                continue;
            cache->functions[function.schema][function.name].push_back(std::move(function));
            ++cache->function_count;
        }
    }
    {
        Result rows(query(connection, kRolesQuery));
        for (int i = 0; i < PQntuples(rows.handle); ++i) {
            auto &role = cache->roles[rows.text(i, 0)];
            if (rows.text(i, 1) == "default_transaction_isolation")
                role.isolation = rows.text(i, 2);
            else
                role.settings.emplace_back(rows.text(i, 1), rows.text(i, 2));
        }
    }
    {
        Result rows(query(connection,
                          "SELECT nspname, pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace "
                          "WHERE nspname = ANY ($1::text[])",
                          schemas.c_str()));
        for (int i = 0; i < PQntuples(rows.handle); ++i)
            cache->schema_comments[rows.text(i, 0)] = rows.text(i, 1);
    }
    cache->load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return cache;
}

} // namespace ticketflow::http
