// Builds one JSON object twice in one pass: the binary jsonb that the log stores and the text that its hash covers.
// Everything here may raise a PostgreSQL error (out of memory): use it inside call(). No destructors, PostgreSQL's memory.
#pragma once

#include "pg/bridge.h"
#include "pg/compat.h"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/jsonb.h>
#include <utils/numeric.h>
}

#include <cstring>

namespace ticketflow::pg::audit {

// A key of a JSON object with the form it has in the text: `"name": `.
struct JsonKey {
    const char *name;
    uint32 length;
    const char *quoted;
    uint32 quoted_length;
};

JsonKey make_json_key(const char *name);
// The order in which jsonb keeps keys: shorter first, then by bytes.
bool json_key_less(const JsonKey &a, const JsonKey &b);

// appendBinaryStringInfo() without its calls where there is room.
inline void append_bytes(StringInfo to, const void *bytes, size_t length) {
    if (static_cast<size_t>(to->maxlen - to->len) > length) {
        memcpy(to->data + to->len, bytes, length);
        to->len += static_cast<int>(length);
    } else {
        appendBinaryStringInfo(to, static_cast<const char *>(bytes), static_cast<int>(length));
    }
}

// A document the way jsonb prints it.
void append_jsonb(StringInfo to, Jsonb *document);

void append_json_value(StringInfo to, const JsonbValue &value);

// `text` as a JSON string, quotes included, the way jsonb prints it.
void append_json_string(StringInfo to, const char *text, size_t length);

// Keys must be added in the order of json_key_less.
class JsonObject {
  public:
    // `bytes`: of text that it is likely to hold.
    void start(int most_members, int bytes);
    void add_null(const JsonKey &key);
    void add_bool(const JsonKey &key, bool value);
    void add_string(const JsonKey &key, const char *text, size_t length);
    void add_integer(const JsonKey &key, int64 value);
    void add_numeric(const JsonKey &key, Numeric value);
    void add_document(const JsonKey &key, Jsonb *value);
    // An array of texts.
    void add_texts(const JsonKey &key, const Datum *values, const bool *nulls, int count);
    // The finished object; text() holds its printed form.
    Jsonb *finish();

    bool empty() const { return count_ == 0; }
    size_t stored_bytes() const { return static_cast<size_t>(values_.len); }
    const StringInfoData &text() const { return text_; }

  private:
    struct Member {
        const JsonKey *key; // lives as long as the object is built
        uint32 kind;
        uint32 offset;
        uint32 length;
    };
    void open_member(const JsonKey &key, uint32 kind, const void *value, size_t length);

    Member *members_;
    int count_;
    StringInfoData values_;
    StringInfoData text_;
};

} // namespace ticketflow::pg::audit
