// The sparse regression behind training: rows of tickets, columns of features, solved by conjugate gradients (Eigen).
#pragma once

#include "core/complexity/score.h"

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace ticketflow::core::complexity {

using Weights = std::vector<double>; // one a column

struct Penalty {
    double ridge = 20;     // what keeps weights small
    double forgetting = 0; // the newest ticket counts e^forgetting times the oldest
};

class Design {
  public:
    // own_apart: the groups' own columns are not exported, so they get a table of their own and disturb nothing.
    Design(int bits, std::string group_field, bool own_apart);
    void add(std::string_view title, std::string_view body, std::span<const Detail> details, double effort);
    void finish(); // after the last row: scales of numbers, columns of fields and pairs

    std::size_t rows() const { return rows_.size(); }
    double effort(int row) const { return at(row).effort; }
    std::size_t group_of(int row) const { return at(row).group; }
    double age(int row) const { return at(row).age; } // 0 the oldest of its group, to 1
    const std::vector<std::string> &group_names() const { return groups_; }

    // What must rise (priority, severity) does in the weights themselves, so that whatever is measured with them holds
    // for the exported model.
    Weights solve(const std::vector<int> &train, Penalty penalty, int iterations, const std::function<void()> &tick) const;
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
        std::vector<int> seen;                 // rows with each level
        std::vector<const std::string *> names; // of each level
        std::vector<std::uint32_t> column;     // of each level; kNone where it is too rare
        std::vector<std::uint32_t> rising;     // levels in the order in which effort must not fall
        std::vector<double> share;             // of rows at or above each of them
        std::uint32_t number_column = 0, first_step = 0;
        bool paired() const { return rising.empty() && !levels.empty(); }
    };
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    const Row &at(int row) const { return rows_[static_cast<std::size_t>(row)]; }
    void add_terms(Row &row, const std::string &group);
    void pool_small_groups();
    void set_scales();
    void place_fields();
    void place_field(FieldColumns &field);
    void place_pairs();
    void fill_row(Row &row);
    template <class F> void for_each_pair(const Row &row, F f) const;
    std::vector<double> targets(const std::vector<int> &train) const;
    std::vector<double> trust(const std::vector<int> &train, double forgetting) const;
    Weights solve_without(const std::vector<int> &train, Penalty penalty, int iterations, const std::function<void()> &tick,
                          const std::vector<bool> &left_out, Weights start) const;
    void export_fields(Model &model, const Weights &weights) const;
    Field export_field(const FieldColumns &columns, const Weights &weights, double &start) const;
    void export_usual(Model &model, const Weights &weights, bool own_groups) const;
    std::size_t group_index(const std::string &name);
    std::size_t field_index(const std::string &name);

    int bits_;
    std::string group_field_;
    bool own_apart_;
    Features features_;
    std::vector<Row> rows_;
    std::vector<std::string> groups_;
    std::map<std::string, std::size_t> group_index_, field_index_; // group_index_: until finish()
    std::vector<FieldColumns> fields_;
    std::array<Scaled, kStructures> structure_{};
    std::unordered_map<std::uint32_t, std::uint32_t> pairs_; // column of each pair that is not rare
    std::vector<std::uint32_t> steps_;                       // columns whose weights must not be negative
    std::uint32_t columns_ = 0;
};

// What one column's weight means for a score.
constexpr double kLevelGain = 0.7, kNumberGain = 0.5, kPairGain = 0.3;
double structure_step();

} // namespace ticketflow::core::complexity
