// The subcommands of the program `ticketflow`; each is registered from a file of its own.
#pragma once

namespace CLI {
class App;
}

namespace ticketflow::http {

void register_serve(CLI::App &app);
void register_check_config(CLI::App &app);
void register_openapi(CLI::App &app);
void register_token(CLI::App &app);

} // namespace ticketflow::http

namespace ticketflow {

void register_import(CLI::App &app);

} // namespace ticketflow
