#include "core/search/segment_reader.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {
constexpr uint32_t kLengthsAtOnce = 1024;
constexpr size_t kKeptNodes = 64;
constexpr size_t kMaxNode = kNodeSize + 3 * kMaxWord;
} // namespace

SegmentReader::SegmentReader(Source &source) : source_(source) {
    const uint64_t size = source.size();
    if (size < sizeof(Footer))
        corrupted("a segment is too short");
    Window window;
    footer_ = load<Footer>(window.at(source, size - sizeof(Footer), sizeof(Footer), size));
    const Footer &f = footer_;
    if (f.magic != kSegmentMagic)
        corrupted("a segment has no footer");
    if (f.version != kSegmentVersion)
        corrupted("a segment has an unknown format");
    const uint64_t all = uint64_t{f.documents} + f.nulls;
    if (all > UINT32_MAX - kBlock || f.fields > kAllFields || f.depth > 16 || f.root_size > kMaxNode)
        corrupted("a segment's footer is out of range");
    // The root may be the only leaf, and then lies among the postings.
    if (f.postings_end > f.lengths || f.root > f.lengths || f.root_size > f.lengths - f.root ||
        f.lengths + uint64_t{f.documents} * field_count(fields()) != f.places || f.places > f.dead ||
        f.dead - f.places < ((all + kBlock - 1) / kBlock + 1) * 4 || f.dead + (all + 7) / 8 + sizeof(Footer) != size)
        corrupted("a segment's sections do not fit together");
}

bool SegmentReader::find(std::string_view lexeme, Term &term) {
    DictionaryCursor cursor(*this);
    cursor.seek(lexeme);
    if (!cursor.valid() || cursor.word() != lexeme)
        return false;
    term = cursor.term();
    return true;
}

void SegmentReader::load_lengths(uint32_t document) {
    if (document >= footer_.documents)
        corrupted("a document does not exist");
    const unsigned width = field_count(fields());
    const uint32_t first = document / kLengthsAtOnce * kLengthsAtOnce;
    const uint32_t count = std::min(kLengthsAtOnce, footer_.documents - first);
    length_count_ = 0;
    lengths_ = length_window_.at(source_, footer_.lengths + uint64_t{first} * width, size_t{count} * width, footer_.places);
    length_first_ = first;
    length_count_ = count;
}

Tid SegmentReader::place(uint32_t row) {
    if (row >= rows())
        corrupted("a row does not exist");
    const uint32_t chunks = block_count(rows()), chunk = row / kBlock, in_chunk = row % kBlock;
    const uint64_t base = footer_.places + uint64_t{chunks + 1} * 4;
    const uint8_t *const offsets = offset_window_.at(source_, footer_.places + uint64_t{chunk} * 4, 8, base, 256);
    const uint32_t from = load<uint32_t>(offsets), to = load<uint32_t>(offsets + 4);
    const uint32_t count = std::min(kBlock, rows() - chunk * kBlock);
    if (from > to || to - from < 6 || to - from > 6 + 2 * 4 * kBlock)
        corrupted("a chunk of row places is out of range");
    const uint8_t *const bytes = place_window_.at(source_, base + from, to - from, footer_.dead);
    const unsigned block_width = bytes[4], pointer_width = bytes[5];
    if (block_width > 32 || pointer_width > 16 ||
        6 + packed_size(count, block_width) + packed_size(count, pointer_width) != to - from)
        corrupted("a chunk of row places is malformed");
    const uint64_t block = uint64_t{load<uint32_t>(bytes)} + unpack_one(bytes + 6, in_chunk, block_width);
    return block << 16 | unpack_one(bytes + 6 + packed_size(count, block_width), in_chunk, pointer_width);
}

bool SegmentReader::dead(uint32_t row) {
    if (all_alive_)
        return false;
    const uint8_t *const byte = dead_window_.at(source_, footer_.dead + row / 8, 1, source_.size() - sizeof(Footer), 256);
    return *byte >> (row % 8) & 1;
}

Bytes SegmentReader::upper_node(uint64_t offset, uint64_t size) {
    if (const auto kept = upper_nodes_.find(offset); kept != upper_nodes_.end() && kept->second.size() == size)
        return kept->second;
    Bytes bytes(size);
    source_.read(offset, size, bytes.data());
    if (upper_nodes_.size() < kKeptNodes)
        upper_nodes_.emplace(offset, bytes);
    return bytes;
}

