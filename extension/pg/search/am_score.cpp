// The score as a number: the operator <@>, and bm25_score.
#include "pg/search/am_bind.h"
#include "pg/search/am_open.h"
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
                  "Order by this expression with an index scan, or call ticketflow.bm25_score(index, document, query).");
}

// The running scan that the row came from knows the numbers. Several scans may rank by the same query; they agree if they
// read one index, else the right one is the one whose current row has the very score.
std::optional<double> score_from_scans(Datum document, const OwnQuery &query) {
    std::vector<const Scan *> candidates;
    for (auto scan = Scan::running().rbegin(); scan != Scan::running().rend(); ++scan)
        if ((*scan)->ranks_by(query))
            candidates.push_back(*scan);
    if (candidates.empty())
        return {};
    const double newest = candidates[0]->score_of_document(document);
    bool certain = true, found = newest == candidates[0]->current_score();
    double score = newest;
    for (size_t i = 1; i < candidates.size(); ++i) {
        const double other = candidates[i]->score_of_document(document);
        if (other == newest)
            continue;
        const bool current = other == candidates[i]->current_score();
        if (current && found)
            throw_no_statistics("Several indexes rank by this query, and it cannot be told which one the row came from.");
        if (current) {
            score = other;
            found = true;
        }
        certain = false;
    }
    if (!certain && !found)
        throw_no_statistics("Several indexes rank by this query, and it cannot be told which one the row came from.");
    return score;
}

// One index's numbers for one query, kept for the calls of one statement.
struct Numbers {
    Numbers(Oid from, Datum asked) : index(from), query(asked) {
        question.require(query.get(), true);
        answerable = question.finish();
        OpenIndex open(index, AccessShareLock, Access::read);
        if (answerable)
            model = Search(open.relation(), question, false).model();
        open.close();
    }

    const Oid index;
    const OwnQuery query;
    Question question;
    std::optional<engine::Model> model;
    bool answerable;
};

struct Kept {
    MemoryContextCallback callback;
    Numbers *numbers;
};

void forget(void *argument) {
    Kept *const kept = static_cast<Kept *>(argument);
    delete kept->numbers;
    kept->numbers = nullptr;
}

const Numbers &numbers_for(FmgrInfo *function, Oid index, Datum query) {
    if (!function->fn_extra)
        function->fn_extra = call([function] {
            auto *const made = static_cast<Kept *>(MemoryContextAllocZero(function->fn_mcxt, sizeof(Kept)));
            made->callback.func = forget;
            made->callback.arg = made;
            MemoryContextRegisterResetCallback(function->fn_mcxt, &made->callback);
            return made;
        });
    Kept &kept = *static_cast<Kept *>(function->fn_extra);
    if (!kept.numbers || kept.numbers->index != index || !kept.numbers->query.equals(query)) {
        forget(&kept);
        kept.numbers = new Numbers(index, query);
    }
    return *kept.numbers;
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_bm25_distance) {
    using namespace ticketflow::pg::search;
    const OwnQuery query(PG_GETARG_DATUM(1));
    if (const std::optional<double> score = score_from_scans(PG_GETARG_DATUM(0), query))
        PG_RETURN_FLOAT8(*score);
    const Oid index = bound_index(fcinfo->flinfo);
    if (!OidIsValid(index))
        throw_no_statistics("No ticketflow index on the document is known here, and no running index scan ranks by this query.");
    const Numbers &numbers = numbers_for(fcinfo->flinfo, index, PG_GETARG_DATUM(1));
    PG_RETURN_FLOAT8(numbers.answerable ? -score_of(PG_GETARG_DATUM(0), query.get(), numbers.question, *numbers.model) : 0);
}

TICKETFLOW_FUNCTION(ticketflow_bm25_score) {
    using namespace ticketflow::pg::search;
    const Numbers &numbers = numbers_for(fcinfo->flinfo, PG_GETARG_OID(0), PG_GETARG_DATUM(2));
    PG_RETURN_FLOAT8(numbers.answerable ? score_of(PG_GETARG_DATUM(1), numbers.query.get(), numbers.question, *numbers.model) : 0);
}
