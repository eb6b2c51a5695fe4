#include "core/search/language_tokenizer.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A text all in capitals shouts; its words are ordinary ones. One or two words in capitals may well be names.
bool capitals_mean_something(std::string_view text) {
    int words = 0;
    const std::string_view start = text.substr(0, 2048);
    for (std::size_t i = 0; i < start.size(); i++) {
        if (is_ascii_lower(start[i]))
            return true;
        if (!is_space(start[i]) && (i == 0 || is_space(start[i - 1])))
            words++;
    }
    return words <= 2;
}

bool ends_possessive(std::string_view letters) {
    constexpr std::string_view kEndings[] = {"s", "S", "t", "d", "m", "re", "ll", "ve"};
    return std::find(std::begin(kEndings), std::end(kEndings), letters) != std::end(kEndings);
}

} // namespace

Tokenizer::Tokenizer(std::string_view text, Encoding encoding)
    : text_(text), encoding_(encoding), capitals_are_acronyms_(capitals_mean_something(text)) {}

Piece Tokenizer::take(Token token, std::size_t length) {
    const Piece piece{token, text_.substr(position_, length)};
    position_ += length;
    return piece;
}

bool Tokenizer::alnum(std::size_t i) const {
    if (i >= text_.size())
        return false;
    const Kind kind = at(i).kind;
    return kind == Kind::letter || kind == Kind::digit;
}

std::size_t Tokenizer::run(std::size_t i) const {
    while (i < text_.size()) {
        const Character character = at(i);
        if (character.kind != Kind::letter && character.kind != Kind::digit)
            break;
        i += character.length;
    }
    return i;
}

bool Tokenizer::next(Piece &piece) {
    if (position_ >= text_.size())
        return false;
    const Character first = at(position_);
    if (first.kind == Kind::ideograph)
        piece = take(Token::ideograph, first.length);
    else if (first.kind == Kind::other)
        piece = starts_special(position_) ? special() : blank();
    else if (const std::size_t length = plain_word(position_))
        piece = take(Token::word, length);
    else
        piece = compound();
    return true;
}

// Most of a text: small letters, perhaps after a capital, that nothing is attached to.
std::size_t Tokenizer::plain_word(std::size_t i) const {
    const std::size_t start = i;
    if (!is_ascii_letter(byte(i)))
        return 0;
    while (is_ascii_lower(byte(++i)))
        ;
    if (i - start > kMaxRun)
        return 0;
    const char next = byte(i);
    if (i == text_.size() || is_space(next) || next == ',' || next == ')' || next == '"' || next == '\'')
        return i - start;
    // A full stop, colon and the like end a word unless something follows them at once.
    if ((next == '.' || next == ':' || next == '-' || next == '!' || next == '?' || next == ';') &&
        (i + 1 == text_.size() || is_space(text_[i + 1])))
        return i - start;
    return 0;
}

Piece Tokenizer::special() {
    const std::size_t i = position_;
    if (const std::size_t length = tag(i))
        return take(Token::tag, length);
    if (const std::size_t length = entity(i))
        return take(Token::entity, length);
    if (const std::size_t length = path(i))
        return take(Token::path, length);
    return take(Token::symbol, symbol(i));
}

bool Tokenizer::starts_special(std::size_t i) const {
    switch (text_[i]) {
    case '<': return tag(i) > 0;
    case '&': return entity(i) > 0;
    case '/': case '\\': case '~': return path(i) > 0;
    case '.': return path(i) > 0 || symbol(i) > 0;
    default: return false;
    }
}

Piece Tokenizer::blank() {
    std::size_t i = position_;
    // What an apostrophe leaves behind a word (user's, won't) is no word.
    const std::size_t quote = byte(i) == '\'' ? 1 : text_.substr(i, 3) == "\u2019" && encoding_ == Encoding::utf8 ? 3 : 0;
    if (quote > 0 && i > 0 && is_ascii_letter(text_[i - 1])) {
        const std::size_t end = run(i + quote);
        if (ends_possessive(text_.substr(i + quote, end - i - quote)))
            i = end;
    }
    while (i < text_.size() && i - position_ < kMaxBlank) {
        const Character character = at(i);
        if (character.kind != Kind::other || (i > position_ && starts_special(i)))
            break;
        i += character.length;
    }
    return take(Token::blank, i - position_);
}

// What joins two runs into one identifier, and how long it is.
std::size_t Tokenizer::connector(std::size_t i) const {
    std::size_t length = 0;
    switch (byte(i)) {
    case '-': case '.': case '\\': length = 1; break;
    case '_': length = std::min<std::size_t>(3, text_.find_first_not_of('_', i) - i); break;
    case ':': length = byte(i + 1) == ':' ? 2 : 0; break;
    case '&': length = i > 0 && is_ascii_upper(text_[i - 1]) && is_ascii_upper(byte(i + 1)) ? 1 : 0; break;
    default: return 0;
    }
    return length > 0 && alnum(i + length) ? length : 0;
}

Piece Tokenizer::compound() {
    const std::size_t start = position_;
    using Match = std::size_t (Tokenizer::*)(std::size_t) const;
    constexpr std::pair<Match, Token> kMatches[] = {
        {&Tokenizer::url, Token::url},       {&Tokenizer::email, Token::email},    {&Tokenizer::mac, Token::address},
        {&Tokenizer::ipv4, Token::address},  {&Tokenizer::ipv6, Token::address},   {&Tokenizer::path, Token::path},
        {&Tokenizer::version, Token::version}, {&Tokenizer::symbol, Token::symbol},
    };
    for (const auto &[match, token] : kMatches)
        if (const std::size_t length = (this->*match)(start))
            return take(token, length);

    std::size_t end = run(start);
    if (end - start > kMaxRun)
        return take(Token::endless, end - start);
    bool joined = false, hyphens_only = true, digits = false, accents = false, letters = false;
    const auto look = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; i++) {
            digits |= is_ascii_digit(text_[i]);
            letters |= is_ascii_letter(text_[i]);
            accents |= static_cast<unsigned char>(text_[i]) >= 0x80;
        }
    };
    look(start, end);
    while (const std::size_t length = connector(end)) {
        const std::size_t further = run(end + length);
        if (further - start > kMaxCompound || further - end > kMaxRun)
            break;
        hyphens_only = hyphens_only && text_[end] == '-';
        joined = true;
        look(end + length, further);
        end = further;
    }
    const std::string_view piece = text_.substr(start, end - start);
    if (joined)
        return take(hyphens_only && !digits ? Token::hyphenated : Token::identifier, piece.size());
    if (digits)
        return take(letters || accents ? Token::numword : Token::number, piece.size());
    if (accents)
        return take(Token::accented, piece.size());
    const auto capitals = static_cast<std::size_t>(std::count_if(piece.begin(), piece.end(), is_ascii_upper));
    if (capitals == piece.size())
        return take(capitals_are_acronyms_ && capitals >= 2 && capitals <= 5 ? Token::acronym : Token::word, piece.size());
    // A capital inside makes an identifier of a word: NullPointerException.
    return take(capitals > (is_ascii_upper(piece[0]) ? 1u : 0u) ? Token::identifier : Token::word, piece.size());
}

} // namespace ticketflow::core::search
