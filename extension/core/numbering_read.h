// Reads ticket numbers back: exactly as they were made, or as people type and quote them.
#pragma once

#include "core/numbering_mask.h"

#include <functional>
#include <optional>

namespace ticketflow::core {

// A series whose numbers are looked for.
struct ReadableSeries {
    std::string prefix;
    const Mask *mask;
    Reset reset;
};

struct Reading {
    NumberParts parts;
    std::string period;
    bool check_ok = true;       // true as well where the mask has no check digit
    char check_expected = '\0'; // the digit that would be right, where there is one
    std::string canonical;      // the number as the series writes it, with the right check digit
    size_t begin = 0, end = 0;  // where it stands in the text
};

// UTF-8 text with a hyphen for each dash and a space for each space that word processors put in their place.
std::string with_plain_separators(std::string_view text);

class Reader {
  public:
    // known says whether numbers were drawn for a prefix that has no series of its own; tick is called now
    // and then.
    Reader(
        std::vector<ReadableSeries> series, std::function<bool(const std::string &)> known,
        std::function<void()> tick = [] {});

    // The text is exactly a number of this series as it writes them, wrong check digits left aside.
    static std::optional<Reading> exact(const ReadableSeries &series, std::string_view text);
    // The text is one number, decorated and spaced as people do.
    std::optional<Reading> whole(std::string_view text) const;
    // The first number that starts at or after from and stands alone there.
    std::optional<Reading> next(std::string_view text, size_t from) const;

  private:
    std::optional<Reading> at(std::string_view text, size_t begin) const;
    std::optional<Reading> without_series(std::string_view text, size_t begin) const;

    std::vector<ReadableSeries> series_;
    std::function<bool(const std::string &)> known_;
    std::function<void()> tick_;
};

} // namespace ticketflow::core
