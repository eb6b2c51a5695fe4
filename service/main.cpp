// ticketflow: the help desk's command line. Each subcommand registers itself; this file is the list of them.
#include "commands.h"

#include <CLI/CLI.hpp>

int main(int argc, char **argv) {
    CLI::App app{"TicketFlow: a help desk inside PostgreSQL"};
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "Print the help of every subcommand");

    ticketflow::http::register_serve(app);
    ticketflow::http::register_check_config(app);
    ticketflow::http::register_openapi(app);
    ticketflow::http::register_token(app);
#ifdef TICKETFLOW_IMPORT
    ticketflow::register_import(app);
#endif

    CLI11_PARSE(app, argc, argv);
    return 0;
}
