#include "query.h"

#include "errors.h"
#include "query_cursor.h"
#include "text.h"

#include <algorithm>
#include <array>

namespace ticketflow::http {

namespace {

constexpr std::array<std::string_view, 28> kOperators = {
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct", "cs",
    "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "fts", "plfts", "phfts", "wfts", "not", "", ""};
constexpr std::array<std::string_view, 10> kQuantified = {"eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch", "neq"};
constexpr std::array<std::string_view, 5> kTruths = {"null", "not_null", "true", "false", "unknown"};
constexpr int kDeepestLogic = 50;

template <size_t N> bool one_of(const std::array<std::string_view, N> &words, std::string_view word) {
    return !word.empty() && std::find(words.begin(), words.end(), word) != words.end();
}

// On GET a value is a filter when it begins like `operator.` or `operator(`.
bool looks_like_filter(std::string_view value) {
    return value.find_first_of(".(") != std::string_view::npos && one_of(kOperators, value.substr(0, value.find_first_of(".(")));
}

Field parse_field(Cursor &in) {
    Field field;
    field.name = in.name("field name (* or [a..z0..9_$])");
    while (in.starts_with("->")) {
        PathStep step;
        step.as_text = in.starts_with("->>");
        in.skip(step.as_text ? 3 : 2);
        size_t from = in.at();
        if (in.peek() == '-')
            in.skip(1);
        bool digits = in.digits();
        step.index = digits && (in.done() || std::string_view(",.:)-").find(in.peek()) != std::string_view::npos);
        if (!step.index)
            in.back_to(from);
        step.key = step.index ? std::string(in.since(from)) : in.name("json key");
        field.path.push_back(std::move(step));
    }
    return field;
}

// The part after the field: `not.op(any).value`. `inside` is true within and=(...), where , and ) end the value.
Condition parse_condition(Cursor &in, bool inside) {
    Condition out;
    if (in.accept("not."))
        out.negated = true;
    size_t from = in.at();
    while (in.peek() >= 'a' && in.peek() <= 'z')
        in.skip(1);
    out.op = in.since(from);
    if (out.op == "not" || !one_of(kOperators, out.op) || (in.peek() != '.' && in.peek() != '(')) {
        in.back_to(from);
        in.fail(out.negated ? "operator (eq, gt, ...)" : "\"not\" or operator (eq, gt, ...)");
    }
    if (in.accept("(")) {
        bool search = out.op.ends_with("fts");
        std::string word = in.until(')', "\")\"");
        if (search)
            out.config = word;
        else if (one_of(kQuantified, out.op) && (word == "any" || word == "all"))
            out.quantifier = word == "any" ? Quantifier::any : Quantifier::all;
        else
            in.fail("any or all");
    }
    if (!in.accept("."))
        in.fail("\".\"");
    if (out.op == "in") {
        out.list = in.list();
    } else {
        out.value = inside ? in.value_inside() : in.rest();
        if (out.op == "is") {
            std::string word = lower(out.value);
            if (!one_of(kTruths, word))
                in.fail("null, not_null, true, false or unknown");
            out.value = word;
        }
    }
    return out;
}

Filter parse_logic(Cursor &in, bool any, bool negated, int depth);

Filter parse_logic_item(Cursor &in, int depth) {
    size_t from = in.at();
    bool negated = in.accept("not.");
    if (in.accept("and("))
        return in.back(1), parse_logic(in, false, negated, depth + 1);
    if (in.accept("or("))
        return in.back(1), parse_logic(in, true, negated, depth + 1);
    in.back_to(from);
    Filter filter;
    Field field = parse_field(in);
    if (!in.accept("."))
        in.fail("\".\"");
    filter.condition = parse_condition(in, true);
    filter.condition->field = std::move(field);
    return filter;
}

// `(a.eq.1,or(b.gt.2,c.is.null))`, the cursor at the opening parenthesis.
Filter parse_logic(Cursor &in, bool any, bool negated, int depth) {
    Filter filter;
    filter.any = any;
    filter.negated = negated;
    if (depth > kDeepestLogic)
        in.fail("fewer nested conditions");
    if (!in.accept("("))
        in.fail("\"(\"");
    do {
        in.spaces();
        filter.parts.push_back(parse_logic_item(in, depth));
        in.spaces();
    } while (in.accept(","));
    if (!in.accept(")"))
        in.fail("\",\" or \")\"");
    return filter;
}

std::vector<SelectItem> parse_select(std::string_view text) {
    Cursor in(text, "select parameter");
    std::vector<SelectItem> items;
    if (in.done())
        return items;
    do {
        in.spaces();
        SelectItem item;
        if (in.accept("*")) {
            item.star = true;
        } else {
            item.field = parse_field(in);
            if (in.peek() == ':' && !in.starts_with("::")) {
                in.skip(1);
                item.alias = item.field.name;
                item.field = parse_field(in);
            }
            if (in.accept("::"))
                item.cast = in.type_name();
            if (in.peek() == '(' || in.starts_with(".count()") || in.starts_with(".sum()"))
                throw Error{400, "PGRST200", "Could not find a relationship between the function and '" + item.field.name +
                                     "' in the schema cache", "The result of a function has columns, but no relationships.", {}, {}, {}};
        }
        items.push_back(std::move(item));
        in.spaces();
    } while (in.accept(","));
    in.expect_end("\",\" or end of input");
    return items;
}

std::vector<OrderItem> parse_order(std::string_view text) {
    Cursor in(text, "order");
    std::vector<OrderItem> items;
    if (in.done())
        return items;
    do {
        OrderItem item;
        item.field = parse_field(in);
        if (in.accept(".asc") || in.accept(".desc"))
            item.descending = in.since(0).ends_with("desc");
        if (in.accept(".nullsfirst"))
            item.nulls = OrderItem::Nulls::first;
        else if (in.accept(".nullslast"))
            item.nulls = OrderItem::Nulls::last;
        items.push_back(std::move(item));
    } while (in.accept(","));
    in.expect_end("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"");
    return items;
}

std::vector<std::string> parse_columns(std::string_view text) {
    Cursor in(text, "columns parameter");
    std::vector<std::string> names;
    do {
        names.push_back(in.name("field name (* or [a..z0..9_$])"));
    } while (in.accept(","));
    in.expect_end("\",\" or end of input");
    return names;
}

std::optional<long long> parse_number(const std::string &value) { return to_integer(value); }

void add_filter(Query &query, const std::string &name, const std::string &value) {
    Filter filter;
    Cursor condition(value, "filter");
    filter.condition = parse_condition(condition, false);
    Cursor field(name, "tree path");
    filter.condition->field = parse_field(field);
    field.expect_end("end of input");
    query.filters.push_back(std::move(filter));
}

} // namespace

std::vector<std::pair<std::string, std::string>> parse_pairs(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (auto part : split(text, '&')) {
        if (part.empty())
            continue;
        auto equals = part.find('=');
        pairs.emplace_back(percent_decode(part.substr(0, equals), true),
                           equals == std::string_view::npos ? std::string() : percent_decode(part.substr(equals + 1), true));
    }
    return pairs;
}

Query parse_query(std::string_view text, bool arguments) {
    Query query;
    for (auto &[name, value] : parse_pairs(text)) {
        // libpq's text ends at such a byte, so it would be cut silently.
        if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
            throw failure::nul_byte();
        if (name == "select") {
            query.select = parse_select(value);
        } else if (name == "order") {
            query.order = parse_order(value);
        } else if (name == "limit" || name == "offset") {
            (name == "limit" ? query.limit : query.offset) = parse_number(value);
        } else if (name == "columns") {
            query.columns = parse_columns(value);
        } else if (name == "and" || name == "or" || name == "not.and" || name == "not.or") {
            Cursor in(value, "logic tree");
            query.filters.push_back(parse_logic(in, name.ends_with("or"), name.starts_with("not."), 0));
            in.expect_end("end of input");
        } else if (name == "on_conflict") {
            continue;
        } else if (arguments && !looks_like_filter(value)) {
            query.arguments.emplace_back(std::move(name), std::move(value));
        } else {
            add_filter(query, name, value);
        }
    }
    return query;
}

} // namespace ticketflow::http
