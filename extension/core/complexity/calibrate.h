// What effort to expect at which sum: the groups' distributions, and how far a prediction may lead away from their medians.
#pragma once

#include "core/complexity/design.h"

#include <vector>

namespace ticketflow::core::complexity {

class Calibration {
  public:
    // The distributions of effort in `rows`. Below five tickets a group's own is mostly chance; it has the common one.
    Calibration(const Design &design, const std::vector<int> &rows);
    // Chooses the slopes that would have erred least on predictions made before their tickets were seen. A group's own
    // slope stays near the common one unless its tickets insist.
    void choose_slopes(const std::vector<int> &rows, const std::vector<double> &predicted);

    double expect(int row, double predicted) const { return groups_[design_.group_of(row)].at(predicted); }
    double baseline(int row) const { return medians_[design_.group_of(row)]; }
    const EffortScale &common() const { return common_; }
    const EffortScale &group(std::size_t g) const { return groups_[g]; }

  private:
    struct Curves { // by slope, from 0 upwards: errors of a group's tickets
        std::vector<std::vector<double>> errors;
        std::vector<double> sum;
    };
    std::vector<Curves> errors_by_slope(const std::vector<int> &rows, const std::vector<double> &predicted);
    static std::size_t cautious(const Curves &curves, const std::vector<double> &held);

    const Design &design_;
    EffortScale common_;
    std::vector<EffortScale> groups_;
    std::vector<double> medians_;
};

} // namespace ticketflow::core::complexity
