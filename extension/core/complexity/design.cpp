#include "core/complexity/design.h"

#include <eigen3/Eigen/IterativeLinearSolvers>
#include <eigen3/Eigen/SparseCore>

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

constexpr double kStructureGain = 0.6; // all structure together weighs like a block of this gain
constexpr double kLevelGain = 1.0, kNumberGain = 0.5;
constexpr int kOwnBits = 20;
constexpr int kRareLevel = 3; // a value seen less often has no weight of its own

const double kStructureStep = kStructureGain / std::sqrt(static_cast<double>(kStructures));

double cut(double x) { return x < -3 ? -3 : x > 3 ? 3 : x; }

// Means and deviations over the rows that say something.
struct Moments {
    double n = 0, sum = 0, squares = 0;
    void add(double x) {
        n += 1;
        sum += x;
        squares += x * x;
    }
    Scaled scaled() const {
        Scaled s;
        if (n > 0) {
            s.mean = sum / n;
            const double variance = squares / n - s.mean * s.mean;
            s.deviation = variance > 1e-9 ? std::sqrt(variance) : 1;
        }
        return s;
    }
};

// The least change that makes weights rise (pool adjacent violators), each counted as often as it was seen.
void make_rise(std::vector<double> &weight, const std::vector<double> &seen) {
    struct Pool {
        double sum, count;
        std::size_t size;
    };
    std::vector<Pool> pools;
    for (std::size_t i = 0; i < weight.size(); ++i) {
        pools.push_back({weight[i] * seen[i], seen[i], 1});
        while (pools.size() > 1) {
            const Pool &last = pools.back();
            Pool &before = pools[pools.size() - 2];
            if (before.sum / before.count <= last.sum / last.count)
                break;
            before = {before.sum + last.sum, before.count + last.count, before.size + last.size};
            pools.pop_back();
        }
    }
    std::size_t i = 0;
    for (const Pool &pool : pools)
        for (std::size_t k = 0; k < pool.size; ++k)
            weight[i++] = pool.sum / pool.count;
}

const std::map<std::string, std::vector<std::string>> kRising = {
    {"priority", {"low", "medium", "high", "urgent"}}, {"severity", {"minor", "normal", "major", "critical"}}};

} // namespace

Design::Design(int bits, std::string group_field, bool own_apart)
    : bits_(bits), group_field_(std::move(group_field)), own_apart_(own_apart) {}

std::size_t Design::group_index(const std::string &name) {
    const auto [it, fresh] = group_index_.try_emplace(name, groups_.size());
    if (fresh)
        groups_.push_back(name);
    return it->second;
}

std::size_t Design::field_index(const std::string &name) {
    const auto [it, fresh] = field_index_.try_emplace(name, fields_.size());
    if (fresh) {
        fields_.emplace_back();
        fields_.back().name = name;
    }
    return it->second;
}

void Design::add(std::string_view title, std::string_view body, std::span<const Detail> details, double effort) {
    features_.read(title, body);
    Row row;
    row.effort = effort;
    row.age = 0;
    row.structure = features_.structure;
    std::string group;
    for (const Detail &detail : details) {
        if (detail.name == group_field_) {
            group = detail.text;
            continue;
        }
        const auto f = static_cast<std::uint32_t>(field_index(detail.name));
        if (detail.number) {
            row.numbers.emplace_back(f, natural_log(1 + std::max(*detail.number, 0.0)));
        } else {
            FieldColumns &field = fields_[f];
            field.number = false;
            const auto [it, fresh] = field.levels.try_emplace(detail.text, static_cast<std::uint32_t>(field.seen.size()));
            if (fresh)
                field.seen.push_back(0);
            ++field.seen[it->second];
            row.levels.emplace_back(f, it->second);
        }
    }
    row.group = group_index(group);
    add_terms(row, group);
    rows_.push_back(std::move(row));
}

void Design::add_terms(Row &row, const std::string &group) {
    static const Model defaults;
    const std::uint64_t mask = (std::uint64_t{1} << bits_) - 1, own = hash_bytes(group);
    const std::uint64_t own_mask = own_apart_ ? (std::uint64_t{1} << kOwnBits) - 1 : mask;
    row.shared.reserve(features_.terms.size());
    for (const Feature &term : features_.terms) {
        const double step = defaults.gains[term.block] / std::sqrt(features_.length_squared[term.block]);
        const auto value = static_cast<float>(term.value * step);
        row.shared.push_back({static_cast<std::uint32_t>(term.hash & mask), value, term.block});
        if (!group_field_.empty())
            row.own.push_back({static_cast<std::uint32_t>(group_hash(term.hash, own) & own_mask), value, term.block});
    }
}

