#include "core/import/json.h"

#include "core/failure.h"
#include "core/import/text.h"

#include <charconv>

namespace ticketflow::core::import {
namespace {

constexpr int kDeepest = 200;
constexpr std::size_t kLongestNumber = 300;
constexpr int kLargestExponent = 1000;

// Thrown and caught in this file only.
struct Malformed {
    Problem problem;
};

[[noreturn]] void malformed(std::string what) { throw Malformed{{"22P02", "not a JSON object: " + std::move(what)}}; }

class Scanner {
  public:
    Scanner(std::string_view text, std::string &arena) : text_(text), arena_(arena) {}

    void object(std::vector<Field> *fields, int depth);
    void array(std::vector<std::string_view> *values, int depth);
    void end() {
        skip_spaces();
        if (at_ < text_.size())
            malformed("text behind its end");
    }

  private:
    void skip_spaces() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            at_++;
    }
    char peek() {
        skip_spaces();
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    bool accept(char wanted) {
        if (peek() != wanted)
            return false;
        at_++;
        return true;
    }
    void expect(char wanted) {
        if (!accept(wanted))
            malformed(std::string("'") + wanted + "' is missing at byte " + std::to_string(at_ + 1));
    }
    std::string_view string();
    void escape();
    std::uint32_t hex4();
    void number();
    void literal();
    Field value(int depth);

    std::string_view text_;
    std::string &arena_;
    std::size_t at_ = 0;
};

void Scanner::object(std::vector<Field> *fields, int depth) {
    if (depth > kDeepest)
        throw Malformed{{"54001", "JSON nested deeper than " + std::to_string(kDeepest)}};
    expect('{');
    if (accept('}'))
        return;
    do {
        if (peek() != '"')
            malformed("a member's name is missing at byte " + std::to_string(at_ + 1));
        const std::string_view name = string();
        expect(':');
        Field field = value(depth);
        field.name = name;
        if (fields)
            fields->push_back(field);
    } while (accept(','));
    expect('}');
}

void Scanner::array(std::vector<std::string_view> *values, int depth) {
    if (depth > kDeepest)
        throw Malformed{{"54001", "JSON nested deeper than " + std::to_string(kDeepest)}};
    expect('[');
    if (accept(']'))
        return;
    do {
        const Field field = value(depth);
        if (values && field.kind == Kind::json && (field.value.front() == '{' || field.value.front() == '['))
            malformed("the array holds more than plain values");
        if (values && field.kind != Kind::null)
            values->push_back(field.value);
    } while (accept(','));
    expect(']');
}

Field Scanner::value(int depth) {
    const char first = peek();
    const std::size_t begin = at_;
    if (first == '"')
        return {{}, string(), Kind::text};
    if (first == '{')
        object(nullptr, depth + 1);
    else if (first == '[')
        array(nullptr, depth + 1);
    else if (first == '-' || (first >= '0' && first <= '9'))
        number();
    else
        literal();
    const std::string_view raw = text_.substr(begin, at_ - begin);
    return {{}, raw, raw == "null" ? Kind::null : Kind::json};
}

// A view of the text where nothing is escaped, else of the arena (reserved in full beforehand, so that it never moves).
std::string_view Scanner::string() {
    const std::size_t begin = ++at_, kept = arena_.size();
    bool decoded = false;
    for (std::size_t plain = begin;;) {
        const std::size_t stop = text_.find_first_of("\"\\", at_);
        if (stop == std::string_view::npos)
            malformed("a string never closes");
        for (std::size_t i = at_; i < stop; i++)
            if (static_cast<unsigned char>(text_[i]) < 0x20)
                malformed("a control character in a string at byte " + std::to_string(i + 1));
        at_ = stop + 1;
        if (text_[stop] == '"') {
            if (!decoded)
                return text_.substr(begin, stop - begin);
            arena_.append(text_.substr(plain, stop - plain));
            return std::string_view(arena_).substr(kept);
        }
        arena_.append(text_.substr(plain, stop - plain));
        decoded = true;
        escape();
        plain = at_;
    }
}

void Scanner::escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = at_ < text_.size() ? text_[at_++] : '\0';
    if (letter == 'u') {
        std::uint32_t point = hex4();
        if (point == 0)
            throw Malformed{{"22021", "NUL character (\\u0000) in the record"}};
        if (point >= 0xD800 && point < 0xDC00 && text_.substr(at_, 2) == "\\u") {
            at_ += 2;
            const std::uint32_t low = hex4();
            if (low < 0xDC00 || low > 0xDFFF)
                malformed("half of a surrogate pair");
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        } else if (point >= 0xD800 && point <= 0xDFFF) {
            malformed("half of a surrogate pair");
        }
        append_utf8(arena_, point);
        return;
    }
    const std::size_t which = kLetters.find(letter);
    if (letter == '\0' || which == std::string_view::npos)
        malformed("an unknown escape at byte " + std::to_string(at_));
    arena_ += kMeanings[which];
}

std::uint32_t Scanner::hex4() {
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t result = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result, 16);
    if (error != std::errc() || end != digits.data() + 4)
        malformed("an unfinished \\u escape at byte " + std::to_string(at_ + 1));
    at_ += 4;
    return result;
}

