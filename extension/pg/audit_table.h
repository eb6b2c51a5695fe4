// What the triggers need to know of an audited table, looked up once and forgotten when DDL changes it.
// Everything here may raise a PostgreSQL error: use it inside call().
#pragma once

#include "pg/audit_values.h"

extern "C" {
#include <utils/rel.h>
#include <utils/reltrigger.h>
}

namespace ticketflow::pg::audit {

constexpr const char *kTriggerName = "ticketflow_audit";
constexpr const char *kLogName = "audit_log";
constexpr const char *kHistoryName = "task_history";

struct Table {
    Oid relation;
    Oid log;        // audit_log, or the history table
    bool log_closed; // to the table's owner
    Oid log_schema;
    Oid sequence;   // that numbers the log's rows; InvalidOid: none
    const char *name; // the logical name: a partition's or shard's own name is not it
    uint32 name_length;
    bool full;      // updates keep whole rows
    int width;      // attributes of the table's descriptor, dropped ones included
    int count;
    Column *columns; // neither dropped nor generated on reading, in the order of json_key_less
    Column **in_order; // the same, in the order of the table
    int key_count;
    Column **key;   // the same order
    bool plain_key; // equal keys have equal texts
    int row_key_column; // history: index in columns of what task_history.task_id takes; -1: none
    int label_column;   // history: index in columns of what a created or deleted row shows; -1: none
    const char *row_key_name; // history: the column of the history table that takes it
    Oid row_key_type;         // history: its type
    int16 row_key_length;
    bool row_key_by_value;
    MemoryContext memory;
};

// Options of the trigger are its first argument, a JSON object: see ticketflow.audit_enable(). `fallback_log` names the
// log where the options name none.
const Table *table_of(Relation relation, const Trigger *trigger, const char *fallback_log);

// The same for a table that is looked at outside of its trigger: options of its audit trigger where it has one.
const Table *table_of(Relation relation);

void register_table_cache();

} // namespace ticketflow::pg::audit
