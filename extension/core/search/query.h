// What is asked: words (slots), which of them count for the rank, and the boolean structure that a result must satisfy.
#pragma once

#include "core/search/posting.h"

#include <string>

namespace ticketflow::core::search {

struct Slot {
    std::string lexeme;
    bool prefix = false;
    FieldMask fields = kAllFields; // 'word':A counts occurrences in A only
    bool positive = false;         // outside of every NOT: may bring a document in
    uint32_t count = 0;            // occurrences in the ranking query; 0: only gates
};

// Three values, because a phrase, and a label on a word without positions, cannot be decided from words alone.
enum class Truth : uint8_t { no, maybe, yes };

class Gate {
  public:
    enum class Kind : uint8_t { word, all_of, any_of, none_of, phrase };
    struct Node {
        Kind kind;
        unsigned slot = 0; // of a word
        std::vector<unsigned> children{};
    };

    unsigned word(unsigned slot);
    unsigned negation(unsigned node);
    // Children of the same kind (all_of, any_of) are taken over, so that long queries stay flat.
    unsigned combine(Kind kind, unsigned left, unsigned right);
    void set_root(unsigned node);
    bool empty() const noexcept { return !rooted_; }

    // `present` has a value a slot.
    Truth evaluate(const std::vector<Truth> &present) const { return value(root_, present, false); }
    // Slots that every match has.
    const std::vector<unsigned> &required() const noexcept { return required_; }
    // Whether every match has some positive slot; otherwise (say, !spam) any document may match.
    bool coverable() const noexcept { return coverable_; }
    // Whether one positive word is enough: nothing to evaluate.
    bool open() const noexcept { return open_; }
    bool has_phrase() const noexcept { return has_phrase_; }
    // Slots outside of every NOT.
    const std::vector<unsigned> &positive() const noexcept { return positive_; }

  private:
    Truth value(unsigned node, const std::vector<Truth> &present, bool in_phrase) const;
    std::vector<unsigned> required_of(unsigned node) const;
    bool coverable_of(unsigned node) const;
    void collect_positive(unsigned node);
    void check_depth(unsigned node, unsigned depth) const;

    std::vector<Node> nodes_;
    std::vector<unsigned> required_, positive_;
    unsigned root_ = 0;
    bool rooted_ = false, coverable_ = false, open_ = false, has_phrase_ = false;
};

struct Query {
    std::vector<Slot> slots;
    Gate gate;

    // The number of the slot with these properties, made if need be.
    unsigned slot(std::string_view lexeme, bool prefix, FieldMask fields);
    // After the gate's root is set: marks positive slots.
    void finish();
};

} // namespace ticketflow::core::search
