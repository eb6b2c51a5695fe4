#include "pg/audit_table.h"
#include "pg/audit_consent.h"
#include "pg/desk.h"
#include "pg/owner.h"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <access/table.h>
#include <catalog/dependency.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <catalog/pg_database.h>
#include <catalog/pg_trigger.h>
#include <commands/sequence.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/catcache.h>
#include <utils/fmgrprotos.h>
#include <utils/hsearch.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/relcache.h>
#include <utils/syscache.h>
#include <utils/varlena.h>
}

#include <algorithm>
#include <cstring>

namespace ticketflow::pg::audit {
namespace {

struct Slot {
    Oid trigger; // hash key; the relation's own oid where the table is looked at without a trigger
    Table *table;
    bool fresh;
};

HTAB *cache;
MemoryContext cache_memory;

// Only marks: the table may be in use by a trigger that is running right now.
void forget(Datum, Oid relation) {
    if (!cache)
        return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (Slot *const slot = static_cast<Slot *>(hash_seq_search(&scan)))
        if (!OidIsValid(relation) || (slot->table && (slot->table->relation == relation || slot->table->log == relation)))
            slot->fresh = false;
}

void forget_types(Datum, int, uint32) { forget(0, InvalidOid); }

// --- options

JsonbValue *option(Jsonb *options, const char *name) {
    if (!options)
        return nullptr;
    JsonbValue key;
    key.type = jbvString;
    key.val.string.val = const_cast<char *>(name);
    key.val.string.len = static_cast<int>(strlen(name));
    return findJsonbValueFromContainer(&options->root, JB_FOBJECT, &key);
}

char *text_option(Jsonb *options, const char *name) {
    JsonbValue *const value = option(options, name);
    if (!value || value->type != jbvString)
        return nullptr;
    return pnstrdup(value->val.string.val, static_cast<Size>(value->val.string.len));
}

bool listed(Jsonb *options, const char *name, const char *column) {
    JsonbValue *const list = option(options, name);
    if (!list || list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data))
        return false;
    JsonbValue wanted;
    wanted.type = jbvString;
    wanted.val.string.val = const_cast<char *>(column);
    wanted.val.string.len = static_cast<int>(strlen(column));
    return findJsonbValueFromContainer(list->val.binary.data, JB_FARRAY, &wanted) != nullptr;
}

Policy policy_of(Jsonb *options, const char *column) {
    if (listed(options, "exclude", column))
        return Policy::exclude;
    if (listed(options, "redact", column))
        return Policy::redact;
    return listed(options, "ignore", column) ? Policy::ignore : Policy::record;
}

// --- where the rows go

// Who may create schemas can make a desk: what others change goes there unasked only where its owner has their rights, or owns the database.
bool may_be_default(Oid log, Oid table_owner) {
    const Oid owner = owner_of(log);
    if (!OidIsValid(owner))
        return false;
    if (has_privs_of_role(owner, table_owner))
        return true;
    HeapTuple database = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    const bool owns_database = HeapTupleIsValid(database) && reinterpret_cast<Form_pg_database>(GETSTRUCT(database))->datdba == owner;
    if (HeapTupleIsValid(database))
        ReleaseSysCache(database);
    return owns_database;
}

// By the catalog: whoever writes to the table needs no right on the schema of the log.
Oid find_log(Relation relation, Jsonb *options, const char *fallback) {
    const char *const named = text_option(options, "log");
    if (named) {
        const RangeVar *const name = makeRangeVarFromNameList(compat::qualified_name_list(named));
        if (!name->schemaname)
            return RangeVarGetRelid(name, NoLock, true);
        const Oid schema = get_namespace_oid(name->schemaname, true);
        return OidIsValid(schema) ? get_relname_relid(name->relname, schema) : InvalidOid;
    }
    const Oid own = get_relname_relid(fallback, RelationGetNamespace(relation));
    if (OidIsValid(own))
        return own;
    const Oid schema = desk::only();
    const Oid log = OidIsValid(schema) ? get_relname_relid(fallback, schema) : InvalidOid;
    return OidIsValid(log) && may_be_default(log, relation->rd_rel->relowner) ? log : InvalidOid;
}

Oid sequence_of(Oid log) {
    List *const sequences = getOwnedSequences(log);
    return sequences ? linitial_oid(sequences) : InvalidOid;
}

// --- columns and key

// A deferrable one counts too: it tells rows apart at the end of every transaction.
Oid primary_key_of(Relation relation) {
    Oid found = InvalidOid;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple))
            continue;
        if (reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple))->indisprimary)
            found = lfirst_oid(cell);
        ReleaseSysCache(tuple);
    }
    return found;
}

void find_key(Relation relation, Table &table) {
    const Oid primary = primary_key_of(relation);
    const Oid index = OidIsValid(primary) ? primary : RelationGetReplicaIndex(relation);
    table.key = static_cast<Column **>(palloc0(sizeof(Column *) * static_cast<size_t>(Max(table.count, 1))));
    table.key_count = 0;
    if (!OidIsValid(index))
        return;
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        return;
    const Form_pg_index form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    for (int i = 0; i < form->indnkeyatts; ++i)
        for (int c = 0; c < table.count; ++c)
            if (table.columns[c].attnum == form->indkey.values[i])
                table.columns[c].in_key = true;
    ReleaseSysCache(tuple);
    table.plain_key = true;
    for (int c = 0; c < table.count; ++c) {
        const Column &column = table.columns[c];
        if (!column.in_key)
            continue;
        table.key[table.key_count++] = &table.columns[c];
        table.plain_key = table.plain_key && column.kind != Kind::numeric && column.kind != Kind::real &&
                          column.kind != Kind::jsonb && column.kind != Kind::document && column.kind != Kind::texts;
    }
}

