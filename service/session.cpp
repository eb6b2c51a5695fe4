#include "session.h"

#include "http_reader.h"
#include "log.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <ctime>
#include <random>

namespace ticketflow::http {

namespace {

using Clock = std::chrono::steady_clock;
using Phase = Watched::Phase;
constexpr size_t kFileChunk = 128 * 1024;
constexpr size_t kMostLinger = 1024 * 1024;
constexpr long long kLingerSeconds = 2;

// The date of the answer, made once a second.
std::string_view http_date() {
    thread_local std::time_t last = 0;
    thread_local char text[40];
    std::time_t now = std::time(nullptr);
    if (now != last) {
        std::tm parts;
        gmtime_r(&now, &parts);
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        last = now;
    }
    return text;
}

std::string request_id(std::string_view given) {
    bool fine = !given.empty() && given.size() <= 128;
    for (unsigned char c : given)
        fine = fine && c > 0x20 && c < 0x7F;
    if (fine)
        return std::string(given);
    thread_local std::mt19937_64 random{std::random_device{}()};
    std::string text(32, '0');
    for (size_t i = 0; i < text.size(); i += 16)
        for (auto [bits, at] = std::pair{random(), i}; at < i + 16; bits >>= 4)
            text[at++] = "0123456789abcdef"[bits & 15];
    return text;
}

// Keeps the connection on the worker's list for as long as the session runs.
class Watching {
  public:
    Watching(Worker &worker, Watched &watched) : worker_(worker), watched_(watched) { worker_.watch(watched_); }
    ~Watching() { worker_.forget(watched_); }
    Watching(const Watching &) = delete;

