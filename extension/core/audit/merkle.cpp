#include "core/audit/merkle.h"

#include <bit>

namespace ticketflow::core::audit {

void MerkleRoot::add(const Digest &leaf) {
    Digest top = leaf;
    // A new leaf completes one subtree for each trailing one bit of the size.
    for (uint64_t rest = size_; rest & 1; rest >>= 1) {
        top = sha256(kNode, subtrees_.back(), top);
        subtrees_.pop_back();
    }
    subtrees_.push_back(top);
    ++size_;
}

Digest MerkleRoot::root() const {
    if (subtrees_.empty())
        return sha256({});
    Digest top = subtrees_.back();
    for (size_t i = subtrees_.size() - 1; i-- > 0;)
        top = sha256(kNode, subtrees_[i], top);
    return top;
}

namespace {

// The largest power of two below n: where RFC 6962 splits n leaves.
size_t split(size_t n) { return std::bit_floor(n - 1); }

Digest root_of(std::span<const Digest> leaves) {
    MerkleRoot tree;
    for (const Digest &leaf : leaves)
        tree.add(leaf);
    return tree.root();
}

} // namespace

std::vector<Digest> inclusion_path(std::span<const Digest> leaves, size_t index) {
    std::vector<Digest> path;
    while (leaves.size() > 1) {
        const size_t half = split(leaves.size());
        if (index < half) {
            path.push_back(root_of(leaves.subspan(half)));
            leaves = leaves.first(half);
        } else {
            path.push_back(root_of(leaves.first(half)));
            leaves = leaves.subspan(half);
            index -= half;
        }
    }
    return {path.rbegin(), path.rend()};
}

bool leads_to(const Digest &root, Digest leaf, uint64_t index, uint64_t size, std::span<const Digest> path) {
    if (index >= size)
        return false;
    uint64_t last = size - 1;
    for (const Digest &sibling : path) {
        if (last == 0)
            return false;
        if ((index & 1) || index == last) {
            leaf = sha256(kNode, sibling, leaf);
            // The last node of an uneven level rises until it has a left sibling.
            while (!(index & 1) && index != 0) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            leaf = sha256(kNode, leaf, sibling);
        }
        index >>= 1;
        last >>= 1;
    }
    return last == 0 && leaf == root;
}

} // namespace ticketflow::core::audit
