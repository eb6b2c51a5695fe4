// The fit itself: ridge regression on ranks, by conjugate gradients.
#include "core/complexity/design.h"

#include <eigen3/Eigen/IterativeLinearSolvers>
#include <eigen3/Eigen/SparseCore>

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

// The rank of effort within the group, spread with heavier ends than a uniform one: groups of different pace and unit
// become comparable and one ticket of 900 hours does not rule the fit.
std::vector<double> Design::targets(const std::vector<int> &train) const {
    constexpr double kUnit = 3.4641016151377544, kEnds = 0.6; // kUnit: variance 1 before the ends are stretched
    std::vector<std::vector<double>> efforts(groups_.size());
    for (const int row : train)
        efforts[group_of(row)].push_back(effort(row));
    for (auto &values : efforts)
        std::sort(values.begin(), values.end());
    std::vector<double> target;
    target.reserve(train.size());
    for (const int row : train) {
        const auto &values = efforts[group_of(row)];
        const auto [low, high] = std::equal_range(values.begin(), values.end(), effort(row));
        const double middle = static_cast<double>((low - values.begin()) + (high - values.begin())) / 2;
        const double rank = (middle / static_cast<double>(values.size()) - 0.5) * kUnit;
        target.push_back(rank * (1 + kEnds * std::fabs(rank)));
    }
    return target;
}

// How much each row counts: its square root, since rows are multiplied by it. The mean of the squares is 1.
std::vector<double> Design::trust(const std::vector<int> &train, double forgetting) const {
    std::vector<double> result;
    double sum = 0;
    for (const int row : train) {
        result.push_back(natural_exp(forgetting * age(row)));
        sum += result.back();
    }
    for (double &x : result)
        x = std::sqrt(x * static_cast<double>(train.size()) / sum);
    return result;
}

Weights Design::solve_without(const std::vector<int> &train, Penalty penalty, int iterations, const std::function<void()> &tick,
                              const std::vector<bool> &left_out, Weights start) const {
    using Matrix = Eigen::SparseMatrix<double, Eigen::RowMajor>;
    const auto n = static_cast<int>(train.size()), p = static_cast<int>(columns_);
    const auto trusted = trust(train, penalty.forgetting), target = targets(train);
    std::size_t entries = columns_;
    for (const int row : train)
        entries += at(row).shared.size() + at(row).own.size();
    // Ridge as least squares: below the tickets one row a column, sqrt(penalty) on the diagonal.
    Matrix x(n + p, p);
    x.reserve(static_cast<Eigen::Index>(entries));
    Eigen::VectorXd y = Eigen::VectorXd::Zero(n + p);
    std::vector<std::pair<int, double>> line;
    for (int i = 0; i < n; ++i) {
        const Row &r = at(train[static_cast<std::size_t>(i)]);
        line.clear();
        for (const auto *part : {&r.shared, &r.own})
            for (const Entry &entry : *part)
                if (!left_out[entry.column])
                    line.emplace_back(static_cast<int>(entry.column), entry.value);
        std::stable_sort(line.begin(), line.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
        x.startVec(i);
        const double weight = trusted[static_cast<std::size_t>(i)];
        for (std::size_t k = 0; k < line.size();) {
            const int column = line[k].first;
            double sum = 0;
            for (; k < line.size() && line[k].first == column; ++k)
                sum += line[k].second;
            x.insertBackByOuterInner(i, column) = sum * weight;
        }
        y[i] = target[static_cast<std::size_t>(i)] * weight;
    }
    for (int j = 0; j < p; ++j) {
        x.startVec(n + j);
        x.insertBackByOuterInner(n + j, j) = std::sqrt(penalty.ridge);
    }
    x.finalize();

    Eigen::LeastSquaresConjugateGradient<Matrix, Eigen::IdentityPreconditioner> solver;
    solver.setTolerance(1e-4);
    solver.setMaxIterations(10);
    solver.compute(x);
    start.resize(columns_);
    Eigen::VectorXd w = Eigen::Map<const Eigen::VectorXd>(start.data(), p);
    // In rounds, so that a user can stop it.
    for (int done = 0; done < iterations; done += 10) {
        tick();
        w = solver.solveWithGuess(y, w);
        if (solver.info() == Eigen::Success)
            break;
    }
    return Weights(w.data(), w.data() + p);
}

// A step down where none may be is left out and the rest learned again, until no step goes down.
Weights Design::solve(const std::vector<int> &train, Penalty penalty, int iterations, const std::function<void()> &tick) const {
    std::vector<bool> left_out(columns_);
    Weights weights = solve_without(train, penalty, iterations, tick, left_out, {});
    for (std::size_t round = 0; round < steps_.size(); ++round) {
        bool falls = false;
        for (const std::uint32_t step : steps_) {
            if (weights[step] < 0) {
                left_out[step] = falls = true;
                weights[step] = 0;
            }
        }
        if (!falls)
            break;
        weights = solve_without(train, penalty, iterations, tick, left_out, std::move(weights));
    }
    return weights;
}

double Design::predict(const Weights &weights, int row, bool own_group) const {
    double sum = 0;
    for (const Entry &entry : at(row).shared)
        sum += weights[entry.column] * static_cast<double>(entry.value);
    if (own_group)
        for (const Entry &entry : at(row).own)
            sum += weights[entry.column] * static_cast<double>(entry.value);
    return sum;
}

} // namespace ticketflow::core::complexity
