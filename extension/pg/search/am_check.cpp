// bm25_check: reads the whole index and reports what is wrong with it.
#include "core/search/check.h"

#include "pg/search/am_maintain.h"
#include "pg/search/am_open.h"
#include "pg/search/am_search.h"

#include "core/search/record.h"
#include "pg/datum.h"

extern "C" {
#include <funcapi.h>
}

namespace ticketflow::pg::search {

namespace {

class Report {
  public:
    explicit Report(ReturnSetInfo *result) : result_(result) {}
    void add(std::string_view part, uint64 id, std::string_view fault) {
        Datum values[3] = {make_text(part), Int64GetDatum(static_cast<int64>(id)), make_text(fault)};
        bool nulls[3] = {false, false, false};
        call([&] { tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls); });
    }

  private:
    ReturnSetInfo *const result_;
};

const std::function<void()> kPause = [] { check_for_interrupts(); };

void check_one_segment(Relation index, const SegmentEntry &entry, Report &report) {
    auto fault = [&](const std::string &text) { report.add("segment", entry.id, text); };
    try {
        PageSource source(index, entry);
        engine::SegmentReader segment(source);
        const engine::Footer &footer = segment.footer();
        if (footer.documents != entry.documents || footer.nulls != entry.nulls ||
            !std::equal(footer.total_length.begin(), footer.total_length.end(), entry.total_length))
            fault("the first page and the segment count differently");
        uint32 dead = 0;
        for (uint32 row = 0; row < segment.rows(); ++row)
            dead += segment.dead(row);
        // A crash between marking rows and counting them leaves too low a count, which only delays a merge.
        if (dead < entry.dead)
            fault("fewer rows are dead than the first page says");
        engine::check_segment(segment, fault, kPause);
    } catch (const core::Failure &failure) {
        fault(failure.message);
    }
}

void check_chain(Relation index, const ChainEntry &chain, std::string_view name, Report &report) {
    try {
        each_record(index, chain, [&](const uint8_t *bytes, size_t size) {
            const engine::RecordView record(bytes, size);
            record.each([](const engine::Word &) {});
        });
    } catch (const core::Failure &failure) {
        report.add(name, chain.id, failure.message);
    }
}

} // namespace

} // namespace ticketflow::pg::search

TICKETFLOW_FUNCTION(ticketflow_bm25_check) {
    using namespace ticketflow::pg;
    using namespace ticketflow::pg::search;
    auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    call([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    OpenIndex index(PG_GETARG_OID(0), AccessShareLock, Access::maintain);
    Report report(result);
    try {
        Meta meta{};
        read_steadily(index.relation(), [&](const Meta &current) {
            meta = current;
            check_chain(index.relation(), meta.sealing, "pending list", report);
            check_chain(index.relation(), meta.pending, "pending list", report);
        });
        for (uint32 i = 0; i < meta.segments; ++i)
            check_one_segment(index.relation(), meta.segment[i], report);
    } catch (const ticketflow::core::Failure &failure) {
        report.add("first page", 0, failure.message);
    }
    index.close();
    PG_RETURN_NULL();
}
