#include "preferences.h"

#include <algorithm>
#include <cstdlib>

namespace ticketflow::http {

namespace {

bool known_word(std::string_view name, std::string_view value) {
    struct Allowed {
        std::string_view name, values;
    };
    static constexpr Allowed kKnown[] = {
        {"resolution", "merge-duplicates|ignore-duplicates"}, {"return", "representation|minimal|headers-only"},
        {"count", "exact|planned|estimated"},                 {"tx", "commit|rollback"},
        {"missing", "default|null"},                          {"handling", "strict|lenient"},
    };
    for (const auto &allowed : kKnown)
        if (allowed.name == name)
            for (auto word : split(allowed.values, '|'))
                if (word == value)
                    return true;
    return false;
}

template <class T> void first(std::optional<T> &slot, T value) {
    if (!slot)
        slot = std::move(value);
}

} // namespace

Preferences parse_preferences(const Request &request) {
    Preferences out;
    for (const auto &[header, text] : request.headers) {
        if (header != "prefer")
            continue;
        for (auto part : split(text, ',')) {
            part = trim(part);
            if (part.empty())
                continue;
            auto equals = part.find('=');
            auto name = trim(part.substr(0, equals));
            auto value = equals == std::string_view::npos ? std::string_view() : trim(part.substr(equals + 1));
            if (name == "timezone" && !value.empty())
                first(out.timezone, std::string(value));
            else if (name == "max-affected" && to_integer(value).value_or(-1) >= 0)
                first(out.max_affected, *to_integer(value));
            else if (!known_word(name, value))
                out.invalid.emplace_back(part);
            else if (name == "count")
                first(out.count, std::string(value));
            else if (name == "tx")
                first(out.transaction, std::string(value));
            else if (name == "handling")
                first(out.handling, std::string(value));
        }
    }
    return out;
}

std::vector<MediaType> parse_accept(const Request &request) {
    std::vector<MediaType> out;
    for (const auto &[header, text] : request.headers) {
        if (header != "accept")
            continue;
        for (auto part : split(text, ',')) {
            MediaType media;
            auto semicolon = part.find(';');
            media.type = lower(trim(part.substr(0, semicolon)));
            if (media.type.empty())
                continue;
            if (semicolon != std::string_view::npos) {
                for (auto parameter : split(part.substr(semicolon + 1), ';')) {
                    std::string word = lower(trim(parameter));
                    if (word.starts_with("q="))
                        media.quality = std::atof(word.c_str() + 2);
                    else
                        media.parameters += (media.parameters.empty() ? "" : ";") + word;
                }
            }
            out.push_back(std::move(media));
        }
    }
    std::stable_sort(out.begin(), out.end(), [](const auto &a, const auto &b) { return a.quality > b.quality; });
    if (out.empty())
        out.push_back({"*/*", "", 1});
    return out;
}

RowRange parse_range(const Request &request, std::optional<long long> limit, std::optional<long long> offset,
                     long long max_rows) {
    RowRange range;
    range.asked = limit || offset;
    if (limit && *limit < 0)
        throw failure::bad_range("Limit should be greater than or equal to zero.");
    range.limit = limit;
    range.offset = std::max(0LL, offset.value_or(0));
    auto header = trim(request.header("range"));
    auto dash = header.find('-');
    if (request.method == "GET" && dash != std::string_view::npos) {
        auto from = to_integer(header.substr(0, dash)), to = to_integer(header.substr(dash + 1));
        bool open = dash + 1 == header.size();
        if (from && *from >= 0 && (to || open) && (!to || *to >= 0)) {
            if (to && *to < *from)
                throw failure::bad_range("The lower boundary must be lower than or equal to the upper boundary in the Range header.");
            // Both given: the rows that are in both.
            range.asked = true;
            long long end = range.limit ? range.offset + *range.limit : -1;
            if (to && (end < 0 || *to + 1 < end))
                end = *to + 1;
            range.offset = std::max(range.offset, *from);
            if (end >= 0)
                range.limit = std::max(0LL, end - range.offset);
        }
    }
    if (max_rows > 0 && (!range.limit || *range.limit > max_rows))
        range.limit = max_rows;
    return range;
}

} // namespace ticketflow::http
