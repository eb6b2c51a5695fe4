#include "core/numbering_mask.h"
#include "core/numbering_permute.h"
#include "core/numbering_read.h"

#include "core/failure.h"

#include <gtest/gtest.h>

#include <set>

using namespace ticketflow::core;

namespace {

std::string render(const char *mask, int64_t number, Date date = {2026, 3, 9}) {
    return Mask(mask).render({"TKT", date, number, "", ""});
}

std::string refusal(const std::string &mask) {
    try {
        Mask{mask};
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.condition, Condition::invalid_parameter_value);
        EXPECT_FALSE(failure.hint.empty());
        return failure.message;
    }
    return "accepted";
}

struct Desk {
    Mask plain{"{prefix}-{YYYY}-{####}"}, checked{"{prefix}-{YYYY}-{####}{check}"},
        daily{"{YYYY}{MM}{DD}{#####}"}, coded{"{prefix}/{category}/{YY}/{###}"};
    Reader reader{{{"TKT", &plain, Reset::year},
                   {"HD", &checked, Reset::year},
                   {"OTRS", &daily, Reset::day},
                   {"OPS", &coded, Reset::year}},
                  [](const std::string &prefix) { return prefix == "NEW"; }};

    std::string whole(const char *text) const {
        const auto reading = reader.whole(text);
        return reading ? reading->canonical + (reading->check_ok ? "" : " wrong") : "none";
    }
    std::vector<std::string> all(const std::string &text) const {
        std::vector<std::string> found;
        for (size_t from = 0;;) {
            const auto reading = reader.next(text, from);
            if (!reading)
                return found;
            found.push_back(reading->canonical);
            from = reading->end;
        }
    }
};

} // namespace

TEST(Mask, RendersTokens) {
    EXPECT_EQ(render("{prefix}-{YYYY}-{####}", 42), "TKT-2026-0042");
    EXPECT_EQ(render("{prefix}-{YYYY}-{####}", 9999), "TKT-2026-9999");
    EXPECT_EQ(render("{prefix}-{YYYY}-{####}", 10000), "TKT-2026-10000");
    EXPECT_EQ(render("{YYYY}{MM}{DD}{#####}", 7), "2026030900007");
    EXPECT_EQ(render("{YY}/{#}", 7, {2009, 1, 1}), "09/7");
    EXPECT_EQ(render("A {prefix}_{queue}.{category}:{##}", 1), "A TKT_GEN.GEN:01");
    EXPECT_EQ(render("{prefix}{check}-{###}", 572), "TKT4-572");
    const NumberParts parts{"TKT", {2026, 3, 9}, 0, "", ""};
    EXPECT_EQ(Mask("{prefix}-{YYYY}-{####}").stem(parts), "TKT-2026-");
    EXPECT_EQ(Mask("{prefix}-{####}-{YYYY}").stem(parts), std::nullopt);
    EXPECT_EQ(Mask("{prefix}{check}-{###}").stem(parts), std::nullopt);
}

TEST(Mask, RefusesWhatCannotBeANumber) {
    EXPECT_NE(refusal("{prefix}-{YYYY}").find("no number"), std::string::npos);
    EXPECT_NE(refusal("{prefix}-{year}-{###}").find("unknown token"), std::string::npos);
    EXPECT_NE(refusal("{###}-{##}").find("twice"), std::string::npos);
    EXPECT_NE(refusal("{###").find("without its end"), std::string::npos);
    EXPECT_NE(refusal("").find("1 to 60"), std::string::npos);
    EXPECT_NE(refusal("{###}%").find("cannot have"), std::string::npos);
    EXPECT_NE(refusal("{###}\n").find("cannot have"), std::string::npos);
    EXPECT_NE(refusal("\xc3\x84{###}").find("cannot have"), std::string::npos);
    EXPECT_NE(refusal("{####}{YYYY}").find("read back"), std::string::npos);
    EXPECT_NE(refusal("{####}1").find("read back"), std::string::npos);
    EXPECT_NE(refusal("{category}{####}").find("read back"), std::string::npos);
    EXPECT_NE(refusal("{#############}").find("12 digits"), std::string::npos);
    EXPECT_EQ(refusal("{prefix}{YYYY}{####}{check}"), "accepted");
}

TEST(Mask, MustShowThePeriodInWhichItCounts) {
    EXPECT_NO_THROW(Mask("{YY}{MM}-{###}").check_covers(Reset::month));
    EXPECT_NO_THROW(Mask("{###}").check_covers(Reset::never));
    EXPECT_THROW(Mask("{###}").check_covers(Reset::year), Failure);
    EXPECT_THROW(Mask("{YYYY}-{###}").check_covers(Reset::month), Failure);
    EXPECT_THROW(Mask("{YYYY}{MM}-{###}").check_covers(Reset::day), Failure);
}

