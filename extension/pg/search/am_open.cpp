#include "pg/search/am_open.h"

#include "pg/compat.h"

#include <string>

extern "C" {
#include <access/genam.h>
#include <catalog/index.h>
#include <catalog/objectaddress.h>
#include <catalog/pg_class.h>
#include <commands/defrem.h>
#include <nodes/parsenodes.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
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

} // namespace

OpenIndex::OpenIndex(Oid oid, LOCKMODE lock, Access access) : lock_(lock) {
    struct Result {
        Relation relation;
        bool exists, fits, allowed;
    };
    const Result result = call([oid, lock, access]() -> Result {
        const char kind = get_rel_relkind(oid);
        if (kind == '\0')
            return {nullptr, false, false, false};
        if (kind != RELKIND_INDEX)
            return {nullptr, true, false, false};
        const Oid table = IndexGetRelation(oid, true);
        Relation relation = index_open(oid, lock);
        const bool fits = relation->rd_rel->relam == get_index_am_oid("ticketflow", true);
        const bool allowed = access == Access::read ? may_read(table, relation) : owns_relation(oid);
        return {relation, true, fits, allowed};
    });
    if (!result.exists)
        throw Failure(Condition::undefined_table, "index with OID " + std::to_string(oid) + " does not exist");
    if (!result.fits)
        throw Failure(Condition::wrong_object_type, "OID " + std::to_string(oid) + " is not an index made with USING ticketflow");
    if (!result.allowed)
        throw Failure(Condition::insufficient_privilege,
                      std::string("permission denied for index ") + RelationGetRelationName(result.relation), {},
                      access == Access::read ? "SELECT on the indexed columns is needed." : "Only the owner of the index may do this.");
    relation_ = result.relation;
}

void OpenIndex::close() {
    call([this] { index_close(relation_, lock_); });
}

} // namespace ticketflow::pg::search
