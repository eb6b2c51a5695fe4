#include "core/numbering_mask.h"

#include "core/damm.h"
#include "core/failure.h"

#include <algorithm>

namespace ticketflow::core {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

[[noreturn]] void refuse(std::string message, std::string detail, std::string hint) {
    throw Failure(Condition::invalid_parameter_value, std::move(message), std::move(detail), std::move(hint));
}

// Somebody's text as it may stand in a message: not endless, cut where no character of several bytes is, and with control
// characters written out.
std::string printable(std::string_view text) {
    static constexpr size_t kMost = 64;
    static constexpr char kHex[] = "0123456789ABCDEF";
    size_t end = std::min(text.size(), kMost);
    while (end < text.size() && end > 0 && static_cast<unsigned char>(text[end - 1]) >= 0x80)
        --end;
    std::string result;
    for (const char c : text.substr(0, end)) {
        if (c == '\n' || c == '\t' || c == '\r')
            result.append(1, '\\').append(1, c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c >= 0 && (c < ' ' || c == 0x7f))
            result.append("\\x").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
        else
            result += c;
    }
    return end < text.size() ? result + "..." : result;
}

constexpr const char *kTokens =
    "Tokens are {prefix}, {YYYY}, {YY}, {MM}, {DD}, {queue}, {category}, {####} and {check}.";

} // namespace

void append_padded(std::string &to, int64_t value, int width) {
    char digits[32];
    char *const end = digits + sizeof digits, *first = end;
    for (; value || first == end; value /= 10)
        *--first = static_cast<char>('0' + value % 10);
    while (end - first < width)
        *--first = '0';
    to.append(first, static_cast<size_t>(end - first));
}

std::string period_of(Reset reset, const Date &date) {
    std::string period;
    if (reset == Reset::never)
        return period;
    append_padded(period, date.year, 4);
    if (reset != Reset::year)
        append_padded(period += '-', date.month, 2);
    if (reset == Reset::day)
        append_padded(period += '-', date.day, 2);
    return period;
}

Reset reset_from(std::string_view word) {
    if (word == "never")
        return Reset::never;
    if (word == "year")
        return Reset::year;
    if (word == "month")
        return Reset::month;
    if (word == "day")
        return Reset::day;
    refuse("unknown reset \"" + printable(word) + "\"", "", "A series resets by year, month, day or never.");
}

void check_prefix(std::string_view prefix) {
    if (prefix.empty() || prefix.size() > kMaxPrefix || !std::all_of(prefix.begin(), prefix.end(), is_alnum))
        refuse("ticket prefix \"" + printable(prefix) + "\" is not valid",
               prefix.empty()               ? "It is empty."
               : prefix.size() > kMaxPrefix ? "It is " + std::to_string(prefix.size()) + " bytes long."
                                            : "It holds something else than ASCII letters and digits.",
               "A prefix is 1 to 10 ASCII letters and digits, for example TKT.");
}

std::string code_from(std::string_view value) {
    std::string code;
    for (const char c : value)
        if (is_alnum(c) && code.size() < kMaxCode)
            code += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return code.empty() ? std::string(kNoCode) : code;
}

Mask::Mask(std::string_view text) : text_(text) {
    if (text.empty() || text.size() > 60)
        refuse("a ticket number mask is 1 to 60 bytes long", "", "For example {prefix}-{YYYY}-{####}.");
    for (size_t at = 0; at < text.size();) {
        if (text[at] == '{') {
            const size_t end = text.find('}', at);
            if (end == std::string_view::npos)
                refuse("mask \"" + printable(text) + "\" has an opening brace without its end", "", kTokens);
            add(text.substr(at + 1, end - at - 1));
            at = end + 1;
            continue;
        }
        const char c = text[at++];
        if (!is_alnum(c) && std::string_view("-_/.:# ").find(c) == std::string_view::npos)
            refuse("mask \"" + printable(text) + "\" holds a character that a ticket number cannot have",
                   "Besides tokens a mask holds ASCII letters, digits and - _ / . : # and space.", kTokens);
        if (tokens_.empty() || tokens_.back().kind != Kind::literal)
            tokens_.push_back({Kind::literal, {}});
        tokens_.back().text += c;
    }
    check_shape();
}

void Mask::add(std::string_view name) {
    static constexpr struct {
        std::string_view name;
        Kind kind;
    } kNames[] = {{"prefix", Kind::prefix}, {"YYYY", Kind::year4},       {"YY", Kind::year2},
                  {"MM", Kind::month},      {"DD", Kind::day},           {"check", Kind::check},
                  {"queue", Kind::queue},   {"category", Kind::category}};
    Kind kind = Kind::number;
    if (name.empty() || name.find_first_not_of('#') != std::string_view::npos) {
        const auto *found =
            std::find_if(std::begin(kNames), std::end(kNames), [&](const auto &n) { return n.name == name; });
        if (found == std::end(kNames))
            refuse("mask \"" + printable(text_) + "\" has an unknown token {" + printable(name) + "}", "",
                   kTokens);
        kind = found->kind;
    } else {
        width_ = static_cast<int>(name.size());
    }
    if (has(kind))
        refuse("mask \"" + printable(text_) + "\" has the token {" + printable(name) + "} twice", "",
               kTokens);
    tokens_.push_back({kind, {}, width_});
}

