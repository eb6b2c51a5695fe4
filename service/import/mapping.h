// From the columns of a file to the fields of a ticket.
#pragma once

#include "core/import/record.h"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ticketflow::loader {

// What PostgreSQL's import_fields() lists, in the order of the columns that are copied.
extern const std::vector<std::string_view> kFields;

using Pairs = std::vector<std::pair<std::string, std::string>>; // field, column

class Mapping {
  public:
    // pairs: field=column as the user gave them; an empty column leaves the field out. Columns that bear a field's name and are
    // mapped to nothing else fill it. Throws core::Failure for a field that is none.
    Mapping(const Pairs &pairs, std::string tag_separator);

    // Adds the columns that bear a field's name. With `complete`, a mapped column that is not among them is an error.
    void meet_columns(const std::vector<std::string> &columns, bool complete);

    // The map as JSON, for import_open().
    std::string json() const;
    // The columns that no record had so far.
    std::vector<std::string> unseen() const;

    // COPY's column list, and one line of COPY text for a record.
    static std::string copy_columns();
    void append_row(std::string &out, const core::import::Record &record);

  private:
    struct Target {
        std::size_t field;
        std::string column;
        bool nested;       // a.b.c: where no member of the record bears the whole name
        bool seen = false;
    };
    void take(std::size_t target, const core::import::Field &field);
    bool add_value(std::size_t field, std::string_view value);
    void add_extra(const core::import::Field &field);
    std::optional<core::import::Field> at_path(const core::import::Record &record, const std::string &path);

    std::vector<Target> targets_;
    std::vector<bool> decided_;  // by field: mapped by the user, or left out
    std::unordered_multimap<std::string, std::size_t> by_column_;
    std::string separator_;
    // The row under construction, by field.
    std::vector<std::string> values_;
    std::vector<bool> filled_;
    std::string extra_;
    std::deque<std::string> arenas_; // a deque, so that what lies in one never moves
    std::vector<core::import::Field> members_;
};

} // namespace ticketflow::loader
