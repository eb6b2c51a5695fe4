// Pages of a `ticketflow` index. Every page names its owner: the segment or pending list that it was written for, by a
// number that is never used again. Who reads a page for one owner and finds another knows that it was recycled. And every page
// carries a fingerprint of its content and place, so that a damaged one is an error and never a wrong row.
#pragma once

#include "core/search/engine.h"
#include "pg/bridge.h"
#include "pg/compat.h"

extern "C" {
#include <access/generic_xlog.h>
#include <storage/bufmgr.h>
#include <utils/rel.h>
}

namespace ticketflow::pg::search {

namespace engine = ticketflow::core::search;

inline constexpr uint32 kMetaMagic = 0x54464D54; // "TFMT"
inline constexpr uint16 kPageVersion = 1;
inline constexpr BlockNumber kMetaBlock = 0;

enum class PageKind : uint16 { meta = 1, segment, map, pending, free };

// The special area of every page.
struct PageTail {
    uint64 owner;
    PageKind kind;
    uint16 version;
    BlockNumber next; // of a pending list
    uint32 closed;    // a pending list's last page that takes no more documents
    uint32 fingerprint; // of content and tail, at this place
};
static_assert(sizeof(PageTail) == 24);
inline constexpr size_t kPageRoom = BLCKSZ - SizeOfPageHeaderData - sizeof(PageTail);
inline constexpr size_t kMapEntries = kPageRoom / sizeof(BlockNumber);

inline PageTail *tail_of(Page page) { return reinterpret_cast<PageTail *>(PageGetSpecialPointer(page)); }
inline uint8_t *content_of(Page page) { return reinterpret_cast<uint8_t *>(PageGetContents(page)); }
inline size_t used_of(Page page) { return reinterpret_cast<PageHeader>(page)->pd_lower - SizeOfPageHeaderData; }

// Inside call(): a change of some pages, logged as one. Refuses to change a page that is damaged: a new fingerprint would hide it.
class PageChange {
  public:
    explicit PageChange(Relation index) : index_(index), state_(GenericXLogStart(index)) {}
    Page page(Buffer buffer);
    Page new_page(Buffer buffer); // whatever it held
    void finish();

  private:
    Relation const index_;
    GenericXLogState *const state_;
    struct {
        Page page;
        BlockNumber block;
    } changed_[MAX_GENERIC_XLOG_PAGES];
    unsigned count_ = 0;
};

// One segment, as the first page lists it.
struct SegmentEntry {
    uint64 id, size; // bytes of the stream
    BlockNumber root; // of the page map
    uint32 pages;     // of the stream, without the map
    uint32 documents, nulls, dead, fields;
    uint64 total_length[engine::kFields];
};

struct ChainEntry {
    uint64 id; // 0: there is none
    BlockNumber head, tail;
    uint32 pages, unused;
};

// What was replaced and waits until nobody can read it any more.
struct RetiredEntry {
    uint64 id, xid;
    BlockNumber root; // of the segment's map
    uint32 pages;
};

inline constexpr unsigned kMaxSegments = 64, kMaxRetired = 48;

struct Meta {
    uint32 magic, version;
    uint64 next_id;
    uint64 lost_xid; // pages that no retired entry remembers were replaced before this transaction; 0: none
    ChainEntry pending, sealing;
    uint32 segments, retired;
    SegmentEntry segment[kMaxSegments];
    RetiredEntry waiting[kMaxRetired];
};
static_assert(sizeof(Meta) <= kPageRoom);

// A page of the pending list that was read belongs to something else by now: the list was sealed and its pages are used again.
// Whoever reads the list begins anew from the first page.
struct PendingMoved {};

// Errors that more than one file raises.
[[noreturn]] void throw_recycled();
[[noreturn]] void throw_damaged(Relation index, BlockNumber block, const char *what);

Meta read_meta(Relation index);
// Changes the first page and logs the change: f(Meta &) must not fail.
template <class F> void update_meta(Relation index, F &&f) {
    call([index, &f] {
        const Buffer buffer = ReadBuffer(index, kMetaBlock);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        PageChange change(index);
        f(*reinterpret_cast<Meta *>(content_of(change.page(buffer))));
        change.finish();
        UnlockReleaseBuffer(buffer);
    });
}

// Inside call(): a page that nobody uses, exclusively locked; from the free list or at the end of the file.
Buffer allocate_page(Relation index);
void init_page(Page page, uint64 owner, PageKind kind, const uint8_t *content, size_t size);
void put_fingerprint(Page page, BlockNumber block);
// Whether the page is what was written there. Only then may its tail be looked at. It is locked.
bool is_sound(Page page, BlockNumber block);
// Writes a new page and returns its number.
BlockNumber write_new_page(Relation index, uint64 owner, PageKind kind, const uint8_t *content, size_t size,
                           BlockNumber next = InvalidBlockNumber);
// Copies a page's content and tail.
struct PageCopy {
    PageTail tail;
    size_t used;
    alignas(8) uint8_t content[kPageRoom + engine::kPadding];
};
void read_page(Relation index, BlockNumber block, uint64 owner, PageKind kind, PageCopy &copy);
void read_pending_page(Relation index, BlockNumber block, uint64 owner, PageCopy &copy); // throws PendingMoved

// A segment's bytes on pages.
class PageSource final : public engine::Source {
  public:
    PageSource(Relation index, const SegmentEntry &entry);
    uint64_t size() const override { return size_; }
    void read(uint64_t offset, size_t length, uint8_t *to) override;
    // For another query: pages may have been damaged since they were read last.
    void reopen(Relation index);
    BlockNumber block_of(uint32 page);
    // All pages of the map, the root last.
    std::vector<BlockNumber> map_blocks();

  private:
    void load_map(uint32 part);

    Relation index_;
    const uint64 owner_, size_;
    const BlockNumber root_;
    const uint32 pages_;
    std::vector<BlockNumber> parts_;                // of the map, where the root lists parts
    std::vector<std::vector<BlockNumber>> blocks_;  // a part
    std::vector<std::vector<bool>> trusted_;        // whose fingerprint was right, a part
};

class PageSink final : public engine::Sink {
  public:
    PageSink(Relation index, uint64 owner) : index_(index), owner_(owner) {}
    using Sink::write;
    void write(const uint8_t *bytes, size_t length) override;
    // Writes what is left and the map; the entry is ready to be published.
    SegmentEntry finish(const engine::Footer &footer);

  private:
    BlockNumber write_map(const std::vector<BlockNumber> &blocks, size_t from, size_t count);

    Relation const index_;
    const uint64 owner_;
    uint64 size_ = 0;
    engine::Bytes page_;
    std::vector<BlockNumber> blocks_;
};

} // namespace ticketflow::pg::search
