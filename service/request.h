// One HTTP request as the rest of the service sees it: no socket, no parser.
#pragma once

#include "errors.h"
#include "text.h"

#include <string>
#include <string_view>

namespace ticketflow::http {

struct Request {
    std::string method, target, body;
    Headers headers; // names in lower case, in the order of arrival
    std::string peer; // the client's address, or "unix"
    std::string id;   // from the trace header, or made up

    std::string_view header(std::string_view name) const {
        for (const auto &[key, value] : headers)
            if (key == name)
                return value;
        return {};
    }
    bool has_header(std::string_view name) const { return header(name).data() != nullptr; }
    std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
    std::string_view query() const {
        auto at = target.find('?');
        return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
    }
};

} // namespace ticketflow::http
