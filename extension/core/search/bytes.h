// Bytes on their way to and from a segment: variable-length integers, bit packing, and a reader that trusts nothing.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace ticketflow::core::search {

using Bytes = std::vector<uint8_t>;

// unpack() may load this many bytes past its input; every buffer it is given has them.
inline constexpr size_t kPadding = 8;

// Throws Failure(index_corrupted): what was read cannot have been written by this code.
[[noreturn]] void corrupted(const char *what);

template <class T> T load(const uint8_t *from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class T> void append(Bytes &to, T value) {
    const size_t at = to.size();
    to.resize(at + sizeof value);
    std::memcpy(to.data() + at, &value, sizeof value);
}

inline void append(Bytes &to, std::string_view bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

inline void append_varint(Bytes &to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        to.push_back(static_cast<uint8_t>(value | 0x80));
    to.push_back(static_cast<uint8_t>(value));
}

// Reads forward between two pointers; whatever would go past the end is corruption.
class Reader {
  public:
    Reader(const uint8_t *from, size_t size) : at_(from), end_(from + size) {}

    bool done() const noexcept { return at_ == end_; }
    size_t left() const noexcept { return static_cast<size_t>(end_ - at_); }
    const uint8_t *position() const noexcept { return at_; }

    const uint8_t *take(size_t size) {
        if (size > left())
            corrupted("a value goes past its end");
        const uint8_t *const taken = at_;
        at_ += size;
        return taken;
    }
    uint8_t byte() { return *take(1); }
    template <class T> T fixed() { return load<T>(take(sizeof(T))); }
    std::string_view text(size_t size) {
        const uint8_t *const taken = take(size);
        return {reinterpret_cast<const char *>(taken), size};
    }
    uint64_t varint() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const uint8_t part = byte();
            value |= static_cast<uint64_t>(part & 0x7f) << shift;
            if (part < 0x80)
                return value;
        }
        corrupted("a number is too long");
    }
    uint32_t varint32() {
        const uint64_t value = varint();
        if (value > UINT32_MAX)
            corrupted("a number is too large");
        return static_cast<uint32_t>(value);
    }

  private:
    const uint8_t *at_, *end_;
};

inline unsigned bits_for(uint32_t largest) noexcept { return static_cast<unsigned>(std::bit_width(largest)); }
inline size_t packed_size(size_t count, unsigned width) noexcept { return (count * width + 7) / 8; }

// `count` numbers of `width` bits each, least significant bit first.
void pack(const uint32_t *values, size_t count, unsigned width, Bytes &to);

// One packed number; `from` must be followed by kPadding readable bytes.
inline uint32_t unpack_one(const uint8_t *from, size_t index, unsigned width) noexcept {
    const size_t bit = index * width;
    const uint64_t mask = (uint64_t{1} << width) - 1;
    return static_cast<uint32_t>((load<uint64_t>(from + bit / 8) >> (bit % 8)) & mask);
}

namespace detail {

// The width is known to the compiler: eight numbers take exactly Width bytes, so every offset and shift is a constant.
template <unsigned Width, class T> void unpack_width(const uint8_t *from, size_t count, T *to) noexcept {
    if constexpr (Width == 0) {
        std::memset(to, 0, count * sizeof(T));
    } else {
        constexpr uint64_t mask = (uint64_t{1} << Width) - 1;
        for (; count >= 8; count -= 8, from += Width, to += 8)
            [&]<size_t... I>(std::index_sequence<I...>) {
                ((to[I] = static_cast<T>((load<uint64_t>(from + I * Width / 8) >> (I * Width % 8)) & mask)), ...);
            }(std::make_index_sequence<8>());
        for (size_t i = 0; i < count; ++i)
            to[i] = static_cast<T>((load<uint64_t>(from + i * Width / 8) >> (i * Width % 8)) & mask);
    }
}

template <class T, size_t... Widths>
void unpack_any(const uint8_t *from, size_t count, unsigned width, T *to, std::index_sequence<Widths...>) noexcept {
    using Unpacker = void (*)(const uint8_t *, size_t, T *) noexcept;
    static constexpr Unpacker unpackers[] = {unpack_width<Widths, T>...};
    unpackers[width](from, count, to);
}

} // namespace detail

// `width` is at most 32 for numbers of 32 bits, and at most 8 for those of 8.
inline void unpack(const uint8_t *from, size_t count, unsigned width, uint32_t *to) noexcept {
    detail::unpack_any(from, count, width, to, std::make_index_sequence<33>());
}
inline void unpack(const uint8_t *from, size_t count, unsigned width, uint8_t *to) noexcept {
    detail::unpack_any(from, count, width, to, std::make_index_sequence<9>());
}

} // namespace ticketflow::core::search
