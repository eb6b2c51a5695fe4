#include "core/complexity/fit.h"

#include "core/complexity/design.h"
#include "core/failure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>

namespace ticketflow::core::complexity {

double median(std::vector<double> values) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

namespace {

std::vector<double> ranks(const std::vector<double> &x) { // ties share their mean rank
    std::vector<std::size_t> order(x.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return x[a] != x[b] ? x[a] < x[b] : a < b; });
    std::vector<double> rank(x.size());
    for (std::size_t i = 0, j; i < order.size(); i = j) {
        for (j = i; j < order.size() && x[order[j]] == x[order[i]];)
            ++j;
        for (std::size_t k = i; k < j; ++k)
            rank[order[k]] = static_cast<double>(i + j - 1) / 2;
    }
    return rank;
}

double quantile(const std::vector<double> &sorted, double share) {
    if (sorted.empty())
        return 0;
    const double at = share * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const auto high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

} // namespace

double spearman(const std::vector<double> &a, const std::vector<double> &b) {
    if (a.size() < 2)
        return 0;
    const auto x = ranks(a), y = ranks(b);
    const double mean = static_cast<double>(a.size() - 1) / 2;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - mean) * (y[i] - mean);
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
    }
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

// Efforts that people choose from a scale (1, 2, 3, 5, 8): the values that one in fifty tickets has, if they are most.
static std::vector<double> common_levels(const std::vector<double> &values) {
    std::map<double, std::size_t> seen;
    for (const double value : values)
        ++seen[value];
    std::vector<double> levels;
    std::size_t covered = 0;
    for (const auto &[value, count] : seen) {
        if (count * 50 >= values.size()) {
            levels.push_back(value);
            covered += count;
        }
    }
    return covered * 10 >= values.size() * 9 ? levels : std::vector<double>();
}

struct Trainer::State {
    FitOptions options;
    Design design;
    FitReport report;

    explicit State(FitOptions wanted) : options(std::move(wanted)), design(options.bits, options.group_field, options.new_groups) {}

    struct Effort { // what to expect: median of the group, and the slope from predicted rank to ln(effort)
        std::vector<double> group_median, group_slope, group_middle, spread; // spread: deviation of ln(effort)
        std::vector<std::vector<double>> levels; // the values in use, where a group uses few (points)
        double median = 1, slope = 0, middle = 0; // middle: the prediction that stands for the median
    };

    void say(const char *stage, int done, int of) const {
        if (options.progress)
            options.progress(stage, done, of);
    }

    // Predictions for `test` from a fit on `train`.
    std::vector<double> predict(const std::vector<int> &train, const std::vector<int> &test, double penalty) const {
        const Weights w = design.solve(train, penalty, options.iterations, [&] { say("solving", 0, 0); });
        std::vector<double> out;
        for (const int row : test)
            out.push_back(design.predict(w, row, !options.new_groups));
        return out;
    }

    // Medians shrink to the common one where a group has few tickets.
    Effort medians(const std::vector<int> &train) const {
        Effort e;
        std::vector<std::vector<double>> by(design.group_names().size());
        std::vector<double> all;
        for (const int row : train) {
            by[design.group_of(row)].push_back(design.effort(row));
            all.push_back(design.effort(row));
        }
        e.median = median(all);
        for (const auto &values : by) {
            const double n = static_cast<double>(values.size());
            const double own = values.empty() ? e.median : median(values);
            // Below five tickets a median is mostly chance; from there on it stands for itself.
            e.group_median.push_back(n >= 5 ? own : e.median);
            double mean = 0, squares = 0;
            for (const double x : values) {
                mean += std::log(x) / n;
                squares += std::log(x) * std::log(x) / n;
            }
            e.levels.push_back(common_levels(values));
            e.spread.push_back(n >= 5 ? std::sqrt(std::max(squares - mean * mean, 0.0)) : 0.5);
        }
        return e;
    }

