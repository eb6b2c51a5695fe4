#include "pg/audit_context.h"

#include "core/audit/canonical.h"
#include "core/audit/merkle.h"
#include "pg/access.h"
#include "pg/audit_row.h"
#include "pg/audit_writer.h"

extern "C" {
#include <access/genam.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/pg_am.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/fmgrprotos.h>
#include <utils/guc.h>
#include <utils/hsearch.h>
#include <utils/inet.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

constexpr const char *kContextTable = "audit_contexts";
constexpr const char *kActorKinds[] = {"user", "system", "import", "ai", "api_key"};

constexpr size_t kLongestAddress = 64;

char *request_id;
char *said_client; // by a service that speaks for users
char *cause;
char *actor_kind;

constexpr LogShape kContextShape = {
    8,
    7,
    false,
    {{"id", INT8OID, true},
     {"digest", BYTEAOID, true},
     {"database_role", TEXTOID, true},
     {"login_role", TEXTOID, true},
     {"actor_kind", TEXTOID, true},
     {"client_address", TEXTOID, true},
     {"application_name", TEXTOID, true},
     {"first_seen", TIMESTAMPTZOID, true}}};

// What a session last wrote under, and which contexts it knows to be stored.
struct Current {
    Oid schema;
    Oid role, login;
    bool has_user;
    const char *kind;
    char application[NAMEDATALEN];
    char address[kLongestAddress];
    int64 id;
    core::audit::Digest digest;
    bool valid;
};

struct Known {
    Oid table;
    int64 id;
};

struct KnownEntry {
    Known key;
    bool committed;
};

Current current;
HTAB *known;

void forget_contexts(Datum, Oid relation) {
    current.valid = false;
    if (!known)
        return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, known);
    while (KnownEntry *const entry = static_cast<KnownEntry *>(hash_seq_search(&scan)))
        if (!OidIsValid(relation) || entry->key.table == relation)
            hash_search(known, &entry->key, HASH_REMOVE, nullptr);
}

void forget_roles(Datum, int, uint32) { current.valid = false; }

// A context that this transaction stored is known for good once it commits.
void settle(bool commit) {
    if (!known)
        return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, known);
    while (KnownEntry *const entry = static_cast<KnownEntry *>(hash_seq_search(&scan))) {
        if (entry->committed)
            continue;
        if (commit)
            entry->committed = true;
        else {
            current.valid = false;
            hash_search(known, &entry->key, HASH_REMOVE, nullptr);
        }
    }
}

void at_transaction_event(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT)
        settle(true);
    else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        settle(false);
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        settle(false);
}

// Found by its name only: it may be anything.
bool keeps_contexts(Oid table) {
    const AttrNumber column = get_attnum(table, "id");
    return get_rel_relkind(table) == RELKIND_RELATION && column > 0 && get_atttype(table, column) == INT8OID;
}

bool is_btree(Oid index) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
    const bool result = HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relam == BTREE_AM_OID;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    return result;
}

bool is_stored(Oid table, int64 id) {
    Relation contexts = table_open(table, AccessShareLock);
    if (!keeps_contexts(table))
        raise_inside_call(core::Condition::wrong_object_type, "table \"audit_contexts\" was changed while it was opened", "", "Try again.");
    Oid index = InvalidOid;
    const AttrNumber column = get_attnum(table, "id");
    List *const indexes = RelationGetIndexList(contexts);
    ListCell *cell;
    foreach (cell, indexes) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
        const Form_pg_index form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
        if (form->indkey.values[0] == column && form->indisvalid && is_btree(lfirst_oid(cell)))
            index = lfirst_oid(cell);
        ReleaseSysCache(tuple);
    }
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(contexts, index, OidIsValid(index), snapshot, 1, &key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(contexts, AccessShareLock);
    return found;
}

Datum text_or_null(const char *value, bool &is_null) {
    is_null = !value;
    return value ? CStringGetTextDatum(value) : Datum(0);
}

void store(Oid table, const char *role, const char *login, const char *kind, const char *client, const char *application) {
    LogRow row = {};
    row.values[0] = Int64GetDatum(current.id);
    bytea *const digest = static_cast<bytea *>(palloc(VARHDRSZ + sizeof(core::audit::Digest)));
    SET_VARSIZE(digest, VARHDRSZ + sizeof(core::audit::Digest));
    memcpy(VARDATA(digest), current.digest.data(), sizeof(core::audit::Digest));
    row.values[1] = PointerGetDatum(digest);
    row.values[2] = text_or_null(role, row.nulls[2]);
    row.values[3] = text_or_null(login, row.nulls[3]);
    row.values[4] = text_or_null(kind, row.nulls[4]);
    row.values[5] = text_or_null(client, row.nulls[5]);
    row.values[6] = text_or_null(application, row.nulls[6]);
    row.values[7] = TimestampTzGetDatum(GetCurrentStatementStartTimestamp());
    add_row(table, &kContextShape, row);
}

