// Verifies a segment against itself: order, sums, bounds, positions.
#pragma once

#include "core/search/segment_reader.h"

#include <functional>
#include <string>

namespace ticketflow::core::search {

// Calls `fault` with a description of each fault; goes on where it can.
void check_segment(SegmentReader &segment, const std::function<void(const std::string &)> &fault, const std::function<void()> &pause);

} // namespace ticketflow::core::search
