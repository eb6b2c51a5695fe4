#include "core/search/bytes.h"

#include "core/failure.h"

#include <string>

namespace ticketflow::core::search {

void corrupted(const char *what) {
    throw Failure(Condition::index_corrupted, std::string("ticketflow index is corrupted: ") + what, {},
                  "REINDEX rebuilds it; bm25_check reports every fault.");
}

void pack(const uint32_t *values, size_t count, unsigned width, Bytes &to) {
    uint64_t waiting = 0;
    unsigned filled = 0;
    for (size_t i = 0; i < count; ++i) {
        waiting |= static_cast<uint64_t>(values[i]) << filled;
        for (filled += width; filled >= 8; filled -= 8, waiting >>= 8)
            to.push_back(static_cast<uint8_t>(waiting));
    }
    if (filled > 0)
        to.push_back(static_cast<uint8_t>(waiting));
}

} // namespace ticketflow::core::search
