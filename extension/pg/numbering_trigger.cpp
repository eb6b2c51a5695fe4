// number_trigger(): fills a column of anybody's table with the next number of a series.
#include "pg/numbering.h"

#include "pg/datum.h"

#include <vector>

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <commands/trigger.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::numbering {

namespace {

using core::Condition;
using core::Failure;

// What the trigger's arguments say.
struct Binding {
    AttrNumber column = 0, at = 0, queue = 0, category = 0;
    std::string series;
    int max_length = 0; // characters the column holds; 0: no limit
};

std::unordered_map<Oid, std::shared_ptr<const Binding>> bindings;
uint64_t bindings_changes = 0;

AttrNumber column_named(Relation rel, const char *name) {
    const int number = call([=] { return SPI_fnumber(RelationGetDescr(rel), name); });
    if (number <= 0)
        throw Failure(Condition::undefined_column, std::string("number_trigger() names the column \"") +
                                                       name + "\", which table \"" +
                                                       RelationGetRelationName(rel) + "\" does not have");
    return static_cast<AttrNumber>(number);
}

void read_option(Binding &binding, Relation rel, const std::string &option) {
    const size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    AttrNumber *const target = key == "at"         ? &binding.at
                               : key == "queue"    ? &binding.queue
                               : key == "category" ? &binding.category
                                                   : nullptr;
    if (!target || equals == std::string::npos)
        throw Failure(Condition::invalid_parameter_value,
                      "number_trigger() does not know the argument \"" + option + "\"", "",
                      "After column and prefix it takes at=COLUMN, queue=COLUMN and category=COLUMN.");
    *target = column_named(rel, option.c_str() + equals + 1);
    const Oid type = TupleDescAttr(RelationGetDescr(rel), *target - 1)->atttypid;
    if (target == &binding.at && type != TIMESTAMPTZOID)
        throw Failure(Condition::wrong_object_type,
                      "column \"" + option.substr(equals + 1) + "\" is not timestamp with time zone", "",
                      "The moment that chooses a number's period must be an absolute one.");
}

std::shared_ptr<const Binding> read_binding(const TriggerData &data) {
    const Trigger &trigger = *data.tg_trigger;
    Relation rel = data.tg_relation;
    if (trigger.tgnargs < 1)
        throw Failure(Condition::invalid_parameter_value, "number_trigger() needs the name of a column", "",
                      "For example EXECUTE FUNCTION ticketflow.number_trigger('number', 'INV').");
    auto binding = std::make_shared<Binding>();
    binding->column = column_named(rel, trigger.tgargs[0]);
    const FormData_pg_attribute &column = *TupleDescAttr(RelationGetDescr(rel), binding->column - 1);
    if (column.atttypid != TEXTOID && column.atttypid != VARCHAROID)
        throw Failure(Condition::wrong_object_type,
                      std::string("column \"") + trigger.tgargs[0] + "\" cannot hold ticket numbers", "",
                      "Make it text or varchar.");
    if (column.atttypid == VARCHAROID && column.atttypmod >= 0)
        binding->max_length = column.atttypmod - static_cast<int>(VARHDRSZ);
    if (trigger.tgnargs > 1)
        binding->series = trigger.tgargs[1];
    for (int i = 2; i < trigger.tgnargs; ++i)
        read_option(*binding, rel, trigger.tgargs[i]);
    return binding;
}

std::shared_ptr<const Binding> binding_of(const TriggerData &data) {
    if (bindings_changes != relation_changes()) {
        bindings.clear();
        bindings_changes = relation_changes();
    }
    const auto found = bindings.find(data.tg_trigger->tgoid);
    if (found != bindings.end())
        return found->second;
    watch(RelationGetRelid(data.tg_relation));
    return bindings[data.tg_trigger->tgoid] = read_binding(data);
}

// A column of the new row as text; empty for NULL.
std::string value_of(const TriggerData &data, AttrNumber column) {
    if (!column)
        return {};
    const TupleDesc columns = RelationGetDescr(data.tg_relation);
    HeapTuple row = data.tg_trigtuple;
    const char *text = call([=] { return SPI_getvalue(row, columns, column); });
    return text ? text : "";
}

TimestampTz moment_of(const TriggerData &data, const Binding &binding) {
    if (!binding.at)
        return call([] { return GetCurrentTransactionStartTimestamp(); });
    bool isnull;
    const Datum value =
        heap_getattr(data.tg_trigtuple, binding.at, RelationGetDescr(data.tg_relation), &isnull);
    return isnull ? call([] { return GetCurrentTransactionStartTimestamp(); }) : DatumGetTimestampTz(value);
}

// Series and codes for a row: its queue decides, then its category, then the default.
struct Choice {
    std::string prefix, queue, category;
};

Choice choose(const Home &home, const Binding &binding, const TriggerData &data) {
    Choice choice{binding.series, {}, {}};
    if (binding.queue || binding.category) {
        const std::string queue = value_of(data, binding.queue), category = value_of(data, binding.category);
        const Scope *by_queue = home.scope("queue", queue), *by_category = home.scope("category", category);
        choice.queue = by_queue && !by_queue->code.empty() ? by_queue->code : core::code_from(queue);
        choice.category =
            by_category && !by_category->code.empty() ? by_category->code : core::code_from(category);
        for (const Scope *scope : {by_queue, by_category})
            if (choice.prefix.empty() && scope)
                choice.prefix = scope->prefix;
    }
    if (choice.prefix.empty())
        choice.prefix = home.default_prefix;
    return choice;
}

void check_fits(const std::string &number, const Binding &binding, Relation rel) {
    if (binding.max_length && number.size() > static_cast<size_t>(binding.max_length))
        throw Failure(Condition::string_data_right_truncation,
                      "ticket number \"" + number + "\" does not fit in column \"" +
                          NameStr(TupleDescAttr(RelationGetDescr(rel), binding.column - 1)->attname) + "\"",
                      "It has " + std::to_string(number.size()) + " characters, the column holds " +
                          std::to_string(binding.max_length) + ".",
                      "Widen the column, or shorten the mask of the series.");
}

HeapTuple with_number(const TriggerData &data, const Binding &binding, const std::string &number) {
    const char *text = number.c_str();
    const AttrNumber number_column = binding.column;
    HeapTuple row = data.tg_trigtuple;
    const TupleDesc columns = RelationGetDescr(data.tg_relation);
    return call([=] {
        int column = number_column;
        Datum value = CStringGetTextDatum(text);
        bool isnull = false;
        return heap_modify_tuple_by_cols(row, columns, 1, &column, &value, &isnull);
    });
}

} // namespace

} // namespace ticketflow::pg::numbering

using namespace ticketflow;
using namespace ticketflow::pg::numbering;

TICKETFLOW_FUNCTION(ticketflow_numbering_trigger) {
    const TriggerData *const data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
        throw core::Failure(core::Condition::object_not_in_state,
                            "number_trigger() must be a BEFORE INSERT trigger FOR EACH ROW");
    const HomePtr home = home_of_schema(RelationGetNamespace(data->tg_relation));
    const auto binding = binding_of(*data);
    if (!value_of(*data, binding->column).empty())
        return PointerGetDatum(data->tg_trigtuple);
    const Choice choice = choose(*home, *binding, *data);
    const auto series = home->find(choice.prefix);
    const Drawn drawn = draw(*home, *series, moment_of(*data, *binding), choice.queue, choice.category);
    check_fits(drawn.text, *binding, data->tg_relation);
    return PointerGetDatum(with_number(*data, *binding, drawn.text));
}
