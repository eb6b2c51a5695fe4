// From the sum of a ticket to the effort to expect: a quantile of the efforts that were seen.
#pragma once

#include <vector>

namespace ticketflow::core::complexity {

constexpr int kQuantiles = 99;

// Where a ticket's sum is at the middle, its expected effort is the median. Above it the odds that a ticket takes longer
// than any given effort rise by the slope: proportional odds, whatever the shape of the distribution.
struct EffortScale {
    double middle = 0, slope = 0;
    std::vector<double> quantiles; // rising: 1 % to 99 % of the efforts seen

    // The effort that `share` of the tickets with this sum do not exceed; share one of 0.25, 0.5 and 0.75.
    double at(double sum, double share = 0.5) const;
};

// Rising quantiles of efforts. Where people choose from a scale (1, 2, 3, 5, 8), they are values of that scale.
std::vector<double> quantiles_of(std::vector<double> efforts);

} // namespace ticketflow::core::complexity
