#include "query_cursor.h"

#include "errors.h"
#include "text.h"

namespace ticketflow::http {

namespace {

bool name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == ' ' ||
           static_cast<unsigned char>(c) >= 0x80;
}

} // namespace

bool Cursor::accept(std::string_view word) {
    if (!starts_with(word))
        return false;
    at_ += word.size();
    return true;
}

void Cursor::spaces() {
    while (peek() == ' ')
        ++at_;
}

bool Cursor::digits() {
    size_t from = at_;
    while (peek() >= '0' && peek() <= '9')
        ++at_;
    return at_ > from;
}

std::string Cursor::quoted() {
    std::string out;
    for (++at_; !done(); ++at_) {
        if (peek() == '"') {
            ++at_;
            return out;
        }
        if (peek() == '\\' && at_ + 1 < text_.size())
            ++at_;
        out += peek();
    }
    fail("a closing quote");
}

std::string Cursor::name(std::string_view expected) {
    if (peek() == '"')
        return quoted();
    size_t from = at_;
    while (!done() && (name_character(peek()) || (peek() == '-' && !starts_with("->"))))
        ++at_;
    std::string out(trim(since(from)));
    if (out.empty())
        fail(expected);
    return out;
}

std::string Cursor::type_name() {
    size_t from = at_;
    while (!done() && (name_character(peek()) || peek() == '[' || peek() == ']'))
        ++at_;
    std::string out(trim(since(from)));
    // A cast is pasted into the statement, so only what a type name is made of may pass.
    for (char c : out)
        if (static_cast<unsigned char>(c) >= 0x80 || c == '$')
            fail("a type name");
    if (out.empty())
        fail("a type name");
    return out;
}

std::string Cursor::until(char end, std::string_view expected) {
    size_t from = at_;
    while (!done() && peek() != end)
        ++at_;
    if (done())
        fail(expected);
    std::string out(since(from));
    ++at_;
    return out;
}

std::string Cursor::rest() {
    std::string out(text_.substr(at_));
    at_ = text_.size();
    return out;
}

std::string Cursor::value_inside() {
    if (peek() == '"')
        return quoted();
    size_t from = at_;
    int depth = 0;
    for (; !done(); ++at_) {
        char c = peek();
        if (c == '"') {
            quoted();
            --at_;
        } else if (c == '{' || c == '(' || c == '[') {
            ++depth;
        } else if (depth > 0 && (c == '}' || c == ')' || c == ']')) {
            --depth;
        } else if (depth == 0 && (c == ',' || c == ')')) {
            break;
        }
    }
    return std::string(since(from));
}

std::vector<std::string> Cursor::list() {
    std::vector<std::string> out;
    if (!accept("("))
        fail("\"(\"");
    for (;;) {
        if (peek() == '"') {
            out.push_back(quoted());
        } else {
            size_t from = at_;
            while (!done() && peek() != ',' && peek() != ')')
                ++at_;
            out.emplace_back(since(from));
        }
        if (accept(")"))
            break;
        if (!accept(","))
            fail("\",\" or \")\"");
    }
    if (out.size() == 1 && out[0].empty())
        out.clear();
    return out;
}

void Cursor::expect_end(std::string_view expected) {
    if (!done())
        fail(expected);
}

void Cursor::fail(std::string_view expected) const {
    std::string unexpected = done() ? "end of input" : "\"" + std::string(1, text_[at_]) + "\"";
    throw failure::bad_parameter("\"failed to parse " + std::string(what_) + " (" + clip(text_, 256) + ")\" (line 1, column " +
                                     std::to_string(at_ + 1) + ")",
                                 "unexpected " + unexpected + " expecting " + std::string(expected));
}

} // namespace ticketflow::http
