// Numbers for rows of a table: which series a row counts in, and its next number that no row has.
#pragma once

#include "pg/numbering.h"
#include "pg/numbering_table.h"

namespace ticketflow::pg::numbering {

// The row that a trigger was called for, in its present form.
HeapTuple row_of(const TriggerData &data);
// A column of the row as text; empty for NULL.
std::string value_of(Relation rel, HeapTuple row, AttrNumber column);

// Series and codes for a row: its queue decides, then its category, then the default.
struct Choice {
    std::shared_ptr<const Series> series;
    core::NumberParts parts; // all but the number
    std::string period;
    std::optional<std::string> stem; // what stands before the number, where that is all
};
ChoicePtr choose(const Home &home, const Binding &binding, const TriggerData &data);

// Throws where a table's owner may not draw numbers.
void check_owner_may_count(bool may_count, Relation rel, const Home &home);
void check_fits(const std::string &number, const Binding &binding);

// The next number that no row has. Meeting a taken one, one session looks through the table while others wait for it.
std::string draw_free(const Home &home, const TriggerData &data, const Binding &binding, const Choice &choice);

// What stands in the column of a row that waits for its gapless number.
std::string placeholder();
bool is_placeholder(const std::string &number);

} // namespace ticketflow::pg::numbering
