// The tokenizer's patterns: what each of them accepts at a place of the text.
#include "core/search/language_tokenizer.h"

#include <algorithm>
#include <iterator>

namespace ticketflow::core::search {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_ascii_alnum(char c) { return is_ascii_letter(c) || is_ascii_digit(c); }

bool in(std::string_view set, char c) { return c != '\0' && set.find(c) != std::string_view::npos; }

// Punctuation that ends a sentence rather than a URL or a path.
std::size_t without_end(std::string_view text) {
    std::size_t length = text.size();
    while (length > 0 && in(".,:;!?)]}'*", text[length - 1]))
        length--;
    return length;
}

bool folds_to(std::string_view text, std::string_view small) {
    return text.size() == small.size() &&
           std::equal(text.begin(), text.end(), small.begin(), [](char a, char b) { return (is_ascii_upper(a) ? a + 32 : a) == b; });
}

constexpr std::string_view kTags[] = {
    "a", "abbr", "b", "big", "blockquote", "body", "br", "button", "center", "cite", "code", "dd", "del", "div", "dl", "dt", "em",
    "font", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "html", "i", "iframe", "img", "input", "ins", "kbd", "li",
    "link", "meta", "ol", "option", "p", "pre", "s", "script", "select", "small", "span", "strike", "strong", "style", "sub",
    "sup", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "title", "tr", "tt", "u", "ul", "var",
};

} // namespace

std::size_t Tokenizer::url(std::size_t i) const {
    std::size_t scheme = i;
    while (is_ascii_letter(byte(scheme)) && scheme - i < 12)
        scheme++;
    const bool absolute = scheme > i + 1 && text_.substr(scheme, 3) == "://";
    if (!absolute && !(folds_to(text_.substr(i, 4), "www.") && alnum(i + 4)))
        return 0;
    std::size_t end = absolute ? scheme + 3 : i + 4;
    const std::size_t rest = end;
    while (end < text_.size() && end - i < kMaxLong && !is_space(text_[end]) && !in("<>\"|^`", text_[end])) {
        const Character character = at(end);
        if (character.kind == Kind::ideograph || (character.kind == Kind::other && character.length > 1))
            break;
        end += character.length;
    }
    const std::size_t length = without_end(text_.substr(i, end - i));
    return i + length > rest ? length : 0;
}

std::size_t Tokenizer::email(std::size_t i) const {
    std::size_t at_sign = i;
    while (at_sign - i < 65 && (is_ascii_alnum(byte(at_sign)) || in("._%+-", byte(at_sign))))
        at_sign++;
    if (byte(at_sign) != '@' || at_sign == i)
        return 0;
    std::size_t end = at_sign + 1;
    while (end - i < kMaxCompound && (is_ascii_alnum(byte(end)) || in(".-", byte(end))))
        end++;
    const std::size_t length = without_end(text_.substr(i, end - i));
    const std::string_view host = text_.substr(at_sign + 1, i + length - at_sign - 1);
    return host.find('.') != std::string_view::npos && is_ascii_letter(host.back()) ? length : 0;
}

std::size_t Tokenizer::mac(std::size_t i) const {
    const auto groups = [&](int count, std::size_t width, char separator) -> std::size_t {
        std::size_t end = i;
        for (int group = 0; group < count; group++) {
            if (group > 0 && byte(end++) != separator)
                return 0;
            for (std::size_t digit = 0; digit < width; digit++)
                if (!is_ascii_hex(byte(end++)))
                    return 0;
        }
        return alnum(end) || (byte(end) == separator && alnum(end + 1)) ? 0 : end - i;
    };
    if (const std::size_t length = groups(6, 2, ':'))
        return length;
    if (const std::size_t length = groups(6, 2, '-'))
        return length;
    return groups(3, 4, '.');
}

std::size_t Tokenizer::ipv4(std::size_t i) const {
    std::size_t end = i;
    for (int group = 0; group < 4; group++) {
        if (group > 0 && byte(end++) != '.')
            return 0;
        int value = 0, digits = 0;
        while (is_ascii_digit(byte(end)) && digits < 4) {
            value = value * 10 + (byte(end++) - '0');
            digits++;
        }
        if (digits == 0 || digits > 3 || value > 255)
            return 0;
    }
    return alnum(end) || (byte(end) == '.' && alnum(end + 1)) ? 0 : end - i;
}

std::size_t Tokenizer::ipv6(std::size_t i) const {
    std::size_t end = i;
    int colons = 0, width = 0;
    bool gap = false;
    for (; end - i < 40; end++) {
        if (byte(end) == ':') {
            colons++;
            gap |= byte(end + 1) == ':';
            width = 0;
        } else if (!is_ascii_hex(byte(end)) || ++width > 4) {
            break;
        }
    }
    while (end > i && text_[end - 1] == ':' && !(end > i + 1 && text_[end - 2] == ':'))
        end--;
    return colons >= 2 && colons <= 7 && (gap || colons == 7) && !alnum(end) ? end - i : 0;
}

