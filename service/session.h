// One client connection: reads requests, has them answered, writes the answers, and enforces the limits on the way.
#pragma once

#include "worker.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>

namespace ticketflow::http {

using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
using Handler = std::function<Task<Answer>(const Request &, Running &)>;

struct SessionContext {
    Worker &worker;
    Metrics &metrics;
    Handler handler;
    std::string peer;
    bool counted = true;  // requests go into log and metrics; those of the admin listener do not
    bool overloaded = false; // one answer, 503, then the end
};

Task<void> serve_plain(SessionContext context, Socket socket);
Task<void> serve_tls(SessionContext context, Socket socket, std::shared_ptr<asio::ssl::context> tls);

} // namespace ticketflow::http
