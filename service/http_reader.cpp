#include "http_reader.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace ticketflow::http {

namespace beast = boost::beast;

namespace {

constexpr size_t kReadSize = 16384;

Error error_of(beast::error_code ec) {
    if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow)
        return failure::limit(431, "The head of the request is too large.", "max-header-bytes limits it.");
    if (ec == beast::http::error::body_limit)
        return failure::limit(413, "The body of the request is too large.", "max-body-bytes limits it.");
    if (ec == beast::http::error::bad_version)
        return failure::limit(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
    return failure::limit(400, "The request is not valid HTTP: " + ec.message() + ".");
}

} // namespace

struct RequestReader::Parser {
    beast::http::request_parser<beast::http::string_body> http;
};

RequestReader::RequestReader(size_t max_head, size_t max_body) : max_head_(max_head), max_body_(max_body) { begin(); }
RequestReader::~RequestReader() = default;

void RequestReader::begin() {
    parser_ = std::make_unique<Parser>();
    parser_->http.header_limit(std::uint32_t(max_head_));
    parser_->http.body_limit(max_body_);
    parser_->http.eager(true);
    state_ = State::idle;
    continued_ = false;
    error_.reset();
}

std::pair<char *, size_t> RequestReader::space() {
    auto room = buffer_.prepare(kReadSize);
    return {static_cast<char *>(room.data()), room.size()};
}

void RequestReader::received(size_t count) {
    buffer_.commit(count);
    parse();
}

void RequestReader::parse() {
    while (buffer_.size() > 0 && state_ != State::complete && state_ != State::failed) {
        beast::error_code ec;
        size_t used = parser_->http.put(buffer_.data(), ec);
        buffer_.consume(used);
        state_ = parser_->http.is_header_done() ? State::body : State::head;
        if (parser_->http.is_done())
            state_ = State::complete;
        if (ec && ec != beast::http::error::need_more) {
            error_ = error_of(ec);
            state_ = State::failed;
            keep_alive_ = false;
        } else if (state_ == State::complete) {
            keep_alive_ = parser_->http.get().keep_alive();
        } else if (ec) {
            break; // the head may not be complete yet
        }
    }
}

bool RequestReader::expects_continue() {
    if (state_ != State::body || continued_)
        return false;
    continued_ = true;
    return beast::iequals(parser_->http.get()[beast::http::field::expect], "100-continue");
}

Request RequestReader::take() {
    Request request;
    auto &message = parser_->http.get();
    request.method = message.method_string();
    request.target = message.target();
    request.headers.reserve(16);
    for (const auto &field : message)
        request.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                     std::string_view(field.value().data(), field.value().size()));
    request.body = std::move(message.body());
    // A proxy's form of the target: the origin in front says nothing here.
    if (auto scheme = request.target.find("://"); !request.target.starts_with("/") && scheme != std::string::npos) {
        auto slash = request.target.find('/', scheme + 3);
        request.target = slash == std::string::npos ? "/" : request.target.substr(slash);
    }
    return request;
}

void RequestReader::next() {
    begin();
    parse();
}

} // namespace ticketflow::http
