#include "core/import/delimited.h"
#include "core/import/json.h"
#include "core/import/text.h"
#include "core/failure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

using namespace ticketflow::core;
using namespace ticketflow::core::import;

namespace {

// The input in pieces of `step` bytes: a reader must not care where they end.
ReadBytes bytes(std::string text, std::size_t step) {
    const auto held = std::make_shared<std::string>(std::move(text));
    return [held, step, at = std::size_t{0}](char *buffer, std::size_t size) mutable {
        const std::size_t got = held->copy(buffer, std::min(size, step), at);
        at += got;
        return got;
    };
}

std::string show(const Record &record) {
    std::string out = std::to_string(record.line) + ":";
    if (record.problem)
        return out + "!" + record.problem->code;
    for (const Field &field : record.fields)
        out += field.kind == Kind::null ? "|~" : "|" + std::string(field.value);
    return out;
}

std::vector<std::string> all(Reader &reader) {
    std::vector<std::string> result;
    for (Record record; reader.next(record);)
        result.push_back(show(record));
    return result;
}

using Lines = std::vector<std::string>;

Lines csv(const std::string &text, Dialect dialect = {}, std::size_t most = 1 << 20) {
    Lines first;
    for (const std::size_t step : {1, 2, 3, 7, 1 << 16}) {
        DelimitedReader reader(bytes(text, step), dialect, most);
        const Lines lines = all(reader);
        if (first.empty())
            first = lines;
        EXPECT_EQ(lines, first) << "in pieces of " << step;
    }
    return first;
}

const Dialect kTabs{'\t', 0, true, {}};

Lines json(const std::string &text, std::size_t most = 1 << 20) {
    Lines first;
    for (const std::size_t step : {1, 3, 1 << 16}) {
        JsonReader reader(bytes(text, step), most);
        const Lines lines = all(reader);
        if (first.empty())
            first = lines;
        EXPECT_EQ(lines, first) << "in pieces of " << step;
    }
    return first;
}

} // namespace

TEST(ImportCsv, ReadsQuotesLineEndsAndBlankLines) {
    EXPECT_EQ(csv("a,b\n1,2\r\n\r\n\"x, \"\"y\"\"\nz\",\n,\"\"\n"), (Lines{"2:|1|2", "4:|x, \"y\"\nz|", "6:||"}));
    EXPECT_EQ(csv("\xEF\xBB\xBF" "a,b\n1,2"), (Lines{"2:|1|2"})) << "byte order mark, no line feed at the end";
    EXPECT_EQ(csv("a\nit's 5\" wide\n"), (Lines{"2:|it's 5\" wide"})) << "a quote inside a field is text";
    EXPECT_EQ(csv("a,b\n1,x\ry\n"), (Lines{"2:|1|x\ry"})) << "a lone CR is text";
}

TEST(ImportCsv, RejectsOneRecordAndGoesOn) {
    EXPECT_EQ(csv("a,b\n1\n1,2,3\n4,5\n"), (Lines{"2:!22P04", "3:!22P04", "4:|4|5"}));
    EXPECT_EQ(csv("a,b\n1,\"open\n2,3\n4,5\n"), (Lines{"2:!22P04", "3:|2|3", "4:|4|5"})) << "a quote that never closes";
    EXPECT_EQ(csv("a,b\n1,\"x\"y\n2,3\n"), (Lines{"2:!22P04", "3:|2|3"}));
    EXPECT_EQ(csv("a,b\n1,\xE9t\xE9\n2,3\n"), (Lines{"2:!22021", "3:|2|3"})) << "Latin-1";
    EXPECT_EQ(csv(std::string("a,b\n1,x\0y\n2,3\n", 14)), (Lines{"2:!22021", "3:|2|3"})) << "NUL";
    const std::string shown = csv("a,b\n1," + std::string(700000, 'x') + "\n2,3\n", {}, 300000)[0];
    EXPECT_EQ(shown, "2:!54000") << "too long";
}

TEST(ImportCsv, KnowsItsHeader) {
    EXPECT_EQ(guess_delimiter("a;b;\"c,d,e,f\""), ';');
    EXPECT_EQ(guess_delimiter("a\tb"), '\t');
    EXPECT_EQ(guess_delimiter("a"), ',');
    DelimitedReader reader(bytes("a,,a\n", 9), {}, 1000);
    EXPECT_EQ(reader.columns(), (Lines{"a", "column_2", "a"}));
    EXPECT_THROW(DelimitedReader(bytes("", 1), {}, 1000), Failure);
    EXPECT_THROW(DelimitedReader(bytes("a\rb\r", 1), {}, 1000), Failure) << "CR line ends";
    EXPECT_THROW(DelimitedReader(bytes("\xFF\xFE" "a\0b", 1), {}, 1000), Failure) << "UTF-16";
    Dialect named;
    named.columns = {"x", "y"};
    EXPECT_EQ(csv("1,2\n", named), (Lines{"1:|1|2"}));
}

