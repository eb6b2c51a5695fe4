#include "pg/audit_insert.h"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <storage/lmgr.h>
#include <tcop/pquery.h>
#include <tcop/utility.h>
#include <utils/portal.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

constexpr int kMostPendingRows = 3 * kRowsPerInsert;
constexpr Size kMostPendingBytes = 4 * 1024 * 1024;
constexpr Size kFirstPiece = 4 * 1024, kLargestPiece = 1024 * 1024;
// Batches from this size on keep their memory for the next one: to return it and get it anew costs a page fault a few rows.
constexpr int kLargeBatch = 64;

struct Pending {
    LogRow row;
    SubTransactionId subtransaction;
};

// Rows of one log that wait for their statement to end.
struct Batch {
    Batch *next;
    Oid log;
    const LogShape *shape;
    MemoryContext memory; // of the rows and their values
    Pending *rows;
    int count;
    int capacity;
    char *piece; // of memory for values, the newest
    Size piece_size, piece_used;
    Size bytes; // of all values
    bool in_pieces; // more than one holds values
    SubTransactionId locked_by; // the subtransaction whose lock keeps the log as it was described; invalid: none
};

Batch *batches;
int statement_depth;
const PlannedStmt *statement;
ExecutorFinish_hook_type next_finish_hook;
ExecutorEnd_hook_type next_end_hook;
ProcessUtility_hook_type next_utility_hook;

void forget_memory(Batch &batch) {
    MemoryContextReset(batch.memory);
    batch.rows = nullptr;
    batch.capacity = 0;
    batch.piece = nullptr;
    batch.piece_size = 0;
    batch.in_pieces = false;
}

// For the values of one row.
char *take(Batch &batch, Size bytes) {
    if (!batch.piece || bytes > batch.piece_size - batch.piece_used) {
        batch.in_pieces = batch.piece != nullptr;
        batch.piece_size = Max(bytes, batch.piece_size == 0 ? kFirstPiece : Min(2 * batch.piece_size, kLargestPiece));
        batch.piece = static_cast<char *>(MemoryContextAlloc(batch.memory, batch.piece_size));
        batch.piece_used = 0;
    }
    char *const place = batch.piece + batch.piece_used;
    batch.piece_used += bytes;
    return place;
}

// All rows are written: what one piece could hold needs no new memory next time.
void empty(Batch &batch, int written) {
    const Size needed = batch.bytes;
    const bool again = batch.in_pieces && written >= kLargeBatch && needed <= kLargestPiece;
    if (batch.in_pieces || written < kLargeBatch)
        forget_memory(batch);
    if (again) {
        batch.piece_size = needed + needed / 8;
        batch.piece = static_cast<char *>(MemoryContextAlloc(batch.memory, batch.piece_size));
    }
    batch.piece_used = 0;
    batch.bytes = 0;
}

// Writes the rows of the current subtransaction; those of an outer one, whose statement still runs, stay.
void write_batch(Batch &batch) {
    const SubTransactionId current = GetCurrentSubTransactionId();
    Insertion insertion;
    begin_insert(insertion, batch.log, batch.shape);
    int kept = 0;
    for (int i = 0; i < batch.count; ++i) {
        // A copy: an index of the log may run a statement that adds rows here.
        const Pending pending = batch.rows[i];
        if (pending.subtransaction == current)
            insert_row(insertion, pending.row);
        else
            batch.rows[kept++] = pending;
    }
    end_insert(insertion);
    batch.count = kept;
}

// Set while rows are being written: what an index of a log runs must not write them a second time.
bool writing;

void write_pending() {
    if (writing)
        return;
    writing = true;
    for (Batch *batch = batches; batch; batch = batch->next) {
        if (batch->count == 0)
            continue;
        const int count = batch->count;
        // A large batch keeps its memory, so what is done to write it needs its own.
        const bool large = count >= kLargeBatch;
        MemoryContext const work = large ? AllocSetContextCreate(CurTransactionContext, "ticketflow log writing", ALLOCSET_DEFAULT_SIZES) : batch->memory;
        MemoryContext const before = MemoryContextSwitchTo(work);
        write_batch(*batch);
        MemoryContextSwitchTo(before);
        if (large)
            MemoryContextDelete(work);
        if (batch->count == 0)
            empty(*batch, count);
    }
    writing = false;
}

