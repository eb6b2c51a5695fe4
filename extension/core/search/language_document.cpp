#include "core/search/language_document.h"

#include <algorithm>
#include <cstring>

namespace ticketflow::core::search {

namespace {

// PostgreSQL's WordEntry: one bit "has positions", 11 bits length, 20 bits offset, from the lowest bit up.
std::uint32_t word_entry(std::size_t length, std::size_t offset) {
    return 1u | static_cast<std::uint32_t>(length) << 1 | static_cast<std::uint32_t>(offset) << 12;
}

} // namespace

bool DocumentBuilder::add(std::string_view lexeme, std::uint32_t position, Label label) {
    if (lexeme.empty() || lexeme.size() > kMaxLexeme)
        return true;
    const auto at = static_cast<std::uint16_t>(position < kMaxPosition ? position : kMaxPosition);
    const auto stamp = static_cast<std::uint16_t>(static_cast<std::uint16_t>(label) << 14 | at);
    auto found = entries_.find(std::string(lexeme));
    if (found == entries_.end()) {
        const std::size_t cost = even(lexeme.size()) + 2 * sizeof(std::uint16_t);
        if (bytes_ + cost > allowed_)
            return false;
        bytes_ += cost;
        entries_.emplace(lexeme, Entry{{stamp}});
        return true;
    }
    auto &positions = found->second.positions;
    // A lexeme occurs once at a position; the label of the first occurrence wins, as in PostgreSQL the higher one would.
    if ((positions.back() & kMaxPosition) == at || positions.size() >= kMaxPositions)
        return true;
    if (bytes_ + sizeof(std::uint16_t) > allowed_)
        return true;
    bytes_ += sizeof(std::uint16_t);
    positions.push_back(stamp);
    return true;
}

std::size_t DocumentBuilder::sizeof_strings() const {
    std::size_t bytes = 0;
    for (const auto &[lexeme, entry] : entries_)
        bytes = even(bytes + lexeme.size()) + sizeof(std::uint16_t) * (1 + entry.positions.size());
    return bytes;
}

void DocumentBuilder::write_image(char *to) const {
    std::vector<const std::pair<const std::string, Entry> *> sorted;
    sorted.reserve(entries_.size());
    for (const auto &item : entries_)
        sorted.push_back(&item);
    // Bytewise, a prefix before what it begins: PostgreSQL's order of lexemes.
    std::sort(sorted.begin(), sorted.end(), [](const auto *a, const auto *b) { return a->first < b->first; });

    std::memset(to, 0, image_size());
    const auto count = static_cast<std::uint32_t>(sorted.size());
    std::memcpy(to, &count, sizeof count);
    char *entry = to + sizeof count;
    char *const strings = entry + sizeof(std::uint32_t) * sorted.size();
    std::size_t offset = 0;
    for (const auto *item : sorted) {
        const std::uint32_t packed = word_entry(item->first.size(), offset);
        std::memcpy(entry, &packed, sizeof packed);
        entry += sizeof packed;
        std::memcpy(strings + offset, item->first.data(), item->first.size());
        offset = even(offset + item->first.size());
        const auto &positions = item->second.positions;
        const auto number = static_cast<std::uint16_t>(positions.size());
        std::memcpy(strings + offset, &number, sizeof number);
        std::memcpy(strings + offset + sizeof number, positions.data(), sizeof(std::uint16_t) * positions.size());
        offset += sizeof(std::uint16_t) * (1 + positions.size());
    }
}

} // namespace ticketflow::core::search
