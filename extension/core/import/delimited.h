// CSV (RFC 4180) and tab-separated text.
#pragma once

#include "core/import/window.h"

namespace ticketflow::core::import {

struct Dialect {
    char delimiter = ',';
    char quote = '"';             // 0: quotes are text, and a record is a line
    bool backslash = false;       // \t \n \r \\ stand for those characters, \N alone is null; other backslashes are text
    std::vector<std::string> columns; // their names; none: the first record names them
};

// The delimiter of a header: the most frequent outside quotes of comma, semicolon, tab and bar.
char guess_delimiter(std::string_view header);

class DelimitedReader : public Reader {
  public:
    // Reads the header. Throws core::Failure where there is none.
    DelimitedReader(ReadBytes read, Dialect dialect, std::size_t most_bytes);
    bool next(Record &record) override;
    void skip_to(std::uint64_t end) override { window_.skip_to(end); }
    const std::vector<std::string> &columns() const override { return dialect_.columns; }

  private:
    enum class Outcome { record, blank, end, unclosed_quote, text_after_quote, too_long };
    struct Span {
        std::size_t begin, size;
        bool null;
    };

    Outcome split(std::size_t &size);
    Outcome split_quoted(std::size_t &at);
    bool split_plain(std::size_t &at);
    bool more(std::size_t at) { return at < window_.view().size() || window_.grow(); }
    void reject(Record &record, Outcome outcome);
    void read_header();
    void unescape(std::string_view text);

    Dialect dialect_;
    Window window_;
    std::string text_;        // the record's values, unescaped, one behind the other
    std::vector<Span> spans_; // where each is in text_
};

} // namespace ticketflow::core::import
