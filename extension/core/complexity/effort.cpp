#include "core/complexity/effort.h"

#include "core/complexity/statistics.h"
#include "core/complexity/text.h"

#include <algorithm>
#include <array>
#include <map>

namespace ticketflow::core::complexity {

namespace {

double logit(double share) { return natural_log(share) - natural_log(1 - share); }

// The odds half way between two neighbouring quantiles.
const std::array<double, kQuantiles - 1> kSteps = [] {
    std::array<double, kQuantiles - 1> steps{};
    for (std::size_t k = 0; k < steps.size(); ++k)
        steps[k] = logit((static_cast<double>(k) + 1.5) / (kQuantiles + 1));
    return steps;
}();

// The values that one in fifty tickets has, if they are most.
std::vector<double> common_levels(const std::vector<double> &values) {
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

double nearest(const std::vector<double> &levels, double x) {
    const auto above = std::lower_bound(levels.begin(), levels.end(), x);
    if (above == levels.end())
        return levels.back();
    if (above == levels.begin())
        return levels.front();
    return x - above[-1] < *above - x ? above[-1] : *above;
}

} // namespace

double EffortScale::at(double sum, double share) const {
    if (quantiles.empty())
        return 0;
    const double odds = slope * (sum - middle) + (share == 0.5 ? 0 : logit(share));
    return quantiles[static_cast<std::size_t>(std::upper_bound(kSteps.begin(), kSteps.end(), odds) - kSteps.begin())];
}

std::vector<double> quantiles_of(std::vector<double> efforts) {
    if (efforts.empty())
        return {};
    std::sort(efforts.begin(), efforts.end());
    const auto levels = common_levels(efforts);
    std::vector<double> result;
    for (int k = 1; k <= kQuantiles; ++k) {
        const double x = quantile(efforts, k / (kQuantiles + 1.0));
        result.push_back(levels.empty() ? x : nearest(levels, x));
    }
    return result;
}

} // namespace ticketflow::core::complexity
