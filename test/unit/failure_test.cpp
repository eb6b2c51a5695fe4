#include "core/failure.h"

#include <gtest/gtest.h>

using ticketflow::core::Condition;
using ticketflow::core::Failure;

TEST(Failure, CarriesEverythingAUserNeeds) {
    const Failure failure(Condition::invalid_parameter_value, "message", "detail", "hint");
    EXPECT_EQ(failure.condition, Condition::invalid_parameter_value);
    EXPECT_STREQ(failure.what(), "message");
    EXPECT_EQ(failure.detail, "detail");
    EXPECT_EQ(failure.hint, "hint");
}
