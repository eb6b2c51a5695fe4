#include "pg/desk.h"
#include "pg/bridge.h"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/catcache.h>
#include <utils/fmgroids.h>
#include <utils/syscache.h>
}

#include <algorithm>

namespace ticketflow::pg::desk {
namespace {

bool may_create_schemas(Oid role) {
    return DatumGetBool(OidFunctionCall3(F_HAS_DATABASE_PRIVILEGE_OID_OID_TEXT, ObjectIdGetDatum(role),
                                         ObjectIdGetDatum(MyDatabaseId), CStringGetTextDatum("CREATE")));
}

bool marks_a_desk(HeapTuple tuple) {
    const Form_pg_class table = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    return table->relkind == RELKIND_RELATION && table->relpersistence == RELPERSISTENCE_PERMANENT &&
           may_create_schemas(table->relowner);
}

} // namespace

List all() {
    CatCList *const named = SearchSysCacheList1(RELNAMENSP, CStringGetDatum(kMarker));
    List desks{0, static_cast<Oid *>(palloc(sizeof(Oid) * (named->n_members + 1)))};
    for (int i = 0; i < named->n_members; ++i)
        if (HeapTuple tuple = &named->members[i]->tuple; marks_a_desk(tuple))
            desks.schemas[desks.count++] = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnamespace;
    ReleaseSysCacheList(named);
    std::sort(desks.schemas, desks.schemas + desks.count);
    return desks;
}

Oid only() {
    const List desks = all();
    return desks.count == 1 ? desks.schemas[0] : InvalidOid;
}

} // namespace ticketflow::pg::desk

TICKETFLOW_FUNCTION(ticketflow_desks) {
    using namespace ticketflow::pg;
    return call([] {
        const desk::List desks = desk::all();
        Datum *const schemas = static_cast<Datum *>(palloc(sizeof(Datum) * (desks.count + 1)));
        for (int i = 0; i < desks.count; ++i)
            schemas[i] = ObjectIdGetDatum(desks.schemas[i]);
        return PointerGetDatum(construct_array(schemas, desks.count, REGNAMESPACEOID, sizeof(Oid), true, TYPALIGN_INT));
    });
}
