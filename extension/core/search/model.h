// BM25F: the numbers of a ranking, fixed for one scan.
//
//   x(word, document)     = sum over fields of weight * occurrences / (1 - b + b * length / average length)
//   score(word, document) = q * idf * (k1 + 1) * x / (k1 + x),  q = (k3 + 1) * n / (k3 + n), n occurrences in the query
//   idf                   = ln(1 + (documents - postings + 0.5) / (postings + 0.5)), documents at least `least_documents`
//
// A word's score is rounded to 2^-32, and a document's score is the exact sum of these integers. So the order in which
// words are added does not matter: every algorithm gives the same bits.
#pragma once

#include "core/search/format.h"
#include "core/search/query.h"

namespace ticketflow::core::search {

using Score = uint64_t;
inline constexpr double kScoreUnit = 4294967296.0;
inline constexpr double kQuerySaturation = 8.0; // k3

inline double to_double(Score score) noexcept { return static_cast<double>(score) / kScoreUnit; }

struct Options {
    double k1 = 1.2;
    std::array<double, kFields> b{0.75, 0.75, 0.75, 0.75};       // D, C, B, A
    std::array<double, kFields> weights{1.0, 1.0, 1.0, 1.0};     // D, C, B, A
    double least_documents = 0; // with fewer, a word is as rare as if the others, without it, were there
};

struct Statistics {
    uint64_t documents = 0;
    std::array<uint64_t, kFields> total_length{};
    std::vector<uint64_t> postings; // a slot
};

class Model {
  public:
    Model(const Options &options, const Statistics &statistics, const Query &query);

    double factor(unsigned slot) const noexcept { return factors_[slot]; } // q * idf * (k1 + 1)
    double idf(unsigned slot) const noexcept { return idf_[slot]; }
    const double *table(unsigned field) const noexcept { return tables_[field].data(); } // by encoded length
    double k1() const noexcept { return k1_; }

    Score saturate(double factor, double x) const noexcept {
        return x > 0 ? static_cast<Score>(factor * (x / (k1_ + x)) * kScoreUnit + 0.5) : 0;
    }
    // A word's score in a document with these occurrences and encoded lengths (all four fields).
    Score score(const Query &query, unsigned slot, const Frequencies &frequencies, const Lengths &lengths) const noexcept {
        double x = 0;
        for (unsigned field = 0; field < kFields; ++field)
            if (query.slots[slot].fields >> field & 1 && frequencies[field] > 0)
                x += frequencies[field] * tables_[field][lengths[field]];
        return saturate(factors_[slot], x);
    }
    // No posting of the block scores more. `ingredients` as in a skip table of a segment with these fields.
    Score bound(double factor, FieldMask slot_fields, FieldMask segment_fields, const uint8_t *ingredients) const noexcept;

  private:
    double k1_;
    std::array<std::array<double, 256>, kFields> tables_;
    std::vector<double> factors_, idf_;
};

} // namespace ticketflow::core::search
