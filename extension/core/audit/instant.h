// Times as JSON has them: ISO 8601, years of four digits, no trailing zeros in the fraction.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ticketflow::core::audit {

inline constexpr size_t kLongestInstant = 32;

// Writes "2026-03-01T12:30:00.5" for a number of microseconds since 1970 into `text`, which holds kLongestInstant, and
// returns the length; 0 for a year that is not one of 1 to 9999.
size_t write_instant(int64_t microseconds, char *text) noexcept;

} // namespace ticketflow::core::audit
