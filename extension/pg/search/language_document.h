// Texts read with a text search configuration into one labelled, bounded tsvector.
#pragma once

#include "core/search/language_document.h"
#include "pg/bridge.h"

#include <string_view>

namespace ticketflow::pg::search {

class DocumentReader {
  public:
    explicit DocumentReader(Oid configuration) : configuration_(configuration) {}

    // Text beyond this many bytes of one part is not read: a pasted log must not hold up the person who saves it.
    static constexpr std::size_t kMaxText = 8u << 20;
    // Positions between two parts, so that no phrase reaches from one into the next.
    static constexpr std::uint32_t kGap = 4;

    // Reads a part as far as it goes: until the document holds `bytes` or the text ends. Returns whether all was taken.
    // Words after `last` count as being there, so that one long part does not use up the positions of the next.
    bool read(std::string_view text, core::search::Label label,
              std::size_t bytes = core::search::DocumentBuilder::kMaxBytes,
              std::uint32_t last = core::search::DocumentBuilder::kMaxPosition);

    // The tsvector, in the current memory context.
    Datum finish() const;

  private:
    bool read_chunk(std::string_view chunk, core::search::Label label, std::uint32_t last);

    Oid configuration_;
    core::search::DocumentBuilder builder_;
    std::uint32_t position_ = 0;
};

} // namespace ticketflow::pg::search
