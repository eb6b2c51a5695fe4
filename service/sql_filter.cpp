#include "sql_filter.h"

#include "text.h"

#include <algorithm>

namespace ticketflow::http {

namespace {

struct OperatorSql {
    std::string_view name, sql;
};
constexpr OperatorSql kOperatorSql[] = {
    {"eq", "="},   {"neq", "<>"},      {"gt", ">"},     {"gte", ">="},  {"lt", "<"},
    {"lte", "<="}, {"like", "LIKE"},   {"ilike", "ILIKE"}, {"match", "~"}, {"imatch", "~*"},
    {"cs", "@>"},  {"cd", "<@"},       {"ov", "&&"},    {"sl", "<<"},   {"sr", ">>"},
    {"nxr", "&<"}, {"nxl", "&>"},      {"adj", "-|-"},  {"isdistinct", "IS DISTINCT FROM"},
};
constexpr OperatorSql kSearchSql[] = {
    {"fts", "to_tsquery"}, {"plfts", "plainto_tsquery"}, {"phfts", "phraseto_tsquery"}, {"wfts", "websearch_to_tsquery"}};

template <size_t N> std::string_view sql_of(const OperatorSql (&table)[N], std::string_view name) {
    for (const auto &entry : table)
        if (entry.name == name)
            return entry.sql;
    return {};
}

std::string sql_field(const Field &field, const SqlContext &context) {
    std::string out = context.alias + "." + quote_ident(field.name);
    if (field.path.empty())
        return out;
    out = "pg_catalog.to_jsonb(" + out + ")";
    for (const auto &step : field.path)
        out += std::string(step.as_text ? "->>" : "->") + (step.index ? step.key : quote_literal(step.key));
    return "(" + out + ")";
}

const Column *column_of(const Field &field, const SqlContext &context) {
    for (const auto &column : context.columns)
        if (column.name == field.name)
            return &column;
    return nullptr;
}

std::string array_literal(const std::vector<std::string> &items) {
    std::string out = "{";
    for (const auto &item : items) {
        out += out.size() > 1 ? ",\"" : "\"";
        for (char c : item) {
            if (c == '"' || c == '\\')
                out += '\\';
            out += c;
        }
        out += '"';
    }
    return out + "}";
}

std::string sql_search(const Condition &condition, SqlContext &context, std::string_view function) {
    std::string config = condition.config.empty() ? "" : context.parameter(condition.config) + "::regconfig, ";
    std::string field = sql_field(condition.field, context);
    const Column *column = column_of(condition.field, context);
    bool text = !condition.field.path.empty() || (column && column->type.base != "tsvector");
    if (text)
        field = "pg_catalog.to_tsvector(" + config + field + ")";
    return field + " @@ pg_catalog." + std::string(function) + "(" + config + context.parameter(condition.value) + ")";
}

std::string sql_condition(const Condition &condition, SqlContext &context) {
    if (auto search = sql_of(kSearchSql, condition.op); !search.empty())
        return sql_search(condition, context, search);
    std::string field = sql_field(condition.field, context);
    if (condition.op == "is") {
        static const std::pair<std::string_view, const char *> kTruths[] = {
            {"null", " IS NULL"}, {"not_null", " IS NOT NULL"}, {"true", " IS TRUE"}, {"false", " IS FALSE"}, {"unknown", " IS UNKNOWN"}};
        for (const auto &[word, sql] : kTruths)
            if (word == condition.value)
                return field + sql;
    }
    if (condition.op == "in")
        return field + " = ANY (" + context.parameter(array_literal(condition.list)) + ")";
    std::string value = condition.value;
    if (condition.op == "like" || condition.op == "ilike")
        std::replace(value.begin(), value.end(), '*', '%');
    std::string out = field + " " + std::string(sql_of(kOperatorSql, condition.op)) + " ";
    if (condition.quantifier == Quantifier::none)
        return out + context.parameter(std::move(value));
    return out + (condition.quantifier == Quantifier::any ? "ANY (" : "ALL (") + context.parameter(std::move(value)) + ")";
}

std::string sql_filter(const Filter &filter, SqlContext &context) {
    std::string out;
    if (filter.condition) {
        out = sql_condition(*filter.condition, context);
        return filter.condition->negated ? "NOT (" + out + ")" : out;
    }
    for (const auto &part : filter.parts)
        out += (out.empty() ? "" : filter.any ? " OR " : " AND ") + sql_filter(part, context);
    return (filter.negated ? "NOT (" : "(") + out + ")";
}

} // namespace

std::string sql_select(const std::vector<SelectItem> &items, SqlContext &context) {
    std::string out;
    for (const auto &item : items) {
        out += out.empty() ? "" : ", ";
        if (item.star) {
            out += context.alias + ".*";
            continue;
        }
        std::string field = sql_field(item.field, context);
        out += item.cast.empty() ? field : "CAST(" + field + " AS " + item.cast + ")";
        std::string name = item.alias;
        // A path is named after its last key; an index takes the name of the key before it.
        for (auto step = item.field.path.rbegin(); name.empty() && step != item.field.path.rend(); ++step)
            if (!step->index)
                name = step->key;
        out += " AS " + quote_ident(name.empty() ? item.field.name : name);
    }
    return out.empty() ? context.alias + ".*" : out;
}

std::string sql_where(const std::vector<Filter> &filters, SqlContext &context) {
    std::string out;
    for (const auto &filter : filters)
        out += (out.empty() ? " WHERE " : " AND ") + sql_filter(filter, context);
    return out;
}

std::string sql_order(const std::vector<OrderItem> &items, SqlContext &context) {
    std::string out;
    for (const auto &item : items) {
        out += (out.empty() ? " ORDER BY " : ", ") + sql_field(item.field, context) + (item.descending ? " DESC" : "");
        if (item.nulls != OrderItem::Nulls::unsaid)
            out += item.nulls == OrderItem::Nulls::first ? " NULLS FIRST" : " NULLS LAST";
    }
    return out;
}

std::string sql_limit(const RowRange &range) {
    std::string out;
    if (range.limit)
        out += " LIMIT " + std::to_string(*range.limit);
    if (range.offset > 0)
        out += " OFFSET " + std::to_string(range.offset);
    return out;
}

} // namespace ticketflow::http