TEST(Prefix, IsShortAndPlain) {
    for (const char *good : {"T", "TKT", "hd", "2026", "ABCDEFGHIJ"})
        EXPECT_NO_THROW(check_prefix(good)) << good;
    for (const char *bad : {"", "TOOLONGPREF", "AB-1", " HD", "HD\n", "TKT%",
                            "\xc3\x84"
                            "BC",
                            "A_B"})
        EXPECT_THROW(check_prefix(bad), Failure) << bad;
}

TEST(Period, IsTheKeyOfACounter) {
    EXPECT_EQ(period_of(Reset::never, {2026, 3, 9}), "");
    EXPECT_EQ(period_of(Reset::year, {2026, 3, 9}), "2026");
    EXPECT_EQ(period_of(Reset::month, {2026, 3, 9}), "2026-03");
    EXPECT_EQ(period_of(Reset::day, {2026, 3, 9}), "2026-03-09");
}

TEST(Reader, AcceptsWhatPeopleType) {
    const Desk desk;
    for (const char *typed :
         {"TKT-2026-0042", "tkt-2026-0042", "tkt 2026 42", "#TKT2026-42", "[TKT-2026-0042]", " TKT_2026_42 ",
          "TKT202642", "tkt/2026/042", "TKT - 2026 - 42"})
        EXPECT_EQ(desk.whole(typed), "TKT-2026-0042") << typed;
    EXPECT_EQ(desk.whole("TKT-2026-123456"), "TKT-2026-123456");
    EXPECT_EQ(desk.whole("2026030900007"), "2026030900007");
    EXPECT_EQ(desk.whole("ops bug 26 7"), "OPS/BUG/26/007");
}

TEST(Reader, RefusesWhatIsNoNumber) {
    const Desk desk;
    for (const char *typed : {"", "#", "TKT", "TKT-2026", "TKT-2026-", "TKT-26-0042", "TKT-2026-0042x",
                              "TKT-2026-0000", "TKT-2026-1234567890123",
                              "\xc3\x84"
                              "BC-2026-0001",
                              "2026139900007", "may 2026 12"})
        EXPECT_EQ(desk.whole(typed), "none") << typed;
}

TEST(Reader, VerifiesTheCheckDigit) {
    const Desk desk;
    const std::string right = desk.checked.render({"HD", {2026, 1, 1}, 42, "", ""});
    EXPECT_EQ(desk.whole(right.c_str()), right);
    int wrong = 0;
    for (char digit = '0'; digit <= '9'; ++digit) {
        std::string other = right;
        other.back() = digit;
        wrong += desk.whole(other.c_str()) == right + " wrong";
    }
    EXPECT_EQ(wrong, 9);
    std::string longer = desk.checked.render({"HD", {2026, 1, 1}, 10000, "", ""});
    EXPECT_EQ(desk.whole(("hd 2026 " + longer.substr(8)).c_str()), longer);
}

TEST(Reader, FindsNumbersInText) {
    const Desk desk;
    using List = std::vector<std::string>;
    EXPECT_EQ(desk.all("Re: [TKT-2026-0042] printer"), List{"TKT-2026-0042"});
    EXPECT_EQ(desk.all("tkt 2026 42, TKT-2026-0043 and TKT-2026-0044x"),
              (List{"TKT-2026-0042", "TKT-2026-0043"}));
    EXPECT_EQ(desk.all("\xe5\x85\xb3\xe4\xba\x8eTKT-2026-0042\xe7\x9a\x84"), List{"TKT-2026-0042"});
    EXPECT_EQ(desk.all("in May 2026 42 people, version 1.2, CVE-2026-1234"), List{"CVE-2026-1234"});
    EXPECT_EQ(desk.all("new 2026 7"), List{"NEW-2026-0007"});
    EXPECT_EQ(desk.all(std::string(100000, 'a') + " -"), List{});
}

TEST(Reader, ReadsExactlyWhatASeriesWrites) {
    const Desk desk;
    const ReadableSeries series{"TKT", &desk.plain, Reset::year};
    EXPECT_TRUE(Reader::exact(series, "TKT-2026-0042"));
    EXPECT_TRUE(Reader::exact(series, "TKT-2026-12345"));
    for (const char *other :
         {"TKT-2026-42", "tkt-2026-0042", "TKT-2026-0042 ", "TKT-2026-00042", "TKT 2026 0042"})
        EXPECT_FALSE(Reader::exact(series, other)) << other;
    EXPECT_EQ(Reader::exact(series, "TKT-2026-12345")->period, "2026");
}

