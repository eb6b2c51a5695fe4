#include "pg/numbering_home.h"

#include "pg/compat.h"
#include "pg/desk.h"
#include "pg/numbering_counter.h"
#include "pg/numbering_gapless.h"

#include <charconv>
#include <cstring>
#include <set>
#include <vector>

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/indexing.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

uint64_t changes = 1;
std::set<Oid> watched;
std::unordered_map<Oid, HomePtr> homes;
uint64_t homes_changes = 0;

constexpr const char *kSeriesTable = "ticket_series";
constexpr const char *kScopesTable = "ticket_series_scopes";
constexpr const char *kCountersTable = "ticket_counters";

void relation_changed(Datum, Oid relation) {
    if (relation == InvalidOid || watched.count(relation))
        ++changes;
}

void role_changed(Datum, int, uint32) {
    ++changes;
}

// The rows of a small table as C strings (null for NULL) in the current memory context.
struct TextRows {
    char ***rows;
    int count;
    int missing; // index of a column that the table does not have, or -1
};

TextRows read_table(Oid table, const char *const *columns, int width) {
    return call([=] {
        TextRows result{nullptr, 0, -1};
        Relation rel = table_open(table, AccessShareLock);
        if (rel->rd_rel->relkind != RELKIND_RELATION)
            raise_inside_call(Condition::wrong_object_type, psprintf("\"%s\" is not a table", RelationGetRelationName(rel)), "", "");
        AttrNumber *numbers = static_cast<AttrNumber *>(palloc0(sizeof(AttrNumber) * width));
        for (int i = 0; i < width && result.missing < 0; ++i)
            if ((numbers[i] = get_attnum(table, columns[i])) == InvalidAttrNumber)
                result.missing = i;
        int room = 16;
        result.rows = static_cast<char ***>(palloc(sizeof(char **) * room));
        // The latest committed state, whatever the isolation level: the rows outlive this transaction in the
        // cache.
        // A parallel query may only use the snapshot that it began with, and what is read so is not kept.
        Snapshot snapshot = RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
        TableScanDesc scan = table_beginscan(rel, snapshot, 0, nullptr);
        TupleTableSlot *slot = table_slot_create(rel, nullptr);
        while (result.missing < 0 && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
            if (result.count == room)
                result.rows = static_cast<char ***>(repalloc(result.rows, sizeof(char **) * (room *= 2)));
            char **row = result.rows[result.count++] = static_cast<char **>(palloc0(sizeof(char *) * width));
            for (int i = 0; i < width; ++i) {
                bool isnull;
                Datum value = slot_getattr(slot, numbers[i], &isnull);
                Oid output;
                bool varlena;
                if (isnull)
                    continue;
                getTypeOutputInfo(TupleDescAttr(RelationGetDescr(rel), numbers[i] - 1)->atttypid, &output,
                                  &varlena);
                row[i] = OidOutputFunctionCall(output, value);
            }
        }
        ExecDropSingleTupleTableSlot(slot);
        table_endscan(scan);
        UnregisterSnapshot(snapshot);
        table_close(rel, AccessShareLock);
        return result;
    });
}

TextRows read_columns(Oid table, const char *name, const char *const *columns, int width) {
    const TextRows rows = read_table(table, columns, width);
    if (rows.missing >= 0)
        throw Failure(Condition::undefined_column,
                      std::string("table \"") + name + "\" has no column \"" + columns[rows.missing] + "\"",
                      "It is not the table that ticketflow.deploy() made.");
    return rows;
}

std::shared_ptr<const Series> defaults_for(const std::string &prefix) {
    core::check_prefix(prefix);
    auto series = std::make_shared<Series>();
    series->prefix = prefix;
    series->zone = call([] { return pg_tzset("UTC"); });
    return series;
}

std::string text_of(const char *value) {
    return value ? value : "";
}

int64_t integer_of(const char *value, const char *column) {
    int64_t result = 0;
    const char *const end = value + strlen(value);
    const auto [last, error] = std::from_chars(value, end, result);
    if (error != std::errc() || last != end)
        throw Failure(Condition::invalid_text_representation,
                      std::string("\"") + value + "\" in column \"" + column + "\" of " + kSeriesTable + " is not an integer");
    return result;
}

