// statement_includes(): whether a value is in the array that a function answers, by a hash table that is made once a statement.
// Its support function lets an index of the column answer, and the planner estimate, as if "= ANY (array)" had been written.
#include "pg/access_statement.h"
#include "pg/compat.h"
#include "pg/datum.h"

extern "C" {
#include <access/stratnum.h>
#include <catalog/pg_am.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_type.h>
#include <common/hashfn.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/supportnodes.h>
#include <parser/parse_func.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/selfuncs.h>
}

#include <cstring>

namespace ticketflow::pg::access {
namespace {

// Lives in the expression's memory; a free slot is 0, so values are kept one up.
struct Members {
    bool known;
    Oid function;
    Epoch epoch;
    uint32 mask;
    uint32 *slots;
    Datum *values;
};

uint32 hash_of(Datum value, bool is_text) {
    if (!is_text)
        return murmurhash32(static_cast<uint32>(DatumGetInt32(value)));
    const auto *const text = reinterpret_cast<const struct varlena *>(DatumGetPointer(value));
    return hash_bytes(reinterpret_cast<const unsigned char *>(VARDATA_ANY(text)), static_cast<int>(VARSIZE_ANY_EXHDR(text)));
}

bool same(Datum a, Datum b, bool is_text) {
    if (!is_text)
        return DatumGetInt32(a) == DatumGetInt32(b);
    const auto *const left = reinterpret_cast<const struct varlena *>(DatumGetPointer(a));
    const auto *const right = reinterpret_cast<const struct varlena *>(DatumGetPointer(b));
    return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
           std::memcmp(VARDATA_ANY(left), VARDATA_ANY(right), VARSIZE_ANY_EXHDR(left)) == 0;
}

// Raises no error: it runs for every row.
bool includes(const Members &members, Datum value, bool is_text) {
    for (uint32 at = hash_of(value, is_text);; ++at) {
        const uint32 slot = members.slots[at & members.mask];
        if (!slot)
            return false;
        if (same(members.values[slot - 1], value, is_text))
            return true;
    }
}

// May raise; everything is allocated in the current memory context.
void fill(Members &members, Oid function, bool is_text, const Epoch *epoch) {
    const Answer answer = ask(function, is_text ? TEXTARRAYOID : INT4ARRAYOID, epoch);
    int count = 0;
    bool *nulls = nullptr;
    members.values = nullptr;
    if (!answer.is_null) {
        ArrayType *const array = DatumGetArrayTypePCopy(answer.value);
        deconstruct_array(array, is_text ? TEXTOID : INT4OID, is_text ? -1 : 4, !is_text, TYPALIGN_INT,
                          &members.values, &nulls, &count);
    }
    uint32 size = 8;
    while (size < 2 * static_cast<uint32>(count))
        size *= 2;
    members.mask = size - 1;
    members.slots = static_cast<uint32 *>(palloc0(size * sizeof(uint32)));
    for (int i = 0; i < count; ++i) {
        if (nulls[i])
            continue;
        uint32 at = hash_of(members.values[i], is_text);
        while (members.slots[at & members.mask])
            ++at;
        members.slots[at & members.mask] = static_cast<uint32>(i) + 1;
    }
    members.function = function;
    members.known = epoch != nullptr;
    if (epoch)
        members.epoch = *epoch;
}

Members *refreshed(FmgrInfo *expression, Members *members, Oid function, bool is_text, const Epoch *epoch) {
    MemoryContext const caller = MemoryContextSwitchTo(expression->fn_mcxt);
    if (!members)
        expression->fn_extra = members = static_cast<Members *>(palloc0(sizeof(Members)));
    members->known = false;
    fill(*members, function, is_text, epoch);
    MemoryContextSwitchTo(caller);
    return members;
}

Datum answer_row(FunctionCallInfo fcinfo, bool is_text) {
    Epoch epoch;
    const bool lasting = present_epoch(epoch);
    auto *members = static_cast<Members *>(fcinfo->flinfo->fn_extra);
    if (!members || !members->known || members->function != PG_GETARG_OID(0) || !lasting || !(members->epoch == epoch))
        members = call([fcinfo, members, is_text, lasting, &epoch] {
            return refreshed(fcinfo->flinfo, members, PG_GETARG_OID(0), is_text, lasting ? &epoch : nullptr);
        });
    Datum value = PG_GETARG_DATUM(1);
    if (is_text && VARATT_IS_EXTENDED(DatumGetPointer(value)) && !VARATT_IS_SHORT(DatumGetPointer(value)))
        value = call([value] { return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)); });
    return BoolGetDatum(includes(*members, value, is_text));
}

