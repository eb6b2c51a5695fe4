// SHA-256, by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ticketflow::core::audit {

using Digest = std::array<uint8_t, 32>;

// The digest of one prefix byte and a text: the prefix keeps leaves, nodes and seals apart (RFC 6962).
Digest sha256(uint8_t prefix, std::string_view text) noexcept;

// The digest of one prefix byte and two digests.
Digest sha256(uint8_t prefix, const Digest &left, const Digest &right) noexcept;

// The digest of a text alone.
Digest sha256(std::string_view text) noexcept;

} // namespace ticketflow::core::audit
