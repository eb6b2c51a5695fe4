#include "core/search/accumulator.h"

#include <algorithm>
#include <numeric>

namespace ticketflow::core::search {

namespace {
constexpr size_t kArenaBlock = 256 * 1024;
constexpr uint16_t kFirstChunk = 24, kLargestChunk = 2048;
} // namespace

Accumulator::Accumulator() : table_(1024) {}

size_t Accumulator::memory() const noexcept {
    return arena_size_ + entries_.capacity() * sizeof(Entry) + table_.size() * 4 + places_.capacity() * sizeof(Tid) +
           nulls_.capacity() * sizeof(Tid) + lengths_.capacity() * sizeof(Lengths);
}

uint8_t *Accumulator::allocate(size_t size) {
    if (size > arena_left_) {
        const size_t block = std::max(size, kArenaBlock);
        arena_.push_back(std::make_unique_for_overwrite<uint8_t[]>(block));
        arena_at_ = arena_.back().get();
        arena_left_ = block;
        arena_size_ += block;
    }
    uint8_t *const taken = arena_at_;
    arena_at_ += size;
    arena_left_ -= size;
    return taken;
}

void Accumulator::grow_table() {
    std::vector<uint32_t> larger(table_.size() * 2);
    const size_t mask = larger.size() - 1;
    for (uint32_t number = 0; number < entries_.size(); ++number) {
        size_t at = entries_[number].hash & mask;
        while (larger[at] != 0)
            at = (at + 1) & mask;
        larger[at] = number + 1;
    }
    table_ = std::move(larger);
}

Accumulator::Entry &Accumulator::entry_of(std::string_view lexeme) {
    const uint32_t hash = hash_of(lexeme);
    const size_t mask = table_.size() - 1;
    size_t at = hash & mask;
    for (; table_[at] != 0; at = (at + 1) & mask) {
        Entry &entry = entries_[table_[at] - 1];
        if (entry.hash == hash && std::string_view(entry.lexeme, entry.size) == lexeme)
            return entry;
    }
    char *const copy = reinterpret_cast<char *>(allocate(lexeme.size()));
    std::copy(lexeme.begin(), lexeme.end(), copy);
    entries_.push_back({copy, nullptr, nullptr, static_cast<uint32_t>(lexeme.size()), hash, 0, 0, 0, 0});
    table_[at] = static_cast<uint32_t>(entries_.size());
    if (entries_.size() * 2 > table_.size())
        grow_table();
    return entries_.back();
}

void Accumulator::append_to(Entry &entry, const Bytes &bytes) {
    const uint8_t *from = bytes.data();
    size_t left = bytes.size();
    while (left > 0) {
        if (entry.room == 0) {
            entry.capacity = entry.capacity == 0 ? kFirstChunk : std::min<uint16_t>(entry.capacity * 2, kLargestChunk);
            uint8_t *const chunk = allocate(sizeof(uint8_t *) + 2 + entry.capacity);
            uint8_t *const none = nullptr;
            std::memcpy(chunk, &none, sizeof none);
            std::memcpy(chunk + sizeof none, &entry.capacity, 2);
            if (entry.last)
                std::memcpy(entry.last, &chunk, sizeof chunk);
            else
                entry.first = chunk;
            entry.last = chunk;
            entry.room = entry.capacity;
        }
        const size_t part = std::min<size_t>(left, entry.room);
        std::memcpy(entry.last + sizeof(uint8_t *) + 2 + (entry.capacity - entry.room), from, part);
        entry.room = static_cast<uint16_t>(entry.room - part);
        from += part;
        left -= part;
    }
}

void Accumulator::gather(const Entry &entry, Bytes &to) {
    to.clear();
    for (const uint8_t *chunk = entry.first; chunk; chunk = load<uint8_t *>(chunk)) {
        const uint16_t capacity = load<uint16_t>(chunk + sizeof(uint8_t *));
        const uint8_t *const bytes = chunk + sizeof(uint8_t *) + 2;
        to.insert(to.end(), bytes, bytes + (chunk == entry.last ? capacity - entry.room : capacity));
    }
}

void Accumulator::add(const Document &document) {
    if (document.null) {
        nulls_.push_back(document.place);
        return;
    }
    const uint32_t number = static_cast<uint32_t>(places_.size());
    places_.push_back(document.place);
    lengths_.push_back(document.lengths);
    stripped_ |= document.stripped;
    for (const Word &word : document.words) {
        Entry &entry = entry_of(word.lexeme);
        const FieldMask mask = fields_of(word.frequencies);
        fields_ |= mask;
        scratch_.clear();
        append_varint(scratch_, number - entry.last_document);
        scratch_.push_back(mask);
        for (unsigned field = 0; field < kFields; ++field)
            if (mask >> field & 1)
                scratch_.push_back(word.frequencies[field]);
        append_varint(scratch_, word.positions.size());
        append(scratch_, word.positions);
        append_to(entry, scratch_);
        entry.last_document = number;
        ++entry.postings;
    }
}

void Accumulator::sort_documents() {
    std::sort(nulls_.begin(), nulls_.end());
    renumbered_.clear();
    if (std::is_sorted(places_.begin(), places_.end()))
        return;
    std::vector<uint32_t> order(places_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) { return places_[a] < places_[b]; });
    renumbered_.resize(order.size());
    std::vector<Tid> places(order.size());
    std::vector<Lengths> lengths(order.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
        renumbered_[order[i]] = i;
        places[i] = places_[order[i]];
        lengths[i] = lengths_[order[i]];
    }
    places_ = std::move(places);
    lengths_ = std::move(lengths);
}

