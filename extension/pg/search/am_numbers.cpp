#include "pg/search/am_numbers.h"

#include "pg/search/am_options.h"

extern "C" {
#include <utils/snapmgr.h>
}

namespace ticketflow::pg::search {

Numbers::Numbers(Oid from, Datum asked, Access access) : index(from), query(asked) {
    question.require(query.get(), true);
    answerable = question.finish();
    OpenIndex open(index, AccessShareLock, access);
    if (answerable) {
        const Search search(open.relation(), question, false);
        options = options_of(open.relation());
        statistics = search.statistics();
        model = search.model();
    }
    open.close();
}

namespace {

// What numbers depend on besides index and query. PL/pgSQL keeps a simple expression for the whole transaction, so the
// call alone does not say that it is still the same statement, or the same user.
struct Moment {
    TransactionId xmin, xmax;
    CommandId command;
    uint64 settings;
    Oid user;
    bool operator==(const Moment &) const = default;

    static Moment now() {
        const Snapshot snapshot = ActiveSnapshotSet() ? call([] { return GetActiveSnapshot(); }) : nullptr;
        return {snapshot ? snapshot->xmin : InvalidTransactionId, snapshot ? snapshot->xmax : InvalidTransactionId,
                snapshot ? snapshot->curcid : FirstCommandId, settings_epoch(), GetUserId()};
    }
};

struct Kept {
    MemoryContextCallback callback;
    Numbers *numbers;
    Moment moment;
};

void forget(void *argument) {
    Kept *const kept = static_cast<Kept *>(argument);
    delete kept->numbers;
    kept->numbers = nullptr;
}

} // namespace

const Numbers &numbers_for(FmgrInfo *function, Oid index, Datum query, Access access) {
    if (!function->fn_extra)
        function->fn_extra = call([function] {
            auto *const made = static_cast<Kept *>(MemoryContextAllocZero(function->fn_mcxt, sizeof(Kept)));
            made->callback.func = forget;
            made->callback.arg = made;
            MemoryContextRegisterResetCallback(function->fn_mcxt, &made->callback);
            return made;
        });
    Kept &kept = *static_cast<Kept *>(function->fn_extra);
    const Moment moment = Moment::now();
    if (!kept.numbers || kept.numbers->index != index || kept.moment != moment || !kept.numbers->query.equals(query)) {
        forget(&kept);
        kept.numbers = new Numbers(index, query, access);
        kept.moment = moment;
    }
    return *kept.numbers;
}

} // namespace ticketflow::pg::search
