#include "core/complexity/fit.h"
#include "core/failure.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ticketflow::core;
using namespace ticketflow::core::complexity;

TEST(Complexity, LogarithmIsRightToTheLastDigits) {
    for (const double x : {1e-9, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 4711.0, 1e12})
        EXPECT_NEAR(natural_log(x), std::log(x), 1e-14 * std::max(1.0, std::fabs(std::log(x))));
    EXPECT_EQ(natural_log(0), 0);
    EXPECT_EQ(natural_log(-1), 0);
}

TEST(Complexity, WordsAreFoldedAndMarkupIsNone) {
    Text text;
    text.read("<b>Ärger</b>&nbsp;mit ПЕЧАТЬ 印刷 v12345 2026 " + std::string(60, 'x') + " ende", 1000);
    std::vector<std::string> words;
    for (const Word &word : text.words)
        words.emplace_back(text.view(word));
    EXPECT_EQ(words, (std::vector<std::string>{"ärger", "mit", "печать", "印", "刷", "v12345", "#4", "ende"}));
}

TEST(Complexity, AnyBytesAreRead) {
    Features features;
    std::uint32_t state = 1;
    for (int round = 0; round < 500; ++round) {
        std::string title, body;
        for (int i = 0; i < round; ++i) {
            state = state * 1664525u + 1013904223u;
            (i % 3 ? body : title) += static_cast<char>(state >> 24);
        }
        features.read(title, body);
        for (const double x : features.structure)
            EXPECT_TRUE(std::isfinite(x));
    }
}

TEST(Complexity, ModelsSurviveTheirEncoding) {
    const std::string bytes = cold_start_model().encode();
    EXPECT_EQ(Model::decode(bytes).encode(), bytes);
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
}

TEST(Complexity, DamagedModelsAreRefused) {
    const std::string bytes = cold_start_model().encode();
    for (std::size_t i = 0; i < bytes.size(); i += 997) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        EXPECT_THROW(Model::decode(damaged), Failure) << i;
        EXPECT_THROW(Model::decode(bytes.substr(0, i)), Failure) << i;
    }
}

TEST(Complexity, RanksRiseWithTheSum) {
    const Model &model = cold_start_model();
    double before = -1;
    for (double sum = -3; sum < 3; sum += 0.001) {
        const double rank = rank_of(model, sum);
        EXPECT_GE(rank, before);
        before = rank;
    }
    EXPECT_EQ(rank_of(model, -100), 0);
    EXPECT_EQ(rank_of(model, 100), 100);
}

TEST(Complexity, SpearmanSharesTies) {
    EXPECT_DOUBLE_EQ(spearman({1, 2, 3}, {10, 20, 30}), 1);
    EXPECT_DOUBLE_EQ(spearman({1, 2, 3}, {3, 2, 1}), -1);
    EXPECT_NEAR(spearman({1, 1, 2}, {1, 2, 3}), 0.8660254, 1e-7);
    EXPECT_EQ(spearman({1, 1, 1}, {1, 2, 3}), 0);
}

TEST(Complexity, EscalationIsNeverTakenBackByUrgency) {
    for (int score = 0; score <= 100; ++score) {
        bool before = false;
        for (const char *priority : {"low", "medium", "high", "urgent"}) {
            const bool now = recommend_escalation(score, priority, "major", 0.3, 70);
            EXPECT_GE(now, before);
            before = now;
        }
    }
}
