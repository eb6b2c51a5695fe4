// Walks the postings of one word in one segment, or of many words taken as one (a prefix), block by block.
#pragma once

#include "core/search/segment_reader.h"

namespace ticketflow::core::search {

inline constexpr uint32_t kNoDocument = UINT32_MAX;

class PostingCursor {
  public:
    PostingCursor(SegmentReader &segment, const Term &term);
    // Of postings in memory, in document order; they have no positions.
    PostingCursor(SegmentReader &segment, std::vector<Posting> postings);

    uint32_t postings() const noexcept { return postings_; }
    uint32_t blocks() const noexcept { return blocks_; }
    uint32_t last_of(uint32_t block) const noexcept { return load<SkipEntry>(skip_.data() + block * entry_).last; }
    const uint8_t *ingredients(uint32_t block) const noexcept { return skip_.data() + block * entry_ + sizeof(SkipEntry); }

    uint32_t document() const noexcept { return index_ < count_ ? documents_[index_] : kNoDocument; }
    uint32_t block() const noexcept { return block_; }
    uint32_t index() const noexcept { return index_; }
    uint32_t count() const noexcept { return count_; }
    const uint32_t *documents() const noexcept { return documents_; }
    FieldMask block_fields() const noexcept { return block_fields_; }
    // Of all postings of the block; what is not among block_fields() is undefined, as is the length where nothing occurs.
    const uint8_t *occurrences(unsigned field) {
        need_details();
        return occurrences_[field];
    }
    const uint8_t *lengths(unsigned field) {
        need_details();
        return lengths_[field];
    }
    uint32_t frequency(unsigned field) { return block_fields_ >> field & 1 ? occurrences(field)[index_] : 0; }
    Frequencies frequencies() {
        Frequencies all{};
        for (unsigned field = 0; field < kFields; ++field)
            all[field] = static_cast<uint8_t>(frequency(field));
        return all;
    }

    void load_block(uint32_t block); // past the last: at the end
    void next() {
        if (++index_ >= count_)
            load_block(block_ + 1);
    }
    void skip_in_block(uint32_t index) noexcept { index_ = index; }
    // To the first posting whose document is not below the given one; never backwards.
    void seek(uint32_t document);
    // The block that would hold the document, without reading it.
    uint32_t block_of(uint32_t document) const noexcept;
    // The position bytes of the current posting; valid until the next call. Cheap when asked for in order.
    std::string_view positions();

  private:
    void decode(const uint8_t *bytes, size_t size, uint32_t base, uint32_t count);
    void decode_documents(const uint8_t *bytes, unsigned width, uint32_t base, uint32_t count);
    void need_details() {
        if (details_)
            decode_details();
    }
    void decode_details();
    void take_from_memory(uint32_t count);
    void make_skip_table();

    SegmentReader &segment_;
    const Term term_;
    std::vector<Posting> memory_;
    const uint32_t postings_, blocks_;
    const size_t entry_;
    Bytes skip_;
    Window window_, position_window_;
    uint32_t block_ = 0, index_ = 0, count_ = 0;
    uint32_t position_block_ = kNoDocument, position_index_ = 0; // where the last call of positions() ended
    size_t position_at_ = 0;
    FieldMask block_fields_ = 0;
    const uint8_t *details_ = nullptr; // of the block, while occurrences and lengths are not decoded
    size_t details_size_ = 0;
    std::array<std::array<uint8_t, 3>, kFields> column_{}; // a field: width of occurrences, width and least of lengths
    uint32_t documents_[kBlock];
    uint8_t occurrences_[kFields][kBlock], lengths_[kFields][kBlock];
};

} // namespace ticketflow::core::search
