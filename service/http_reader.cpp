#include "http_reader.h"

#include <algorithm>
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

Error malformed(std::string_view why) { return failure::limit(400, "The request is not valid HTTP: " + std::string(why) + "."); }

// Programs disagree on which of several counts, so that one in front of us may have checked another than we take.
constexpr std::string_view kSingletons[] = {"host", "authorization", "content-type", "x-api-key", "transfer-encoding"};

// What a body's end is found by: nothing but "chunked" is known. The parser would take an unknown coding for no body, and the
// body for the next request.
std::optional<Error> check_coding(const Request &request) {
    if (!request.has_header("transfer-encoding"))
        return {};
    std::string coding = lower(trim(request.header("transfer-encoding")));
    if (coding == "chunked")
        return {};
    auto codings = split(coding, ',');
    bool ends_chunked = codings.size() > 1 && trim(codings.back()) == "chunked" && trim(codings[codings.size() - 2]) != "chunked";
    if (ends_chunked)
        return failure::limit(501, "The transfer coding is not known here.", "Only chunked is.");
    return malformed("the end of the body cannot be found");
}

// A value that goes on in the next line. The parser would join them; programs in front of us may not, or may check one line.
bool is_folded(std::string_view bytes) {
    std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n"));
    for (size_t at = 0; (at = head.find("\r\n", at)) != std::string_view::npos; at += 2)
        if (at + 2 < head.size() && (head[at + 2] == ' ' || head[at + 2] == '\t'))
            return true;
    return false;
}

// What the parser leaves open and RFC 9112 does not.
std::optional<Error> check_head(const Request &request, unsigned version) {
    for (auto name : kSingletons) {
        auto same = [name](const auto &header) { return header.first == name; };
        if (std::count_if(request.headers.begin(), request.headers.end(), same) > 1)
            return malformed("the header " + std::string(name) + " is repeated");
    }
    if (version >= 11 && !request.has_header("host"))
        return malformed("the header host is missing");
    return check_coding(request);
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
    state_ = State::idle;
    request_.reset();
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
        auto bytes = buffer_.data();
        if (!request_ && is_folded({static_cast<const char *>(bytes.data()), bytes.size()})) {
            fail(malformed("a header goes on in the next line"));
            return;
        }
        beast::error_code ec;
        size_t used = parser_->http.put(bytes, ec);
        buffer_.consume(used);
        state_ = parser_->http.is_header_done() ? State::body : State::head;
        if (ec && ec != beast::http::error::need_more)
            fail(error_of(ec));
        else if (state_ == State::body && !request_)
            take_head();
        else if (ec)
            break; // the head may not be complete yet
        if (state_ == State::body && parser_->http.is_done())
            state_ = State::complete;
    }
}

// The parser stops behind the head. Fields behind a chunked body (trailers) are not part of it: nobody checked them on the way.
void RequestReader::take_head() {
    read_head();
    keep_alive_ = parser_->http.get().keep_alive();
    if (auto error = check_head(*request_, parser_->http.get().version()))
        fail(std::move(*error));
}

void RequestReader::read_head() {
    Request &request = request_.emplace();
    const auto &message = parser_->http.get();
    request.method = message.method_string();
    request.target = message.target();
    request.headers.reserve(16);
    for (const auto &field : message)
        request.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                     std::string_view(field.value().data(), field.value().size()));
    // A proxy's form of the target: the origin in front says nothing here.
    if (auto scheme = request.target.find("://"); !request.target.starts_with("/") && scheme != std::string::npos) {
        auto slash = request.target.find('/', scheme + 3);
        request.target = slash == std::string::npos ? "/" : request.target.substr(slash);
    }
}

void RequestReader::fail(Error error) {
    error_ = std::move(error);
    state_ = State::failed;
    keep_alive_ = false;
}

bool RequestReader::expects_continue() {
    if (state_ != State::body || continued_)
        return false;
    continued_ = true;
    return beast::iequals(parser_->http.get()[beast::http::field::expect], "100-continue");
}

Request RequestReader::take() {
    if (!request_)
        read_head();
    Request request = std::move(*request_);
    request.body = std::move(parser_->http.get().body());
    return request;
}

void RequestReader::next() {
    begin();
    parse();
}

} // namespace ticketflow::http
