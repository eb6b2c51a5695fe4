// A counter of a fast series is a row of ticket_counters that this file changes in place, under the exclusive lock of its
// page, logged as a generic record. That makes it behave like a sequence: a number taken stays taken when its
// transaction rolls back, nobody waits for anybody's commit, and after a crash or a promotion the counter is
// at least what any committed transaction saw. The first number of a period inserts the row frozen (visible
// at once, to everybody, whatever becomes of the transaction) under a short lock, so that a new year has no
// first user to wait for. Unlike a sequence's state the row is plain data: it is dumped, restored and read
// like any other.
#include "pg/numbering_counter.h"

#include "pg/numbering_row.h"

extern "C" {
#include <access/table.h>
#include <access/transam.h>
#include <access/xact.h>
#include <storage/lmgr.h>
#include <storage/procarray.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

using RootPtr = std::shared_ptr<row::Root>;

RootPtr root_of(Oid table, const std::string &prefix, const std::string &period) {
    static std::unordered_map<std::string, RootPtr> roots;
    static uint64_t seen = 0;
    // Numbers come many to a series and period.
    static struct {
        Oid table;
        std::string prefix, period;
        RootPtr root;
    } recent;
    if (seen != relation_changes()) {
        roots.clear();
        recent.root.reset();
        seen = relation_changes();
    }
    if (recent.root && recent.table == table && recent.prefix == prefix && recent.period == period)
        return recent.root;
    std::string key(reinterpret_cast<const char *>(&table), sizeof table);
    key.append(prefix).append(1, ' ').append(period);
    RootPtr &root = roots[key];
    if (!root)
        root = std::make_shared<row::Root>();
    recent = {table, prefix, period, root};
    return root;
}

enum class Change { take, raise };

struct Request {
    Change change;
    int64 amount;   // take: how many; raise: at least
    int64 previous; // answer: the last number before
    bool changed;
};

// Nothing below this line and above the next comment of its kind has a destructor: it runs inside call().

// The transaction that is changing this version of a row, if there is one.
TransactionId changed_by(HeapTupleHeader version) {
    if ((version->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(version->t_infomask))
        return InvalidTransactionId;
    const TransactionId changer = HeapTupleHeaderGetUpdateXid(version);
    return TransactionIdIsInProgress(changer) ? changer : InvalidTransactionId;
}

void change_row(Oid table, row::Key key, int64 initial, row::Root *root, Request *request) {
    Relation rel = row::open(table, *root);
    Buffer buffer;
    ItemPointerData tid;
    HeapTupleHeader version;
    // Without a transaction id the commit would not wait for the counter's log record.
    GetTopTransactionId();
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!root->known)
            row::find_or_insert(rel, key, initial, root);
        version = row::fetch(rel, key, root, BUFFER_LOCK_EXCLUSIVE, &buffer, &tid);
        root->known = version != nullptr;
        if (!version)
            continue;
        // Somebody updates or deletes the row by hand, past the trigger that refuses it.
        const TransactionId changer = changed_by(version);
        if (!TransactionIdIsValid(changer))
            break;
        UnlockReleaseBuffer(buffer);
        XactLockTableWait(changer, rel, &tid, XLTW_Update);
    }
    int64 *const counter = row::counter_of(version);
    request->previous = *counter;
    const int64 next =
        request->change == Change::take ? *counter + request->amount : Max(*counter, request->amount);
    request->changed = next != *counter && next <= core::kMaxNumber;
    if (request->changed)
        row::write_logged(rel, buffer, counter, next);
    UnlockReleaseBuffer(buffer);
    table_close(rel, NoLock);
}

// The last number in the newest version that is committed, or our own.
bool read_newest(Relation rel, row::Key key, row::Root *root, ItemPointer tid, int64 *last) {
    Buffer buffer = root->buffer = read_again(rel, ItemPointerGetBlockNumber(&root->tid), root->buffer);
    heap_page_prune_opt(rel, buffer);
    ReleaseBuffer(buffer);
    HeapTupleHeader version = row::fetch(rel, key, root, BUFFER_LOCK_SHARE, &buffer, tid);
    if (!version)
        return false;
    *last = *row::counter_of(version);
    UnlockReleaseBuffer(buffer);
    return true;
}

bool advance_row(Oid table, row::Key key, int64 initial, row::Root *root, int64 by, int64 at_least, GaplessRow *result) {
    Relation rel = row::open(table, *root);
    ItemPointerData tid;
    int64 last;
    bool advanced = false;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!root->known)
            row::find_or_insert(rel, key, initial, root);
        root->known = read_newest(rel, key, root, &tid, &last);
        if (!root->known)
            continue;
        result->before = last;
        result->last = Max(last + by, at_least);
        advanced = result->last != last && result->last <= core::kMaxNumber;
        if (!advanced || row::update(rel, key, result->last, &tid))
            break;
    }
    table_close(rel, NoLock);
    return advanced;
}

