#include "core/import/datetime.h"

#include <array>
#include <chrono>

namespace ticketflow::core::import {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct Number {
    std::int64_t value;
    int digits;
};

class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    bool done() const { return rest_.empty(); }
    char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
    bool digit_next() const { return is_digit(peek()); }
    bool letter_next() const { return is_letter(peek()); }

    bool accept(char wanted) {
        if (peek() != wanted || rest_.empty())
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    void skip_spaces() {
        while (accept(' ') || accept('\t'))
            ;
    }
    std::optional<Number> number(int most_digits) {
        Number result{0, 0};
        while (digit_next()) {
            if (++result.digits > most_digits)
                return std::nullopt;
            result.value = result.value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        if (result.digits == 0)
            return std::nullopt;
        return result;
    }
    std::int64_t digit() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c - '0';
    }
    std::string_view word() {
        std::size_t length = 0;
        while (length < rest_.size() && is_letter(rest_[length]))
            length++;
        const std::string_view result = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return result;
    }

  private:
    std::string_view rest_;
};

bool same_word(std::string_view left, std::string_view right) {
    if (left.size() != right.size())
        return false;
    for (std::size_t i = 0; i < left.size(); i++)
        if (lower(left[i]) != right[i])
            return false;
    return true;
}

// A name of a month or day, whole or its first three letters (and "sept").
template <std::size_t N> int named(std::string_view word, const std::array<std::string_view, N> &names) {
    for (std::size_t i = 0; i < N; i++)
        if (same_word(word, names[i]) || same_word(word, names[i].substr(0, 3)))
            return static_cast<int>(i) + 1;
    return 0;
}

int month_named(std::string_view word) {
    static constexpr std::array<std::string_view, 12> names = {"january",   "february", "march",    "april",
                                                               "may",       "june",     "july",     "august",
                                                               "september", "october",  "november", "december"};
    return same_word(word, "sept") ? 9 : named(word, names);
}

bool day_named(std::string_view word) {
    static constexpr std::array<std::string_view, 7> names = {"monday", "tuesday",  "wednesday", "thursday",
                                                              "friday", "saturday", "sunday"};
    return named(word, names) != 0;
}

struct Date {
    std::int64_t year = 0, month = 0, day = 0;
};

bool set_year(Date &date, const Number &year) {
    if (year.digits == 2)
        date.year = year.value + (year.value < 70 ? 2000 : 1900);
    else if (year.digits == 4)
        date.year = year.value;
    else
        return false;
    return true;
}

// What follows "04" in 04/Mar/14, 04 March 2014, 04-Mar-2014, 4.3.2014, 03/04/2014.
bool rest_of_day_or_month_first(Scanner &in, const Number &first, DateOrder order, Date &date) {
    if (first.digits > 2)
        return false;
    const char separator = in.peek();
    const bool dotted = separator == '.';
    if (separator == ' ')
        in.skip_spaces();
    else if (!(in.accept('/') || in.accept('-') || in.accept('.')))
        return false;
    if (dotted)
        in.skip_spaces();
    if (in.letter_next()) {
        date.day = first.value;
        date.month = month_named(in.word());
        if (separator != ' ' && !dotted && !in.accept(separator))
            return false;
        in.accept(',');
        in.skip_spaces();
    } else {
        const auto second = in.number(2);
        if (!second || separator == ' ' || !in.accept(separator))
            return false;
        if (dotted || order == DateOrder::day_first)
            date.day = first.value, date.month = second->value;
        else if (order == DateOrder::month_first)
            date.month = first.value, date.day = second->value;
        else
            return false;
    }
    const auto year = in.number(4);
    return year && set_year(date, *year);
}

// March 4, 2014 and Tue, 04 Mar 2014: the word was read already.
bool rest_after_word(Scanner &in, std::string_view word, DateOrder order, Date &date) {
    if (day_named(word)) {
        in.accept(',');
        in.skip_spaces();
        if (in.letter_next())
            return rest_after_word(in, in.word(), order, date);
        const auto day = in.number(2);
        return day && rest_of_day_or_month_first(in, *day, order, date);
    }
    date.month = month_named(word);
    in.accept('.');
    in.skip_spaces();
    const auto day = in.number(2);
    if (date.month == 0 || !day)
        return false;
    date.day = day->value;
    in.accept(',');
    in.skip_spaces();
    const auto year = in.number(4);
    return year && set_year(date, *year);
}

bool read_date(Scanner &in, DateOrder order, Date &date) {
    if (in.letter_next())
        return rest_after_word(in, in.word(), order, date);
    const auto first = in.number(8);
    if (!first)
        return false;
    if (first->digits == 8) { // 20140304
        date = {first->value / 10000, first->value / 100 % 100, first->value % 100};
        return true;
    }
    if (first->digits != 4)
        return rest_of_day_or_month_first(in, *first, order, date);
    const char separator = in.peek();
    if (!(in.accept('-') || in.accept('/') || in.accept('.')))
        return false;
    const auto month = in.number(2);
    if (!month || !in.accept(separator))
        return false;
    const auto day = in.number(2);
    if (!day)
        return false;
    date = {first->value, month->value, day->value};
    return true;
}

// Microseconds of a fraction of a second; digits past the sixth are dropped.
bool read_fraction(Scanner &in, std::int64_t &microseconds) {
    if (!in.digit_next())
        return false;
    for (std::int64_t unit = kSecond / 10; in.digit_next(); unit /= 10)
        microseconds += unit * in.digit();
    return true;
}

// 9:12, 09:12:30.5, 9:12 PM; nothing at all is midnight.
bool read_time(Scanner &in, std::int64_t &microseconds) {
    const auto hour = in.number(2);
    if (!hour || !in.accept(':'))
        return false;
    const auto minute = in.number(2);
    if (!minute || minute->digits != 2 || minute->value > 59)
        return false;
    std::int64_t hours = hour->value, second = 0, fraction = 0;
    if (in.accept(':')) {
        const auto seconds = in.number(2);
        if (!seconds || seconds->digits != 2 || seconds->value > 60)
            return false;
        second = seconds->value;
        if ((in.accept('.') || in.accept(',')) && !read_fraction(in, fraction))
            return false;
    }
    in.skip_spaces();
    if (lower(in.peek()) == 'a' || lower(in.peek()) == 'p') {
        const std::string_view half = in.word();
        if (hours < 1 || hours > 12 || !(same_word(half, "am") || same_word(half, "pm")))
            return false;
        hours = hours % 12 + (same_word(half, "pm") ? 12 : 0);
    }
    const std::int64_t total = ((hours * 60 + minute->value) * 60 + second) * kSecond + fraction;
    if (total > 24 * 3600 * kSecond) // 24:00 is the next midnight
        return false;
    microseconds = total;
    return true;
}

// Z, UTC, GMT, +02, +0200, +02:00, -3:30; other names are ambiguous and refused.
bool read_offset(Scanner &in, std::optional<int> &offset) {
    if (in.letter_next()) {
        const std::string_view name = in.word();
        if (!(same_word(name, "z") || same_word(name, "utc") || same_word(name, "gmt")))
            return false;
        offset = 0;
        if (in.done())
            return true;
    }
    const bool west = in.peek() == '-';
    if (!in.accept('+') && !in.accept('-'))
        return false;
    const auto first = in.number(4);
    if (!first || first->digits == 3)
        return false;
    std::int64_t hours = first->value, minutes = 0;
    if (first->digits == 4) {
        minutes = hours % 100;
        hours /= 100;
    } else if (in.accept(':')) {
        const auto second = in.number(2);
        if (!second || second->digits != 2)
            return false;
        minutes = second->value;
    }
    if (hours > 15 || minutes > 59)
        return false;
    offset = static_cast<int>((hours * 60 + minutes) * 60) * (west ? -1 : 1);
    return true;
}

// 1394000000, 1394000000.25 (seconds) or 1394000000000 (milliseconds) since 1970.
std::optional<CivilTime> read_epoch(std::string_view text) {
    Scanner in(text);
    const auto whole = in.number(14);
    if (!whole || whole->digits < 9)
        return std::nullopt;
    std::int64_t microseconds = whole->value * (whole->digits >= 12 ? 1000 : kSecond);
    if (in.accept('.') && !read_fraction(in, microseconds))
        return std::nullopt;
    if (!in.done())
        return std::nullopt;
    return CivilTime{microseconds, 0};
}

std::optional<std::int64_t> midnight(const Date &date) {
    using namespace std::chrono;
    const year_month_day day(year(static_cast<int>(date.year)), month(static_cast<unsigned>(date.month)),
                             std::chrono::day(static_cast<unsigned>(date.day)));
    if (date.year < 1 || date.year > 9999 || !day.ok())
        return std::nullopt;
    return sys_days(day).time_since_epoch().count() * 24 * 3600 * kSecond;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpaces = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kSpaces);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

} // namespace

std::optional<CivilTime> parse_datetime(std::string_view text, DateOrder order) {
    text = trimmed(text);
    if (const auto epoch = read_epoch(text))
        return epoch;
    Scanner in(text);
    Date date;
    if (!read_date(in, order, date))
        return std::nullopt;
    const auto start = midnight(date);
    if (!start)
        return std::nullopt;
    CivilTime result{*start, std::nullopt};
    in.accept(',');
    in.accept('T') || in.accept('t');
    in.skip_spaces();
    if (in.done())
        return result;
    std::int64_t time = 0;
    if (!read_time(in, time))
        return std::nullopt;
    result.microseconds += time;
    in.skip_spaces();
    if (!in.done() && (!read_offset(in, result.offset_seconds) || !in.done()))
        return std::nullopt;
    return result;
}

} // namespace ticketflow::core::import
