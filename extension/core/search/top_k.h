// Collects results: the k best of all that come after a given one, in one total order: score descending, place ascending.
#pragma once

#include "core/search/model.h"

#include <algorithm>
#include <optional>

namespace ticketflow::core::search {

struct Hit {
    Score score;
    Tid place;
    bool operator<(const Hit &other) const noexcept { // comes before
        return score != other.score ? score > other.score : place < other.place;
    }
};

class TopK {
  public:
    TopK(size_t k, std::optional<Hit> after) : k_(k), after_(after) {}

    size_t size() const noexcept { return k_; }
    const std::optional<Hit> &after() const noexcept { return after_; }
    const std::vector<Hit> &hits() const noexcept { return hits_; } // in no order

    // A score below this one cannot get in.
    Score threshold() const noexcept { return hits_.size() < k_ ? 0 : hits_.front().score; }
    bool wants(Score score) const noexcept { return score >= threshold() && (!after_ || score <= after_->score); }
    void offer(Score score, Tid place) {
        const Hit hit{score, place};
        if (after_ && !(*after_ < hit))
            return;
        if (k_ == SIZE_MAX)
            return hits_.push_back(hit); // everything is wanted: sorted at the end
        if (hits_.size() == k_) {
            if (!(hit < hits_.front()))
                return;
            std::pop_heap(hits_.begin(), hits_.end());
            hits_.pop_back();
        }
        hits_.push_back(hit);
        std::push_heap(hits_.begin(), hits_.end());
    }
    // By place.
    std::vector<Hit> take_in_order_of_place() {
        std::sort(hits_.begin(), hits_.end(), [](const Hit &a, const Hit &b) { return a.place < b.place; });
        return std::move(hits_);
    }
    // The best first.
    std::vector<Hit> take() {
        std::sort(hits_.begin(), hits_.end());
        return std::move(hits_);
    }

  private:
    const size_t k_;
    const std::optional<Hit> after_;
    std::vector<Hit> hits_; // a heap whose front is the worst
};

} // namespace ticketflow::core::search
