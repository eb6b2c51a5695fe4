// The on-disk form of a jsonb object, written directly: see the comments of PostgreSQL's utils/jsonb.h.
#include "pg/audit_json.h"

extern "C" {
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

constexpr bool is_aligned_kind(uint32 kind) { return kind == JENTRY_ISNUMERIC || kind == JENTRY_ISCONTAINER; }

constexpr uint32 padding(uint32 offset) { return (4 - (offset & 3)) & 3; }

// Every JB_OFFSET_STRIDE-th entry keeps where it ends, the others how long they are.
uint32 entry_of(uint32 kind, int index, uint32 end, uint32 length) {
    return index % JB_OFFSET_STRIDE == 0 ? kind | end | JENTRY_HAS_OFF : kind | length;
}

bool needs_escape(unsigned char c) { return c < ' ' || c == '"' || c == '\\'; }

// Eight bytes at a time: a byte of `word` is below 0x20, or equal to '"' or '\\'. May err towards true.
bool may_need_escape(uint64 word) {
    constexpr uint64 kOnes = ~uint64{0} / 255, kTops = kOnes * 0x80;
    const auto has_zero = [](uint64 x) { return (x - kOnes) & ~x & kTops; };
    return (((word - kOnes * ' ') & ~word & kTops) | has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\'))) != 0;
}

const char *first_special(const char *text, const char *end) {
    for (; end - text >= 8; text += 8) {
        uint64 word;
        memcpy(&word, text, sizeof word);
        if (may_need_escape(word))
            break;
    }
    for (; text < end; ++text)
        if (needs_escape(static_cast<unsigned char>(*text)))
            break;
    return text;
}

void append_escaped(StringInfo to, unsigned char c) {
    switch (c) {
    case '\b': appendBinaryStringInfo(to, "\\b", 2); break;
    case '\f': appendBinaryStringInfo(to, "\\f", 2); break;
    case '\n': appendBinaryStringInfo(to, "\\n", 2); break;
    case '\r': appendBinaryStringInfo(to, "\\r", 2); break;
    case '\t': appendBinaryStringInfo(to, "\\t", 2); break;
    case '"': appendBinaryStringInfo(to, "\\\"", 2); break;
    case '\\': appendBinaryStringInfo(to, "\\\\", 2); break;
    default: appendStringInfo(to, "\\u%04x", c);
    }
}

void start_buffer(StringInfoData &buffer, int bytes) {
    buffer.data = static_cast<char *>(palloc(static_cast<size_t>(bytes)));
    buffer.maxlen = bytes;
    buffer.data[0] = '\0';
    buffer.len = buffer.cursor = 0;
}

} // namespace

JsonKey make_json_key(const char *name) {
    StringInfoData quoted;
    initStringInfo(&quoted);
    append_json_string(&quoted, name, strlen(name));
    appendBinaryStringInfo(&quoted, ": ", 2);
    return {name, static_cast<uint32>(strlen(name)), quoted.data, static_cast<uint32>(quoted.len)};
}

bool json_key_less(const JsonKey &a, const JsonKey &b) {
    if (a.length != b.length)
        return a.length < b.length;
    return memcmp(a.name, b.name, a.length) < 0;
}

void append_json_string(StringInfo to, const char *text, size_t length) {
    append_bytes(to, "\"", 1);
    const char *const end = text + length;
    while (text < end) {
        const char *const special = first_special(text, end);
        append_bytes(to, text, static_cast<size_t>(special - text));
        text = special;
        if (text < end)
            append_escaped(to, static_cast<unsigned char>(*text++));
    }
    append_bytes(to, "\"", 1);
}

void append_json_value(StringInfo to, const JsonbValue &value) {
    switch (value.type) {
    case jbvNull: append_bytes(to, "null", 4); break;
    case jbvBool: appendStringInfoString(to, value.val.boolean ? "true" : "false"); break;
    case jbvString: append_json_string(to, value.val.string.val, static_cast<size_t>(value.val.string.len)); break;
    case jbvNumeric:
        appendStringInfoString(to, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric))));
        break;
    default: JsonbToCString(to, value.val.binary.data, value.val.binary.len);
    }
}

void append_jsonb(StringInfo to, Jsonb *document) {
    if (!JB_ROOT_IS_OBJECT(document)) {
        JsonbToCString(to, &document->root, static_cast<int>(VARSIZE(document)));
        return;
    }
    JsonbIterator *iterator = JsonbIteratorInit(&document->root);
    JsonbValue value;
    bool first = true;
    append_bytes(to, "{", 1);
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &value, true)) {
        if (token == WJB_KEY) {
            if (!first)
                append_bytes(to, ", ", 2);
            first = false;
            append_json_string(to, value.val.string.val, static_cast<size_t>(value.val.string.len));
            append_bytes(to, ": ", 2);
        } else if (token == WJB_VALUE) {
            append_json_value(to, value);
        }
    }
    append_bytes(to, "}", 1);
}

void JsonObject::start(int most_members, int bytes) {
    members_ = static_cast<Member *>(palloc(sizeof(Member) * static_cast<size_t>(Max(most_members, 1))));
    count_ = 0;
    start_buffer(values_, bytes / 2);
    start_buffer(text_, bytes);
    appendStringInfoCharMacro(&text_, '{');
}

