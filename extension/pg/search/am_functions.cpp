// bm25_stats and bm25_merge.
#include "core/search/length.h"
#include "core/search/record.h"
#include "pg/search/am_maintain.h"
#include "pg/search/am_open.h"

#include <string>

extern "C" {
#include <access/htup_details.h>
#include <access/xlog.h>
#include <funcapi.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <catalog/pg_type.h>
}

TICKETFLOW_FUNCTION(ticketflow_bm25_stats) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    OpenIndex index(PG_GETARG_OID(0), AccessShareLock, Access::counts);
    uint64 documents = 0, nulls = 0, dead = 0, pending = 0, pages = 0, retired = 0;
    uint64 total[engine::kFields] = {};
    uint32 segments = 0;
    read_steadily(index.relation(), [&](const Meta &meta) {
        documents = nulls = dead = pending = pages = retired = 0;
        std::fill_n(total, engine::kFields, 0);
        segments = meta.segments;
        for (uint32 i = 0; i < meta.segments; ++i) {
            const SegmentEntry &entry = meta.segment[i];
            documents += entry.documents;
            nulls += entry.nulls;
            dead += entry.dead;
            pages += entry.pages;
            for (unsigned field = 0; field < engine::kFields; ++field)
                total[field] += entry.total_length[field];
        }
        for (const ChainEntry &chain : {meta.sealing, meta.pending})
            each_record(index.relation(), chain, [&](const uint8_t *bytes, size_t size) {
                const engine::RecordView record(bytes, size);
                if (record.dead())
                    return;
                ++pending;
                record.null() ? ++nulls : ++documents;
                for (unsigned field = 0; field < engine::kFields && !record.null(); ++field)
                    total[field] += engine::decode_length(record.lengths()[field]);
            });
        for (uint32 i = 0; i < meta.retired; ++i)
            retired += meta.waiting[i].pages;
    });
    Datum lengths[engine::kFields];
    for (unsigned field = 0; field < engine::kFields; ++field)
        lengths[field] = Float8GetDatum(documents > 0 ? static_cast<double>(total[field]) / static_cast<double>(documents) : 0);
    const Datum row = call([&] {
        TupleDesc description;
        get_call_result_type(fcinfo, nullptr, &description);
        ArrayType *const averages = construct_array(lengths, engine::kFields, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
        Datum values[] = {Int64GetDatum(static_cast<int64>(documents)), Int64GetDatum(static_cast<int64>(nulls)),
                          Int64GetDatum(static_cast<int64>(dead)),      Int64GetDatum(static_cast<int64>(pending)),
                          Int32GetDatum(static_cast<int32>(segments)), PointerGetDatum(averages),
                          Int64GetDatum(static_cast<int64>(pages) * BLCKSZ), Int64GetDatum(static_cast<int64>(retired) * BLCKSZ)};
        bool absent[lengthof(values)] = {};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, absent));
    });
    index.close();
    PG_RETURN_DATUM(row);
}

TICKETFLOW_FUNCTION(ticketflow_bm25_merge) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    using ticketflow::core::Condition;
    using ticketflow::core::Failure;
    if (RecoveryInProgress())
        throw Failure(Condition::object_not_in_state, "recovery is in progress", {}, "An index can only be merged on the primary server.");
    OpenIndex index(PG_GETARG_OID(0), RowExclusiveLock, Access::maintain);
    if (RELATION_IS_OTHER_TEMP(index.relation()))
        throw Failure(Condition::feature_not_supported, "cannot merge a temporary index of another session");
    MaintenanceLock::take(index.relation());
    flush_everything(index.relation());
    merge_by_policy(index.relation(), MergePolicy::everything);
    const uint64 freed = reclaim(index.relation());
    MaintenanceLock::release(index.relation());
    index.close();
    PG_RETURN_INT64(static_cast<int64>(freed));
}
