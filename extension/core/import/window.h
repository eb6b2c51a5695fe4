// A sliding window over the input: the bytes from the record's first to as far as anyone looked.
#pragma once

#include "core/import/record.h"

#include <algorithm>
#include <vector>

namespace ticketflow::core::import {

class Window {
  public:
    // most: bytes of one record. Memory stays within about twice that.
    Window(ReadBytes read, std::size_t most) : read_(std::move(read)), most_(most) {}

    // Never more than one byte above `most`, however much was read: what is too long does not depend on the size of reads.
    std::string_view view() const { return {buffer_.data() + begin_, std::min(held(), most_ + 1)}; }
    std::uint64_t position() const { return position_; }
    std::uint64_t line() const { return line_; }
    std::size_t most() const { return most_; }

    // More bytes at the end of view(); false at the end of the input and where view() is longer than a record may be.
    bool grow();
    bool at_end() const { return at_end_ && held() <= most_; }
    // Moves the beginning, counting lines. The bytes stay where they are until the window grows.
    void consume(std::size_t size);
    // Index in view() of the next line feed, growing as needed; npos where there is none.
    std::size_t find_line_end();
    // Drops the rest of a line that is longer than a record may be.
    void drop_line();
    void skip_to(std::uint64_t position);

  private:
    std::size_t held() const { return end_ - begin_; }

    ReadBytes read_;
    std::size_t most_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t position_ = 0, line_ = 1;
    bool at_end_ = false;
};

} // namespace ticketflow::core::import
