// snippet(): where a text matches a query, as HTML that is safe to show.
#include "core/search/language_window.h"

#include "pg/datum.h"

extern "C" {
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <tsearch/ts_cache.h>
#include <tsearch/ts_utils.h>
#include <utils/array.h>
}

using namespace ticketflow::pg;
using ticketflow::core::Condition;
using ticketflow::core::Failure;
namespace core = ticketflow::core::search;

namespace {

constexpr std::size_t kMaxText = 128u << 10;  // bytes read of all texts together: a snippet must be quick
constexpr Oid kStockParser = 3722;            // pg_catalog.default

// The stock parser gives compound tokens and their parts one after the other; shown, the text would stand there twice.
bool repeats_text(bool stock, unsigned type) { return stock && (type == 5 || type == 15 || type == 16 || type == 17); }
bool is_blank(unsigned type) { return type == 12 || type == 13; }

std::vector<core::Marked> marked_tokens(Oid configuration, TSQuery query, std::string_view text, bool stock) {
    HeadlineParsedText parsed{};
    call([&parsed, configuration, query, text] {
        parsed.lenwords = static_cast<int32>(text.size() / 4 + 32);
        parsed.words = static_cast<HeadlineWordEntry *>(palloc(sizeof(HeadlineWordEntry) * static_cast<Size>(parsed.lenwords)));
        hlparsetext(configuration, &parsed, query, const_cast<char *>(text.data()), static_cast<int32>(text.size()));
    });
    const auto *const items = reinterpret_cast<const char *>(GETQUERY(query));
    std::vector<core::Marked> tokens;
    for (int32 i = 0; i < parsed.curwords; i++) {
        const HeadlineWordEntry &entry = parsed.words[i];
        if (repeats_text(stock, entry.type))
            continue;
        if (!entry.repeated)
            tokens.push_back({{entry.word, entry.len}, 0, !is_blank(entry.type)});
        if (!entry.item || tokens.empty())
            continue;
        const auto term = static_cast<std::size_t>(reinterpret_cast<const char *>(entry.item) - items) / sizeof(QueryItem);
        tokens.back().terms |= std::uint64_t{1} << term % 64;
    }
    return tokens;
}

std::string_view cut(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes)
        return text;
    return text.substr(0, static_cast<std::size_t>(call([text, bytes] {
                              return pg_mbcliplen(text.data(), static_cast<int>(bytes + 8), static_cast<int>(bytes));
                          })));
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_language_snippet) {
    const Oid configuration = PG_GETARG_OID(0);
    TSQuery const query = PG_GETARG_TSQUERY(2);
    const int max_words = PG_GETARG_INT32(3);
    if (max_words < 1 || max_words > 1000)
        throw Failure(Condition::invalid_parameter_value, "max_words must be between 1 and 1000");
    Datum *texts = nullptr;
    bool *nulls = nullptr;
    int count = 0;
    const bool stock = call([fcinfo, &texts, &nulls, &count, configuration] {
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
        return lookup_ts_config_cache(configuration)->prsId == kStockParser;
    });
    const std::string_view ellipsis = GetDatabaseEncoding() == PG_UTF8 ? "\u2026" : "...";
    std::size_t budget = kMaxText;
    core::Window best;
    std::string html;
    for (int i = 0; i < count && budget > 0; i++) {
        if (nulls[i])
            continue;
        // Only the start of a long text is fetched: a sliced read leaves the rest of a pasted log where it is.
        const Datum value = texts[i];
        const auto wanted = static_cast<int32>(budget + 8);
        text *const start = call([value, wanted] { return DatumGetTextPSlice(value, 0, wanted); });
        const std::string_view body = cut({VARDATA_ANY(start), VARSIZE_ANY_EXHDR(start)}, budget);
        budget -= body.size();
        const std::vector<core::Marked> tokens = marked_tokens(configuration, query, body, stock);
        const core::Window window = core::best_window(tokens, max_words);
        if (html.empty() || window.better_than(best)) {
            best = window;
            html = core::window_html(tokens, window, ellipsis);
        }
        check_for_interrupts();
    }
    return make_text(html);
}
