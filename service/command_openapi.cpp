// ticketflow openapi: prints the description of the exposed functions, for generators of clients.
#include "commands.h"
#include "openapi.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <libpq-fe.h>

namespace ticketflow::http {

namespace {

std::string describe(const Config &config, const std::string &schema, const std::string &role, bool two) {
    std::unique_ptr<PGconn, void (*)(PGconn *)> connection(PQconnectdb(config.db_uri.c_str()), PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw std::runtime_error(PQerrorMessage(connection.get()));
    auto cache = load_schema_cache(connection.get(), config);
    std::set<unsigned> callable;
    if (!role.empty()) {
        const char *value = role.c_str();
        std::unique_ptr<PGresult, void (*)(PGresult *)> rows(
            PQexecParams(connection.get(),
                         "SELECT p.oid FROM pg_catalog.pg_proc p WHERE pg_catalog.has_schema_privilege($1::name, p.pronamespace, 'USAGE') "
                         "AND pg_catalog.has_function_privilege($1::name, p.oid, 'EXECUTE')",
                         1, nullptr, &value, nullptr, nullptr, 0),
            PQclear);
        if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK)
            throw std::runtime_error(PQerrorMessage(connection.get()));
        for (int i = 0; i < PQntuples(rows.get()); ++i)
            callable.insert(unsigned(std::strtoul(PQgetvalue(rows.get(), i, 0), nullptr, 10)));
    }
    return (two ? describe_openapi2 : describe_openapi3)(*cache, config, schema.empty() ? config.schemas[0] : schema,
                                                         role.empty() ? nullptr : &callable);
}

} // namespace

void register_openapi(CLI::App &app) {
    struct Flags {
        std::string file, schema, role;
        std::vector<std::string> settings;
        bool two = false;
    };
    auto flags = std::make_shared<Flags>();
    auto *command = app.add_subcommand("openapi", "Print the description of the exposed functions");
    command->add_option("file", flags->file, "Configuration file");
    command->add_option("-s,--set", flags->settings, "One more setting, NAME=VALUE; repeatable");
    command->add_option("--schema", flags->schema, "Schema to describe; the first exposed one by default");
    command->add_option("--role", flags->role, "Only what this role may call");
    command->add_flag("--swagger", flags->two, "Version 2.0 instead of 3.1");
    command->callback([flags] {
        try {
            std::cout << describe(load_config(flags->file, flags->settings), flags->schema, flags->role, flags->two) << "\n";
        } catch (const std::exception &error) {
            std::cerr << "ticketflow: " << error.what() << "\n";
            throw CLI::RuntimeError(1);
        }
    });
}

} // namespace ticketflow::http
