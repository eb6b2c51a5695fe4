// The text search parser and the dictionary `ticketflow_parts`: PostgreSQL's view of the tokenizer.
#include "core/search/language_parts.h"
#include "core/search/language_tokenizer.h"

#include "pg/datum.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_collation.h>
#include <commands/defrem.h>
#include <mb/pg_wchar.h>
#include <tsearch/ts_cache.h>
#include <tsearch/ts_public.h>
#include <utils/formatting.h>
#include <utils/varlena.h>
}

using namespace ticketflow::pg;
using ticketflow::core::Condition;
using ticketflow::core::Failure;
namespace core = ticketflow::core::search;

namespace {

core::Encoding database_encoding() {
    switch (GetDatabaseEncoding()) {
    case PG_UTF8: return core::Encoding::utf8;
    case PG_LATIN1:
    case PG_LATIN9:
    case PG_WIN1252: return core::Encoding::latin;
    default: return core::Encoding::other;
    }
}

struct Dictionary {
    Oid words;  // stems what is only letters
};

// What the word dictionary makes of a word: true with its lexeme, false for a stop word.
bool lexeme_of(const Dictionary *dictionary, std::string &word) {
    char *const text = word.data();
    const auto length = static_cast<int32>(word.size());
    const Oid words = dictionary->words;
    auto *const found = call([words, text, length] {
        TSDictionaryCacheEntry *entry = lookup_ts_dictionary_cache(words);
        return reinterpret_cast<TSLexeme *>(DatumGetPointer(FunctionCall4(&entry->lexize, PointerGetDatum(entry->dictData),
                                                                     PointerGetDatum(text), Int32GetDatum(length),
                                                                     PointerGetDatum(nullptr))));
    });
    if (!found)
        return true;
    if (!found->lexeme)
        return false;
    word = found->lexeme;
    return true;
}

bool is_ascii(const std::string &text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// ASCII is in lower case already.
std::string lower(const std::string &text) {
    if (is_ascii(text))
        return text;
    return call([&text]() -> const char * { return str_tolower(text.data(), text.size(), DEFAULT_COLLATION_OID); });
}

class Lexemes {
  public:
    void add(std::string_view text, int variant) {
        for (const auto &known : found_)
            if (known.first == text)
                return;
        found_.emplace_back(text, variant);
    }

    // In the current memory context, ended by an empty entry.
    TSLexeme *make() const {
        const std::size_t count = found_.size();
        auto *const result = call([count] { return static_cast<TSLexeme *>(palloc0(sizeof(TSLexeme) * (count + 1))); });
        for (std::size_t i = 0; i < count; i++) {
            const std::string &text = found_[i].first;
            result[i].nvariant = static_cast<uint16>(found_[i].second);
            result[i].lexeme = call([&text] { return pstrdup(text.c_str()); });
        }
        return result;
    }

  private:
    std::vector<std::pair<std::string, int>> found_;
};

// Alternatives of one token get a variant each; the parts share one, so that a query wants all of them.
TSLexeme *lexize(const Dictionary *dictionary, std::string_view token) {
    core::Parts parts = core::parts_of(token);
    Lexemes lexemes;
    int variant = 0;
    for (std::string &whole : parts.wholes) {
        whole = lower(whole);
        std::string plain = GetDatabaseEncoding() == PG_UTF8 && !is_ascii(whole) ? core::without_accents(whole) : whole;
        const bool word = core::letters_only(whole);
        const std::string typed = whole;
        // A stop word got here because it stands for something else: IT, US, NO.
        if (word && !lexeme_of(dictionary, whole))
            whole = typed;
        lexemes.add(whole, ++variant);
        if (plain != typed) {
            if (word && !lexeme_of(dictionary, plain))
                continue;
            lexemes.add(plain, ++variant);
        }
    }
    variant++;
    for (std::string &part : parts.parts) {
        part = lower(part);
        if (!core::letters_only(part) || lexeme_of(dictionary, part))
            lexemes.add(part, variant);
    }
    return lexemes.make();
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_language_start) {
    static_assert(std::is_trivially_destructible_v<core::Tokenizer>, "PostgreSQL frees it without a destructor");
    const auto *const text = reinterpret_cast<const char *>(DatumGetPointer(PG_GETARG_DATUM(0)));
    void *const memory = call([] { return palloc(sizeof(core::Tokenizer)); });
    const std::string_view view{text, static_cast<std::size_t>(PG_GETARG_INT32(1))};
    return PointerGetDatum(new (memory) core::Tokenizer(view, database_encoding()));
}

TICKETFLOW_FUNCTION(ticketflow_language_token) {
    auto *const tokenizer = reinterpret_cast<core::Tokenizer *>(DatumGetPointer(PG_GETARG_DATUM(0)));
    auto **const text = reinterpret_cast<const char **>(DatumGetPointer(PG_GETARG_DATUM(1)));
    auto *const length = reinterpret_cast<int *>(DatumGetPointer(PG_GETARG_DATUM(2)));
    core::Piece piece;
    if (!tokenizer->next(piece)) {
        *length = 0;
        PG_RETURN_INT32(0);
    }
    *text = piece.text.data();
    *length = static_cast<int>(piece.text.size());
    PG_RETURN_INT32(static_cast<int32>(piece.token));
}

TICKETFLOW_FUNCTION(ticketflow_language_end) {
    void *const tokenizer = DatumGetPointer(PG_GETARG_DATUM(0));
    call([tokenizer] { pfree(tokenizer); });
    PG_RETURN_VOID();
}

TICKETFLOW_FUNCTION(ticketflow_language_types) {
    return call([] {
        constexpr Size count = std::size(core::kTokens);
        auto *const types = static_cast<LexDescr *>(palloc0(sizeof(LexDescr) * (count + 1)));
        for (Size i = 0; i < count; i++)
            types[i] = {static_cast<int>(core::kTokens[i].token), pstrdup(core::kTokens[i].alias), pstrdup(core::kTokens[i].description)};
        return PointerGetDatum(types);
    });
}

TICKETFLOW_FUNCTION(ticketflow_language_parts_init) {
    List *const options = reinterpret_cast<List *>(DatumGetPointer(PG_GETARG_DATUM(0)));
    Oid words = InvalidOid;
    for (int i = 0; i < list_length(options); i++) {
        auto *const option = static_cast<DefElem *>(list_nth(options, i));
        if (std::strcmp(option->defname, "dictionary") != 0)
            throw Failure(Condition::invalid_parameter_value,
                          "unrecognized parameter of template ticketflow_parts: \"" + std::string(option->defname) + "\"", {},
                          "Its one parameter is Dictionary, the dictionary of plain words.");
        words = call([option] { return get_ts_dict_oid(textToQualifiedNameList(cstring_to_text(defGetString(option))), false); });
    }
    if (words == InvalidOid)
        throw Failure(Condition::invalid_parameter_value, "template ticketflow_parts needs the parameter Dictionary", {},
                      "For example: CREATE TEXT SEARCH DICTIONARY parts (TEMPLATE = ticketflow_parts, Dictionary = 'pg_catalog.german_stem').");
    return call([words] {
        auto *const dictionary = static_cast<Dictionary *>(palloc(sizeof(Dictionary)));
        dictionary->words = words;
        return PointerGetDatum(dictionary);
    });
}

TICKETFLOW_FUNCTION(ticketflow_language_parts_lexize) {
    // Its dictionary of words may be one of this kind again, even itself by a detour.
    call([] { check_stack_depth(); });
    const auto *const dictionary = reinterpret_cast<const Dictionary *>(DatumGetPointer(PG_GETARG_DATUM(0)));
    const auto *const text = reinterpret_cast<const char *>(DatumGetPointer(PG_GETARG_DATUM(1)));
    return PointerGetDatum(lexize(dictionary, {text, static_cast<std::size_t>(PG_GETARG_INT32(2))}));
}
