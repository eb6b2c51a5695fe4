// What a ticket number looks like: the mask of a series, and text made from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::core {

enum class Reset { never, year, month, day };

struct Date {
    int year = 0, month = 0, day = 0;
    bool operator==(const Date &) const = default;
};

// The key under which a series counts: "", "2026", "2026-11" or "2026-11-24".
std::string period_of(Reset reset, const Date &date);

Reset reset_from(std::string_view word);

// The value in so many digits at least.
void append_padded(std::string &to, int64_t value, int width);

// 1 to 10 letters and digits; throws invalid_parameter_value.
void check_prefix(std::string_view prefix);

// Stands for a queue or category that a row does not have.
inline constexpr std::string_view kNoCode = "GEN";
inline constexpr size_t kMaxPrefix = 10;
inline constexpr size_t kMaxCode = 10;
// Twelve digits keep any number inside varchar(40) and readable aloud; a series ends there.
inline constexpr int64_t kMaxNumber = 999'999'999'999;

struct NumberParts {
    std::string prefix;
    Date date;
    int64_t number = 0;
    std::string queue, category;
};

class Mask {
  public:
    enum class Kind { literal, prefix, year4, year2, month, day, number, check, queue, category };
    struct Token {
        Kind kind;
        std::string text; // of a literal
        int width = 0;    // of a number: the floor
    };

    // Throws invalid_parameter_value, saying what is wrong with the mask.
    explicit Mask(std::string_view text);
    // Throws where numbers of two periods of this reset could look the same.
    void check_covers(Reset reset) const;
    // Throws where a number of this year could look like one of another century.
    void check_year(Reset reset, int year) const;

    std::string render(const NumberParts &parts) const;
    // What stands before the number where nothing stands after it; nothing otherwise.
    std::optional<std::string> stem(const NumberParts &parts) const;
    bool has(Kind kind) const;
    int width() const { return width_; }
    // How many digits this number is written with.
    size_t digits(int64_t number) const;
    const std::vector<Token> &tokens() const { return tokens_; }
    const std::string &text() const { return text_; }

  private:
    void add(std::string_view name);
    void check_shape() const;
    static void append(std::string &to, const Token &token, const NumberParts &parts);

    std::string text_;
    std::vector<Token> tokens_;
    int width_ = 0;
};

// Whether two series could write the same text.
bool can_meet(const Mask &one, std::string_view prefix, const Mask &other, std::string_view other_prefix);

inline constexpr std::string_view kDefaultMask = "{prefix}-{YYYY}-{####}";

// A column value as it may appear inside a number: letters and digits, upper case, at most kMaxCode.
std::string code_from(std::string_view value);

} // namespace ticketflow::core
