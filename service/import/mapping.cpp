#include "import/mapping.h"

#include "core/failure.h"
#include "core/import/json.h"
#include "core/import/text.h"

#include <algorithm>

namespace ticketflow::loader {

using core::import::Field;
using core::import::Kind;
using core::import::Record;

const std::vector<std::string_view> kFields = {
    "external_id", "ticket_number", "title",    "description",     "category",     "status", "priority",   "severity",   "created_by",  "assignee",
    "team",        "organization",  "due_date", "estimated_hours", "actual_hours", "tags",   "created_at", "updated_at", "resolved_at", "closed_at"};

namespace {

std::size_t field_index(std::string_view name) {
    return static_cast<std::size_t>(std::find(kFields.begin(), kFields.end(), name) - kFields.begin());
}

// "Created At" bears the name of created_at.
std::string as_field_name(std::string_view column) {
    std::string result;
    for (const char c : column)
        result += c == ' ' || c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

void append_copy_text(std::string &out, std::string_view text) {
    for (;;) {
        const std::size_t stop = text.find_first_of("\\\n\r\t");
        out.append(text.substr(0, stop));
        if (stop == std::string_view::npos)
            return;
        out += '\\';
        out += text[stop] == '\n' ? 'n' : text[stop] == '\r' ? 'r' : text[stop] == '\t' ? 't' : '\\';
        text.remove_prefix(stop + 1);
    }
}

// What a broken record looked like: bytes that PostgreSQL would refuse become \xNN.
std::string printable(std::string_view raw) {
    std::string out;
    for (std::size_t at = 0; at < raw.size();) {
        std::size_t length = 1;
        while (length < 4 && at + length < raw.size() && (static_cast<unsigned char>(raw[at + length]) & 0xC0) == 0x80)
            length++;
        if (!core::import::text_problem(raw.substr(at, length))) {
            out.append(raw.substr(at, length));
            at += length;
            continue;
        }
        constexpr std::string_view kHex = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(raw[at++]);
        out.append("\\x") += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    return out;
}

} // namespace

Mapping::Mapping(const Pairs &pairs, std::string tag_separator)
    : decided_(kFields.size()), separator_(std::move(tag_separator)), values_(kFields.size()), filled_(kFields.size()) {
    for (const auto &[name, column] : pairs) {
        const std::size_t field = field_index(name);
        if (field == kFields.size()) {
            std::string all;
            for (const std::string_view one : kFields)
                all.append(all.empty() ? "" : ", ").append(one);
            throw core::Failure(core::Condition::invalid_parameter_value, "an import cannot fill a field \"" + name + "\"", {}, "Fields: " + all + ".");
        }
        decided_[field] = true;
        if (column.empty())
            continue;
        by_column_.emplace(column, targets_.size());
        targets_.push_back({field, column, column.find('.') != std::string::npos});
    }
}

void Mapping::meet_columns(const std::vector<std::string> &columns, bool complete) {
    if (complete) {
        for (Target &target : targets_)
            target.nested = false;
        for (const Target &target : targets_) {
            if (std::find(columns.begin(), columns.end(), target.column) != columns.end())
                continue;
            std::string all;
            for (const std::string &column : columns)
                all.append(all.empty() ? "" : ", ").append(column);
            throw core::Failure(core::Condition::invalid_parameter_value, "the file has no column \"" + target.column + "\"", {}, "Columns: " + all + ".");
        }
    }
    for (const std::string &column : columns) {
        const std::size_t field = field_index(as_field_name(column));
        if (field == kFields.size() || decided_[field] || by_column_.contains(column))
            continue;
        decided_[field] = true;
        by_column_.emplace(column, targets_.size());
        targets_.push_back({field, column, false});
    }
}

std::string Mapping::json() const {
    std::string out = "{";
    for (std::size_t field = 0; field < kFields.size(); field++) {
        std::string columns;
        for (const Target &target : targets_)
            if (target.field == field)
                columns.append(columns.empty() ? "" : ", ").append(target.column);
        if (columns.empty())
            continue;
        if (out.size() > 1)
            out += ", ";
        core::import::append_json_string(out, kFields[field]);
        out += ": ";
        core::import::append_json_string(out, columns);
    }
    return out + "}";
}

std::vector<std::string> Mapping::unseen() const {
    std::vector<std::string> result;
    for (const Target &target : targets_)
        if (!target.seen)
            result.push_back(target.column);
    return result;
}

std::string Mapping::copy_columns() {
    std::string out = "line, code, reason";
    for (const std::string_view field : kFields)
        out.append(", ").append(field);
    return out + ", extra";
}

// False where the field has a value already and takes only one.
bool Mapping::add_value(std::size_t field, std::string_view value) {
    if (filled_[field] && kFields[field] == "tags")
        values_[field] += separator_;
    else if (filled_[field] && kFields[field] == "description")
        values_[field] += "\n\n";
    else if (filled_[field])
        return false;
    values_[field] += value;
    filled_[field] = true;
    return true;
}

void Mapping::take(std::size_t target, const Field &field) {
    targets_[target].seen = true;
    const std::size_t to = targets_[target].field;
    if (field.kind == Kind::null || field.value.empty())
        return;
    std::string arena;
    std::vector<std::string_view> parts;
    if (field.kind == Kind::json && core::import::read_json_array(field.value, arena, parts)) {
        std::string joined;
        for (const std::string_view part : parts)
            joined.append(joined.empty() ? "" : separator_).append(part);
        if (joined.empty() || add_value(to, joined))
            return;
    } else if (add_value(to, field.value)) {
        return;
    }
    add_extra(field);
}

void Mapping::add_extra(const Field &field) {
    extra_ += extra_.empty() ? "{" : ", ";
    core::import::append_json_string(extra_, field.name);
    extra_ += ": ";
    if (field.kind == Kind::json)
        extra_ += field.value;
    else
        core::import::append_json_string(extra_, field.value);
}

// a.b.c in a record of nested objects; the value is good until the next record.
std::optional<Field> Mapping::at_path(const Record &record, const std::string &path) {
    std::string_view rest = path;
    const std::vector<Field> *level = &record.fields;
    for (;;) {
        const std::string_view name = rest.substr(0, rest.find('.'));
        const auto found = std::find_if(level->begin(), level->end(), [&](const Field &field) { return field.name == name; });
        if (found == level->end())
            return std::nullopt;
        const Field field = *found;
        if (name.size() == rest.size())
            return field;
        rest.remove_prefix(name.size() + 1);
        if (field.kind != Kind::json || core::import::read_json_object(field.value, arenas_.emplace_back(), members_))
            return std::nullopt;
        level = &members_;
    }
}

void Mapping::append_row(std::string &out, const Record &record) {
    std::fill(filled_.begin(), filled_.end(), false);
    for (std::string &value : values_)
        value.clear();
    extra_.clear();
    arenas_.clear();
    for (const Field &field : record.fields) {
        const auto [first, last] = by_column_.equal_range(std::string(field.name));
        if (first == last && field.kind != Kind::null && !field.value.empty())
            add_extra(field);
        for (auto at = first; at != last; ++at)
            take(at->second, field);
    }
    for (std::size_t target = 0; target < targets_.size(); target++)
        if (targets_[target].nested)
            if (const auto field = at_path(record, targets_[target].column))
                take(target, *field);
    const bool raw = record.problem && !record.raw.empty();
    if (raw)
        add_extra({"raw", printable(record.raw.substr(0, 1000)), Kind::text});

    out += std::to_string(record.line);
    out += '\t';
    out += record.problem ? record.problem->code : "\\N";
    out += '\t';
    if (record.problem)
        append_copy_text(out, record.problem->reason);
    else
        out += "\\N";
    for (std::size_t field = 0; field < kFields.size(); field++) {
        out += '\t';
        if (filled_[field])
            append_copy_text(out, values_[field]);
        else
            out += "\\N";
    }
    out += '\t';
    if (extra_.empty())
        out += "\\N";
    else
        append_copy_text(out, extra_ += "}");
    out += '\n';
}

} // namespace ticketflow::loader
