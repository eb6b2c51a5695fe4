// What a request says about how it wants to be served: Prefer, Accept, Range.
#pragma once

#include "request.h"

#include <optional>
#include <string>
#include <vector>

namespace ticketflow::http {

struct Preferences {
    std::optional<std::string> count; // exact, planned, estimated
    std::optional<std::string> transaction, handling, timezone;
    std::optional<long long> max_affected;
    std::vector<std::string> invalid;

    bool strict() const { return handling == "strict"; }
};
Preferences parse_preferences(const Request &request);

struct MediaType {
    std::string type;       // lower case, without parameters
    std::string parameters; // lower case, as written after the first ;
    double quality = 1;
};
// Sorted by quality, the order of writing kept; no header means */*.
std::vector<MediaType> parse_accept(const Request &request);

struct RowRange {
    long long offset = 0;
    std::optional<long long> limit;
    bool asked = false; // by a header or by parameters
};
// The Range header (GET only) and limit/offset together. Throws PGRST103 (416).
RowRange parse_range(const Request &request, std::optional<long long> limit, std::optional<long long> offset,
                     long long max_rows);

} // namespace ticketflow::http
