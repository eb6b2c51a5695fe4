#include "pg/search/am_bind.h"

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <catalog/index.h>
#include <catalog/namespace.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <commands/defrem.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/pathnodes.h>
#include <nodes/supportnodes.h>
#include <optimizer/optimizer.h>
#include <parser/parse_func.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteManip.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

namespace ticketflow::pg::search {

bool names_index(Node *argument, Oid *index) {
    if (!IsA(argument, FuncExpr))
        return false;
    FuncExpr *const function = castNode(FuncExpr, argument);
    if (function->funcresulttype != TSQUERYOID || list_length(function->args) != 2 || !IsA(lsecond(function->args), Const))
        return false;
    Const *const second = lsecond_node(Const, function->args);
    if (second->consttype != REGCLASSOID || second->constisnull)
        return false;
    *index = DatumGetObjectId(second->constvalue);
    return true;
}

namespace {

// All of it is PostgreSQL's code: plain C, run inside one call().

// The mark of a call that planning has added; nobody can write it in SQL, and it is not printed.
constexpr CoercionForm kByPlanner = COERCE_SQL_SYNTAX;

bool indexes(Relation index, Node *document, Index varno) {
    if (index->rd_index->indkey.values[0] != 0)
        return IsA(document, Var) && castNode(Var, document)->varattno == index->rd_index->indkey.values[0];
    List *const expressions = static_cast<List *>(copyObjectImpl(RelationGetIndexExpressions(index)));
    if (expressions == NIL)
        return false;
    ChangeVarNodes(reinterpret_cast<Node *>(expressions), 1, static_cast<int>(varno), 0);
    return equal(linitial(expressions), document);
}

// A valid ticketflow index on the document; one over all rows is preferred to a partial one.
Oid find_index(PlannerInfo *root, Node *document) {
    List *const vars = pull_var_clause(document, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS | PVC_RECURSE_PLACEHOLDERS);
    if (vars == NIL || linitial_node(Var, vars)->varlevelsup != 0)
        return InvalidOid;
    const Index varno = static_cast<Index>(linitial_node(Var, vars)->varno);
    if (varno == 0 || varno > static_cast<Index>(list_length(root->parse->rtable)))
        return InvalidOid;
    RangeTblEntry *const entry = rt_fetch(varno, root->parse->rtable);
    if (entry->rtekind != RTE_RELATION)
        return InvalidOid;
    const Oid method = get_index_am_oid("ticketflow", true);
    Relation table = table_open(entry->relid, AccessShareLock);
    Oid whole = InvalidOid, partial = InvalidOid;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(table)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (index->rd_rel->relam == method && index->rd_index->indisvalid && indexes(index, document, varno)) {
            Oid &found = RelationGetIndexPredicate(index) == NIL ? whole : partial;
            if (!OidIsValid(found))
                found = RelationGetRelid(index);
        }
        index_close(index, AccessShareLock);
    }
    table_close(table, AccessShareLock);
    return OidIsValid(whole) ? whole : partial;
}

Node *bind(SupportRequestSimplify *request) {
    FuncExpr *const distance = request->fcall;
    Oid index;
    if (!request->root || list_length(distance->args) != 2 || names_index(static_cast<Node *>(lsecond(distance->args)), &index))
        return nullptr;
    Node *const document = static_cast<Node *>(linitial(distance->args));
    index = find_index(request->root, document);
    if (!OidIsValid(index))
        return nullptr;
    char *const schema = get_namespace_name(get_func_namespace(distance->funcid));
    const Oid types[] = {TSQUERYOID, REGCLASSOID};
    const Oid of_index = LookupFuncName(list_make2(makeString(schema), makeString(pstrdup("of_index"))), 2, types, true);
    const Oid rank = OpernameGetOprid(list_make2(makeString(schema), makeString(pstrdup("<@>"))), TSVECTOROID, TSQUERYOID);
    if (!OidIsValid(of_index) || !OidIsValid(rank))
        return nullptr;
    Const *const constant = makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(index), false, true);
    FuncExpr *const bound = makeFuncExpr(of_index, TSQUERYOID, list_make2(lsecond(distance->args), constant), InvalidOid, InvalidOid,
                                         kByPlanner);
    OpExpr *const ranked = castNode(OpExpr, make_opclause(rank, FLOAT8OID, false, static_cast<Expr *>(linitial(distance->args)),
                                                          reinterpret_cast<Expr *>(bound), InvalidOid, InvalidOid));
    ranked->opfuncid = distance->funcid;
    return reinterpret_cast<Node *>(ranked);
}

} // namespace

BoundIndex bound_index(FmgrInfo *function) {
    Node *const expression = function->fn_expr;
    Oid index = InvalidOid;
    List *arguments = NIL;
    if (expression && IsA(expression, OpExpr))
        arguments = castNode(OpExpr, expression)->args;
    else if (expression && IsA(expression, FuncExpr))
        arguments = castNode(FuncExpr, expression)->args;
    if (list_length(arguments) != 2 || !names_index(static_cast<Node *>(lsecond(arguments)), &index))
        return {InvalidOid, InvalidOid, false, false, false};
    const bool by_planner = castNode(FuncExpr, lsecond(arguments))->funcformat == kByPlanner;
    return call([index, by_planner]() -> BoundIndex {
        const Oid table = IndexGetRelation(index, true);
        const bool partitioned = get_rel_relkind(index) == RELKIND_PARTITIONED_INDEX;
        if (partitioned || (OidIsValid(table) && has_subclass(table)))
            return {index, InvalidOid, true, partitioned, by_planner};
        return {index, table, false, false, by_planner};
    });
}

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_bm25_support) {
    Node *const request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (!IsA(request, SupportRequestSimplify))
        PG_RETURN_POINTER(nullptr);
    PG_RETURN_POINTER(ticketflow::pg::call([request] {
        return ticketflow::pg::search::bind(reinterpret_cast<SupportRequestSimplify *>(request));
    }));
}

TICKETFLOW_FUNCTION(ticketflow_of_index) { PG_RETURN_DATUM(PG_GETARG_DATUM(0)); }
