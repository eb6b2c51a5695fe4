// number_settle_trigger(): gives rows that wait under a placeholder their number, as late as can be: at commit, or at
// SET CONSTRAINTS IMMEDIATE.
#include "pg/compat.h"
#include "pg/numbering_draw.h"
#include "pg/numbering_gapless.h"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::numbering {

namespace {

// The UPDATE that gives a waiting row its number, prepared once for each table. By its place: the row is looked for by its
// placeholder only where it moved meanwhile.
std::unordered_map<Oid, SPIPlanPtr> plans;
uint64_t plans_changes = 0;
// A plan that is running must not be freed by what its own triggers number.
int running = 0;
struct Running {
    Running() { ++running; }
    ~Running() { --running; }
};

char *update_of(Relation rel, const char *column, const char *condition) {
    const char *name = quote_identifier(column);
    return psprintf("UPDATE ONLY %s SET %s = $1 WHERE %s = $2%s",
                    quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)), RelationGetRelationName(rel)),
                    name, name, condition);
}

void free_plan(SPIPlanPtr plan) {
    call([plan] { SPI_freeplan(plan); });
}

SPIPlanPtr plan_for(Relation rel, const Binding &binding) {
    if (plans_changes != relation_changes() && running == 0) {
        for (const auto &[table, plan] : plans)
            free_plan(plan);
        plans.clear();
        plans_changes = relation_changes();
    }
    const auto found = plans.find(RelationGetRelid(rel));
    if (found != plans.end())
        return found->second;
    const char *column = binding.column_name.c_str();
    return plans[RelationGetRelid(rel)] = call([=] {
               Oid types[3] = {TEXTOID, TEXTOID, TIDOID};
               SPI_connect();
               SPIPlanPtr plan = SPI_prepare_cursor(update_of(rel, column, " AND ctid = $3"), 3, types, CURSOR_OPT_GENERIC_PLAN);
               if (!plan || SPI_keepplan(plan) != 0)
                   raise_inside_call(core::Condition::internal_error, "cannot prepare the numbering of a row", "", "");
               SPI_finish();
               return plan;
           });
}

// Gives the row that waits under this placeholder its number, with the rights of the table's owner: whoever may insert a row
// gets its number. False where the row is gone.
// Not by become(): a table may have deferred triggers, which a security-restricted operation refuses, and an owner under
// FORCE ROW LEVEL SECURITY would not see the row. Nor past the executor: the table's statement triggers, transition tables and
// UPDATE OF lists need it.
bool replace_placeholder(const TriggerData &data, const Binding &binding, const std::string &pending,
                         const std::string &number) {
    Relation rel = data.tg_relation;
    const SPIPlanPtr plan = plan_for(rel, binding);
    const Running now;
    const char *column = binding.column_name.c_str(), *from = pending.c_str(), *to = number.c_str();
    ItemPointerData place = data.tg_trigtuple->t_self;
    return call([=]() mutable {
        Oid user, types[2] = {TEXTOID, TEXTOID};
        int context;
        GetUserIdAndSecContext(&user, &context);
        SetUserIdAndSecContext(rel->rd_rel->relowner,
                               context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
        SPI_connect();
        Datum values[3] = {CStringGetTextDatum(to), CStringGetTextDatum(from), PointerGetDatum(&place)};
        int result = SPI_execute_plan(plan, values, nullptr, false, 0);
        if (result == SPI_OK_UPDATE && SPI_processed == 0)
            result = SPI_execute_with_args(update_of(rel, column, ""), 2, types, values, nullptr, false, 0);
        if (result != SPI_OK_UPDATE)
            raise_inside_call(core::Condition::internal_error,
                              psprintf("cannot number a row: %s", SPI_result_code_string(result)), "", "");
        const bool found = SPI_processed > 0;
        SPI_finish();
        SetUserIdAndSecContext(user, context);
        return found;
    });
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_settle) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
        throw core::Failure(
            core::Condition::object_not_in_state,
            "number_settle_trigger() must be an AFTER INSERT constraint trigger FOR EACH ROW");
    const BindingPtr binding = binding_of(*data);
    const std::string pending = value_of(data->tg_relation, data->tg_trigtuple, binding->column);
    if (!is_placeholder(pending))
        return PointerGetDatum(nullptr);
    check_owner_may_count(binding->may_count, data->tg_relation, *binding->home);
    const HomePtr home = lock_counters(binding->home);
    const ChoicePtr choice = choose(*home, *binding, *data);
    const std::string number = draw_free(*home, *data, *binding, *choice);
    // A row that was deleted again needs no number, and a gapless series must not lose one.
    if (!replace_placeholder(*data, *binding, pending, number) &&
        choice->series->mode == Mode::gapless)
        gapless_give_back(*home, choice->series->prefix, choice->period);
    return PointerGetDatum(nullptr);
}

// numbers_pending(): for the WHEN clause of the trigger above, which is parsed in every statement: a call is short.
TICKETFLOW_FUNCTION(ticketflow_numbering_pending) {
    PG_RETURN_BOOL(gapless_postponed());
}
