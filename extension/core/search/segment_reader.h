// Reads a segment: finds words, walks the dictionary, gives lengths and places of documents. Checks all that it reads.
#pragma once

#include "core/search/format.h"
#include "core/search/stream.h"

#include <string>
#include <unordered_map>

namespace ticketflow::core::search {

// Where the postings of a word are.
struct Term {
    uint32_t postings = 0;
    uint64_t offset = 0, blocks_size = 0, positions_size = 0;
};

class SegmentReader {
  public:
    explicit SegmentReader(Source &source);

    Source &source() noexcept { return source_; }
    const Footer &footer() const noexcept { return footer_; }
    FieldMask fields() const noexcept { return static_cast<FieldMask>(footer_.fields); }
    uint32_t documents() const noexcept { return footer_.documents; }
    uint32_t rows() const noexcept { return footer_.documents + footer_.nulls; }
    bool stripped() const noexcept { return footer_.flags & kStripped; }

    bool find(std::string_view lexeme, Term &term);
    uint64_t skip_size(const Term &term) const noexcept {
        return term.postings > kBlock ? block_count(term.postings) * skip_entry_size(fields()) : 0;
    }

    // The encoded lengths of a document, one byte a field of the segment; valid until the next call.
    const uint8_t *lengths(uint32_t document) {
        const unsigned width = field_count(fields());
        if (document - length_first_ >= length_count_)
            load_lengths(document);
        return lengths_ + (document - length_first_) * width;
    }
    Tid place(uint32_t row);
    // Says that no row is marked dead, so that dead() need not look.
    void assume_alive() noexcept { all_alive_ = true; }
    bool dead(uint32_t row);
    // Rows may have died since: to be called before a reader is used for another search.
    void forget_dead() noexcept {
        all_alive_ = false;
        dead_window_.forget();
    }
    // A node of the dictionary's upper levels; those read first are kept.
    Bytes upper_node(uint64_t offset, uint64_t size);

  private:
    void load_lengths(uint32_t document);

    Source &source_;
    Footer footer_;
    Window length_window_, offset_window_, place_window_, dead_window_;
    const uint8_t *lengths_ = nullptr;
    std::unordered_map<uint64_t, Bytes> upper_nodes_; // by offset
    bool all_alive_ = false;
    uint32_t length_first_ = 0, length_count_ = 0;
};

// Walks the dictionary in byte order.
class DictionaryCursor {
  public:
    explicit DictionaryCursor(SegmentReader &segment) : segment_(segment) {}

    // To the first word not below `lexeme`.
    void seek(std::string_view lexeme);
    bool valid() const noexcept { return valid_; }
    void next();
    const std::string &word() const noexcept { return leaf_.key; }
    const Term &term() const noexcept { return term_; }

  private:
    struct Node {
        Bytes bytes;
        size_t at = 0;
        std::string key;
        uint64_t offset = 0; // of a leaf's next word
    };

    void open(Node &node, uint64_t offset, uint64_t size, uint8_t kind);
    bool read_key(Node &node, Reader &reader);
    bool read_child(Node &node, uint64_t &offset, uint64_t &size);
    bool read_word();
    bool next_leaf();

    SegmentReader &segment_;
    std::vector<Node> path_;
    Node leaf_;
    Term term_;
    bool valid_ = false;
};

} // namespace ticketflow::core::search
