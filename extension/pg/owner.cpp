#include "pg/owner.h"

extern "C" {
#include <access/htup_details.h>
#include <access/relation.h>
#include <catalog/pg_class.h>
#include <executor/spi.h>
#include <utils/rel.h>
#include <utils/syscache.h>
}

namespace ticketflow::pg {

Oid owner_of(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

Oid lock_owner_of(Oid relation) {
    Relation opened = relation_open(relation, AccessShareLock);
    const Oid owner = opened->rd_rel->relowner;
    relation_close(opened, NoLock);
    return owner;
}

Answer first_answer() {
    Answer answer{0, true};
    if (SPI_processed == 0)
        return answer;
    const TupleDesc row = SPI_tuptable->tupdesc;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], row, 1, &answer.isnull);
    if (!answer.isnull)
        answer.value = SPI_datumTransfer(value, TupleDescAttr(row, 0)->attbyval, TupleDescAttr(row, 0)->attlen);
    return answer;
}

} // namespace ticketflow::pg
