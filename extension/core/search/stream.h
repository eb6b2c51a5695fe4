// A segment is a stream of bytes; where the bytes lie (pages of an index, a temporary file, memory) is not its business.
#pragma once

#include "core/search/bytes.h"

namespace ticketflow::core::search {

class Source {
  public:
    virtual ~Source() = default;
    virtual uint64_t size() const = 0;
    // Copies [offset, offset + length); the caller has checked the range against size().
    virtual void read(uint64_t offset, size_t length, uint8_t *to) = 0;
};

class Sink {
  public:
    virtual ~Sink() = default;
    virtual void write(const uint8_t *bytes, size_t length) = 0;
    void write(const Bytes &bytes) { write(bytes.data(), bytes.size()); }
};

class MemorySource final : public Source {
  public:
    explicit MemorySource(const Bytes &bytes) : bytes_(bytes) {}
    uint64_t size() const override { return bytes_.size(); }
    void read(uint64_t offset, size_t length, uint8_t *to) override { std::memcpy(to, bytes_.data() + offset, length); }

  private:
    const Bytes &bytes_;
};

class MemorySink final : public Sink {
  public:
    using Sink::write;
    void write(const uint8_t *bytes, size_t length) override { taken.insert(taken.end(), bytes, bytes + length); }
    Bytes taken;
};

// A moving window on a source: asks it for at least `ahead` bytes at a time.
class Window {
  public:
    // Never past `limit`. The result is valid until the next call and has kPadding readable bytes behind it.
    const uint8_t *at(Source &source, uint64_t offset, size_t length, uint64_t limit, size_t ahead = 0) {
        if (offset > limit || length > limit - offset || limit > source.size())
            corrupted("an offset points outside its segment");
        if (offset < from_ || offset + length > from_ + held_) {
            size_t wanted = length < ahead ? ahead : length;
            if (wanted > limit - offset)
                wanted = static_cast<size_t>(limit - offset);
            if (bytes_.size() < wanted + kPadding)
                bytes_.resize(wanted + kPadding);
            held_ = 0;
            source.read(offset, wanted, bytes_.data());
            from_ = offset;
            held_ = wanted;
        }
        return bytes_.data() + (offset - from_);
    }
    void forget() noexcept { held_ = 0; }

  private:
    uint64_t from_ = 0, held_ = 0;
    Bytes bytes_;
};

} // namespace ticketflow::core::search
