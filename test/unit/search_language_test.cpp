#include "core/search/language_document.h"
#include "core/search/language_parts.h"
#include "core/search/language_query.h"
#include "core/search/language_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace ticketflow::core::search;

namespace {

std::string alias(Token token) {
    for (const TokenName &name : kTokens)
        if (name.token == token)
            return name.alias;
    return "?";
}

// "alias:text" of each token but blanks.
std::vector<std::string> tokens(std::string_view text, Encoding encoding = Encoding::utf8) {
    std::vector<std::string> found;
    Tokenizer tokenizer(text, encoding);
    Piece piece;
    while (tokenizer.next(piece))
        if (piece.token != Token::blank)
            found.push_back(alias(piece.token) + ":" + std::string(piece.text));
    return found;
}

std::string all(const std::vector<std::string> &list) {
    std::string text;
    for (const std::string &item : list)
        text += (text.empty() ? "" : " ") + item;
    return text;
}

std::string parts(std::string_view token) {
    const Parts found = parts_of(token);
    return all(found.wholes) + " | " + all(found.parts);
}

} // namespace

TEST(SearchTokenizer, KeepsWhatATicketNames) {
    const std::pair<const char *, const char *> cases[] = {
        {"ORA-00600", "identifier:ORA-00600"},
        {"error 0x80070005.", "word:error numword:0x80070005"},
        {"HTTP 500", "acronym:HTTP number:500"},
        {"v2.13.4 2.13.4-rc1, 3.14", "version:v2.13.4 version:2.13.4-rc1 version:3.14"},
        {"C++ and C# (C++17) g++", "symbol:C++ word:and symbol:C# symbol:C++17 symbol:g++"},
        {".NET 4.8 ASP.NET", "symbol:.NET version:4.8 identifier:ASP.NET"},
        {"00:1A:2B:3c:4d:5e 001a.2b3c.4d5e", "address:00:1A:2B:3c:4d:5e address:001a.2b3c.4d5e"},
        {"ping 192.168.1.17, 10.0.0.1-10.0.0.5", "word:ping address:192.168.1.17 address:10.0.0.1 address:10.0.0.5"},
        {"fe80::1 and 12:30:45", "address:fe80::1 word:and number:12 number:30 number:45"},
        {"256.1.1.1", "version:256.1.1.1"},
        {"<j.doe+x@mail.example.com>", "email:j.doe+x@mail.example.com"},
        {"see https://example.com/a?b=1.", "word:see url:https://example.com/a?b=1"},
        {"(www.example.com)", "url:www.example.com"},
        {"C:\\Temp\\a.log, \\\\host\\share", "path:C:\\Temp\\a.log path:\\\\host\\share"},
        {"/var/log/syslog ~/x ./run src/main.cpp", "path:/var/log/syslog path:~/x path:./run path:src/main.cpp"},
        {"and/or TCP/IP", "word:and word:or acronym:TCP acronym:IP"},
        {"snake_case kebab-case CamelCase std::vector<int>",
         "identifier:snake_case hyphenated:kebab-case identifier:CamelCase identifier:std::vector word:int"},
        {"TKT-2026-0042", "identifier:TKT-2026-0042"},
        {"my IT dept.", "word:my acronym:IT word:dept"},
        {"IT IS ALL DOWN", "word:IT word:IS word:ALL word:DOWN"},
        {"user's don't", "word:user word:don"},
        {"a<b>b</b> <your name> x&nbsp;y", "word:a tag:<b> word:b tag:</b> word:your word:name word:x entity:&nbsp; word:y"},
        {"R&D", "identifier:R&D"},
        {"caf\u00e9 \u6253\u5370 \u2014 ok\u2026", "accented:caf\u00e9 ideograph:\u6253 ideograph:\u5370 word:ok"},
    };
    for (const auto &[text, expected] : cases)
        EXPECT_EQ(all(tokens(text)), expected) << text;
}

TEST(SearchTokenizer, LongRunsAreOneTokenThatIsNotIndexed) {
    const std::string blob(5000, 'a');
    EXPECT_EQ(all(tokens("x " + blob + " y")), "word:x endless:" + blob + " word:y");
    const std::string base64 = std::string(200, 'Q') + "1+" + std::string(200, 'z');
    for (const std::string &token : tokens(base64))
        EXPECT_TRUE(token.starts_with("endless:")) << token.substr(0, 20);
}

// Tokens never overlap and leave nothing out, whatever the bytes: the highlighter relies on it.
TEST(SearchTokenizer, TokensAreTheText) {
    std::mt19937 random(7);
    const std::string interesting = "aZ09 _-.:/\\@+#&<>~'\"\xc3\xa9\xe6\x89\x93\xff\x80\xf0\x9f\x98\x80;=?%[]";
    for (int round = 0; round < 20000; round++) {
        std::string text;
        const bool any = round % 4 == 0;
        for (std::size_t i = random() % 60; i > 0; i--)
            text += any ? static_cast<char>(random() % 255 + 1) : interesting[random() % interesting.size()];
        for (Encoding encoding : {Encoding::utf8, Encoding::latin, Encoding::other}) {
            std::string joined;
            Tokenizer tokenizer(text, encoding);
            Piece piece;
            while (tokenizer.next(piece)) {
                ASSERT_FALSE(piece.text.empty()) << text;
                ASSERT_NE(alias(piece.token), "?");
                joined += piece.text;
                parts_of(piece.text);
            }
            ASSERT_EQ(joined, text);
        }
    }
}

