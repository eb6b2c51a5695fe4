// The digests that sealing and verification are made of, as SQL functions.
#include "pg/audit_context.h"
#include "pg/audit_row.h"
#include "pg/audit_trigger.h"
#include "pg/audit_values.h"
#include "pg/datum.h"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/fmgrprotos.h>
#include <utils/numeric.h>
#include <utils/timestamp.h>
}

#include <algorithm>
#include <cstring>
#include <vector>

using namespace ticketflow;
using core::audit::Digest;

namespace {

Datum make_bytes(const void *bytes, size_t length) {
    return pg::call([=] {
        bytea *const result = static_cast<bytea *>(palloc(VARHDRSZ + length));
        SET_VARSIZE(result, VARHDRSZ + length);
        memcpy(VARDATA(result), bytes, length);
        return PointerGetDatum(result);
    });
}

Datum make_digest(const Digest &digest) { return make_bytes(digest.data(), digest.size()); }

// The concatenated digests of an argument.
std::vector<Digest> digests_of(Datum value) {
    const std::string_view bytes = pg::text_view(value);
    if (bytes.size() % sizeof(Digest) != 0)
        throw core::Failure(core::Condition::invalid_parameter_value, "not a list of SHA-256 digests", {},
                            "Each digest is 32 bytes long.");
    std::vector<Digest> digests(bytes.size() / sizeof(Digest));
    if (!bytes.empty())
        memcpy(digests.data(), bytes.data(), bytes.size());
    return digests;
}

// A null argument is a null view.
std::string_view text_argument(FunctionCallInfo fcinfo, int n) {
    return PG_ARGISNULL(n) ? std::string_view() : pg::text_view(PG_GETARG_DATUM(n));
}

std::string_view json_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n))
        return {};
    const StringInfoData text = pg::call([fcinfo, n] {
        StringInfoData printed;
        initStringInfo(&printed);
        pg::audit::append_jsonb(&printed, PG_GETARG_JSONB_P(n));
        return printed;
    });
    return {text.data, static_cast<size_t>(text.len)};
}

} // namespace

namespace {

// Arguments (id, transaction_id, created_at, table_name, operation, user_id, record_key, old_values, new_values,
// request_id, cause, record, moved_to, context digest); `context` holds what the content points to.
pg::audit::LogContent content_argument(FunctionCallInfo fcinfo, Digest &context) {
    pg::audit::LogContent content = {};
    content.id = PG_GETARG_INT64(0);
    content.transaction_id = PG_GETARG_INT64(1);
    content.created_at = pg::audit::unix_microseconds(PG_GETARG_TIMESTAMPTZ(2));
    content.table_name = text_argument(fcinfo, 3);
    content.operation = text_argument(fcinfo, 4);
    content.user_id = text_argument(fcinfo, 5);
    content.record_key = json_argument(fcinfo, 6);
    content.old_values = json_argument(fcinfo, 7);
    content.new_values = json_argument(fcinfo, 8);
    content.request_id = text_argument(fcinfo, 9);
    content.cause = text_argument(fcinfo, 10);
    content.record = PG_GETARG_INT64(11);
    content.has_moved_to = !PG_ARGISNULL(12);
    content.moved_to = content.has_moved_to ? PG_GETARG_INT64(12) : 0;
    if (!PG_ARGISNULL(13)) {
        const std::string_view bytes = pg::text_view(PG_GETARG_DATUM(13));
        context = {};
        memcpy(context.data(), bytes.data(), std::min(bytes.size(), context.size()));
        content.context = &context;
    }
    return content;
}

// Arguments (kind, fields) from `first` on. May raise: inside call().
pg::audit::BufferSink text_canonical(FunctionCallInfo fcinfo, int first) {
    pg::audit::BufferSink sink;
    initStringInfo(&sink.bytes);
    core::audit::Canonical<pg::audit::BufferSink> canonical(sink);
    text *const kind = PG_GETARG_TEXT_PP(first);
    canonical.text({VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind)});
    Datum *values;
    bool *nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(first + 1), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) {
            canonical.null();
            continue;
        }
        text *const value = DatumGetTextPP(values[i]);
        canonical.text({VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)});
    }
    return sink;
}

} // namespace

// (content of a row) -> digest
TICKETFLOW_FUNCTION(ticketflow_audit_row_digest) {
    Digest context;
    const pg::audit::LogContent content = content_argument(fcinfo, context);
    return make_digest(pg::call([&content] {
        pg::audit::BufferSink scratch;
        initStringInfo(&scratch.bytes);
        return digest_of(content, scratch);
    }));
}

// (content of a row) -> the bytes that the digest covers
TICKETFLOW_FUNCTION(ticketflow_audit_row_bytes) {
    Digest context;
    const pg::audit::LogContent content = content_argument(fcinfo, context);
    const pg::audit::BufferSink bytes = pg::call([&content] {
        pg::audit::BufferSink sink;
        initStringInfo(&sink.bytes);
        write_canonical(content, sink);
        return sink;
    });
    return make_bytes(bytes.bytes.data, bytes.view().size());
}

