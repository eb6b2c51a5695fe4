// WITH (k1, b, weights, pending_pages) of an index, and the settings that override them for a query.
#pragma once

#include "core/search/model.h"
#include "pg/bridge.h"

extern "C" {
#include <utils/rel.h>
}

namespace ticketflow::pg::search {

// Registers the storage parameters and settings; _PG_init calls it.
void init();
// The index's own parameters, or the session's where those are set. All can change without a rebuild.
core::search::Options options_of(Relation index);
// Changes whenever one of the session's settings is set.
uint64 settings_epoch() noexcept;
// Pages of the pending list after which an insert makes a segment of it.
int pending_limit(Relation index);
bytea *parse_options(Datum options, bool validate);

} // namespace ticketflow::pg::search
