#include "core/complexity/fit.h"

#include "core/complexity/calibrate.h"
#include "core/complexity/statistics.h"
#include "core/failure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ticketflow::core::complexity {

namespace {

constexpr int kFewestTickets = 50;
constexpr double kOlder = 0.8; // share of the tickets that all choices are made on
constexpr Penalty kUsual = {20, 2};
constexpr std::array kRidges = {8.0, 60.0, 200.0}, kForgettings = {0.5, 1.0, 4.0};
constexpr Penalty kColdPenalty = {20, 0}; // for other people's tickets: the best on the older part of every project
constexpr int kRoughly = 20; // iterations that tell which penalty is better
constexpr std::size_t kTelling = 10; // held-out tickets from which a group has a say

// A rank correlation of n tickets that chance alone gives once in a thousand times (Fisher's transformation): a desk that
// trains every week must not learn noise within years.
double chance(double n) {
    const double e = natural_exp(2 * 3.09 * 1.03 / std::sqrt(std::max(n - 3, 1.0)));
    return (e - 1) / (e + 1);
}

std::vector<int> numbers_to(int n) {
    std::vector<int> all;
    for (int i = 0; i < n; ++i)
        all.push_back(i);
    return all;
}

} // namespace

struct Trainer::State {
    FitOptions options;
    Design design;
    FitReport report;

    explicit State(FitOptions wanted) : options(std::move(wanted)), design(options.bits, options.group_field, options.new_groups) {}

    void say(const char *stage, int done, int of) const {
        if (options.progress)
            options.progress(stage, done, of);
    }

    Weights solve(const std::vector<int> &train, Penalty penalty, int iterations) const {
        return design.solve(train, penalty, iterations, [&] { say("solving", 0, 0); });
    }

    // Predictions for `test` from a fit on `train`.
    std::vector<double> predict(const std::vector<int> &train, const std::vector<int> &test, Penalty penalty, int iterations) const {
        const Weights w = solve(train, penalty, iterations);
        std::vector<double> out;
        for (const int row : test)
            out.push_back(design.predict(w, row, !options.new_groups));
        return out;
    }

    // Mean over groups of the rank correlation; groups too small to tell have no say.
    double correlation(const std::vector<int> &rows, const std::vector<double> &predicted) const {
        std::vector<std::vector<double>> p(design.group_names().size()), a(p.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            p[design.group_of(rows[i])].push_back(predicted[i]);
            a[design.group_of(rows[i])].push_back(design.effort(rows[i]));
        }
        double sum = 0;
        int n = 0;
        for (std::size_t g = 0; g < p.size(); ++g) {
            if (p[g].size() < kTelling)
                continue;
            sum += spearman(p[g], a[g]);
            ++n;
        }
        return n ? sum / n : 0;
    }

    // What would have ranked best as time went on. What has proved itself elsewhere stays, unless another choice is better
    // by more than chance.
    Penalty choose_penalty(const std::vector<int> &older, double until) {
        if (options.penalty > 0)
            return {options.penalty, kUsual.forgetting};
        Penalty best = kUsual;
        double to_beat = -2;
        int done = 0;
        const auto consider = [&](Penalty penalty) {
            std::vector<int> ahead;
            const auto seen = look_ahead(older, penalty, until, kRoughly, ahead);
            const double now = correlation(ahead, seen);
            say("choosing the penalty", ++done, static_cast<int>(kRidges.size() + kForgettings.size() + 1));
            if (now > to_beat) {
                to_beat = now + (done == 1 ? 1 / std::sqrt(static_cast<double>(ahead.size())) : 0);
                best = penalty;
            }
        };
        consider(kUsual);
        for (const double ridge : kRidges)
            consider({ridge, kUsual.forgetting});
        for (const double forgetting : kForgettings)
            consider({best.ridge, forgetting});
        return best;
    }

