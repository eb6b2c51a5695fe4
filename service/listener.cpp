#include "listener.h"

#include "text.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ticketflow::http {

namespace {

constexpr int kBacklog = 4096;
constexpr int kFirstInherited = 3; // by systemd's convention

[[noreturn]] void fail(const std::string &what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

std::pair<std::string, int> name_of(const sockaddr_storage &address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto &in = reinterpret_cast<const sockaddr_in &>(address);
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        return {text, ntohs(in.sin_port)};
    }
    if (address.ss_family == AF_INET6) {
        const auto &in = reinterpret_cast<const sockaddr_in6 &>(address);
        inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
        std::string_view plain = text;
        return {std::string(plain.starts_with("::ffff:") ? plain.substr(7) : plain), ntohs(in.sin6_port)};
    }
    return {"unix", 0};
}

Listening describe(int file) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(file, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        fail("cannot read the address of a listening socket");
    auto [name, port] = name_of(address);
    if (address.ss_family == AF_UNIX)
        name = reinterpret_cast<const sockaddr_un &>(address).sun_path;
    return {file, name, port, false};
}

Listening open_unix(const Config &config) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (config.server_socket.size() >= sizeof address.sun_path)
        throw std::runtime_error("the path of the unix socket is too long: " + config.server_socket);
    std::strcpy(address.sun_path, config.server_socket.c_str());
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        fail("cannot make a unix socket");
    // A socket that nobody answers is left from a service that died; one that is answered belongs to another.
    if (connect(file, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0) {
        close(file);
        throw std::runtime_error("another service listens on " + config.server_socket);
    }
    close(file);
    struct stat entry;
    if (stat(address.sun_path, &entry) == 0 && S_ISSOCK(entry.st_mode))
        unlink(address.sun_path);
    file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(file, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
        chmod(address.sun_path, mode_t(std::strtol(config.server_socket_mode.c_str(), nullptr, 8))) != 0 || listen(file, kBacklog) != 0)
        fail("cannot listen on " + config.server_socket);
    return {file, config.server_socket, 0, false};
}

std::vector<Listening> inherited() {
    std::vector<Listening> out;
    const char *count = std::getenv("LISTEN_FDS"), *process = std::getenv("LISTEN_PID");
    if (!count || !process || to_integer(process) != (long long)(getpid()))
        return out;
    long long files = to_integer(count).value_or(0);
    for (int i = 0; i < files; ++i) {
        fcntl(kFirstInherited + i, F_SETFD, FD_CLOEXEC);
        out.push_back(describe(kFirstInherited + i));
        out.back().inherited = true;
    }
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    return out;
}

} // namespace

Listening open_tcp(const std::string &host, int port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    bool any = host == "*" || host == "!4" || host == "!6" || host.empty();
    hints.ai_family = host == "!4" ? AF_INET : any ? AF_INET6 : AF_UNSPEC;
    int error = getaddrinfo(any ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0)
        throw std::runtime_error("cannot resolve \"" + host + "\": " + gai_strerror(error));
    int file = -1;
    for (auto *at = found; at; at = at->ai_next) {
        file = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = 1, zero = 0;
        if (file < 0)
            continue;
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (at->ai_family == AF_INET6)
            setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
        if (bind(file, at->ai_addr, at->ai_addrlen) == 0 && listen(file, kBacklog) == 0)
            break;
        int reason = errno;
        close(file);
        errno = reason;
        file = -1;
    }
    freeaddrinfo(found);
    if (file < 0 && host == "*" && errno == EAFNOSUPPORT)
        return open_tcp("!4", port); // a machine without IPv6
    if (file < 0)
        fail("cannot listen on " + host + " port " + std::to_string(port));
    return describe(file);
}

std::vector<Listening> open_listeners(const Config &config) {
    auto out = inherited();
    if (!out.empty())
        return out;
    if (!config.server_socket.empty())
        out.push_back(open_unix(config));
    else
        out.push_back(open_tcp(config.server_host, int(config.server_port)));
    return out;
}

void notify_systemd(const std::string &state) {
    const char *path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (!path || !*path || std::strlen(path) >= sizeof address.sun_path)
        return;
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sendto(file, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&address),
           socklen_t(offsetof(sockaddr_un, sun_path) + std::strlen(path)));
    close(file);
}

std::string peer_name(int file) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getpeername(file, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return "unknown";
    return name_of(address).first;
}

std::shared_ptr<asio::ssl::context> make_tls(const Config &config) {
    if (config.tls_certificate.empty())
        return {};
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    boost::system::error_code ec;
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, ec);
    context->use_certificate_chain_file(config.tls_certificate, ec);
    if (ec)
        throw ConfigError("cannot use the certificate " + config.tls_certificate + ": " + ec.message());
    context->use_private_key_file(config.tls_key, asio::ssl::context::pem, ec);
    if (ec)
        throw ConfigError("cannot use the key " + config.tls_key + ": " + ec.message());
    return context;
}

} // namespace ticketflow::http
