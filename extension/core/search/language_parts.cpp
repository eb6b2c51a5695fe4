#include "core/search/language_parts.h"

#include "core/search/language_letters.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {

bool is_letter(char c) { return is_ascii_letter(c) || static_cast<unsigned char>(c) >= 0x80; }
bool is_alnum(char c) { return is_letter(c) || is_ascii_digit(c); }

std::string folded(std::string_view text) {
    std::string result(text);
    for (char &c : result)
        if (is_ascii_upper(c))
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::vector<std::string_view> runs(std::string_view text) {
    std::vector<std::string_view> found;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && is_alnum(text[end]))
            end++;
        if (end > i)
            found.push_back(text.substr(i, end - i));
        i = end + 1;
    }
    return found;
}

// HTTPServerError: HTTP, Server, Error. Nothing where fewer than two humps have two letters.
std::vector<std::string_view> humps(std::string_view word) {
    std::vector<std::string_view> found;
    for (std::size_t i = 0; i < word.size();) {
        std::size_t end = i + 1;
        if (is_ascii_upper(word[i]) && end < word.size() && is_ascii_upper(word[end])) {
            while (end < word.size() && is_ascii_upper(word[end]))
                end++;
            // The last capital of a run begins the next hump, unless the word ends.
            if (end < word.size())
                end--;
        } else {
            while (end < word.size() && !is_ascii_upper(word[end]))
                end++;
        }
        if (end - i >= 2)
            found.push_back(word.substr(i, end - i));
        i = end;
    }
    if (found.size() < 2)
        found.clear();
    return found;
}

// Letters and digits that meet once: Windows10, KB5034441. Hashes and the like have more seams and stay whole.
std::vector<std::string_view> seams(std::string_view run) {
    std::size_t seam = 0;
    int count = 0;
    for (std::size_t i = 1; i < run.size(); i++)
        if (is_ascii_digit(run[i]) != is_ascii_digit(run[i - 1])) {
            seam = i;
            count++;
        }
    const std::size_t letters = is_ascii_digit(run.empty() ? '0' : run[0]) ? run.size() - seam : seam;
    if (count != 1 || letters < 2)
        return {};
    return {run.substr(0, seam), run.substr(seam)};
}

class Collector {
  public:
    Parts take() { return std::move(parts_); }

    void whole(std::string text) {
        if (!text.empty() && text.size() <= Parts::kMaxWhole)
            add(parts_.wholes, std::move(text));
    }

    void part(std::string_view run) {
        if (parts_.parts.size() < Parts::kMaxParts && run.size() <= Parts::kMaxWhole)
            add(parts_.parts, folded(without_zeros(run)));
    }

    // A run of letters and digits, and what can be told apart inside it.
    void inner(std::string_view run) {
        std::vector<std::string_view> inside = humps(run);
        if (inside.empty())
            inside = seams(run);
        if (inside.empty())
            part(run);
        for (std::string_view piece : inside)
            part(piece);
    }

  private:
    static void add(std::vector<std::string> &list, std::string text) {
        if (std::find(list.begin(), list.end(), text) == list.end())
            list.push_back(std::move(text));
    }
    Parts parts_;
};

// The twelve hexadecimal digits of a MAC address in any of its spellings, else nothing.
std::string mac_digits(std::string_view token) {
    const bool pairs = token.size() == 17 && (token[2] == ':' || token[2] == '-');
    if (!pairs && !(token.size() == 14 && token[4] == '.' && token[9] == '.'))
        return {};
    std::string digits;
    for (std::size_t i = 0; i < token.size(); i++) {
        const bool separator = pairs ? i % 3 == 2 : i % 5 == 4;
        if (separator ? token[i] != token[pairs ? 2 : 4] : !is_ascii_hex(token[i]))
            return {};
        if (!separator)
            digits += token[i];
    }
    return folded(digits);
}

