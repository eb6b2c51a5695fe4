// complexity: learning from the rows of a query.
#include "pg/complexity.h"
#include "pg/datum.h"

#include "core/complexity/fit.h"

#include <algorithm>
#include <cmath>

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <utils/builtins.h>
#include <utils/jsonb.h>
#include <access/htup_details.h>
#include <utils/lsyscache.h>
}

namespace ticketflow::pg {

using namespace core::complexity;

namespace {

constexpr const char *kEffortNames[] = {"effort", "actual_hours", "hours", "resolve_hours", "story_points", "storypoint", "points"};
constexpr const char *kTimeNames[] = {"resolved_at", "closed_at", "created_at", "opened_at"};
constexpr const char *kIgnored[] = {"id", "task_id", "ticket_number", "number", "key", "issuekey", "seq"};
constexpr int kBatch = 500;
constexpr double kMostEffort = 1e9; // more is a slip, in hours as in points

enum class Role : std::uint8_t { ignored, title, description, effort, number, level };

struct Column {
    std::string name;
    Role role;
};

template <std::size_t N> int index_of(const std::vector<std::string> &names, const char *const (&wanted)[N]) {
    for (const char *name : wanted)
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == name)
                return static_cast<int>(i);
    return -1;
}

struct Shape { // what the query returns
    std::vector<std::string> names;
    std::vector<Oid> types;
};

bool is_number(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}
bool is_time(Oid type) { return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID; }

SPIPlanPtr plan_of(const std::string &query) {
    SPIPlanPtr const plan = call([&query] { return SPI_prepare_cursor(query.c_str(), 0, nullptr, 0); });
    if (!plan || !call([plan] { return SPI_is_cursor_plan(plan); }))
        throw core::Failure(core::Condition::invalid_parameter_value, "query returns no rows to learn from", {},
                            "Pass one SELECT, for example: SELECT title, description, actual_hours FROM tasks.");
    return plan;
}

Portal open_cursor(SPIPlanPtr plan) {
    return call([plan] { return SPI_cursor_open(nullptr, plan, nullptr, nullptr, true); });
}

Shape shape_of(Portal portal) {
    Shape shape;
    for (int i = 0; i < portal->tupDesc->natts; ++i) {
        shape.names.emplace_back(NameStr(TupleDescAttr(portal->tupDesc, i)->attname));
        shape.types.push_back(call([portal, i] { return getBaseType(TupleDescAttr(portal->tupDesc, i)->atttypid); }));
    }
    return shape;
}

std::vector<Column> columns_of(const Shape &shape, std::string &unit) {
    const int effort = index_of(shape.names, kEffortNames);
    if (effort < 0)
        throw core::Failure(core::Condition::undefined_column, "query has no column that says the effort", {},
                            "Name it effort, actual_hours, hours, resolve_hours, points or story_points.");
    if (!is_number(shape.types[static_cast<std::size_t>(effort)]))
        throw core::Failure(core::Condition::invalid_parameter_value,
                            "column \"" + shape.names[static_cast<std::size_t>(effort)] + "\" is not a number");
    if (unit.empty())
        unit = shape.names[static_cast<std::size_t>(effort)].find("point") == std::string::npos ? "hours" : "points";
    std::vector<Column> columns;
    for (std::size_t i = 0; i < shape.names.size(); ++i) {
        const std::string &name = shape.names[i];
        const auto is = [&name](const char *other) { return name == other; };
        Role role = is_number(shape.types[i]) ? Role::number : Role::level;
        if (static_cast<int>(i) == effort)
            role = Role::effort;
        else if (is("title") || is("description"))
            role = is("title") ? Role::title : Role::description;
        else if (is_time(shape.types[i]) || std::any_of(std::begin(kIgnored), std::end(kIgnored), is))
            role = Role::ignored;
        else if (type_is_array(shape.types[i]) || shape.types[i] == JSONBOID || shape.types[i] == JSONOID)
            role = Role::ignored;
        const bool repeated = std::find(shape.names.begin(), shape.names.begin() + static_cast<std::ptrdiff_t>(i), name) !=
                              shape.names.begin() + static_cast<std::ptrdiff_t>(i);
        columns.push_back({name, repeated ? Role::ignored : role}); // the first of a name counts
    }
    return columns;
}

// The query without what cannot stand in a subquery: space and semicolons at its end.
std::string as_subquery(std::string query) {
    const auto last = query.find_last_not_of("; \t\r\n");
    query.erase(last == std::string::npos ? 0 : last + 1);
    return query;
}

void choose_group(FitOptions &fit, const std::vector<Column> &columns) {
    const auto is_there = [&columns](const std::string &name) {
        return std::any_of(columns.begin(), columns.end(), [&name](const Column &column) { return column.name == name; });
    };
    for (const char *name : {"project", "product", "queue"})
        if (fit.group_field.empty() && is_there(name))
            fit.group_field = name;
    if (fit.group_field.empty())
        return;
    if (!is_there(fit.group_field))
        throw core::Failure(core::Condition::undefined_column, "query has no column \"" + fit.group_field + "\" to group by");
    fit.bits = std::max(fit.bits, 18);
}

// The newest rows of the query in order of time, where it tells a time; else the rows as they come. Columns get names of
// ours, since the query's may repeat.
std::string in_order(const std::string &query, const Shape &shape, int most) {
    int time = index_of(shape.names, kTimeNames);
    for (std::size_t i = 0; time < 0 && i < shape.types.size(); ++i)
        if (is_time(shape.types[i]))
            time = static_cast<int>(i);
    if (time < 0)
        return query;
    std::string columns;
    for (std::size_t i = 0; i < shape.names.size(); ++i)
        columns += (i ? ", c" : "c") + std::to_string(i);
    const std::string by = "c" + std::to_string(time);
    return "SELECT * FROM (SELECT * FROM (" + as_subquery(query) + "\n) AS q (" + columns + ") ORDER BY " + by + " DESC NULLS LAST LIMIT " +
           std::to_string(most) + ") AS r ORDER BY " + by + " NULLS FIRST";
}

struct Learned {
    int rows = 0, unusable = 0;
};

void learn_row(Trainer &trainer, const std::vector<Column> &columns, std::uint64_t row, Learned &count) {
    std::string title, description;
    std::vector<Detail> details;
    double effort = NAN;
    for (std::size_t c = 0; c < columns.size(); ++c) {
        if (columns[c].role == Role::ignored)
            continue;
        char *const value = call([row, c] {
            return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, static_cast<int>(c) + 1);
        });
        if (!value)
            continue;
        switch (columns[c].role) {
        case Role::title: title = to_utf8(value); break;
        case Role::description: description = to_utf8(value); break;
        case Role::effort: effort = std::strtod(value, nullptr); break;
        case Role::number: {
            const double x = std::strtod(value, nullptr);
            if (std::isfinite(x))
                details.push_back({columns[c].name, value, x});
            break;
        }
        default: details.push_back({columns[c].name, std::string(to_utf8(value)), {}});
        }
    }
    if (effort > 0 && effort < kMostEffort) {
        trainer.add(title, description, details, effort);
        ++count.rows;
    } else {
        ++count.unusable;
    }
}

