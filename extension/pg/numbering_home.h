// Where numbers are counted: the series tables of a desk, or of the extension, cached in each backend.
#pragma once

#include "core/numbering_mask.h"
#include "pg/bridge.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

extern "C" {
#include <pgtime.h>
#include <utils/timestamp.h>
}

namespace ticketflow::pg::numbering {

enum class Mode { fast, gapless };

struct Series {
    std::string prefix;
    core::Mask mask{core::kDefaultMask};
    core::Reset reset = core::Reset::year;
    pg_tz *zone = nullptr;
    int64_t start = 1;
    Mode mode = Mode::fast;
    std::optional<uint64_t> permute_key;

    // The period of a day. Throws where the mask cannot tell its year from another.
    std::string period_of(const core::Date &date) const;
};

struct Scope {
    std::string prefix, code;
};

struct Home {
    Oid schema = InvalidOid, series_table = InvalidOid, scopes_table = InvalidOid,
        counters_table = InvalidOid;
    bool is_desk = false;
    std::string default_prefix;
    std::unordered_map<std::string, std::shared_ptr<const Series>> series;
    std::map<std::pair<std::string, std::string>, Scope> scopes; // (queue|category, value)

    // The series of a prefix: its row, or the defaults. Throws where the prefix is not valid.
    std::shared_ptr<const Series> find(const std::string &prefix) const;
    mutable std::unordered_map<std::string, std::shared_ptr<const Series>> implied; // prefixes without a row
    const Scope *scope(const char *kind, const std::string &value) const;
};
using HomePtr = std::shared_ptr<const Home>;

// The tables in this schema, else the extension's own.
HomePtr home_of_schema(Oid schema);
// The same, read anew.
HomePtr home_now(Oid schema);
// By search_path; else the only desk; else the extension's own. prefix helps where a series is known in one
// only.
HomePtr home_of_caller(const std::string *prefix);
// The same for reading, where a choice among several desks need not be an error: the extension's own then.
HomePtr home_for_reading();
HomePtr home_named(std::string_view desk);

// The calendar day of a moment in the series' zone.
core::Date date_of(TimestampTz at, const Series &series);

// True once for each relation change since the last call with this mark; other caches of the topic use it.
uint64_t relation_changes();
// Sees what other sessions committed, also within a long transaction.
void see_changes();
// From now on a change of this relation counts in relation_changes().
void watch(Oid relation);

void init();

} // namespace ticketflow::pg::numbering
