// CREATE INDEX, and single rows afterwards.
#pragma once

#include "pg/search/am_pages.h"

extern "C" {
#include <access/genam.h>
#include <nodes/execnodes.h>
}

namespace ticketflow::pg::search {

IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info);
void build_empty(Relation index);
const char *build_phase_name(int64 phase);
void insert(Relation index, Datum value, bool null, ItemPointer tid);

IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback, void *state);
IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

} // namespace ticketflow::pg::search