    double expect(const Effort &e, int row, double predicted, double slope) const {
        const auto g = design.group_of(row);
        return nearest_level(e.levels[g], e.group_median[g] * std::exp(slope * (predicted - e.group_middle[g])));
    }
    double expect(const Effort &e, int row, double predicted) const {
        return expect(e, row, predicted, e.group_slope[design.group_of(row)]);
    }

    // The slopes that would have erred least. A group's own stays near the common one unless its tickets insist.
    void choose_slope(Effort &e, const std::vector<int> &rows, const std::vector<double> &predicted) const {
        constexpr int kSteps = 31;
        constexpr double kCaution = 0.5, kStep = 0.1, kHold = 300; // kCaution: standard errors; kHold: tickets' worth of belief in the common slope
        const std::size_t groups = e.group_median.size();
        std::vector<std::vector<double>> error(groups, std::vector<double>(kSteps));
        std::vector<double> count(groups);
        std::vector<std::vector<std::array<double, kSteps>>> each(groups); // errors of single tickets
        e.middle = median(predicted);
        // Texts drift, and predictions with them: each row is judged with the middle that its group's earlier rows tell.
        std::vector<std::vector<double>> seen(groups);
        const auto middle_now = [&](std::size_t g) {
            const std::size_t n = std::min<std::size_t>(seen[g].size(), 200);
            const double recent = median({seen[g].end() - static_cast<std::ptrdiff_t>(n), seen[g].end()});
            return (static_cast<double>(n) * recent + 10 * e.middle) / (static_cast<double>(n) + 10);
        };
        e.group_middle.assign(groups, e.middle);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto g = design.group_of(rows[i]);
            if (seen[g].size() % 20 == 0)
                e.group_middle[g] = middle_now(g);
            seen[g].push_back(predicted[i]);
            count[g] += 1;
            auto &mine = each[g].emplace_back();
            for (std::size_t k = 0; k < kSteps; ++k) {
                const double slope = static_cast<double>(k) * kStep * e.spread[g];
                mine[k] = std::fabs(design.effort(rows[i]) - expect(e, rows[i], predicted[i], slope));
                error[g][k] += mine[k];
            }
        }
        for (std::size_t g = 0; g < groups; ++g)
            e.group_middle[g] = middle_now(g);
        std::vector<double> ratio(kSteps);
        for (auto &line : error) {
            const double flat = line[0];
            for (std::size_t k = 0; k < kSteps; ++k)
                ratio[k] += line[k] = flat > 0 ? line[k] / flat : 1;
        }
        for (double &sum : ratio)
            sum /= static_cast<double>(groups);
        const auto best = std::min_element(ratio.begin(), ratio.end()) - ratio.begin();
        e.slope = static_cast<double>(best) * kStep * median(e.spread);
        for (std::size_t g = 0; g < groups; ++g) {
            std::vector<double> held(kSteps);
            for (std::size_t k = 0; k < kSteps; ++k)
                held[k] = (count[g] * error[g][k] + kHold * ratio[k]) / (count[g] + kHold);
            // The least slope that is as good as the best one, as far as so few tickets can tell.
            const auto least = static_cast<std::size_t>(std::min_element(held.begin(), held.end()) - held.begin());
            double sum = 0, squares = 0, flat = 0;
            for (const auto &mine : each[g]) {
                sum += mine[least] - mine[0];
                squares += (mine[least] - mine[0]) * (mine[least] - mine[0]);
                flat += mine[0];
            }
            const double noise = flat > 0 ? std::sqrt(std::max(squares - sum * sum / std::max(count[g], 1.0), 0.0)) / flat : 0;
            std::size_t own = 0;
            while (held[own] > held[least] + kCaution * noise)
                ++own;
            e.group_slope.push_back(static_cast<double>(own) * kStep * e.spread[g]);
        }
    }

    // Mean over groups of the rank correlation; groups too small to tell are pooled out.
    double correlation(const std::vector<int> &rows, const std::vector<double> &predicted) const {
        std::vector<std::vector<double>> p(design.group_names().size()), a(p.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            p[design.group_of(rows[i])].push_back(predicted[i]);
            a[design.group_of(rows[i])].push_back(design.effort(rows[i]));
        }
        double sum = 0;
        int n = 0;
        for (std::size_t g = 0; g < p.size(); ++g) {
            if (p[g].size() < 10)
                continue;
            sum += spearman(p[g], a[g]);
            ++n;
        }
        return n ? sum / n : 0;
    }

    static constexpr std::array kPenalties = {8.0, 20.0, 60.0, 200.0};

    double choose_penalty(const std::vector<int> &older, const std::vector<int> &newer) {
        if (options.penalty > 0)
            return options.penalty;
        double best = -2, chosen = kPenalties[1];
        int done = 0;
        for (const double penalty : kPenalties) {
            const double rho = correlation(newer, predict(older, newer, penalty));
            say("choosing the penalty", ++done, static_cast<int>(kPenalties.size()));
            if (rho > best) {
                best = rho;
                chosen = penalty;
            }
        }
        return chosen;
    }

    // Out-of-sample predictions for every row, from folds of time or of groups.
    std::vector<double> cross_fit(const std::vector<int> &rows, double penalty) {
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
            const auto p = predict(train, test, penalty);
            for (std::size_t k = 0; k < p.size(); ++k)
                out[where[k]] = p[k];
            say("calibrating", fold + 1, folds);
        }
        return out;
    }

    // Predictions as they would have been made: each slice of time from what came before it.
    std::vector<double> look_ahead(const std::vector<int> &rows, double penalty, double until, std::vector<int> &ahead) {
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
            const auto p = predict(before, next, penalty);
            out.insert(out.end(), p.begin(), p.end());
            ahead.insert(ahead.end(), next.begin(), next.end());
            say("looking ahead", slice + 1, kSlices);
        }
        return out;
    }

    void judge(const std::vector<int> &older, const std::vector<int> &newest, const Effort &effort,
               const std::vector<double> &predicted, std::vector<double> calibration) {
        std::vector<double> mine(effort.group_median.size()), base(mine.size()), count(mine.size());
        for (std::size_t i = 0; i < newest.size(); ++i) {
            const auto g = design.group_of(newest[i]);
            mine[g] += std::fabs(design.effort(newest[i]) - expect(effort, newest[i], predicted[i]));
            base[g] += std::fabs(design.effort(newest[i]) - effort.group_median[g]);
            count[g] += 1;
        }
        double ratio = 0, groups = 0;
        for (std::size_t g = 0; g < mine.size(); ++g) {
            report.mean_error += mine[g];
            report.median_error += base[g];
            if (count[g] >= 10 && base[g] > 0) {
                ratio += mine[g] / base[g];
                groups += 1;
            }
        }
        const double n = static_cast<double>(newest.size());
        report.mean_error /= n;
        report.median_error /= n;
        report.error_ratio = groups > 0 ? ratio / groups : 1;
        report.rank_correlation = correlation(newest, predicted);
        report.learned = static_cast<int>(older.size());
        report.held_out = static_cast<int>(newest.size());
        std::sort(calibration.begin(), calibration.end());
        double off = 0;
        for (int score = 10; score <= 90; score += 10) {
            const double limit = quantile(calibration, score / 100.0);
            const auto below = std::count_if(predicted.begin(), predicted.end(), [&](double p) { return p <= limit; });
            off += std::fabs(100.0 * static_cast<double>(below) / n - score);
        }
        report.calibration_error = off / 9;
        // A correlation that chance alone would give once in forty times is not good enough.
        report.beats_baseline = report.error_ratio < 1 && report.rank_correlation > 2 / std::sqrt(n);
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
    if (n < 50)
        throw Failure(Condition::object_not_in_state, "too few finished tickets to learn from: " + std::to_string(n),
                      "At least 50 are needed, of which the newest fifth is held out to measure the model.",
                      "Use the shipped model until the desk has resolved more tickets with known effort.");
    s.design.finish();
    s.report.groups = static_cast<int>(s.design.group_names().size());
    std::vector<int> oldest, middle, newest, older, all;
    for (int i = 0; i < n; ++i) {
        const double age = s.design.age(i); // 0 oldest of its group, 1 newest
        (age < 0.6 ? oldest : age < 0.8 ? middle : newest).push_back(i);
        if (age < 0.8)
            older.push_back(i);
        all.push_back(i);
    }
    std::vector<double> fitted;
    State::Effort effort;
    if (s.options.new_groups) { // every group is measured by a model that never saw it
        s.report.penalty = s.options.penalty > 0 ? s.options.penalty : State::kPenalties[1];
        fitted = s.cross_fit(all, s.report.penalty);
        effort = s.medians(all);
        s.choose_slope(effort, all, fitted);
        s.judge(all, all, effort, fitted, fitted);
    } else {
        s.report.penalty = s.choose_penalty(oldest, middle);
        effort = s.medians(older);
        std::vector<int> ahead;
        auto seen = s.look_ahead(older, s.report.penalty, 0.8, ahead);
        s.choose_slope(effort, ahead, seen);
        s.judge(older, newest, effort, s.predict(older, newest, s.report.penalty), seen);
        fitted = s.cross_fit(all, s.report.penalty);
        effort = s.medians(all);
        ahead.clear();
        seen = s.look_ahead(all, s.report.penalty, 1, ahead);
        s.choose_slope(effort, ahead, seen);
    }
    const Weights w = s.design.solve(all, s.report.penalty, s.options.iterations, [&] { s.say("solving", 0, 0); });
    Model model = s.design.export_model(w, !s.options.new_groups);
    model.effort_unit = s.options.effort_unit;
    model.effort_median = effort.median * std::exp(effort.slope * (model.start - effort.middle));
    model.effort_slope = model.groups.empty() && !s.options.new_groups ? effort.group_slope[0] : effort.slope;
    if (s.design.group_names().size() == 1)
        model.effort_levels = effort.levels[0];
    for (std::size_t g = 0; g < model.groups.size(); ++g) {
        model.groups[g].shift = std::log(effort.group_median[g] / effort.median) -
                                effort.group_slope[g] * (effort.group_middle[g] - model.start) +
                                effort.slope * (effort.middle - model.start);
        model.groups[g].slope = effort.group_slope[g];
        model.groups[g].levels = effort.levels[g];
    }
    std::vector<double> ratios;
    for (std::size_t i = 0; i < all.size(); ++i)
        ratios.push_back(std::log(s.design.effort(all[i]) / s.expect(effort, all[i], fitted[i])));
    std::sort(ratios.begin(), ratios.end());
    model.effort_share = {quantile(ratios, .1), quantile(ratios, .25), quantile(ratios, .5), quantile(ratios, .75), quantile(ratios, .9)};
    std::sort(fitted.begin(), fitted.end());
    for (int k = 1; k <= 100; ++k)
        model.thresholds.push_back(quantile(fitted, (k - 0.5) / 100));
    report = s.report;
    return model;
}

std::string FitReport::json() const {
    char out[512];
    std::snprintf(out, sizeof out,
                  "{\"learned\":%d,\"held_out\":%d,\"groups\":%d,\"penalty\":%g,\"rank_correlation\":%.4f,"
                  "\"mean_error\":%.4f,\"median_error\":%.4f,\"error_ratio\":%.4f,\"calibration_error\":%.2f,\"beats_baseline\":%s}",
                  learned, held_out, groups, penalty, rank_correlation, mean_error, median_error, error_ratio,
                  calibration_error, beats_baseline ? "true" : "false");
    return out;
}

} // namespace ticketflow::core::complexity
