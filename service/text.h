// Small text helpers that the service shares: case, percent and base64url coding, JSON and SQL quoting.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::http {

std::string lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string> &parts, std::string_view separator);

// Percent-decodes; plus says whether '+' means a space. A broken escape stays as it is written.
std::string percent_decode(std::string_view text, bool plus);

std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

// A JSON string literal, with quotes. Bytes that are not UTF-8 become U+FFFD, so the result is always valid JSON.
std::string json_quote(std::string_view text);
void append_json_quoted(std::string &out, std::string_view text);
bool valid_utf8(std::string_view text);

// The text, or its beginning where it has more bytes; "..." says so. Cuts between characters.
std::string clip(std::string_view text, size_t most);

std::string quote_ident(std::string_view name);
void append_ident(std::string &out, std::string_view name);
std::string quote_literal(std::string_view text);

// Whole-string conversion; nothing when text is not an integer of that range.
std::optional<long long> to_integer(std::string_view text);

bool constant_time_equal(std::string_view a, std::string_view b);

} // namespace ticketflow::http
