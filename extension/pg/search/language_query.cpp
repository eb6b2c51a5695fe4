// Queries out of what people type, and looser queries out of strict ones.
#include "core/search/language_query.h"

#include "pg/datum.h"

#include <map>
#include <set>

extern "C" {
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <tsearch/ts_type.h>
#include <tsearch/ts_utils.h>
#include <utils/array.h>
#include <utils/formatting.h>
}

using namespace ticketflow::pg;
namespace core = ticketflow::core::search;

namespace {

constexpr std::size_t kMaxText = 64u << 10;  // bytes of a text that becomes a query
constexpr std::size_t kMaxTyped = 2u << 10; // bytes of a search box: its tree, one level a word, must fit PostgreSQL's stack
constexpr int kMaxRepeats = 8;               // of one lexeme; more of it tells ranking nothing new

std::string_view clipped(std::string_view text, std::size_t limit) {
    if (text.size() <= limit)
        return text;
    return text.substr(0, static_cast<std::size_t>(call([text, limit] {
                              return pg_mbcliplen(text.data(), static_cast<int>(limit + 8), static_cast<int>(limit));
                          })));
}

std::vector<std::string> lexemes_of(Oid configuration, std::string_view text) {
    text = clipped(text, kMaxText);
    ParsedText parsed;
    call([&parsed, configuration, text] {
        parsed.lenwords = 16;
        parsed.curwords = parsed.pos = 0;
        parsed.words = static_cast<ParsedWord *>(palloc(sizeof(ParsedWord) * 16));
        parsetext(configuration, &parsed, const_cast<char *>(text.data()), static_cast<int32>(text.size()));
    });
    std::vector<std::string> lexemes;
    for (int32 i = 0; i < parsed.curwords; i++)
        lexemes.emplace_back(parsed.words[i].word, parsed.words[i].len);
    return lexemes;
}

Datum make_query(const std::string &text) {
    // PostgreSQL's input would warn of an empty query; here it is an ordinary answer.
    if (text.empty())
        return call([] {
            auto *const query = static_cast<TSQuery>(palloc0(HDRSIZETQ));
            SET_VARSIZE(query, HDRSIZETQ);
            return TSQueryGetDatum(query);
        });
    const char *const input = text.c_str();
    return call([input] { return DirectFunctionCall1(tsqueryin, CStringGetDatum(input)); });
}

// The text form of a part of a query; the tree is walked by recursion, within max_stack_depth.
class Reader {
  public:
    explicit Reader(Datum query) : query_(call([query] { return DatumGetTSQuery(query); })) {}

    int size() const { return query_->size; }

    std::string text(const QueryItem *item) const {
        call([] { check_stack_depth(); });
        if (item->type == QI_VAL)
            return value(item->qoperand);
        const QueryOperator &node = item->qoperator;
        if (node.oper == OP_NOT)
            return "!(" + text(item + 1) + ")";
        std::string symbol = node.oper == OP_AND ? " & " : node.oper == OP_OR ? " | " : " <" + std::to_string(node.distance) + "> ";
        return "(" + text(item + node.left) + symbol + text(item + 1) + ")";
    }

    // Of what every match satisfies, NOTs go to `refused`; of the rest, `wanted` gets terms one of which every match satisfies.
    void sort(std::vector<std::string> &wanted, std::vector<std::string> &refused) const { sort(GETQUERY(query_), wanted, refused); }

    void positive(std::vector<std::string> &lexemes) const { positive(GETQUERY(query_), lexemes); }

  private:
    std::string_view lexeme(const QueryOperand &term) const { return {GETOPERAND(query_) + term.distance, term.length}; }

    std::string value(const QueryOperand &term) const {
        std::string result = core::operand(lexeme(term));
        if (term.prefix || term.weight)
            result += ":";
        if (term.prefix)
            result += "*";
        for (int label = 0; label < 4; label++)
            if (term.weight & (1 << label))
                result += static_cast<char>('D' - label);
        return result;
    }

    void sort(const QueryItem *item, std::vector<std::string> &wanted, std::vector<std::string> &refused) const {
        call([] { check_stack_depth(); });
        if (is(item, OP_NOT)) {
            refused.push_back(text(item));
        } else if (is(item, OP_AND)) {
            sort(item + item->qoperator.left, wanted, refused);
            sort(item + 1, wanted, refused);
        } else {
            alternatives(item, wanted);
        }
    }

    void alternatives(const QueryItem *item, std::vector<std::string> &wanted) const {
        call([] { check_stack_depth(); });
        if (item->type == QI_VAL)
            return wanted.push_back(value(item->qoperand));
        if (is(item, OP_NOT))
            return wanted.push_back(text(item));
        const QueryItem *const left = item + item->qoperator.left, *const right = item + 1;
        const bool both = is(item, OP_OR);
        if (both || !is(left, OP_NOT) || is(right, OP_NOT))
            alternatives(left, wanted);
        if (both || !is(right, OP_NOT))
            alternatives(right, wanted);
    }

    static bool is(const QueryItem *item, int8 oper) { return item->type == QI_OPR && item->qoperator.oper == oper; }

    void positive(const QueryItem *item, std::vector<std::string> &lexemes) const {
        call([] { check_stack_depth(); });
        if (item->type == QI_VAL) {
            lexemes.emplace_back(lexeme(item->qoperand));
        } else if (item->qoperator.oper != OP_NOT) {
            positive(item + item->qoperator.left, lexemes);
            positive(item + 1, lexemes);
        }
    }