Batch *batch_of(Oid log, const LogShape *shape) {
    for (Batch *batch = batches; batch; batch = batch->next)
        if (batch->log == log && batch->shape == shape)
            return batch;
    Batch *const batch = static_cast<Batch *>(MemoryContextAllocZero(TopTransactionContext, sizeof(Batch)));
    batch->log = log;
    batch->shape = shape;
    batch->memory = AllocSetContextCreate(TopTransactionContext, "ticketflow log rows", ALLOCSET_DEFAULT_SIZES);
    batch->next = batches;
    batches = batch;
    return batch;
}

// Doubles what the batch can hold; one row is what a statement writes most often.
void make_room(Batch &batch) {
    const int capacity = Max(4, 4 * batch.capacity);
    const Size bytes = sizeof(Pending) * static_cast<Size>(capacity);
    batch.rows = static_cast<Pending *>(batch.rows ? repalloc(batch.rows, bytes) : MemoryContextAlloc(batch.memory, bytes));
    batch.capacity = capacity;
}

bool is_by_value(Oid type) { return type == INT8OID || type == TIMESTAMPTZOID; }

// What a copied value takes: varlenas get the short header that they have in a table, too.
Size copied_size(Datum value, int16 length) {
    if (length > 0)
        return static_cast<Size>(length);
    if (length == -2)
        return strlen(DatumGetCString(value)) + 1;
    varlena *const source = reinterpret_cast<varlena *>(DatumGetPointer(value));
    return VARATT_CAN_MAKE_SHORT(source) ? VARATT_CONVERTED_SHORT_SIZE(source) : VARSIZE_ANY(source);
}

void copy_value(char *to, Datum value, int16 length, Size size) {
    varlena *const source = reinterpret_cast<varlena *>(DatumGetPointer(value));
    if (length == -1 && VARATT_CAN_MAKE_SHORT(source)) {
        SET_VARSIZE_SHORT(to, size);
        memcpy(VARDATA_SHORT(to), VARDATA(source), size - VARHDRSZ_SHORT);
    } else {
        memcpy(to, source, size);
    }
}

// All values of the row in one piece of memory; returns its size.
Size copy_row(LogRow &to, const LogRow &from, const LogShape &shape, Batch &batch) {
    to = from;
    Size sizes[kMostLogColumns], total = 0;
    for (int c = 0; c < shape.count; ++c) {
        sizes[c] = 0;
        const bool open = !OidIsValid(shape.columns[c].type);
        if (from.nulls[c] || (open ? from.open_by_value : is_by_value(shape.columns[c].type)))
            continue;
        sizes[c] = copied_size(from.values[c], open ? from.open_length : int16{-1});
        total += MAXALIGN(sizes[c]);
    }
    char *place = total > 0 ? take(batch, total) : nullptr;
    for (int c = 0; c < shape.count; ++c) {
        if (sizes[c] == 0)
            continue;
        copy_value(place, from.values[c], OidIsValid(shape.columns[c].type) ? int16{-1} : from.open_length, sizes[c]);
        to.values[c] = PointerGetDatum(place);
        place += MAXALIGN(sizes[c]);
    }
    return total;
}

// --- hooks

// Statements nest: a trigger or function runs statements of its own while the outer one finishes.
class RunningStatement {
  public:
    explicit RunningStatement(const PlannedStmt *inner) : outer_(statement) {
        statement = inner;
        ++statement_depth;
    }
    ~RunningStatement() {
        statement = outer_;
        --statement_depth;
    }
    RunningStatement(const RunningStatement &) = delete;
    RunningStatement &operator=(const RunningStatement &) = delete;

