#include "pg/search/am_open.h"

#include "pg/compat.h"

#include <string>

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <access/xlog.h>
#include <catalog/index.h>
#include <catalog/objectaddress.h>
#include <catalog/pg_class.h>
#include <commands/defrem.h>
#include <nodes/parsenodes.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
#include <utils/syscache.h>
}

namespace ticketflow::pg::search {

using core::Condition;
using core::Failure;

namespace {

// Table-wide SELECT, or SELECT on each indexed column.
bool may_read(Oid table, Relation index) {
    if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
        return true;
    for (int i = 0; i < index->rd_index->indnatts; ++i) {
        const AttrNumber column = index->rd_index->indkey.values[i];
        if (column == 0 || pg_attribute_aclcheck(table, column, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
            return false;
    }
    return true;
}

bool may(Access access, Oid table, Relation index) {
    switch (access) {
    case Access::checked:
        return true;
    case Access::read:
        return may_read(table, index);
    case Access::counts:
        return may_read(table, index) && check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
    case Access::maintain:
        return owns_relation(RelationGetRelid(index));
    }
    return false;
}

// The ticketflow index of a table, if it has exactly one.
Oid only_index_of(Oid oid, Oid method) {
    Relation table = table_open(oid, AccessShareLock);
    Oid found = InvalidOid;
    bool several = false;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(table)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (index->rd_rel->relam == method && index->rd_index->indisvalid) {
            several = OidIsValid(found);
            found = RelationGetRelid(index);
        }
        index_close(index, AccessShareLock);
    }
    table_close(table, AccessShareLock);
    return several ? InvalidOid : found;
}

const char *advice(Access access) {
    return access == Access::maintain ? "Only the owner of the index may do this."
           : access == Access::counts ? "SELECT on the indexed columns is needed, and no row may be hidden by row security."
                                      : "SELECT on the indexed columns is needed.";
}

} // namespace

OpenIndex::OpenIndex(Oid oid, LOCKMODE lock, Access access) : lock_(lock) {
    struct Result {
        Relation relation;
        const char *name;
        bool fits, allowed;
    };
    const Result result = call([oid, lock, access]() -> Result {
        const char *const name = get_rel_name(oid);
        const char kind = get_rel_relkind(oid);
        const Oid method = get_index_am_oid("ticketflow", true);
        const bool table = kind == RELKIND_RELATION || kind == RELKIND_MATVIEW || kind == RELKIND_PARTITIONED_TABLE;
        const bool index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
        const Oid chosen = table && access != Access::maintain ? only_index_of(oid, method) : index ? oid : InvalidOid;
        // That of a partitioned table has no pages of its own: it lends its name to the numbers of all partitions.
        const bool pages = access == Access::counts || access == Access::maintain;
        if (!OidIsValid(chosen) || (pages && get_rel_relkind(chosen) != RELKIND_INDEX))
            return {nullptr, name, false, false};
        Relation relation = index_open(chosen, lock);
        const bool fits = relation->rd_rel->relam == method;
        return {relation, name, fits, fits && may(access, relation->rd_index->indrelid, relation)};
    });
    if (!result.name)
        throw Failure(Condition::undefined_table, "index with OID " + std::to_string(oid) + " does not exist");
    const std::string name = std::string("\"") + result.name + '"';
    if (!result.fits)
        throw Failure(Condition::wrong_object_type, name + " is not an index made with USING ticketflow", {},
                      "Name such an index, or a table that has exactly one; where pages are looked at, that of a partition.");
    if (!result.allowed)
        throw Failure(Condition::insufficient_privilege, std::string("permission denied for index ") + RelationGetRelationName(result.relation),
                      {}, advice(access));
    if (RecoveryInProgress() && !RelationIsPermanent(result.relation))
        throw Failure(Condition::object_not_in_state, "cannot access temporary or unlogged relations during recovery");
    relation_ = result.relation;
}

void OpenIndex::close() {
    call([this] { index_close(relation_, lock_); });
}

} // namespace ticketflow::pg::search