Learned learn_rows(Trainer &trainer, Portal portal, const std::vector<Column> &columns, int most) {
    Learned count;
    MemoryContext const context =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "complexity rows", ALLOCSET_DEFAULT_SIZES); });
    for (;;) {
        call([portal] { SPI_cursor_fetch(portal, true, kBatch); });
        if (SPI_processed == 0)
            break;
        for (std::uint64_t row = 0; row < SPI_processed; ++row) {
            check_for_interrupts();
            MemoryContext const old = MemoryContextSwitchTo(context);
            learn_row(trainer, columns, row, count);
            MemoryContextSwitchTo(old);
            MemoryContextReset(context);
        }
        call([] { SPI_freetuptable(SPI_tuptable); });
        if (count.rows > most)
            throw core::Failure(core::Condition::program_limit_exceeded,
                                "more than " + std::to_string(most) + " tickets to learn from", {},
                                "Give the query a column created_at, then the newest are taken; or set max_rows in options.");
    }
    return count;
}

// Text and numbers of the options; unknown names are refused so that a typing error is not silence.
struct Options {
    FitOptions fit;
    int max_rows = 50000;
};

Options read_options(Datum value) {
    std::vector<Detail> given;
    read_details(value, given);
    Options o;
    o.fit.effort_unit.clear();
    for (const Detail &d : given) {
        const double x = d.number.value_or(NAN);
        if (d.name == "group")
            o.fit.group_field = d.text;
        else if (d.name == "unit")
            o.fit.effort_unit = d.text;
        else if (d.name == "penalty" && x > 0 && x <= 1e6)
            o.fit.penalty = x;
        else if (d.name == "bits" && x >= 10 && x <= 20)
            o.fit.bits = static_cast<int>(x);
        else if (d.name == "max_rows" && x >= 50 && x <= 1e6)
            o.max_rows = static_cast<int>(x);
        else if (d.name != "activate")
            throw core::Failure(core::Condition::invalid_parameter_value, "option \"" + d.name + "\" is unknown or out of range", {},
                                "Options are group (a column), unit, penalty (0 to 1e6), bits (10 to 20), max_rows (50 to 1e6) and activate.");
    }
    return o;
}

