// One record of a foreign file, whatever the format, and why it could not be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::import {

// Fills a buffer and says how much; 0 is the end.
using ReadBytes = std::function<std::size_t(char *buffer, std::size_t size)>;

enum class Kind { null, text, json }; // json: a number, true, false, an array or an object, as written

struct Field {
    std::string_view name;
    std::string_view value;
    Kind kind = Kind::text;
};

struct Problem {
    std::string code; // SQLSTATE
    std::string reason;
};

// Views are good until the next record is read.
struct Record {
    std::uint64_t line = 0;     // where it begins, from 1
    std::uint64_t end = 0;      // bytes of input up to its end
    std::string_view raw;       // as it was written; cut where it is too long
    std::vector<Field> fields;  // empty where there is a problem
    std::optional<Problem> problem;
};

class Reader {
  public:
    virtual ~Reader() = default;
    // False at the end of the input. A record with a problem is delivered like any other, and reading goes on behind it.
    virtual bool next(Record &record) = 0;
    // Goes on behind the first `end` bytes of the input, which were read by another Reader before.
    virtual void skip_to(std::uint64_t end) = 0;
    // The columns that every record has; none where each record names its own.
    virtual const std::vector<std::string> &columns() const = 0;
};

} // namespace ticketflow::core::import
