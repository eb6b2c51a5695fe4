#include "core/import/delimited.h"

#include "core/failure.h"
#include "core/import/text.h"

#include <algorithm>

namespace ticketflow::core::import {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view without_line_end(std::string_view raw) {
    if (!raw.empty() && raw.back() == '\n')
        raw.remove_suffix(1);
    if (!raw.empty() && raw.back() == '\r')
        raw.remove_suffix(1);
    return raw;
}

} // namespace

char guess_delimiter(std::string_view header) {
    constexpr std::string_view candidates = ",;\t|";
    std::size_t counts[candidates.size()] = {};
    bool quoted = false;
    for (const char c : header) {
        if (c == '"')
            quoted = !quoted;
        const std::size_t which = candidates.find(c);
        if (!quoted && which != std::string_view::npos)
            counts[which]++;
    }
    return candidates[static_cast<std::size_t>(std::max_element(std::begin(counts), std::end(counts)) - counts)];
}

DelimitedReader::DelimitedReader(ReadBytes read, Dialect dialect, std::size_t most_bytes)
    : dialect_(std::move(dialect)), window_(std::move(read), most_bytes) {
    while (window_.view().size() < kByteOrderMark.size() && window_.grow())
        ;
    if (window_.view().starts_with(kByteOrderMark))
        window_.consume(kByteOrderMark.size());
    if (dialect_.columns.empty())
        read_header();
}

void DelimitedReader::read_header() {
    Record header;
    dialect_.columns.clear();
    if (!next(header))
        throw Failure(Condition::invalid_parameter_value, "the file is empty", {},
                      "The first line names the columns; or name them with --columns.");
    if (header.problem)
        throw Failure(Condition::invalid_parameter_value, "cannot read the header: " + header.problem->reason, {},
                      "The first line names the columns; check the format, the delimiter and the encoding.");
    for (std::size_t i = 0; i < spans_.size(); i++) {
        std::string name = text_.substr(spans_[i].begin, spans_[i].size);
        if (name.find('\r') != std::string::npos)
            throw Failure(Condition::invalid_parameter_value, "the lines of the file end in CR only", {},
                          "Convert it, for example with: tr '\\r' '\\n'.");
        dialect_.columns.push_back(name.empty() ? "column_" + std::to_string(i + 1) : std::move(name));
    }
}

bool DelimitedReader::next(Record &record) {
    record.fields.clear();
    record.problem.reset();
    for (;;) {
        std::size_t size = 0;
        const Outcome outcome = split(size);
        if (outcome == Outcome::end)
            return false;
        if (outcome == Outcome::blank) {
            window_.consume(size);
            continue;
        }
        record.line = window_.line();
        if (outcome != Outcome::record) {
            reject(record, outcome);
            return true;
        }
        record.raw = without_line_end(window_.view().substr(0, size));
        record.problem = text_problem(record.raw);
        window_.consume(size); // the bytes stay where they are until the window grows
        record.end = window_.position();
        break;
    }
    const std::vector<std::string> &names = dialect_.columns;
    if (names.empty() || record.problem)
        return true;
    if (spans_.size() != names.size()) {
        record.problem = Problem{"22P04", std::to_string(spans_.size()) + " fields where " + std::to_string(names.size()) + " columns are named"};
        return true;
    }
    for (std::size_t i = 0; i < names.size(); i++)
        record.fields.push_back({names[i], std::string_view(text_).substr(spans_[i].begin, spans_[i].size),
                                 spans_[i].null ? Kind::null : Kind::text});
    return true;
}

// What is wrong with the record at the window's beginning; reading goes on behind its first line.
void DelimitedReader::reject(Record &record, Outcome outcome) {
    if (outcome == Outcome::unclosed_quote)
        record.problem = Problem{"22P04", "a quote that opens in this record never closes"};
    else if (outcome == Outcome::text_after_quote)
        record.problem = Problem{"22P04", "text behind a closing quote"};
    else
        record.problem = Problem{"54000", "the record is longer than " + std::to_string(window_.most()) + " bytes"};
    const std::size_t end = window_.view().find('\n');
    if (end == std::string_view::npos) {
        record.raw = window_.view().substr(0, 1000);
        // Growing moves the bytes, so what is shown of them is kept.
        text_.assign(record.raw);
        record.raw = text_;
        window_.drop_line();
    } else {
        record.raw = without_line_end(window_.view().substr(0, end));
        window_.consume(end + 1);
    }
    record.end = window_.position();
}