void Design::finish() {
    std::vector<double> size(groups_.size()), seen(groups_.size());
    for (const Row &row : rows_)
        size[row.group] += 1;
    for (Row &row : rows_)
        row.age = seen[row.group]++ / size[row.group];
    set_scales();
    place_fields();
}

void Design::set_scales() {
    std::array<Moments, kStructures> of_structure;
    std::vector<Moments> of_number(fields_.size());
    for (const Row &row : rows_) {
        for (std::size_t i = 0; i < kStructures; ++i)
            of_structure[i].add(row.structure[i]);
        for (const auto &[f, x] : row.numbers)
            of_number[f].add(x);
    }
    for (std::size_t i = 0; i < kStructures; ++i)
        structure_[i] = of_structure[i].scaled();
    for (std::size_t f = 0; f < fields_.size(); ++f)
        fields_[f].scale = of_number[f].scaled();
}

// Columns: hashed terms, structure, then (with groups) structure of each group, then fields.
void Design::place_fields() {
    columns_ = (std::uint32_t{1} << bits_) + kStructures;
    if (!group_field_.empty())
        columns_ += static_cast<std::uint32_t>(groups_.size()) * kStructures;
    for (FieldColumns &field : fields_) {
        field.first = columns_;
        columns_ += field.number ? 1 : static_cast<std::uint32_t>(field.seen.size());
    }
    if (own_apart_) {
        for (Row &row : rows_)
            for (Entry &entry : row.own)
                entry.column += columns_;
        columns_ += std::uint32_t{1} << kOwnBits;
    }
    const std::uint32_t structure = std::uint32_t{1} << bits_;
    for (Row &row : rows_) {
        for (std::uint32_t i = 0; i < kStructures; ++i) {
            const auto value = static_cast<float>(
                kStructureStep * cut((row.structure[i] - structure_[i].mean) / structure_[i].deviation));
            row.shared.push_back({structure + i, value, kBlocks});
            if (!group_field_.empty())
                row.own.push_back({structure + kStructures * static_cast<std::uint32_t>(row.group + 1) + i, value, kBlocks});
        }
        for (const auto &[f, x] : row.numbers)
            if (fields_[f].number)
                row.shared.push_back({fields_[f].first, static_cast<float>(kNumberGain * cut((x - fields_[f].scale.mean) / fields_[f].scale.deviation)), kBlocks});
        for (const auto &[f, level] : row.levels)
            if (fields_[f].seen[level] >= kRareLevel)
                row.shared.push_back({fields_[f].first + level, static_cast<float>(kLevelGain), kBlocks});
    }
}

// The rank of effort within the group, spread like a variable of mean 0 and variance 1: groups of different pace and
// unit become comparable and one ticket of 900 hours does not rule the fit.
std::vector<double> Design::targets(const std::vector<int> &train) const {
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
        target.push_back((middle / static_cast<double>(values.size()) - 0.5) * 3.4641016151377544);
    }
    return target;
}

