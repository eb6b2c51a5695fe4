#include "core/numbering_read.h"

#include "core/damm.h"

#include <algorithm>

namespace ticketflow::core {

namespace {

constexpr size_t kMaxDigits = 12;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
// ASCII only: a number may follow a Chinese sentence without a space.
bool is_word(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}
bool is_separator(char c) {
    return std::string_view("-_/.:# \t").find(c) != std::string_view::npos;
}

enum class Tolerance { none, separators, separators_and_case };

// Matches one mask against a text at a position, going back where a token of open length took too much.
class Matcher {
  public:
    Matcher(const ReadableSeries &series, std::string_view text, Tolerance tolerance, bool to_end)
        : series_(series), tokens_(series.mask->tokens()), text_(text), tolerance_(tolerance),
          to_end_(to_end) {}

    std::optional<Reading> at(size_t begin) {
        parts_ = {};
        parts_.prefix = series_.prefix;
        check_ = '\0';
        end_ = 0;
        if (!match(0, begin))
            return std::nullopt;
        Reading reading;
        reading.parts = parts_;
        reading.period = period_of(series_.reset, parts_.date);
        reading.canonical = series_.mask->render(parts_);
        reading.begin = begin;
        reading.end = end_;
        if (check_) {
            reading.check_expected = check_digit(reading.canonical);
            reading.check_ok = check_ == reading.check_expected;
        }
        return reading;
    }

  private:
    // The digit that render() put into the canonical text.
    char check_digit(const std::string &canonical) const {
        size_t after = 0;
        for (auto token = tokens_.rbegin(); token->kind != Mask::Kind::check; ++token)
            after += length(*token);
        return canonical[canonical.size() - after - 1];
    }

    size_t length(const Mask::Token &token) const {
        switch (token.kind) {
        case Mask::Kind::literal:
            return token.text.size();
        case Mask::Kind::prefix:
            return parts_.prefix.size();
        case Mask::Kind::year4:
            return 4;
        case Mask::Kind::number:
            return std::max<size_t>(static_cast<size_t>(token.width), std::to_string(parts_.number).size());
        case Mask::Kind::queue:
            return parts_.queue.size();
        case Mask::Kind::category:
            return parts_.category.size();
        case Mask::Kind::check:
            return 1;
        default:
            return 2;
        }
    }

    bool match(size_t token, size_t pos) {
        if (token == tokens_.size()) {
            end_ = pos;
            return to_end_ ? pos == text_.size() : pos == text_.size() || !is_word(text_[pos]);
        }
        const Mask::Token &want = tokens_[token];
        switch (want.kind) {
        case Mask::Kind::literal:
            return match_text(want.text, pos) && match(token + 1, pos);
        case Mask::Kind::prefix:
            return match_text(series_.prefix, pos) && match(token + 1, pos);
        case Mask::Kind::year4:
            return match_date(pos, 4, parts_.date.year, 1, 9999) && match(token + 1, pos);
        case Mask::Kind::year2:
            if (!match_date(pos, 2, parts_.date.year, 0, 99))
                return false;
            parts_.date.year += 2000;
            return match(token + 1, pos);
        case Mask::Kind::month:
            return match_date(pos, 2, parts_.date.month, 1, 12) && match(token + 1, pos);
        case Mask::Kind::day:
            return match_date(pos, 2, parts_.date.day, 1, 31) && match(token + 1, pos);
        case Mask::Kind::number:
            return match_number(token, pos);
        case Mask::Kind::queue:
            return match_code(token, pos, parts_.queue);
        case Mask::Kind::category:
            return match_code(token, pos, parts_.category);
        case Mask::Kind::check:
            if (pos >= text_.size() || !is_digit(text_[pos]))
                return false;
            check_ = text_[pos];
            return match(token + 1, pos + 1);
        }
        return false;
    }

    bool match_text(std::string_view want, size_t &pos) const {
        for (const char c : want) {
            if (tolerance_ != Tolerance::none && is_separator(c)) {
                for (int run = 0; run < 3 && pos < text_.size() && is_separator(text_[pos]); ++run)
                    ++pos;
                continue;
            }
            if (pos >= text_.size() ||
                (tolerance_ == Tolerance::separators_and_case ? lower(text_[pos]) != lower(c)
                                                              : text_[pos] != c))
                return false;
            ++pos;
        }
        return true;
    }

    bool match_date(size_t &pos, size_t digits, int &value, int least, int most) const {
        if (pos + digits > text_.size())
            return false;
        value = 0;
        for (size_t i = 0; i < digits; ++i, ++pos) {
            if (!is_digit(text_[pos]))
                return false;
            value = value * 10 + (text_[pos] - '0');
        }
        return value >= least && value <= most;
    }

