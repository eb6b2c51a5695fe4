#include "core/audit/instant.h"

namespace ticketflow::core::audit {
namespace {

constexpr int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;
// Days from 0000-03-01, the first day of a cycle of 400 years, to 1970-01-01.
constexpr int64_t kEpoch = 719'468;
constexpr int64_t kFirst = 306, kLast = 3'652'364; // 0001-01-01, 9999-12-31
constexpr unsigned kCycle = 146'097;

char *write_two(char *to, unsigned value, char after) {
    to[0] = static_cast<char>('0' + value / 10);
    to[1] = static_cast<char>('0' + value % 10);
    to[2] = after;
    return to + 3;
}

// Years begin in March here, so that a leap day is the last one of its year.
char *write_date(char *to, unsigned day) {
    const unsigned cycle = day / kCycle, in_cycle = day % kCycle;
    const unsigned year_of_cycle = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    const unsigned in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    const unsigned march_month = (5 * in_year + 2) / 153;
    const unsigned day_of_month = in_year - (153 * march_month + 2) / 5 + 1;
    const unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
    const unsigned year = cycle * 400 + year_of_cycle + (month <= 2 ? 1 : 0);
    to = write_two(to, year / 100, '0') - 1;
    to = write_two(to, year % 100, '-');
    to = write_two(to, month, '-');
    return write_two(to, day_of_month, 'T');
}

} // namespace

size_t write_instant(int64_t microseconds, char *text) noexcept {
    int64_t day = microseconds / kDay, rest = microseconds % kDay;
    if (rest < 0) {
        rest += kDay;
        --day;
    }
    day += kEpoch;
    if (day < kFirst || day > kLast)
        return 0;
    char *to = write_date(text, static_cast<unsigned>(day));
    const unsigned second = static_cast<unsigned>(rest / kSecond);
    to = write_two(to, second / 3600, ':');
    to = write_two(to, second / 60 % 60, ':');
    to = write_two(to, second % 60, '.');
    unsigned fraction = static_cast<unsigned>(rest % kSecond);
    if (fraction == 0)
        return static_cast<size_t>(to - 1 - text);
    for (unsigned place = 100'000; fraction > 0; place /= 10) {
        *to++ = static_cast<char>('0' + fraction / place);
        fraction %= place;
    }
    return static_cast<size_t>(to - text);
}

} // namespace ticketflow::core::audit
