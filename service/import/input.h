// The bytes of a file or of standard input: unpacked where they are gzip, converted to UTF-8 where they are not.
#pragma once

#include "core/import/record.h"

#include <cstdint>
#include <memory>
#include <string>

namespace ticketflow::loader {

class Input {
  public:
    // "-" is standard input. Throws core::Failure where it cannot be read or the encoding is unknown.
    Input(const std::string &path, const std::string &encoding);
    ~Input();
    Input(const Input &) = delete;
    Input &operator=(const Input &) = delete;

    // 0 at the end. A byte that has no meaning in the encoding becomes one that is never UTF-8, so its record is refused.
    std::size_t read(char *buffer, std::size_t size);

    std::uint64_t size() const { return size_; }  // as stored, 0 where unknown
    std::uint64_t position() const;               // as stored
    // Tells this file from others and from its own later states; empty for standard input.
    const std::string &digest() const { return digest_; }

  private:
    std::size_t read_packed(char *buffer, std::size_t size);

    struct State;
    std::unique_ptr<State> state_;
    std::string path_, digest_;
    std::uint64_t size_ = 0;
};

} // namespace ticketflow::loader