// (prefix, kind, fields) -> the digest of the fields' canonical form
TICKETFLOW_FUNCTION(ticketflow_audit_text_digest) {
    const int32 prefix = PG_GETARG_INT32(0);
    const pg::audit::BufferSink bytes = pg::call([fcinfo] { return text_canonical(fcinfo, 1); });
    return make_digest(core::audit::sha256(static_cast<uint8_t>(prefix), bytes.view()));
}

// (kind, fields) -> that form
TICKETFLOW_FUNCTION(ticketflow_audit_text_bytes) {
    const pg::audit::BufferSink bytes = pg::call([fcinfo] { return text_canonical(fcinfo, 0); });
    return make_bytes(bytes.bytes.data, bytes.view().size());
}

// (leaves) -> the Merkle root
TICKETFLOW_FUNCTION(ticketflow_audit_merkle_root) {
    core::audit::MerkleRoot tree;
    for (const Digest &leaf : digests_of(PG_GETARG_DATUM(0)))
        tree.add(leaf);
    return make_digest(tree.root());
}

// The aggregate: its state is a tree of at most 64 subtrees, a varlena so that PostgreSQL may copy it.
namespace {

struct TreeState {
    int32 header;
    uint64 size;
    Digest subtrees[64];
};

} // namespace

TICKETFLOW_FUNCTION(ticketflow_audit_merkle_add) {
    const std::vector<Digest> leaves = PG_ARGISNULL(1) ? std::vector<Digest>() : digests_of(PG_GETARG_DATUM(1));
    TreeState *const state = pg::call([fcinfo] {
        MemoryContext aggregate;
        if (!AggCheckCallContext(fcinfo, &aggregate))
            pg::raise_inside_call(core::Condition::object_not_in_state, "audit_merkle_add() was not called by an aggregate", "", "");
        return PG_ARGISNULL(0) ? static_cast<TreeState *>(MemoryContextAllocZero(aggregate, sizeof(TreeState)))
                               : reinterpret_cast<TreeState *>(PG_GETARG_POINTER(0));
    });
    for (const Digest &leaf : leaves) {
        // One subtree for each bit of the size, as in core::audit::MerkleRoot.
        Digest top = leaf;
        int bit = 0;
        for (; state->size >> bit & 1; ++bit)
            top = core::audit::sha256(core::audit::kNode, state->subtrees[bit], top);
        state->subtrees[bit] = top;
        ++state->size;
    }
    PG_RETURN_POINTER(state);
}

TICKETFLOW_FUNCTION(ticketflow_audit_merkle_finish) {
    if (PG_ARGISNULL(0))
        return make_digest(core::audit::sha256({}));
    const TreeState *const state = reinterpret_cast<TreeState *>(PG_GETARG_POINTER(0));
    bool started = false;
    Digest top = core::audit::sha256({});
    for (int bit = 0; bit < 64; ++bit) {
        if (!(state->size >> bit & 1))
            continue;
        top = started ? core::audit::sha256(core::audit::kNode, state->subtrees[bit], top) : state->subtrees[bit];
        started = true;
    }
    return make_digest(top);
}

// (leaves, index) -> the siblings from the leaf to the root, concatenated
TICKETFLOW_FUNCTION(ticketflow_audit_inclusion_path) {
    const std::vector<Digest> leaves = digests_of(PG_GETARG_DATUM(0));
    const int64 index = PG_GETARG_INT64(1);
    if (index < 0 || static_cast<size_t>(index) >= leaves.size())
        throw core::Failure(core::Condition::invalid_parameter_value, "there is no leaf of that index");
    const std::vector<Digest> path = core::audit::inclusion_path(leaves, static_cast<size_t>(index));
    return make_bytes(path.data(), path.size() * sizeof(Digest));
}

// (root, leaf, index, size, path) -> whether the leaf is under the root
TICKETFLOW_FUNCTION(ticketflow_audit_check_inclusion) {
    const std::vector<Digest> root = digests_of(PG_GETARG_DATUM(0)), leaf = digests_of(PG_GETARG_DATUM(1));
    const std::vector<Digest> path = digests_of(PG_GETARG_DATUM(4));
    if (root.size() != 1 || leaf.size() != 1)
        PG_RETURN_BOOL(false);
    const int64 index = PG_GETARG_INT64(2), size = PG_GETARG_INT64(3);
    PG_RETURN_BOOL(index >= 0 && size > 0 &&
                   core::audit::leads_to(root[0], leaf[0], static_cast<uint64_t>(index), static_cast<uint64_t>(size), path));
}

// (table_name, key) -> record; a null key stands for the whole table
TICKETFLOW_FUNCTION(ticketflow_audit_record) {
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const std::string_view name = text_argument(fcinfo, 0);
    if (PG_ARGISNULL(1))
        PG_RETURN_INT64(pg::audit::record_of(name, false, 0, {}));
    PG_RETURN_INT64(pg::call([fcinfo, name] { return pg::audit::record_of_key(name, PG_GETARG_JSONB_P(1)); }));
}

// (row of a table) -> what the log would keep of it whole
TICKETFLOW_FUNCTION(ticketflow_audit_image) {
    const pg::audit::PlainOutput plain;
    return pg::call([fcinfo] { return pg::audit::image_of(PG_GETARG_HEAPTUPLEHEADER(0)); });
}