TEST(Permutation, IsOneToOneKeepsTheLengthAndIsReversible) {
    for (const int width : {1, 2, 3, 4}) {
        std::set<int64_t> seen;
        for (int64_t n = 1; n < 20000; ++n) {
            const int64_t shown = permute_number(0x1234567890abcdef, "2026", width, n);
            ASSERT_TRUE(seen.insert(shown).second) << n;
            ASSERT_EQ(unpermute_number(0x1234567890abcdef, "2026", width, shown), n);
            // From the width on, numbers of one length change places among themselves.
            const bool same_length =
                n >= 10000 ? shown >= 10000 && shown < 100000 : width < 4 || shown < 10000;
            ASSERT_TRUE(shown >= 1 && same_length) << n;
        }
    }
    const int64_t large = 987654321098;
    EXPECT_EQ(unpermute_number(7, "", 4, permute_number(7, "", 4, large)), large);
}

TEST(Permutation, DependsOnKeyAndPeriodAndHidesTheOrder) {
    int same_key = 0, same_period = 0, rising = 0;
    for (int64_t n = 1; n < 1000; ++n) {
        same_key += permute_number(1, "2026", 4, n) == permute_number(2, "2026", 4, n);
        same_period += permute_number(1, "2026", 4, n) == permute_number(1, "2027", 4, n);
        rising += permute_number(1, "2026", 4, n + 1) > permute_number(1, "2026", 4, n);
    }
    EXPECT_LT(same_key, 10);
    EXPECT_LT(same_period, 10);
    EXPECT_GT(rising, 400);
    EXPECT_LT(rising, 600);
}

TEST(Masks, MeetWhereTwoSeriesCouldWriteTheSame) {
    struct {
        const char *one, *prefix, *other, *other_prefix;
        bool meet;
    } const cases[] = {
        {"{prefix}-{YYYY}-{####}", "TKT", "{prefix}-{YYYY}-{####}", "HELP", false},
        {"{prefix}-{YYYY}-{####}", "TKT", "{prefix}-{YYYY}-{####}", "TKT2", false},
        {"{prefix}{YYYY}-{####}", "A", "{prefix}{YYYY}-{####}", "A1", false},
        {"{prefix}{#}", "C1", "{prefix}1{#}", "C", true},
        {"{prefix}{####}", "B1", "{prefix}{#####}", "B", true},
        {"{####}", "A", "{#####}", "B", true},
        {"{YYYY}{####}", "A", "{YYYY}{MM}{DD}{#####}", "B", true},
        {"{YYYY}-{####}", "A", "{YYYY}/{####}", "B", false},
        {"{category}-{###}", "A", "{prefix}-{###}", "BUG", true},
        {"{category}-{###}", "A", "{prefix}/{###}", "BUG", false},
        {"{prefix}-{###}{check}", "A", "{prefix}-{####}", "A", true},
        {"N{###}", "A", "n{###}", "B", false},
    };
    for (const auto &it : cases) {
        EXPECT_EQ(can_meet(Mask(it.one), it.prefix, Mask(it.other), it.other_prefix), it.meet) << it.one << " " << it.other;
        EXPECT_EQ(can_meet(Mask(it.other), it.other_prefix, Mask(it.one), it.prefix), it.meet) << it.other << " " << it.one;
    }
}

TEST(Mask, TwoDigitsOfAYearAreOfThisCentury) {
    EXPECT_NO_THROW(Mask("{YY}-{###}").check_year(Reset::year, 2099));
    EXPECT_NO_THROW(Mask("{YYYY}-{###}").check_year(Reset::year, 1926));
    EXPECT_NO_THROW(Mask("{YY}-{###}").check_year(Reset::never, 1926));
    EXPECT_THROW(Mask("{YY}-{###}").check_year(Reset::year, 1999), Failure);
    EXPECT_THROW(Mask("{YY}{MM}-{###}").check_year(Reset::month, 2100), Failure);
}

TEST(Prefix, IsShownAsItWasGiven) {
    const auto message = [](const std::string &prefix) {
        try {
            check_prefix(prefix);
        } catch (const Failure &failure) {
            return failure.message;
        }
        return std::string();
    };
    EXPECT_EQ(message("\xc3\x96"), "ticket prefix \"\xc3\x96\" is not valid");
    EXPECT_EQ(message("a\n\x01"), "ticket prefix \"a\\n\\x01\" is not valid");
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "a\xc3\x96";
    EXPECT_EQ(message(many).find("\xc3\"") , std::string::npos);
    EXPECT_LT(message(many).size(), 110u);
}

TEST(Reader, ReadsTheDashesOfWordProcessors) {
    EXPECT_EQ(with_plain_separators("TKT\xe2\x80\x93" "2026\xe2\x80\x91" "0045"), "TKT-2026-0045");
    EXPECT_EQ(with_plain_separators("a\xc2\xa0" "b\xe2\x88\x92" "c\xe2\x80\xaf" "d"), "a b-c d");
    EXPECT_EQ(with_plain_separators("\xe2\x82\xac \xe2\x80"), "\xe2\x82\xac \xe2\x80");
}
