// GET /: what the caller may call, as OpenAPI.
#include "openapi.h"
#include "service.h"

#include <boost/json.hpp>
#include <chrono>

namespace ticketflow::http {

namespace {

enum class Version { two, three };

struct Description {
    Version version;
    std::string content_type;
};

Description choose(const Request &request) {
    std::vector<std::string> names;
    for (const auto &accept : parse_accept(request)) {
        if (accept.type == "application/openapi+json")
            return {Version::two, "application/openapi+json; charset=utf-8"};
        if (accept.type == "application/vnd.oai.openapi+json")
            return {Version::three, "application/vnd.oai.openapi+json;version=3.1; charset=utf-8"};
        if (accept.type == "application/json" || accept.type == "*/*" || accept.type == "application/*")
            return {Version::three, "application/json; charset=utf-8"};
        names.push_back(accept.type);
    }
    throw failure::not_acceptable(join(names, ", "));
}

// The privileges are asked with the caller's role, through the same path as any call.
Call privileges_call(const Function &function, const std::string &schema) {
    Call call;
    call.function = &function;
    call.schema = schema;
    call.read_only = true;
    call.sql = "SELECT p.oid::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
               "WHERE n.nspname = $1 AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
               "AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')";
    call.parameters.push_back({schema, false});
    return call;
}

} // namespace

Task<void> Service::describe(const Request &request, Running &running, Answer &answer) {
    auto cache = cache_;
    Settings settings = settings_;
    const Config &config = *settings.config;
    if (config.openapi_mode == "disabled")
        throw failure::root_disabled();
    Description description = choose(request);
    auto now = std::chrono::system_clock::now().time_since_epoch();
    Identity identity = authenticator_->identify(request, std::chrono::duration_cast<std::chrono::seconds>(now).count());
    if (!cache)
        throw failure::no_schema_cache();
    std::string schema = choose_schema(request, config);
    std::set<unsigned> callable;
    bool all = config.openapi_mode == "ignore-privileges";
    if (!all) {
        Function function;
        function.name = "openapi";
        Call call = privileges_call(function, schema);
        Environment environment{config, *cache, memory_};
        co_await execute(environment, pool_, request, identity, call, running, answer);
        boost::json::value oids = boost::json::parse(answer.text);
        for (const auto &oid : oids.as_array())
            callable.insert(unsigned(oid.as_int64()));
        answer.headers.clear();
    }
    answer.role = identity.role;
    answer.user = identity.user;
    answer.headers.emplace_back("Content-Type", description.content_type);
    answer.text = (description.version == Version::two ? describe_openapi2 : describe_openapi3)(*cache, config, schema,
                                                                                               all ? nullptr : &callable);
}

} // namespace ticketflow::http
