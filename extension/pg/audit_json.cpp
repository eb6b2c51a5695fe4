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
    appendStringInfoCharMacro(to, '"');
    size_t done = 0;
    for (size_t i = 0; i < length; ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        appendBinaryStringInfo(to, text + done, static_cast<int>(i - done));
        done = i + 1;
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
    appendBinaryStringInfo(to, text + done, static_cast<int>(length - done));
    appendStringInfoCharMacro(to, '"');
}

void JsonObject::start(int most_members) {
    members_ = static_cast<Member *>(palloc(sizeof(Member) * static_cast<size_t>(Max(most_members, 1))));
    count_ = 0;
    initStringInfo(&values_);
    initStringInfo(&text_);
    appendStringInfoCharMacro(&text_, '{');
}

void JsonObject::open_member(const JsonKey &key, uint32 kind, const void *value, size_t length) {
    if (count_ > 0)
        appendBinaryStringInfo(&text_, ", ", 2);
    appendBinaryStringInfo(&text_, key.quoted, static_cast<int>(key.quoted_length));
    members_[count_++] = {key, kind, static_cast<uint32>(values_.len), static_cast<uint32>(length)};
    if (length > 0)
        appendBinaryStringInfo(&values_, static_cast<const char *>(value), static_cast<int>(length));
}

void JsonObject::add_null(const JsonKey &key) {
    open_member(key, JENTRY_ISNULL, nullptr, 0);
    appendBinaryStringInfo(&text_, "null", 4);
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
    appendBinaryStringInfo(&text_, digits, length);
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

Jsonb *JsonObject::finish() {
    appendStringInfoCharMacro(&text_, '}');
    size_t bytes = VARHDRSZ + sizeof(uint32) + 2 * sizeof(JEntry) * static_cast<size_t>(count_);
    const size_t data_at = bytes;
    for (int i = 0; i < count_; ++i)
        bytes += members_[i].key.length + members_[i].length + (is_aligned_kind(members_[i].kind) ? 3 : 0);
    Jsonb *const result = static_cast<Jsonb *>(palloc0(bytes));
    result->root.header = static_cast<uint32>(count_) | JB_FOBJECT;
    char *const data = reinterpret_cast<char *>(result) + data_at;
    uint32 end = 0;
    for (int i = 0; i < count_; ++i) {
        const JsonKey &key = members_[i].key;
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
