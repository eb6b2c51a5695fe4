// Bytes that PostgreSQL would not take as text.
#pragma once

#include "core/import/record.h"

#include <optional>
#include <string>
#include <string_view>

namespace ticketflow::core::import {

// Why these bytes are no text in a UTF-8 database (22021): the first byte that is wrong, and where. A NUL byte counts.
std::optional<Problem> text_problem(std::string_view bytes);

// Appends text as a JSON string, in quotes.
void append_json_string(std::string &out, std::string_view text);

// Appends code point (up to 10FFFF) as UTF-8.
void append_utf8(std::string &out, std::uint32_t code_point);

} // namespace ticketflow::core::import
