// similar_query: the words of a document that tell it best from others, as an OR query.
#include "pg/search/am_document.h"
#include "pg/search/am_open.h"
#include "pg/search/am_options.h"
#include "pg/search/am_search.h"

#include <cmath>
#include <string>

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/rls.h>
}

namespace ticketflow::pg::search {

namespace {

constexpr int kMaxTerms = 1000;
constexpr unsigned kMaxRepeats = 16; // the score saturates at 9 times one occurrence

struct Candidate {
    std::string_view lexeme;
    double weight;
    unsigned count;
};

void append_quoted(std::string &to, std::string_view lexeme) {
    to += '\'';
    for (const char c : lexeme) {
        if (c == '\'' || c == '\\')
            to += c;
        to += c;
    }
    to += '\'';
}

// Every word of the document, worth its saturated frequency times its rarity. Words that no other document has find nothing,
// and are left out; not, though, for whom row security hides documents: she would learn which words those have.
std::vector<Candidate> weigh(const engine::Document &document, const engine::Options &options, const engine::Statistics &statistics,
                             bool some_hidden) {
    std::vector<Candidate> candidates;
    const double documents = static_cast<double>(statistics.documents);
    for (size_t i = 0; i < document.words.size(); ++i) {
        const double postings = static_cast<double>(std::min(statistics.postings[i], statistics.documents));
        if (postings < 2 && !some_hidden)
            continue;
        double frequency = 0;
        for (unsigned field = 0; field < engine::kFields; ++field)
            frequency += options.weights[field] * document.words[i].frequencies[field];
        const unsigned count = static_cast<unsigned>(std::clamp(std::lround(frequency), 1L, static_cast<long>(kMaxRepeats)));
        const double idf = std::log(1 + (documents - postings + 0.5) / (postings + 0.5));
        candidates.push_back({document.words[i].lexeme, (engine::kQuerySaturation + 1) * count / (engine::kQuerySaturation + count) * idf, count});
    }
    return candidates;
}

std::string best_words(Relation index, Datum value, size_t terms) {
    DocumentReader reader;
    ItemPointerData nowhere;
    ItemPointerSet(&nowhere, 0, 1);
    const engine::Document &document = reader.read(value, false, nowhere);
    const bool some_hidden = call([index] { return check_enable_rls(index->rd_index->indrelid, InvalidOid, true) == RLS_ENABLED; });
    engine::Query query;
    for (const engine::Word &word : document.words)
        query.slots.push_back({std::string(word.lexeme)});
    std::vector<Candidate> candidates = weigh(document, options_of(index), statistics_of(index, query), some_hidden);
    std::sort(candidates.begin(), candidates.end(), [](const Candidate &a, const Candidate &b) {
        return a.weight != b.weight ? a.weight > b.weight : a.lexeme < b.lexeme;
    });
    candidates.resize(std::min(candidates.size(), terms));
    std::string text;
    for (const Candidate &candidate : candidates)
        for (unsigned i = 0; i < candidate.count; ++i) {
            if (!text.empty())
                text += " | ";
            append_quoted(text, candidate.lexeme);
        }
    return text;
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_similar_query) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    using ticketflow::core::Condition;
    using ticketflow::core::Failure;
    const int terms = PG_GETARG_INT32(2);
    if (terms < 1 || terms > kMaxTerms)
        throw Failure(Condition::invalid_parameter_value, "the number of terms must be between 1 and 1000");
    OpenIndex index(PG_GETARG_OID(0), AccessShareLock, Access::read);
    const std::string text = best_words(index.relation(), PG_GETARG_DATUM(1), static_cast<size_t>(terms));
    index.close();
    const char *const bytes = text.c_str();
    PG_RETURN_DATUM(call([bytes]() -> Datum {
        if (*bytes == '\0') { // tsqueryin would say so in a NOTICE
            auto *const empty = static_cast<TSQuery>(palloc0(HDRSIZETQ));
            SET_VARSIZE(empty, HDRSIZETQ);
            return TSQueryGetDatum(empty);
        }
        return DirectFunctionCall1(tsqueryin, CStringGetDatum(bytes));
    }));
}