void JsonObject::open_member(const JsonKey &key, uint32 kind, const void *value, size_t length) {
    if (count_ > 0)
        append_bytes(&text_, ", ", 2);
    append_bytes(&text_, key.quoted, key.quoted_length);
    members_[count_++] = {&key, kind, static_cast<uint32>(values_.len), static_cast<uint32>(length)};
    if (length > 0)
        append_bytes(&values_, value, length);
}

void JsonObject::add_null(const JsonKey &key) {
    open_member(key, JENTRY_ISNULL, nullptr, 0);
    append_bytes(&text_, "null", 4);
}

void JsonObject::add_bool(const JsonKey &key, bool value) {
    open_member(key, value ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE, nullptr, 0);
    appendStringInfoString(&text_, value ? "true" : "false");
}

void JsonObject::add_string(const JsonKey &key, const char *text, size_t length) {
    open_member(key, JENTRY_ISSTRING, text, length);
    append_json_string(&text_, text, length);
}

void JsonObject::add_integer(const JsonKey &key, int64 value) {
    Numeric const number = int64_to_numeric(value);
    open_member(key, JENTRY_ISNUMERIC, number, VARSIZE_ANY(number));
    char digits[MAXINT8LEN + 1];
    const int length = pg_lltoa(value, digits);
    append_bytes(&text_, digits, static_cast<size_t>(length));
}

void JsonObject::add_numeric(const JsonKey &key, Numeric value) {
    open_member(key, JENTRY_ISNUMERIC, value, VARSIZE_ANY(value));
    appendStringInfoString(&text_, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value))));
}

void JsonObject::add_document(const JsonKey &key, Jsonb *value) {
    if (!JB_ROOT_IS_SCALAR(value)) {
        const size_t length = VARSIZE(value) - VARHDRSZ;
        open_member(key, JENTRY_ISCONTAINER, &value->root, length);
        JsonbToCString(&text_, &value->root, static_cast<int>(length));
        return;
    }
    JsonbValue scalar;
    (void) JsonbExtractScalar(&value->root, &scalar);
    switch (scalar.type) {
    case jbvBool: add_bool(key, scalar.val.boolean); break;
    case jbvNumeric: add_numeric(key, scalar.val.numeric); break;
    case jbvString: add_string(key, scalar.val.string.val, static_cast<size_t>(scalar.val.string.len)); break;
    default: add_null(key);
    }
}

void JsonObject::add_texts(const JsonKey &key, const Datum *values, const bool *nulls, int count) {
    size_t bytes = sizeof(uint32) + sizeof(JEntry) * static_cast<size_t>(count);
    const size_t data_at = bytes;
    for (int i = 0; i < count; ++i)
        bytes += nulls[i] ? 0 : VARSIZE_ANY_EXHDR(DatumGetPointer(values[i]));
    JsonbContainer *const array = static_cast<JsonbContainer *>(palloc(bytes));
    array->header = static_cast<uint32>(count) | JB_FARRAY;
    char *const data = reinterpret_cast<char *>(array) + data_at;
    uint32 end = 0;
    for (int i = 0; i < count; ++i) {
        const uint32 length = nulls[i] ? 0 : static_cast<uint32>(VARSIZE_ANY_EXHDR(DatumGetPointer(values[i])));
        if (length > 0)
            memcpy(data + end, VARDATA_ANY(DatumGetPointer(values[i])), length);
        end += length;
        array->children[i] = entry_of(nulls[i] ? JENTRY_ISNULL : JENTRY_ISSTRING, i, end, length);
    }
    open_member(key, JENTRY_ISCONTAINER, array, bytes);
    append_bytes(&text_, "[", 1);
    for (int i = 0; i < count; ++i) {
        if (i > 0)
            append_bytes(&text_, ", ", 2);
        if (nulls[i])
            append_bytes(&text_, "null", 4);
        else
            append_json_string(&text_, VARDATA_ANY(DatumGetPointer(values[i])), VARSIZE_ANY_EXHDR(DatumGetPointer(values[i])));
    }
    append_bytes(&text_, "]", 1);
}

Jsonb *JsonObject::finish() {
    appendStringInfoCharMacro(&text_, '}');
    size_t bytes = VARHDRSZ + sizeof(uint32) + 2 * sizeof(JEntry) * static_cast<size_t>(count_);
    const size_t data_at = bytes;
    for (int i = 0; i < count_; ++i)
        bytes += members_[i].key->length + members_[i].length + (is_aligned_kind(members_[i].kind) ? 3 : 0);
    Jsonb *const result = static_cast<Jsonb *>(palloc0(bytes));
    result->root.header = static_cast<uint32>(count_) | JB_FOBJECT;
    char *const data = reinterpret_cast<char *>(result) + data_at;
    uint32 end = 0;
    for (int i = 0; i < count_; ++i) {
        const JsonKey &key = *members_[i].key;
        memcpy(data + end, key.name, key.length);
        end += key.length;
        result->root.children[i] = entry_of(JENTRY_ISSTRING, i, end, key.length);
    }
    for (int i = 0; i < count_; ++i) {
        const Member &member = members_[i];
        const uint32 pad = is_aligned_kind(member.kind) ? padding(end) : 0;
        end += pad;
        if (member.length > 0)
            memcpy(data + end, values_.data + member.offset, member.length);
        end += member.length;
        result->root.children[count_ + i] = entry_of(member.kind, count_ + i, end, pad + member.length);
    }
    SET_VARSIZE(result, data_at + end);
    return result;
}

} // namespace ticketflow::pg::audit
