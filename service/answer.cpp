#include "answer.h"

#include "text.h"

namespace ticketflow::http {

namespace {

// Whatever a function put into a header, a line break in it must not start another one.
void append_clean(std::string &out, std::string_view text) {
    size_t from = out.size();
    out += text;
    for (auto c = out.begin() + long(from); c != out.end(); ++c)
        if (*c == '\r' || *c == '\n' || *c == '\0')
            *c = ' ';
}

} // namespace

void Answer::set(std::string_view name, std::string value) {
    for (auto &[key, old] : headers) {
        if (iequals(key, name)) {
            old = std::move(value);
            return;
        }
    }
    headers.emplace_back(name, std::move(value));
}

bool Answer::has(std::string_view name) const {
    for (const auto &header : headers)
        if (iequals(header.first, name))
            return true;
    return false;
}

void Answer::add_vary(std::string_view name) {
    for (auto &[key, value] : headers) {
        if (iequals(key, "Vary")) {
            value += ", " + std::string(name);
            return;
        }
    }
    headers.emplace_back("Vary", name);
}

Answer answer_from(const Error &error) {
    Answer answer;
    answer.status = error.status;
    answer.reason = error.reason;
    answer.code = error.code;
    answer.headers = {{"Content-Type", "application/json; charset=utf-8"}, {"Proxy-Status", "PostgREST; error=" + error.code}};
    for (const auto &[name, value] : error.headers)
        if (!frames_message(name))
            answer.set(name, value);
    answer.text = error.body();
    return answer;
}

std::string head_of(const Answer &answer, bool keep_alive, std::string_view date) {
    std::string out;
    out.reserve(512);
    out += "HTTP/1.1 ";
    out += std::to_string(answer.status);
    out += ' ';
    append_clean(out, answer.reason.empty() ? reason_phrase(answer.status) : answer.reason.c_str());
    out += "\r\nServer: ticketflow\r\nDate: ";
    out += date;
    out += "\r\n";
    for (const auto &[name, value] : answer.headers) {
        append_clean(out, name);
        out += ": ";
        append_clean(out, value);
        out += "\r\n";
    }
    if (!answer.bodiless) {
        out += "Content-Length: ";
        out += std::to_string(answer.size());
        out += "\r\n";
    }
    out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    return out;
}

} // namespace ticketflow::http
