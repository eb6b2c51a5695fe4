// What the service knows of the database: the exposed functions, and the settings of the roles it may take. Immutable once
// made; a reload makes another.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct pg_conn;

namespace ticketflow::http {

struct Config;

struct Type {
    std::string name;    // as format_type writes it; `character` and `bit` widened, so that nothing is cut silently
    std::string base;    // of a domain, else the same
    char category = 'X'; // pg_type.typcategory of the base: A array, C composite, E enum, N number, ...
    std::vector<std::string> labels; // of an enum
    std::string comment;
};

struct Argument {
    std::string name;
    Type type;
    bool required = true, variadic = false;
};

struct Column {
    std::string name;
    Type type;
    std::string comment;
};

struct Function {
    unsigned oid = 0;
    std::string schema, name, comment;
    char volatility = 'v'; // v, s, i
    bool returns_set = false, returns_void = false;
    bool composite = false; // rows with known columns; false for scalars and for bare `record`
    bool fails_by_row = false; // writes, and has a column error_code: what it counted must be committed, whatever the answer
    std::string media_type; // where the result is a domain named like a media type
    Type returns;
    std::vector<Argument> arguments;
    std::vector<Column> columns;                               // of a composite result
    std::vector<std::pair<std::string, std::string>> settings; // hoisted ones
    std::string isolation;                                     // of default_transaction_isolation, if any

    bool single_unnamed() const { return arguments.size() == 1 && arguments[0].name.empty(); }
    std::string qualified() const { return schema + "." + name; }
};

struct RoleSettings {
    std::vector<std::pair<std::string, std::string>> settings;
    std::string isolation;
};

class SchemaCache {
  public:
    using Overloads = std::vector<Function>;

    const Overloads *find(const std::string &schema, const std::string &name) const;
    const RoleSettings *role(const std::string &name) const;

    std::map<std::string, std::map<std::string, Overloads>> functions; // schema, name
    std::map<std::string, std::string> schema_comments;
    std::map<std::string, RoleSettings> roles;
    unsigned long generation = 0;
    size_t function_count = 0;
    double load_seconds = 0;
};

// Reads the catalog over a plain (blocking) connection; throws std::runtime_error with PostgreSQL's message.
std::shared_ptr<SchemaCache> load_schema_cache(pg_conn *connection, const Config &config);

} // namespace ticketflow::http
