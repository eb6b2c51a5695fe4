// The one-shot interface of OpenSSL allocates a context for every digest, which costs more than a short digest itself;
// this one keeps its state on the stack.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/audit/sha256.h"

#include <openssl/sha.h>

namespace ticketflow::core::audit {

Digest sha256(uint8_t prefix, std::string_view text) noexcept {
    SHA256_CTX state;
    Digest digest;
    SHA256_Init(&state);
    SHA256_Update(&state, &prefix, 1);
    SHA256_Update(&state, text.data(), text.size());
    SHA256_Final(digest.data(), &state);
    return digest;
}

Digest sha256(uint8_t prefix, const Digest &left, const Digest &right) noexcept {
    uint8_t bytes[1 + 2 * sizeof(Digest)];
    bytes[0] = prefix;
    for (size_t i = 0; i < sizeof(Digest); ++i) {
        bytes[1 + i] = left[i];
        bytes[1 + sizeof(Digest) + i] = right[i];
    }
    return sha256({reinterpret_cast<const char *>(bytes), sizeof bytes});
}

Digest sha256(std::string_view text) noexcept {
    SHA256_CTX state;
    Digest digest;
    SHA256_Init(&state);
    SHA256_Update(&state, text.data(), text.size());
    SHA256_Final(digest.data(), &state);
    return digest;
}

} // namespace ticketflow::core::audit
