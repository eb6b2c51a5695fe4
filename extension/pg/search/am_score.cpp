// The score as a number: the operator <@>, and bm25_score.
#include "pg/search/am_bind.h"
#include "pg/search/am_numbers.h"
#include "pg/search/am_scan.h"

extern "C" {
#include <access/genam.h>
}

namespace ticketflow::pg::search {

namespace {

using core::Condition;
using core::Failure;

[[noreturn]] void throw_no_statistics(const char *why) {
    throw Failure(Condition::object_not_in_state, "the rank of a document needs the statistics of an index", why,
                  "Order by this expression with an index scan, or call ticketflow.bm25_score(index, document, query); where tables "
                  "inherit, bm25_score(tableoid, document, query).");
}

// A row that its scan has just returned has its score already. One that has come a longer way is scored with the numbers of
// its scan: the one whose current row has the very score that its numbers give the document; a row that waited (for a sort,
// say) comes from none, or from any scan of the bound index. Partitions are read in turns, and each row's score is computed
// when it has just been read: the latest one is right.
std::optional<double> score_from_scans(Datum document, Datum query, const BoundIndex &bound) {
    for (const RankedScan *scan : RankedScan::running())
        if ((bound.several || !OidIsValid(bound.index) || scan->index() == bound.index) && scan->has_returned(document) && scan->ranks_by(query))
            return scan->current_score();
    std::optional<double> emitted, of_bound;
    uint64 latest = 0;
    for (const RankedScan *scan : RankedScan::running()) {
        if ((OidIsValid(bound.table) && scan->index() != bound.index) || !scan->ranks_by(query))
            continue;
        const double score = scan->score_of_document(document);
        if (scan->index() == bound.index)
            of_bound = score;
        if (score != scan->current_score())
            continue;
        if (emitted && *emitted != score && !bound.several)
            throw_no_statistics("Several indexes rank by this query, and it cannot be told which one the row came from.");
        if (scan->moved_at() >= latest) {
            emitted = score;
            latest = scan->moved_at();
        }
    }
    return emitted || bound.several ? emitted : of_bound;
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_bm25_distance) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    const BoundIndex bound = bound_index(fcinfo->flinfo);
    if (!RankedScan::running().empty())
        if (const std::optional<double> score = score_from_scans(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), bound))
            PG_RETURN_FLOAT8(*score);
    if (!OidIsValid(bound.index))
        throw_no_statistics("No ticketflow index on the document is known here, and no running index scan has returned it.");
    if (bound.several && !bound.partitioned)
        throw_no_statistics("The document belongs to one of several tables that inherit, and no running index scan has returned it.");
    const Numbers &numbers = numbers_for(fcinfo->flinfo, bound.index, PG_GETARG_DATUM(1), bound.by_planner ? Access::checked : Access::read);
    PG_RETURN_FLOAT8(numbers.answerable ? distance_of(score_of(PG_GETARG_DATUM(0), numbers.query.get(), numbers.question, *numbers.model)) : 0);
}

TICKETFLOW_FUNCTION(ticketflow_bm25_score) {
    using namespace ticketflow::pg::search;
    const Numbers &numbers = numbers_for(fcinfo->flinfo, PG_GETARG_OID(0), PG_GETARG_DATUM(2), Access::read);
    PG_RETURN_FLOAT8(numbers.answerable ? score_of(PG_GETARG_DATUM(1), numbers.query.get(), numbers.question, *numbers.model) : 0);
}
