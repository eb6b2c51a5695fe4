// Shared by the glue of complexity.
#pragma once

#include "pg/bridge.h"

#include "core/complexity/score.h"

#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::pg {

// The members of a flat JSON object; 22023 for anything else.
void read_details(Datum value, std::vector<core::complexity::Detail> &details);

// A text of the database in UTF-8; valid for the current call.
std::string_view to_utf8(std::string_view text);

// JSON in UTF-8 as a jsonb of the database.
Datum make_jsonb(const std::string &json);

} // namespace ticketflow::pg
