#include "core/complexity/text.h"

#include <cmath>

namespace ticketflow::core::complexity {

namespace {

constexpr std::size_t kLongestWord = 40; // bytes; longer runs are encoded data, not words

bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
bool is_word(unsigned char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80; }

// How many bytes of markup start here: an HTML tag, an entity, or none.
std::size_t markup_length(std::string_view rest) {
    const char close = rest[0] == '<' ? '>' : ';';
    const std::size_t longest = rest[0] == '<' ? 200 : 8;
    const std::size_t end = rest.substr(0, longest).find(close);
    return end == std::string_view::npos ? 0 : end + 1;
}

// Lower case of the two-byte UTF-8 letters of Latin-1, Greek and Cyrillic; anything else stays.
void fold_pair(std::string &out, unsigned char lead, unsigned char tail) {
    if (lead == 0xC3 && tail >= 0x80 && tail <= 0x9E && tail != 0x97) {
        tail = static_cast<unsigned char>(tail + 0x20);
    } else if (lead == 0xCE && tail >= 0x91 && tail <= 0x9F) {
        tail = static_cast<unsigned char>(tail + 0x20);
    } else if (lead == 0xCE && tail >= 0xA0 && tail <= 0xA9) {
        lead = 0xCF;
        tail = static_cast<unsigned char>(tail - 0x20);
    } else if (lead == 0xD0 && tail >= 0x90 && tail <= 0x9F) {
        tail = static_cast<unsigned char>(tail + 0x20);
    } else if (lead == 0xD0 && tail >= 0xA0 && tail <= 0xAF) {
        lead = 0xD1;
        tail = static_cast<unsigned char>(tail - 0x20);
    }
    out += static_cast<char>(lead);
    out += static_cast<char>(tail);
}

// A number keeps only its size: #1 to #4 digits; "404" and "500" say the same about work.
void close_word(Text &text, std::size_t start, bool number) {
    std::size_t length = text.folded.size() - start;
    if (length == 0)
        return;
    if (number) {
        const char size = static_cast<char>('0' + (length < 4 ? length : 4));
        text.folded.resize(start);
        text.folded += '#';
        text.folded += size;
        length = 2;
    }
    if (length > kLongestWord) {
        text.folded.resize(start);
        return;
    }
    text.words.push_back({static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(length)});
    text.folded += ' ';
}

} // namespace

double natural_log(double x) {
    if (!(x > 0))
        return 0;
    int exponent;
    double m = std::frexp(x, &exponent); // exact: m in [0.5, 1)
    if (m < 0.70710678118654752440) {
        m *= 2;
        --exponent;
    }
    const double t = (m - 1) / (m + 1), t2 = t * t;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * t2 + 1.0 / k;
    return 2 * t * sum + exponent * 0.69314718055994530942;
}

double natural_exp(double x) {
    constexpr double kLogTwo = 0.69314718055994530942;
    const double whole = std::floor(x / kLogTwo + 0.5), rest = x - whole * kLogTwo; // |rest| <= ln(2)/2
    double sum = 1;
    for (int k = 18; k >= 1; --k)
        sum = 1 + sum * rest / k;
    return std::ldexp(sum, static_cast<int>(whole < -2000 ? -2000 : whole > 2000 ? 2000 : whole));
}

void Text::read(std::string_view source, std::size_t limit) {
    folded.clear();
    words.clear();
    std::size_t start = 0;
    bool number = true;
    const auto close = [&] {
        close_word(*this, start, number);
        start = folded.size();
        number = true;
    };
    for (std::size_t i = 0, used = 0; i < source.size() && used < limit; ++i) {
        const auto c = static_cast<unsigned char>(source[i]);
        if (c == '<' || c == '&') {
            if (const std::size_t skip = markup_length(source.substr(i))) {
                close();
                i += skip - 1;
                continue;
            }
        }
        ++used;
        if (!is_word(c)) {
            close();
        } else if (c >= 0xE3 && c <= 0xED && i + 2 < source.size()) { // East Asian: each character is a word
            close();
            folded.append(source.substr(i, 3));
            number = false;
            close();
            i += 2;
        } else if (c >= 0xC0 && c < 0xE0 && i + 1 < source.size()) {
            fold_pair(folded, c, static_cast<unsigned char>(source[++i]));
            number = false;
        } else {
            folded += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
            number = number && is_digit(c);
        }
    }
    close();
}

} // namespace ticketflow::core::complexity
