// Bytes become requests, however they arrive.
#include "http_reader.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace ticketflow::http;
using State = RequestReader::State;

namespace {

void feed(RequestReader &reader, std::string_view bytes) {
    auto [data, size] = reader.space();
    ASSERT_GE(size, bytes.size());
    std::memcpy(data, bytes.data(), bytes.size());
    reader.received(bytes.size());
}

// The status that a request is refused with, or 200.
int status_of(std::string_view bytes) {
    RequestReader reader(4096, 1000);
    feed(reader, bytes);
    return reader.state() == State::failed ? reader.error().status : reader.state() == State::complete ? 200 : 0;
}

constexpr std::string_view kGet = "GET /rpc/add?a=1 HTTP/1.1\r\nHost: x\r\nX-Thing:  a b \r\n\r\n";
constexpr std::string_view kPost = "POST /rpc/j HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n123";
constexpr std::string_view kChunks = "POST /rpc/j HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n1;x=y\r\n3\r\n0\r\nHost: y\r\nX-Late: z\r\n\r\n";

} // namespace

TEST(HttpReader, CutAnywhere) {
    std::string all = std::string(kGet) + std::string(kPost) + std::string(kChunks);
    for (size_t cut = 0; cut <= all.size(); ++cut) {
        RequestReader reader(4096, 1000);
        std::vector<Request> requests;
        for (auto part : {std::string_view(all).substr(0, cut), std::string_view(all).substr(cut)}) {
            feed(reader, part);
            while (reader.state() == State::complete) {
                requests.push_back(reader.take());
                reader.next();
            }
        }
        ASSERT_EQ(requests.size(), 3u) << cut;
        EXPECT_EQ(reader.state(), State::idle) << cut;
        EXPECT_EQ(requests[0].target, "/rpc/add?a=1");
        EXPECT_EQ(requests[0].header("x-thing"), "a b");
        EXPECT_EQ(requests[1].body, "123");
        EXPECT_EQ(requests[2].body, "123");
        EXPECT_EQ(requests[2].header("host"), "x") << "a trailer is no header";
        EXPECT_FALSE(requests[2].has_header("x-late"));
    }
}

TEST(HttpReader, FramingThatOthersReadOtherwise) {
    auto with = [](const std::string &headers) { return status_of("POST /rpc/j HTTP/1.1\r\nHost: x\r\n" + headers + "\r\nGET / HTTP/1.1\r\n"); };
    for (const char *coding : {"xchunked", "identity", "\"chunked\"", "chunked, identity", "chunked,chunked", "chunked ,chunked", "cow", ""})
        EXPECT_EQ(with(std::string("Transfer-Encoding: ") + coding + "\r\n"), 400) << coding;
    EXPECT_EQ(with("Transfer-Encoding: gzip, chunked\r\n"), 501);
    EXPECT_EQ(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(with("Content-Length: 3\r\nContent-Length: 4\r\n"), 400);
    EXPECT_EQ(with("Content-Length: -1\r\n"), 400);
    EXPECT_EQ(with("Content-Length: 3 3\r\n"), 400);
    EXPECT_EQ(with("Authorization: a\r\nAuthorization: b\r\n"), 400);
    EXPECT_EQ(with("Content-Type: a\r\nContent-Type: a\r\n"), 400);
    EXPECT_EQ(with("Host: y\r\n"), 400);
    EXPECT_EQ(with("Bad Name: y\r\n"), 400);
    EXPECT_EQ(with(std::string("X: a\0b\r\n", 8)), 400);
    EXPECT_EQ(with("X: a\r\n b\r\n"), 400) << "a fold";
    EXPECT_EQ(with("X: a\r\n\tb: c\r\n"), 400);
    std::string folded = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n y\r\nX: z\r\n\r\n";
    for (size_t cut = 0; cut <= folded.size(); ++cut) {
        RequestReader reader(4096, 1000);
        feed(reader, folded.substr(0, cut));
        feed(reader, folded.substr(cut));
        EXPECT_EQ(reader.state(), State::failed) << cut;
    }
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400) << "no host";
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200) << "which HTTP/1.0 need not name";
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 200) << "but may be empty";
}

TEST(HttpReader, Limits) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'a') + "\r\n\r\n"), 431);
    EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"), 413);
    EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"), 400);
    EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
    EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    EXPECT_EQ(status_of("\x16\x03\x01"), 400);
}

TEST(HttpReader, KeepAliveAndContinue) {
    RequestReader reader(4096, 1000);
    feed(reader, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\n");
    EXPECT_EQ(reader.state(), State::body);
    EXPECT_TRUE(reader.expects_continue());
    EXPECT_FALSE(reader.expects_continue()) << "once";
    feed(reader, "1");
    EXPECT_EQ(reader.state(), State::complete);
    EXPECT_FALSE(reader.keep_alive());
}

TEST(HttpReader, AnOriginInFrontOfThePath) {
    RequestReader reader(4096, 1000);
    feed(reader, "GET http://desk.example.org:80/rpc/add?x=http://y/ HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(reader.take().target, "/rpc/add?x=http://y/");
}
