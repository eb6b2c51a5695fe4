#include "import/loader.h"

#include "core/failure.h"
#include "core/import/delimited.h"
#include "core/import/json.h"
#include "core/import/text.h"
#include "import/database.h"
#include "import/input.h"
#include "import/progress.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

namespace ticketflow::loader {
namespace {

using core::import::Record;

// A batch ends here even where its records are few: they wait in memory, so that a batch can be sent again.
constexpr std::size_t kBatchBytes = 16u << 20;
constexpr int kAttempts = 5;

std::string format_of(const Settings &settings) {
    if (settings.format != "auto")
        return settings.format;
    std::string name = settings.file;
    if (name.ends_with(".gz"))
        name.resize(name.size() - 3);
    if (name.ends_with(".csv"))
        return "csv";
    if (name.ends_with(".tsv") || name.ends_with(".tab"))
        return "tsv";
    if (name.ends_with(".jsonl") || name.ends_with(".ndjson") || name.ends_with(".json"))
        return "jsonl";
    throw core::Failure(core::Condition::invalid_parameter_value, "cannot tell the format of \"" + settings.file + "\" from its name", {},
                        "Say --format csv, tsv or jsonl.");
}

std::unique_ptr<core::import::Reader> make_reader(const Settings &settings, Input &input) {
    // The first bytes are looked at to find the delimiter, then read again.
    auto head = std::make_shared<std::string>();
    const core::import::ReadBytes read = [&input, head](char *buffer, std::size_t size) {
        if (head->empty())
            return input.read(buffer, size);
        const std::size_t part = head->copy(buffer, size);
        head->erase(0, part);
        return part;
    };
    const std::string format = format_of(settings);
    if (format == "jsonl")
        return std::make_unique<core::import::JsonReader>(read, settings.most_bytes);
    core::import::Dialect dialect;
    dialect.columns = settings.columns;
    if (format == "tsv") {
        dialect = {'\t', 0, !settings.plain, settings.columns};
    } else if (settings.delimiter.empty()) {
        head->resize(64 * 1024);
        head->resize(input.read(head->data(), head->size()));
        dialect.delimiter = core::import::guess_delimiter(std::string_view(*head).substr(0, head->find('\n')));
    }
    if (!settings.delimiter.empty())
        dialect.delimiter = settings.delimiter == "\\t" ? '\t' : settings.delimiter.front();
    return std::make_unique<core::import::DelimitedReader>(read, dialect, settings.most_bytes);
}

void append_member(std::string &out, std::string_view name, std::string_view value) {
    if (out.size() > 1)
        out += ", ";
    core::import::append_json_string(out, name);
    out += ": ";
    core::import::append_json_string(out, value);
}

// What import_open() takes.
std::string options_json(const Settings &settings, const Mapping &mapping) {
    std::string out = "{";
    append_member(out, "existing", settings.existing);
    append_member(out, "unknown_people", settings.unknown_people);
    append_member(out, "zone", settings.zone);
    append_member(out, "date_order", settings.date_order);
    append_member(out, "tag_separator", settings.tag_separator);
    append_member(out, "long_titles", settings.long_titles);
    if (!settings.author.empty())
        append_member(out, "author", settings.author);
    out += std::string(", \"aliases\": ") + (settings.aliases ? "true" : "false");
    std::string defaults = "{";
    for (const auto &[field, value] : settings.defaults)
        append_member(defaults, field, value);
    out += ", \"map\": " + mapping.json() + ", \"defaults\": " + defaults + "}, \"values\": {";
    std::vector<std::string> done;
    for (const auto &word : settings.words) {
        if (std::find(done.begin(), done.end(), word[0]) != done.end())
            continue;
        std::string words = "{";
        for (const auto &other : settings.words)
            if (other[0] == word[0])
                append_member(words, other[1], other[2]);
        if (!done.empty())
            out += ", ";
        done.push_back(word[0]);
        core::import::append_json_string(out, word[0]);
        out += ": " + words + "}";
    }
    return out + "}}";
}

struct Sums {
    long long records = 0, inserted = 0, updated = 0, unchanged = 0, skipped = 0, rejected = 0;
};

Sums read_sums(const Result &result, int first) {
    return {result.number(0, first),     result.number(0, first + 1), result.number(0, first + 2),
            result.number(0, first + 3), result.number(0, first + 4), result.number(0, first + 5)};
}

constexpr std::string_view kSumColumns = "records, inserted, updated, unchanged, skipped, rejected";

class Loader {
  public:
    explicit Loader(const Settings &settings)
        : settings_(settings), input_(settings.file, settings.encoding), reader_(make_reader(settings, input_)),
          mapping_(settings.map, settings.tag_separator), database_(settings.database) {}

