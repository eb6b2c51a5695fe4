// One index's numbers for one query, kept for the calls of one statement.
#pragma once

#include "pg/search/am_open.h"
#include "pg/search/am_search.h"

namespace ticketflow::pg::search {

struct Numbers {
    Numbers(Oid from, Datum asked, Access access);

    const Oid index;
    const OwnQuery query;
    Question question;
    engine::Options options;
    engine::Statistics statistics;
    std::optional<engine::Model> model;
    bool answerable; // whether the query can match anything
};

const Numbers &numbers_for(FmgrInfo *function, Oid index, Datum query, Access access);

} // namespace ticketflow::pg::search
