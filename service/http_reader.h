// Reads requests out of a stream of bytes: Beast's parser with our limits, without a socket.
#pragma once

#include "request.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace ticketflow::http {

class RequestReader {
  public:
    enum class State { idle, head, body, complete, failed };

    RequestReader(size_t max_head, size_t max_body);
    ~RequestReader();

    std::pair<char *, size_t> space(); // where the next bytes go
    void received(size_t count);       // so many were written there; parses

    State state() const { return state_; }
    bool expects_continue();         // once, after the head of a request that asks
    const Error &error() const { return *error_; }
    bool keep_alive() const { return keep_alive_; }
    // The complete request (or what is known of a failed one); the reader goes on with the bytes that came after it.
    Request take();
    void next();

  private:
    struct Parser;
    void parse();
    void begin();
    void take_head();
    void read_head();
    void fail(Error error);

    size_t max_head_, max_body_;
    State state_ = State::idle;
    bool keep_alive_ = false, continued_ = false;
    std::optional<Request> request_; // once its head is complete
    std::optional<Error> error_;
    boost::beast::flat_buffer buffer_;
    std::unique_ptr<Parser> parser_;
};

} // namespace ticketflow::http