void describe_columns(Relation relation, Jsonb *options, Table &table) {
    const TupleDesc row = RelationGetDescr(relation);
    table.width = row->natts;
    table.columns = static_cast<Column *>(palloc0(sizeof(Column) * static_cast<size_t>(Max(row->natts, 1))));
    table.count = 0;
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (attribute->attisdropped || compat::is_virtual_generated(attribute))
            continue;
        Column &column = table.columns[table.count++];
        column.key = make_json_key(pstrdup(NameStr(attribute->attname)));
        column.policy = policy_of(options, column.key.name);
        describe_column(column, attribute, table.memory);
    }
    std::sort(table.columns, table.columns + table.count,
              [](const Column &a, const Column &b) { return json_key_less(a.key, b.key); });
    table.in_order = static_cast<Column **>(palloc(sizeof(Column *) * static_cast<size_t>(Max(table.count, 1))));
    for (int c = 0; c < table.count; ++c)
        table.in_order[c] = &table.columns[c];
    std::sort(table.in_order, table.in_order + table.count, [](const Column *a, const Column *b) { return a->attnum < b->attnum; });
}

int column_index(const Table &table, const char *name) {
    for (int i = 0; name && i < table.count; ++i)
        if (strcmp(table.columns[i].key.name, name) == 0)
            return i;
    return -1;
}

Table *describe(Relation relation, Jsonb *options, const char *fallback_log) {
    MemoryContext const memory = AllocSetContextCreate(cache_memory, "ticketflow audited table", ALLOCSET_SMALL_SIZES);
    MemoryContext const before = MemoryContextSwitchTo(memory);
    Table *const table = static_cast<Table *>(palloc0(sizeof(Table)));
    table->memory = memory;
    table->relation = RelationGetRelid(relation);
    const char *const name = text_option(options, "table");
    table->name = pstrdup(name ? name : RelationGetRelationName(relation));
    table->name_length = static_cast<uint32>(strlen(table->name));
    table->log = find_log(relation, options, fallback_log);
    if (OidIsValid(table->log)) {
        table->log_closed = !may_record(table->relation, table->log, table->name);
        table->log_schema = get_rel_namespace(table->log);
        table->sequence = sequence_of(table->log);
    }
    JsonbValue *const full = option(options, "full");
    table->full = full && full->type == jbvBool && full->val.boolean;
    describe_columns(relation, options, *table);
    find_key(relation, *table);
    const char *const row_key = text_option(options, "row_key");
    table->row_key_column = row_key                ? column_index(*table, row_key)
                            : table->key_count > 0 ? static_cast<int>(table->key[0] - table->columns)
                                                   : -1;
    const char *const row_key_name = text_option(options, "row_key_name");
    table->row_key_name = row_key_name ? row_key_name : "task_id";
    const AttrNumber target = OidIsValid(table->log) ? get_attnum(table->log, table->row_key_name) : InvalidAttrNumber;
    table->row_key_type = target > 0 ? get_atttype(table->log, target) : InvalidOid;
    if (OidIsValid(table->row_key_type))
        get_typlenbyval(table->row_key_type, &table->row_key_length, &table->row_key_by_value);
    table->label_column = column_index(*table, text_option(options, "label"));
    MemoryContextSwitchTo(before);
    return table;
}

void create_cache() {
    cache_memory = AllocSetContextCreate(CacheMemoryContext, "ticketflow audit", ALLOCSET_DEFAULT_SIZES);
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Slot);
    control.hcxt = cache_memory;
    cache = hash_create("ticketflow audited tables", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

Slot *slot_of(Oid trigger) {
    if (!cache)
        create_cache();
    bool found;
    Slot *const slot = static_cast<Slot *>(hash_search(cache, &trigger, HASH_ENTER, &found));
    if (!found) {
        slot->table = nullptr;
        slot->fresh = false;
    }
    return slot;
}

// A trigger further up may still be using the old description, so that one lives until the transaction ends.
void refresh(Slot *slot, Relation relation, Jsonb *options, const char *fallback_log) {
    Table *const table = describe(relation, options, fallback_log);
    if (slot->table)
        MemoryContextSetParent(slot->table->memory, TopTransactionContext);
    slot->table = table;
    slot->fresh = OidIsValid(table->log);
}

} // namespace

const Table *table_of(Relation relation, const Trigger *trigger, const char *fallback_log) {
    Slot *const slot = slot_of(trigger->tgoid);
    if (!slot->fresh || slot->table->relation != RelationGetRelid(relation)) {
        Jsonb *options = nullptr;
        if (trigger->tgnargs > 0)
            options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(trigger->tgargs[0])));
        refresh(slot, relation, options, fallback_log);
    }
    return slot->table;
}

const Table *table_of(Relation relation) {
    const TriggerDesc *const triggers = relation->trigdesc;
    for (int i = 0; triggers && i < triggers->numtriggers; ++i)
        if (strcmp(triggers->triggers[i].tgname, kTriggerName) == 0)
            return table_of(relation, &triggers->triggers[i], kLogName);
    Slot *const slot = slot_of(RelationGetRelid(relation));
    if (!slot->fresh)
        refresh(slot, relation, nullptr, kLogName);
    return slot->table;
}

void register_table_cache() {
    CacheRegisterRelcacheCallback(forget, 0);
    CacheRegisterSyscacheCallback(TYPEOID, forget_types, 0);
}

} // namespace ticketflow::pg::audit
