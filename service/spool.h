// A growing body that moves to an unlinked file once it is large, so that slow readers cost disk and not memory.
#pragma once

#include <string>
#include <string_view>

namespace ticketflow::http {

class Spool {
  public:
    Spool() = default;
    explicit Spool(size_t in_memory) : limit_(in_memory) {}
    Spool(Spool &&other) noexcept;
    Spool &operator=(Spool &&other) noexcept;
    ~Spool();

    bool append(std::string_view bytes); // false when the disk is full
    bool open() const { return file_ >= 0; }
    size_t size() const { return written_ + memory_.size(); }
    std::string take_memory() { return std::move(memory_); } // of a spool that stayed small
    bool finish();                                           // moves the rest to the file, if there is one
    // Up to `most` bytes from `offset`; -1 on error.
    long read(size_t offset, char *into, size_t most) const;

  private:
    bool flush();

    std::string memory_;
    size_t limit_ = 0, written_ = 0;
    int file_ = -1;
};

} // namespace ticketflow::http
