#include "core/complexity/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ticketflow::core::complexity {

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

} // namespace

double median(std::vector<double> values) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double quantile(const std::vector<double> &sorted, double share) {
    if (sorted.empty())
        return 0;
    const double at = share * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const auto high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

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

} // namespace ticketflow::core::complexity
