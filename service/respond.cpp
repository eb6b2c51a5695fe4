// From results to an answer: body, range, response.headers and response.status.
#include "execute.h"

#include <boost/json.hpp>

namespace ticketflow::http {

namespace {

bool is_null(const Result &result, int column) { return PQgetisnull(result.get(), 0, column); }

std::string_view value_at(const Result &result, int column) {
    return {PQgetvalue(result.get(), 0, column), size_t(PQgetlength(result.get(), 0, column))};
}

void apply_headers(Answer &answer, std::string_view text) {
    namespace json = boost::json;
    boost::system::error_code ec;
    json::value parsed = json::parse(text, ec);
    const auto *list = ec ? nullptr : parsed.if_array();
    if (!list)
        throw failure::bad_response_headers();
    std::vector<std::string> replaced;
    for (const auto &item : *list) {
        const auto *object = item.if_object();
        if (!object || object->size() != 1 || !object->begin()->value().is_string())
            throw failure::bad_response_headers();
        std::string name(object->begin()->key()), value(object->begin()->value().as_string());
        if (!fits_head(name, value))
            throw failure::bad_response_headers();
        if (frames_message(name))
            continue;
        // The first of a name replaces ours; more of it are added (Set-Cookie).
        bool again = false;
        for (const auto &known : replaced)
            again = again || iequals(known, name);
        if (again || !answer.has(name))
            answer.headers.emplace_back(name, value);
        else
            answer.set(name, value);
        replaced.push_back(name);
    }
}

void apply_settings(Answer &answer, const Result &settings) {
    if (!settings || PQntuples(settings.get()) < 1 || PQnfields(settings.get()) < 3)
        return;
    if (!is_null(settings, 1))
        apply_headers(answer, value_at(settings, 1));
    if (!is_null(settings, 2)) {
        auto status = to_integer(value_at(settings, 2));
        if (!status || *status < 200 || *status > 999)
            throw failure::bad_response_status();
        answer.status = int(*status);
    }
}

void set_range(Answer &answer, const Call &call, long long rows, std::optional<long long> total) {
    long long first = call.shape == Shape::one ? 0 : call.range.offset;
    bool empty = rows == 0 || (total && *total == 0);
    std::string range = empty ? "*" : std::to_string(first) + "-" + std::to_string(first + rows - 1);
    range += "/" + (total ? std::to_string(*total) : "*");
    if (total && first > *total && first > 0) {
        Error error = failure::bad_range("An offset of " + std::to_string(first) + " was requested, but there are only " +
                                         std::to_string(*total) + " rows.");
        error.headers.emplace_back("Content-Range", "*/" + std::to_string(*total));
        throw error;
    }
    if (total && rows < *total)
        answer.status = 206;
    answer.headers.emplace_back("Content-Range", range);
}

void set_applied(Answer &answer, const Call &call) {
    const Preferences &preferences = call.preferences;
    std::string applied;
    auto add = [&applied](const std::string &text) { applied += (applied.empty() ? "" : ", ") + text; };
    if (preferences.count)
        add("count=" + *preferences.count);
    if (preferences.transaction && call.may_choose_end)
        add("tx=" + *preferences.transaction);
    if (preferences.handling)
        add("handling=" + *preferences.handling);
    if (preferences.timezone)
        add("timezone=" + *preferences.timezone);
    if (preferences.strict() && preferences.max_affected)
        add("max-affected=" + std::to_string(*preferences.max_affected));
    if (!applied.empty())
        answer.headers.emplace_back("Preference-Applied", applied);
}

void finish_rows(const Call &call, Collected &collected) {
    if (call.format == Format::json && !call.object)
        collected.body.append(collected.rows == 0 ? "[]" : "]");
    if (!collected.body.finish() || collected.disk_full)
        throw Error{500, "53100", "the disk that answers are kept on is full", {}, "Free space in TMPDIR.", {}, {}};
}

} // namespace

void collect_row(const Config &config, const Call &call, std::string_view row, bool null, Collected &collected) {
    if (collected.body.size() + row.size() > size_t(config.max_response)) {
        collected.too_large = true;
        return;
    }
    bool sound = true;
    if (call.format == Format::json && !call.object)
        sound = collected.body.append(collected.rows == 0 ? "[" : ",");
    else if (call.format == Format::plan && collected.rows > 0)
        sound = collected.body.append("\n");
    // More than one row of a singular answer is an error, so only the first is kept.
    if (!call.object || collected.rows == 0)
        sound = sound && collected.body.append(null && call.format == Format::json ? "null" : row);
    ++collected.rows;
    collected.disk_full = collected.disk_full || !sound;
}

void build_answer(const Call &call, Outcome &outcome, const Batch &batch, Collected &collected, Answer &answer) {
    answer.headers.reserve(8);
    long long rows = 1;
    std::optional<long long> total;
    bool counts = call.preferences.count.has_value();
    Result &result = outcome.results[batch.call_step];

    if (call.shape == Shape::nothing) {
        answer.status = 204;
        answer.bodiless = true;
    } else {
        answer.headers.emplace_back("Content-Type", call.content_type);
    }
    if (call.shape == Shape::one) {
        if (counts)
            total = 1;
    } else if (call.shape == Shape::counted) {
        rows = to_integer(value_at(result, 1)).value_or(0);
        if (!is_null(result, 0))
            total = to_integer(value_at(result, 0));
        else if (counts)
            total = rows;
    } else if (call.shape == Shape::rows) {
        finish_rows(call, collected);
        rows = collected.rows;
        if (counts && !call.range.limit && call.range.offset == 0)
            total = rows;
    }
    set_range(answer, call, rows, total);
    answer.headers.emplace_back("Vary", "Accept, Prefer, Range");
    set_applied(answer, call);
    if (call.echo_schema)
        answer.headers.emplace_back("Content-Profile", call.schema);
    apply_settings(answer, outcome.results[batch.settings_step]);

    if (call.shape == Shape::rows) {
        if (collected.body.open())
            answer.spool = std::move(collected.body);
        else
            answer.text = collected.body.take_memory();
    } else if (call.shape != Shape::nothing) {
        int column = call.shape == Shape::counted ? 2 : 0;
        bool there = PQntuples(result.get()) > 0 && !is_null(result, column);
        if (there) {
            answer.view = value_at(result, column);
            answer.result = std::move(result);
        } else if (call.format != Format::raw) {
            answer.text = "null";
        }
    }
    answer.bodiless = answer.bodiless || call.head || answer.status == 204;
}

} // namespace ticketflow::http
