// One row of audit_log: its columns, and the digest of their content.
#pragma once

#include "core/audit/canonical.h"
#include "core/audit/merkle.h"
#include "pg/audit_json.h"
#include "pg/audit_writer.h"

extern "C" {
#include <lib/stringinfo.h>
}

namespace ticketflow::pg::audit {

// A canonical form that grows in PostgreSQL's memory.
struct BufferSink {
    StringInfoData bytes;
    void append(const char *text, size_t length) { append_bytes(&bytes, text, length); }
    std::string_view view() const { return {bytes.data, static_cast<size_t>(bytes.len)}; }
};

// The columns of audit_log in the order of kLogShape.
namespace log_column {
enum : int {
    id,
    table_name,
    operation,
    user_id,
    old_values,
    new_values,
    created_at,
    transaction_id,
    context,
    record,
    moved_to,
    record_key,
    request_id,
    cause,
    row_digest,
    count
};
}

extern const LogShape kLogShape;

// What the digest of an audit_log row covers, as text: docs/audit.md tells an outsider how to build it.
struct LogContent {
    int64 id, transaction_id, record, moved_to, created_at;
    std::string_view table_name, operation;
    const core::audit::Digest *context; // null: none
    bool has_moved_to;
    // Null views (data() == nullptr) are nulls.
    std::string_view user_id, record_key, old_values, new_values, request_id, cause;
};

// What a row keeps of its digest until it is sealed: enough that nobody finds other content for it. Seals keep all of it.
inline constexpr size_t kRowDigestBytes = 16;

// The bytes that the digest covers, into `to`; and that digest, the row's leaf in a Merkle tree.
void write_canonical(const LogContent &content, BufferSink &to);
core::audit::Digest digest_of(const LogContent &content, BufferSink &scratch);

// Microseconds since 1970, which is how the digest sees a time.
int64 unix_microseconds(TimestampTz at);

// What the index of audit_log finds a row's changes by: near keys stay near, so that the index is written where it was
// just written. A single integer key keeps its low 40 bits, any other key's text is hashed.
int64 record_of_key(std::string_view table_name, Jsonb *key);
int64 record_of(std::string_view table_name, bool has_integer, int64 integer, std::string_view key_text);

} // namespace ticketflow::pg::audit
