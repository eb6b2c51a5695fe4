// A tsvector as the engine takes it.
#pragma once

#include "core/search/record.h"
#include "pg/bridge.h"

extern "C" {
#include <storage/itemptr.h>
#include <tsearch/ts_type.h>
}

namespace ticketflow::pg::search {

namespace engine = ticketflow::core::search;

inline engine::Tid to_place(const ItemPointerData &tid) {
    return static_cast<engine::Tid>(ItemPointerGetBlockNumberNoCheck(&tid)) << 16 | ItemPointerGetOffsetNumberNoCheck(&tid);
}
inline void from_place(engine::Tid place, ItemPointerData &tid) {
    ItemPointerSet(&tid, static_cast<BlockNumber>(place >> 16), static_cast<OffsetNumber>(place & 0xffff));
}

// Reads documents one after the other; what it returns is valid until the next call.
class DocumentReader {
  public:
    const engine::Document &read(Datum value, bool null, const ItemPointerData &tid);

  private:
    void add_positions(engine::Word &word, const WordEntryPos *positions, unsigned count, size_t &start);

    std::vector<engine::Word> words_;
    engine::Bytes positions_;
    std::vector<std::pair<size_t, size_t>> ranges_;
    std::array<uint32_t, engine::kFields> lengths_;
    engine::Document document_;
};

} // namespace ticketflow::pg::search
