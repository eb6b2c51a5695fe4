// Coroutines of the service. They all run on the event loop of one thread, which the type says: nothing is dispatched at run time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace ticketflow::http {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T> using Task = asio::awaitable<T, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

inline constexpr asio::use_awaitable_t<Executor> awaiting;
// The same, for what reports failures instead of throwing them.
inline auto awaiting_or(boost::system::error_code &error) { return asio::redirect_error(awaiting, error); }

} // namespace ticketflow::http
