#include "pg/audit_consent.h"
#include "pg/datum.h"
#include "pg/owner.h"

extern "C" {
#include <access/genam.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <catalog/partition.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

constexpr const char *kConsentTable = "audit_consents";

struct Columns {
    AttrNumber target, log, table_name;
};

// Found by its name only: somebody else's, or another kind of thing, says nothing.
bool describe(Oid consents, Oid log, Columns &columns) {
    if (!OidIsValid(consents) || get_rel_relkind(consents) != RELKIND_RELATION || owner_of(consents) != owner_of(log))
        return false;
    columns = {get_attnum(consents, "target"), get_attnum(consents, "log"), get_attnum(consents, "table_name")};
    const auto has = [consents](AttrNumber column, Oid type) { return column > 0 && get_atttype(consents, column) == type; };
    return has(columns.target, REGCLASSOID) && has(columns.log, REGCLASSOID) && has(columns.table_name, TEXTOID);
}

bool is_listed(Relation consents, const Columns &columns, Oid relation, Oid log, const char *table_name) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], columns.target, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    ScanKeyInit(&keys[1], columns.log, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(log));
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(consents, InvalidOid, false, snapshot, 2, keys);
    bool found = false;
    while (HeapTuple row = systable_getnext(scan)) {
        bool is_null;
        const Datum name = heap_getattr(row, columns.table_name, RelationGetDescr(consents), &is_null);
        found = found || (!is_null && strcmp(TextDatumGetCString(name), table_name) == 0);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    return found;
}

// A partition is recorded with its table.
bool has_consent(Oid relation, Oid log, const char *table_name) {
    const Oid place = get_relname_relid(kConsentTable, get_rel_namespace(log));
    if (!OidIsValid(place))
        return false;
    Relation consents = table_open(place, AccessShareLock);
    Columns columns;
    bool found = false;
    if (describe(place, log, columns)) {
        found = is_listed(consents, columns, relation, log, table_name);
        if (!found && get_rel_relispartition(relation)) {
            ListCell *cell;
            foreach (cell, get_partition_ancestors(relation))
                found = found || is_listed(consents, columns, lfirst_oid(cell), log, table_name);
        }
    }
    table_close(consents, AccessShareLock);
    return found;
}

} // namespace

bool may_record(Oid relation, Oid log, const char *table_name) {
    const Oid owner = owner_of(relation), log_owner = owner_of(log);
    if (!OidIsValid(owner) || !OidIsValid(log_owner))
        return false;
    return pg_class_aclcheck(log, owner, ACL_INSERT) == ACLCHECK_OK || has_privs_of_role(owner, log_owner) ||
           has_consent(relation, log, table_name);
}

} // namespace ticketflow::pg::audit

using namespace ticketflow::pg;

TICKETFLOW_FUNCTION(ticketflow_audit_may_record) {
    const Oid relation = PG_GETARG_OID(0), log = PG_GETARG_OID(1);
    const Datum table_name = PG_GETARG_DATUM(2);
    return BoolGetDatum(call([=] { return audit::may_record(relation, log, TextDatumGetCString(table_name)); }));
}
