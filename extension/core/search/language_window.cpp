#include "core/search/language_window.h"

#include <bit>

namespace ticketflow::core::search {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Words shown before the first match, so that it is read in context.
int context(int max_words) { return max_words / 5; }

Window measure(const std::vector<Marked> &tokens, std::size_t first, int max_words) {
    Window window{first, first, 0, 0};
    std::uint64_t terms = 0;
    for (int words = 0; window.last < tokens.size(); window.last++) {
        const Marked &token = tokens[window.last];
        if (token.word && ++words > max_words)
            break;
        terms |= token.terms;
        window.matches += token.terms != 0;
    }
    window.distinct = std::popcount(terms);
    return window;
}

void escape(std::string &to, std::string_view text) {
    for (char c : text) {
        switch (c) {
        case '&': to += "&amp;"; break;
        case '<': to += "&lt;"; break;
        case '>': to += "&gt;"; break;
        case '"': to += "&quot;"; break;
        case '\'': to += "&#39;"; break;
        default:
            if (!is_space(c))
                to += c;
            else if (!to.empty() && to.back() != ' ')
                to += ' ';
        }
    }
}

} // namespace

Window best_window(const std::vector<Marked> &tokens, int max_words) {
    Window best = measure(tokens, 0, max_words);
    for (std::size_t i = 0; i < tokens.size(); i++) {
        if (tokens[i].terms == 0)
            continue;
        std::size_t first = i;
        for (int words = 0; first > 0 && words < context(max_words); first--)
            words += tokens[first - 1].word;
        const Window window = measure(tokens, first, max_words);
        if (window.better_than(best))
            best = window;
        if (window.last == tokens.size())
            break;
    }
    return best;
}

std::string window_html(const std::vector<Marked> &tokens, const Window &window, std::string_view ellipsis) {
    std::string html;
    if (window.first > 0)
        html += ellipsis;
    for (std::size_t i = window.first; i < window.last; i++) {
        if (tokens[i].terms)
            html += "<mark>";
        escape(html, tokens[i].text);
        if (tokens[i].terms)
            html += "</mark>";
    }
    while (!html.empty() && html.back() == ' ')
        html.pop_back();
    if (window.last < tokens.size())
        html += ellipsis;
    return html;
}

} // namespace ticketflow::core::search
