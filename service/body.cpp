#include "body.h"

#include "errors.h"
#include "json_scan.h"
#include "text.h"

#include <map>
#include <set>
#include <unordered_map>

namespace ticketflow::http {

namespace {

void check_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
        throw failure::nul_byte();
}

Value value_from_json(std::string name, JsonValue item) {
    Value value{std::move(name), std::nullopt, false, {}, {}};
    switch (item.kind) {
    case JsonKind::null: break;
    case JsonKind::string: {
        auto text = json_unquote(item.text);
        if (!text)
            throw Error{400, "22P05", "unsupported Unicode escape sequence", "\\u0000 cannot be converted to text.", {}, {}, {}};
        value.text = std::move(*text);
        value.literal = item.text;
        break;
    }
    case JsonKind::array:
    case JsonKind::object: value.json = true; [[fallthrough]];
    case JsonKind::number:
    case JsonKind::boolean: value.text = std::string(item.text);
    }
    return value;
}

std::set<std::string> keys_of(const JsonMembers &members) {
    std::set<std::string> keys;
    for (const auto &member : members)
        keys.insert(member.first);
    return keys;
}

// The object that holds the arguments: the text itself, or the first of an array whose objects have the same keys.
JsonMembers argument_object(JsonValue value) {
    if (value.kind == JsonKind::object)
        return json_members(value);
    if (value.kind != JsonKind::array)
        return {};
    JsonMembers first;
    std::set<std::string> keys;
    auto elements = json_elements(value);
    for (size_t i = 0; i < elements.size(); ++i) {
        auto members = elements[i].kind == JsonKind::object ? json_members(elements[i]) : JsonMembers();
        if (i == 0) {
            keys = keys_of(members);
            first = members;
        }
        if (elements[i].kind != JsonKind::object || keys_of(members) != keys)
            throw failure::bad_body("All object keys must match");
    }
    return first;
}

void parse_json(Body &body, const std::string &text, const std::optional<std::vector<std::string>> &columns) {
    body.raw = RawBody::json;
    check_text(text);
    bool empty = trim(text).empty();
    static const std::string kEmpty = "{}";
    auto value = scan_json(empty ? kEmpty : text);
    if (!value)
        throw failure::bad_body("Empty or invalid json");
    body.whole = empty ? std::string("{}") : text;
    std::map<std::string, JsonValue> members; // the last of a name counts
    for (auto &[name, item] : argument_object(*value))
        members[std::move(name)] = item;
    if (!columns) {
        for (auto &[name, item] : members)
            body.values.push_back(value_from_json(name, item));
        return;
    }
    for (const auto &name : std::set<std::string>(columns->begin(), columns->end())) {
        auto found = members.find(name);
        body.values.push_back(value_from_json(name, found == members.end() ? JsonValue{} : found->second));
    }
}

// Values that stand as name=value; of a name the last counts, the earlier ones are kept for VARIADIC.
void add_pairs(Body &body, const std::vector<std::pair<std::string, std::string>> &pairs) {
    std::unordered_map<std::string_view, size_t> places;
    for (const auto &[name, text] : pairs) {
        check_text(text);
        auto [place, fresh] = places.try_emplace(name, body.values.size());
        if (fresh) {
            body.values.push_back({name, text, false, {}, {}});
        } else {
            Value &value = body.values[place->second];
            value.repeated.push_back(std::move(*value.text));
            value.text = text;
        }
    }
}

// One record of CSV; quotes double inside quotes. Advances `at` behind the line's end.
std::vector<std::optional<std::string>> csv_record(std::string_view text, size_t &at) {
    std::vector<std::optional<std::string>> fields;
    for (;;) {
        std::string field;
        bool quoted = at < text.size() && text[at] == '"';
        if (quoted) {
            for (++at; at < text.size(); ++at) {
                if (text[at] == '"' && (at + 1 >= text.size() || text[at + 1] != '"'))
                    break;
                at += text[at] == '"';
                field += text[at];
            }
            ++at;
        }
        while (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r')
            field += text[at++];
        if (!quoted && field == "NULL")
            fields.emplace_back();
        else
            fields.emplace_back(std::move(field));
        if (at < text.size() && text[at] == ',') {
            ++at;
            continue;
        }
        while (at < text.size() && (text[at] == '\n' || text[at] == '\r'))
            ++at;
        return fields;
    }
}

void parse_csv(Body &body, const std::string &text) {
    check_text(text);
    size_t at = 0;
    auto names = csv_record(text, at);
    if (at >= text.size())
        return;
    auto first = csv_record(text, at);
    for (size_t records = 1;; ++records) {
        if (records == 1 ? first.size() != names.size() : csv_record(text, at).size() != names.size())
            throw failure::bad_body("All lines must have same number of fields");
        if (at >= text.size())
            break;
    }
    for (size_t i = 0; i < names.size(); ++i)
        body.values.push_back({names[i].value_or("NULL"), first[i], false, {}, {}});
}

} // namespace

Body parse_body(const Request &request, const std::optional<std::vector<std::string>> &columns) {
    Body body;
    auto written = trim(request.header("content-type"));
    std::string type = lower(trim(written.substr(0, written.find(';'))));
    if (type.empty() || type == "application/json" || type == "application/*" || type == "*/*") {
        parse_json(body, request.body, columns);
    } else if (type == "application/x-www-form-urlencoded") {
        add_pairs(body, parse_pairs(request.body));
    } else if (type == "text/csv") {
        parse_csv(body, request.body);
    } else if (type == "text/plain" || type == "text/xml" || type == "application/octet-stream") {
        body.raw = type == "text/plain" ? RawBody::text : type == "text/xml" ? RawBody::xml : RawBody::binary;
        if (body.raw != RawBody::binary)
            check_text(request.body);
        body.whole = request.body;
    } else {
        throw failure::bad_body("Content-Type not acceptable: " + std::string(written));
    }
    return body;
}

Body body_from_arguments(const std::vector<std::pair<std::string, std::string>> &arguments) {
    Body body;
    add_pairs(body, arguments);
    return body;
}

} // namespace ticketflow::http