TEST(SearchParts, WholeAndParts) {
    const std::pair<const char *, const char *> cases[] = {
        {"ORA-00600", "ora-00600 ora00600 | ora 600"},
        {"0x80070005", "0x80070005 | 80070005"},
        {"0042", "42 | "},
        {"000", "0 | "},
        {"v2.13.4", "2.13.4 | 2 13 4"},
        {"C++", "c++ | "},
        {"C++17", "c++17 | c++ 17"},
        {"C#", "c# | "},
        {".NET", ".net | net"},
        {"e-mail", "email | e mail"},
        {"state-of-the-art", "state-of-the-art | state of the art"},
        {"NullPointerException", "nullpointerexception | null pointer exception"},
        {"HTTPServerError", "httpservererror | http server error"},
        {"iPhone", "iphone | "},
        {"user_id", "user_id userid | user id"},
        {"Windows10", "windows10 | windows 10"},
        {"a1b2c3", "a1b2c3 | "},
        {"00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e 001a2b3c4d5e | 0 1a 2b 3c 4d 5e"},
        {"001a.2b3c.4d5e", "00:1a:2b:3c:4d:5e 001a2b3c4d5e | 0 1a 2b 3c 4d 5e"},
        {"192.168.1.17", "192.168.1.17 | 192 168 1 17"},
        {"John.Smith@example.com", "john.smith@example.com | john smith example com"},
        {"https://example.com/a/", "example.com/a | example com a"},
        {"/var/log/app.log", "/var/log/app.log | var log app"},
        {"TKT-2026-0042", "tkt-2026-0042 | tkt 2026 42"},
        {"AT&T", "at&t att | at t"},
    };
    for (const auto &[token, expected] : cases)
        EXPECT_EQ(parts(token), expected) << token;
    EXPECT_EQ(parts_of(std::string(300, 'x') + "-y").wholes.size(), 0u) << "a whole beyond 255 bytes is left out";
    std::string many = "a";
    for (int i = 0; i < 100; i++)
        many += "/p" + std::to_string(i);
    EXPECT_EQ(parts_of(many).parts.size(), Parts::kMaxParts);
}

TEST(SearchParts, AccentsFold) {
    EXPECT_EQ(without_accents("caf\u00e9 na\u00efve \u0142\u00f3d\u017a stra\u00dfe \u0153uvre"), "cafe naive lodz strasse oeuvre");
    EXPECT_EQ(without_accents("\u6253 \u0434\u0430 \xff"), "\u6253 \u0434\u0430 \xff");
}

TEST(SearchQuery, TheLastWordMayGrow) {
    const auto split = [](std::string_view text) {
        const Typed typed = split_typed(text);
        return std::string(typed.before_or) + "/" + std::string(typed.head) + "/" + std::string(typed.last);
    };
    EXPECT_EQ(split("printer ja"), "/printer /ja");
    EXPECT_EQ(split("printer ja "), "/printer ja /");
    EXPECT_EQ(split("printer j"), "/printer j/");
    EXPECT_EQ(split("\"paper ja"), "/\"paper ja/");
    EXPECT_EQ(split("printer -ja"), "/printer -ja/");
    EXPECT_EQ(split("a or printer ja"), "a / printer /ja");
    EXPECT_EQ(split("\"a or b\" ja"), "/\"a or b\" /ja");
    EXPECT_EQ(split(""), "//");
}

TEST(SearchQuery, OperandsAreQuotedAndNested) {
    EXPECT_EQ(operand("it's a\\b", true), "'it''s a\\\\b':*");
    EXPECT_EQ(joined({"a", "b", "c"}, " | "), "(a | (b | c))");
    EXPECT_EQ(joined({}, " | "), "");
}

TEST(SearchDocument, StaysWithinPostgresLimits) {
    DocumentBuilder document;
    std::uint32_t added = 0;
    while (document.add("lexeme" + std::to_string(added), added, Label::C))
        added++;
    EXPECT_GT(added, 50000u);
    EXPECT_LE(document.bytes(), DocumentBuilder::kMaxBytes);
    EXPECT_LE(document.image_size(), sizeof(std::uint32_t) * (1 + document.lexemes()) + DocumentBuilder::kMaxBytes);

    DocumentBuilder repeated;
    for (std::uint32_t i = 0; i < 20000; i++)
        EXPECT_TRUE(repeated.add("same", i, Label::D));
    EXPECT_EQ(repeated.image_size(), 4u + 4u + 4u + 2u + 2u * DocumentBuilder::kMaxPositions);
    EXPECT_TRUE(repeated.add(std::string(3000, 'x'), 1, Label::A));
    EXPECT_EQ(repeated.lexemes(), 1u) << "a lexeme that cannot be stored is left out";
}