void Mask::check_shape() const {
    if (!has(Kind::number))
        refuse("mask \"" + printable(text_) + "\" has no number", "",
               "Add {####}: as many # as the number has digits at least.");
    if (width_ > 12)
        refuse("mask \"" + printable(text_) + "\" has more than 12 digits in its number", "",
               "The width is a floor: {####} grows to five digits after 9999.");
    // Numbers grow and codes vary in length: what follows must not read as a part of them.
    for (size_t i = 0; i + 1 < tokens_.size(); ++i) {
        const Token &here = tokens_[i], &next = tokens_[i + 1];
        const bool digits_next = next.kind != Kind::literal && next.kind != Kind::prefix &&
                                 next.kind != Kind::queue && next.kind != Kind::category;
        const char first = next.kind == Kind::literal ? next.text.front() : digits_next ? '0' : 'A';
        const bool open_end = here.kind == Kind::queue || here.kind == Kind::category;
        if ((here.kind == Kind::number && next.kind != Kind::check && is_digit(first)) ||
            (here.kind == Kind::number && first == 'A' && next.kind != Kind::literal) ||
            (open_end && is_alnum(first)))
            refuse("mask \"" + printable(text_) + "\" cannot be read back",
                   "A number, queue or category has no fixed length and something like it follows at once.",
                   "Put a separator between them, for example a hyphen.");
    }
}

bool Mask::has(Kind kind) const {
    return std::any_of(tokens_.begin(), tokens_.end(), [kind](const Token &t) { return t.kind == kind; });
}

size_t Mask::digits(int64_t number) const {
    size_t count = 1;
    while (number /= 10)
        ++count;
    return std::max(count, static_cast<size_t>(width_));
}

void Mask::check_covers(Reset reset) const {
    const bool year = has(Kind::year4) || has(Kind::year2);
    if ((reset != Reset::never && !year) ||
        ((reset == Reset::month || reset == Reset::day) && !has(Kind::month)) ||
        (reset == Reset::day && !has(Kind::day)))
        refuse("mask \"" + text_ + "\" would repeat numbers",
               "The series starts again in each period, and the mask does not show the period.",
               "Add {YYYY}, {MM} or {DD} to the mask, or let the series reset never.");
}

void Mask::check_year(Reset reset, int year) const {
    if (reset != Reset::never && !has(Kind::year4) && (year < 2000 || year > 2099))
        throw Failure(Condition::invalid_datetime, "mask \"" + text_ + "\" cannot number the year " + std::to_string(year),
                      "{YY} shows two digits of the year and stands for 2000 to 2099.",
                      "Write {YYYY} in the mask of the series.");
}

void Mask::append(std::string &to, const Token &token, const NumberParts &parts) {
    switch (token.kind) {
    case Kind::literal:
        to += token.text;
        break;
    case Kind::prefix:
        to += parts.prefix;
        break;
    case Kind::year4:
        append_padded(to, parts.date.year, 4);
        break;
    case Kind::year2:
        append_padded(to, parts.date.year % 100, 2);
        break;
    case Kind::month:
        append_padded(to, parts.date.month, 2);
        break;
    case Kind::day:
        append_padded(to, parts.date.day, 2);
        break;
    case Kind::number:
        append_padded(to, parts.number, token.width);
        break;
    case Kind::queue:
        to += parts.queue.empty() ? std::string(kNoCode) : parts.queue;
        break;
    case Kind::category:
        to += parts.category.empty() ? std::string(kNoCode) : parts.category;
        break;
    case Kind::check: // made of all the others
        break;
    }
}

std::string Mask::render(const NumberParts &parts) const {
    std::string result;
    result.reserve(40);
    size_t check_at = std::string::npos;
    for (const Token &token : tokens_) {
        if (token.kind == Kind::check)
            check_at = result.size();
        append(result, token, parts);
    }
    if (check_at != std::string::npos)
        result.insert(check_at, 1, damm_digit(result));
    return result;
}

std::optional<std::string> Mask::stem(const NumberParts &parts) const {
    if (tokens_.back().kind != Kind::number || has(Kind::check))
        return std::nullopt;
    std::string result;
    for (size_t i = 0; i + 1 < tokens_.size(); ++i)
        append(result, tokens_[i], parts);
    return result;
}

} // namespace ticketflow::core