// value = ANY (statement_value(function, NULL::type[])), with the equality of the index or, without one, of the type.
Node *as_array_condition(const FuncExpr *question, Oid opfamily) {
    Expr *const value = static_cast<Expr *>(lsecond(question->args));
    const bool is_text = exprType(reinterpret_cast<Node *>(value)) != INT4OID;
    const Oid type = is_text ? TEXTOID : INT4OID, array = is_text ? TEXTARRAYOID : INT4ARRAYOID;
    const Oid equality = OidIsValid(opfamily) ? get_opfamily_member(opfamily, type, type, BTEqualStrategyNumber)
                                              : (is_text ? TextEqualOperator : Int4EqualOperator);
    if (!OidIsValid(equality))
        return nullptr;
    Oid types[2] = {REGPROCEDUREOID, ANYELEMENTOID};
    List *const name = list_make2(makeString(get_namespace_name(get_func_namespace(question->funcid))),
                                  makeString(pstrdup("statement_value")));
    const Oid asks = LookupFuncName(name, 2, types, true);
    if (!OidIsValid(asks))
        return nullptr;
    List *const arguments = list_make2(copyObjectImpl(linitial(question->args)), makeNullConst(array, -1, InvalidOid));
    const Oid collation = is_text ? question->inputcollid : InvalidOid;
    ScalarArrayOpExpr *const condition = makeNode(ScalarArrayOpExpr);
    condition->opno = equality;
    condition->opfuncid = get_opcode(equality);
    condition->useOr = true;
    condition->inputcollid = collation;
    condition->args = list_make2(value, makeFuncExpr(asks, array, arguments, collation, collation, COERCE_EXPLICIT_CALL));
    condition->location = -1;
    return reinterpret_cast<Node *>(condition);
}

Node *support(Node *request) {
    if (IsA(request, SupportRequestIndexCondition)) {
        auto *const wanted = reinterpret_cast<SupportRequestIndexCondition *>(request);
        if (wanted->indexarg != 1 || !is_funcclause(wanted->node) || wanted->index->relam != BTREE_AM_OID)
            return nullptr;
        Node *const condition = as_array_condition(reinterpret_cast<FuncExpr *>(wanted->node), wanted->opfamily);
        if (!condition)
            return nullptr;
        wanted->lossy = false;
        return reinterpret_cast<Node *>(list_make1(condition));
    }
    if (IsA(request, SupportRequestSelectivity)) {
        auto *const wanted = reinterpret_cast<SupportRequestSelectivity *>(request);
        FuncExpr *const question = makeFuncExpr(wanted->funcid, BOOLOID, wanted->args, InvalidOid, wanted->inputcollid, COERCE_EXPLICIT_CALL);
        Node *const condition = as_array_condition(question, InvalidOid);
        if (!condition || wanted->is_join)
            return nullptr;
        wanted->selectivity = scalararraysel(wanted->root, reinterpret_cast<ScalarArrayOpExpr *>(condition), false,
                                             wanted->varRelid, wanted->jointype, wanted->sjinfo);
        return request;
    }
    return nullptr;
}

} // namespace
} // namespace ticketflow::pg::access

using namespace ticketflow;

TICKETFLOW_FUNCTION(ticketflow_access_statement_includes_text) { return pg::access::answer_row(fcinfo, true); }

TICKETFLOW_FUNCTION(ticketflow_access_statement_includes_integer) { return pg::access::answer_row(fcinfo, false); }

TICKETFLOW_FUNCTION(ticketflow_access_statement_includes_support) {
    Node *const answer = pg::call([fcinfo] { return pg::access::support(reinterpret_cast<Node *>(PG_GETARG_POINTER(0))); });
    PG_RETURN_POINTER(answer);
}
