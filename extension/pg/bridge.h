// The only code that knows both of PostgreSQL's longjmp and of C++ exceptions.
//
// Five rules keep the two apart:
//  1. every function that PostgreSQL calls runs inside entry() (TICKETFLOW_FUNCTION writes that for you);
//  2. inside it every PostgreSQL call that can raise an error runs inside call(), several grouped in one lambda,
//     and that lambda holds nothing with a destructor;
//  3. no PG_TRY, ereport(ERROR) or elog(ERROR) anywhere else: our own errors are core::Failure;
//  4. nobody swallows Error: after a PostgreSQL error only abort is legal;
//  5. PostgreSQL's memory and resources belong to PostgreSQL (transaction abort cleans them), C++ objects to their
//     destructors; no destructor calls PostgreSQL.
#pragma once

#include "core/failure.h"

#include <csetjmp>
#include <type_traits>

extern "C" {
#include <postgres.h>

#include <fmgr.h>
#include <miscadmin.h>
#include <utils/elog.h>
#include <utils/memutils.h>
}

namespace ticketflow::pg {

// A PostgreSQL error on its way through C++ frames; the data lives in the memory context current at call().
struct Error {
    ErrorData *data;
};

namespace detail {

// Trivial on purpose: it is alive while ereport jumps out of entry().
struct Outcome {
    ErrorData *data;
    int sqlstate;
    char message[1024];
    char detail[1024];
    char hint[512];
};

[[noreturn]] void throw_caught_error(MemoryContext context);
void describe_current_exception(Outcome &outcome) noexcept;
[[noreturn]] void raise(const Outcome &outcome);

} // namespace detail

// C++ calls PostgreSQL: an error raised in f arrives as a thrown Error, with all its fields.
template <class F> auto call(F &&f) -> std::invoke_result_t<F &> {
    using Result = std::invoke_result_t<F &>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>,
                  "a result that crosses a longjmp must be trivially copyable");
    sigjmp_buf *const outer = PG_exception_stack;
    ErrorContextCallback *const context_stack = error_context_stack;
    MemoryContext const memory = CurrentMemoryContext;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        // f should not throw, but a container in it may run out of memory: PostgreSQL must not jump to a frame that is gone.
        try {
            if constexpr (std::is_void_v<Result>) {
                f();
                PG_exception_stack = outer;
                return;
            } else {
                Result result = f();
                PG_exception_stack = outer;
                return result;
            }
        } catch (...) {
            PG_exception_stack = outer;
            throw;
        }
    }
    PG_exception_stack = outer;
    error_context_stack = context_stack;
    detail::throw_caught_error(memory);
}

// Our own error from inside call(), where nothing may be thrown: it arrives outside as an Error.
[[noreturn]] void raise_inside_call(core::Condition condition, const char *message, const char *detail, const char *hint);

// PostgreSQL calls C++: whatever f throws becomes a PostgreSQL error after every C++ object is gone.
template <class F> auto entry(F &&f) -> std::invoke_result_t<F &> {
    detail::Outcome outcome;
    try {
        return f();
    } catch (...) {
        detail::describe_current_exception(outcome);
    }
    detail::raise(outcome);
}

// Lets a user cancel a loop over data; call it in each such loop.
inline void check_for_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION())
        call([] { ProcessInterrupts(); });
}

} // namespace ticketflow::pg

// Defines the SQL-callable C function `name`; what follows is its body, free to throw.
#define TICKETFLOW_FUNCTION(name)                                                                            \
    static Datum name##_body(FunctionCallInfo fcinfo);                                                       \
    extern "C" {                                                                                             \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) {                                                               \
        return ticketflow::pg::entry([fcinfo] { return name##_body(fcinfo); });                              \
    }                                                                                                        \
    }                                                                                                        \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
