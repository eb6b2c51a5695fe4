// The few statistics that training needs.
#pragma once

#include <vector>

namespace ticketflow::core::complexity {

double median(std::vector<double> values); // 0 of nothing
double quantile(const std::vector<double> &sorted, double share); // between neighbours in proportion; 0 of nothing
double spearman(const std::vector<double> &a, const std::vector<double> &b); // ties share their mean rank

} // namespace ticketflow::core::complexity
