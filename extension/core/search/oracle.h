// The exhaustive search that the engine must equal: every posting read, every document scored, everything sorted.
// For tests and for bm25_check; deliberately without any bound, skip or heap.
#pragma once

#include "core/search/engine.h"

namespace ticketflow::core::search {

// All matches of one segment, the best first.
std::vector<Hit> exhaustive(SegmentReader &segment, const Query &query, const Model &model, Judge *judge);

} // namespace ticketflow::core::search
