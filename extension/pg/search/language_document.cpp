#include "pg/search/language_document.h"

#include "pg/datum.h"

#include <algorithm>

extern "C" {
#include <access/htup_details.h>
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <tsearch/ts_cache.h>
#include <tsearch/ts_utils.h>
#include <utils/array.h>
#include <utils/guc.h>
#include <utils/regproc.h>
#include <utils/varlena.h>
}

namespace ticketflow::pg::search {

using core::search::DocumentBuilder;
using core::search::Label;

namespace {

constexpr std::size_t kChunk = 256u << 10;

// parsetext() says to the client where a word is too long to be indexed. Who reads through a policy must not hear that of hidden rows.
class Silence {
  public:
    Silence() { client_min_messages = log_min_messages = ERROR; }
    ~Silence() {
        client_min_messages = to_client_;
        log_min_messages = to_log_;
    }
    Silence(const Silence &) = delete;
    Silence &operator=(const Silence &) = delete;

  private:
    const int to_client_ = client_min_messages, to_log_ = log_min_messages;
};

// Where to cut a text that is longer than a chunk: after a space if there is one, else between two characters.
std::size_t chunk_length(std::string_view text) {
    if (text.size() <= kChunk)
        return text.size();
    const std::size_t space = text.substr(0, kChunk).find_last_of(" \t\r\n");
    if (space != std::string_view::npos && space > 0)
        return space + 1;
    return static_cast<std::size_t>(
        call([&] { return pg_mbcliplen(text.data(), static_cast<int>(kChunk + 8), static_cast<int>(kChunk)); }));
}

} // namespace

bool DocumentReader::read(std::string_view text, Label label, std::size_t bytes, std::uint32_t last) {
    builder_.allow(bytes);
    const bool whole = text.size() <= kMaxText;
    if (!whole)
        text = text.substr(0, static_cast<std::size_t>(call([&] {
                                  return pg_mbcliplen(text.data(), static_cast<int>(kMaxText + 8), static_cast<int>(kMaxText));
                              })));
    const std::uint32_t start = position_;
    bool room = true;
    while (room && !text.empty()) {
        const std::size_t length = chunk_length(text);
        room = read_chunk(text.substr(0, length), label, last);
        text.remove_prefix(length);
        check_for_interrupts();
    }
    if (position_ != start)
        position_ = std::min(position_, last) + kGap;
    return whole && room;
}

bool DocumentReader::read_chunk(std::string_view chunk, Label label, std::uint32_t last) {
    MemoryContext outer = CurrentMemoryContext;
    ParsedText parsed;
    const Oid configuration = configuration_;
    const auto position = static_cast<int32>(position_);
    const Silence silence;
    MemoryContext scratch = call([&parsed, outer, configuration, position, chunk] {
        MemoryContext context = AllocSetContextCreate(outer, "ticketflow text", ALLOCSET_DEFAULT_SIZES);
        MemoryContextSwitchTo(context);
        parsed.lenwords = static_cast<int32>(chunk.size() / 6 + 16);
        parsed.curwords = 0;
        parsed.pos = position;
        parsed.words = static_cast<ParsedWord *>(palloc(sizeof(ParsedWord) * static_cast<Size>(parsed.lenwords)));
        parsetext(configuration, &parsed, const_cast<char *>(chunk.data()), static_cast<int32>(chunk.size()));
        MemoryContextSwitchTo(outer);
        return context;
    });
    bool room = true;
    for (int32 i = 0; i < parsed.curwords && room; i++) {
        const ParsedWord &word = parsed.words[i];
        room = builder_.add({word.word, word.len}, std::min<std::uint32_t>(word.pos.pos, last), label);
    }
    position_ = static_cast<std::uint32_t>(parsed.pos);
    call([scratch] { MemoryContextDelete(scratch); });
    return room;
}

Datum DocumentReader::finish() const {
    const Size size = VARHDRSZ + builder_.image_size();
    char *const vector = call([size] { return static_cast<char *>(palloc(size)); });
    SET_VARSIZE(vector, size);
    builder_.write_image(vector + VARHDRSZ);
    return PointerGetDatum(vector);
}

} // namespace ticketflow::pg::search

using namespace ticketflow::pg;
using ticketflow::core::search::DocumentBuilder;
using ticketflow::core::search::Label;
using ticketflow::pg::search::DocumentReader;

namespace {

// Reads the non-null texts of an array argument; false when there is none.
bool read_all(DocumentReader &reader, FunctionCallInfo fcinfo, int argument, std::size_t bytes, std::uint32_t last) {
    if (PG_ARGISNULL(argument))
        return false;
    Datum *texts = nullptr;
    bool *nulls = nullptr;
    int count = 0;
    call([&] {
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    });
    bool any = false;
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            continue;
        reader.read(text_view(texts[i]), Label::D, bytes, last);
        any = true;
    }
    return any;
}

} // namespace

// bounded_tsvector(regconfig, text): to_tsvector() that never refuses a long text.
TICKETFLOW_FUNCTION(ticketflow_language_tsvector) {
    DocumentReader reader(PG_GETARG_OID(0));
    reader.read(text_view(PG_GETARG_DATUM(1)), Label::D);
    return reader.finish();
}

// The same with the configuration by name, for expressions that give the name as text.
TICKETFLOW_FUNCTION(ticketflow_language_tsvector_named) {
    text *const name = call([fcinfo] { return PG_GETARG_TEXT_PP(0); });
    DocumentReader reader(call([name] { return get_ts_config_oid(textToQualifiedNameList(name), false); }));
    reader.read(text_view(PG_GETARG_DATUM(1)), Label::D);
    return reader.finish();
}

// build_documents(regconfig, a text, b text, c text, d text[], hidden text[]) -> (document, hidden_document):
// the labelled parts, d with label D; the second vector holds the hidden texts too and is null where there are none.
TICKETFLOW_FUNCTION(ticketflow_language_documents) {
    // A pasted log must leave room for the conversation about it.
    constexpr std::size_t kBytesBeforeComments = 3 * (DocumentBuilder::kMaxBytes / 4);
    constexpr std::uint32_t kLastBeforeComments = 3 * (DocumentBuilder::kMaxPosition / 4);
    constexpr std::size_t kBytesBeforeHidden = 7 * (DocumentBuilder::kMaxBytes / 8);
    constexpr std::uint32_t kLastBeforeHidden = 7 * (DocumentBuilder::kMaxPosition / 8);

    if (PG_ARGISNULL(0))
        throw ticketflow::core::Failure(ticketflow::core::Condition::invalid_parameter_value, "the text search configuration must not be null");
    DocumentReader reader(PG_GETARG_OID(0));
    constexpr Label kLabels[] = {Label::A, Label::B, Label::C};
    for (int i = 0; i < 3; i++)
        if (!PG_ARGISNULL(i + 1))
            reader.read(text_view(PG_GETARG_DATUM(i + 1)), kLabels[i], kBytesBeforeComments, kLastBeforeComments);
    read_all(reader, fcinfo, 4, kBytesBeforeHidden, kLastBeforeHidden);
    Datum values[2] = {reader.finish(), 0};
    bool nulls[2] = {false, true};
    if (read_all(reader, fcinfo, 5, DocumentBuilder::kMaxBytes, DocumentBuilder::kMaxPosition)) {
        values[1] = reader.finish();
        nulls[1] = false;
    }
    return call([&values, &nulls, fcinfo] {
        TupleDesc row;
        get_call_result_type(fcinfo, nullptr, &row);
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
    });
}
