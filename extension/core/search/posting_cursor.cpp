#include "core/search/posting_cursor.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {
constexpr size_t kReadAhead = 2048;
constexpr size_t kMaxBlockBytes = 2 + 3 * kFields + kBlock * (4 + 2 * kFields);
} // namespace

PostingCursor::PostingCursor(SegmentReader &segment, const Term &term)
    : segment_(segment), term_(term), postings_(term.postings), blocks_(block_count(term.postings)),
      entry_(skip_entry_size(segment.fields())) {
    skip_.resize(blocks_ * entry_);
    if (blocks_ > 1) {
        segment.source().read(term.offset + term.blocks_size, skip_.size(), skip_.data());
        load_block(0);
    } else {
        load_block(0);
        make_skip_table();
    }
}

PostingCursor::PostingCursor(SegmentReader &segment, std::vector<Posting> postings)
    : segment_(segment), memory_(std::move(postings)), postings_(static_cast<uint32_t>(memory_.size())),
      blocks_(block_count(postings_)), entry_(skip_entry_size(segment.fields())) {
    skip_.resize(blocks_ * entry_);
    for (uint32_t block = 0; block < blocks_; ++block) {
        load_block(block);
        make_skip_table();
    }
    load_block(0);
}

// The loaded block's entry, for lists that have none in the segment.
void PostingCursor::make_skip_table() {
    if (count_ == 0)
        return;
    uint8_t *entry = skip_.data() + block_ * entry_;
    const SkipEntry head{documents_[count_ - 1], 0, 0};
    std::memcpy(entry, &head, sizeof head);
    entry += sizeof head;
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(segment_.fields() >> field & 1))
            continue;
        uint8_t shortest_once = 255, most = 0, shortest_more = 255;
        for (uint32_t i = 0; block_fields_ >> field & 1 && i < count_; ++i) {
            const uint8_t frequency = occurrences(field)[i];
            if (frequency == 0)
                continue;
            most = std::max(most, frequency);
            uint8_t &shortest = frequency == 1 ? shortest_once : shortest_more;
            shortest = std::min(shortest, lengths(field)[i]);
        }
        entry[0] = shortest_once;
        entry[1] = most;
        entry[2] = shortest_more;
        entry += kIngredients;
    }
}

void PostingCursor::load_block(uint32_t block) {
    block_ = block;
    index_ = count_ = 0;
    details_ = nullptr;
    if (block >= blocks_)
        return;
    const uint32_t count = std::min(kBlock, postings_ - block * kBlock);
    if (!memory_.empty())
        return take_from_memory(count);
    uint64_t from = 0, to = term_.blocks_size;
    uint32_t base = UINT32_MAX;
    if (blocks_ > 1) {
        from = load<SkipEntry>(skip_.data() + block * entry_).offset;
        if (block + 1 < blocks_)
            to = load<SkipEntry>(skip_.data() + (block + 1) * entry_).offset;
        if (block > 0)
            base = last_of(block - 1);
        if (from > to || to > term_.blocks_size)
            corrupted("a block of postings is out of range");
    }
    if (to - from < 2 || to - from > kMaxBlockBytes)
        corrupted("a block of postings has an impossible size");
    const uint8_t *const bytes = window_.at(segment_.source(), term_.offset + from, to - from, term_.offset + term_.blocks_size, kReadAhead);
    decode(bytes, to - from, base, count);
}

void PostingCursor::take_from_memory(uint32_t count) {
    block_fields_ = segment_.fields();
    for (uint32_t i = 0; i < count; ++i) {
        const Posting &posting = memory_[block_ * kBlock + i];
        documents_[i] = posting.document;
        const uint8_t *code = segment_.lengths(posting.document);
        for (unsigned field = 0; field < kFields; ++field) {
            occurrences_[field][i] = posting.frequencies[field];
            if (block_fields_ >> field & 1)
                lengths_[field][i] = *code++;
        }
    }
    count_ = count;
}

void PostingCursor::decode(const uint8_t *bytes, size_t size, uint32_t base, uint32_t count) {
    const FieldMask mask = bytes[0];
    const unsigned document_width = bytes[1], fields = field_count(mask);
    if (mask == 0 || (mask & ~segment_.fields()) || document_width > 32 || size < 2 + 3 * fields)
        corrupted("a block of postings is malformed");
    size_t expected = 2 + 3 * fields + packed_size(count, document_width);
    const uint8_t *column = bytes + 2;
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(mask >> field & 1))
            continue;
        if (column[0] > 8 || column[1] > 8)
            corrupted("a frequency or length is too wide");
        expected += packed_size(count, column[0]);
        std::memcpy(column_[field].data(), column, 3);
        column += 3;
    }
    // How many lengths there are depends on the occurrences: with one field as many as postings, else at most so many.
    if (expected > size || (fields == 1 && expected + packed_size(count, bytes[3]) != size))
        corrupted("a block of postings has the wrong size");
    block_fields_ = mask;
    details_ = column + packed_size(count, document_width);
    details_size_ = size - static_cast<size_t>(details_ - bytes);
    decode_documents(column, document_width, base, count);
}