void load_series(Home &home) {
    static constexpr const char *kColumns[] = {"prefix",       "mask", "reset",       "time_zone",
                                               "start_number", "mode", "permute_key", "is_default"};
    const TextRows table = read_columns(home.series_table, kSeriesTable, kColumns, 8);
    for (int i = 0; i < table.count; ++i) {
        char **row = table.rows[i];
        for (int column = 0; column < 6; ++column)
            if (!row[column])
                throw Failure(Condition::object_not_in_state,
                              std::string("column \"") + kColumns[column] + "\" of " + kSeriesTable + " is null",
                              "It is not the table that ticketflow.deploy() made.");
        auto series = std::make_shared<Series>();
        series->prefix = row[0];
        series->mask = core::Mask(text_of(row[1]));
        series->reset = core::reset_from(text_of(row[2]));
        const char *zone = row[3];
        series->zone = call([zone] { return pg_tzset(zone); });
        if (!series->zone)
            throw Failure(Condition::invalid_parameter_value,
                          "time zone \"" + text_of(zone) + "\" of ticket series \"" + series->prefix +
                              "\" is not known",
                          "", "See pg_timezone_names for the names that this server knows.");
        series->start = integer_of(row[4], kColumns[4]);
        series->mode = text_of(row[5]) == "gapless" ? Mode::gapless : Mode::fast;
        if (row[6])
            series->permute_key = static_cast<uint64_t>(integer_of(row[6], kColumns[6]));
        if (text_of(row[7]) == "t")
            home.default_prefix = series->prefix;
        home.series.emplace(series->prefix, std::move(series));
    }
}

void load_scopes(Home &home) {
    static constexpr const char *kColumns[] = {"scope", "value", "prefix", "code"};
    const TextRows table = read_columns(home.scopes_table, kScopesTable, kColumns, 4);
    for (int i = 0; i < table.count; ++i) {
        char **row = table.rows[i];
        home.scopes[{text_of(row[0]), text_of(row[1])}] = {text_of(row[2]), text_of(row[3])};
    }
}

// Only a table counts: anybody may make a view of that name.
Oid table_in(Oid schema, const char *name) {
    return call([=] {
        const Oid table = get_relname_relid(name, schema);
        return OidIsValid(table) && get_rel_relkind(table) == RELKIND_RELATION ? table : InvalidOid;
    });
}

bool holds_home(Oid schema) {
    return OidIsValid(table_in(schema, kCountersTable)) && OidIsValid(table_in(schema, kSeriesTable)) &&
           OidIsValid(table_in(schema, kScopesTable));
}

// The control file fixes the name; dropping the extension drops tables that are watched.
Oid extension_schema() {
    static Oid schema = InvalidOid;
    static uint64_t known_at = 0;
    if (known_at != changes || !OidIsValid(schema)) {
        schema = call([] { return get_namespace_oid("ticketflow", false); });
        known_at = changes;
    }
    return schema;
}

HomePtr load_home(Oid schema, bool is_desk) {
    auto home = std::make_shared<Home>();
    home->schema = schema;
    home->is_desk = is_desk;
    home->series_table = table_in(schema, kSeriesTable);
    home->scopes_table = table_in(schema, kScopesTable);
    home->counters_table = table_in(schema, kCountersTable);
    // Watched before they are read: a change that commits meanwhile must not be missed.
    watched.insert({home->series_table, home->scopes_table, home->counters_table});
    home->default_prefix = "TKT";
    load_series(*home);
    load_scopes(*home);
    return home;
}

HomePtr cached_home(Oid schema, bool is_desk) {
    if (homes_changes != changes) {
        homes.clear();
        homes_changes = changes;
    }
    const auto found = homes.find(schema);
    if (found != homes.end())
        return found->second;
    const uint64_t before = changes;
    HomePtr home = load_home(schema, is_desk);
    if (before == changes && homes_changes == changes && !IsInParallelMode())
        homes.emplace(schema, home);
    return home;
}

// The only desk that counts, or how many there are.
struct Desks {
    Oid schema;
    int count;
};

Desks find_desks() {
    const desk::List all = call([] { return desk::all(); });
    Desks desks{InvalidOid, 0};
    for (int i = 0; i < all.count; ++i)
        if (holds_home(all.schemas[i]) && desks.count++ == 0)
            desks.schema = all.schemas[i];
    return desks;
}

Oid desk_on_path(Oid own) {
    const List *path = call([] { return fetch_search_path(false); });
    for (int i = 0; i < list_length(path); ++i) {
        const Oid schema = list_nth_oid(path, i);
        if (schema != own && holds_home(schema))
            return schema;
    }
    return InvalidOid;
}

} // namespace

