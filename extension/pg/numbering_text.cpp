// The SQL functions that read numbers out of text.
#include "core/damm.h"
#include "core/numbering_permute.h"
#include "pg/compat.h"
#include "pg/datum.h"
#include "pg/numbering.h"
#include "pg/numbering_counter.h"

#include <algorithm>
#include <vector>

extern "C" {
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

// More of a mail than this is quotation and attachments.
constexpr size_t kMostText = size_t{1} << 20;
constexpr size_t kMostNumbers = 1000;

Datum text_array(const std::vector<std::string> &texts) {
    std::vector<Datum> values;
    for (const std::string &text : texts)
        values.push_back(make_text(text));
    Datum *const data = values.data();
    const int count = static_cast<int>(values.size());
    return call(
        [=] { return PointerGetDatum(construct_array(data, count, TEXTOID, -1, false, TYPALIGN_INT)); });
}

// The text of an argument as readers take it.
std::string readable(Datum argument) {
    const std::string_view text = text_view(argument).substr(0, kMostText);
    return GetDatabaseEncoding() == PG_UTF8 ? core::with_plain_separators(text) : std::string(text);
}

// Why the text is no number of this home; empty where it is one.
std::string problem_with(const Home &home, std::string_view text) {
    const auto reading = reader_for(home).whole(text);
    if (reading)
        return reading->check_ok ? "" : std::string("the check digit should be ") + reading->check_expected;
    const bool blank = text.find_first_not_of(" \t\r\n#") == std::string_view::npos;
    if (blank)
        return "it is empty";
    if (std::none_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return "it has no digits";
    if (text.size() > 80)
        return "it is longer than any ticket number";
    size_t run = 0;
    for (const char c : text) {
        run = c >= '0' && c <= '9' ? run + 1 : 0;
        if (run > 12)
            return "it has more than 12 digits in a row";
    }
    return "no series writes numbers of this shape";
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_parse) {
    const HomePtr home = home_for_reading();
    const auto reading = reader_for(*home).whole(readable(PG_GETARG_DATUM(0)));
    const TupleDesc columns = pg::call([fcinfo] {
        TupleDesc desc = nullptr;
        get_call_result_type(fcinfo, nullptr, &desc);
        return BlessTupleDesc(desc);
    });
    Datum values[4] = {};
    bool nulls[4] = {true, true, true, true};
    if (reading) {
        values[0] = pg::make_text(reading->parts.prefix);
        values[1] = pg::make_text(reading->period);
        values[2] = Int64GetDatum(reading->parts.number);
        values[3] = BoolGetDatum(reading->check_ok);
        std::fill(std::begin(nulls), std::end(nulls), false);
    }
    Datum *const data = values;
    bool *const missing = nulls;
    return pg::call([=] { return HeapTupleGetDatum(heap_form_tuple(columns, data, missing)); });
}

TICKETFLOW_FUNCTION(ticketflow_numbering_problem) {
    const std::string problem = problem_with(*home_for_reading(), readable(PG_GETARG_DATUM(0)));
    if (problem.empty())
        PG_RETURN_NULL();
    return pg::make_text(problem);
}

TICKETFLOW_FUNCTION(ticketflow_numbering_verify) {
    PG_RETURN_BOOL(problem_with(*home_for_reading(), readable(PG_GETARG_DATUM(0))).empty());
}

TICKETFLOW_FUNCTION(ticketflow_numbering_extract) {
    const HomePtr home = home_for_reading();
    const core::Reader reader = reader_for(*home);
    const std::string text = readable(PG_GETARG_DATUM(0));
    std::vector<std::string> found;
    for (size_t from = 0; found.size() < kMostNumbers;) {
        const auto reading = reader.next(text, from);
        if (!reading)
            break;
        from = reading->end;
        // A wrong check digit is a misread number: right it would be somebody else's ticket.
        if (reading->check_ok && std::find(found.begin(), found.end(), reading->canonical) == found.end())
            found.push_back(reading->canonical);
    }
    return text_array(found);
}

// reveal_ticket_number(text): the consecutive number behind a shuffled one, for who may read the series'
// secret.
TICKETFLOW_FUNCTION(ticketflow_numbering_reveal) {
    const HomePtr home = home_for_reading();
    const Oid table = home->series_table;
    if (!pg::call([table] { return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK; }))
        throw core::Failure(core::Condition::insufficient_privilege,
                            "permission denied to reveal ticket numbers",
                            "It needs the SELECT privilege on the whole of ticket_series.");
    const auto reading = reader_for(*home).whole(readable(PG_GETARG_DATUM(0)));
    if (!reading || !reading->check_ok)
        PG_RETURN_NULL();
    const auto series = home->find(reading->parts.prefix);
    PG_RETURN_INT64(series->permute_key ? core::unpermute_number(*series->permute_key, reading->period,
                                                                 series->mask.width(), reading->parts.number)
                                        : reading->parts.number);
}
