// current_user_id(): the setting app.current_user_id where the login role may speak for users, else the login's own user.
#include "pg/access.h"
#include "pg/access_explain.h"
#include "pg/datum.h"
#include "pg/desk.h"
#include "pg/owner.h"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/skey.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/indexing.h>
#include <catalog/namespace.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_class.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_type.h>
#include <utils/acl.h>
#include <utils/fmgroids.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
}

#include <cstring>

namespace ticketflow::pg::access {
namespace {

constexpr const char *kSetting = "app.current_user_id";
constexpr const char *kServiceRole = "ticketflow_service";
constexpr const char *kBindings = "login_users";
constexpr size_t kLongestUser = 1024;

// What a login role may do on a desk. Membership tests and the binding cost catalog reads, a policy asks for every
// statement: so the answer is kept until the transaction ends or a command changes something.
struct Standing {
    bool known;
    Oid login;
    Oid desk;
    CommandId command;
    bool speaks_for_users;
    bool bound;
    size_t length;
    char user[kLongestUser];
};

Standing cached;
char *setting = nullptr;
uint64 times_set = 0;

void note_change(const char *, void *) { ++times_set; }

void forget_at_end(XactEvent, void *) { cached.known = false; }

void forget_at_subend(SubXactEvent, SubTransactionId, SubTransactionId, void *) { cached.known = false; }

Oid schema_owner(Oid schema) {
    HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
    ReleaseSysCache(tuple);
    return owner;
}

// Reads login_users past its privileges: who is bound to a login is no secret from that login.
void find_binding(Oid desk, Oid login, Standing &standing) {
    const Oid table = get_relname_relid(kBindings, desk);
    if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION)
        return;
    const AttrNumber role_column = get_attnum(table, "role_name"), user_column = get_attnum(table, "user_id");
    if (role_column <= 0 || user_column <= 0 || get_atttype(table, role_column) != NAMEOID ||
        get_atttype(table, user_column) != VARCHAROID)
        return;
    Relation bindings = table_open(table, AccessShareLock);
    NameData name;
    namestrcpy(&name, GetUserNameFromId(login, false));
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, 0, role_column, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_NAMEEQ,
                           NameGetDatum(&name));
    // A parallel query may only use the snapshot that it began with.
    Snapshot snapshot = RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(bindings, InvalidOid, false, snapshot, 1, &key);
    if (HeapTuple tuple = systable_getnext(scan)) {
        bool is_null = false;
        const Datum value = heap_getattr(tuple, user_column, RelationGetDescr(bindings), &is_null);
        if (!is_null) {
            char *const user = TextDatumGetCString(value);
            standing.length = strlcpy(standing.user, user, kLongestUser);
            standing.bound = standing.length > 0 && standing.length < kLongestUser;
        }
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(bindings, AccessShareLock);
}

// May raise: runs inside call().
void learn(Oid login, Oid desk, CommandId command) {
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(forget_at_end, nullptr);
        RegisterSubXactCallback(forget_at_subend, nullptr);
        registered = true;
    }
    cached.known = false;
    cached.bound = false;
    cached.speaks_for_users = superuser_arg(login);
    if (!cached.speaks_for_users) {
        const Oid service = get_role_oid(kServiceRole, true);
        cached.speaks_for_users = OidIsValid(service) && is_member_of_role_nosuper(login, service);
    }
    Oid where = desk;
    if (!OidIsValid(where) && !cached.speaks_for_users) {
        cached.speaks_for_users = is_member_of_role_nosuper(login, ROLE_PG_DATABASE_OWNER);
        where = desk::only();
    }
    if (OidIsValid(where) && !cached.speaks_for_users) {
        const Oid marker = get_relname_relid(desk::kMarker, where);
        const Oid owner = OidIsValid(marker) ? owner_of(marker) : schema_owner(where);
        cached.speaks_for_users = OidIsValid(owner) && is_member_of_role_nosuper(login, owner);
        if (!cached.speaks_for_users && OidIsValid(marker))
            find_binding(where, login, cached);
    }
    cached.login = login;
    cached.desk = desk;
    cached.command = command;
    cached.known = true;
}

void look_up(Oid desk) {
    const Oid login = GetSessionUserId();
    const CommandId command = GetCurrentCommandId(false);
    if (!cached.known || cached.login != login || cached.desk != desk || cached.command != command)
        learn(login, desk, command);
}

} // namespace

bool speaks_for_users(Oid desk) {
    return call([desk] {
        look_up(desk);
        return cached.speaks_for_users;
    });
}

std::optional<std::string_view> current_user(Oid desk) {
    const bool heard = speaks_for_users(desk);
    if (heard && setting && *setting)
        return std::string_view(setting);
    if (cached.bound)
        return std::string_view(cached.user, cached.length);
    return std::nullopt;
}

uint64 setting_changes() { return times_set; }

// Sessions set it before the library is there as well: PostgreSQL hands such a value over.
void init() {
    call([] {
        DefineCustomStringVariable(kSetting, "The person in whose name this session acts.",
                                   "Counts only where the login may speak for people.", &setting, "", PGC_USERSET, 0, nullptr,
                                   note_change, nullptr);
    });
    define_settings_key();
    guard_plans();
}

} // namespace ticketflow::pg::access

using namespace ticketflow;

TICKETFLOW_FUNCTION(ticketflow_access_current_user_id) {
    const Oid desk = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
    const auto user = pg::access::current_user(desk);
    if (!user)
        PG_RETURN_NULL();
    return pg::make_text(*user);
}
