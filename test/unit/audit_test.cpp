#include "core/audit/instant.h"
#include "core/audit/merkle.h"

#include <gtest/gtest.h>

#include <string>

using namespace ticketflow::core::audit;

namespace {

std::string hex(const Digest &digest) {
    std::string text;
    for (uint8_t byte : digest) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

std::vector<Digest> leaves_of(size_t count) {
    std::vector<Digest> leaves;
    for (size_t i = 0; i < count; ++i)
        leaves.push_back(sha256(kLeaf, std::to_string(i)));
    return leaves;
}

// The definition of RFC 6962, written the slow way.
Digest defined_root(std::span<const Digest> leaves) {
    if (leaves.empty())
        return sha256({});
    if (leaves.size() == 1)
        return leaves[0];
    size_t half = 1;
    while (half * 2 < leaves.size())
        half *= 2;
    return sha256(kNode, defined_root(leaves.first(half)), defined_root(leaves.subspan(half)));
}

} // namespace

std::string instant(int64_t microseconds) {
    char text[kLongestInstant];
    return {text, write_instant(microseconds, text)};
}

TEST(Instant, KnownAnswers) {
    EXPECT_EQ(instant(0), "1970-01-01T00:00:00");
    EXPECT_EQ(instant(-1), "1969-12-31T23:59:59.999999");
    EXPECT_EQ(instant(951'782'400'500'000), "2000-02-29T00:00:00.5");
    EXPECT_EQ(instant(951'868'800'000'010), "2000-03-01T00:00:00.00001");
    EXPECT_EQ(instant(-2'203'891'200'000'000), "1900-03-01T00:00:00");
    EXPECT_EQ(instant(253'402'300'799'999'999), "9999-12-31T23:59:59.999999");
    EXPECT_EQ(instant(253'402'300'800'000'000), "");
    EXPECT_EQ(instant(-62'135'596'800'000'000), "0001-01-01T00:00:00");
    EXPECT_EQ(instant(-62'135'596'800'000'001), "");
    EXPECT_EQ(instant(INT64_MIN), "");
    EXPECT_EQ(instant(INT64_MAX), "");
}

TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256('a', "bc"), sha256("abc"));
}

TEST(Merkle, RootIsTheDefinitionsForEverySize) {
    const auto leaves = leaves_of(70);
    MerkleRoot tree;
    for (size_t n = 0; n <= leaves.size(); ++n) {
        EXPECT_EQ(tree.root(), defined_root(std::span(leaves).first(n))) << n;
        EXPECT_EQ(tree.size(), n);
        if (n < leaves.size())
            tree.add(leaves[n]);
    }
}

TEST(Merkle, EveryLeafHasAProofAndNoOtherFits) {
    for (size_t n = 1; n <= 33; ++n) {
        const auto leaves = leaves_of(n);
        const Digest root = defined_root(leaves);
        for (size_t i = 0; i < n; ++i) {
            auto path = inclusion_path(leaves, i);
            EXPECT_TRUE(leads_to(root, leaves[i], i, n, path)) << i << " of " << n;
            EXPECT_FALSE(leads_to(root, sha256(kLeaf, "other"), i, n, path));
            if (n > 1) {
                EXPECT_FALSE(leads_to(root, leaves[i], (i + 1) % n, n, path));
            }
            path.push_back(root);
            EXPECT_FALSE(leads_to(root, leaves[i], i, n, path)) << "too long a path";
        }
        EXPECT_FALSE(leads_to(root, leaves[0], n, n, {}));
    }
}
