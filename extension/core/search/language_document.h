// A tsvector under construction: lexemes with labelled positions, never larger than PostgreSQL accepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ticketflow::core::search {

// PostgreSQL's labels, in the order of their two bits in a position.
enum class Label : std::uint16_t { D = 0, C = 1, B = 2, A = 3 };

class DocumentBuilder {
  public:
    static constexpr std::size_t kMaxLexeme = 2046;           // bytes; a longer lexeme cannot be stored
    static constexpr std::size_t kMaxBytes = (1u << 20) - 1;  // lexemes and positions of one tsvector
    static constexpr std::uint32_t kMaxPosition = 16383;      // later positions count as this one
    static constexpr std::size_t kMaxPositions = 255;         // of one lexeme

    // What is added from now on may fill the document up to this many bytes.
    void allow(std::size_t bytes) { allowed_ = bytes < kMaxBytes ? bytes : kMaxBytes; }

    // Adds one occurrence; false when there is no room for a new lexeme (a known one is still counted where it fits).
    bool add(std::string_view lexeme, std::uint32_t position, Label label);

    std::size_t bytes() const { return bytes_; }
    std::size_t lexemes() const { return entries_.size(); }

    // The size of the finished tsvector without its length word, and its bytes in PostgreSQL's layout.
    std::size_t image_size() const { return sizeof(std::uint32_t) * (1 + entries_.size()) + sizeof_strings(); }
    void write_image(char *to) const;

  private:
    struct Entry {
        std::vector<std::uint16_t> positions;
    };
    static std::size_t even(std::size_t bytes) { return (bytes + 1) & ~std::size_t{1}; }
    std::size_t sizeof_strings() const;

    std::unordered_map<std::string, Entry> entries_;
    std::size_t bytes_ = 0;  // an upper bound that counts the alignment after every lexeme
    std::size_t allowed_ = kMaxBytes;
};

} // namespace ticketflow::core::search
