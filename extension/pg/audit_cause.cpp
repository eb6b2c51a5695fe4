#include "pg/audit_cause.h"

#include "pg/audit_writer.h"

extern "C" {
#include <access/xact.h>
#include <catalog/partition.h>
#include <parser/parsetree.h>
#include <tcop/pquery.h>
#include <utils/lsyscache.h>
#include <utils/portal.h>
#include <utils/rel.h>
}

#include <cstring>

namespace ticketflow::pg::audit {
namespace {

bool targets(const PlannedStmt *plan, Oid relation) {
    ListCell *cell;
    foreach (cell, plan->resultRelations)
        if (rt_fetch(lfirst_int(cell), plan->rtable)->relid == relation)
            return true;
    return false;
}

// The statement whose effects are being recorded; its plan is out of reach only in a session's very first one inside a
// function, when this library is loaded too late to see it start.
const PlannedStmt *statement_now() {
    if (const PlannedStmt *const plan = current_statement())
        return plan;
    if (!ActivePortal || list_length(ActivePortal->stmts) != 1)
        return nullptr;
    PlannedStmt *const plan = linitial_node(PlannedStmt, ActivePortal->stmts);
    return plan->commandType == CMD_UTILITY || plan->commandType == CMD_SELECT ? nullptr : plan;
}

// "cascade: users" where a foreign key, and not the statement itself, changed this table; else null.
const char *cascade_of(Relation relation) {
    const PlannedStmt *const plan = statement_now();
    if (!plan || !plan->resultRelations)
        return nullptr;
    // Rows of one statement come in long runs of the same table.
    static const PlannedStmt *last_plan;
    static Oid last_relation;
    static SubTransactionId last_transaction;
    static CommandId last_command;
    static char last_cause[NAMEDATALEN + 16];
    const SubTransactionId transaction = GetCurrentSubTransactionId();
    const CommandId command = GetCurrentCommandId(false);
    const Oid self = RelationGetRelid(relation);
    if (plan != last_plan || last_relation != self || last_transaction != transaction || last_command != command) {
        last_plan = plan;
        last_relation = self;
        last_transaction = transaction;
        last_command = command;
        last_cause[0] = '\0';
        bool own = targets(plan, self);
        if (!own && relation->rd_rel->relispartition) {
            ListCell *cell;
            foreach (cell, get_partition_ancestors(self))
                own = own || targets(plan, lfirst_oid(cell));
        }
        if (!own) {
            const Oid source = rt_fetch(linitial_int(plan->resultRelations), plan->rtable)->relid;
            const char *const name = get_rel_name(source);
            snprintf(last_cause, sizeof last_cause, "cascade: %s", name ? name : "");
        }
    }
    return last_cause[0] ? last_cause : nullptr;
}

} // namespace

const char *cause_of(const Origin &origin, Relation relation) {
    const char *const cascade = cascade_of(relation);
    if (!cascade || !origin.cause)
        return cascade ? cascade : origin.cause;
    return psprintf("%s; %s", cascade, origin.cause);
}

bool is_known_truncation(const TriggerData *data, const Table &table) {
    // One TRUNCATE of a partitioned table fires for it, and then for each of its partitions.
    static struct {
        Oid relation, log;
        TransactionId transaction;
        CommandId command;
    } last;
    const Relation relation = data->tg_relation;
    const TransactionId transaction = GetTopTransactionIdIfAny();
    const CommandId command = GetCurrentCommandId(false);
    if (relation->rd_rel->relispartition && last.log == table.log && TransactionIdIsValid(transaction) &&
        last.transaction == transaction && last.command == command &&
        list_member_oid(get_partition_ancestors(RelationGetRelid(relation)), last.relation))
        return true;
    // A partition that was detached kept only this trigger.
    bool recorded = false;
    const TriggerDesc *const triggers = relation->trigdesc;
    for (int i = 0; triggers && i < triggers->numtriggers; ++i)
        recorded = recorded || strcmp(triggers->triggers[i].tgname, kTriggerName) == 0;
    last = {RelationGetRelid(relation), table.log, transaction, command};
    return !recorded;
}

} // namespace ticketflow::pg::audit
