// The Merkle tree of RFC 6962 over the digests of rows: a root that grows by one leaf at a time in logarithmic memory,
// and proofs that a leaf is under a root.
#pragma once

#include "core/audit/sha256.h"

#include <span>
#include <vector>

namespace ticketflow::core::audit {

inline constexpr uint8_t kLeaf = 0x00;
inline constexpr uint8_t kNode = 0x01;
inline constexpr uint8_t kSeal = 0x02;

// Grows a tree leaf by leaf; leaves are digests already (sha256(kLeaf, row)).
class MerkleRoot {
  public:
    void add(const Digest &leaf);
    // The root over all leaves so far; of none, the digest of the empty text.
    Digest root() const;
    uint64_t size() const { return size_; }

  private:
    // Roots of perfect subtrees, the largest first: one for each bit that is set in size_.
    std::vector<Digest> subtrees_;
    uint64_t size_ = 0;
};

// The siblings that lead from leaf `index` to the root, nearest first.
std::vector<Digest> inclusion_path(std::span<const Digest> leaves, size_t index);

// The root that `leaf` at `index` of `size` leaves has under `path`; nothing fits where path has the wrong length.
bool leads_to(const Digest &root, Digest leaf, uint64_t index, uint64_t size, std::span<const Digest> path);

} // namespace ticketflow::core::audit
