// The parts of the bridge that need no template.
#include "pg/bridge.h"

extern "C" {
#include <mb/pg_wchar.h>
}

#include <cstring>
#include <new>
#include <string>

namespace ticketflow::pg::detail {

namespace {

struct Mapping {
    core::Condition condition;
    int sqlstate;
};

using core::Condition;

constexpr Mapping kSqlstates[] = {
    {Condition::invalid_parameter_value, ERRCODE_INVALID_PARAMETER_VALUE},
    {Condition::invalid_text_representation, ERRCODE_INVALID_TEXT_REPRESENTATION},
    {Condition::invalid_name, ERRCODE_INVALID_NAME},
    {Condition::numeric_value_out_of_range, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE},
    {Condition::string_data_right_truncation, ERRCODE_STRING_DATA_RIGHT_TRUNCATION},
    {Condition::invalid_datetime, ERRCODE_INVALID_DATETIME_FORMAT},
    {Condition::program_limit_exceeded, ERRCODE_PROGRAM_LIMIT_EXCEEDED},
    {Condition::data_corrupted, ERRCODE_DATA_CORRUPTED},
    {Condition::index_corrupted, ERRCODE_INDEX_CORRUPTED},
    {Condition::object_not_in_state, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE},
    {Condition::undefined_object, ERRCODE_UNDEFINED_OBJECT},
    {Condition::undefined_table, ERRCODE_UNDEFINED_TABLE},
    {Condition::duplicate_object, ERRCODE_DUPLICATE_OBJECT},
    {Condition::insufficient_privilege, ERRCODE_INSUFFICIENT_PRIVILEGE},
    {Condition::feature_not_supported, ERRCODE_FEATURE_NOT_SUPPORTED},
    {Condition::unique_violation, ERRCODE_UNIQUE_VIOLATION},
    {Condition::sequence_limit_exceeded, ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED},
    {Condition::wrong_object_type, ERRCODE_WRONG_OBJECT_TYPE},
    {Condition::undefined_column, ERRCODE_UNDEFINED_COLUMN},
    {Condition::serialization_failure, ERRCODE_T_R_SERIALIZATION_FAILURE},
    {Condition::object_in_use, ERRCODE_OBJECT_IN_USE},
    {Condition::internal_error, ERRCODE_INTERNAL_ERROR},
};

int sqlstate_of(Condition condition) noexcept {
    for (const Mapping &mapping : kSqlstates)
        if (mapping.condition == condition)
            return mapping.sqlstate;
    return ERRCODE_INTERNAL_ERROR;
}

template <size_t N> void copy(char (&to)[N], const std::string &from) noexcept {
    // Cut at a character boundary, so that a long message stays valid in a multibyte encoding.
    const int length = from.size() < N ? static_cast<int>(from.size())
                                       : pg_mbcliplen(from.data(), static_cast<int>(from.size()), N - 1);
    std::memcpy(to, from.data(), static_cast<size_t>(length));
    to[length] = '\0';
}

} // namespace

void throw_caught_error(MemoryContext context) {
    MemoryContextSwitchTo(context);
    // CopyErrorData can itself raise an error (out of memory); no C++ object of ours is alive in this frame.
    ErrorData *data = CopyErrorData();
    FlushErrorState();
    throw Error{data};
}

void describe_current_exception(Outcome &outcome) noexcept {
    outcome.data = nullptr;
    outcome.message[0] = outcome.detail[0] = outcome.hint[0] = '\0';
    outcome.sqlstate = ERRCODE_INTERNAL_ERROR;
    try {
        throw;
    } catch (const Error &error) {
        outcome.data = error.data;
    } catch (const core::Failure &failure) {
        outcome.sqlstate = sqlstate_of(failure.condition);
        copy(outcome.message, failure.message);
        copy(outcome.detail, failure.detail);
        copy(outcome.hint, failure.hint);
    } catch (const std::bad_alloc &) {
        outcome.sqlstate = ERRCODE_OUT_OF_MEMORY;
        std::strcpy(outcome.message, "out of memory");
    } catch (const std::exception &exception) {
        strlcpy(outcome.message, exception.what(), sizeof outcome.message);
    } catch (...) {
        std::strcpy(outcome.message, "unknown C++ exception");
    }
}

void raise(const Outcome &outcome) {
    if (outcome.data)
        ReThrowError(outcome.data);
    ereport(ERROR, errcode(outcome.sqlstate), errmsg_internal("%s", outcome.message),
            outcome.detail[0] ? errdetail_internal("%s", outcome.detail) : 0,
            outcome.hint[0] ? errhint("%s", outcome.hint) : 0);
    pg_unreachable();
}

} // namespace ticketflow::pg::detail

namespace ticketflow::pg {

void raise_inside_call(core::Condition condition, const char *message, const char *more, const char *hint) {
    detail::Outcome outcome;
    outcome.data = nullptr;
    outcome.sqlstate = detail::sqlstate_of(condition);
    strlcpy(outcome.message, message, sizeof outcome.message);
    strlcpy(outcome.detail, more, sizeof outcome.detail);
    strlcpy(outcome.hint, hint, sizeof outcome.hint);
    detail::raise(outcome);
}

} // namespace ticketflow::pg
