// ticketflow import: loads tickets from CSV, TSV or JSON lines.
#include "commands.h"

#include "core/failure.h"
#include "import/database.h"
#include "import/loader.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

namespace ticketflow {
namespace {

struct Flags {
    loader::Settings settings;
    std::vector<std::string> map, words, defaults;
    std::uint64_t most_megabytes = 128;
};

// Splits left=right; CLI11 prints what is wrong and how to ask for help.
std::pair<std::string, std::string> split(const std::string &text, char at, const char *form) {
    const std::size_t found = text.find(at);
    if (found == std::string::npos || found == 0)
        throw CLI::ValidationError("\"" + text + "\" is not " + form);
    return {text.substr(0, found), text.substr(found + 1)};
}

void parse_pairs(Flags &flags) {
    loader::Settings &settings = flags.settings;
    for (const std::string &one : flags.map)
        settings.map.push_back(split(one, '=', "FIELD=COLUMN"));
    for (const std::string &one : flags.defaults)
        settings.defaults.push_back(split(one, '=', "FIELD=VALUE"));
    for (const std::string &one : flags.words) {
        const auto [field, rest] = split(one, ':', "FIELD:FROM=TO");
        const std::size_t equal = rest.rfind('=');
        if (equal == std::string::npos)
            throw CLI::ValidationError("\"" + one + "\" is not FIELD:FROM=TO");
        settings.words.push_back({field, rest.substr(0, equal), rest.substr(equal + 1)});
    }
    settings.most_bytes = flags.most_megabytes << 20;
}

void say(const std::string &message, const std::string &code, const std::string &detail, const std::string &hint) {
    std::cerr << "ticketflow import: " << message << (code.empty() ? "" : " (SQLSTATE " + code + ")") << "\n";
    if (!detail.empty())
        std::cerr << "  detail: " << detail << "\n";
    if (!hint.empty())
        std::cerr << "  hint: " << hint << "\n";
}

int run(const loader::Settings &settings) {
    try {
        return loader::run_import(settings);
    } catch (const core::Failure &failure) {
        say(failure.message, {}, failure.detail, failure.hint);
    } catch (const loader::DatabaseError &error) {
        const bool cut_off = error.sqlstate.empty() || error.sqlstate.starts_with("57") || error.sqlstate.starts_with("08");
        say(error.what(), error.sqlstate, error.detail,
            cut_off && error.hint.empty() ? "What was committed stays; the same command goes on behind it." : error.hint);
    } catch (const std::bad_alloc &) {
        say("out of memory", {}, {}, "A lower --batch or --max-record needs less.");
    }
    return 1;
}

void add_options(CLI::App &command, Flags &flags) {
    loader::Settings &settings = flags.settings;
    command.add_option("file", settings.file, "CSV, TSV or JSON lines, gzip or not; - is standard input")->required();
    command.add_option("--source", settings.source, "Name of the system that the records come from")->required();
    command.add_option("--map", flags.map, "FIELD=COLUMN …; columns that bear a field's name need none, an empty COLUMN leaves the field out")->expected(1, -1);
    command.add_option("--value", flags.words, "FIELD:FROM=TO …: a word of the file and the desk's word for it")->expected(1, -1);
    command.add_option("--default", flags.defaults, "FIELD=VALUE … where a record has none")->expected(1, -1);
    command.add_option("--author", settings.author, "Address or id of who created tickets that name nobody");
    command.add_option("--unknown-people", settings.unknown_people, "create inactive accounts, take the default author, or reject")
        ->check(CLI::IsMember({"create", "default", "reject"}))->capture_default_str();
    command.add_option("--existing", settings.existing, "What a changed record does to the ticket it made before: update or skip")
        ->check(CLI::IsMember({"update", "skip"}))->capture_default_str();
    command.add_option("--long-titles", settings.long_titles, "reject, or cut and keep the whole title in the description")
        ->check(CLI::IsMember({"reject", "cut"}))->capture_default_str();
    command.add_flag("--aliases", settings.aliases, "Let the external ids (up to 40 characters) lead to their tickets like numbers");
    command.add_option("--zone", settings.zone, "Time zone of dates that name none")->capture_default_str();
    command.add_option("--date-order", settings.date_order, "How 03/04/2024 is read: ymd refuses it")
        ->check(CLI::IsMember({"ymd", "dmy", "mdy"}))->capture_default_str();
    command.add_option("--tag-separator", settings.tag_separator, "Between tags in one column")->capture_default_str();
    command.add_option("--format", settings.format, "csv, tsv or jsonl; auto goes by the file's name")
        ->check(CLI::IsMember({"auto", "csv", "tsv", "jsonl"}))->capture_default_str();
    command.add_option("--delimiter", settings.delimiter, "Of CSV; found in the header by default");
    command.add_flag("--plain", settings.plain, "TSV: backslashes are text (default: \\t \\n \\r \\\\ stand for characters, \\N is null)");
    command.add_option("--columns", settings.columns, "Names of the columns, where the file has no header")->delimiter(',');
    command.add_option("--encoding", settings.encoding, "Of the file, as iconv names it")->capture_default_str();
    command.add_option("--database", settings.database, "Connection string or URI (default: PGHOST and its kin)");
    command.add_option("--desk", settings.desk, "Schema of the desk")->capture_default_str();
    command.add_option("--rejects", settings.rejects, "Write rejected records to this file: line, SQLSTATE, external id, reason");
    command.add_option("--batch", settings.batch, "Records a transaction")->check(CLI::Range(1, 1000000))->capture_default_str();
    command.add_option("--limit", settings.limit, "Stop after so many records");
    command.add_option("--max-record", flags.most_megabytes, "Megabytes of the longest record")->check(CLI::Range(1, 900))->capture_default_str();
    command.add_flag("--dry-run", settings.dry_run, "Say what would happen and write nothing to the desk");
    command.add_flag("--restart", settings.restart, "Begin at the first record although an unfinished run could go on");
    command.add_flag("--quiet", settings.quiet, "No progress");
}

} // namespace

void register_import(CLI::App &app) {
    auto flags = std::make_shared<Flags>();
    CLI::App *const command = app.add_subcommand("import", "Load tickets from CSV, TSV or JSON lines");
    add_options(*command, *flags);
    command->footer("Exit status: 0 every record is in, 3 some were rejected (each with its reason), 1 the import stopped, over 100 wrong usage.\n"
                    "Importing again changes what changed; an import that was cut off goes on where it stopped.");
    command->callback([flags] {
        parse_pairs(*flags);
        if (const int status = run(flags->settings); status != 0)
            throw CLI::RuntimeError(status);
    });
}

} // namespace ticketflow