  private:
    Worker &worker_;
    Watched &watched_;
};

Socket &raw_socket(Socket &socket) { return socket; }
Socket &raw_socket(asio::ssl::stream<Socket> &stream) { return stream.next_layer(); }

template <class Stream> class Session {
  public:
    Session(SessionContext context, Stream stream)
        : context_(std::move(context)), stream_(std::move(stream)),
          reader_(size_t(config().max_header), size_t(config().max_body)), watching_(context_.worker, watched_) {
        watched_.stays = !context_.counted;
        watched_.file = stream_.lowest_layer().native_handle();
        watched_.interrupt = [this] {
            boost::system::error_code ignored;
            stream_.lowest_layer().cancel(ignored);
        };
    }

    Stream &stream() { return stream_; }
    Watched &watched() { return watched_; }

    Task<void> run() {
        long long served = 0;
        for (;;) {
            bool complete = co_await read_request();
            if (!complete)
                break;
            Request request = reader_.take();
            ++served;
            bool keep = reader_.state() == RequestReader::State::complete && reader_.keep_alive();
            bool last = config().max_requests > 0 && served >= config().max_requests;
            keep = keep && !last && !context_.overloaded && !ending();
            keep = co_await answer_request(request, keep);
            if (!keep)
                break;
            reader_.next();
        }
        co_await end();
    }

  private:
    bool ending() const { return watched_.drain || (context_.worker.draining && !watched_.stays); }
    const Config &config() const { return context_.worker.service.config(); }

    // Until one request is complete or failed. False where the client is gone, or had nothing to say for too long.
    Task<bool> read_request() {
        using State = RequestReader::State;
        State known = State::idle;
        watched_.timed_out = false;
        watched_.expect(Phase::idle, config().keepalive_timeout);
        while (reader_.state() != State::complete && reader_.state() != State::failed) {
            if (reader_.state() != known) {
                known = reader_.state();
                watched_.expect(Phase::reading, known == State::body ? config().body_timeout : config().header_timeout);
            }
            if (reader_.state() == State::idle && ending())
                co_return false;
            if (reader_.expects_continue()) {
                bool sent = co_await write("HTTP/1.1 100 Continue\r\n\r\n", {});
                if (!sent)
                    co_return false;
                watched_.expect(Phase::reading, config().body_timeout);
            }
            auto [data, size] = reader_.space();
            boost::system::error_code ec;
            size_t count = co_await stream_.async_read_some(asio::buffer(data, size), awaiting_or(ec));
            if (ec) {
                if (watched_.timed_out && reader_.state() != State::idle)
                    co_await refuse(failure::limit(408, "The request did not arrive in time."));
                co_return false;
            }
            reader_.received(count);
        }
        co_return true;
    }

    Task<void> refuse(Error error) {
        Request request = reader_.take();
        request.peer = context_.peer;
        request.id = request_id(request.header(lower(config().trace_header)));
        Answer answer = context_.worker.service.refuse(request, error);
        co_await send(request, answer, false, Clock::now());
        lingers_ = true;
    }

    Task<bool> answer_request(Request &request, bool keep) {
        auto started = Clock::now();
        request.peer = context_.peer;
        request.id = request_id(request.header(lower(config().trace_header)));
        Answer answer;
        watched_.running = Running();
        context_.metrics.in_flight += context_.counted ? 1 : 0;
        watched_.expect(Phase::handling, 0);
        if (reader_.state() == RequestReader::State::failed) {
            answer = context_.worker.service.refuse(request, reader_.error());
            lingers_ = true;
        } else if (context_.overloaded) {
            answer = context_.worker.service.refuse(request, failure::limit(503, "Too many connections.", "max-connections limits them."));
        } else {
            answer = co_await context_.handler(request, watched_.running);
        }
        if (watched_.running.abandoned) {
            answer.status = 499;
            keep = false;
        }
        keep = keep && !answer.close && !watched_.drain;
        bool sent = co_await send(request, answer, keep, started);
        context_.metrics.in_flight -= context_.counted ? 1 : 0;
        co_return keep && sent;
    }

    Task<bool> send(const Request &request, Answer &answer, bool keep, Clock::time_point started) {
        std::string head = head_of(answer, keep, http_date());
        std::string_view body = answer.bodiless || answer.spool.open() ? std::string_view()
                                : answer.result                        ? answer.view
                                                                       : std::string_view(answer.text);
        watched_.timed_out = false;
        bool sent = answer.status != 499 && co_await write(head, body);
        if (sent && answer.spool.open() && !answer.bodiless)
            sent = co_await write_file(answer.spool);
        if (context_.counted) {
            double seconds = std::chrono::duration<double>(Clock::now() - started).count();
            const char *outcome = sent ? "" : answer.status == 499 ? "client closed" : watched_.timed_out ? "client too slow" : "write failed";
            log_request(request, answer, seconds, outcome);
            context_.metrics.observe(answer.function, request.method, answer.status, seconds, answer.size(), answer.code);
        }
        co_return sent;
    }

    // Every bit of progress gives the client more time.
    Task<bool> write(std::string_view head, std::string_view body) {
        while (!head.empty() || !body.empty()) {
            watched_.expect(Phase::writing, config().write_timeout);
            std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
            boost::system::error_code ec;
            size_t count = co_await stream_.async_write_some(buffers, awaiting_or(ec));
            if (ec)
                co_return false;
            size_t of_head = std::min(count, head.size());
            head.remove_prefix(of_head);
            body.remove_prefix(count - of_head);
        }
        co_return true;
    }

    Task<bool> write_file(const Spool &spool) {
        std::string chunk(kFileChunk, '\0');
        for (size_t offset = 0; offset < spool.size();) {
            long count = spool.read(offset, chunk.data(), chunk.size());
            bool sent = count > 0 && co_await write({}, std::string_view(chunk).substr(0, size_t(count)));
            if (!sent)
                co_return false;
            offset += size_t(count);
        }
        co_return true;
    }

    // After a refusal the rest of the request is read and dropped: closing with unread bytes would reset the connection, and
    // the client would never see the answer.
    Task<void> end() {
        boost::system::error_code ec;
        stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ec);
        std::array<char, 16384> sink;
        watched_.timed_out = false;
        watched_.expect(Phase::reading, kLingerSeconds);
        for (size_t total = 0; lingers_ && !ec && total < kMostLinger;)
            total += co_await raw_socket(stream_).async_read_some(asio::buffer(sink), awaiting_or(ec));
        stream_.lowest_layer().close(ec);
    }

    SessionContext context_;
    Stream stream_;
    RequestReader reader_;
    Watched watched_;
    Watching watching_;
    bool lingers_ = false;
};

// Counts a client's connection while it lives; those of the admin listener are not clients.
struct Counted {
    explicit Counted(const SessionContext &context) : metrics(context.metrics), step(context.counted ? 1 : 0) { metrics.connections += step; }
    ~Counted() { metrics.connections -= step; }
    Metrics &metrics;
    long step;
};

} // namespace

Task<void> serve_plain(SessionContext context, Socket socket) {
    Counted counted(context);
    auto session = std::make_unique<Session<Socket>>(std::move(context), std::move(socket));
    co_await session->run();
}

Task<void> serve_tls(SessionContext context, Socket socket, std::shared_ptr<asio::ssl::context> tls) {
    Counted counted(context);
    long long timeout = context.worker.service.config().header_timeout;
    asio::ssl::stream<Socket> stream(std::move(socket), *tls);
    auto session = std::make_unique<Session<asio::ssl::stream<Socket>>>(std::move(context), std::move(stream));
    session->watched().expect(Phase::reading, timeout);
    boost::system::error_code ec;
    co_await session->stream().async_handshake(asio::ssl::stream_base::server, awaiting_or(ec));
    if (!ec)
        co_await session->run();
}

} // namespace ticketflow::http
