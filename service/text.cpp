#include "text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace ticketflow::http {

namespace {

char lower_char(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int base64_value(char c) {
    auto at = kBase64Url.find(c);
    return at == std::string_view::npos ? -1 : int(at);
}

// Length of the well-formed UTF-8 character at the start of text, or 0.
size_t utf8_length(std::string_view text) {
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char first = byte(0);
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length)
        return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
        (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F))
        return 0;
    return length;
}

// How many bytes at the start of text need no escape in JSON and are ASCII.
size_t plain_run(std::string_view text) {
    static constexpr auto kPlain = [] {
        std::array<bool, 256> plain{};
        for (size_t c = 0x20; c < 0x80; ++c)
            plain[c] = c != '"' && c != '\\';
        return plain;
    }();
    // Eight at a time: a byte's high bit is set where it is no ASCII, below 0x20, or one of the two (zero after the exclusive or).
    constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes << 7;
    size_t run = 0;
    for (uint64_t word; run + sizeof word <= text.size(); run += sizeof word) {
        std::memcpy(&word, text.data() + run, sizeof word);
        uint64_t quote = word ^ (kOnes * '"'), backslash = word ^ (kOnes * '\\');
        if (((word | (word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes)) & kHigh) != 0)
            break;
    }
    while (run < text.size() && kPlain[static_cast<unsigned char>(text[run])])
        ++run;
    return run;
}

} // namespace

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower_char);
    return out;
}

bool iequals(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower_char(x) == lower_char(y); });
}

std::string_view trim(std::string_view text) {
    auto from = text.find_first_not_of(" \t\r\n");
    if (from == std::string_view::npos)
        return {};
    return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return parts;
        text.remove_prefix(at + 1);
    }
}

std::string join(const std::vector<std::string> &parts, std::string_view separator) {
    std::string out;
    for (const auto &part : parts) {
        if (&part != &parts.front())
            out += separator;
        out += part;
    }
    return out;
}

std::string percent_decode(std::string_view text, bool plus) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
            out += char(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            out += plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

std::string base64url_encode(std::string_view bytes) {
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    for (unsigned char c : bytes) {
        bits = bits << 8 | c;
        for (count += 8; count >= 6; count -= 6)
            out += kBase64Url[bits >> (count - 6) & 63];
    }
    if (count > 0)
        out += kBase64Url[bits << (6 - count) & 63];
    return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    if (text.size() % 4 == 1)
        return {};
    for (char c : text) {
        int value = base64_value(c);
        if (value < 0)
            return {};
        bits = bits << 6 | uint32_t(value);
        if ((count += 6) >= 8) {
            count -= 8;
            out += char(bits >> count & 255);
        }
    }
    return out;
}

bool valid_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

void append_json_quoted(std::string &out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    while (!text.empty()) {
        size_t run = plain_run(text);
        out.append(text.data(), run);
        text.remove_prefix(run);
        if (text.empty())
            break;
        unsigned char c = static_cast<unsigned char>(text[0]);
        size_t length = 1;
        if (c >= 0x80) {
            length = utf8_length(text);
            out += length > 0 ? text.substr(0, length) : "\xEF\xBF\xBD";
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += char(c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        } else {
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 15];
        }
        text.remove_prefix(std::max<size_t>(length, 1));
    }
    out += '"';
}

std::string json_quote(std::string_view text) {
    std::string out;
    append_json_quoted(out, text);
    return out;
}

std::string clip(std::string_view text, size_t most) {
    if (text.size() <= most)
        return std::string(text);
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80)
        --most;
    return std::string(text.substr(0, most)) + "...";
}

void append_ident(std::string &out, std::string_view name) {
    out += '"';
    for (size_t at; (at = name.find('"')) != std::string_view::npos; name.remove_prefix(at + 1)) {
        out += name.substr(0, at + 1);
        out += '"';
    }
    out += name;
    out += '"';
}

std::string quote_ident(std::string_view name) {
    std::string out;
    out.reserve(name.size() + 2);
    append_ident(out, name);
    return out;
}

std::string quote_literal(std::string_view text) {
    std::string out = text.find('\\') == std::string_view::npos ? "'" : " E'";
    for (char c : text) {
        if (c == '\'' || c == '\\')
            out += c;
        out += c;
    }
    return out += '\'';
}

std::optional<long long> to_integer(std::string_view text) {
    long long value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return {};
    return value;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size())
        return false;
    unsigned char difference = 0;
    for (size_t i = 0; i < a.size(); ++i)
        difference |= static_cast<unsigned char>(a[i] ^ b[i]);
    return difference == 0;
}

} // namespace ticketflow::http
