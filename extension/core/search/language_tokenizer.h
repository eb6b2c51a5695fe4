// Cuts the text of a ticket into tokens. Tokens never overlap and together are the whole text: identifiers, error codes,
// versions, paths and addresses stay in one piece here, their parts are found by language_parts.h.
#pragma once

#include "core/search/language_letters.h"

#include <cstddef>
#include <string_view>

namespace ticketflow::core::search {

// The numbers are those of PostgreSQL's own parser where the meaning is the same: its headline code knows them.
enum class Token : int {
    word = 1,         // ASCII letters
    accented = 2,     // letters, some beyond ASCII
    numword = 3,      // letters and digits
    email = 4,
    version = 8,      // digits joined by dots: v2.13.4, 3.14
    blank = 12,       // spaces, punctuation and signs
    tag = 13,         // of HTML
    url = 18,
    path = 19,
    number = 22,      // digits
    entity = 23,      // of HTML
    identifier = 24,  // ORA-00600, snake_case, CamelCase, a.b.c, std::vector
    hyphenated = 25,  // words joined by hyphens
    acronym = 26,     // two to five capitals: IT, US, VPN
    symbol = 27,      // C++, C#, .NET
    address = 28,     // MAC and IP
    ideograph = 29,   // one character of a script without spaces
    endless = 30,     // a run longer than any word: encoded data
};

struct TokenName {
    Token token;
    const char *alias, *description;
};
inline constexpr TokenName kTokens[] = {
    {Token::word, "word", "Word, ASCII letters"},
    {Token::accented, "accented", "Word, letters beyond ASCII"},
    {Token::numword, "numword", "Letters and digits"},
    {Token::email, "email", "E-mail address"},
    {Token::version, "version", "Version or decimal number"},
    {Token::blank, "blank", "Spaces, punctuation and signs"},
    {Token::tag, "tag", "HTML tag"},
    {Token::url, "url", "URL"},
    {Token::path, "path", "File path"},
    {Token::number, "number", "Digits"},
    {Token::entity, "entity", "HTML entity"},
    {Token::identifier, "identifier", "Identifier or error code"},
    {Token::hyphenated, "hyphenated", "Words joined by hyphens"},
    {Token::acronym, "acronym", "Two to five capital letters"},
    {Token::symbol, "symbol", "Name with signs, as C++"},
    {Token::address, "address", "MAC or IP address"},
    {Token::ideograph, "ideograph", "Character of a script without spaces"},
    {Token::endless, "endless", "Run longer than any word"},
};

struct Piece {
    Token token;
    std::string_view text;
};

class Tokenizer {
  public:
    static constexpr std::size_t kMaxRun = 128;       // bytes of letters and digits; longer is `endless`
    static constexpr std::size_t kMaxCompound = 255;  // bytes of an identifier
    static constexpr std::size_t kMaxLong = 1024;     // bytes of a URL, path or e-mail address
    static constexpr std::size_t kMaxBlank = 256;

    Tokenizer(std::string_view text, Encoding encoding);

    // False at the end of the text.
    bool next(Piece &piece);

  private:
    Piece take(Token token, std::size_t length);
    Character at(std::size_t i) const { return character_at(text_, i, encoding_); }
    bool alnum(std::size_t i) const;
    char byte(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
    bool starts_special(std::size_t i) const;
    std::size_t run(std::size_t i) const;  // the end of the letters and digits from i on

    // Each says how long what it looks for is at i, 0 for not there.
    std::size_t plain_word(std::size_t i) const;
    std::size_t url(std::size_t i) const;
    std::size_t email(std::size_t i) const;
    std::size_t mac(std::size_t i) const;
    std::size_t ipv4(std::size_t i) const;
    std::size_t ipv6(std::size_t i) const;
    std::size_t path(std::size_t i) const;
    std::size_t version(std::size_t i) const;
    std::size_t symbol(std::size_t i) const;
    std::size_t tag(std::size_t i) const;
    std::size_t entity(std::size_t i) const;
    std::size_t connector(std::size_t i) const;

    Piece special();
    Piece compound();
    Piece blank();

    std::string_view text_;
    Encoding encoding_;
    std::size_t position_ = 0;
    bool capitals_are_acronyms_;
};

} // namespace ticketflow::core::search
