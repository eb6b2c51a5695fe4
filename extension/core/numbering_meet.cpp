#include "core/numbering_mask.h"

#include <set>
#include <utility>

namespace ticketflow::core {

namespace {

// A place in a number: a fixed character, any digit, or any digit or letter; once, or as often as one likes.
struct Cell {
    enum class Kind { fixed, digit, alnum } kind;
    char c = '\0';
    bool repeats = false;
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool agree(const Cell &one, const Cell &other) {
    if (one.kind == Cell::Kind::fixed && other.kind == Cell::Kind::fixed)
        return one.c == other.c;
    const Cell &open = one.kind == Cell::Kind::fixed ? other : one, &rest = one.kind == Cell::Kind::fixed ? one : other;
    return rest.kind != Cell::Kind::fixed ||
           (open.kind == Cell::Kind::digit ? is_digit(rest.c) : is_alnum(rest.c));
}

std::vector<Cell> cells_of(const Mask &mask, std::string_view prefix) {
    std::vector<Cell> cells;
    const auto fixed = [&](std::string_view text) {
        for (const char c : text)
            cells.push_back({Cell::Kind::fixed, c});
    };
    const auto open = [&](Cell::Kind kind, int least, bool grows) {
        cells.insert(cells.end(), static_cast<size_t>(least), Cell{kind});
        if (grows)
            cells.push_back({kind, '\0', true});
    };
    for (const Mask::Token &token : mask.tokens()) {
        switch (token.kind) {
        case Mask::Kind::literal:
            fixed(token.text);
            break;
        case Mask::Kind::prefix:
            fixed(prefix);
            break;
        case Mask::Kind::number:
            open(Cell::Kind::digit, token.width, true);
            break;
        case Mask::Kind::queue:
        case Mask::Kind::category:
            open(Cell::Kind::alnum, 1, true);
            break;
        case Mask::Kind::check:
            open(Cell::Kind::digit, 1, false);
            break;
        case Mask::Kind::year4:
            open(Cell::Kind::digit, 4, false);
            break;
        default:
            open(Cell::Kind::digit, 2, false);
        }
    }
    return cells;
}

} // namespace

// Walks both masks side by side; what can stand in both places may be the same character.
bool can_meet(const Mask &one, std::string_view prefix, const Mask &other, std::string_view other_prefix) {
    const std::vector<Cell> here = cells_of(one, prefix), there = cells_of(other, other_prefix);
    std::set<std::pair<size_t, size_t>> seen;
    std::vector<std::pair<size_t, size_t>> open{{0, 0}};
    while (!open.empty()) {
        const auto [i, j] = open.back();
        open.pop_back();
        if (!seen.insert({i, j}).second)
            continue;
        if (i == here.size() && j == there.size())
            return true;
        if (i < here.size() && here[i].repeats)
            open.push_back({i + 1, j});
        if (j < there.size() && there[j].repeats)
            open.push_back({i, j + 1});
        if (i < here.size() && j < there.size() && agree(here[i], there[j]))
            open.push_back({here[i].repeats ? i : i + 1, there[j].repeats ? j : j + 1});
    }
    return false;
}

} // namespace ticketflow::core
