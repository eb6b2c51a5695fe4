#include "core/search/segment_writer.h"

#include "core/search/length.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {

size_t shared_prefix(std::string_view a, std::string_view b) {
    return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<long>(std::min(a.size(), b.size())), b.begin()).first -
                               a.begin());
}

// A key in a dictionary node: what it shares with the key before it, and the rest.
void append_key(Bytes &node, std::string_view previous, std::string_view key) {
    const size_t shared = shared_prefix(previous, key);
    append_varint(node, shared);
    append_varint(node, key.size() - shared);
    append(node, key.substr(shared));
}

// The encoded lengths of the documents of a segment, by field.
class LengthTable {
  public:
    LengthTable(const Bytes &codes, FieldMask fields) : codes_(codes), width_(field_count(fields)) {
        for (unsigned field = 0, place = 0; field < kFields; ++field) {
            places_[field] = place;
            place += fields >> field & 1;
        }
    }
    uint8_t of(uint32_t document, unsigned field) const { return codes_[document * size_t{width_} + places_[field]]; }

  private:
    const Bytes &codes_;
    const unsigned width_;
    std::array<unsigned, kFields> places_{};
};

// What a block says of one field, ready to be packed.
struct FieldColumn {
    uint32_t occurrences[kBlock], lengths[kBlock];
    size_t present = 0;
    unsigned occurrence_width = 0, length_width = 0;
    uint8_t least = 0;
};

FieldColumn column_of(const std::vector<Posting> &block, unsigned field, bool only, const LengthTable &table) {
    FieldColumn column;
    uint32_t all = 0;
    uint8_t least = 255, most = 0;
    for (size_t i = 0; i < block.size(); ++i) {
        const uint32_t occurrences = block[i].frequencies[field];
        all |= column.occurrences[i] = occurrences - only; // the only field occurs in each posting: 1 less is stored
        if (occurrences == 0)
            continue;
        const uint8_t length = table.of(block[i].document, field);
        least = std::min(least, length);
        most = std::max(most, length);
        column.lengths[column.present++] = length;
    }
    for (size_t i = 0; i < column.present; ++i)
        column.lengths[i] -= least;
    column.occurrence_width = bits_for(all);
    column.length_width = bits_for(most - least);
    column.least = least;
    return column;
}

void encode_block(const std::vector<Posting> &block, uint32_t base, const LengthTable &table, Bytes &to) {
    uint32_t documents[kBlock], all = 0;
    FieldMask mask = 0;
    for (size_t i = 0; i < block.size(); ++i) {
        all |= documents[i] = block[i].document - base - 1;
        base = block[i].document;
        mask |= fields_of(block[i].frequencies);
    }
    to.push_back(mask);
    to.push_back(static_cast<uint8_t>(bits_for(all)));
    std::vector<FieldColumn> columns;
    for (unsigned field = 0; field < kFields; ++field)
        if (mask >> field & 1) {
            const FieldColumn &column = columns.emplace_back(column_of(block, field, field_count(mask) == 1, table));
            to.insert(to.end(), {static_cast<uint8_t>(column.occurrence_width), static_cast<uint8_t>(column.length_width), column.least});
        }
    pack(documents, block.size(), bits_for(all), to);
    for (const FieldColumn &column : columns)
        pack(column.occurrences, block.size(), column.occurrence_width, to);
    for (const FieldColumn &column : columns)
        pack(column.lengths, column.present, column.length_width, to);
}

} // namespace

void SegmentWriter::write(const Bytes &bytes) {
    sink_.write(bytes);
    offset_ += bytes.size();
}

void SegmentWriter::begin_word(std::string_view lexeme) {
    word_ = lexeme;
    start_ = offset_;
    blocks_size_ = 0;
    postings_ = positions_mark_ = 0;
    base_ = UINT32_MAX; // so that the first difference is the document itself
    skip_.clear();
    positions_.clear();
}

void SegmentWriter::add(const Posting &posting, std::string_view positions) {
    if (block_.size() == kBlock)
        close_block();
    block_.push_back(posting);
    append(positions_, positions);
    ++postings_;
}

void SegmentWriter::count_ingredients(Bytes &skip) const {
    const LengthTable table(lengths_, fields_);
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(fields_ >> field & 1))
            continue;
        uint8_t shortest_once = 255, most = 0, shortest_more = 255;
        for (const Posting &posting : block_) {
            const uint8_t frequency = posting.frequencies[field], length = table.of(posting.document, field);
            most = std::max(most, frequency);
            if (frequency == 1)
                shortest_once = std::min(shortest_once, length);
            else if (frequency > 1)
                shortest_more = std::min(shortest_more, length);
        }
        skip.insert(skip.end(), {shortest_once, most, shortest_more});
    }
}

