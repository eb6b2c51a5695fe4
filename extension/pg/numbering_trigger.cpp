// number_trigger(): fills a column of anybody's table with the next number of a series, and keeps numbers
// given to it.
#include "pg/compat.h"
#include "pg/numbering_draw.h"
#include "pg/numbering_gapless.h"

#include <algorithm>

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <utils/builtins.h>
}

namespace ticketflow::pg::numbering {

namespace {

// What heap_modify_tuple() makes, without its arrays in allocated memory.
Datum with_number(const TriggerData &data, const Binding &binding, const std::string &number) {
    const char *const text = number.data();
    const int length = static_cast<int>(number.size()), column = binding.column - 1;
    const HeapTuple row = row_of(data);
    const TupleDesc columns = RelationGetDescr(data.tg_relation);
    return PointerGetDatum(call([=] {
        Datum values[MaxHeapAttributeNumber];
        bool nulls[MaxHeapAttributeNumber];
        heap_deform_tuple(row, columns, values, nulls);
        values[column] = PointerGetDatum(cstring_to_text_with_len(text, length));
        nulls[column] = false;
        HeapTuple numbered = heap_form_tuple(columns, values, nulls);
        numbered->t_data->t_ctid = row->t_data->t_ctid;
        numbered->t_self = row->t_self;
        numbered->t_tableOid = row->t_tableOid;
        return numbered;
    }));
}

// A number that somebody gave is kept, and its series learns of it.
void keep_given(HomePtr home, const std::string &number) {
    const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; };
    if (std::any_of(number.begin(), number.end(), is_control))
        throw core::Failure(core::Condition::invalid_parameter_value,
                            "a ticket number must not contain control characters", "",
                            "Line ends and tabs would break mail subjects and lists of tickets.");
    const auto reading = reader_for(*home).whole(number);
    if (reading)
        keep(*lock_counters(home), *reading);
}

void check_called_right(FunctionCallInfo fcinfo) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
        throw core::Failure(core::Condition::object_not_in_state,
                      "number_trigger() must be a BEFORE INSERT or BEFORE UPDATE trigger FOR EACH ROW");
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_trigger) {
    check_called_right(fcinfo);
    const TriggerData &data = *reinterpret_cast<TriggerData *>(fcinfo->context);
    const BindingPtr binding = binding_of(data);
    check_owner_may_count(binding->may_count, data.tg_relation, *binding->home);
    const std::string given = value_of(data.tg_relation, row_of(data), binding->column);
    const bool is_update = TRIGGER_FIRED_BY_UPDATE(data.tg_event);
    if (is_update && !given.empty() &&
        given == value_of(data.tg_relation, data.tg_trigtuple, binding->column))
        return PointerGetDatum(data.tg_newtuple);
    // A placeholder that is not of this transaction stands for no number.
    if (!given.empty() && !is_placeholder(given)) {
        keep_given(binding->home, given);
        return PointerGetDatum(row_of(data));
    }
    const HomePtr home = lock_counters(binding->home);
    const ChoicePtr choice = choose(*home, *binding, data);
    // In a transaction that goes on, a gapless series is left to the others until the commit.
    if (choice->series->mode == Mode::gapless && binding->settles_at_commit && !is_update &&
        IsTransactionBlock() && !gapless_holds(*home, choice->series->prefix)) {
        const std::string pending = placeholder();
        check_fits(pending, *binding);
        gapless_postpone();
        return with_number(data, *binding, pending);
    }
    return with_number(data, *binding, draw_free(*home, data, *binding, *choice));
}
