#include "json_scan.h"

#include <cstdint>

namespace ticketflow::http {

namespace {

constexpr int kDeepest = 500;

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    bool value(JsonValue &out, int depth = 0) {
        if (depth > kDeepest)
            return false;
        space();
        size_t from = at_;
        switch (peek()) {
        case '{': out.kind = JsonKind::object; if (!object(nullptr, depth)) return false; break;
        case '[': out.kind = JsonKind::array; if (!array(nullptr, depth)) return false; break;
        case '"': out.kind = JsonKind::string; if (!string()) return false; break;
        case 't': out.kind = JsonKind::boolean; if (!word("true")) return false; break;
        case 'f': out.kind = JsonKind::boolean; if (!word("false")) return false; break;
        case 'n': out.kind = JsonKind::null; if (!word("null")) return false; break;
        default: out.kind = JsonKind::number; if (!number()) return false;
        }
        out.text = text_.substr(from, at_ - from);
        return true;
    }

    bool object(JsonMembers *members, int depth) {
        return sequence('}', [&] {
            space();
            size_t from = at_;
            if (!string())
                return false;
            std::string_view key = text_.substr(from, at_ - from);
            JsonValue item;
            if (!literal(':') || !value(item, depth + 1))
                return false;
            if (members)
                members->emplace_back(json_unquote(key).value_or(std::string(key)), item);
            return true;
        });
    }

    bool array(std::vector<JsonValue> *elements, int depth) {
        return sequence(']', [&] {
            JsonValue item;
            if (!value(item, depth + 1))
                return false;
            if (elements)
                elements->push_back(item);
            return true;
        });
    }

    bool at_end() {
        space();
        return at_ == text_.size();
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool digit() const { return peek() >= '0' && peek() <= '9'; }

    void space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
            ++at_;
    }
    bool literal(char c) {
        space();
        if (peek() != c)
            return false;
        ++at_;
        return true;
    }
    bool word(std::string_view expected) {
        if (text_.substr(at_, expected.size()) != expected)
            return false;
        at_ += expected.size();
        return true;
    }
    bool digits() {
        if (!digit())
            return false;
        while (digit())
            ++at_;
        return true;
    }
    bool number() {
        if (peek() == '-')
            ++at_;
        if (peek() == '0')
            ++at_;
        else if (!digits())
            return false;
        if (peek() == '.') {
            ++at_;
            if (!digits())
                return false;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-')
                ++at_;
            return digits();
        }
        return true;
    }
    bool string() {
        if (peek() != '"')
            return false;
        for (++at_; at_ < text_.size(); ++at_) {
            unsigned char c = static_cast<unsigned char>(text_[at_]);
            if (c < 0x20)
                return false;
            if (c == '"') {
                ++at_;
                return true;
            }
            if (c == '\\' && !escape())
                return false;
        }
        return false;
    }
    // Leaves at_ on the last character of the escape.
    bool escape() {
        ++at_;
        if (peek() == 'u') {
            for (int i = 0; i < 4; ++i) {
                ++at_;
                char c = peek();
                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
                    return false;
            }
            return true;
        }
        return peek() != '\0' && std::string_view("\"\\/bfnrt").find(peek()) != std::string_view::npos;
    }
    // The items between an opening bracket, at which at_ stands, and the closing one.
    template <class Item> bool sequence(char close, Item item) {
        ++at_;
        if (literal(close))
            return true;
        for (;;) {
            if (!item())
                return false;
            if (literal(close))
                return true;
            if (!literal(','))
                return false;
        }
    }

    std::string_view text_;
    size_t at_ = 0;
};

void append_utf8(std::string &out, uint32_t c) {
    if (c < 0x80) {
        out += char(c);
    } else if (c < 0x800) {
        out += char(0xC0 | c >> 6);
        out += char(0x80 | (c & 63));
    } else if (c < 0x10000) {
        out += char(0xE0 | c >> 12);
        out += char(0x80 | (c >> 6 & 63));
        out += char(0x80 | (c & 63));
    } else {
        out += char(0xF0 | c >> 18);
        out += char(0x80 | (c >> 12 & 63));
        out += char(0x80 | (c >> 6 & 63));
        out += char(0x80 | (c & 63));
    }
}

uint32_t hex4(std::string_view text) {
    uint32_t value = 0;
    for (char c : text.substr(0, 4))
        value = value * 16 + uint32_t(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    return value;
}

} // namespace

std::optional<JsonValue> scan_json(std::string_view text) {
    Scanner scanner(text);
    JsonValue value;
    if (!scanner.value(value) || !scanner.at_end())
        return {};
    return value;
}

JsonMembers json_members(JsonValue value) {
    JsonMembers members;
    Scanner(value.text).object(&members, 0);
    return members;
}

std::vector<JsonValue> json_elements(JsonValue value) {
    std::vector<JsonValue> elements;
    Scanner(value.text).array(&elements, 0);
    return elements;
}

std::optional<std::string> json_unquote(std::string_view literal) {
    std::string out;
    out.reserve(literal.size());
    std::string_view text = literal.substr(1, literal.size() - 2);
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        switch (char c = text[++i]) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'u': {
            uint32_t code = hex4(text.substr(i + 1));
            i += 4;
            bool pair = code >= 0xD800 && code < 0xDC00 && text.substr(i + 1, 2) == "\\u";
            uint32_t low = pair ? hex4(text.substr(i + 3)) : 0;
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i += 6;
            }
            if (code == 0)
                return {};
            append_utf8(out, code); // a lone surrogate becomes bytes that PostgreSQL refuses
            break;
        }
        default: out += c;
        }
    }
    return out;
}

} // namespace ticketflow::http
