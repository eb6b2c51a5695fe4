// A complexity model: how features weigh, how their sum becomes a score, and what effort to expect at each score.
#pragma once

#include "core/complexity/effort.h"
#include "core/complexity/features.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core::complexity {

struct Scaled { // a number is used as (x - mean) / deviation, cut to ±3, times weight
    double mean = 0, deviation = 1, weight = 0;
};

// A column beside the text: category, priority, hours estimated, reassignments, … A number whose values repeat may have
// both a weight and levels.
struct Field {
    std::string name;
    bool number = false;
    bool assumed = false;                 // weights are stated, not learned (where no data tells)
    bool paired = false;                  // its levels have weights together with those of other paired fields
    Scaled scale;                         // number: of ln(1 + max(x, 0))
    std::map<std::string, double> levels; // the weight of each value; a value not here has none
};

// A project, product or queue whose words and pace differ from the others'.
struct Group {
    std::string name;
    std::array<double, kStructures> structure{};
    EffortScale effort; // tickets of unknown groups have the model's
};

struct Pair { // of levels of two fields
    std::uint32_t hash;
    std::int16_t weight; // in steps of the model's unit
};
constexpr std::size_t kMostPairedFields = 16; // of one ticket
std::uint32_t pair_hash(std::string_view field, std::string_view level, std::string_view other, std::string_view other_level);

// How a number is told as a level: 3 for 3, 3.0 and 3.00.
std::string number_text(double x);

struct Model {
    int bits = 15;                     // 2^bits weights of hashed terms
    double unit_weight = 1.0 / 4096;   // what one step of a weight means
    std::vector<std::int16_t> weights; // size 2^bits
    std::array<double, kBlocks> gains{0.5, 0.7, 0.7, 1.2, 0.5, 0.5, 1.2};
    std::array<double, kBlocks> usual{}; // what a block adds in a typical ticket; factors are told from there
    std::array<Scaled, kStructures> structure{};
    std::vector<Field> fields;
    std::vector<Pair> pairs; // rising by hash
    std::string group_field; // which field names the group; empty: none
    std::vector<Group> groups;
    double start = 0;                    // sum of a typical ticket
    std::vector<double> thresholds;      // 100 rising sums: a sum above the k-th scores at least k
    std::string effort_unit = "points";  // what was learned: hours, points
    EffortScale effort;                  // of the population learned from
    std::string provenance = "{}";       // JSON: where from, when, how good

    std::string encode() const;
    static Model decode(std::string_view bytes); // Failure data_corrupted

    double pair_weight(std::uint32_t hash) const; // 0 for a pair that is not here
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
