// One document as the pending list holds it: a header, the sorted hashes of its words (so that a search finds a word
// by bisection), then the words in the order of the hashes.
#pragma once

#include "core/search/posting.h"

#include <span>

namespace ticketflow::core::search {

struct Document {
    Tid place = 0;
    bool null = false, stripped = false;
    Lengths lengths{};
    std::span<const Word> words{};
};

struct RecordHead {
    uint32_t size; // of the whole record
    uint32_t words;
    uint64_t place;
    uint8_t flags;
    uint8_t lengths[kFields];
    uint8_t unused[3];
};
static_assert(sizeof(RecordHead) == 24);
inline constexpr uint8_t kRecordDead = 1, kRecordNull = 2, kRecordStripped = 4;

uint32_t hash_of(std::string_view lexeme) noexcept;
void encode_record(const Document &document, Bytes &to);

class RecordView {
  public:
    RecordView(const uint8_t *bytes, size_t size);

    Tid place() const noexcept { return head_.place; }
    bool dead() const noexcept { return head_.flags & kRecordDead; }
    bool null() const noexcept { return head_.flags & kRecordNull; }
    bool stripped() const noexcept { return head_.flags & kRecordStripped; }
    Lengths lengths() const noexcept { return {head_.lengths[0], head_.lengths[1], head_.lengths[2], head_.lengths[3]}; }
    uint32_t words() const noexcept { return head_.words; }

    bool find(std::string_view lexeme, Word &word) const;
    // Calls f(const Word &) for each word.
    template <class F> void each(F &&f) const {
        Reader reader(words_, words_size_);
        for (uint32_t i = 0; i < head_.words; ++i)
            f(read_word(reader));
    }

  private:
    static Word read_word(Reader &reader);

    RecordHead head_;
    const uint8_t *hashes_, *words_;
    size_t words_size_;
};

} // namespace ticketflow::core::search
