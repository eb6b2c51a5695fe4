// ticketflow token: signs a token with the configured secret, for tests and for machines.
#include "auth.h"
#include "commands.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <ctime>
#include <iostream>

namespace ticketflow::http {

void register_token(CLI::App &app) {
    struct Flags {
        std::string file, user, role, audience, claims = "{}";
        std::vector<std::string> settings;
        long long lifetime = 0;
    };
    auto flags = std::make_shared<Flags>();
    auto *command = app.add_subcommand("token", "Sign a token with the configured secret");
    command->add_option("file", flags->file, "Configuration file");
    command->add_option("-s,--set", flags->settings, "One more setting, NAME=VALUE; repeatable");
    command->add_option("--user", flags->user, "Claim sub: the id of the person");
    command->add_option("--role", flags->role, "Claim role: the database role");
    command->add_option("--audience", flags->audience, "Claim aud");
    command->add_option("--claims", flags->claims, "More claims, a JSON object");
    command->add_option("--lifetime", flags->lifetime, "Seconds it is valid; default is jwt-lifetime");
    command->callback([flags] {
        try {
            Config config = load_config(flags->file, flags->settings);
            boost::json::value claims = boost::json::parse(flags->claims);
            if (!claims.is_object())
                throw std::invalid_argument("--claims must be a JSON object");
            for (auto [name, value] : {std::pair{"sub", &flags->user}, {"role", &flags->role}, {"aud", &flags->audience}})
                if (!value->empty())
                    claims.as_object()[name] = *value;
            std::cout << sign_token(boost::json::serialize(claims), load_keys(config), double(std::time(nullptr)),
                                    flags->lifetime ? flags->lifetime : config.jwt_lifetime)
                      << "\n";
        } catch (const std::exception &error) {
            std::cerr << "ticketflow: " << error.what() << "\n";
            throw CLI::RuntimeError(2);
        }
    });
}

} // namespace ticketflow::http