void SegmentWriter::close_block() {
    if (block_.empty())
        return;
    blocks_.clear();
    append(skip_, SkipEntry{block_.back().document, static_cast<uint32_t>(blocks_size_), positions_mark_});
    count_ingredients(skip_);
    encode_block(block_, base_, LengthTable(lengths_, fields_), blocks_);
    base_ = block_.back().document;
    block_.clear();
    blocks_size_ += blocks_.size();
    positions_mark_ = static_cast<uint32_t>(positions_.size());
    write(blocks_);
}

void SegmentWriter::end_word() {
    close_block();
    if (postings_ > kBlock)
        write(skip_);
    write(positions_);
    if (leaf_.empty()) {
        leaf_.push_back(0);
        append_varint(leaf_, start_);
        leaf_first_ = word_;
        previous_.clear();
    }
    append_key(leaf_, previous_, word_);
    append_varint(leaf_, postings_);
    append_varint(leaf_, blocks_size_);
    append_varint(leaf_, positions_.size());
    previous_ = word_;
    ++words_;
    if (leaf_.size() >= kNodeSize)
        close_leaf();
}

void SegmentWriter::close_leaf() {
    if (leaf_.empty())
        return;
    leaves_.push_back({leaf_first_, offset_, static_cast<uint32_t>(leaf_.size())});
    write(leaf_);
    leaf_.clear();
}

SegmentWriter::Child SegmentWriter::write_levels(std::vector<Child> nodes, uint32_t &depth) {
    for (depth = 0; nodes.size() > 1; ++depth) {
        std::vector<Child> above;
        Bytes node;
        const Child *first = nullptr;
        const std::string *previous = nullptr;
        auto close = [&] {
            above.push_back({first->first, offset_, static_cast<uint32_t>(node.size())});
            write(node);
            node.clear();
        };
        for (const Child &child : nodes) {
            if (node.empty()) {
                node.push_back(1);
                first = &child;
                previous = nullptr;
            }
            append_key(node, previous ? std::string_view(*previous) : std::string_view(), child.first);
            append_varint(node, child.offset);
            append_varint(node, child.size);
            previous = &child.first;
            if (node.size() >= kNodeSize)
                close();
        }
        if (!node.empty())
            close();
        nodes = std::move(above);
    }
    return nodes.empty() ? Child{{}, offset_, 0} : nodes.front();
}

void SegmentWriter::write_lengths(Footer &footer) {
    unsigned place = 0;
    const unsigned width = field_count(fields_);
    for (unsigned field = 0; field < kFields; ++field) {
        footer.total_length[field] = 0;
        if (!(fields_ >> field & 1))
            continue;
        for (size_t document = 0; document < footer.documents; ++document)
            footer.total_length[field] += decode_length(lengths_[document * width + place]);
        ++place;
    }
    footer.lengths = offset_;
    write(lengths_);
}

// Chunks of 128 rows: first block, widths, differences to the first block, line pointers. Their offsets come first.
void SegmentWriter::write_places(uint32_t rows, const std::function<Tid()> &next_place) {
    Bytes chunks, offsets;
    uint32_t blocks[kBlock], pointers[kBlock];
    for (uint32_t row = 0; row < rows; row += kBlock) {
        const uint32_t count = std::min<uint32_t>(kBlock, rows - row);
        uint32_t first = UINT32_MAX, all_blocks = 0, all_pointers = 0;
        for (uint32_t i = 0; i < count; ++i) {
            const Tid tid = next_place();
            blocks[i] = static_cast<uint32_t>(tid >> 16);
            pointers[i] = static_cast<uint32_t>(tid & 0xffff);
            first = std::min(first, blocks[i]);
            all_pointers |= pointers[i];
        }
        for (uint32_t i = 0; i < count; ++i)
            all_blocks |= blocks[i] -= first;
        append(offsets, static_cast<uint32_t>(chunks.size()));
        append(chunks, first);
        chunks.push_back(static_cast<uint8_t>(bits_for(all_blocks)));
        chunks.push_back(static_cast<uint8_t>(bits_for(all_pointers)));
        pack(blocks, count, bits_for(all_blocks), chunks);
        pack(pointers, count, bits_for(all_pointers), chunks);
    }
    append(offsets, static_cast<uint32_t>(chunks.size()));
    write(offsets);
    write(chunks);
}

Footer SegmentWriter::finish(uint32_t documents, uint32_t nulls, bool stripped, const std::function<Tid()> &next_place) {
    Footer footer{};
    close_leaf();
    footer.magic = kSegmentMagic;
    footer.version = kSegmentVersion;
    footer.documents = documents;
    footer.nulls = nulls;
    footer.fields = fields_;
    footer.flags = stripped ? kStripped : 0;
    footer.words = words_;
    footer.postings_end = offset_;
    const Child root = write_levels(std::move(leaves_), footer.depth);
    footer.root = root.offset;
    footer.root_size = root.size;
    write_lengths(footer);
    footer.places = offset_;
    write_places(documents + nulls, next_place);
    footer.dead = offset_;
    write(Bytes((size_t{documents} + nulls + 7) / 8, 0));
    Bytes end;
    append(end, footer);
    write(end);
    return footer;
}

} // namespace ticketflow::core::search