void PostingCursor::decode_documents(const uint8_t *bytes, unsigned width, uint32_t base, uint32_t count) {
    unpack(bytes, count, width, documents_);
    uint64_t next = (static_cast<uint64_t>(base) + 1) & UINT32_MAX;
    for (uint32_t i = 0; i < count; ++i) {
        next += uint64_t{documents_[i]} + 1;
        documents_[i] = static_cast<uint32_t>(next - 1);
    }
    if (next > segment_.documents())
        corrupted("a posting names a document that does not exist");
    count_ = count;
}

void PostingCursor::decode_details() {
    const uint8_t *bytes = details_, *const end = details_ + details_size_;
    details_ = nullptr;
    const bool only = field_count(block_fields_) == 1;
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(block_fields_ >> field & 1))
            continue;
        unpack(bytes, count_, column_[field][0], occurrences_[field]);
        bytes += packed_size(count_, column_[field][0]);
        if (only)
            for (uint32_t i = 0; i < count_; ++i)
                ++occurrences_[field][i];
    }
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(block_fields_ >> field & 1))
            continue;
        const auto [occurrence_width, length_width, least] = column_[field];
        uint8_t packed[kBlock];
        uint32_t present = count_;
        if (!only)
            present = static_cast<uint32_t>(count_ - static_cast<uint32_t>(std::count(occurrences_[field], occurrences_[field] + count_, 0)));
        if (packed_size(present, length_width) > static_cast<size_t>(end - bytes))
            corrupted("a block of postings has the wrong size");
        unpack(bytes, present, length_width, only ? lengths_[field] : packed);
        bytes += packed_size(present, length_width);
        for (uint32_t i = 0, from = 0; i < count_; ++i)
            lengths_[field][i] = static_cast<uint8_t>(least + (only ? lengths_[field][i] : occurrences_[field][i] > 0 ? packed[from++] : 0));
    }
    if (bytes != end)
        corrupted("a block of postings has the wrong size");
}

uint32_t PostingCursor::block_of(uint32_t document) const noexcept {
    uint32_t low = block_, step = 1;
    if (low >= blocks_ || last_of(low) >= document)
        return low;
    while (low + step < blocks_ && last_of(low + step) < document) {
        low += step;
        step *= 2;
    }
    uint32_t high = std::min(low + step, blocks_); // the answer is in (low, high]
    while (low + 1 < high) {
        const uint32_t middle = low + (high - low) / 2;
        (last_of(middle) < document ? low : high) = middle;
    }
    return high;
}

void PostingCursor::seek(uint32_t document) {
    if (count_ == 0 || (index_ < count_ && documents_[index_] >= document))
        return;
    // Who walks a block by index leaves the cursor behind its last posting.
    const bool behind = index_ >= count_;
    if (behind || documents_[count_ - 1] < document) {
        load_block(std::max(block_of(document), block_ + behind));
        if (count_ == 0)
            return;
    }
    // Halves without branches: nothing foretells which.
    const uint32_t *from = documents_ + index_;
    for (uint32_t left = count_ - index_; left > 1;) {
        const uint32_t half = left / 2;
        from += from[half - 1] < document ? half : 0;
        left -= half;
    }
    index_ = static_cast<uint32_t>(from - documents_);
    if (*from < document)
        load_block(block_ + 1);
}

std::string_view PostingCursor::positions() {
    if (!memory_.empty() || index_ >= count_)
        return {};
    uint64_t from = 0, to = term_.positions_size;
    if (blocks_ > 1) {
        from = load<SkipEntry>(skip_.data() + block_ * entry_).positions;
        if (block_ + 1 < blocks_)
            to = load<SkipEntry>(skip_.data() + (block_ + 1) * entry_).positions;
        if (from > to || to > term_.positions_size)
            corrupted("positions are out of range");
    }
    const uint64_t base = term_.offset + term_.blocks_size + segment_.skip_size(term_);
    const uint8_t *const bytes = position_window_.at(segment_.source(), base + from, to - from, base + term_.positions_size);
    if (position_block_ != block_ || position_index_ > index_) {
        position_block_ = block_;
        position_index_ = 0;
        position_at_ = 0;
    }
    if (position_at_ > to - from)
        corrupted("positions are out of range");
    Reader reader(bytes + position_at_, to - from - position_at_);
    const uint8_t *begin = reader.position();
    for (;; ++position_index_) {
        position_at_ = static_cast<size_t>(reader.position() - bytes);
        begin = reader.position();
        for (unsigned field = 0; field < kFields; ++field)
            for (uint32_t n = block_fields_ >> field & 1 ? occurrences(field)[position_index_] : 0; n > 0; --n)
                reader.varint();
        if (position_index_ == index_)
            return {reinterpret_cast<const char *>(begin), static_cast<size_t>(reader.position() - begin)};
    }
}

} // namespace ticketflow::core::search
