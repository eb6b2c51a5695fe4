#include "core/import/datetime.h"

#include <gtest/gtest.h>

#include <random>

using namespace ticketflow::core::import;

namespace {

std::string read(std::string_view text, DateOrder order = DateOrder::unstated) {
    const auto time = parse_datetime(text, order);
    if (!time)
        return "none";
    return std::to_string(time->microseconds / 1000) + (time->offset_seconds ? " " + std::to_string(*time->offset_seconds) : "");
}

} // namespace

TEST(ImportDatetime, ReadsWhatOthersExport) {
    const std::string nine = "1393924320000"; // 2014-03-04 09:12
    for (const char *const text : {"2014-03-04 09:12", "2014-03-04T09:12:00", "2014/03/04 9:12", "20140304 09:12", "04/Mar/14 9:12 AM", "4-Mar-2014 09:12",
                                   "4 March 2014 9:12", "March 4, 2014 9:12 am", "Mar 4 2014, 09:12", "4.3.2014 09:12", "04. Mar 2014 09:12", "Tue, 04 Mar 2014 09:12:00",
                                   " Tuesday, March 4, 2014 9:12AM "})
        EXPECT_EQ(read(text), nine) << text;
    EXPECT_EQ(read("2014-03-04T09:12:00.000+0000"), nine + " 0");
    EXPECT_EQ(read("2014-03-04 09:12:00Z"), nine + " 0");
    EXPECT_EQ(read("Tue, 04 Mar 2014 09:12:00 GMT"), nine + " 0");
    EXPECT_EQ(read("2014-03-04 09:12-03:30"), nine + " -12600");
    EXPECT_EQ(read("2014-03-04 09:12+05"), nine + " 18000");
    EXPECT_EQ(read("2014-03-04 09:12:00 UTC+1"), nine + " 3600");
    EXPECT_EQ(read("1393924320"), nine + " 0");
    EXPECT_EQ(read("1393924320000"), nine + " 0");
    EXPECT_EQ(read("1393924320.5"), "1393924320500 0");
    EXPECT_EQ(read("2014-03-04 09:12:00,25"), "1393924320250");
    EXPECT_EQ(read("2014-03-04"), "1393891200000");
    EXPECT_EQ(read("2014-03-04 24:00"), "1393977600000") << "the next midnight";
    EXPECT_EQ(read("4 Mar 2014 12:30 am"), "1393893000000");
    EXPECT_EQ(read("4 Mar 69"), read("2069-03-04"));
    EXPECT_EQ(read("4 Mar 70"), read("1970-03-04"));
    EXPECT_EQ(read("2024-02-29"), "1709164800000");
}

TEST(ImportDatetime, NeverGuessesDayAndMonth) {
    EXPECT_EQ(read("03/04/2014"), "none");
    EXPECT_EQ(read("03/04/2014", DateOrder::day_first), read("2014-04-03"));
    EXPECT_EQ(read("03/04/2014", DateOrder::month_first), read("2014-03-04"));
    EXPECT_EQ(read("13/04/2014", DateOrder::month_first), "none");
}

TEST(ImportDatetime, RefusesWhatIsNoDate) {
    for (const char *const text : {"", " ", "x", "2014", "2014-13-01", "2014-02-30", "2023-02-29", "2014-00-10", "0000-01-01", "2014-03-04 25:00", "2014-03-04 24:01",
                                   "2014-03-04 9", "2014-03-04 09:60", "2014-03-04 09:12:61", "2014-03-04 13:00 PM", "2014-03-04 09:12 CET", "2014-03-04 09:12+99",
                                   "2014-03-04x", "2014-03-04 09:12 +0", "2014-3", "4/Nope/2014", "20140304123", "99999999999999999", "-5", "2014-03/04", "now", "infinity"})
        EXPECT_EQ(read(text), text == std::string("20140304123") ? "20140304123000 0" : text == std::string("2014-03-04 09:12 +0") ? "1393924320000 0" : "none") << text;
}

TEST(ImportDatetime, SurvivesAnything) {
    std::mt19937 random(3);
    const std::string alphabet = "0123456789 -/:.,+TZaMpJrch";
    for (int round = 0; round < 200000; round++) {
        std::string text;
        for (std::size_t i = random() % 24; i > 0; i--)
            text += alphabet[random() % alphabet.size()];
        if (const auto time = parse_datetime(text, DateOrder::day_first)) {
            EXPECT_LT(time->microseconds, 400'000'000'000'000'000) << text;
            EXPECT_GT(time->microseconds, -62'200'000'000'000'000) << text;
        }
    }
}
