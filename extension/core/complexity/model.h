// A complexity model: how features weigh, how their sum becomes a score, and what effort to expect at each score.
#pragma once

#include "core/complexity/features.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::complexity {

struct Scaled { // a number is used as (x - mean) / deviation, cut to ±3, times weight
    double mean = 0, deviation = 1, weight = 0;
};

// A column beside the text: category, priority, hours estimated, reassignments, …
struct Field {
    std::string name;
    bool number = false;
    bool assumed = false;                 // weights are stated, not learned (where no data tells)
    Scaled scale;                         // number: of ln(1 + max(x, 0))
    std::map<std::string, double> levels; // otherwise: the weight of each value; a value not here has none
};

// A project, product or queue whose words and pace differ from the others'.
struct Group {
    std::string name;
    double shift = 0;  // ln of this group's median effort less the model's
    double slope = 0;  // of ln(effort) here; tickets of unknown groups have the model's
    std::array<double, kStructures> structure{};
    std::vector<double> levels; // rising: the values that effort takes here, where it is told on a scale
};

struct Model {
    int bits = 15;                     // 2^bits weights of hashed terms
    double unit_weight = 1.0 / 4096;   // what one step of a weight means
    std::vector<std::int16_t> weights; // size 2^bits
    std::array<double, kBlocks> gains{1.0, 0.7, 0.7, 1.0, 0.5};
    std::array<double, kBlocks> usual{}; // what a block adds in a typical ticket; factors are told from there
    std::array<Scaled, kStructures> structure{};
    std::vector<Field> fields;
    std::string group_field; // which field names the group; empty: none
    std::vector<Group> groups;
    double start = 0;                    // sum of a typical ticket
    std::vector<double> thresholds;      // 100 rising sums: a sum above the k-th scores at least k
    std::string effort_unit = "points";  // what was learned: hours, points
    std::vector<double> effort_levels;
    double effort_median = 1;            // of the population learned from
    double effort_slope = 0;             // ln(effort) per unit of sum
    std::array<double, 5> effort_share{}; // ln(actual / expected) at 10, 25, 50, 75 and 90 %
    std::string provenance = "{}";       // JSON: where from, when, how good

    std::string encode() const;
    static Model decode(std::string_view bytes); // Failure data_corrupted

    double hash_weight(std::uint64_t hash) const {
        return unit_weight * weights[hash & (weights.size() - 1)];
    }
};

// What makes a term the group's own in the same table of weights.
constexpr std::uint64_t group_hash(std::uint64_t term, std::uint64_t group) {
    return hash_finish((term ^ group) * 1099511628211ull);
}

std::string encode_base64(std::string_view bytes);
std::string decode_base64(std::string_view text); // Failure invalid_text_representation

const Model &cold_start_model(); // the shipped one

} // namespace ticketflow::core::complexity
