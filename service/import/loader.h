// An import from the first byte to the last sum.
#pragma once

#include "import/mapping.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ticketflow::loader {

struct Settings {
    std::string file = "-", format = "auto", encoding = "UTF-8", delimiter, database, desk = "public", source, author, rejects;
    std::string existing = "update", unknown_people = "create", zone = "UTC", date_order = "ymd", tag_separator = ",", long_titles = "reject";
    std::vector<std::string> columns;
    Pairs map;                                     // field, column
    std::vector<std::array<std::string, 3>> words; // field, word of the file, word of the desk
    Pairs defaults;                                // field, value
    std::uint64_t batch = 5000, limit = 0, most_bytes = 128u << 20;
    bool dry_run = false, restart = false, quiet = false, plain = false, aliases = false;
};

// Returns the exit status: 0 everything came in, 3 some records were rejected. Throws core::Failure and DatabaseError.
int run_import(const Settings &settings);

} // namespace ticketflow::loader
