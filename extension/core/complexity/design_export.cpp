// From columns of weights to a model.
#include "core/complexity/design.h"

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

Model Design::export_model(const Weights &weights, bool own_groups) const {
    Model model;
    model.bits = bits_;
    const std::size_t hashed = std::size_t{1} << bits_;
    double largest = 1e-6;
    for (std::size_t j = 0; j < hashed; ++j)
        largest = std::max(largest, std::fabs(weights[j]));
    for (const auto &[hash, column] : pairs_)
        largest = std::max(largest, std::fabs(weights[column] * kPairGain));
    model.unit_weight = largest / 2000;
    const auto steps = [&model](double weight) { return static_cast<std::int16_t>(std::lround(weight / model.unit_weight)); };
    model.weights.resize(hashed);
    for (std::size_t j = 0; j < hashed; ++j)
        model.weights[j] = steps(weights[j]);
    for (const auto &[hash, column] : pairs_)
        if (const auto weight = steps(weights[column] * kPairGain); weight != 0)
            model.pairs.push_back({hash, weight});
    std::sort(model.pairs.begin(), model.pairs.end(), [](const Pair &a, const Pair &b) { return a.hash < b.hash; });
    for (std::size_t i = 0; i < kStructures; ++i) {
        model.structure[i] = structure_[i];
        model.structure[i].weight = weights[hashed + i] * structure_step();
    }
    if (own_groups && !group_field_.empty()) {
        model.group_field = group_field_;
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            model.groups.emplace_back().name = groups_[g]; // the one without a name too: tickets that tell none
            for (std::size_t i = 0; i < kStructures; ++i)
                model.groups.back().structure[i] = weights[hashed + kStructures * (g + 1) + i] * structure_step();
        }
    }
    export_fields(model, weights);
    export_usual(model, weights, own_groups);
    return model;
}

// What wording adds in a typical ticket; factors are told from there.
void Design::export_usual(Model &model, const Weights &weights, bool own_groups) const {
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
}

void Design::export_fields(Model &model, const Weights &weights) const {
    for (const FieldColumns &columns : fields_)
        model.fields.push_back(export_field(columns, weights, model.start));
    std::sort(model.fields.begin(), model.fields.end(), [](const Field &a, const Field &b) { return a.name < b.name; });
}

// Levels are told from the mean of their field, so that a field adds nothing to a typical ticket.
Field Design::export_field(const FieldColumns &columns, const Weights &weights, double &start) const {
    Field field;
    field.name = columns.name;
    field.number = columns.number;
    field.paired = columns.paired();
    field.scale = columns.scale;
    if (field.number)
        field.scale.weight = weights[columns.number_column] * kNumberGain;
    double sum = 0, count = 0;
    for (const auto &[name, level] : columns.levels) {
        double weight = 0;
        if (columns.column[level] != kNone) {
            weight = weights[columns.column[level]] * kLevelGain;
        } else if (const auto place = std::find(columns.rising.begin(), columns.rising.end(), level); place != columns.rising.end()) {
            for (std::size_t k = 0; k < columns.share.size(); ++k) {
                const double reached = place - columns.rising.begin() > static_cast<std::ptrdiff_t>(k) ? 1 : 0;
                weight += weights[columns.first_step + k] * kLevelGain * (reached - columns.share[k]);
            }
        } else {
            continue;
        }
        field.levels[name] = weight;
        sum += weight * columns.seen[level];
        count += columns.seen[level];
    }
    const double mean = count > 0 ? sum / count : 0;
    for (auto &[name, weight] : field.levels)
        weight -= mean;
    start += mean;
    return field;
}

} // namespace ticketflow::core::complexity
