#include "core/search/query.h"

#include "core/failure.h"

#include <algorithm>

namespace ticketflow::core::search {

namespace {
// Evaluation is recursive; deeper nesting than this is not a question that a person asked.
constexpr unsigned kMaxDepth = 2000;
} // namespace

unsigned Gate::word(unsigned slot) {
    nodes_.push_back({Kind::word, slot});
    return static_cast<unsigned>(nodes_.size() - 1);
}

unsigned Gate::negation(unsigned node) {
    nodes_.push_back({Kind::none_of, 0, {node}});
    return static_cast<unsigned>(nodes_.size() - 1);
}

unsigned Gate::combine(Kind kind, unsigned left, unsigned right) {
    if (kind == Kind::phrase)
        has_phrase_ = true;
    else if (nodes_[left].kind == kind) {
        if (nodes_[right].kind == kind) {
            const std::vector<unsigned> more = std::move(nodes_[right].children);
            nodes_[left].children.insert(nodes_[left].children.end(), more.begin(), more.end());
        } else {
            nodes_[left].children.push_back(right);
        }
        return left;
    } else if (nodes_[right].kind == kind) {
        nodes_[right].children.push_back(left);
        return right;
    }
    nodes_.push_back({kind, 0, {left, right}});
    return static_cast<unsigned>(nodes_.size() - 1);
}

void Gate::check_depth(unsigned node, unsigned depth) const {
    if (depth > kMaxDepth)
        throw Failure(Condition::program_limit_exceeded, "the search query is nested too deeply");
    for (const unsigned child : nodes_[node].children)
        check_depth(child, depth + 1);
}

void Gate::set_root(unsigned node) {
    check_depth(node, 0);
    root_ = node;
    rooted_ = true;
    required_ = required_of(node);
    coverable_ = coverable_of(node);
    positive_.clear();
    collect_positive(node);
    std::sort(positive_.begin(), positive_.end());
    positive_.erase(std::unique(positive_.begin(), positive_.end()), positive_.end());
    const Node &root = nodes_[node];
    open_ = root.kind == Kind::word ||
            (root.kind == Kind::any_of && std::all_of(root.children.begin(), root.children.end(),
                                                      [this](unsigned child) { return nodes_[child].kind == Kind::word; }));
}

Truth Gate::value(unsigned number, const std::vector<Truth> &present, bool in_phrase) const {
    const Node &node = nodes_[number];
    switch (node.kind) {
    case Kind::word:
        return present[node.slot];
    case Kind::none_of: {
        // Inside a phrase NOT speaks of a position, not of the document.
        if (in_phrase)
            return Truth::maybe;
        const Truth inner = value(node.children[0], present, false);
        return inner == Truth::no ? Truth::yes : inner == Truth::yes ? Truth::no : Truth::maybe;
    }
    case Kind::any_of: {
        Truth best = Truth::no;
        for (size_t i = 0; i < node.children.size() && best != Truth::yes; ++i)
            best = std::max(best, value(node.children[i], present, in_phrase));
        return best;
    }
    case Kind::all_of:
    case Kind::phrase: {
        const bool phrase = node.kind == Kind::phrase;
        Truth worst = phrase ? Truth::maybe : Truth::yes;
        for (size_t i = 0; i < node.children.size() && worst != Truth::no; ++i)
            worst = std::min(worst, value(node.children[i], present, in_phrase || phrase));
        return worst;
    }
    }
    return Truth::no;
}

std::vector<unsigned> Gate::required_of(unsigned number) const {
    const Node &node = nodes_[number];
    if (node.kind == Kind::word)
        return {node.slot};
    if (node.kind == Kind::none_of)
        return {};
    std::vector<unsigned> result = required_of(node.children[0]);
    for (size_t i = 1; i < node.children.size(); ++i) {
        std::vector<unsigned> other = required_of(node.children[i]), joined;
        if (node.kind == Kind::any_of)
            std::set_intersection(result.begin(), result.end(), other.begin(), other.end(), std::back_inserter(joined));
        else
            std::set_union(result.begin(), result.end(), other.begin(), other.end(), std::back_inserter(joined));
        result = std::move(joined);
    }
    return result;
}

bool Gate::coverable_of(unsigned number) const {
    const Node &node = nodes_[number];
    auto covered = [this](unsigned child) { return coverable_of(child); };
    switch (node.kind) {
    case Kind::word:
        return true;
    case Kind::none_of:
        return false;
    case Kind::any_of:
        return std::all_of(node.children.begin(), node.children.end(), covered);
    default:
        return std::any_of(node.children.begin(), node.children.end(), covered);
    }
}

void Gate::collect_positive(unsigned number) {
    const Node &node = nodes_[number];
    if (node.kind == Kind::word)
        positive_.push_back(node.slot);
    else if (node.kind != Kind::none_of)
        for (const unsigned child : node.children)
            collect_positive(child);
}

unsigned Query::slot(std::string_view lexeme, bool prefix, FieldMask fields) {
    for (unsigned i = 0; i < slots.size(); ++i)
        if (slots[i].prefix == prefix && slots[i].fields == fields && slots[i].lexeme == lexeme)
            return i;
    slots.push_back({std::string(lexeme), prefix, fields});
    return static_cast<unsigned>(slots.size() - 1);
}

void Query::finish() {
    for (const unsigned number : gate.positive())
        slots[number].positive = true;
}

} // namespace ticketflow::core::search
