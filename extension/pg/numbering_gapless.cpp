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

// Counters that this transaction advanced; written to their rows when it commits.
struct Held {
    ItemPointerData tid; // of the row's version when the series was locked
    std::vector<Version> versions;
};
std::map<Key, Held> held;

int current_level() {
    return GetCurrentTransactionNestLevel();
}

int64_t &last_of(const Home &home, const std::string &prefix, const std::string &period, int64_t start) {
    const Key key{home.counters_table, prefix, period};
    auto found = held.find(key);
    if (found == held.end()) {
        const GaplessRow row = counter_lock(home, prefix, period, start);
        found = held.emplace(key, Held{row.tid, {{current_level(), row.last}}}).first;
    }
    std::vector<Version> &versions = found->second.versions;
    if (versions.back().level < current_level())
        versions.push_back({current_level(), versions.back().last});
    return versions.back().last;
}

void write_held() {
    for (const auto &[key, counter] : held)
        counter_write(key.counters_table, key.prefix, key.period, counter.tid, counter.versions.back().last);
    held.clear();
}

void transaction_event(XactEvent event, void *) {
    entry([event] {
        if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
            write_held();
        else if (event == XACT_EVENT_ABORT) {
            held.clear();
            forget_windows();
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
    int64_t &last = last_of(home, prefix, period, start);
    if (count > core::kMaxNumber - last)
        throw_exhausted(prefix, period, last);
    last += count;
    return last - count + 1;
}

void gapless_raise(const Home &home, const std::string &prefix, const std::string &period, int64_t start,
                   int64_t number) {
    int64_t &last = last_of(home, prefix, period, start);
    last = std::max(last, number);
}

void gapless_give_back(const Home &home, const std::string &prefix, const std::string &period) {
    --last_of(home, prefix, period, 1);
}

std::optional<int64_t> gapless_peek(const Home &home, const std::string &prefix, const std::string &period) {
    const auto found = held.find({home.counters_table, prefix, period});
    return found != held.end() ? std::optional<int64_t>(found->second.versions.back().last)
                               : counter_peek(home, prefix, period);
}

bool gapless_holds(const Home &home, const std::string &prefix) {
    const auto found = held.lower_bound({home.counters_table, prefix, ""});
    return found != held.end() && found->first.counters_table == home.counters_table &&
           found->first.prefix == prefix;
}

void init_gapless() {
    RegisterXactCallback(transaction_event, nullptr);
    RegisterSubXactCallback(subtransaction_event, nullptr);
}

} // namespace ticketflow::pg::numbering