Weights Design::solve(const std::vector<int> &train, double penalty, int iterations, const std::function<void()> &tick) const {
    using Matrix = Eigen::SparseMatrix<double, Eigen::RowMajor>;
    const auto n = static_cast<int>(train.size()), p = static_cast<int>(columns_);
    std::size_t entries = columns_;
    for (const int row : train) {
        const Row &r = rows_[static_cast<std::size_t>(row)];
        entries += r.shared.size() + r.own.size();
    }
    // Ridge as least squares: below the tickets one row a column, sqrt(penalty) on the diagonal.
    Matrix x(n + p, p);
    x.reserve(static_cast<Eigen::Index>(entries));
    std::vector<std::pair<int, double>> line;
    for (int i = 0; i < n; ++i) {
        const Row &r = rows_[static_cast<std::size_t>(train[static_cast<std::size_t>(i)])];
        line.clear();
        for (const auto *part : {&r.shared, &r.own})
            for (const Entry &entry : *part)
                line.emplace_back(static_cast<int>(entry.column), entry.value);
        std::stable_sort(line.begin(), line.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
        x.startVec(i);
        for (std::size_t k = 0; k < line.size();) {
            const int column = line[k].first;
            double sum = 0;
            for (; k < line.size() && line[k].first == column; ++k)
                sum += line[k].second;
            x.insertBackByOuterInner(i, column) = sum;
        }
    }
    const double ridge = std::sqrt(penalty);
    for (int j = 0; j < p; ++j) {
        x.startVec(n + j);
        x.insertBackByOuterInner(n + j, j) = ridge;
    }
    x.finalize();
    Eigen::VectorXd y = Eigen::VectorXd::Zero(n + p);
    const auto target = targets(train);
    for (int i = 0; i < n; ++i)
        y[i] = target[static_cast<std::size_t>(i)];

    Eigen::LeastSquaresConjugateGradient<Matrix, Eigen::IdentityPreconditioner> solver;
    solver.setTolerance(1e-4);
    solver.setMaxIterations(10);
    solver.compute(x);
    Eigen::VectorXd w = Eigen::VectorXd::Zero(p);
    // In rounds, so that a user can stop it.
    for (int done = 0; done < iterations; done += 10) {
        tick();
        w = solver.solveWithGuess(y, w);
        if (solver.info() == Eigen::Success)
            break;
    }
    return Weights(w.data(), w.data() + p);
}

double Design::predict(const Weights &weights, int row, bool own_group) const {
    const Row &r = rows_[static_cast<std::size_t>(row)];
    double sum = 0;
    for (const Entry &entry : r.shared)
        sum += weights[entry.column] * static_cast<double>(entry.value);
    if (own_group)
        for (const Entry &entry : r.own)
            sum += weights[entry.column] * static_cast<double>(entry.value);
    return sum;
}

Model Design::export_model(const Weights &weights, bool own_groups) const {
    Model model;
    model.bits = bits_;
    const std::size_t hashed = std::size_t{1} << bits_;
    double largest = 1e-6;
    for (std::size_t j = 0; j < hashed; ++j)
        largest = std::max(largest, std::fabs(weights[j]));
    model.unit_weight = largest / 2000;
    model.weights.resize(hashed);
    for (std::size_t j = 0; j < hashed; ++j)
        model.weights[j] = static_cast<std::int16_t>(std::lround(weights[j] / model.unit_weight));
    for (std::size_t i = 0; i < kStructures; ++i) {
        model.structure[i] = structure_[i];
        model.structure[i].weight = weights[hashed + i] * kStructureStep;
    }
    if (own_groups && !group_field_.empty()) {
        model.group_field = group_field_;
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            model.groups.emplace_back().name = groups_[g];
            for (std::size_t i = 0; i < kStructures; ++i)
                model.groups.back().structure[i] = weights[hashed + kStructures * (g + 1) + i] * kStructureStep;
        }
    }
    export_fields(model, weights);
    for (const Row &row : rows_) {
        for (const Entry &entry : row.shared)
            if (entry.block < kBlocks)
                model.usual[entry.block] += weights[entry.column] * static_cast<double>(entry.value);
        for (const Entry &entry : row.own)
            if (own_groups && entry.block < kBlocks)
                model.usual[entry.block] += weights[entry.column] * static_cast<double>(entry.value);
    }
    for (double &sum : model.usual) {
        sum /= static_cast<double>(rows_.size());
        model.start += sum;
    }
    return model;
}

// Values are told from the mean of their field, so that a field adds nothing to a typical ticket.
void Design::export_fields(Model &model, const Weights &weights) const {
    for (const FieldColumns &columns : fields_) {
        Field field;
        field.name = columns.name;
        field.number = columns.number;
        field.scale = columns.scale;
        if (field.number) {
            field.scale.weight = weights[columns.first] * kNumberGain;
            model.fields.push_back(std::move(field));
            continue;
        }
        double sum = 0, count = 0;
        for (const auto &[level, index] : columns.levels) {
            if (columns.seen[index] < kRareLevel)
                continue;
            field.levels[level] = weights[columns.first + index] * kLevelGain;
        }
        if (const auto rising = kRising.find(columns.name); rising != kRising.end()) {
            std::vector<std::string> present;
            std::vector<double> weight, seen;
            for (const auto &level : rising->second) {
                if (const auto it = field.levels.find(level); it != field.levels.end()) {
                    present.push_back(level);
                    weight.push_back(it->second);
                    seen.push_back(columns.seen[columns.levels.at(level)]);
                }
            }
            make_rise(weight, seen);
            for (std::size_t i = 0; i < present.size(); ++i)
                field.levels[present[i]] = weight[i];
        }
        for (const auto &[level, weight] : field.levels) {
            const double seen = columns.seen[columns.levels.at(level)];
            sum += weight * seen;
            count += seen;
        }
        const double mean = count > 0 ? sum / count : 0;
        for (auto &[level, weight] : field.levels)
            weight -= mean;
        model.start += mean;
        model.fields.push_back(std::move(field));
    }
}

} // namespace ticketflow::core::complexity
