// Learns a model from finished tickets: ridge regression on the rank of effort within each group.
#pragma once

#include "core/complexity/score.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ticketflow::core::complexity {

struct FitOptions {
    int bits = 16;
    std::string group_field;   // name of the detail that names the group; empty: one population
    std::string effort_unit = "hours";
    bool new_groups = false;   // calibrate for tickets of groups never seen (a cold start)
    double penalty = 0;        // 0: chosen on the older part, with forgetting
    int iterations = 40;
    std::function<void(const char *stage, int done, int of)> progress; // called often; may throw to stop
};

// How good on the newest part, which nothing was chosen on. Means over groups that have enough tickets there.
struct FitReport {
    int learned = 0, held_out = 0, groups = 0;
    double penalty = 0, forgetting = 0;
    double rank_correlation = 0;         // Spearman, predicted and actual
    double mean_error = 0, median_error = 0, error_ratio = 1; // MAE of the model, of the median; mean ratio of the two
    double calibration_error = 0;        // mean |share at or below score - score| in points, 0 is perfect
    bool beats_baseline = false;
    std::string json() const;
};

class Trainer {
  public:
    explicit Trainer(FitOptions options);
    ~Trainer();
    // In order of time. Ignores nothing: the caller has checked that effort is a positive number.
    void add(std::string_view title, std::string_view body, std::span<const Detail> details, double effort);
    std::size_t size() const;
    Model fit(FitReport &report);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace ticketflow::core::complexity