    bool match_number(size_t token, size_t pos) {
        size_t digits = 0;
        while (digits <= kMaxDigits + 1 && pos + digits < text_.size() && is_digit(text_[pos + digits]))
            ++digits;
        for (digits = std::min(digits, kMaxDigits); digits > 0; --digits) {
            parts_.number = 0;
            for (size_t i = 0; i < digits; ++i)
                parts_.number = parts_.number * 10 + (text_[pos + i] - '0');
            if (parts_.number > 0 && match(token + 1, pos + digits))
                return true;
        }
        return false;
    }

    bool match_code(size_t token, size_t pos, std::string &code) {
        size_t length = 0;
        while (length < kMaxCode && pos + length < text_.size() && is_word(text_[pos + length]))
            ++length;
        if (length == 0)
            return false;
        code = text_.substr(pos, length);
        if (tolerance_ == Tolerance::separators_and_case)
            std::transform(code.begin(), code.end(), code.begin(), [](char c) {
                return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            });
        return match(token + 1, pos + length);
    }

    const ReadableSeries &series_;
    const std::vector<Mask::Token> &tokens_;
    const std::string_view text_;
    const Tolerance tolerance_;
    const bool to_end_;
    NumberParts parts_;
    char check_ = '\0';
    size_t end_ = 0;
};

const Mask &default_mask() {
    static const Mask mask(kDefaultMask);
    return mask;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

} // namespace

std::string with_plain_separators(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const std::string_view three = text.substr(at, 3), two = text.substr(at, 2);
        const bool dash = (three.size() == 3 && three.substr(0, 2) == "\xe2\x80" && three[2] >= '\x90' && three[2] <= '\x95') ||
                          three == "\xe2\x88\x92";
        const bool space = two == "\xc2\xa0" || three == "\xe2\x80\xaf";
        result += dash ? '-' : space ? ' ' : text[at];
        at += dash || three == "\xe2\x80\xaf" ? 3 : space ? 2 : 1;
    }
    return result;
}

Reader::Reader(std::vector<ReadableSeries> series, std::function<bool(const std::string &)> known,
               std::function<void()> tick)
    : series_(std::move(series)), known_(std::move(known)), tick_(std::move(tick)) {}

std::optional<Reading> Reader::exact(const ReadableSeries &series, std::string_view text) {
    Matcher matcher(series, text, Tolerance::none, true);
    auto reading = matcher.at(0);
    if (!reading)
        return std::nullopt;
    // Only the number of zeros in front can still differ from what the series writes.
    return reading->canonical.size() == text.size() ? reading : std::nullopt;
}

std::optional<Reading> Reader::at(std::string_view text, size_t begin) const {
    for (const Tolerance tolerance : {Tolerance::none, Tolerance::separators, Tolerance::separators_and_case})
        for (const ReadableSeries &series : series_)
            if (auto reading = Matcher(series, text, tolerance, false).at(begin))
                return reading;
    return without_series(text, begin);
}

// A prefix that no series describes counts by the defaults. Where nobody drew numbers for it either, only the
// exact form is believed, or every year in a sentence would look like a number.
std::optional<Reading> Reader::without_series(std::string_view text, size_t begin) const {
    size_t run = begin;
    bool letter = false;
    while (run < text.size() && is_word(text[run]))
        letter |= !is_digit(text[run++]);
    if (run == begin || !letter)
        return std::nullopt;
    for (size_t length = std::min(run - begin, kMaxPrefix); length > 0; --length) {
        const std::string typed(text.substr(begin, length));
        const bool glued = begin + length < run;
        if (glued && !is_digit(text[begin + length]))
            continue;
        ReadableSeries series{typed, &default_mask(), Reset::year};
        auto reading = Matcher(series, text, Tolerance::separators, false).at(begin);
        if (!reading)
            continue;
        for (const std::string &prefix : {typed, upper(typed)})
            if (known_(prefix)) {
                series.prefix = prefix;
                return Matcher(series, text, Tolerance::separators_and_case, false).at(begin);
            }
        if (!glued && Matcher(series, text, Tolerance::none, false).at(begin))
            return reading;
    }
    return std::nullopt;
}

std::optional<Reading> Reader::next(std::string_view text, size_t from) const {
    for (size_t pos = from; pos < text.size(); ++pos) {
        if ((pos & 0xfff) == 0xfff)
            tick_();
        if (!is_word(text[pos]) || (pos > 0 && is_word(text[pos - 1])))
            continue;
        if (auto reading = at(text, pos))
            return reading;
    }
    return std::nullopt;
}

std::optional<Reading> Reader::whole(std::string_view text) const {
    static constexpr std::string_view kDecoration = "#[](){}<>\"' \t\r\n.,;:";
    const size_t begin = text.find_first_not_of(kDecoration);
    if (begin == std::string_view::npos)
        return std::nullopt;
    const size_t end = text.find_last_not_of(kDecoration) + 1;
    auto reading = at(text.substr(0, end), begin);
    return reading && reading->end == end ? reading : std::nullopt;
}

} // namespace ticketflow::core