    int run();

  private:
    void open();
    bool read_batch();
    void send_batch();
    void send_batch_once();
    void report();
    void write_rejects(const std::string &path);
    std::string call(const std::string &function) const { return database_.identifier(settings_.desk) + "." + function; }

    const Settings &settings_;
    Input input_;
    std::unique_ptr<core::import::Reader> reader_;
    Mapping mapping_;
    Database database_;
    std::unique_ptr<Progress> progress_;

    Record record_;
    bool held_ = false; // record_ was read and is not in a batch yet
    std::string rows_;
    std::uint64_t rows_in_batch_ = 0, read_ = 0;
    std::uint64_t after_line_ = 0, last_line_ = 0, position_ = 0;
    long long run_id_ = 0;
    Sums sums_, resumed_;
};

void Loader::open() {
    if (!reader_->columns().empty()) {
        mapping_.meet_columns(reader_->columns(), true);
    } else if (reader_->next(record_)) {
        held_ = true;
        std::vector<std::string> names;
        for (const auto &field : record_.fields)
            names.emplace_back(field.name);
        mapping_.meet_columns(names, false);
    }
    const std::optional<std::string> digest = input_.digest().empty() ? std::nullopt : std::optional(input_.digest());
    const Result run = database_.run("SELECT id, last_line, file_position, " + std::string(kSumColumns) + " FROM " +
                                         call("import_open($1, $2, $3, $4, $5, $6)"),
                                     {settings_.source, options_json(settings_, mapping_), settings_.file, digest,
                                      settings_.restart ? "true" : "false", settings_.dry_run ? "true" : "false"});
    run_id_ = run.number(0, 0);
    after_line_ = static_cast<std::uint64_t>(run.number(0, 1));
    sums_ = resumed_ = read_sums(run, 3);
    const std::uint64_t position = static_cast<std::uint64_t>(run.number(0, 2));
    if (position > 0) {
        if (!settings_.quiet)
            std::cerr << "going on with run " << run_id_ << " behind line " << grouped(after_line_) << "\n";
        held_ = false;
        reader_->skip_to(position);
    }
    progress_ = std::make_unique<Progress>(input_.size(), position > 0 ? input_.position() : 0, settings_.quiet);
}

bool Loader::read_batch() {
    rows_.clear();
    rows_in_batch_ = 0;
    while (rows_in_batch_ < settings_.batch && rows_.size() < kBatchBytes) {
        if (settings_.limit > 0 && read_ >= settings_.limit)
            break;
        if (!held_ && !reader_->next(record_))
            break;
        held_ = false;
        read_++;
        rows_in_batch_++;
        last_line_ = record_.line;
        position_ = record_.end;
        mapping_.append_row(rows_, record_);
    }
    return rows_in_batch_ > 0;
}

void Loader::send_batch_once() {
    database_.run("BEGIN");
    database_.copy_in("COPY pg_temp.import_rows (" + Mapping::copy_columns() + ") FROM STDIN", rows_);
    const Result result = database_.run("SELECT " + std::string(kSumColumns) + " FROM " + call("import_batch($1, $2, $3)"),
                                        {std::to_string(after_line_), std::to_string(last_line_), std::to_string(position_)});
    const Sums batch = read_sums(result, 0);
    if (batch.records != static_cast<long long>(rows_in_batch_))
        throw DatabaseError("XX000", "the server took " + std::to_string(batch.records) + " of " + std::to_string(rows_in_batch_) + " records", {}, {});
    database_.run("COMMIT");
    sums_.records += batch.records;
    sums_.inserted += batch.inserted;
    sums_.updated += batch.updated;
    sums_.unchanged += batch.unchanged;
    sums_.skipped += batch.skipped;
    sums_.rejected += batch.rejected;
    after_line_ = last_line_;
}

// Deadlocks and serialization failures pass; the batch is sent again.
void Loader::send_batch() {
    for (int attempt = 1;; attempt++) {
        try {
            send_batch_once();
            return;
        } catch (const DatabaseError &error) {
            if (!error.worth_retrying() || attempt == kAttempts)
                throw;
            database_.run("ROLLBACK");
        }
    }
}

void Loader::write_rejects(const std::string &path) {
    std::ofstream file(path, std::ios::trunc);
    const std::string table = settings_.dry_run ? "pg_temp.import_refused" : call("import_rejects");
    const std::string of_run = settings_.dry_run ? "" : " WHERE run_id = " + std::to_string(run_id_);
    file << "line\tcode\texternal_id\treason\n";
    database_.copy_out("COPY (SELECT line, code, external_id, reason FROM " + table + of_run + " ORDER BY line) TO STDOUT",
                       [&file](std::string_view line) { file << line; });
    file.close();
    if (!file)
        throw core::Failure(core::Condition::invalid_parameter_value, "cannot write \"" + path + "\": " + std::strerror(errno), {},
                            "The import itself is done; the table import_rejects has the list.");
}

void Loader::report() {
    const double seconds = progress_->seconds();
    const auto here = static_cast<std::uint64_t>(sums_.records - resumed_.records);
    std::cout << (settings_.dry_run ? "dry run, nothing was written: " : "run " + std::to_string(run_id_) + ": ") << grouped(static_cast<std::uint64_t>(sums_.records))
              << " records = " << grouped(static_cast<std::uint64_t>(sums_.inserted)) << " inserted + " << grouped(static_cast<std::uint64_t>(sums_.updated))
              << " updated + " << grouped(static_cast<std::uint64_t>(sums_.unchanged)) << " unchanged + " << grouped(static_cast<std::uint64_t>(sums_.skipped))
              << " skipped + " << grouped(static_cast<std::uint64_t>(sums_.rejected)) << " rejected; " << clock_time(seconds) << ", "
              << grouped(seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(here) / seconds) : 0) << " records/s\n";
    for (const std::string &column : mapping_.unseen())
        if (sums_.records > 0)
            std::cerr << "warning: no record had the mapped column \"" << column << "\"\n";
    if (sums_.rejected == 0)
        return;
    const std::string table = settings_.dry_run ? "pg_temp.import_refused" : call("import_rejects");
    const Result some = database_.run("SELECT line, code, reason FROM " + table + (settings_.dry_run ? "" : " WHERE run_id = " + std::to_string(run_id_)) +
                                      " ORDER BY line LIMIT 10");
    for (int row = 0; row < some.rows(); row++)
        std::cerr << "line " << some.text(row, 0) << ": " << some.text(row, 1) << " " << some.text(row, 2) << "\n";
    if (sums_.rejected > some.rows())
        std::cerr << "… and " << grouped(static_cast<std::uint64_t>(sums_.rejected - some.rows())) << " more\n";
    if (!settings_.dry_run)
        std::cerr << "all of them: SELECT * FROM " << table << " WHERE run_id = " << run_id_ << ";\n";
}

int Loader::run() {
    open();
    while (read_batch()) {
        send_batch();
        progress_->show(input_.position(), static_cast<std::uint64_t>(sums_.records - resumed_.records), static_cast<std::uint64_t>(sums_.rejected));
    }
    progress_->finish();
    if (!settings_.dry_run) {
        const Sums whole = read_sums(database_.run("SELECT " + std::string(kSumColumns) + " FROM " + call("import_close()")), 0);
        if (whole.records != sums_.records || whole.rejected != sums_.rejected)
            throw DatabaseError("XX000", "the sums of run " + std::to_string(run_id_) + " are not those of the records that were read", {}, {});
    }
    if (!settings_.rejects.empty())
        write_rejects(settings_.rejects);
    report();
    return sums_.rejected == 0 ? 0 : 3;
}

} // namespace

int run_import(const Settings &settings) { return Loader(settings).run(); }

} // namespace ticketflow::loader
