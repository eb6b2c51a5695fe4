// Gathers documents in memory until they become a segment: a hash table of words, each with a chain of small chunks.
#pragma once

#include "core/search/record.h"
#include "core/search/segment_writer.h"

#include <memory>

namespace ticketflow::core::search {

class Accumulator {
  public:
    Accumulator();

    void add(const Document &document);
    size_t rows() const noexcept { return places_.size() + nulls_.size(); }
    size_t memory() const noexcept;
    // Writes everything as one segment; the accumulator is empty afterwards.
    Footer write(Sink &sink);

  private:
    struct Entry {
        const char *lexeme;
        uint8_t *first, *last; // chunks: the address of the next one, then bytes
        uint32_t size, hash, postings, last_document;
        uint16_t room, capacity; // in the last chunk
    };

    Entry &entry_of(std::string_view lexeme);
    void grow_table();
    uint8_t *allocate(size_t size);
    void append_to(Entry &entry, const Bytes &bytes);
    static void gather(const Entry &entry, Bytes &to);
    void sort_documents();
    void write_word(SegmentWriter &writer, const Entry &entry, Bytes &bytes);
    void clear();

    std::vector<std::unique_ptr<uint8_t[]>> arena_;
    size_t arena_size_ = 0, arena_left_ = 0;
    uint8_t *arena_at_ = nullptr;
    std::vector<Entry> entries_;
    std::vector<uint32_t> table_; // entry number + 1; 0 is free
    std::vector<Tid> places_, nulls_;
    std::vector<Lengths> lengths_;
    std::vector<uint32_t> renumbered_; // old to new number, when rows did not come in order of place
    FieldMask fields_ = 0;
    bool stripped_ = false;
    Bytes scratch_;
};

} // namespace ticketflow::core::search