    TSQuery query_;
};

Datum make_text_array(const std::vector<std::string> &values) {
    const auto count = static_cast<int>(values.size());
    Datum *const items = call([count] { return static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<Size>(count + 1))); });
    for (int i = 0; i < count; i++)
        items[i] = make_text(values[static_cast<std::size_t>(i)]);
    return call([items, count] {
        return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

std::string web_query(Oid configuration, std::string_view text) {
    // PostgreSQL would warn of a query of nothing but stop words.
    if (lexemes_of(configuration, text).empty())
        return {};
    const Datum input = make_text(text);
    const Datum query = call([configuration, input] {
        return DirectFunctionCall2(websearch_to_tsquery_byid, ObjectIdGetDatum(configuration), input);
    });
    Reader reader(query);
    return reader.size() == 0 ? std::string() : reader.text(GETQUERY(DatumGetTSQuery(query)));
}

// The last word as typed, as the beginning of a longer one, and as what its likely endings stem to.
std::string growing(Oid configuration, std::string_view word) {
    const std::string whole = web_query(configuration, word);
    if (whole.empty())
        return whole;
    const char *const folded = call([word] { return str_tolower(word.data(), word.size(), DEFAULT_COLLATION_OID); });
    std::set<std::string> alternatives{whole, core::operand(folded, true)};
    for (std::string_view ending : core::kEndings)
        for (const std::string &stem : lexemes_of(configuration, std::string(folded) + std::string(ending)))
            if (stem.size() >= 3 && std::string_view(folded).starts_with(stem))
                alternatives.insert(core::operand(stem));
    return core::joined({alternatives.begin(), alternatives.end()}, " | ");
}

} // namespace

// any_of(regconfig, text): any word of the text; a word said twice counts twice.
TICKETFLOW_FUNCTION(ticketflow_language_any_of) {
    std::map<std::string, int> seen;
    std::vector<std::string> operands;
    for (const std::string &lexeme : lexemes_of(PG_GETARG_OID(0), text_view(PG_GETARG_DATUM(1))))
        if (++seen[lexeme] <= kMaxRepeats)
            operands.push_back(core::operand(lexeme));
    return make_query(core::joined(operands, " | "));
}

// any_of(tsquery): any of its terms; what it refuses stays refused.
TICKETFLOW_FUNCTION(ticketflow_language_loosen) {
    Reader reader(PG_GETARG_DATUM(0));
    if (reader.size() == 0)
        return PG_GETARG_DATUM(0);
    std::vector<std::string> wanted, refused;
    reader.sort(wanted, refused);
    if (!wanted.empty())
        refused.insert(refused.begin(), core::joined(wanted, " | "));
    return make_query(core::joined(refused, " & "));
}

// typed_query(regconfig, text): web syntax, the last word possibly unfinished.
TICKETFLOW_FUNCTION(ticketflow_language_typed) {
    const Oid configuration = PG_GETARG_OID(0);
    const core::Typed typed = core::split_typed(clipped(text_view(PG_GETARG_DATUM(1)), kMaxTyped));
    std::vector<std::string> parts;
    if (std::string head = web_query(configuration, typed.head); !head.empty())
        parts.push_back(head);
    if (!typed.last.empty())
        if (std::string last = growing(configuration, typed.last); !last.empty())
            parts.push_back(last);
    std::string query = core::joined(parts, " & ");
    if (std::string before = web_query(configuration, typed.before_or); !before.empty())
        query = query.empty() ? before : "(" + before + ") | (" + query + ")";
    return make_query(query);
}

// words_in(regconfig, text, tsvector, boolean): the words of a text, as written, that a document has or has not.
TICKETFLOW_FUNCTION(ticketflow_language_words_in) {
    constexpr std::size_t kMaxWords = 500;
    const Oid configuration = PG_GETARG_OID(0);
    const core::Typed typed = core::split_typed(text_view(PG_GETARG_DATUM(1)));
    const Datum document = PG_GETARG_DATUM(2);
    const bool present = PG_GETARG_BOOL(3);
    std::vector<std::string> words;
    std::set<std::string> seen;
    const auto look = [&](std::string_view word, const std::string &query) {
        if (query.empty() || !seen.insert(query).second)
            return;
        const Datum wanted = make_query(query);
        if (call([document, wanted] { return DatumGetBool(DirectFunctionCall2(ts_match_vq, document, wanted)); }) == present)
            words.emplace_back(word);
    };
    for (std::string_view part : {typed.before_or, typed.head})
        for (std::string_view word : core::positive_words(part)) {
            if (seen.size() >= kMaxWords)
                break;
            check_for_interrupts();
            look(word, web_query(configuration, word));
        }
    if (!typed.last.empty())
        look(typed.last, growing(configuration, typed.last));
    return make_text_array(words);
}

// query_terms(tsquery): the lexemes that a match may hold.
TICKETFLOW_FUNCTION(ticketflow_language_terms) {
    Reader reader(PG_GETARG_DATUM(0));
    std::vector<std::string> lexemes;
    if (reader.size() > 0)
        reader.positive(lexemes);
    return make_text_array(lexemes);
}