void Accumulator::write_word(SegmentWriter &writer, const Entry &entry, Bytes &bytes) {
    struct Found {
        Posting posting;
        std::string_view positions;
    };
    std::vector<Found> sorted;
    gather(entry, bytes);
    Reader reader(bytes.data(), bytes.size());
    writer.begin_word({entry.lexeme, entry.size});
    uint32_t number = 0;
    for (uint32_t i = 0; i < entry.postings; ++i) {
        number += reader.varint32();
        Posting posting{renumbered_.empty() ? number : renumbered_[number], {}};
        const FieldMask mask = reader.byte();
        for (unsigned field = 0; field < kFields; ++field)
            if (mask >> field & 1)
                posting.frequencies[field] = reader.byte();
        const std::string_view positions = reader.text(reader.varint());
        if (renumbered_.empty())
            writer.add(posting, positions);
        else
            sorted.push_back({posting, positions});
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const Found &a, const Found &b) { return a.posting.document < b.posting.document; });
    for (const Found &found : sorted)
        writer.add(found.posting, found.positions);
    writer.end_word();
}

Footer Accumulator::write(Sink &sink) {
    sort_documents();
    Bytes lengths, bytes;
    for (const Lengths &document : lengths_)
        for (unsigned field = 0; field < kFields; ++field)
            if (fields_ >> field & 1)
                lengths.push_back(document[field]);
    SegmentWriter writer(sink, fields_, lengths);
    table_.assign(1024, 0);
    std::sort(entries_.begin(), entries_.end(), [](const Entry &a, const Entry &b) {
        return std::string_view(a.lexeme, a.size) < std::string_view(b.lexeme, b.size);
    });
    for (const Entry &entry : entries_)
        write_word(writer, entry, bytes);
    size_t at = 0;
    const Footer footer = writer.finish(static_cast<uint32_t>(places_.size()), static_cast<uint32_t>(nulls_.size()), stripped_, [&] {
        const size_t row = at++;
        return row < places_.size() ? places_[row] : nulls_[row - places_.size()];
    });
    clear();
    return footer;
}

void Accumulator::clear() {
    arena_.clear();
    arena_size_ = arena_left_ = 0;
    arena_at_ = nullptr;
    std::vector<Entry>().swap(entries_);
    places_.clear();
    nulls_.clear();
    lengths_.clear();
    fields_ = 0;
    stripped_ = false;
}

} // namespace ticketflow::core::search
