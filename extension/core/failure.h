// What the core throws when it cannot do what it was asked: a condition that the glue maps to a SQLSTATE.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace ticketflow::core {

// One name a SQLSTATE; the table that maps them is in extension/pg/bridge.cpp.
enum class Condition {
    invalid_parameter_value,       // 22023
    invalid_text_representation,   // 22P02
    invalid_name,                  // 42602
    numeric_value_out_of_range,    // 22003
    string_data_right_truncation,  // 22001
    invalid_datetime,              // 22007
    program_limit_exceeded,        // 54000
    data_corrupted,                // XX001
    index_corrupted,               // XX002
    object_not_in_state,           // 55000
    undefined_object,              // 42704
    undefined_table,               // 42P01
    duplicate_object,              // 42710
    insufficient_privilege,        // 42501
    feature_not_supported,         // 0A000
    unique_violation,              // 23505
    sequence_limit_exceeded,       // 2200H
    wrong_object_type,             // 42809
    undefined_column,              // 42703
    serialization_failure,         // 40001
    object_in_use,                 // 55006
    internal_error,                // XX000
};

class Failure : public std::exception {
  public:
    explicit Failure(Condition what, std::string text, std::string more = {}, std::string advice = {})
        : condition(what), message(std::move(text)), detail(std::move(more)), hint(std::move(advice)) {}
    const char *what() const noexcept override { return message.c_str(); }

    const Condition condition;
    const std::string message, detail, hint;
};

} // namespace ticketflow::core
