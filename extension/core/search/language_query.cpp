#include "core/search/language_query.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_upper_or_lower(char c, char lower) { return c == lower || c == lower - 'a' + 'A'; }

// Where the last "or" between words stands, outside of quotes.
std::size_t last_or(std::string_view text) {
    bool quoted = false;
    std::size_t found = std::string_view::npos;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && i > 0 && i + 2 < text.size() && is_space(text[i - 1]) && is_space(text[i + 2]) &&
                 is_upper_or_lower(text[i], 'o') && is_upper_or_lower(text[i + 1], 'r'))
            found = i;
    }
    return found;
}

// A word that may be completed: letters and digits only, whatever the alphabet.
bool grows(std::string_view word) {
    return word.size() >= 2 && std::all_of(word.begin(), word.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
           });
}

std::string nested(const std::string *first, std::size_t count, std::string_view symbol) {
    if (count == 1)
        return *first;
    const std::size_t half = count / 2;
    return "(" + nested(first, half, symbol) + std::string(symbol) + nested(first + half, count - half, symbol) + ")";
}

} // namespace

Typed split_typed(std::string_view text) {
    std::size_t start = text.size();
    while (start > 0 && !is_space(text[start - 1]))
        start--;
    const std::string_view last = text.substr(start);
    const bool quoted = std::count(text.begin(), text.end(), '"') % 2 != 0;
    if (quoted || !grows(last))
        return {{}, text, {}};
    const std::string_view rest = text.substr(0, start);
    const std::size_t alternative = last_or(rest);
    if (alternative == std::string_view::npos)
        return {{}, rest, last};
    return {rest.substr(0, alternative), rest.substr(alternative + 2), last};
}

std::vector<std::string_view> positive_words(std::string_view text) {
    constexpr std::string_view kAround = "\"'()[]{}<>.,;:!?";
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && !is_space(text[end]))
            end++;
        std::string_view word = text.substr(i, end - i);
        i = end + 1;
        const bool refused = word.size() > 1 && word[0] == '-';
        const bool alternative = word.size() == 2 && is_upper_or_lower(word[0], 'o') && is_upper_or_lower(word[1], 'r');
        while (!word.empty() && kAround.find(word.back()) != std::string_view::npos)
            word.remove_suffix(1);
        // A leading dot stays: .NET
        while (!word.empty() && word[0] != '.' && kAround.find(word[0]) != std::string_view::npos)
            word.remove_prefix(1);
        if (!word.empty() && !refused && !alternative)
            words.push_back(word);
    }
    return words;
}

std::string operand(std::string_view lexeme, bool prefix) {
    std::string result = "'";
    for (char c : lexeme) {
        if (c == '\'' || c == '\\')
            result += c;
        result += c;
    }
    result += prefix ? "':*" : "'";
    return result;
}

std::string joined(const std::vector<std::string> &operands, std::string_view symbol) {
    return operands.empty() ? std::string() : nested(operands.data(), operands.size(), symbol);
}

} // namespace ticketflow::core::search
