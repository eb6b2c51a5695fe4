// The access method `ticketflow`: what PostgreSQL calls, each through the bridge.
#include "pg/search/am_build.h"
#include "pg/search/am_cost.h"
#include "pg/search/am_options.h"
#include "pg/search/am_scan.h"

extern "C" {
#include <access/amapi.h>
}

namespace ticketflow::pg::search {

namespace {

IndexBuildResult *am_build(Relation heap, Relation index, IndexInfo *info) {
    return entry([=] { return build(heap, index, info); });
}
void am_build_empty(Relation index) {
    entry([=] { build_empty(index); });
}
bool am_insert(Relation index, Datum *values, bool *nulls, ItemPointer tid, Relation, IndexUniqueCheck, bool, IndexInfo *) {
    entry([=] { insert(index, values[0], nulls[0], tid); });
    return false;
}
IndexBulkDeleteResult *am_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback, void *state) {
    return entry([=] { return bulk_delete(info, stats, callback, state); });
}
IndexBulkDeleteResult *am_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    return entry([=] { return vacuum_cleanup(info, stats); });
}
void am_cost_estimate(PlannerInfo *root, IndexPath *path, double loops, Cost *startup, Cost *total, Selectivity *selectivity,
                      double *correlation, double *pages) {
    entry([=] { estimate_cost(root, path, loops, {startup, total, selectivity, correlation, pages}); });
}
bytea *am_options(Datum options, bool validate) {
    return entry([=] { return parse_options(options, validate); });
}
char *am_build_phase_name(int64 phase) { return const_cast<char *>(build_phase_name(phase)); }
bool am_validate(Oid) { return true; }
IndexScanDesc am_begin_scan(Relation index, int keys, int orderbys) {
    return entry([=] { return begin_scan(index, keys, orderbys); });
}
void am_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count) {
    entry([=] { rescan(scan, keys, key_count, orderbys, orderby_count); });
}
bool am_get_tuple(IndexScanDesc scan, ScanDirection direction) {
    return entry([=] { return get_tuple(scan, direction); });
}
int64 am_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap) {
    return entry([=] { return get_bitmap(scan, bitmap); });
}
void am_end_scan(IndexScanDesc scan) {
    entry([=] { end_scan(scan); });
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_handler) {
    using namespace ticketflow::pg::search;
    IndexAmRoutine *const routine = ticketflow::pg::call([] { return makeNode(IndexAmRoutine); });
    routine->amstrategies = 2; // 1: @@, 2: <@> to order by
    routine->amsupport = 0;
    routine->amcanorderbyop = true;
    routine->amoptionalkey = true;
    routine->amusemaintenanceworkmem = true;
    routine->amkeytype = InvalidOid;
    routine->ambuild = am_build;
    routine->ambuildempty = am_build_empty;
    routine->aminsert = am_insert;
    routine->ambulkdelete = am_bulk_delete;
    routine->amvacuumcleanup = am_vacuum_cleanup;
    routine->amcostestimate = am_cost_estimate;
    routine->amoptions = am_options;
    routine->ambuildphasename = am_build_phase_name;
    routine->amvalidate = am_validate;
    routine->ambeginscan = am_begin_scan;
    routine->amrescan = am_rescan;
    routine->amgettuple = am_get_tuple;
    routine->amgetbitmap = am_get_bitmap;
    routine->amendscan = am_end_scan;
    PG_RETURN_POINTER(routine);
}