std::size_t Tokenizer::path(std::size_t i) const {
    const char first = byte(i);
    const bool after_word = i > 0 && (alnum(i - 1) || in("./\\:<", text_[i - 1]));
    const bool drive = is_ascii_letter(first) && byte(i + 1) == ':' && in("\\/", byte(i + 2));
    const bool share = first == '\\' && byte(i + 1) == '\\' && alnum(i + 2) && !after_word;
    std::size_t root = first == '~' ? 1 : 0;
    while (first == '.' && byte(i + root) == '.' && root < 2)
        root++;
    const bool rooted = !after_word && byte(i + root) == '/' && (alnum(i + root + 1) || in("._", byte(i + root + 1)));
    if (!drive && !share && !rooted && !alnum(i))
        return 0;
    std::size_t end = i + (drive ? 2 : share ? 2 : root);
    int slashes = 0;
    std::size_t component = end;
    while (end < text_.size() && end - i < kMaxLong) {
        const char c = text_[end];
        if (c == '/' || ((drive || share) && c == '\\')) {
            slashes++;
            component = end + 1;
        } else if (!in("._-+@%~$#", c) && !alnum(end)) {
            break;
        }
        end += at(end).length;
    }
    std::size_t length = without_end(text_.substr(i, end - i));
    while (length > 1 && in("/\\-", text_[i + length - 1]))
        length--;
    if (drive || share || rooted)
        return length > 1 ? length : 0;
    // Without a root it takes a file's ending, or several steps, to tell a path from "and/or".
    if (slashes == 0 || component >= i + length)
        return 0;
    const std::string_view file = text_.substr(component, i + length - component);
    const std::size_t dot = file.rfind('.');
    const bool ending = dot != std::string_view::npos && dot > 0 && file.size() - dot >= 2 && file.size() - dot <= 6 &&
                        is_ascii_letter(file[dot + 1]);
    return slashes >= 2 || ending ? length : 0;
}

std::size_t Tokenizer::version(std::size_t i) const {
    std::size_t end = i + (byte(i) == 'v' || byte(i) == 'V' ? 1 : 0);
    int groups = 0;
    for (;;) {
        const std::size_t start = end;
        while (is_ascii_digit(byte(end)) && end - start < 12)
            end++;
        if (end == start)
            return 0;
        groups++;
        if (byte(end) != '.' || !is_ascii_digit(byte(end + 1)))
            break;
        end++;
    }
    if (groups < 2)
        return 0;
    // 2.13.4-rc1, 1.0b2, 6.1.0-13-amd64, 2.x
    while (end - i < 40 && (is_ascii_alnum(byte(end)) || (in(".-+_", byte(end)) && is_ascii_alnum(byte(end + 1)))))
        end++;
    return alnum(end) || byte(end) == '@' ? 0 : end - i;
}

std::size_t Tokenizer::symbol(std::size_t i) const {
    std::size_t end = i;
    if (byte(i) == '.') {
        if (i > 0 && !is_space(text_[i - 1]) && !in("(\"'", text_[i - 1]))
            return 0;
        while (is_ascii_alnum(byte(++end)))
            ;
        return end - i >= 3 && end - i <= 16 && is_ascii_letter(byte(i + 1)) && !alnum(end) ? end - i : 0;
    }
    while (is_ascii_letter(byte(end)) && end - i < 12)
        end++;
    const std::size_t letters = end - i;
    if (byte(end) == '#' && letters == 1)
        end++;
    else if (letters > 0 && byte(end) == '+' && byte(end + 1) == '+')
        end += 2;
    else
        return 0;
    while (is_ascii_digit(byte(end)) && end - i < 16)
        end++;
    return alnum(end) || byte(end) == '+' ? 0 : end - i;
}

// Only HTML's own tags: in a ticket, std::vector<int> and <your name> are text.
std::size_t Tokenizer::tag(std::size_t i) const {
    if (byte(i) != '<')
        return 0;
    const std::size_t name = i + 1 + (byte(i + 1) == '/' ? 1 : 0);
    std::size_t end = name;
    while (is_ascii_alnum(byte(end)) && end - name < 12)
        end++;
    const std::string_view word = text_.substr(name, end - name);
    if (std::none_of(std::begin(kTags), std::end(kTags), [&](std::string_view known) { return folds_to(word, known); }))
        return 0;
    if (byte(end) != '>' && byte(end) != '/' && !is_space(byte(end)))
        return 0;
    const std::size_t close = text_.substr(i, kMaxLong).find('>');
    const std::size_t open = text_.substr(i + 1, kMaxLong).find('<');
    return close != std::string_view::npos && (open == std::string_view::npos || close < open + 1) ? close + 1 : 0;
}

std::size_t Tokenizer::entity(std::size_t i) const {
    if (byte(i) != '&')
        return 0;
    std::size_t end = i + 1 + (byte(i + 1) == '#' ? 1 : 0);
    const std::size_t name = end;
    while (is_ascii_alnum(byte(end)) && end - name < 8)
        end++;
    return end > name && byte(end) == ';' ? end + 1 - i : 0;
}

} // namespace ticketflow::core::search
