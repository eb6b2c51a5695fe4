#include "pg/numbering_gapless.h"

#include "pg/compat.h"
#include "pg/numbering_counter.h"
#include "pg/numbering_table.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

extern "C" {
#include <access/xact.h>
}

namespace ticketflow::pg::numbering {

namespace {

struct Key {
    Oid counters_table;
    std::string prefix, period;
    bool operator<(const Key &other) const {
        return std::tie(counters_table, prefix, period) <
               std::tie(other.counters_table, other.prefix, other.period);
    }
};

// The last number as each open subtransaction left it; the back is the present one.
struct Version {
    int level;
    int64_t last;
};

// Counters that this transaction advanced. The first number writes the row, which keeps others out; how far it went after that
// is written once, before the commit.
struct Held {
    int64_t written;
    std::vector<Version> versions;
};
std::map<Key, Held> held;
// Whether rows of this transaction wait for their numbers.
bool postponed = false;

int current_level() {
    return GetCurrentTransactionNestLevel();
}

// The present version of a counter that this transaction holds; null where it does not hold it yet.
Version *held_version(const Key &key) {
    const auto found = held.find(key);
    if (found == held.end())
        return nullptr;
    std::vector<Version> &versions = found->second.versions;
    if (versions.back().level < current_level())
        versions.push_back({current_level(), versions.back().last});
    return &versions.back();
}

void write_held() {
    for (const auto &[key, counter] : held)
        if (counter.versions.back().last != counter.written)
            counter_rewrite(key.counters_table, key.prefix, key.period, counter.versions.back().last);
    held.clear();
}

void transaction_event(XactEvent event, void *) {
    entry([event] {
        switch (event) {
        case XACT_EVENT_PRE_COMMIT:
        case XACT_EVENT_PRE_PREPARE:
            write_held();
            break;
        case XACT_EVENT_ABORT:
            held.clear();
            forget_windows();
            [[fallthrough]];
        case XACT_EVENT_COMMIT:
        case XACT_EVENT_PREPARE:
            postponed = false;
            break;
        default:
            break;
        }
    });
}

// A subtransaction that rolls back takes its numbers, and locks that it took itself, with it.
void subtransaction_event(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        forget_windows();
    if (held.empty() || (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB))
        return;
    entry([event] {
        const int level = current_level();
        for (auto it = held.begin(); it != held.end();) {
            std::vector<Version> &versions = it->second.versions;
            if (versions.back().level >= level) {
                const Version ended = versions.back();
                versions.pop_back();
                if (event == SUBXACT_EVENT_COMMIT_SUB) {
                    if (versions.empty() || versions.back().level < level - 1)
                        versions.push_back({level - 1, ended.last});
                    else
                        versions.back().last = ended.last;
                }
            }
            it = versions.empty() ? held.erase(it) : std::next(it);
        }
    });
}

} // namespace

int64_t gapless_take(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                     int64_t count) {
    Key key{home.counters_table, prefix, period};
    if (Version *const version = held_version(key)) {
        if (count > core::kMaxNumber - version->last)
            throw_exhausted(prefix, period, version->last);
        version->last += count;
        return version->last - count + 1;
    }
    const auto row = counter_advance(home, prefix, period, start, count, 0);
    held.emplace(std::move(key), Held{row->last, {{current_level(), row->last}}});
    return row->before + 1;
}

bool gapless_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number) {
    Key key{home.counters_table, prefix, period};
    if (Version *const version = held_version(key)) {
        const bool raised = version->last < number;
        version->last = std::max(version->last, number);
        return raised;
    }
    // Counters never go back, so one that is far enough need not be waited for.
    const auto before = counter_peek(home, prefix, period);
    if (before && *before >= number)
        return false;
    const auto row = counter_advance(home, prefix, period, start, 0, number);
    if (row)
        held.emplace(std::move(key), Held{row->last, {{current_level(), row->last}}});
    return row.has_value();
}

void gapless_give_back(const Home &home, const std::string &prefix, const std::string &period) {
    if (Version *const version = held_version({home.counters_table, prefix, period}))
        --version->last;
}

std::optional<int64_t> gapless_peek(const Home &home, const std::string &prefix, const std::string &period) {
    const Version *const version = held_version({home.counters_table, prefix, period});
    return version ? version->last : counter_peek(home, prefix, period);
}

bool gapless_holds(const Home &home, const std::string &prefix) {
    const auto found = held.lower_bound({home.counters_table, prefix, ""});
    return found != held.end() && found->first.counters_table == home.counters_table &&
           found->first.prefix == prefix;
}

void gapless_postpone() {
    postponed = true;
}

bool gapless_postponed() {
    return postponed;
}

void init_gapless() {
    RegisterXactCallback(transaction_event, nullptr);
    RegisterSubXactCallback(subtransaction_event, nullptr);
}

} // namespace ticketflow::pg::numbering
