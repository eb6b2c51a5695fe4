// Building within maintenance_work_mem: documents gather in memory, full memories go to temporary files as segments, and
// one merge makes the index's only segment of them.
#include "pg/search/am_build.h"

#include "core/search/accumulator.h"
#include "core/search/merge.h"
#include "pg/search/am_document.h"
#include "pg/search/am_maintain.h"
#include "pg/search/am_options.h"
#include "pg/search/am_segments.h"

#include <deque>

extern "C" {
#include <access/tableam.h>
#include <access/xloginsert.h>
#include <catalog/index.h>
#include <commands/progress.h>
#include <storage/buffile.h>
#include <storage/lmgr.h>
#include <utils/backend_progress.h>
}

namespace ticketflow::pg::search {

namespace {

constexpr int64 kScanning = 2, kSpilling = 3, kMerging = 4, kWriting = 5;

void report(int64 phase) { pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase); }

class FileSink final : public engine::Sink {
  public:
    explicit FileSink(BufFile *file) : file_(file) {}
    using Sink::write;
    void write(const uint8_t *bytes, size_t length) override {
        call([this, bytes, length] { BufFileWrite(file_, const_cast<uint8_t *>(bytes), length); });
        size += length;
    }
    uint64 size = 0;

  private:
    BufFile *const file_;
};

class FileSource final : public engine::Source {
  public:
    FileSource(BufFile *file, uint64 size) : file_(file), size_(size) {}
    uint64_t size() const override { return size_; }
    void read(uint64_t offset, size_t length, uint8_t *to) override {
        const bool complete = call([=, this] {
            return BufFileSeek(file_, 0, static_cast<off_t>(offset), SEEK_SET) == 0 && BufFileRead(file_, to, length) == length;
        });
        if (!complete)
            engine::corrupted("a temporary file of CREATE INDEX is too short");
    }
    BufFile *file() const noexcept { return file_; }

  private:
    BufFile *const file_;
    const uint64 size_;
};

class Builder {
  public:
    explicit Builder(Relation index) : index_(index), context_(call([] {
          return AllocSetContextCreate(CurrentMemoryContext, "ticketflow index build", ALLOCSET_DEFAULT_SIZES);
      })) {}

    void add(ItemPointer tid, Datum value, bool null) {
        MemoryContext const outside = MemoryContextSwitchTo(context_);
        gathered_.add(reader_.read(value, null, *tid));
        MemoryContextSwitchTo(outside);
        call([this] { MemoryContextReset(context_); });
        ++rows;
        // Writing needs some memory of its own, so a run is closed before the limit.
        if (rows % 64 == 0 && gathered_.memory() > static_cast<size_t>(maintenance_work_mem) * 1024 / 4 * 3)
            spill();
    }

    void finish() {
        PageSink sink(index_, 1);
        engine::Footer footer;
        if (runs_.empty()) {
            report(kWriting);
            if (gathered_.rows() == 0)
                return;
            footer = gathered_.write(sink);
        } else {
            spill();
            report(kMerging);
            footer = merge(sink);
        }
        const SegmentEntry made = sink.finish(footer);
        update_meta(index_, [&made](Meta &meta) { meta.segment[meta.segments++] = made; });
        for (const FileSource &run : runs_)
            call([&run] { BufFileClose(run.file()); });
    }

    int64 rows = 0;

  private:
    void spill() {
        if (gathered_.rows() == 0)
            return;
        report(kSpilling);
        BufFile *const file = call([] { return BufFileCreateTemp(false); });
        FileSink sink(file);
        gathered_.write(sink);
        runs_.emplace_back(file, sink.size);
        report(kScanning);
    }

    engine::Footer merge(PageSink &sink) {
        std::vector<std::unique_ptr<engine::SegmentReader>> readers;
        std::vector<engine::SegmentReader *> inputs;
        for (FileSource &run : runs_) {
            readers.push_back(std::make_unique<engine::SegmentReader>(run));
            inputs.push_back(readers.back().get());
        }
        return engine::merge_segments(inputs, sink, [] { check_for_interrupts(); });
    }

    Relation const index_;
    MemoryContext const context_;
    DocumentReader reader_;
    engine::Accumulator gathered_;
    std::deque<FileSource> runs_;
};

void add_row(Relation, ItemPointer tid, Datum *values, bool *nulls, bool, void *state) {
    entry([=] {
        Builder &builder = *static_cast<Builder *>(state);
        builder.add(tid, values[0], nulls[0]);
        if (builder.rows % 1024 == 0)
            pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, builder.rows);
    });
}

Meta new_meta() {
    Meta meta;
    memset(&meta, 0, sizeof meta); // padding too: pages on a standby must be the same bytes
    meta.magic = kMetaMagic;
    meta.version = kPageVersion;
    meta.next_id = 3; // 1 is the built segment, 2 the first pending list
    meta.pending.id = 2;
    meta.pending.head = meta.pending.tail = InvalidBlockNumber;
    return meta;
}

} // namespace

IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info) {
    if (call([index] { return RelationGetNumberOfBlocks(index); }) != 0)
        throw_damaged(index, 0, "it has pages before it is built");
    // TRUNCATE of a table that its own transaction made, and ON COMMIT DELETE ROWS, build in the same file. No other session has it open.
    forget_segments(file_of(index));
    const Meta meta = new_meta();
    write_new_page(index, 0, PageKind::meta, reinterpret_cast<const uint8_t *>(&meta), sizeof meta);
    Builder builder(index);
    report(kScanning);
    const double rows = call([&] { return table_index_build_scan(heap, index, info, false, true, add_row, &builder, nullptr); });
    builder.finish();
    const double indexed = static_cast<double>(builder.rows);
    return call([rows, indexed] {
        auto *const result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
        result->heap_tuples = rows;
        result->index_tuples = indexed;
        return result;
    });
}

void build_empty(Relation index) {
    const Meta meta = new_meta();
    call([index, &meta] {
        LockRelationForExtension(index, ExclusiveLock);
        const Buffer buffer = ReadBufferExtended(index, INIT_FORKNUM, P_NEW, RBM_NORMAL, nullptr);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        UnlockRelationForExtension(index, ExclusiveLock);
        START_CRIT_SECTION();
        init_page(BufferGetPage(buffer), 0, PageKind::meta, reinterpret_cast<const uint8_t *>(&meta), sizeof meta);
        put_fingerprint(BufferGetPage(buffer), kMetaBlock);
        MarkBufferDirty(buffer);
        log_newpage_buffer(buffer, true);
        END_CRIT_SECTION();
        UnlockReleaseBuffer(buffer);
    });
}

const char *build_phase_name(int64 phase) {
    switch (phase) {
    case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
        return "initializing";
    case kScanning:
        return "scanning table";
    case kSpilling:
        return "writing a temporary segment";
    case kMerging:
        return "merging temporary segments";
    case kWriting:
        return "writing the segment";
    default:
        return nullptr;
    }
}

void insert(Relation index, Datum value, bool null, ItemPointer tid) {
    DocumentReader reader;
    engine::Bytes record;
    engine::encode_record(reader.read(value, null, *tid), record);
    append_record(index, record);
    if (read_meta(index).pending.pages <= static_cast<uint32>(pending_limit(index)) || !MaintenanceLock::try_take(index))
        return;
    flush_pending(index);
    merge_by_policy(index, MergePolicy::small);
    reclaim(index);
    MaintenanceLock::release(index);
}

} // namespace ticketflow::pg::search