std::shared_ptr<const Series> Home::find(const std::string &prefix) const {
    const auto found = series.find(prefix);
    if (found != series.end())
        return found->second;
    const auto known = implied.find(prefix);
    if (known != implied.end())
        return known->second;
    // A loop over made-up prefixes must not fill the memory.
    if (implied.size() >= 100)
        implied.clear();
    return implied[prefix] = defaults_for(prefix);
}

const Scope *Home::scope(const char *kind, const std::string &value) const {
    if (scopes.empty())
        return nullptr;
    const auto found = scopes.find({kind, value});
    return found != scopes.end() ? &found->second : nullptr;
}

HomePtr home_of_schema(Oid schema) {
    see_changes();
    const Oid own = extension_schema();
    const bool is_desk = schema != own && (homes.count(schema) || holds_home(schema));
    return cached_home(is_desk ? schema : own, is_desk);
}

HomePtr home_now(Oid schema) {
    return load_home(schema, schema != extension_schema());
}

HomePtr home_of_caller(const std::string *prefix) {
    see_changes();
    const Oid own = extension_schema();
    Oid schema = desk_on_path(own);
    if (!OidIsValid(schema)) {
        const Desks desks = find_desks();
        if (desks.count == 0)
            return cached_home(own, false);
        if (desks.count == 1)
            schema = desks.schema;
    }
    const HomePtr engine = cached_home(own, false);
    if (OidIsValid(schema)) {
        HomePtr desk = cached_home(schema, true);
        // A series that counted in the extension's tables before a desk was deployed goes on there.
        const bool elsewhere =
            prefix && !desk->series.count(*prefix) && !counter_exists(desk->counters_table, *prefix) &&
            (engine->series.count(*prefix) || counter_exists(engine->counters_table, *prefix));
        return elsewhere ? engine : desk;
    }
    if (prefix && (engine->series.count(*prefix) || counter_exists(engine->counters_table, *prefix)))
        return engine;
    throw Failure(Condition::invalid_parameter_value,
                  "several desks count in this database and search_path names none", "",
                  "Put the desk's schema on search_path, or name it: next_ticket_number(prefix, at, desk).");
}

HomePtr home_for_reading() {
    see_changes();
    const Oid own = extension_schema();
    const Oid on_path = desk_on_path(own);
    if (OidIsValid(on_path))
        return cached_home(on_path, true);
    const Desks desks = find_desks();
    return desks.count == 1 ? cached_home(desks.schema, true) : cached_home(own, false);
}

HomePtr home_named(std::string_view desk) {
    const std::string name(desk);
    const char *text = name.c_str();
    const Oid schema = call([text] { return get_namespace_oid(text, true); });
    see_changes();
    const Oid own = extension_schema();
    if (schema == own)
        return cached_home(own, false);
    if (!OidIsValid(schema) || !holds_home(schema))
        throw Failure(Condition::undefined_object, "schema \"" + name + "\" holds no desk", "",
                      "Deploy one there: CALL ticketflow.deploy(desk => ...).");
    return cached_home(schema, true);
}

std::string Series::period_of(const core::Date &date) const {
    mask.check_year(reset, date.year);
    return core::period_of(reset, date);
}

core::Date date_of(TimestampTz at, const Series &series) {
    // Clocks are set at whole seconds, so a second has one date, and rows come many to a second.
    static const pg_tz *zone = nullptr;
    static TimestampTz second = 0;
    static core::Date date;
    const TimestampTz part = at % USECS_PER_SEC, begun = at - part - (part < 0 ? USECS_PER_SEC : 0);
    if (zone == series.zone && second == begun)
        return date;
    struct pg_tm tm;
    fsec_t fraction;
    int offset;
    if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, &offset, &tm, &fraction, nullptr, series.zone) != 0 ||
        tm.tm_year < 1 || tm.tm_year > 9999)
        throw Failure(Condition::invalid_datetime, "a ticket number needs a date in the years 1 to 9999");
    zone = series.zone;
    second = begun;
    return date = {tm.tm_year, tm.tm_mon, tm.tm_mday};
}

uint64_t relation_changes() {
    return changes;
}

void watch(Oid relation) {
    watched.insert(relation);
}

void see_changes() {
    call([] { AcceptInvalidationMessages(); });
}

void init() {
    CacheRegisterRelcacheCallback(relation_changed, Datum(0));
    // Who may count depends on roles as well.
    CacheRegisterSyscacheCallback(AUTHOID, role_changed, Datum(0));
    CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, role_changed, Datum(0));
    init_gapless();
}

} // namespace ticketflow::pg::numbering
