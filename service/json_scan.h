// Reads just enough of a JSON text: is it valid, and what are its top-level entries? Values stay untouched bytes, so numbers
// keep their digits on the way to PostgreSQL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ticketflow::http {

enum class JsonKind { object, array, string, number, boolean, null };

struct JsonValue {
    JsonKind kind = JsonKind::null;
    std::string_view text; // the bytes of the value, without surrounding white space
};

using JsonMembers = std::vector<std::pair<std::string, JsonValue>>;

// The one value of a text, or nothing where the text is not valid JSON (nesting above 500 levels counts as invalid).
std::optional<JsonValue> scan_json(std::string_view text);

// The members of an object and the elements of an array; `value` comes from scan_json.
JsonMembers json_members(JsonValue value);
std::vector<JsonValue> json_elements(JsonValue value);

// The text of a JSON string with escapes resolved; nothing where it holds \u0000, which PostgreSQL's text cannot.
std::optional<std::string> json_unquote(std::string_view literal);

} // namespace ticketflow::http
