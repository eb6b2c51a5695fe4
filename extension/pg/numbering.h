// Drawing one number: what the SQL functions and the trigger share.
#pragma once

#include "pg/numbering_home.h"

namespace ticketflow::pg::numbering {

struct Drawn {
    core::NumberParts parts;
    std::string period, text;
};

// Takes the next number of the series in the period of that moment.
Drawn draw(const Home &home, const Series &series, TimestampTz at, const std::string &queue,
           const std::string &category);

} // namespace ticketflow::pg::numbering