    // Out-of-sample predictions for every row, from folds of time or of groups.
    std::vector<double> cross_fit(const std::vector<int> &rows, Penalty penalty) {
        const int folds = options.new_groups ? static_cast<int>(design.group_names().size()) : 5;
        std::vector<double> out(rows.size());
        for (int fold = 0; fold < folds; ++fold) {
            std::vector<int> train, test;
            std::vector<std::size_t> where;
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const int of = options.new_groups ? static_cast<int>(design.group_of(rows[i])) : static_cast<int>(i % 5);
                if (of == fold) {
                    test.push_back(rows[i]);
                    where.push_back(i);
                } else {
                    train.push_back(rows[i]);
                }
            }
            if (train.empty() || test.empty())
                continue;
            const auto p = predict(train, test, penalty, options.iterations);
            for (std::size_t k = 0; k < p.size(); ++k)
                out[where[k]] = p[k];
            say("calibrating", fold + 1, folds);
        }
        return out;
    }

    // Predictions as they would have been made: each slice of time from what came before it.
    std::vector<double> look_ahead(const std::vector<int> &rows, Penalty penalty, double until, int iterations, std::vector<int> &ahead) {
        std::vector<double> out;
        constexpr double kFirst = 0.4;
        constexpr int kSlices = 3;
        for (int slice = 0; slice < kSlices; ++slice) {
            const double from = until * (kFirst + (1 - kFirst) * slice / kSlices);
            const double to = until * (kFirst + (1 - kFirst) * (slice + 1) / kSlices);
            std::vector<int> before, next;
            for (const int row : rows) {
                const double age = design.age(row);
                if (age < from)
                    before.push_back(row);
                else if (age < to || slice + 1 == kSlices)
                    next.push_back(row);
            }
            const auto p = predict(before, next, penalty, iterations);
            out.insert(out.end(), p.begin(), p.end());
            ahead.insert(ahead.end(), next.begin(), next.end());
        }
        return out;
    }

    Calibration calibrate(const std::vector<int> &rows, Penalty penalty, double until, std::vector<double> &seen) {
        Calibration calibration(design, rows);
        std::vector<int> ahead;
        seen = look_ahead(rows, penalty, until, options.iterations, ahead);
        calibration.choose_slopes(ahead, seen);
        return calibration;
    }

    void judge_errors(const std::vector<int> &newest, const Calibration &calibration, const std::vector<double> &predicted) {
        std::vector<double> mine(design.group_names().size()), base(mine.size());
        std::vector<std::size_t> count(mine.size());
        for (std::size_t i = 0; i < newest.size(); ++i) {
            const auto g = design.group_of(newest[i]);
            mine[g] += std::fabs(design.effort(newest[i]) - calibration.expect(newest[i], predicted[i]));
            base[g] += std::fabs(design.effort(newest[i]) - calibration.baseline(newest[i]));
            ++count[g];
        }
        double ratio = 0, groups = 0;
        for (std::size_t g = 0; g < mine.size(); ++g) {
            report.mean_error += mine[g] / static_cast<double>(newest.size());
            report.median_error += base[g] / static_cast<double>(newest.size());
            if (count[g] >= kTelling && base[g] > 0) {
                ratio += mine[g] / base[g];
                groups += 1;
            }
        }
        report.error_ratio = groups > 0 ? ratio / groups : 1;
    }

    void judge(std::size_t learned, const std::vector<int> &newest, const Calibration &calibration,
               const std::vector<double> &predicted, std::vector<double> earlier) {
        judge_errors(newest, calibration, predicted);
        const double n = static_cast<double>(newest.size());
        report.learned = static_cast<int>(learned);
        report.held_out = static_cast<int>(newest.size());
        report.rank_correlation = correlation(newest, predicted);
        std::sort(earlier.begin(), earlier.end());
        double off = 0;
        for (int score = 10; score <= 90; score += 10) {
            const double limit = quantile(earlier, score / 100.0);
            const auto below = std::count_if(predicted.begin(), predicted.end(), [&](double p) { return p <= limit; });
            off += std::fabs(100.0 * static_cast<double>(below) / n - score);
        }
        report.calibration_error = off / 9;
        report.beats_baseline = report.error_ratio < 1 && report.rank_correlation > chance(n);
    }

    Penalty chosen() const { return {report.penalty, report.forgetting}; }
    void choose(Penalty penalty) {
        report.penalty = penalty.ridge;
        report.forgetting = penalty.forgetting;
    }

    // Every group is measured by a model that never saw it.
    Calibration fit_cold(const std::vector<int> &all, std::vector<double> &fitted) {
        choose({options.penalty > 0 ? options.penalty : kColdPenalty.ridge, kColdPenalty.forgetting});
        fitted = cross_fit(all, chosen());
        Calibration calibration(design, all);
        calibration.choose_slopes(all, fitted);
        judge(all.size(), all, calibration, fitted, fitted);
        return calibration;
    }

    // Everything is chosen on the older four fifths and measured once on the newest; then all is learned from.
    Calibration fit_desk(const std::vector<int> &all, std::vector<double> &fitted) {
        std::vector<int> older, newest;
        for (const int row : all)
            (design.age(row) < kOlder ? older : newest).push_back(row);
        choose(choose_penalty(older, kOlder));
        std::vector<double> seen;
        const Calibration before = calibrate(older, chosen(), kOlder, seen);
        judge(older.size(), newest, before, predict(older, newest, chosen(), options.iterations), cross_fit(older, chosen()));
        fitted = cross_fit(all, chosen());
        return calibrate(all, chosen(), 1, seen);
    }
};

