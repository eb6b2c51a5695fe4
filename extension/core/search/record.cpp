#include "core/search/record.h"

#include <algorithm>
#include <numeric>

namespace ticketflow::core::search {

// FNV-1a: part of the format, so it is spelt out here.
uint32_t hash_of(std::string_view lexeme) noexcept {
    uint32_t hash = 2166136261u;
    for (const char c : lexeme)
        hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    return hash;
}

void encode_record(const Document &document, Bytes &to) {
    std::vector<std::pair<uint32_t, uint32_t>> order;
    order.reserve(document.words.size());
    for (uint32_t i = 0; i < document.words.size(); ++i)
        order.emplace_back(hash_of(document.words[i].lexeme), i);
    std::sort(order.begin(), order.end());
    const size_t start = to.size();
    RecordHead head{};
    head.words = static_cast<uint32_t>(order.size());
    head.place = document.place;
    head.flags = static_cast<uint8_t>((document.null ? kRecordNull : 0) | (document.stripped ? kRecordStripped : 0));
    std::copy(document.lengths.begin(), document.lengths.end(), head.lengths);
    append(to, head);
    for (const auto &[hash, i] : order)
        append(to, hash);
    for (const auto &[hash, i] : order) {
        const Word &word = document.words[i];
        append_varint(to, word.lexeme.size());
        append(to, word.lexeme);
        const FieldMask mask = fields_of(word.frequencies);
        to.push_back(mask);
        for (unsigned field = 0; field < kFields; ++field)
            if (mask >> field & 1)
                to.push_back(word.frequencies[field]);
        append_varint(to, word.positions.size());
        append(to, word.positions);
    }
    const uint32_t size = static_cast<uint32_t>(to.size() - start);
    std::memcpy(to.data() + start, &size, sizeof size);
}

RecordView::RecordView(const uint8_t *bytes, size_t size) {
    Reader reader(bytes, size);
    head_ = reader.fixed<RecordHead>();
    if (head_.size != size || head_.words > reader.left() / 4)
        corrupted("a pending document has the wrong size");
    hashes_ = reader.take(size_t{head_.words} * 4);
    words_ = reader.position();
    words_size_ = reader.left();
}

Word RecordView::read_word(Reader &reader) {
    Word word{};
    word.lexeme = reader.text(reader.varint());
    const FieldMask mask = reader.byte();
    if (word.lexeme.size() > 2047 || mask == 0 || mask > kAllFields)
        corrupted("a pending word is malformed");
    for (unsigned field = 0; field < kFields; ++field)
        if (mask >> field & 1)
            word.frequencies[field] = reader.byte();
    if (fields_of(word.frequencies) != mask)
        corrupted("a pending word has no occurrence");
    word.positions = reader.text(reader.varint());
    return word;
}

bool RecordView::find(std::string_view lexeme, Word &word) const {
    const uint32_t wanted = hash_of(lexeme);
    uint32_t low = 0, high = head_.words;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (load<uint32_t>(hashes_ + size_t{middle} * 4) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == head_.words || load<uint32_t>(hashes_ + size_t{low} * 4) != wanted)
        return false;
    Reader reader(words_, words_size_);
    for (uint32_t i = 0; i < low; ++i)
        read_word(reader);
    for (; low < head_.words && load<uint32_t>(hashes_ + size_t{low} * 4) == wanted; ++low) {
        word = read_word(reader);
        if (word.lexeme == lexeme)
            return true;
    }
    return false;
}

} // namespace ticketflow::core::search
