// What the planner is told.
#pragma once

#include "pg/bridge.h"

extern "C" {
#include <nodes/pathnodes.h>
}

namespace ticketflow::pg::search {

struct CostResult {
    Cost *startup, *total;
    Selectivity *selectivity;
    double *correlation, *pages;
};
void estimate_cost(PlannerInfo *root, IndexPath *path, double loops, CostResult result);

} // namespace ticketflow::pg::search
