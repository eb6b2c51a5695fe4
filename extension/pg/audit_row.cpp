#include "pg/audit_row.h"

extern "C" {
#include <catalog/pg_type.h>
#include <common/hashfn.h>
#include <utils/timestamp.h>
}

namespace ticketflow::pg::audit {

using namespace core::audit;

const LogShape kLogShape = {
    log_column::count,
    log_column::created_at,
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

Digest digest_of(const LogContent &content, BufferSink &scratch) {
    resetStringInfo(&scratch.bytes);
    Canonical<BufferSink> canonical(scratch);
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

} // namespace ticketflow::pg::audit
