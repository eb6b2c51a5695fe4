#include "core/complexity/calibrate.h"

#include "core/complexity/statistics.h"

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

constexpr std::size_t kSlopes = 31;
constexpr double kSlopeStep = 0.1;
constexpr double kHold = 300;           // tickets' worth of belief in the common slope
constexpr double kCaution = 0.5;        // standard errors that a steeper slope must be better by
constexpr std::size_t kRecent = 200;    // predictions whose median is the middle
constexpr double kMiddleHold = 10;
constexpr std::size_t kFewest = 5;      // tickets with a distribution of their own

} // namespace

Calibration::Calibration(const Design &design, const std::vector<int> &rows) : design_(design) {
    std::vector<std::vector<double>> efforts(design.group_names().size());
    std::vector<double> all;
    for (const int row : rows) {
        efforts[design.group_of(row)].push_back(design.effort(row));
        all.push_back(design.effort(row));
    }
    common_.quantiles = quantiles_of(all);
    for (const auto &own : efforts) {
        const auto &used = own.size() < kFewest ? all : own;
        groups_.emplace_back().quantiles = quantiles_of(used);
        medians_.push_back(median(used));
    }
}

// Texts drift, and predictions with them: each row is judged with the middle that its group's earlier rows tell.
std::vector<Calibration::Curves> Calibration::errors_by_slope(const std::vector<int> &rows, const std::vector<double> &predicted) {
    std::vector<Curves> curves(groups_.size());
    std::vector<std::vector<double>> seen(groups_.size());
    const auto middle_now = [&](std::size_t g) {
        const std::size_t n = std::min(seen[g].size(), kRecent);
        const double recent = median({seen[g].end() - static_cast<std::ptrdiff_t>(n), seen[g].end()});
        return (static_cast<double>(n) * recent + kMiddleHold * common_.middle) / (static_cast<double>(n) + kMiddleHold);
    };
    for (auto &curve : curves)
        curve.sum.assign(kSlopes, 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto g = design_.group_of(rows[i]);
        EffortScale &scale = groups_[g];
        if (seen[g].size() % 20 == 0)
            scale.middle = middle_now(g);
        seen[g].push_back(predicted[i]);
        auto &mine = curves[g].errors.emplace_back(kSlopes);
        for (std::size_t k = 0; k < kSlopes; ++k) {
            scale.slope = static_cast<double>(k) * kSlopeStep;
            mine[k] = std::fabs(design_.effort(rows[i]) - scale.at(predicted[i]));
            curves[g].sum[k] += mine[k];
        }
    }
    for (std::size_t g = 0; g < groups_.size(); ++g)
        groups_[g].middle = middle_now(g);
    return curves;
}

// The least slope that is as good as the best one, as far as so few tickets can tell.
std::size_t Calibration::cautious(const Curves &curves, const std::vector<double> &held) {
    const auto best = static_cast<std::size_t>(std::min_element(held.begin(), held.end()) - held.begin());
    double sum = 0, squares = 0, flat = 0;
    for (const auto &errors : curves.errors) {
        const double gain = errors[best] - errors[0];
        sum += gain;
        squares += gain * gain;
        flat += errors[0];
    }
    const double n = std::max(static_cast<double>(curves.errors.size()), 1.0);
    const double noise = flat > 0 ? std::sqrt(std::max(squares - sum * sum / n, 0.0)) / flat : 0;
    std::size_t chosen = 0;
    while (held[chosen] > held[best] + kCaution * noise)
        ++chosen;
    return chosen;
}

void Calibration::choose_slopes(const std::vector<int> &rows, const std::vector<double> &predicted) {
    common_.middle = median(predicted);
    const auto curves = errors_by_slope(rows, predicted);
    std::vector<std::vector<double>> ratio;
    std::vector<double> mean(kSlopes);
    for (const Curves &curve : curves) {
        auto &mine = ratio.emplace_back(kSlopes, 1.0);
        for (std::size_t k = 0; k < kSlopes; ++k) {
            if (curve.sum[0] > 0)
                mine[k] = curve.sum[k] / curve.sum[0];
            mean[k] += mine[k] / static_cast<double>(curves.size());
        }
    }
    common_.slope = kSlopeStep * static_cast<double>(std::min_element(mean.begin(), mean.end()) - mean.begin());
    for (std::size_t g = 0; g < curves.size(); ++g) {
        const double n = static_cast<double>(curves[g].errors.size());
        std::vector<double> held(kSlopes);
        for (std::size_t k = 0; k < kSlopes; ++k)
            held[k] = (n * ratio[g][k] + kHold * mean[k]) / (n + kHold);
        groups_[g].slope = kSlopeStep * static_cast<double>(cautious(curves[g], held));
    }
}

} // namespace ticketflow::core::complexity
