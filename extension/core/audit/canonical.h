// The bytes of a row that its hash covers: the text of each column, each with its length before it, so that no two
// different rows have the same bytes. Anybody can rebuild them from what a query shows.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ticketflow::core::audit {

// Sink needs append(const char *, size_t). A null is "-"; a text of 5 bytes is "5:" and the bytes.
template <class Sink> class Canonical {
  public:
    explicit Canonical(Sink &sink) : sink_(sink) {}
    void null() { sink_.append("-", 1); }
    void text(std::string_view value) {
        char length[24];
        const auto end = std::to_chars(length, length + sizeof length, value.size()).ptr;
        *end = ':';
        sink_.append(length, static_cast<size_t>(end + 1 - length));
        sink_.append(value.data(), value.size());
    }
    void number(int64_t value) {
        char digits[24];
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        text({digits, static_cast<size_t>(end - digits)});
    }
    void optional(const char *value) {
        if (value)
            text(value);
        else
            null();
    }

  private:
    Sink &sink_;
};

} // namespace ticketflow::core::audit
