// Segments that this session has read before. What comes before the postings (page map, footer, upper levels of the
// dictionary) never changes, so the next search takes it over; pages of postings are read and verified anew.
#pragma once

#include "core/search/segment_reader.h"
#include "pg/search/am_pages.h"

#include <memory>

namespace ticketflow::pg::search {

struct OpenSegment {
    OpenSegment(Relation index, const SegmentEntry &entry);

    const RelationFile file;
    const SegmentEntry entry;
    PageSource source;
    engine::SegmentReader reader;
};

// One that nobody else uses, until it is given back.
std::unique_ptr<OpenSegment> open_segment(Relation index, const SegmentEntry &entry);
void give_back(std::unique_ptr<OpenSegment> segment) noexcept;
// Where a file is built anew in place: segments are numbered from the beginning again.
void forget_segments(const RelationFile &file);

} // namespace ticketflow::pg::search
