// ticketflow check-config: says whether a configuration is right and what it amounts to.
#include "commands.h"
#include "config.h"
#include "jwk.h"
#include "listener.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace ticketflow::http {

void register_check_config(CLI::App &app) {
    struct Flags {
        std::string file;
        std::vector<std::string> settings;
        bool defaults = false;
    };
    auto flags = std::make_shared<Flags>();
    auto *command = app.add_subcommand("check-config", "Check a configuration and print what results");
    command->add_option("file", flags->file, "Configuration file");
    command->add_option("-s,--set", flags->settings, "One more setting, NAME=VALUE; repeatable");
    command->add_flag("--defaults", flags->defaults, "Print every setting with its default and its meaning");
    command->callback([flags] {
        if (flags->defaults) {
            for (const auto &option : config_options())
                std::cout << "# " << option.help << (*option.choices ? std::string(" (") + option.choices + ")" : "") << "\n"
                          << option.name << " = "
                          << (std::holds_alternative<std::string Config::*>(option.member)
                                  ? '"' + std::string(option.fallback) + '"'
                                  : option.fallback)
                          << "\n\n";
            return;
        }
        try {
            Config config = load_config(flags->file, flags->settings);
            load_keys(config); // what `serve` reads before it listens
            make_tls(config);
            std::cout << dump_config(config);
        } catch (const ConfigError &error) {
            std::cerr << "ticketflow: " << error.what() << "\n";
            throw CLI::RuntimeError(2);
        }
    });
}

} // namespace ticketflow::http
