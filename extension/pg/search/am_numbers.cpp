#include "pg/search/am_numbers.h"

#include "pg/search/am_open.h"
#include "pg/search/am_options.h"

namespace ticketflow::pg::search {

Numbers::Numbers(Oid from, Datum asked) : index(from), query(asked) {
    question.require(query.get(), true);
    answerable = question.finish();
    OpenIndex open(index, AccessShareLock, Access::read);
    if (answerable) {
        const Search search(open.relation(), question, false);
        options = options_of(open.relation());
        statistics = search.statistics();
        model = search.model();
    }
    open.close();
}

namespace {

struct Kept {
    MemoryContextCallback callback;
    Numbers *numbers;
};

void forget(void *argument) {
    Kept *const kept = static_cast<Kept *>(argument);
    delete kept->numbers;
    kept->numbers = nullptr;
}

} // namespace

const Numbers &numbers_for(FmgrInfo *function, Oid index, Datum query) {
    if (!function->fn_extra)
        function->fn_extra = call([function] {
            auto *const made = static_cast<Kept *>(MemoryContextAllocZero(function->fn_mcxt, sizeof(Kept)));
            made->callback.func = forget;
            made->callback.arg = made;
            MemoryContextRegisterResetCallback(function->fn_mcxt, &made->callback);
            return made;
        });
    Kept &kept = *static_cast<Kept *>(function->fn_extra);
    if (!kept.numbers || kept.numbers->index != index || !kept.numbers->query.equals(query)) {
        forget(&kept);
        kept.numbers = new Numbers(index, query);
    }
    return *kept.numbers;
}

} // namespace ticketflow::pg::search
