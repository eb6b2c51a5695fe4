// What a client is told when a request fails, and the one table from SQLSTATE to HTTP status.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ticketflow::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// What a function may put into a head: a name that is a token, a value without control characters.
bool fits_head(std::string_view name, std::string_view value);
// Fields that say where the answer ends or how the connection goes on are the service's alone.
bool frames_message(std::string_view name);

// Thrown by everything that reads a request, and made from what PostgreSQL reports.
struct Error {
    int status = 500;
    std::string code, message;
    std::optional<std::string> details, hint;
    Headers headers;    // beside Content-Type and Proxy-Status
    std::string reason; // a reason phrase of its own

    std::string body() const; // a JSON object with the four keys that clients rely on
};

// The fields of a PostgreSQL error that a client may see.
struct PgError {
    std::string sqlstate, message;
    std::optional<std::string> detail, hint;
};

// The status for a SQLSTATE. `authenticated` says whether the role differs from the anonymous one.
int status_of_sqlstate(std::string_view sqlstate, std::string_view message, bool authenticated);
Error error_from_pg(const PgError &error, bool authenticated);

// Errors of the service itself; codes are PostgREST's, so its clients understand them.
namespace failure {
Error connection(const std::string &detail);                 // PGRST000
Error connection_lost(const std::string &detail);            // PGRST001
Error no_schema_cache();                                     // PGRST002
Error pool_timeout();                                        // PGRST003
Error pool_full();                                           // TF503
Error bad_parameter(std::string message, std::string details); // PGRST100
Error plain_only(const std::string &function);               // PGRST100
Error bad_method(std::string_view method);                   // PGRST101
Error bad_body(std::string message);                         // PGRST102
Error bad_range(std::string details);                        // PGRST103
Error bad_schema(std::string_view name, std::string_view exposed); // PGRST106
Error not_acceptable(std::string_view accept);               // PGRST107
Error bad_response_headers();                                // PGRST111
Error bad_response_status();                                 // PGRST112
Error not_singular(long long rows);                          // PGRST116
Error unsupported_method(std::string_view method);           // PGRST117
Error bad_raise(std::string details, bool in_message);       // PGRST121
Error bad_preferences(std::string_view names);               // PGRST122
Error too_many_affected(long long rows);                     // PGRST124
Error bad_path();                                            // PGRST125
Error root_disabled();                                       // PGRST126
Error not_a_set();                                           // PGRST128
Error no_secret();                                           // PGRST300
Error bad_token(std::string message, std::optional<std::string> details = {}); // PGRST301
Error no_anonymous();                                        // PGRST302
Error bad_claims(std::string message);                       // PGRST303
Error nul_byte();                                            // 22021, as PostgreSQL would say
Error limit(int status, std::string message, std::optional<std::string> hint = {}); // TFnnn
} // namespace failure

const char *reason_phrase(int status);

} // namespace ticketflow::http
