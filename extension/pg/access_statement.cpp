// statement_value(): a STABLE function without arguments, asked once a snapshot instead of once a row. A policy that calls it
// shows the planner real arrays to estimate from (a sub-select is a parameter of unknown value), and costs a comparison a row.
#include "pg/access_statement.h"

#include "pg/access.h"
#include "pg/compat.h"
#include "pg/datum.h"

extern "C" {
#include <access/xact.h>
#include <utils/acl.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::access {
namespace {

constexpr int kMostAnswers = 32;

// Trivial: filled and emptied inside call().
struct Answers {
    Epoch epoch;
    MemoryContext memory;
    int count;
    Answer all[kMostAnswers];
};

// What an expression keeps for its next row, in its own memory, where it stays while the plan runs.
struct Kept {
    bool known;
    bool is_null;
    bool by_value;
    int16 length;
    Oid function;
    Epoch epoch;
    Datum value;
};

Answers answers;
uint64 changes = 1;

void forget_at_end(XactEvent, void *) { ++changes; }

void forget_at_abort(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        ++changes;
}

void begin(const Epoch &epoch) {
    if (!answers.memory) {
        answers.memory = AllocSetContextCreate(TopMemoryContext, "ticketflow answers", ALLOCSET_SMALL_SIZES);
        RegisterXactCallback(forget_at_end, nullptr);
        RegisterSubXactCallback(forget_at_abort, nullptr);
    }
    answers.count = 0;
    MemoryContextReset(answers.memory);
    answers.epoch = epoch;
}

void check(Oid function, Oid wanted) {
    if (!may_execute(function))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
    // Window functions and aggregates need a caller that this is not.
    if (get_func_prokind(function) != PROKIND_FUNCTION || get_func_nargs(function) != 0 || get_func_rettype(function) != wanted || get_func_retset(function) ||
        func_volatile(function) == PROVOLATILE_VOLATILE)
        raise_inside_call(core::Condition::invalid_parameter_value, "statement_value() asks a stable function without arguments", "",
                          "Its second argument gives the type that the function returns: statement_value('f()', NULL::integer[]).");
}

} // namespace

bool present_epoch(Epoch &epoch) {
    if (!ActiveSnapshotSet())
        return false;
    const Snapshot snapshot = GetActiveSnapshot();
    if (snapshot->snapshot_type != SNAPSHOT_MVCC)
        return false;
    epoch = {snapshot->xmin,   snapshot->xmax, snapshot->xcnt,     snapshot->subxcnt,          snapshot->suboverflowed,
             snapshot->curcid, GetUserId(),    GetSessionUserId(), changes + setting_changes(), GetCurrentStatementStartTimestamp()};
    return true;
}

Answer ask(Oid function, Oid type, const Epoch *epoch) {
    if (epoch && answers.memory && answers.epoch == *epoch)
        for (int i = 0; i < answers.count; ++i)
            if (answers.all[i].function == function && answers.all[i].type == type)
                return answers.all[i];
    check(function, type);
    FmgrInfo target;
    fmgr_info(function, &target);
    LOCAL_FCINFO(fcinfo, 0);
    InitFunctionCallInfoData(*fcinfo, &target, 0, InvalidOid, nullptr, nullptr);
    Answer answer{function, type, false, FunctionCallInvoke(fcinfo)};
    answer.is_null = fcinfo->isnull;
    if (!epoch)
        return answer;
    // The function itself ran queries: what it left here may be of another epoch.
    if (!answers.memory || !(answers.epoch == *epoch) || answers.count == kMostAnswers)
        begin(*epoch);
    if (!answer.is_null) {
        int16 length;
        bool by_value;
        get_typlenbyval(type, &length, &by_value);
        MemoryContext const caller = MemoryContextSwitchTo(answers.memory);
        answer.value = datumCopy(answer.value, by_value, length);
        MemoryContextSwitchTo(caller);
    }
    answers.all[answers.count++] = answer;
    return answer;
}

namespace {

void keep(Kept &kept, FmgrInfo *expression, Oid function, const Epoch *epoch) {
    const Oid type = get_fn_expr_rettype(expression);
    const Answer answer = ask(function, type, epoch);
    get_typlenbyval(type, &kept.length, &kept.by_value);
    MemoryContext const caller = MemoryContextSwitchTo(expression->fn_mcxt);
    kept.is_null = answer.is_null;
    kept.value = answer.is_null ? 0 : datumCopy(answer.value, kept.by_value, kept.length);
    MemoryContextSwitchTo(caller);
    kept.function = function;
    kept.known = epoch != nullptr;
    if (epoch)
        kept.epoch = *epoch;
}

} // namespace
} // namespace ticketflow::pg::access

using namespace ticketflow;

TICKETFLOW_FUNCTION(ticketflow_access_statement_value) {
    using namespace pg::access;
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    Epoch epoch;
    const bool lasting = present_epoch(epoch);
    Kept *kept = static_cast<Kept *>(fcinfo->flinfo->fn_extra);
    if (!kept || !kept->known || kept->function != PG_GETARG_OID(0) || !lasting || !(kept->epoch == epoch))
        kept = pg::call([fcinfo, kept, lasting, &epoch] {
            Kept *mine = kept;
            if (!mine)
                fcinfo->flinfo->fn_extra = mine = static_cast<Kept *>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Kept)));
            mine->known = false;
            keep(*mine, fcinfo->flinfo, PG_GETARG_OID(0), lasting ? &epoch : nullptr);
            return mine;
        });
    if (kept->is_null)
        PG_RETURN_NULL();
    return kept->value;
}