  private:
    const PlannedStmt *outer_;
};

void finish(QueryDesc *query) {
    entry([query] {
        RunningStatement running(query->plannedstmt);
        call([query] {
            if (next_finish_hook)
                next_finish_hook(query);
            else
                standard_ExecutorFinish(query);
            write_pending();
        });
    });
}

// A session's first audited statement began before this library was loaded: its rows are written when it ends.
bool outer_statement_will_end() {
    if (!ActivePortal || list_length(ActivePortal->stmts) != 1)
        return false;
    const PlannedStmt *const plan = linitial_node(PlannedStmt, ActivePortal->stmts);
    return plan->commandType != CMD_UTILITY && plan->commandType != CMD_SELECT;
}

void end(QueryDesc *query) {
    entry([query] {
        call([query] {
            if (statement_depth == 0)
                write_pending();
            if (next_end_hook)
                next_end_hook(query);
            else
                standard_ExecutorEnd(query);
        });
    });
}

// COPY fires its triggers outside of the executor.
void utility(PlannedStmt *plan, const char *text, bool read_only, ProcessUtilityContext context, ParamListInfo parameters,
             QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion) {
    const auto next = next_utility_hook ? next_utility_hook : standard_ProcessUtility;
    if (!IsA(plan->utilityStmt, CopyStmt)) {
        next(plan, text, read_only, context, parameters, environment, receiver, completion);
        return;
    }
    entry([=] {
        RunningStatement running(nullptr);
        call([=] {
            next(plan, text, read_only, context, parameters, environment, receiver, completion);
            write_pending();
        });
    });
}

void at_transaction_event(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE: write_pending(); break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
        batches = nullptr;
        writing = false;
        break;
    default: break;
    }
}

// What a subtransaction that failed had collected must not be written; what one that succeeded had collected is its
// parent's from now on. Its rows are the youngest.
void at_subtransaction_event(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        writing = false;
    for (Batch *batch = batches; batch; batch = batch->next) {
        if (batch->locked_by >= mine)
            batch->locked_by = event == SUBXACT_EVENT_ABORT_SUB    ? InvalidSubTransactionId
                               : event == SUBXACT_EVENT_COMMIT_SUB ? parent
                                                                   : batch->locked_by;
        if (event == SUBXACT_EVENT_ABORT_SUB) {
            while (batch->count > 0 && batch->rows[batch->count - 1].subtransaction >= mine)
                --batch->count;
            if (batch->count == 0)
                forget_memory(*batch);
        } else if (event == SUBXACT_EVENT_COMMIT_SUB)
            for (int i = batch->count; i > 0 && batch->rows[i - 1].subtransaction >= mine; --i)
                batch->rows[i - 1].subtransaction = parent;
    }
}

} // namespace

bool hold_log(Oid log, const LogShape *shape) {
    Batch *const batch = batch_of(log, shape);
    if (batch->locked_by != InvalidSubTransactionId)
        return false;
    LockRelationOid(log, RowExclusiveLock);
    batch->locked_by = GetCurrentSubTransactionId();
    return true;
}

void add_row(Oid log, const LogShape *shape, const LogRow &row) {
    Batch *const batch = batch_of(log, shape);
    if (batch->count == batch->capacity)
        make_room(*batch);
    Pending &pending = batch->rows[batch->count];
    batch->bytes += copy_row(pending.row, row, *shape, *batch);
    pending.subtransaction = GetCurrentSubTransactionId();
    ++batch->count;
    if ((statement_depth == 0 && !outer_statement_will_end()) || batch->count >= kMostPendingRows || batch->bytes > kMostPendingBytes)
        write_pending();
}

const PlannedStmt *current_statement() { return statement; }

void register_writer() {
    register_insert();
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
    next_finish_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = finish;
    next_end_hook = ExecutorEnd_hook;
    ExecutorEnd_hook = end;
    next_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = utility;
}

} // namespace ticketflow::pg::audit
