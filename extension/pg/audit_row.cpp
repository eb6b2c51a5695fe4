#include "pg/audit_row.h"

extern "C" {
#include <catalog/pg_type.h>
#include <common/hashfn.h>
#include <utils/numeric.h>
#include <utils/timestamp.h>
}

#include <cerrno>
#include <cstdlib>

namespace ticketflow::pg::audit {

using namespace core::audit;

const LogShape kLogShape = {
    log_column::count,
    log_column::created_at,
    true,
    {{"id", INT8OID, true},
     {"table_name", TEXTOID, true},
     {"operation", TEXTOID, true},
     {"user_id", TEXTOID, true},
     {"old_values", JSONBOID, true},
     {"new_values", JSONBOID, true},
     {"created_at", TIMESTAMPTZOID, true},
     {"transaction_id", INT8OID, true},
     {"context", INT8OID, true},
     {"record", INT8OID, true},
     {"moved_to", INT8OID, true},
     {"record_key", JSONBOID, true},
     {"request_id", TEXTOID, true},
     {"cause", TEXTOID, true},
     {"row_digest", BYTEAOID, true}}};

namespace {

void optional(Canonical<BufferSink> &canonical, std::string_view value) {
    if (value.data())
        canonical.text(value);
    else
        canonical.null();
}

} // namespace

void write_canonical(const LogContent &content, BufferSink &to) {
    resetStringInfo(&to.bytes);
    Canonical<BufferSink> canonical(to);
    canonical.text("audit_log");
    canonical.number(content.id);
    canonical.number(content.transaction_id);
    canonical.number(content.created_at);
    canonical.text(content.table_name);
    canonical.text(content.operation);
    optional(canonical, content.user_id);
    optional(canonical, content.record_key);
    optional(canonical, content.old_values);
    optional(canonical, content.new_values);
    optional(canonical, content.request_id);
    optional(canonical, content.cause);
    canonical.number(content.record);
    if (content.has_moved_to)
        canonical.number(content.moved_to);
    else
        canonical.null();
    if (content.context)
        canonical.text({reinterpret_cast<const char *>(content.context->data()), content.context->size()});
    else
        canonical.null();
}

Digest digest_of(const LogContent &content, BufferSink &scratch) {
    write_canonical(content, scratch);
    return sha256(kLeaf, scratch.view());
}

int64 unix_microseconds(TimestampTz at) {
    constexpr int64 kEpoch = static_cast<int64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC;
    return at + kEpoch;
}

int64 record_of(std::string_view table_name, bool has_integer, int64 integer, std::string_view key_text) {
    const auto hash = [](std::string_view text) {
        return hash_bytes_extended(reinterpret_cast<const unsigned char *>(text.data()), static_cast<int>(text.size()), 0);
    };
    constexpr int kKeyBits = 40;
    const uint64 low = has_integer ? static_cast<uint64>(integer) : hash(key_text);
    return static_cast<int64>(hash(table_name) << kKeyBits | (low & ((uint64{1} << kKeyBits) - 1)));
}

// The same key has the same record however its numbers are spelled: 7, 7.0 and 7.00 are one.
int64 record_of_key(std::string_view table_name, Jsonb *key) {
    StringInfoData text;
    initStringInfo(&text);
    if (!JB_ROOT_IS_OBJECT(key)) {
        append_jsonb(&text, key);
        return record_of(table_name, false, 0, {text.data, static_cast<size_t>(text.len)});
    }
    JsonbIterator *iterator = JsonbIteratorInit(&key->root);
    JsonbValue value;
    const char *number = nullptr;
    append_bytes(&text, "{", 1);
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &value, true)) {
        if (token == WJB_KEY) {
            if (text.len > 1)
                append_bytes(&text, ", ", 2);
            append_json_string(&text, value.val.string.val, static_cast<size_t>(value.val.string.len));
            append_bytes(&text, ": ", 2);
        } else if (token == WJB_VALUE && value.type == jbvNumeric) {
            number = numeric_normalize(value.val.numeric);
            appendStringInfoString(&text, number);
        } else if (token == WJB_VALUE) {
            append_json_value(&text, value);
        }
    }
    append_bytes(&text, "}", 1);
    if (number && JB_ROOT_COUNT(key) == 1) {
        errno = 0;
        char *end;
        const long long integer = strtoll(number, &end, 10);
        if (*end == '\0' && errno == 0)
            return record_of(table_name, true, integer, {});
    }
    return record_of(table_name, false, 0, {text.data, static_cast<size_t>(text.len)});
}

} // namespace ticketflow::pg::audit
