// complexity: the models of a desk, read and written as the owner of their table for who has the rights on it. Any role that may create
// schemas can make what looks like a desk: its triggers, checks and defaults must not get the rights of who trains a model.
#include "pg/compat.h"
#include "pg/owner.h"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
}

using ticketflow::pg::call;

namespace {

using ticketflow::core::Condition;
using ticketflow::pg::Answer;
using ticketflow::pg::give;

struct Arguments {
    int count;
    Oid types[5];
    Datum values[5];
    char nulls[5];
};

// Fixed statements; %s is the table, and all get the same arguments. The functions' own search_path tells what operators mean.
constexpr const char *kLock = "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE";
constexpr const char *kRetire = "UPDATE %s SET is_active = false WHERE is_active";
constexpr const char *kRetireFor = "UPDATE %s SET is_active = false WHERE is_active AND $4";
constexpr const char *kKeep = "INSERT INTO %1$s (name, version, model, report, is_active, trained_by) "
                              "SELECT $1, 1 + COALESCE(max(m.version), 0), $2, $3, $4, $5 FROM %1$s m WHERE m.name = $1 "
                              "RETURNING version::integer";
constexpr const char *kActivate = "UPDATE %1$s m SET is_active = true WHERE m.name = $1 AND m.version = "
                                  "COALESCE($2, (SELECT max(o.version) FROM %1$s o WHERE o.name = $1)) RETURNING m.version::integer";
constexpr const char *kExport =
    "SELECT jsonb_build_object('name', m.name, 'version', m.version, 'report', m.report, 'model', encode(m.model, 'base64'))::text "
    "FROM %s m WHERE m.name = $1 AND m.version = COALESCE($2, m.version) ORDER BY m.version DESC LIMIT 1";

// The rest of the file may raise: it runs inside call().
Oid owner_for(Oid models, AclMode rights) {
    const Oid owner = ticketflow::pg::lock_owner_of(models);
    const Oid caller = GetUserId();
    if (!has_privs_of_role(caller, owner)) {
        if (pg_class_aclmask(models, caller, rights, ACLMASK_ALL) != rights)
            ticketflow::pg::raise_inside_call(Condition::insufficient_privilege, "permission denied for the models of this desk", "",
                                              "Reading them needs SELECT on its complexity_models, writing INSERT and UPDATE as well.");
        // The owner passes by policies, so they must not bind who asks.
        if (check_enable_rls(models, caller, true) == RLS_ENABLED)
            ticketflow::pg::raise_inside_call(Condition::insufficient_privilege, "row security of complexity_models binds this role", "",
                                              "Models are for members of the role that owns the desk; api.train_complexity_model() is for administrators.");
    }
    return owner;
}

Answer run(Oid models, AclMode rights, const char *const *statements, int count, const Arguments &given) {
    const Oid owner = owner_for(models, rights);
    const char *const table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(models)), get_rel_name(models));
    const ticketflow::pg::Borrowed own = ticketflow::pg::become(owner);
    SPI_connect();
    Answer answer{0, true};
    for (int i = 0; i < count; ++i) {
        const int result = SPI_execute_with_args(psprintf(statements[i], table), given.count, const_cast<Oid *>(given.types),
                                                 const_cast<Datum *>(given.values), given.nulls, false, 0);
        const bool told = result == SPI_OK_SELECT || result == SPI_OK_INSERT_RETURNING || result == SPI_OK_UPDATE_RETURNING;
        if (told)
            answer = ticketflow::pg::first_answer();
    }
    SPI_finish();
    ticketflow::pg::give_back(own);
    return answer;
}

char null_mark(FunctionCallInfo fcinfo, int argument) { return PG_ARGISNULL(argument) ? 'n' : ' '; }

Arguments named(FunctionCallInfo fcinfo) {
    return {2, {TEXTOID, INT4OID}, {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)}, {null_mark(fcinfo, 1), null_mark(fcinfo, 2)}};
}

} // namespace

TICKETFLOW_FUNCTION(ticketflow_complexity_keep) {
    const Answer answer = call([fcinfo] {
        const char *const statements[] = {kLock, kRetireFor, kKeep};
        const Arguments given{5,
                              {TEXTOID, BYTEAOID, JSONBOID, BOOLOID, TEXTOID},
                              {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3), PG_GETARG_DATUM(4),
                               CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))},
                              {' ', ' ', ' ', ' ', ' '}};
        return run(PG_GETARG_OID(0), ACL_SELECT | ACL_INSERT | ACL_UPDATE, statements, 3, given);
    });
    return give(fcinfo, answer);
}

TICKETFLOW_FUNCTION(ticketflow_complexity_activate) {
    if (PG_ARGISNULL(0))
        return give(fcinfo, {0, true});
    const Answer answer = call([fcinfo] {
        const char *const statements[] = {kLock, kRetire, kActivate};
        return run(PG_GETARG_OID(0), ACL_SELECT | ACL_UPDATE, statements, 3, named(fcinfo));
    });
    return give(fcinfo, answer);
}

TICKETFLOW_FUNCTION(ticketflow_complexity_exported) {
    if (PG_ARGISNULL(0))
        return give(fcinfo, {0, true});
    const Answer answer = call([fcinfo] { return run(PG_GETARG_OID(0), ACL_SELECT, &kExport, 1, named(fcinfo)); });
    return give(fcinfo, answer);
}
