// bm25_explain: each number of a score.
#include "core/search/length.h"
#include "pg/datum.h"
#include "pg/search/am_document.h"
#include "pg/search/am_numbers.h"
#include "pg/search/am_options.h"

#include <charconv>
#include <string>

extern "C" {
#include <utils/jsonb.h>
}

namespace ticketflow::pg::search {

namespace {

constexpr char kLabels[] = "DCBA";

std::string json(double value) {
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value);
    return {text, end};
}

std::string json(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            quoted += '\\';
        if (static_cast<unsigned char>(c) < 0x20) {
            char code[8];
            snprintf(code, sizeof code, "\\u%04x", c);
            quoted += code;
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

// {"A": 1, "D": 3}: labels with a value.
template <class F> std::string by_label(F &&value) {
    std::string all = "{";
    for (unsigned field = engine::kFields; field-- > 0;)
        if (const double number = value(field); number > 0)
            all += std::string(all.size() > 1 ? ", \"" : "\"") + kLabels[field] + "\": " + json(number);
    return all + "}";
}

std::string explain(const Numbers &numbers, Datum document, bool matches) {
    DocumentReader reader;
    ItemPointerData nowhere;
    ItemPointerSet(&nowhere, 0, 1);
    engine::Bytes bytes;
    engine::encode_record(reader.read(document, false, nowhere), bytes);
    const engine::RecordView record(bytes.data(), bytes.size());
    const engine::Query &query = numbers.question.query();
    engine::Score sum = 0;
    std::string words;
    for (unsigned slot = 0; slot < query.slots.size(); ++slot) {
        const engine::Slot &asked = query.slots[slot];
        if (asked.count == 0)
            continue;
        const engine::Frequencies found = engine::frequencies_in(record, asked);
        const engine::Score score = numbers.model->score(query, slot, found, record.lengths());
        sum += score;
        words += std::string(words.empty() ? "" : ", ") + "{\"word\": " + json(asked.lexeme) + ", \"prefix\": " +
                 (asked.prefix ? "true" : "false") + ", \"in_query\": " + std::to_string(asked.count) +
                 ", \"documents\": " + std::to_string(numbers.statistics.postings[slot]) + ", \"idf\": " + json(numbers.model->idf(slot)) +
                 ", \"occurrences\": " + by_label([&](unsigned field) { return asked.fields >> field & 1 ? found[field] : 0.0; }) +
                 ", \"score\": " + json(engine::to_double(score)) + "}";
    }
    const double documents = static_cast<double>(numbers.statistics.documents);
    return "{\"score\": " + json(matches ? engine::to_double(sum) : 0.0) + ", \"matches\": " + (matches ? "true" : "false") +
           ", \"documents\": " + std::to_string(numbers.statistics.documents) + ", \"k1\": " + json(numbers.options.k1) +
           ", \"b\": " + by_label([&](unsigned field) { return numbers.options.b[field]; }) +
           ", \"weights\": " + by_label([&](unsigned field) { return numbers.options.weights[field]; }) +
           ", \"length\": " + by_label([&](unsigned field) { return static_cast<double>(engine::decode_length(record.lengths()[field])); }) +
           ", \"average_length\": " + by_label([&](unsigned field) {
               return documents > 0 ? static_cast<double>(numbers.statistics.total_length[field]) / documents : 0.0;
           }) + ", \"words\": [" + words + "]}";
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_bm25_explain) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    const Datum document = PG_GETARG_DATUM(1), query = PG_GETARG_DATUM(2);
    const Numbers &numbers = numbers_for(fcinfo->flinfo, PG_GETARG_OID(0), query, Access::counts);
    const bool matches = call([=] { return DatumGetBool(DirectFunctionCall2(ts_match_vq, document, query)); });
    const std::string text = numbers.answerable ? explain(numbers, document, matches) : "{\"score\": 0, \"matches\": false, \"words\": []}";
    const char *const bytes = text.c_str();
    PG_RETURN_DATUM(call([bytes] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(bytes)); }));
}
