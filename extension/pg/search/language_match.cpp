// matches() and vector_matches(): `@@` for tables under row security. PostgreSQL's own operator is not marked leakproof, so a policy
// would keep it out of every index. The planner reads a call of these as the operator @@, which indexes answer and statistics
// estimate, evaluated by the function that was called, which is leakproof.
#include "pg/bridge.h"

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/supportnodes.h>
#include <tsearch/ts_type.h>
#include <tsearch/ts_utils.h>
#include <utils/fmgrprotos.h>
}

using namespace ticketflow::pg;

namespace {

Node *as_operator(const FuncExpr *matching) {
    auto *document = static_cast<Expr *>(linitial(matching->args));
    const Oid match = OpernameGetOprid(list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("@@"))), TSVECTOROID, TSQUERYOID);
    if (!OidIsValid(match))
        return nullptr;
    if (exprType(reinterpret_cast<Node *>(document)) != TSVECTOROID)
        document = reinterpret_cast<Expr *>(makeRelabelType(document, TSVECTOROID, -1, InvalidOid, COERCE_IMPLICIT_CAST));
    Expr *const operation = make_opclause(match, BOOLOID, false, document, static_cast<Expr *>(lsecond(matching->args)), InvalidOid, InvalidOid);
    reinterpret_cast<OpExpr *>(operation)->opfuncid = matching->funcid;
    return reinterpret_cast<Node *>(operation);
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_language_matches) {
    const Datum document = PG_GETARG_DATUM(0), query = PG_GETARG_DATUM(1);
    return call([document, query] { return DirectFunctionCall2(ts_match_vq, document, query); });
}

TICKETFLOW_FUNCTION(ticketflow_language_matches_support) {
    Node *const request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    return PointerGetDatum(call([request]() -> Node * {
        return IsA(request, SupportRequestSimplify) ? as_operator(reinterpret_cast<SupportRequestSimplify *>(request)->fcall) : nullptr;
    }));
}
