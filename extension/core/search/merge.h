// Several segments become one: rows in order of place, dead rows gone.
#pragma once

#include "core/search/posting_cursor.h"
#include "core/search/segment_writer.h"

namespace ticketflow::core::search {

// `pause` is called now and then: a place to look for interrupts. Needs 5 to 8 bytes of memory a row.
Footer merge_segments(std::vector<SegmentReader *> segments, Sink &sink, const std::function<void()> &pause);

} // namespace ticketflow::core::search
