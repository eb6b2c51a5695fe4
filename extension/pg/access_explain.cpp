#include "pg/access_explain.h"

#include "pg/bridge.h"
#include "pg/compat.h"
#include "pg/desk.h"
#include "pg/owner.h"

extern "C" {
#include <executor/executor.h>
#include <nodes/parsenodes.h>
#include <optimizer/planner.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
}

namespace ticketflow::pg::access {
namespace {

ExecutorStart_hook_type next_start_hook;
planner_hook_type next_planner_hook;

bool sees_part_of(Oid table, Oid role) {
    return check_enable_rls(table, role, true) == RLS_ENABLED && !has_privs_of_role(role, owner_of(table));
}

// Whoever logged in with the right to see all may look at the plans of others after SET ROLE.
bool hides_rows(Oid table) {
    return OidIsValid(get_relname_relid(desk::kMarker, get_rel_namespace(table))) && sees_part_of(table, GetUserId()) &&
           sees_part_of(table, GetSessionUserId());
}

// The first table of the list of which row security hides rows; InvalidOid: none. May raise.
Oid hidden_table(List *range_table) {
    ListCell *cell;
    foreach (cell, range_table) {
        const auto *const entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_RELATION && hides_rows(entry->relid))
            return entry->relid;
    }
    return InvalidOid;
}

void require_sight(List *range_table) {
    entry([range_table] {
        const char *const table = call([range_table]() -> const char * {
            const Oid found = hidden_table(range_table);
            return OidIsValid(found) ? get_rel_name(found) : nullptr;
        });
        if (table)
            throw core::Failure(core::Condition::insufficient_privilege,
                                std::string("permission denied to see the plan of a query on table \"") + table + "\"",
                                "Row security hides rows of it, and a plan tells how many there are.",
                                "Ask the owner of the table, or a superuser after SET ROLE.");
    });
}

// auto_explain asks for instruments, too, but has the rows go where they belong.
bool is_explained(const QueryDesc *query, int flags) {
    if (flags & EXEC_FLAG_EXPLAIN_ONLY)
        return true;
    return query->instrument_options != 0 && query->dest && discards_rows(query->dest->mydest);
}

// EXPLAIN plans, starts, runs and finishes the query before it prints: by then this library is loaded, since the policies are its functions.
void start(QueryDesc *query, int flags) {
    if (is_explained(query, flags))
        require_sight(query->plannedstmt->rtable);
    if (next_start_hook)
        next_start_hook(query, flags);
    else
        standard_ExecutorStart(query, flags);
}

PlannedStmt *plan(Query *parse, const char *text, int options, ParamListInfo parameters) {
    PlannedStmt *const planned = next_planner_hook ? next_planner_hook(parse, text, options, parameters)
                                                   : standard_planner(parse, text, options, parameters);
    if (Debug_print_plan)
        require_sight(planned->rtable);
    return planned;
}

} // namespace

void guard_plans() {
    next_start_hook = ExecutorStart_hook;
    ExecutorStart_hook = start;
    next_planner_hook = planner_hook;
    planner_hook = plan;
    // The plan in whose making this library is loaded does not pass the hook.
    call([] {
        if (Debug_print_plan && IsTransactionState() && !superuser())
            SetConfigOption("debug_print_plan", "off", PGC_USERSET, PGC_S_SESSION);
    });
}

} // namespace ticketflow::pg::access
