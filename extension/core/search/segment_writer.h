// Writes a segment: words in byte order, the postings of each in document order, then what belongs to documents.
#pragma once

#include "core/search/format.h"
#include "core/search/stream.h"

#include <functional>
#include <string>

namespace ticketflow::core::search {

class SegmentWriter {
  public:
    // `lengths` holds field_count(fields) codes a document and must outlive the writer.
    SegmentWriter(Sink &sink, FieldMask fields, const Bytes &lengths) : sink_(sink), fields_(fields), lengths_(lengths) {}

    void begin_word(std::string_view lexeme);
    void add(const Posting &posting, std::string_view positions);
    void end_word();

    // `next_place` gives the rows in order of place: first those with a document, then those without.
    Footer finish(uint32_t documents, uint32_t nulls, bool stripped, const std::function<Tid()> &next_place);

  private:
    struct Child {
        std::string first;
        uint64_t offset;
        uint32_t size;
    };

    void close_block();
    void count_ingredients(Bytes &skip) const;
    void close_leaf();
    Child write_levels(std::vector<Child> nodes, uint32_t &depth);
    void write(const Bytes &bytes);
    void write_lengths(Footer &footer);
    void write_places(uint32_t rows, const std::function<Tid()> &next_place);

    Sink &sink_;
    const FieldMask fields_;
    const Bytes &lengths_;
    uint64_t offset_ = 0, words_ = 0;

    // the current word
    std::string word_;
    std::vector<Posting> block_;
    Bytes blocks_, skip_, positions_;
    uint64_t start_ = 0, blocks_size_ = 0;
    uint32_t postings_ = 0, base_ = UINT32_MAX, positions_mark_ = 0;

    // the current leaf of the dictionary
    Bytes leaf_;
    std::string leaf_first_, previous_;
    std::vector<Child> leaves_;
};

} // namespace ticketflow::core::search
