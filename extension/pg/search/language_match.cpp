// matches(): `@@` for tables under row security. PostgreSQL's own operator is not marked leakproof, so a policy would keep
// it out of every index; this function is, and tells the planner that an index on `@@` answers it.
#include "pg/bridge.h"

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <nodes/supportnodes.h>
#include <optimizer/optimizer.h>
#include <optimizer/plancat.h>
#include <tsearch/ts_type.h>
#include <tsearch/ts_utils.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

using namespace ticketflow::pg;

namespace {

Oid match_operator() {
    return OpernameGetOprid(list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("@@"))), TSVECTOROID, TSQUERYOID);
}

List *index_condition(SupportRequestIndexCondition *request) {
    if (!IsA(request->node, FuncExpr) || request->indexarg != 0)
        return NIL;
    List *const arguments = reinterpret_cast<FuncExpr *>(request->node)->args;
    auto *const document = static_cast<Expr *>(linitial(arguments)), *const query = static_cast<Expr *>(lsecond(arguments));
    const Oid match = match_operator();
    if (!OidIsValid(match) || !op_in_opfamily(match, request->opfamily) ||
        !is_pseudo_constant_for_index(request->root, reinterpret_cast<Node *>(query), request->index))
        return NIL;
    request->lossy = false;
    return list_make1(make_opclause(match, BOOLOID, false, document, query, InvalidOid, InvalidOid));
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_language_matches) {
    const Datum document = PG_GETARG_DATUM(0), query = PG_GETARG_DATUM(1);
    return call([document, query] { return DirectFunctionCall2(ts_match_vq, document, query); });
}

TICKETFLOW_FUNCTION(ticketflow_language_matches_support) {
    Node *const request = reinterpret_cast<Node *>(DatumGetPointer(PG_GETARG_DATUM(0)));
    return PointerGetDatum(call([request]() -> void * {
        if (IsA(request, SupportRequestIndexCondition))
            return index_condition(reinterpret_cast<SupportRequestIndexCondition *>(request));
        if (IsA(request, SupportRequestSelectivity)) {
            auto *const ask = reinterpret_cast<SupportRequestSelectivity *>(request);
            const Oid match = match_operator();
            if (ask->is_join || !OidIsValid(match))
                return nullptr;
            ask->selectivity = restriction_selectivity(ask->root, match, ask->args, ask->inputcollid, ask->varRelid);
            return ask;
        }
        return nullptr;
    }));
}
