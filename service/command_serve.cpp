// ticketflow serve: the HTTP service.
#include "commands.h"
#include "log.h"
#include "server.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace ticketflow::http {

void register_serve(CLI::App &app) {
    struct Flags {
        std::string file;
        std::vector<std::string> settings;
    };
    auto flags = std::make_shared<Flags>();
    auto *command = app.add_subcommand("serve", "Expose the stored functions over HTTP");
    command->add_option("file", flags->file, "Configuration file; `ticketflow check-config --defaults` prints every setting");
    command->add_option("-s,--set", flags->settings, "One more setting, NAME=VALUE; repeatable");
    command->callback([flags] {
        int status = 1;
        try {
            start_log(load_config(flags->file, flags->settings).log_level);
            {
                Server server(flags->file, flags->settings);
                status = server.run();
            }
            stop_log();
        } catch (const std::exception &error) {
            stop_log();
            std::cerr << "ticketflow: " << error.what() << "\n";
            throw CLI::RuntimeError(2);
        }
        if (status != 0)
            throw CLI::RuntimeError(status);
    });
}

} // namespace ticketflow::http
