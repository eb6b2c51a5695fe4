// Sockets that listen: TCP, a unix socket, or what systemd hands over.
#pragma once

#include "config.h"
#include "session.h"

#include <string>
#include <vector>

namespace ticketflow::http {

// A listening socket, whatever its kind.
struct Listening {
    int file = -1;
    std::string address; // for the log
    int port = 0;        // 0 for a unix socket
    bool inherited = false; // systemd's; it goes on listening when the service stops
};

// Opens what the configuration asks for; inherits from systemd where LISTEN_FDS is set. Throws std::runtime_error.
std::vector<Listening> open_listeners(const Config &config);
Listening open_tcp(const std::string &host, int port);

// Tells systemd (NOTIFY_SOCKET), if it asked to be told.
void notify_systemd(const std::string &state);

// The peer of an accepted socket: an address without port, or "unix".
std::string peer_name(int file);

// The context for TLS with the configured certificate. Throws ConfigError.
std::shared_ptr<asio::ssl::context> make_tls(const Config &config);

} // namespace ticketflow::http
