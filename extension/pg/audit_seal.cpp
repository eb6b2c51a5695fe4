// audit_seal_rows(): streams the rows that are not sealed yet out of the executor, without a copy of them, and writes their
// digests as the leaves of a seal.
#include "pg/audit_row.h"
#include "pg/datum.h"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <tcop/dest.h>
#include <utils/array.h>
#include <utils/fmgrprotos.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/timestamp.h>
}

#include <algorithm>
#include <cstring>
#include <span>
#include <unordered_map>
#include <vector>

using namespace ticketflow;
using core::audit::Digest;

namespace {

constexpr size_t kLeavesPerChunk = 1000;
constexpr size_t kMostLeaves = 256 * 1000; // in memory: 10 MB
constexpr int kRowsPerReset = 64;

struct Leaf {
    int64 id;
    Digest digest;
};

// The columns of the query of each ledger, in this order.
namespace log_at {
enum : int { id, transaction_id, created_at, table_name, operation, user_id, record_key, old_values, new_values, request_id, cause, record, moved_to, context, count };
}
namespace history_at {
enum : int { id, transaction_id, created_at, task_id, user_id, field, old_value, new_value, change_type, count };
}

// What one row is read with; buffers that grow to the largest row. PostgreSQL's memory.
struct Scratch {
    MemoryContext rows;
    pg::audit::BufferSink canonical;
    StringInfoData json[3];
};

std::string_view text_of(const TupleTableSlot *slot, int column) {
    if (slot->tts_isnull[column])
        return {};
    text *const value = DatumGetTextPP(slot->tts_values[column]);
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

std::string_view json_of(const TupleTableSlot *slot, int column, StringInfoData &to) {
    if (slot->tts_isnull[column])
        return {};
    Jsonb *const value = DatumGetJsonbP(slot->tts_values[column]);
    resetStringInfo(&to);
    pg::audit::append_jsonb(&to, value);
    return {to.data, static_cast<size_t>(to.len)};
}

int64 number_of(const TupleTableSlot *slot, int column) { return DatumGetInt64(slot->tts_values[column]); }

// May raise: inside call().
Digest log_digest(const TupleTableSlot *slot, const Digest *context, Scratch &scratch) {
    pg::audit::LogContent content = {};
    content.id = number_of(slot, log_at::id);
    content.transaction_id = number_of(slot, log_at::transaction_id);
    content.created_at = pg::audit::unix_microseconds(DatumGetTimestampTz(slot->tts_values[log_at::created_at]));
    content.table_name = text_of(slot, log_at::table_name);
    content.operation = text_of(slot, log_at::operation);
    content.user_id = text_of(slot, log_at::user_id);
    content.record_key = json_of(slot, log_at::record_key, scratch.json[0]);
    content.old_values = json_of(slot, log_at::old_values, scratch.json[1]);
    content.new_values = json_of(slot, log_at::new_values, scratch.json[2]);
    content.request_id = text_of(slot, log_at::request_id);
    content.cause = text_of(slot, log_at::cause);
    content.record = number_of(slot, log_at::record);
    content.has_moved_to = !slot->tts_isnull[log_at::moved_to];
    content.moved_to = content.has_moved_to ? number_of(slot, log_at::moved_to) : 0;
    content.context = context;
    return digest_of(content, scratch.canonical);
}

// May raise: inside call().
Digest history_digest(const TupleTableSlot *slot, Scratch &scratch) {
    resetStringInfo(&scratch.canonical.bytes);
    core::audit::Canonical<pg::audit::BufferSink> canonical(scratch.canonical);
    const auto text = [&](int column) {
        const std::string_view value = text_of(slot, column);
        if (value.data())
            canonical.text(value);
        else
            canonical.null();
    };
    canonical.text("task_history");
    canonical.number(number_of(slot, history_at::id));
    canonical.number(DatumGetInt32(slot->tts_values[history_at::task_id]));
    for (const int column : {history_at::user_id, history_at::field, history_at::old_value, history_at::new_value, history_at::change_type})
        text(column);
    canonical.number(pg::audit::unix_microseconds(DatumGetTimestampTz(slot->tts_values[history_at::created_at])));
    canonical.number(number_of(slot, history_at::transaction_id));
    return core::audit::sha256(core::audit::kLeaf, scratch.canonical.view());
}

// The leaves of one seal: collected, ordered by id as far as memory allows, and stored in chunks.
class Sealer {
  public:
    Sealer(int64 seal, Oid leaves, Datum last_snapshot, bool has_snapshot)
        : seal_(seal), leaves_(leaves), last_snapshot_(last_snapshot), has_snapshot_(has_snapshot) {
        buffer_.reserve(kLeavesPerChunk);
        pg::call([this] {
            scratch_.rows = AllocSetContextCreate(CurrentMemoryContext, "ticketflow sealed rows", ALLOCSET_DEFAULT_SIZES);
            initStringInfo(&scratch_.canonical.bytes);
            for (StringInfoData &json : scratch_.json)
                initStringInfo(&json);
        });
    }

    void learn_context(int64 id, const Digest &digest) { contexts_.emplace(id, digest); }

    void begin(const char *ledger) { ledger_ = ledger; }

    void take(TupleTableSlot *slot) {
        const bool is_log = ledger_ == kLog;
        const int64 transaction = pg::call([slot, is_log] {
            slot_getallattrs(slot);
            return number_of(slot, is_log ? int{log_at::transaction_id} : int{history_at::transaction_id});
        });
        if (is_sealed(transaction))
            return;
        const Digest *context = nullptr;
        if (is_log && !slot->tts_isnull[log_at::context]) {
            const auto found = contexts_.find(number_of(slot, log_at::context));
            context = found == contexts_.end() ? nullptr : &found->second;
        }
        const Digest digest = pg::call([this, slot, context, is_log] {
            if (++rows_since_reset_ == kRowsPerReset) {
                MemoryContextReset(scratch_.rows);
                rows_since_reset_ = 0;
            }
            MemoryContext const before = MemoryContextSwitchTo(scratch_.rows);
            const Digest result = is_log ? log_digest(slot, context, scratch_) : history_digest(slot, scratch_);
            MemoryContextSwitchTo(before);
            return result;
        });
        buffer_.push_back({number_of(slot, 0), digest});
        if (buffer_.size() == kMostLeaves)
            flush();
    }

    void flush() {
        std::sort(buffer_.begin(), buffer_.end(), [](const Leaf &a, const Leaf &b) { return a.id < b.id; });
        for (size_t i = 0; i < buffer_.size(); i += kLeavesPerChunk)
            store(&buffer_[i], std::min(kLeavesPerChunk, buffer_.size() - i));
        buffer_.clear();
    }

    uint64_t size() const { return tree_.size(); }
    Digest root() const { return tree_.root(); }

    static constexpr const char *kLog = "audit_log", *kHistory = "task_history";

  private:
    // Rows of one transaction come in long runs.
    bool is_sealed(int64 transaction) {
        if (!has_snapshot_)
            return false;
        if (transaction != last_transaction_) {
            last_sealed_ = pg::call([this, transaction] {
                return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, UInt64GetDatum(static_cast<uint64>(transaction)), last_snapshot_));
            });
            last_transaction_ = transaction;
        }
        return last_sealed_;
    }

