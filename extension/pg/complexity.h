// Shared by the glue of complexity.
#pragma once

#include "pg/bridge.h"

#include "core/complexity/score.h"

#include <vector>

namespace ticketflow::pg {

// The members of a flat JSON object; 22023 for anything else.
void read_details(Datum value, std::vector<core::complexity::Detail> &details);

} // namespace ticketflow::pg
