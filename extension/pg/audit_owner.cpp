// audit_as_owner(relation, statement): runs a statement with the rights of a relation's owner, as a foreign key's
// actions are. What it reads and writes may hold the owner's code (triggers, casts, checks of domains, a desk's functions):
// that code must not get the rights of a superuser who calls it, or of the extension's owner, in whose name the event trigger runs.
#include "pg/compat.h"
#include "pg/owner.h"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/datum.h>
}

using ticketflow::pg::Answer;
using ticketflow::pg::call;

namespace {

// May raise: runs inside call(). The end of the (sub)transaction resets the user after an error.
Answer run_as_owner(Oid relation, Datum statement) {
    const Oid owner = ticketflow::pg::lock_owner_of(relation);
    // Who could become the owner anyway.
    if (!has_privs_of_role(GetUserId(), owner))
        ticketflow::pg::raise_inside_call(ticketflow::core::Condition::insufficient_privilege,
                                          "only the owner of a relation, or a member of that role, may run statements as its owner", "", "");
    const ticketflow::pg::Borrowed own = ticketflow::pg::become(owner);
    SPI_connect();
    const int result = SPI_execute(TextDatumGetCString(statement), false, 1);
    Answer answer{0, true};
    if ((result == SPI_OK_SELECT || result == SPI_OK_INSERT_RETURNING) && SPI_processed == 1 &&
        SPI_gettypeid(SPI_tuptable->tupdesc, 1) == JSONBOID)
        answer = ticketflow::pg::first_answer();
    SPI_finish();
    ticketflow::pg::give_back(own);
    return answer;
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_audit_as_owner) {
    const Oid relation = PG_GETARG_OID(0);
    const Datum statement = PG_GETARG_DATUM(1);
    const Answer answer = call([=] { return run_as_owner(relation, statement); });
    return ticketflow::pg::give(fcinfo, answer);
}
