// What lets the guide's search, to_tsvector('english', title || ' ' || COALESCE(description, '')) @@ query, use its index under
// row security. A policy keeps out of an index whatever might tell of hidden rows: `||`, COALESCE, to_tsvector and @@ all count as
// such. So the planner reads the expression, in the query and in the index alike, as one call of joined_vector(), which is leakproof.
#include "pg/datum.h"
#include "pg/search/language_document.h"

#include <string>

extern "C" {
#include <access/transam.h>
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/supportnodes.h>
#include <parser/parse_func.h>
#include <utils/array.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
#include <utils/varlena.h>
}

using namespace ticketflow::pg;

namespace {

// Configurations of PostgreSQL itself, in UTF-8: no text makes them fail. Others may have dictionaries that whoever looks for hidden
// words made, and elsewhere words that cannot be converted back from a stemmer's encoding.
bool never_fails(Oid configuration) { return configuration < FirstNormalObjectId && GetDatabaseEncoding() == PG_UTF8; }

// COALESCE(column, ...) as CASE, which the planner knows to tell nothing by itself.
Expr *without_coalesce(Expr *expression) {
    if (IsA(expression, RelabelType)) {
        auto *const relabel = reinterpret_cast<RelabelType *>(expression);
        return reinterpret_cast<Expr *>(makeRelabelType(without_coalesce(relabel->arg), relabel->resulttype, relabel->resulttypmod,
                                                        relabel->resultcollid, relabel->relabelformat));
    }
    if (!IsA(expression, CoalesceExpr))
        return expression;
    auto *const coalesce = reinterpret_cast<CoalesceExpr *>(expression);
    CaseExpr *const choice = makeNode(CaseExpr);
    ListCell *cell;
    foreach (cell, coalesce->args) {
        auto *const value = static_cast<Expr *>(lfirst(cell));
        if (!lnext(coalesce->args, cell)) {
            choice->defresult = value;
            break;
        }
        // Asked twice, so nothing that computes.
        if (!IsA(value, Var) && !(IsA(value, RelabelType) && IsA(reinterpret_cast<RelabelType *>(value)->arg, Var)))
            return expression;
        NullTest *const test = makeNode(NullTest);
        test->arg = value;
        test->nulltesttype = IS_NOT_NULL;
        test->location = -1;
        CaseWhen *const branch = makeNode(CaseWhen);
        branch->expr = reinterpret_cast<Expr *>(test);
        branch->result = static_cast<Expr *>(copyObjectImpl(value));
        branch->location = -1;
        choice->args = lappend(choice->args, branch);
    }
    choice->casetype = coalesce->coalescetype;
    choice->casecollid = coalesce->coalescecollid;
    choice->location = -1;
    return reinterpret_cast<Expr *>(choice);
}

List *parts_of(Expr *body, List *parts) {
    if (IsA(body, OpExpr)) {
        auto *const operation = reinterpret_cast<OpExpr *>(body);
        if (get_opcode(operation->opno) == F_TEXTCAT)
            return parts_of(static_cast<Expr *>(lsecond(operation->args)), parts_of(static_cast<Expr *>(linitial(operation->args)), parts));
    }
    return lappend(parts, without_coalesce(body));
}

Node *as_joined(const FuncExpr *original) {
    Node *const name = static_cast<Node *>(linitial(original->args));
    if (!IsA(name, Const) || reinterpret_cast<Const *>(name)->constisnull)
        return nullptr;
    const Oid configuration = get_ts_config_oid(textToQualifiedNameList(DatumGetTextPP(reinterpret_cast<Const *>(name)->constvalue)), true);
    if (!OidIsValid(configuration) || !never_fails(configuration))
        return nullptr;
    Oid types[2] = {REGCONFIGOID, TEXTARRAYOID};
    const Oid joined = LookupFuncName(list_make2(makeString(get_namespace_name(get_func_namespace(original->funcid))),
                                                 makeString(pstrdup("joined_vector"))), 2, types, true);
    if (!OidIsValid(joined))
        return nullptr;
    ArrayExpr *const parts = makeNode(ArrayExpr);
    parts->array_typeid = TEXTARRAYOID;
    parts->array_collid = original->inputcollid;
    parts->element_typeid = TEXTOID;
    parts->elements = parts_of(static_cast<Expr *>(lsecond(original->args)), NIL);
    parts->location = -1;
    Const *const chosen = makeConst(REGCONFIGOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(configuration), false, true);
    return reinterpret_cast<Node *>(makeFuncExpr(joined, original->funcresulttype, list_make2(chosen, parts), original->funccollid,
                                                 original->inputcollid, COERCE_EXPLICIT_CALL));
}

} // namespace

// The planner's support of bounded_tsvector(text, text).
TICKETFLOW_FUNCTION(ticketflow_language_vector_support) {
    Node *const request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    return PointerGetDatum(call([request]() -> Node * {
        return IsA(request, SupportRequestSimplify) ? as_joined(reinterpret_cast<SupportRequestSimplify *>(request)->fcall) : nullptr;
    }));
}

// joined_vector(regconfig, text[]): what bounded_tsvector() makes of the texts joined; null where one is, or where a configuration
// might fail. Leakproof: it raises no error that depends on the texts, and no message at all.
TICKETFLOW_FUNCTION(ticketflow_language_joined_vector) {
    const Oid configuration = PG_GETARG_OID(0);
    if (!never_fails(configuration))
        PG_RETURN_NULL();
    Datum *texts = nullptr;
    bool *nulls = nullptr;
    int count = 0;
    call([&] { deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count); });
    // No more than is read, and a character more so that the end is cut between two.
    constexpr std::size_t kMost = search::DocumentReader::kMaxText + 8;
    std::string body;
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            PG_RETURN_NULL();
        body += text_view(texts[i]).substr(0, kMost - body.size());
    }
    search::DocumentReader reader(configuration);
    reader.read(body, ticketflow::core::search::Label::D);
    return reader.finish();
}
