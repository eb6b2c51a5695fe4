// The sparse regression behind training: rows of tickets, columns of features, solved by conjugate gradients (Eigen).
#pragma once

#include "core/complexity/score.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ticketflow::core::complexity {

using Weights = std::vector<double>; // one a column

class Design {
  public:
    // own_apart: the groups' own columns are not exported, so they get a table of their own and disturb nothing.
    Design(int bits, std::string group_field, bool own_apart);
    void add(std::string_view title, std::string_view body, std::span<const Detail> details, double effort);
    void finish(); // after the last row: scales of numbers, columns of fields, targets

    std::size_t rows() const { return rows_.size(); }
    double effort(int row) const { return rows_[static_cast<std::size_t>(row)].effort; }
    std::size_t group_of(int row) const { return rows_[static_cast<std::size_t>(row)].group; }
    double age(int row) const { return rows_[static_cast<std::size_t>(row)].age; }
    const std::vector<std::string> &group_names() const { return groups_; }

    Weights solve(const std::vector<int> &train, double penalty, int iterations, const std::function<void()> &tick) const;
    double predict(const Weights &weights, int row, bool own_group) const;
    Model export_model(const Weights &weights, bool own_groups) const; // all but calibration and effort

  private:
    struct Entry {
        std::uint32_t column;
        float value;
        Block block; // of a hashed term
    };
    struct Row {
        std::vector<Entry> shared, own; // own: the group's columns
        std::array<double, kStructures> structure;
        std::vector<std::pair<std::uint32_t, double>> numbers; // field, ln(1 + x)
        std::vector<std::pair<std::uint32_t, std::uint32_t>> levels; // field, level
        double effort, age;
        std::size_t group;
    };
    struct FieldColumns {
        std::string name;
        bool number = true; // until a value that is not
        Scaled scale;
        std::map<std::string, std::uint32_t> levels;
        std::vector<int> seen; // rows with each level
        std::uint32_t first = 0;
    };
    void add_terms(Row &row, const std::string &group);
    std::vector<double> targets(const std::vector<int> &train) const;
    void set_scales();
    void place_fields();
    void export_fields(Model &model, const Weights &weights) const;
    std::size_t group_index(const std::string &name);
    std::size_t field_index(const std::string &name);

    int bits_;
    std::string group_field_;
    bool own_apart_;
    Features features_;
    std::vector<Row> rows_;
    std::vector<std::string> groups_;
    std::map<std::string, std::size_t> group_index_, field_index_;
    std::vector<FieldColumns> fields_;
    std::array<Scaled, kStructures> structure_{};
    std::uint32_t columns_ = 0;
};

} // namespace ticketflow::core::complexity