    void store(const Leaf *leaves, size_t count) {
        for (size_t i = 0; i < count; ++i)
            tree_.add(leaves[i].digest);
        pg::call([this, leaves, count] { insert_chunk(leaves, count); });
        ++chunk_;
    }

    // May raise: inside call().
    void insert_chunk(const Leaf *leaves, size_t count) {
        SPI_connect();
        Datum *const ids = static_cast<Datum *>(palloc(sizeof(Datum) * count));
        bytea *const digests = static_cast<bytea *>(palloc(VARHDRSZ + sizeof(Digest) * count));
        SET_VARSIZE(digests, VARHDRSZ + sizeof(Digest) * count);
        for (size_t i = 0; i < count; ++i) {
            ids[i] = Int64GetDatum(leaves[i].id);
            memcpy(VARDATA(digests) + sizeof(Digest) * i, leaves[i].digest.data(), sizeof(Digest));
        }
        Datum values[] = {Int64GetDatum(seal_), Int64GetDatum(chunk_), CStringGetTextDatum(ledger_), ids[0], ids[count - 1],
                          PointerGetDatum(construct_array(ids, static_cast<int>(count), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE)),
                          PointerGetDatum(digests)};
        Oid types[] = {INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, INT8ARRAYOID, BYTEAOID};
        char *const name = get_rel_name(leaves_);
        if (!name)
            pg::raise_inside_call(core::Condition::undefined_table, "the table for the leaves of seals does not exist", "", "Call ticketflow.audit_seal().");
        const char *const statement =
            psprintf("INSERT INTO %s (seal_id, chunk, ledger, first_id, last_id, ids, digests) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                     quote_qualified_identifier(get_namespace_name(get_rel_namespace(leaves_)), name));
        SPI_execute_with_args(statement, lengthof(types), types, values, nullptr, false, 0);
        SPI_finish();
    }

    int64 seal_;
    Oid leaves_;
    Datum last_snapshot_;
    bool has_snapshot_;
    int64 last_transaction_ = 0;
    bool last_sealed_ = false;
    std::unordered_map<int64, Digest> contexts_;
    const char *ledger_ = nullptr;
    std::vector<Leaf> buffer_;
    core::audit::MerkleRoot tree_;
    int64 chunk_ = 0;
    int rows_since_reset_ = 0;
    Scratch scratch_;
};

constexpr Oid kContextTypes[] = {INT8OID, BYTEAOID};
constexpr Oid kLogTypes[] = {INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID};
constexpr Oid kHistoryTypes[] = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
static_assert(lengthof(kLogTypes) == log_at::count && lengthof(kHistoryTypes) == history_at::count);

// The executor's end of the stream.
struct Receiver {
    DestReceiver base;
    Sealer *sealer;
    std::span<const Oid> types;
};

// Anybody may call the function, with any query.
void expect_types(DestReceiver *self, int, TupleDesc row) {
    const std::span<const Oid> wanted = reinterpret_cast<Receiver *>(self)->types;
    const auto at = [row](int column) { return TupleDescAttr(row, column)->atttypid; };
    bool same = static_cast<size_t>(row->natts) == wanted.size();
    for (int i = 0; same && i < row->natts; ++i)
        same = at(i) == wanted[static_cast<size_t>(i)];
    if (!same)
        pg::raise_inside_call(core::Condition::wrong_object_type, "a query for rows to seal has other columns than its ledger", "", "Call ticketflow.audit_seal().");
}

bool receive(TupleTableSlot *slot, DestReceiver *self) {
    return pg::entry([slot, self] {
        reinterpret_cast<Receiver *>(self)->sealer->take(slot);
        return true;
    });
}

bool receive_context(TupleTableSlot *slot, DestReceiver *self) {
    return pg::entry([slot, self] {
        const Digest digest = pg::call([slot] {
            slot_getallattrs(slot);
            Digest result = {};
            const std::string_view bytes = text_of(slot, 1);
            memcpy(result.data(), bytes.data(), std::min(bytes.size(), result.size()));
            return result;
        });
        reinterpret_cast<Receiver *>(self)->sealer->learn_context(number_of(slot, 0), digest);
        return true;
    });
}

using Receive = bool (*)(TupleTableSlot *, DestReceiver *);

// Runs a query under the caller's snapshot and gives each row, whose columns have these types, to `receive_row`.
void stream(Sealer &sealer, Datum query, std::span<const Oid> types, Receive receive_row) {
    Receiver receiver = {};
    receiver.base.receiveSlot = receive_row;
    receiver.base.rStartup = expect_types;
    receiver.base.rShutdown = [](DestReceiver *) {};
    receiver.base.rDestroy = [](DestReceiver *) {};
    receiver.base.mydest = DestNone;
    receiver.sealer = &sealer;
    receiver.types = types;
    pg::call([&receiver, query] {
        SPI_connect();
        SPIExecuteOptions options = {};
        options.read_only = true;
        options.dest = &receiver.base;
        SPI_execute_extended(TextDatumGetCString(query), &options);
        SPI_finish();
    });
}

} // namespace

