#include "pg/search/am_segments.h"

#include <algorithm>

namespace ticketflow::pg::search {

namespace {

constexpr size_t kKept = 64;
std::vector<std::unique_ptr<OpenSegment>> kept; // the one given back last is the last

// A segment's number is used once in the life of a file (see forget_segments()); the rest is compared to be sure. Rows die without a change of the segment.
bool same_segment(const SegmentEntry &a, const SegmentEntry &b) {
    return a.id == b.id && a.size == b.size && a.root == b.root && a.pages == b.pages && a.documents == b.documents &&
           a.nulls == b.nulls && a.fields == b.fields && std::equal(a.total_length, a.total_length + engine::kFields, b.total_length);
}

} // namespace

OpenSegment::OpenSegment(Relation index, const SegmentEntry &listed)
    : file(file_of(index)), entry(listed), source(index, listed), reader(source) {}

std::unique_ptr<OpenSegment> open_segment(Relation index, const SegmentEntry &entry) {
    const RelationFile file = file_of(index);
    const auto found = std::find_if(kept.begin(), kept.end(), [&](const auto &open) {
        return open->entry.id == entry.id && open->file == file && same_segment(open->entry, entry);
    });
    if (found == kept.end())
        return std::make_unique<OpenSegment>(index, entry);
    std::unique_ptr<OpenSegment> open = std::move(*found);
    kept.erase(found);
    open->source.reopen(index);
    open->reader.forget_dead();
    return open;
}

void forget_segments(const RelationFile &file) {
    std::erase_if(kept, [&file](const auto &open) { return open->file == file; });
}

void give_back(std::unique_ptr<OpenSegment> segment) noexcept {
    try {
        if (kept.size() >= kKept)
            kept.erase(kept.begin());
        kept.push_back(std::move(segment));
    } catch (const std::bad_alloc &) { // then the next search reads it again
    }
}

} // namespace ticketflow::pg::search