void collect_mac(Collector &to, const std::string &digits) {
    std::string whole;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        whole += (i > 0 ? ":" : "") + digits.substr(i, 2);
    to.whole(whole);
    to.whole(digits);
    for (std::size_t i = 0; i < digits.size(); i += 2)
        to.part(std::string_view(digits).substr(i, 2));
}

void collect_run(Collector &to, std::string_view run) {
    if (run.size() > 2 && run[0] == '0' && (run[1] == 'x' || run[1] == 'X')) {
        to.whole(folded(run));
        to.part(run.substr(2));
        return;
    }
    to.whole(folded(without_zeros(run)));
    for (std::string_view piece : humps(run).empty() ? seams(run) : humps(run))
        to.part(piece);
}

// .NET, C++, C#, C++17: the sign belongs to the name.
bool is_symbol(std::string_view token) {
    if (token.empty())
        return false;
    if (token[0] == '.')
        return token.size() > 1 && std::all_of(token.begin() + 1, token.end(), is_alnum);
    std::size_t at = 0;
    while (at < token.size() && is_ascii_letter(token[at]))
        at++;
    const std::string_view sign = token.substr(at, token.substr(at).starts_with('#') ? 1 : 2);
    return at > 0 && (sign == "#" || sign == "++") &&
           std::all_of(token.begin() + static_cast<std::ptrdiff_t>(at + sign.size()), token.end(), is_ascii_digit);
}

void collect_joined(Collector &to, std::string_view token, const std::vector<std::string_view> &pieces) {
    const bool hyphenated = std::all_of(token.begin(), token.end(), [](char c) { return c == '-' || is_letter(c); });
    if (pieces.size() != 2 || !hyphenated)
        to.whole(folded(token));
    // e-mail is email, ORA-00600 is ORA00600; with more pieces, or dots, the joined form means something else.
    if (pieces.size() == 2 && token.find_first_of(".:\\") == std::string_view::npos)
        to.whole(folded(pieces[0]) + folded(pieces[1]));
    for (std::string_view piece : pieces)
        to.inner(piece);
}

} // namespace

bool letters_only(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_letter); }

std::string_view without_zeros(std::string_view digits) {
    if (!std::all_of(digits.begin(), digits.end(), is_ascii_digit))
        return digits;
    const std::size_t first = digits.find_first_not_of('0');
    return first == std::string_view::npos ? digits.substr(0, 1) : digits.substr(first);
}

Parts parts_of(std::string_view token) {
    Collector to;
    if (const std::string digits = mac_digits(token); !digits.empty()) {
        collect_mac(to, digits);
        return to.take();
    }
    const std::size_t scheme = token.find("://");
    if (scheme != std::string_view::npos)
        token.remove_prefix(scheme + 3);
    const std::vector<std::string_view> pieces = runs(token);
    if (pieces.size() == 1 && pieces[0].size() == token.size()) {
        collect_run(to, token);
        return to.take();
    }
    if (is_symbol(token)) {
        to.whole(folded(token));
        if (token[0] == '.')
            to.part(pieces[0]);
        else if (pieces.size() == 2) {
            to.part(token.substr(0, token.size() - pieces[1].size()));
            to.part(pieces[1]);
        }
        return to.take();
    }
    if (scheme != std::string_view::npos || token.find_first_of("@/") != std::string_view::npos) {
        while (token.size() > 1 && token.back() == '/')
            token.remove_suffix(1);
        to.whole(folded(token));
        for (std::string_view piece : pieces)
            to.inner(piece);
        return to.take();
    }
    // v2.13.4 is 2.13.4
    if (token.size() > 2 && (token[0] == 'v' || token[0] == 'V') && is_ascii_digit(token[1])) {
        token.remove_prefix(1);
        to.whole(folded(token));
        for (std::string_view piece : runs(token))
            to.part(piece);
        return to.take();
    }
    collect_joined(to, token, pieces);
    return to.take();
}

} // namespace ticketflow::core::search
