// Walks over one value of the query string; what does not fit is reported with its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::http {

class Cursor {
  public:
    Cursor(std::string_view text, std::string_view what) : text_(text), what_(what) {}

    bool done() const { return at_ >= text_.size(); }
    char peek() const { return done() ? '\0' : text_[at_]; }
    size_t at() const { return at_; }
    bool starts_with(std::string_view word) const { return text_.substr(at_).starts_with(word); }
    std::string_view since(size_t from) const { return text_.substr(from, at_ - from); }
    void skip(size_t count) { at_ = at_ + count < text_.size() ? at_ + count : text_.size(); }
    void back(size_t count) { at_ -= count; }
    void back_to(size_t at) { at_ = at; }
    bool accept(std::string_view word);
    void spaces();
    bool digits(); // skips them; whether there was one

    std::string name(std::string_view expected); // bare, or in double quotes
    std::string type_name();
    std::string until(char end, std::string_view expected); // consumes the end
    std::string rest();
    std::string value_inside(); // up to , or ) at this level; quotes, braces and parentheses protect
    std::vector<std::string> list(); // (a,"b,c",d)
    void expect_end(std::string_view expected);
    [[noreturn]] void fail(std::string_view expected) const;

  private:
    std::string quoted();

    std::string_view text_, what_;
    size_t at_ = 0;
};

} // namespace ticketflow::http
