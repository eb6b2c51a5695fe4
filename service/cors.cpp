// Cross-origin resource sharing: what a browser asks before and after a call.
#include "service.h"

#include <algorithm>

namespace ticketflow::http {

namespace {

constexpr char kExposed[] = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
                            "Transfer-Encoding, Range-Unit";

} // namespace

bool is_preflight(const Request &request) {
    return request.method == "OPTIONS" && request.has_header("origin") && request.has_header("access-control-request-method");
}

void add_cors(const Request &request, const Config &config, Answer &answer) {
    auto origin = request.header("origin");
    if (origin.empty()) {
        if (!config.origins.empty())
            answer.add_vary("Origin");
        return;
    }
    if (config.origins.empty()) {
        answer.set("Access-Control-Allow-Origin", "*");
    } else {
        answer.add_vary("Origin");
        if (std::find(config.origins.begin(), config.origins.end(), origin) == config.origins.end())
            return;
        answer.set("Access-Control-Allow-Origin", std::string(origin));
        answer.set("Access-Control-Allow-Credentials", "true");
    }
    if (!is_preflight(request)) {
        answer.set("Access-Control-Expose-Headers", kExposed);
        return;
    }
    std::string asked;
    for (auto name : split(request.header("access-control-request-headers"), ','))
        if (!trim(name).empty())
            asked += std::string(trim(name)) + ", ";
    answer.set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
    answer.set("Access-Control-Allow-Headers", "Authorization, " + asked + "Accept, Accept-Language, Content-Language");
    answer.set("Access-Control-Max-Age", "86400");
}

} // namespace ticketflow::http