std::string describe(const FitReport &report, const Learned &count, const Model &model) {
    std::string fields;
    for (const Field &field : model.fields)
        fields += (fields.empty() ? "" : ",") + json_string(field.name);
    std::string json = report.json();
    json.insert(1, "\"tickets\":" + std::to_string(count.rows) + ",\"unusable\":" + std::to_string(count.unusable) +
                       ",\"unit\":" + json_string(model.effort_unit) + ",\"fields\":[" + fields + "],");
    return json;
}

void report_progress(const char *stage, int done, int of) {
    check_for_interrupts();
    if (of > 0)
        call([=] { ereport(NOTICE, (errmsg("%s: %d of %d", stage, done, of))); });
}

} // namespace

} // namespace ticketflow::pg

using namespace ticketflow::pg;

TICKETFLOW_FUNCTION(ticketflow_complexity_fit) {
    using ticketflow::core::Condition;
    using ticketflow::core::Failure;
    if (PG_ARGISNULL(0))
        throw Failure(Condition::invalid_parameter_value, "query must not be null");
    const std::string query(text_view(PG_GETARG_DATUM(0)));
    Options options;
    if (!PG_ARGISNULL(1))
        options = read_options(PG_GETARG_DATUM(1));
    options.fit.progress = report_progress;

    MemoryContext const outside = CurrentMemoryContext;
    call([] { SPI_connect(); });
    Portal portal = open_cursor(plan_of(query));
    const Shape shape = shape_of(portal);
    const auto columns = columns_of(shape, options.fit.effort_unit);
    choose_group(options.fit, columns);
    if (const std::string ordered = in_order(query, shape, options.max_rows); ordered != query) {
        call([portal] { SPI_cursor_close(portal); });
        portal = open_cursor(plan_of(ordered));
    }
    Trainer trainer(options.fit);
    const Learned count = learn_rows(trainer, portal, columns, options.max_rows);
    call([portal] { SPI_cursor_close(portal); SPI_finish(); });
    MemoryContextSwitchTo(outside);

    FitReport report;
    Model model = trainer.fit(report);
    model.provenance = describe(report, count, model);
    const std::string bytes = model.encode();
    const Datum told = make_jsonb(model.provenance);
    return call([&] {
        TupleDesc result;
        get_call_result_type(fcinfo, nullptr, &result);
        Datum values[3];
        bool nulls[3] = {false, false, false};
        bytea *const out = static_cast<bytea *>(palloc(VARHDRSZ + bytes.size()));
        SET_VARSIZE(out, VARHDRSZ + bytes.size());
        memcpy(VARDATA(out), bytes.data(), bytes.size());
        values[0] = PointerGetDatum(out);
        values[1] = told;
        values[2] = BoolGetDatum(report.beats_baseline);
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls));
    });
}