Trainer::Trainer(FitOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Trainer::~Trainer() = default;
std::size_t Trainer::size() const { return state_->design.rows(); }

void Trainer::add(std::string_view title, std::string_view body, std::span<const Detail> details, double effort) {
    state_->design.add(title, body, details, effort);
}

Model Trainer::fit(FitReport &report) {
    State &s = *state_;
    const int n = static_cast<int>(s.design.rows());
    if (n < kFewestTickets)
        throw Failure(Condition::object_not_in_state, "too few finished tickets to learn from: " + std::to_string(n),
                      "At least 50 are needed, of which the newest fifth is held out to measure the model.",
                      "Use the shipped model until the desk has resolved more tickets with known effort.");
    s.design.finish();
    s.report.groups = static_cast<int>(s.design.group_names().size());
    const auto all = numbers_to(n);
    std::vector<double> fitted;
    const Calibration calibration = s.options.new_groups ? s.fit_cold(all, fitted) : s.fit_desk(all, fitted);
    Model model = s.design.export_model(s.solve(all, s.chosen(), s.options.iterations), !s.options.new_groups);
    model.effort_unit = s.options.effort_unit;
    model.effort = model.groups.empty() && !s.options.new_groups ? calibration.group(0) : calibration.common();
    for (std::size_t g = 0; g < model.groups.size(); ++g)
        model.groups[g].effort = calibration.group(g);
    std::sort(fitted.begin(), fitted.end());
    for (int k = 1; k <= 100; ++k)
        model.thresholds.push_back(quantile(fitted, (k - 0.5) / 100));
    report = s.report;
    return model;
}

std::string FitReport::json() const {
    char out[512];
    std::snprintf(out, sizeof out,
                  "{\"learned\":%d,\"held_out\":%d,\"groups\":%d,\"penalty\":%g,\"forgetting\":%g,\"rank_correlation\":%.4f,"
                  "\"mean_error\":%.4f,\"median_error\":%.4f,\"error_ratio\":%.4f,"
                  "\"calibration_error\":%.2f,\"beats_baseline\":%s}",
                  learned, held_out, groups, penalty, forgetting, rank_correlation, mean_error, median_error,
                  error_ratio, calibration_error, beats_baseline ? "true" : "false");
    return out;
}

} // namespace ticketflow::core::complexity