// Splits the record at the window's beginning; size becomes its bytes with the line end.
DelimitedReader::Outcome DelimitedReader::split(std::size_t &size) {
    text_.clear();
    spans_.clear();
    std::size_t at = 0;
    if (!more(0))
        return Outcome::end;
    if (window_.view()[0] == '\n' || (window_.view()[0] == '\r' && more(1) && window_.view()[1] == '\n')) {
        size = window_.view()[0] == '\n' ? 1 : 2;
        return Outcome::blank;
    }
    for (;;) {
        if (dialect_.quote != 0 && more(at) && window_.view()[at] == dialect_.quote) {
            const Outcome outcome = split_quoted(at);
            if (outcome != Outcome::record)
                return outcome;
        } else if (!split_plain(at)) {
            return Outcome::too_long;
        }
        if (!more(at)) {
            if (!window_.at_end())
                return Outcome::too_long;
            break;
        }
        const char stop = window_.view()[at++];
        if (stop == '\n')
            break;
    }
    size = at;
    return Outcome::record;
}

// A field in quotes at `at`; leaves `at` on the delimiter, the line feed or the end.
DelimitedReader::Outcome DelimitedReader::split_quoted(std::size_t &at) {
    const std::size_t begin = text_.size();
    at++;
    for (;;) {
        const std::size_t close = window_.view().find(dialect_.quote, at);
        if (close == std::string_view::npos) {
            text_.append(window_.view().substr(at));
            at = window_.view().size();
            if (!window_.grow())
                return Outcome::unclosed_quote;
            continue;
        }
        text_.append(window_.view().substr(at, close - at));
        at = close + 1;
        if (!more(at) || window_.view()[at] != dialect_.quote)
            break;
        text_ += dialect_.quote;
        at++;
    }
    spans_.push_back({begin, text_.size() - begin, false});
    if (more(at) && window_.view()[at] == '\r' && more(at + 1) && window_.view()[at + 1] == '\n')
        at++;
    if (more(at) && window_.view()[at] != dialect_.delimiter && window_.view()[at] != '\n')
        return Outcome::text_after_quote;
    return Outcome::record;
}

// A field without quotes; false where the record is too long.
bool DelimitedReader::split_plain(std::size_t &at) {
    const char stops[] = {dialect_.delimiter, '\n'};
    std::size_t end = window_.view().find_first_of(std::string_view(stops, 2), at);
    for (std::size_t seen = at; end == std::string_view::npos;) {
        seen = window_.view().size();
        if (!window_.grow()) {
            if (!window_.at_end())
                return false;
            end = window_.view().size();
        } else {
            end = window_.view().find_first_of(std::string_view(stops, 2), seen);
        }
    }
    std::string_view value = window_.view().substr(at, end - at);
    if (!value.empty() && value.back() == '\r' && (end == window_.view().size() || window_.view()[end] == '\n'))
        value.remove_suffix(1);
    const std::size_t begin = text_.size();
    const bool null = dialect_.backslash && value == "\\N";
    if (dialect_.backslash && !null)
        unescape(value);
    else if (!null)
        text_.append(value);
    spans_.push_back({begin, text_.size() - begin, null});
    at = end;
    return true;
}

void DelimitedReader::unescape(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); at++) {
        const std::size_t slash = text.find('\\', at);
        text_.append(text.substr(at, slash - at));
        if (slash == std::string_view::npos)
            return;
        const char next = slash + 1 < text.size() ? text[slash + 1] : '\0';
        const std::size_t which = std::string_view("tnr\\").find(next);
        at = slash;
        if (next != '\0' && which != std::string_view::npos) {
            text_ += "\t\n\r\\"[which];
            at++;
        } else {
            text_ += '\\';
        }
    }
}

} // namespace ticketflow::core::import
