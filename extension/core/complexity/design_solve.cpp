// The fit itself: ridge regression on ranks, by conjugate gradients.
#include "core/complexity/design.h"

// Sums in one order, whatever the processor and Eigen's version: the same rows give the same bits.
#define EIGEN_DONT_VECTORIZE
#pragma GCC diagnostic ignored "-Wuse-after-free" // GCC 12 sees one in Eigen's own destructor where there is none
#include <eigen3/Eigen/IterativeLinearSolvers>
#include <eigen3/Eigen/SparseCore>

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {
namespace {
class Normal;
}
} // namespace ticketflow::core::complexity

template <> struct Eigen::internal::traits<ticketflow::core::complexity::Normal> : traits<SparseMatrix<double>> {};

namespace ticketflow::core::complexity {

namespace {

// X'X + ridge, never written out: what the solver multiplies with. Eigen's own sparse products sum in an order that
// differs from version to version.
class Normal : public Eigen::EigenBase<Normal> {
  public:
    using Scalar = double;
    using RealScalar = double;
    using StorageIndex = int;
    enum { ColsAtCompileTime = Eigen::Dynamic, MaxColsAtCompileTime = Eigen::Dynamic, IsRowMajor = false };

    Normal(Eigen::Index columns, double ridge) : columns_(columns), ridge_(ridge) {}
    Eigen::Index rows() const { return columns_; }
    Eigen::Index cols() const { return columns_; }
    template <class Rhs> Eigen::Product<Normal, Rhs, Eigen::AliasFreeProduct> operator*(const Eigen::MatrixBase<Rhs> &x) const {
        return {*this, x.derived()};
    }

    void put(int column, double value) { entries_.emplace_back(column, value); }
    void end_row() { ends_.push_back(entries_.size()); }
    template <class Out> void add_row(std::size_t row, double times, Out &out) const {
        for (std::size_t k = ends_[row]; k < ends_[row + 1]; ++k)
            out[entries_[k].first] += times * entries_[k].second;
    }
    template <class In, class Out> void multiply(const In &x, double times, Out &out) const {
        for (std::size_t row = 0; row + 1 < ends_.size(); ++row) {
            double sum = 0;
            for (std::size_t k = ends_[row]; k < ends_[row + 1]; ++k)
                sum += entries_[k].second * x[entries_[k].first];
            add_row(row, times * sum, out);
        }
        for (Eigen::Index j = 0; j < columns_; ++j)
            out[j] += times * ridge_ * x[j];
    }

  private:
    Eigen::Index columns_;
    double ridge_;
    std::vector<std::pair<int, double>> entries_;
    std::vector<std::size_t> ends_{0};
};

} // namespace

} // namespace ticketflow::core::complexity

namespace Eigen::internal { // how Eigen is told of a matrix of ours

template <class Rhs>
struct generic_product_impl<ticketflow::core::complexity::Normal, Rhs, SparseShape, DenseShape, GemvProduct>
    : generic_product_impl_base<ticketflow::core::complexity::Normal, Rhs,
                                generic_product_impl<ticketflow::core::complexity::Normal, Rhs>> {
    template <class Out>
    static void scaleAndAddTo(Out &out, const ticketflow::core::complexity::Normal &normal, const Rhs &x, double times) {
        normal.multiply(x, times, out);
    }
};

} // namespace Eigen::internal

namespace ticketflow::core::complexity {

// The rank of effort within the group, spread with heavier ends than a uniform one: groups of different pace and unit
// become comparable and one ticket of 900 hours does not rule the fit.
std::vector<double> Design::targets(const std::vector<int> &train) const {
    constexpr double kMiddle = 2.07, kEnds = 10.8;
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
        const double rank = middle / static_cast<double>(values.size()) - 0.5;
        target.push_back(rank * (kMiddle + kEnds * std::fabs(rank)));
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
    const auto trusted = trust(train, penalty.forgetting), target = targets(train);
    Normal normal(columns_, penalty.ridge);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(columns_);
    std::vector<std::pair<int, double>> line;
    for (std::size_t i = 0; i < train.size(); ++i) {
        const Row &r = at(train[i]);
        line.clear();
        for (const auto *part : {&r.shared, &r.own})
            for (const Entry &entry : *part)
                if (!left_out[entry.column])
                    line.emplace_back(static_cast<int>(entry.column), entry.value);
        std::stable_sort(line.begin(), line.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
        for (std::size_t k = 0; k < line.size();) {
            const int column = line[k].first;
            double sum = 0;
            for (; k < line.size() && line[k].first == column; ++k)
                sum += line[k].second;
            normal.put(column, sum * trusted[i]);
        }
        normal.end_row();
        normal.add_row(i, target[i] * trusted[i], right);
    }

    Eigen::ConjugateGradient<Normal, Eigen::Lower | Eigen::Upper, Eigen::IdentityPreconditioner> solver;
    solver.setTolerance(1e-4);
    solver.setMaxIterations(10);
    solver.compute(normal);
    start.resize(columns_);
    Eigen::VectorXd w = Eigen::Map<const Eigen::VectorXd>(start.data(), columns_);
    // In rounds, so that a user can stop it.
    for (int done = 0; done < iterations; done += 10) {
        tick();
        w = solver.solveWithGuess(right, w);
        if (solver.info() == Eigen::Success)
            break;
    }
    return Weights(w.data(), w.data() + w.size());
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
