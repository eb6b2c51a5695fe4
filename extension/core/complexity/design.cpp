#include "core/complexity/design.h"

#include <algorithm>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

constexpr double kStructureGain = 0.6; // all structure together weighs like a block of this gain
constexpr int kOwnBits = 20;
constexpr int kFewestInGroup = 10;
constexpr int kRare = 3;           // a value seen less often has no weight of its own
constexpr double kRepeats = 5;     // a number is a level too where each value is seen this often, in the mean

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

const std::map<std::string, std::vector<std::string>> kRising = {
    {"priority", {"low", "medium", "high", "urgent"}}, {"severity", {"minor", "normal", "major", "critical"}}};

} // namespace

double structure_step() { return kStructureGain / std::sqrt(static_cast<double>(kStructures)); }

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
        FieldColumns &field = fields_[f];
        if (detail.number)
            row.numbers.emplace_back(f, natural_log(1 + std::max(*detail.number, 0.0)));
        else
            field.number = false;
        const auto [it, fresh] = field.levels.try_emplace(detail.number ? number_text(*detail.number) : detail.text,
                                                          static_cast<std::uint32_t>(field.seen.size()));
        if (fresh)
            field.seen.push_back(0);
        ++field.seen[it->second];
        row.levels.emplace_back(f, it->second);
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

// Groups too small to tell anything by themselves count as one without a name.
void Design::pool_small_groups() {
    std::vector<int> size(groups_.size());
    for (const Row &row : rows_)
        ++size[row.group];
    std::vector<std::string> kept;
    std::vector<std::size_t> place(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        if (size[g] < kFewestInGroup)
            continue;
        place[g] = kept.size();
        kept.push_back(groups_[g]);
    }
    if (kept.size() == groups_.size())
        return;
    const auto nameless = std::find(kept.begin(), kept.end(), "");
    const auto rest = static_cast<std::size_t>(nameless - kept.begin());
    if (nameless == kept.end())
        kept.emplace_back();
    for (Row &row : rows_) {
        if (size[row.group] < kFewestInGroup) {
            row.own.clear();
            row.group = rest;
        } else {
            row.group = place[row.group];
        }
    }
    groups_ = std::move(kept);
}

void Design::finish() {
    pool_small_groups();
    std::vector<double> size(groups_.size()), seen(groups_.size());
    for (const Row &row : rows_)
        size[row.group] += 1;
    for (Row &row : rows_)
        row.age = seen[row.group]++ / size[row.group];
    set_scales();
    place_fields();
    place_pairs();
    if (own_apart_) {
        for (Row &row : rows_)
            for (Entry &entry : row.own)
                entry.column += columns_;
        columns_ += std::uint32_t{1} << kOwnBits;
    }
    for (Row &row : rows_)
        fill_row(row);
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
    for (FieldColumns &field : fields_)
        place_field(field);
}

// A column for each level that is not rare. Levels that must rise have a column a step instead: "this level or more".
void Design::place_field(FieldColumns &field) {
    field.number_column = columns_;
    columns_ += field.number;
    double rows = 0;
    for (const int seen : field.seen)
        rows += seen;
    if (field.number && rows < kRepeats * static_cast<double>(field.seen.size()))
        field.levels.clear();
    field.column.assign(field.seen.size(), kNone);
    if (const auto known = kRising.find(field.name); known != kRising.end())
        for (const auto &level : known->second)
            if (const auto it = field.levels.find(level); it != field.levels.end() && field.seen[it->second] >= kRare)
                field.rising.push_back(it->second);
    field.first_step = columns_;
    for (std::size_t k = 1; k < field.rising.size(); ++k) {
        double above = 0;
        for (std::size_t i = k; i < field.rising.size(); ++i)
            above += field.seen[field.rising[i]];
        field.share.push_back(above / std::max(rows, 1.0));
        steps_.push_back(columns_++);
    }
    for (const auto &[name, level] : field.levels)
        if (field.seen[level] >= kRare && std::find(field.rising.begin(), field.rising.end(), level) == field.rising.end())
            field.column[level] = columns_++;
}

// f gets the hash of each pair of levels of the row; fields in the order of their names, whatever the order of the query.
template <class F> void Design::for_each_pair(const Row &row, F f) const {
    std::vector<std::pair<const FieldColumns *, std::uint32_t>> levels;
    for (const auto &[field, level] : row.levels)
        if (fields_[field].paired() && fields_[field].column[level] != kNone && levels.size() < kMostPairedFields)
            levels.emplace_back(&fields_[field], level);
    const auto text = [](const FieldColumns &field, std::uint32_t level) -> const std::string & { return *field.names[level]; };
    for (std::size_t a = 0; a < levels.size(); ++a)
        for (std::size_t b = a + 1; b < levels.size(); ++b)
            f(pair_hash(levels[a].first->name, text(*levels[a].first, levels[a].second), levels[b].first->name,
                        text(*levels[b].first, levels[b].second)));
}

void Design::place_pairs() {
    for (FieldColumns &field : fields_) {
        field.names.assign(field.seen.size(), nullptr);
        for (const auto &[name, level] : field.levels)
            field.names[level] = &name;
    }
    std::map<std::uint32_t, int> seen;
    for (Row &row : rows_) {
        std::sort(row.levels.begin(), row.levels.end(),
                  [this](const auto &a, const auto &b) { return fields_[a.first].name < fields_[b.first].name; });
        for_each_pair(row, [&](std::uint32_t hash) { ++seen[hash]; });
    }
    for (const auto &[hash, count] : seen)
        if (count >= kRare)
            pairs_[hash] = columns_++;
}

void Design::fill_row(Row &row) {
    const std::uint32_t structure = std::uint32_t{1} << bits_;
    for (std::uint32_t i = 0; i < kStructures; ++i) {
        const auto value = static_cast<float>(
            structure_step() * cut((row.structure[i] - structure_[i].mean) / structure_[i].deviation));
        row.shared.push_back({structure + i, value, kBlocks});
        if (!groups_[row.group].empty())
            row.own.push_back({structure + kStructures * static_cast<std::uint32_t>(row.group + 1) + i, value, kBlocks});
    }
    for (const auto &[f, x] : row.numbers) {
        const FieldColumns &field = fields_[f];
        if (field.number)
            row.shared.push_back({field.number_column, static_cast<float>(kNumberGain * cut((x - field.scale.mean) / field.scale.deviation)), kBlocks});
    }
    for (const auto &[f, level] : row.levels) {
        const FieldColumns &field = fields_[f];
        if (field.column[level] != kNone)
            row.shared.push_back({field.column[level], static_cast<float>(kLevelGain), kBlocks});
        const auto place = std::find(field.rising.begin(), field.rising.end(), level);
        for (std::size_t k = 0; place != field.rising.end() && k < field.share.size(); ++k) {
            const double reached = place - field.rising.begin() > static_cast<std::ptrdiff_t>(k) ? 1 : 0;
            row.shared.push_back({field.first_step + static_cast<std::uint32_t>(k), static_cast<float>(kLevelGain * (reached - field.share[k])), kBlocks});
        }
    }
    for_each_pair(row, [&](std::uint32_t hash) {
        if (const auto pair = pairs_.find(hash); pair != pairs_.end())
            row.shared.push_back({pair->second, static_cast<float>(kPairGain), kBlocks});
    });
}

} // namespace ticketflow::core::complexity
