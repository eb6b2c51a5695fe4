// Reads the dates that other help desks export, without exceptions: a bad one is a row to report, not an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ticketflow::core::import {

// How 03/04/2024 is read. Unstated refuses it: guessing would swap days and months silently.
enum class DateOrder { unstated, day_first, month_first };

struct CivilTime {
    std::int64_t microseconds;          // since 1970-01-01 00:00 on the clock that was written
    std::optional<int> offset_seconds;  // east of UTC, where the text says so
};

// ISO 8601 with or without zone; seconds or milliseconds since 1970; 04/Mar/14 9:12 AM (Jira); 4.3.2024;
// Mar 4, 2024; Tue, 04 Mar 2024 09:12:00 +0000 (mail); 03/04/2024 where the order is stated.
// Years 1 to 9999; two-digit years are 1970 to 2069.
std::optional<CivilTime> parse_datetime(std::string_view text, DateOrder order);

} // namespace ticketflow::core::import
