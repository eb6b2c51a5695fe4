// Writes the parts of a query string as SQL over the function's result.
#pragma once

#include "call.h"
#include "query.h"

namespace ticketflow::http {

// What the parts are written against: the alias of the source, the columns known of it, and where parameters go.
struct SqlContext {
    std::string alias;
    const std::vector<Column> &columns;
    std::vector<Parameter> &parameters;

    std::string parameter(std::string text) {
        parameters.push_back({std::move(text), false});
        return "$" + std::to_string(parameters.size());
    }
};

std::string sql_select(const std::vector<SelectItem> &items, SqlContext &context);
std::string sql_where(const std::vector<Filter> &filters, SqlContext &context); // "" or " WHERE ..."
std::string sql_order(const std::vector<OrderItem> &items, SqlContext &context);
std::string sql_limit(const RowRange &range);

} // namespace ticketflow::http