// The newest version is our own since advance_row(): what happens to it is what happens to this transaction.
void rewrite_row(Oid table, row::Key key, row::Root *root, int64 last) {
    Relation rel = row::open(table, *root);
    Buffer buffer;
    ItemPointerData tid;
    HeapTupleHeader version = nullptr;
    if (root->known)
        version = row::fetch(rel, key, root, BUFFER_LOCK_EXCLUSIVE, &buffer, &tid);
    if (!version && (root->known = row::find_root(rel, key, root)))
        version = row::fetch(rel, key, root, BUFFER_LOCK_EXCLUSIVE, &buffer, &tid);
    if (!version)
        row::refuse_changed(key.prefix);
    row::write_logged(rel, buffer, row::counter_of(version), last);
    UnlockReleaseBuffer(buffer);
    table_close(rel, NoLock);
}

// Here destructors are allowed again.

row::Key key_of(const std::string &prefix, const std::string &period) {
    return {prefix.c_str(), period.c_str()};
}

row::Rows rows_of(Oid table, const std::string &prefix) {
    const char *text = prefix.c_str();
    return call([=] {
        LockRelationOid(table, AccessShareLock);
        Relation rel = row::open(table);
        const row::Rows rows = row::of_series(rel, text);
        table_close(rel, AccessShareLock);
        return rows;
    });
}

Request change(const Home &home, const std::string &prefix, const std::string &period, int64_t initial,
               Change kind, int64_t amount) {
    Request request{kind, amount, 0, false};
    const RootPtr root = root_of(home.counters_table, prefix, period);
    const row::Key key = key_of(prefix, period);
    const Oid table = home.counters_table;
    call([=, &request, place = root.get()] { change_row(table, key, initial, place, &request); });
    return request;
}

} // namespace

int64_t counter_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count) {
    const Request request = change(home, prefix, period, start - 1, Change::take, count);
    if (!request.changed)
        throw_exhausted(prefix, period, request.previous);
    return request.previous + 1;
}

bool counter_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number) {
    return change(home, prefix, period, start - 1, Change::raise, number).changed;
}

std::optional<int64_t> counter_peek(const Home &home, const std::string &prefix, const std::string &period) {
    const row::Rows rows = rows_of(home.counters_table, prefix);
    std::optional<int64_t> last;
    for (int i = 0; i < rows.count; ++i) {
        if (period == rows.rows[i].period)
            return rows.rows[i].last;
        if (row::overlap(rows.rows[i].period, period.c_str()))
            last = std::max<int64_t>(last.value_or(0), rows.rows[i].last);
    }
    return last;
}

std::optional<GaplessRow> counter_advance(const Home &home, const std::string &prefix, const std::string &period,
                                          int64_t start, int64_t by, int64_t at_least) {
    GaplessRow row{0, 0};
    const RootPtr root = root_of(home.counters_table, prefix, period);
    const row::Key key = key_of(prefix, period);
    const Oid table = home.counters_table;
    const bool advanced =
        call([=, &row, place = root.get()] { return advance_row(table, key, start - 1, place, by, at_least, &row); });
    if (!advanced && by > 0)
        throw_exhausted(prefix, period, row.before);
    return advanced ? std::optional(row) : std::nullopt;
}

void counter_rewrite(Oid counters_table, const std::string &prefix, const std::string &period, int64_t last) {
    const RootPtr root = root_of(counters_table, prefix, period);
    const row::Key key = key_of(prefix, period);
    call([=, place = root.get()] { rewrite_row(counters_table, key, place, last); });
}

bool counter_exists(Oid counters_table, const std::string &prefix) {
    return rows_of(counters_table, prefix).count > 0;
}

void counter_align(const Home &home, const std::string &prefix, size_t period_length) {
    const row::Rows rows = rows_of(home.counters_table, prefix);
    for (int i = 0; i < rows.count; ++i)
        for (int j = 0; j < rows.count && strlen(rows.rows[i].period) == period_length; ++j)
            if (row::overlap(rows.rows[i].period, rows.rows[j].period))
                counter_raise(home, prefix, rows.rows[i].period, 1, rows.rows[j].last);
}

void throw_exhausted(const std::string &prefix, const std::string &period, int64_t last) {
    throw Failure(Condition::sequence_limit_exceeded,
                  "ticket series \"" + prefix + "\" has no number left" +
                      (period.empty() ? "" : " in " + period),
                  "Its last number is " + std::to_string(last) + "; a number has at most 12 digits.",
                  "Begin a new series with another prefix.");
}

} // namespace ticketflow::pg::numbering