// (seal, leaves table, last snapshot or null, query of contexts, of the log, of the history) -> (rows, root)
TICKETFLOW_FUNCTION(ticketflow_audit_seal_rows) {
    for (const int argument : {0, 1, 3, 4, 5})
        if (PG_ARGISNULL(argument))
            throw core::Failure(core::Condition::invalid_parameter_value, "what to seal must not be null", {}, "Call ticketflow.audit_seal().");
    const bool has_snapshot = !PG_ARGISNULL(2);
    const Datum snapshot = has_snapshot ? pg::call([fcinfo] { return PointerGetDatum(PG_GETARG_VARLENA_P(2)); }) : 0;
    Sealer sealer(PG_GETARG_INT64(0), PG_GETARG_OID(1), snapshot, has_snapshot);
    stream(sealer, PG_GETARG_DATUM(3), kContextTypes, receive_context);
    sealer.begin(Sealer::kLog);
    stream(sealer, PG_GETARG_DATUM(4), kLogTypes, receive);
    sealer.flush();
    sealer.begin(Sealer::kHistory);
    stream(sealer, PG_GETARG_DATUM(5), kHistoryTypes, receive);
    sealer.flush();
    const Digest root = sealer.root();
    const int64 rows = static_cast<int64>(sealer.size());
    return pg::call([fcinfo, rows, &root] {
        TupleDesc shape;
        if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
            pg::raise_inside_call(core::Condition::object_not_in_state, "audit_seal_rows() must return a row", "", "");
        bytea *const digest = static_cast<bytea *>(palloc(VARHDRSZ + root.size()));
        SET_VARSIZE(digest, VARHDRSZ + root.size());
        memcpy(VARDATA(digest), root.data(), root.size());
        Datum values[] = {Int64GetDatum(rows), PointerGetDatum(digest)};
        bool nulls[] = {false, false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
    });
}