TEST(ImportTsv, ReadsEscapesOrNot) {
    EXPECT_EQ(csv("a\tb\n\"x\tC:\\\\temp\\tz\\n\\w\\\n\\N\t\\N2\n", kTabs), (Lines{"2:|\"x|C:\\temp\tz\n\\w\\", "3:|~|\\N2"}));
    EXPECT_EQ(csv("a\tb\n1\tC:\\temp\n", Dialect{'\t', 0, false, {}}), (Lines{"2:|1|C:\\temp"}));
}

TEST(ImportJson, ReadsObjects) {
    EXPECT_EQ(json(R"({"a": "x\n\u00e9\ud83d\ude00\"", "b": 1.5e3, "c": null, "d": [1, {"e": "]"}], "f": true})" "\n\n {} \r\n"),
              (Lines{"1:|x\né😀\"|1.5e3|~|[1, {\"e\": \"]\"}]|true", "3:"}));
    std::string arena;
    std::vector<std::string_view> parts;
    EXPECT_TRUE(read_json_array(R"(["a", 2, "b\tc", null, true])", arena, parts));
    EXPECT_EQ(parts, (std::vector<std::string_view>{"a", "2", "b\tc", "true"}));
    EXPECT_FALSE(read_json_array(R"([{"a": 1}])", arena, parts));
    EXPECT_FALSE(read_json_array("x", arena, parts));
}

TEST(ImportJson, RejectsOneRecordAndGoesOn) {
    for (const char *const bad : {"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "[1]x", "1", "{\"a\":01}", "{\"a\":1.}", "{\"a\":-}", "{\"a\":tru}",
                                  "{\"a\":\"\\ud800\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\t\"}", "{\"a\":\"\\u12\"}", "{a:1}", "{\"a\":1 \"b\":2}"})
        EXPECT_EQ(json(std::string("{}\n") + bad + "\n{\"ok\": 1}\n"), (Lines{"1:", "2:!22P02", "3:|1"})) << bad;
    EXPECT_EQ(json("{\"a\": \"\\u0000\"}\n"), (Lines{"1:!22021"}));
    EXPECT_EQ(json("{\"a\": \"\xC3\"}\n"), (Lines{"1:!22021"}));
    EXPECT_EQ(json("{\"a\": 1e99999}\n"), (Lines{"1:!22003"}));
    EXPECT_EQ(json("{\"a\": " + std::string(5000, '[') + "\n"), (Lines{"1:!54001"}));
    EXPECT_EQ(json("{\"a\": \"" + std::string(700000, 'x') + "\"}\n{}\n", 300000), (Lines{"1:!54000", "2:"}));
    EXPECT_THROW(JsonReader(bytes("[\n{}]", 1), 1000), Failure) << "one array";
}

TEST(ImportText, FindsWhatPostgresRefuses) {
    for (const char *const good : {"", "a", "é", "€", "😀", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "abcdefghé"})
        EXPECT_FALSE(text_problem(good)) << good;
    for (const char *const bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "é\xC3", "abcdefghij\xFF"})
        EXPECT_TRUE(text_problem(bad)) << bad;
}

// Whatever the bytes: every line is in some record or blank, positions grow, and reading again from a position gives the rest.
TEST(ImportReaders, SurviveAnything) {
    std::mt19937 random(7);
    const std::string alphabet = "ab,\t\"\"\n\n\r\\N{}[]:19.e\xC3\xA9\xFF-u0d8";
    for (int round = 0; round < 3000; round++) {
        std::string text = round % 3 == 0 ? "" : "a,b\n";
        for (std::size_t i = random() % 120; i > 0; i--)
            text += alphabet[random() % alphabet.size()];
        const std::size_t most = round % 7 == 0 ? 16 : 1 << 16;
        const auto make = [&](std::size_t step) -> std::unique_ptr<Reader> {
            Dialect dialect = round % 2 == 0 ? kTabs : Dialect{};
            if (round % 3 == 0)
                return std::make_unique<JsonReader>(bytes("\n" + text, step), most);
            return std::make_unique<DelimitedReader>(bytes(text, step), dialect, most);
        };
        try {
            const auto reader = make(1 + random() % 50);
            Lines whole;
            std::vector<std::uint64_t> ends;
            for (Record record; reader->next(record);) {
                ASSERT_TRUE(ends.empty() || record.end > ends.back());
                ends.push_back(record.end);
                whole.push_back(show(record));
            }
            if (ends.empty())
                continue;
            ASSERT_LE(ends.back(), text.size() + 1);
            const std::size_t middle = random() % ends.size();
            const auto again = make(1 + random() % 50);
            again->skip_to(ends[middle]);
            ASSERT_EQ(all(*again), Lines(whole.begin() + static_cast<std::ptrdiff_t>(middle) + 1, whole.end())) << text;
        } catch (const Failure &) { // no header
        }
    }
}
