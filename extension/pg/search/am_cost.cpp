// The work of a ranked scan is done before its first row: reading the postings of the query's words. Later rows cost little.
#include "pg/search/am_cost.h"

#include "pg/search/am_bind.h"
#include "pg/search/am_scan.h"

#include <algorithm>

extern "C" {
#include <catalog/index.h>
#include <optimizer/cost.h>
#include <optimizer/optimizer.h>
#include <utils/selfuncs.h>
}

namespace ticketflow::pg::search {

namespace {

// Of the documents of an index, how many a word of an unknown query is in.
constexpr double kUnknownMatches = 0.01;
// Ten bits a posting and some for positions: the pages that are read, of all pages, are few.
constexpr double kPostingsPerPage = 5000;

struct Estimate {
    double selectivity, matches;
};

Estimate count_matches(PlannerInfo *root, IndexPath *path) {
    return call([=]() -> Estimate {
        IndexOptInfo *const index = path->indexinfo;
        Estimate estimate{1, 0};
        if (path->indexclauses != NIL) {
            List *const quals = get_quals_from_indexclauses(path->indexclauses);
            estimate.selectivity = clauselist_selectivity(root, quals, static_cast<int>(index->rel->relid), JOIN_INNER, nullptr);
            estimate.matches = estimate.selectivity * index->tuples;
        } else {
            estimate.matches = path->indexorderbys != NIL ? kUnknownMatches * index->tuples : index->tuples;
        }
        return estimate;
    });
}

// Whether the ranking is bound to another index of the same table: that one's numbers and weights are asked for.
bool ranks_by_another(IndexPath *path) {
    return call([path] {
        Node *const expression = static_cast<Node *>(linitial(path->indexorderbys));
        Oid bound = InvalidOid;
        if (!IsA(expression, OpExpr) || !names_index(static_cast<Node *>(lsecond(castNode(OpExpr, expression)->args)), &bound))
            return false;
        const Oid own = path->indexinfo->indexoid;
        return bound != own && IndexGetRelation(bound, true) == IndexGetRelation(own, true);
    });
}

} // namespace

void estimate_cost(PlannerInfo *root, IndexPath *path, double, CostResult result) {
    const Estimate estimate = count_matches(root, path);
    const IndexOptInfo &index = *path->indexinfo;
    const double matches = std::max(estimate.matches, 1.0);
    // A few pages of dictionary, then postings; all of it is far smaller than the table and usually cached.
    const double pages = std::min(6 + matches / kPostingsPerPage, std::max<double>(index.pages, 1));
    const double work = pages * random_page_cost / 4 + matches * cpu_operator_cost * 0.5;
    const bool ranked = path->indexorderbys != NIL;
    *result.startup = work;
    *result.total = work + (ranked ? estimate.selectivity * index.tuples : matches) * cpu_index_tuple_cost;
    *result.selectivity = estimate.selectivity;
    *result.correlation = 0;
    *result.pages = pages;
    if (ranked)
        note_limit(index.indexoid, root->limit_tuples);
    // Two rankings at once cannot be had from one scan, nor those of another index. And VACUUM does not wait for a scan that
    // reads only the index, as it would have to where rows are counted without a look at them.
    if (list_length(path->indexorderbys) > 1 || path->path.pathtype == T_IndexOnlyScan || (ranked && ranks_by_another(path)))
        *result.total = *result.startup = 1e15;
}

} // namespace ticketflow::pg::search
