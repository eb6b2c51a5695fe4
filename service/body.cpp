#include "body.h"

#include "errors.h"
#include "json_scan.h"
#include "text.h"

#include <algorithm>
#include <set>

namespace ticketflow::http {

namespace {

Error nul_byte() {
    return Error{400, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00", {}, {}, {}, {}};
}

void check_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
        throw nul_byte();
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
    auto members = argument_object(*value);
    if (columns) {
        for (const auto &name : *columns) {
            auto found = std::find_if(members.rbegin(), members.rend(), [&](const auto &m) { return m.first == name; });
            body.values.push_back(value_from_json(name, found == members.rend() ? JsonValue{} : found->second));
        }
        return;
    }
    for (auto &[name, item] : members) {
        auto known = std::find_if(body.values.begin(), body.values.end(), [&n = name](const auto &v) { return v.name == n; });
        Value fresh = value_from_json(name, item);
        if (known == body.values.end())
            body.values.push_back(std::move(fresh));
        else
            *known = std::move(fresh);
    }
}

void add_repeated(Body &body, const std::string &name, const std::string &text) {
    check_text(text);
    for (auto &value : body.values) {
        if (value.name == name) {
            value.repeated.push_back(std::move(*value.text));
            value.text = text;
            return;
        }
    }
    body.values.push_back({name, text, false, {}, {}});
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
        for (const auto &[name, value] : parse_pairs(request.body))
            add_repeated(body, name, value);
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
    for (const auto &[name, value] : arguments)
        add_repeated(body, name, value);
    return body;
}

} // namespace ticketflow::http
