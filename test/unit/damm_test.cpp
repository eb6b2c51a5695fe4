#include "core/damm.h"

#include <gtest/gtest.h>

#include <string>

using ticketflow::core::damm_digit;

namespace {

std::string with_check(const std::string &digits) {
    return digits + damm_digit(digits);
}
bool valid(const std::string &number) {
    return damm_digit(number) == '0';
}

// Every number of up to six digits, its check digit included.
template <class F> void for_each_number(F &&visit) {
    for (int length = 1; length <= 5; ++length) {
        int limit = 1;
        for (int i = 0; i < length; ++i)
            limit *= 10;
        for (int n = 0; n < limit; ++n) {
            std::string digits = std::to_string(n);
            digits.insert(0, static_cast<size_t>(length) - digits.size(), '0');
            visit(with_check(digits));
        }
    }
}

} // namespace

TEST(Damm, KnownExample) {
    EXPECT_EQ(damm_digit("572"), '4');
}

TEST(Damm, PassesOverWhatIsNoDigit) {
    EXPECT_EQ(damm_digit("TKT-5 7/2"), '4');
}

TEST(Damm, EveryNumberIsValidWithItsDigit) {
    for_each_number([](const std::string &number) { ASSERT_TRUE(valid(number)) << number; });
}

TEST(Damm, CatchesEverySingleDigitError) {
    long tried = 0;
    for_each_number([&](std::string number) {
        for (char &digit : number) {
            const char right = digit;
            for (digit = '0'; digit <= '9'; ++digit)
                if (digit != right) {
                    ++tried;
                    ASSERT_FALSE(valid(number)) << number;
                }
            digit = right;
        }
    });
    EXPECT_EQ(tried, 9L * (2 * 10 + 3 * 100 + 4 * 1000 + 5 * 10000 + 6 * 100000));
}

TEST(Damm, CatchesEverySwapOfNeighbours) {
    for_each_number([](std::string number) {
        for (size_t i = 0; i + 1 < number.size(); ++i)
            if (number[i] != number[i + 1]) {
                std::swap(number[i], number[i + 1]);
                ASSERT_FALSE(valid(number)) << number;
                std::swap(number[i], number[i + 1]);
            }
    });
}
