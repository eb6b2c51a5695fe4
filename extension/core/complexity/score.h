// From a ticket and a model to a score whose points add up.
#pragma once

#include "core/complexity/model.h"

#include <optional>
#include <span>
#include <string>

namespace ticketflow::core::complexity {

// A value beside the text. A number may be told as text (categories such as "3"); the model's field decides.
struct Detail {
    std::string name, text;
    std::optional<double> number;
};

constexpr std::int64_t kFixed = std::int64_t{1} << 32; // sums are integers in units of 2^-32: no order of summation matters

struct Score {
    int score = 0;
    double sum = 0;      // in the model's units
    const EffortScale *effort = nullptr; // what to expect: at(sum)
    std::string factors; // JSON
};

class Scorer { // keeps its buffers from ticket to ticket
  public:
    // Nothing, where neither text nor a learned field says anything. Without `factors` only the numbers are made.
    std::optional<Score> score(const Model &model, std::string_view title, std::string_view body,
                               std::span<const Detail> details, bool factors = true);
    const Features &features() const { return features_; }

  private:
    static constexpr std::size_t kTerms = 5;
    struct Term {
        std::string_view text;
        std::int64_t sum = 0, tenths = 0;
    };
    struct Part {
        std::string_view name;
        std::string_view text; // the value: a text, or
        double number = 0;     // a number
        bool is_text = false, assumed = false;
        std::int64_t sum = 0, tenths = 0;
        std::array<Term, kTerms> terms{};
    };
    std::int64_t add_wording(const Model &model, const Group *group, bool title, bool tell);
    std::int64_t add_structure(const Model &model, const Group *group, bool tell);
    std::int64_t add_fields(const Model &model, std::span<const Detail> details, bool tell, bool &learned);
    std::int64_t add_pairs(const Model &model, bool tell);
    static const std::pair<const std::string, double> *level_of(const Field &field, const Detail &detail);
    void share_points(const Model &model, std::int64_t total, int score);
    std::string tell_factors(double start);
    void choose_terms(Part &part, const Text &text, const std::vector<std::int64_t> &of_word) const;

    Features features_;
    std::vector<Part> parts_;
    std::vector<std::int64_t> of_word_;
    struct Paired {
        const std::string *field, *level;
        std::size_t part;
    };
    std::vector<Paired> paired_;
    std::int64_t start_tenths_ = 0;
};

// 0 to 100, continuous: where a sum lies among the model's thresholds.
double rank_of(const Model &model, double sum);

// Whether a person should look now: the score against the desk's threshold, which urgency lowers. Raising any of
// priority, severity and risk (0 to 1, how near or past its promise a ticket is) never takes the advice back.
bool recommend_escalation(int score, std::string_view priority, std::string_view severity, double risk, int threshold);

void append_json_string(std::string &out, std::string_view text);
std::string json_string(std::string_view text);

} // namespace ticketflow::core::complexity