bool is_address(const char *text) {
    unsigned char bytes[16];
    return text && *text && strlen(text) < kLongestAddress &&
           (pg_inet_net_pton(PGSQL_AF_INET, text, bytes, 4) >= 0 || pg_inet_net_pton(PGSQL_AF_INET6, text, bytes, 16) >= 0);
}

// Null for a local socket.
const char *client_address() {
    LOCAL_FCINFO(fcinfo, 0);
    InitFunctionCallInfoData(*fcinfo, nullptr, 0, InvalidOid, nullptr, nullptr);
    const Datum address = inet_client_addr(fcinfo);
    return fcinfo->isnull ? nullptr : DatumGetCString(DirectFunctionCall1(inet_out, address));
}

// A login that is bound to one person is that person, whatever it sets.
const char *kind_of_actor(bool has_user, bool may_say) {
    const bool says = may_say && actor_kind && *actor_kind;
    for (const char *const kind : kActorKinds)
        if (says && strcmp(actor_kind, kind) == 0)
            return kind;
    return has_user ? "user" : "system";
}

void remember(Oid table, bool stored) {
    if (!known) {
        HASHCTL control = {};
        control.keysize = sizeof(Known);
        control.entrysize = sizeof(KnownEntry);
        known = hash_create("ticketflow log contexts", 32, &control, HASH_ELEM | HASH_BLOBS);
    }
    Known key = {};
    key.table = table;
    key.id = current.id;
    bool found;
    KnownEntry *const entry = static_cast<KnownEntry *>(hash_search(known, &key, HASH_ENTER, &found));
    entry->committed = stored || (found && entry->committed);
}

bool is_known(Oid table) {
    Known key = {};
    key.table = table;
    key.id = current.id;
    return known && hash_search(known, &key, HASH_FIND, nullptr) != nullptr;
}

} // namespace

core::audit::Digest context_digest(const char *database_role, const char *login_role, const char *kind,
                                   const char *client_address, const char *application_name) {
    BufferSink sink;
    initStringInfo(&sink.bytes);
    core::audit::Canonical<BufferSink> canonical(sink);
    canonical.text(kContextTable);
    canonical.optional(database_role);
    canonical.optional(login_role);
    canonical.optional(kind);
    canonical.optional(client_address);
    canonical.optional(application_name);
    return core::audit::sha256(core::audit::kLeaf, sink.view());
}

Origin origin_of_change(Oid desk) {
    const bool may_say_kind = access::speaks_for_users(desk);
    const auto user = access::current_user(desk);
    const auto said = [](const char *value) { return value && *value ? value : nullptr; };
    return {user.value_or(std::string_view()), said(request_id), said(cause), may_say_kind};
}

int64 context_of_change(Oid log_schema, const Origin &origin, core::audit::Digest &digest) {
    const Oid role = GetOuterUserId(), login = GetSessionUserId();
    const char *const kind = kind_of_actor(origin.user.data() != nullptr, origin.may_say_kind);
    const char *const application = application_name && *application_name ? application_name : nullptr;
    const char *const said_address = origin.may_say_kind && is_address(said_client) ? said_client : nullptr;
    if (current.valid && current.schema == log_schema && current.role == role && current.login == login &&
        current.kind == kind && strcmp(current.address, said_address ? said_address : "") == 0 && strcmp(current.application, application ? application : "") == 0) {
        digest = current.digest;
        return current.id;
    }
    const Oid table = get_relname_relid(kContextTable, log_schema);
    if (!OidIsValid(table) || !keeps_contexts(table))
        return 0;
    const char *const role_name = GetUserNameFromId(role, true), *const login_name = GetUserNameFromId(login, true);
    const char *const client = said_address ? said_address : client_address();
    current.digest = context_digest(role_name, login_name, kind, client, application);
    current.id = 0;
    for (size_t i = 0; i < sizeof current.id; ++i)
        current.id = static_cast<int64>(static_cast<uint64>(current.id) << 8 | current.digest[i]);
    if (!is_known(table)) {
        const bool stored = is_stored(table, current.id);
        if (!stored)
            store(table, role_name, login_name, kind, client, application);
        remember(table, stored);
    }
    current.schema = log_schema;
    current.role = role;
    current.login = login;
    current.kind = kind;
    strlcpy(current.address, said_address ? said_address : "", sizeof current.address);
    strlcpy(current.application, application ? application : "", sizeof current.application);
    current.valid = true;
    digest = current.digest;
    return current.id;
}

void register_context() {
    CacheRegisterRelcacheCallback(forget_contexts, 0);
    CacheRegisterSyscacheCallback(AUTHOID, forget_roles, 0);
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
    const auto define = [](const char *name, const char *text, char **value) {
        DefineCustomStringVariable(name, text, nullptr, value, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    };
    define("app.request_id", "Request that changes belong to, for the audit log.", &request_id);
    define("app.client_address", "Address of the client of a service, for the audit log.", &said_client);
    define("app.cause", "Why something is changed, for the audit log.", &cause);
    define("app.actor_kind", "Who changes something: user, system, import, ai or api_key.", &actor_kind);
}

} // namespace ticketflow::pg::audit
