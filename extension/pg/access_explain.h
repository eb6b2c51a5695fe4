// Plans tell how many rows there are: people from whom row security hides rows of a desk do not get to see them.
#pragma once

namespace ticketflow::pg::access {

void guard_plans();

} // namespace ticketflow::pg::access
