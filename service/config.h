// The service's settings: one table of options (config.cpp) gives names, defaults, checks and documentation.
// Sources, later ones win: defaults, file, environment (PGRST_x or TICKETFLOW_x), command line.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ticketflow::http {

struct Config {
    // The database
    std::string db_uri, db_schemas, db_schema_aliases, db_extra_search_path, db_anon_role, db_pre_request;
    std::string db_authenticate, db_authenticate_key, db_login, db_tx_end, db_hoisted_settings, db_channel;
    long long db_pool, db_pool_queue, db_pool_timeout, db_pool_idle, db_pool_lifetime, db_max_rows;
    long long db_statement_timeout, db_connect_timeout, db_call_timeout;
    bool db_prepared, db_channel_enabled, db_plan_enabled;
    // Tokens
    std::string jwt_secret, jwt_audience, jwt_role_claim;
    bool jwt_secret_base64;
    long long jwt_cache, jwt_lifetime;
    // Listening
    std::string server_host, server_socket, server_socket_mode, tls_certificate, tls_key, cors_origins;
    std::string admin_host, trace_header, openapi_mode, openapi_proxy, log_level;
    long long server_port, server_threads, admin_port;
    bool server_timing;
    // Limits
    long long max_header, max_body, max_response, spool, max_connections, max_requests, header_timeout;
    long long body_timeout, keepalive_timeout, write_timeout, drain_timeout, rate_limit, rate_burst, login_limit;

    std::vector<std::pair<std::string, std::string>> app_settings; // app.settings.NAME = value

    // What follows from the above, filled by Config::finish().
    std::vector<std::string> schemas, extra_path, hoisted, origins, login_functions;
    std::map<std::string, std::string> aliases;

    Config(); // the defaults
    void set(std::string_view name, std::string_view value);
    void finish();
    // Whether db-login names the function: with its schema, or without and it is in the first exposed one.
    bool is_login(const std::string &schema, const std::string &function) const;
};

// Says which setting is wrong, why, and what is allowed.
struct ConfigError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Option {
    const char *name;
    std::variant<std::string Config::*, long long Config::*, bool Config::*> member;
    const char *fallback; // the default, as it is written in the file
    const char *help;
    const char *choices; // words separated by |, a range "min..max", or empty
};
const std::vector<Option> &config_options();

// Reads a file of `name = value` lines (value plain, or in double quotes; # starts a comment).
void load_config_file(Config &config, const std::string &path);
void load_config_environment(Config &config);
// The whole chain. An empty path means no file.
Config load_config(const std::string &path, const std::vector<std::string> &overrides);
// Every option with its value, in the file's syntax; secrets are masked.
std::string dump_config(const Config &config);

} // namespace ticketflow::http