void DictionaryCursor::open(Node &node, uint64_t offset, uint64_t size, uint8_t kind) {
    if (size == 0 || size > kMaxNode || offset > segment_.footer().lengths || size > segment_.footer().lengths - offset)
        corrupted("a dictionary node is out of range");
    if (kind == 0) {
        node.bytes.resize(size);
        segment_.source().read(offset, size, node.bytes.data());
    } else {
        node.bytes = segment_.upper_node(offset, size);
    }
    node.key.clear();
    Reader reader(node.bytes.data(), node.bytes.size());
    if (reader.byte() != kind)
        corrupted("a dictionary node has the wrong kind");
    node.offset = kind == 0 ? reader.varint() : 0;
    node.at = static_cast<size_t>(reader.position() - node.bytes.data());
}

bool DictionaryCursor::read_key(Node &node, Reader &reader) {
    if (reader.done())
        return false;
    const uint64_t shared = reader.varint(), rest = reader.varint();
    if (shared > node.key.size() || shared + rest > kMaxWord)
        corrupted("a dictionary key is malformed");
    node.key.resize(shared);
    node.key.append(reader.text(rest));
    return true;
}

bool DictionaryCursor::read_child(Node &node, uint64_t &offset, uint64_t &size) {
    Reader reader(node.bytes.data() + node.at, node.bytes.size() - node.at);
    if (!read_key(node, reader))
        return false;
    offset = reader.varint();
    size = reader.varint();
    node.at = static_cast<size_t>(reader.position() - node.bytes.data());
    return true;
}

bool DictionaryCursor::read_word() {
    Reader reader(leaf_.bytes.data() + leaf_.at, leaf_.bytes.size() - leaf_.at);
    if (!read_key(leaf_, reader))
        return false;
    term_.postings = reader.varint32();
    term_.blocks_size = reader.varint();
    term_.positions_size = reader.varint();
    term_.offset = leaf_.offset;
    const uint64_t end = segment_.footer().postings_end, skip = segment_.skip_size(term_);
    if (term_.postings == 0 || term_.postings > segment_.documents() || term_.offset > end ||
        term_.blocks_size > end - term_.offset || skip > end - term_.offset - term_.blocks_size ||
        term_.positions_size > end - term_.offset - term_.blocks_size - skip)
        corrupted("a word's postings are out of range");
    leaf_.offset = term_.offset + term_.blocks_size + skip + term_.positions_size;
    leaf_.at = static_cast<size_t>(reader.position() - leaf_.bytes.data());
    return true;
}

void DictionaryCursor::seek(std::string_view lexeme) {
    const Footer &footer = segment_.footer();
    valid_ = false;
    path_.clear();
    if (footer.root_size == 0)
        return;
    path_.reserve(footer.depth);
    uint64_t offset = footer.root, size = footer.root_size;
    for (uint32_t level = 0; level < footer.depth; ++level) {
        // The child to enter is the last whose first key is not above the word; the first one if all are.
        path_.emplace_back();
        Node &node = path_.back();
        open(node, offset, size, 1);
        if (!read_child(node, offset, size))
            corrupted("a dictionary node is empty");
        for (;;) {
            const size_t at = node.at;
            std::string key = node.key;
            uint64_t next_offset, next_size;
            if (!read_child(node, next_offset, next_size))
                break;
            if (std::string_view(node.key) > lexeme) {
                node.at = at;
                node.key = std::move(key);
                break;
            }
            offset = next_offset;
            size = next_size;
        }
    }
    open(leaf_, offset, size, 0);
    for (next(); valid_ && std::string_view(leaf_.key) < lexeme;)
        next();
}

bool DictionaryCursor::next_leaf() {
    size_t level = path_.size();
    uint64_t offset = 0, size = 0;
    for (;; --level) {
        if (level == 0)
            return false;
        if (read_child(path_[level - 1], offset, size))
            break;
    }
    for (; level < path_.size(); ++level) {
        open(path_[level], offset, size, 1);
        if (!read_child(path_[level], offset, size))
            corrupted("a dictionary node is empty");
    }
    open(leaf_, offset, size, 0);
    return true;
}

void DictionaryCursor::next() {
    while (!read_word()) {
        if (!next_leaf()) {
            valid_ = false;
            return;
        }
    }
    valid_ = true;
}

} // namespace ticketflow::core::search
