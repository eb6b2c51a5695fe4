#include "core/search/model.h"

#include "core/search/length.h"

#include <algorithm>
#include <cmath>

namespace ticketflow::core::search {

Model::Model(const Options &options, const Statistics &statistics, const Query &query) : k1_(options.k1) {
    const double documents = static_cast<double>(statistics.documents);
    for (unsigned field = 0; field < kFields; ++field) {
        const double average = documents > 0 ? static_cast<double>(statistics.total_length[field]) / documents : 0;
        const double b = average > 0 ? options.b[field] : 0;
        for (unsigned code = 0; code < 256; ++code) {
            const double ratio = average > 0 ? decode_length(static_cast<uint8_t>(code)) / average : 0;
            // A word that occurs makes its field at least one word long, so the divisor is above zero even for b = 1.
            tables_[field][code] = options.weights[field] / std::max(1 - b + b * ratio, 1e-9);
        }
    }
    const double reckoned = std::max(documents, options.least_documents);
    for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
        // More postings than documents cannot be, except in a damaged index: then the word is worth nothing, not less.
        const double postings = std::min(static_cast<double>(statistics.postings[slot]), documents);
        const double n = query.slots[slot].count;
        idf_.push_back(std::log(1 + (reckoned - postings + 0.5) / (postings + 0.5)));
        factors_.push_back((kQuerySaturation + 1) * n / (kQuerySaturation + n) * idf_.back() * (k1_ + 1));
    }
}

Score Model::bound(double factor, FieldMask slot_fields, FieldMask segment_fields, const uint8_t *ingredients) const noexcept {
    if (!(factor > 0))
        return 0;
    double x = 0;
    for (unsigned field = 0; field < kFields; ++field) {
        if (!(segment_fields >> field & 1))
            continue;
        if (slot_fields >> field & 1 && ingredients[1] > 0)
            x += std::max(tables_[field][ingredients[0]],
                          ingredients[1] > 1 ? ingredients[1] * tables_[field][ingredients[2]] : 0.0);
        ingredients += kIngredients;
    }
    // Rounding of the quotient need not be monotonic: two units cover it.
    return x > 0 ? saturate(factor, x) + 2 : 0;
}

} // namespace ticketflow::core::search