void Scanner::number() {
    const std::size_t begin = at_;
    const auto digits = [this] {
        const std::size_t first = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9')
            at_++;
        if (at_ == first)
            malformed("an unfinished number at byte " + std::to_string(first + 1));
        return text_.substr(first, at_ - first);
    };
    const auto has = [this](std::string_view any) { return at_ < text_.size() && any.find(text_[at_]) != std::string_view::npos; };
    if (has("-"))
        at_++;
    const std::string_view whole = digits();
    if (whole.size() > 1 && whole.front() == '0')
        malformed("a number with a leading zero at byte " + std::to_string(begin + 1));
    if (has(".")) {
        at_++;
        digits();
    }
    int exponent = 0;
    if (has("eE")) {
        at_++;
        if (has("+-"))
            at_++;
        const std::string_view power = digits();
        if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc())
            exponent = kLargestExponent + 1;
    }
    if (exponent > kLargestExponent || at_ - begin > kLongestNumber)
        throw Malformed{{"22003", "a number of the record is out of range"}};
}

void Scanner::literal() {
    for (const std::string_view word : {"true", "false", "null"}) {
        if (text_.substr(at_, word.size()) == word) {
            at_ += word.size();
            return;
        }
    }
    malformed("a value is missing at byte " + std::to_string(at_ + 1));
}

} // namespace

std::optional<Problem> read_json_object(std::string_view text, std::string &arena, std::vector<Field> &fields) {
    arena.clear();
    arena.reserve(text.size());
    fields.clear();
    try {
        Scanner scanner(text, arena);
        scanner.object(&fields, 0);
        scanner.end();
    } catch (Malformed &caught) {
        fields.clear();
        return std::move(caught.problem);
    }
    return std::nullopt;
}

bool read_json_array(std::string_view text, std::string &arena, std::vector<std::string_view> &values) {
    arena.clear();
    arena.reserve(text.size());
    values.clear();
    try {
        Scanner scanner(text, arena);
        scanner.array(&values, 0);
        scanner.end();
    } catch (const Malformed &) {
        return false;
    }
    return true;
}

JsonReader::JsonReader(ReadBytes read, std::size_t most_bytes) : window_(std::move(read), most_bytes) {
    while (window_.view().size() < 3 && window_.grow())
        ;
    if (window_.view().starts_with("\xEF\xBB\xBF"))
        window_.consume(3);
    const std::size_t first = window_.view().find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && window_.view()[first] == '[')
        throw Failure(Condition::invalid_parameter_value, "the file is one JSON array, not JSON lines", {},
                      "Write one object a line, for example with: jq -c '.[]'.");
}

bool JsonReader::next(Record &record) {
    record.fields.clear();
    record.problem.reset();
    for (;;) {
        std::size_t end = window_.find_line_end();
        record.line = window_.line();
        if (end == std::string_view::npos) {
            if (window_.view().empty())
                return false;
            if (!window_.at_end()) {
                record.problem = Problem{"54000", "the record is longer than " + std::to_string(window_.most()) + " bytes"};
                arena_.assign(window_.view().substr(0, 1000));
                record.raw = arena_;
                window_.drop_line();
                record.end = window_.position();
                return true;
            }
            end = window_.view().size();
        }
        record.raw = window_.view().substr(0, end);
        window_.consume(std::min(end + 1, window_.view().size()));
        record.end = window_.position();
        if (record.raw.find_first_not_of(" \t\r") != std::string_view::npos)
            break;
    }
    record.problem = text_problem(record.raw);
    if (!record.problem)
        record.problem = read_json_object(record.raw, arena_, record.fields);
    return true;
}

} // namespace ticketflow::core::import
