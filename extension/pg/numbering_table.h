// Tables whose column a number_trigger() fills: what the trigger's arguments say, and what numbers are in the
// table.
#pragma once

#include "pg/numbering_home.h"

#include <functional>

extern "C" {
#include <commands/trigger.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::numbering {

struct Choice;
using ChoicePtr = std::shared_ptr<const Choice>;

struct Binding {
    AttrNumber column = 0, at = 0, queue = 0, category = 0;
    std::string series;      // prefix; empty where the row or the home decides
    int max_length = 0;      // characters the column holds; 0: no limit
    Oid unique_index = InvalidOid;
    HomePtr home;            // where the table counts
    bool may_count = false;  // its owner may draw numbers there
    bool settles_at_commit = false; // the table has the deferred trigger that gapless numbers wait for
    std::string column_name;
    mutable ChoicePtr recent; // what choose() found, where it holds for each row of that day
};
using BindingPtr = std::shared_ptr<const Binding>;

// Whoever may insert a row gets its number, but not everybody's table may count in a home: like a sequence, it asks for a
// right, of the table's owner.
bool owner_may_draw(Relation rel, Oid counters);
BindingPtr binding_of(const TriggerData &data);

// Whether a row, committed or in progress, has this number already. value is the number in it. digits, where
// it is not 0, says that the text ends with that number in so many digits, not shuffled: the index can then
// be asked for many at once.
bool is_taken(Relation rel, const Binding &binding, const std::string &number, int64_t value, size_t digits);
// After a failed transaction everything is asked again.
void forget_windows();

// Calls visit for each number in the table, those of transactions in progress included.
void for_each_number(Relation rel, AttrNumber column, const std::function<void(std::string_view)> &visit);

} // namespace ticketflow::pg::numbering
