#include "pg/search/am_pages.h"

#include "core/search/fingerprint.h"

#include <string>

extern "C" {
#include <access/xlog.h>
#include <storage/indexfsm.h>
#include <storage/lmgr.h>
}

namespace ticketflow::pg::search {

using core::Condition;
using core::Failure;

void throw_recycled() {
    throw Failure(Condition::serialization_failure, "the search index changed while the query was reading it",
                  "On a standby, pages of merged segments can be reused while an old query still needs them.",
                  "Run the query again; hot_standby_feedback = on avoids this.");
}

void throw_damaged(Relation index, BlockNumber block, const char *what) {
    throw Failure(Condition::index_corrupted,
                  std::string("index \"") + RelationGetRelationName(index) + "\" is corrupted: " + what,
                  "Block " + std::to_string(block) + ".", "REINDEX rebuilds it; bm25_check reports every fault.");
}

namespace {

enum class Found { good, recycled, damaged };

bool has_form(Page page) {
    if (PageIsNew(page) || PageGetSpecialSize(page) != sizeof(PageTail))
        return false;
    const PageHeader header = reinterpret_cast<PageHeader>(page);
    return tail_of(page)->version == kPageVersion && header->pd_lower >= SizeOfPageHeaderData && header->pd_lower <= header->pd_special;
}

uint32 fingerprint_of(Page page, BlockNumber block) {
    PageTail tail = *tail_of(page);
    tail.fingerprint = 0;
    const uint32 of_tail = engine::fingerprint(reinterpret_cast<const uint8_t *>(&tail), sizeof tail, block);
    return engine::fingerprint(content_of(page), used_of(page), of_tail);
}

} // namespace

bool is_sound(Page page, BlockNumber block) { return has_form(page) && tail_of(page)->fingerprint == fingerprint_of(page, block); }

namespace {

// The page is locked. `trusted`: its fingerprint was right when it was read before.
Found inspect(Page page, BlockNumber block, uint64 owner, PageKind kind, bool trusted = false) {
    if (trusted ? !has_form(page) : !is_sound(page, block))
        return Found::damaged;
    return tail_of(page)->owner == owner && tail_of(page)->kind == kind ? Found::good : Found::recycled;
}

void check(Relation index, BlockNumber block, Found found) {
    if (found == Found::damaged)
        throw_damaged(index, block, "a page is not what was written");
    // On a primary, pages are reused only when no snapshot can need them: then another owner means damage.
    if (found == Found::recycled && !RecoveryInProgress())
        throw_damaged(index, block, "a page belongs to another part of the index");
    if (found == Found::recycled)
        throw_recycled();
}

} // namespace

void put_fingerprint(Page page, BlockNumber block) { tail_of(page)->fingerprint = fingerprint_of(page, block); }

Page PageChange::page(Buffer buffer) {
    const BlockNumber block = BufferGetBlockNumber(buffer);
    if (!is_sound(BufferGetPage(buffer), block))
        raise_inside_call(Condition::index_corrupted, psprintf("index \"%s\" is corrupted: a page is not what was written", RelationGetRelationName(index_)),
                          psprintf("Block %u.", block), "REINDEX rebuilds it; bm25_check reports every fault.");
    Page page = GenericXLogRegisterBuffer(state_, buffer, 0);
    changed_[count_++] = {page, block};
    return page;
}

Page PageChange::new_page(Buffer buffer) {
    Page page = GenericXLogRegisterBuffer(state_, buffer, GENERIC_XLOG_FULL_IMAGE);
    changed_[count_++] = {page, BufferGetBlockNumber(buffer)};
    return page;
}

void PageChange::finish() {
    for (unsigned i = 0; i < count_; ++i)
        put_fingerprint(changed_[i].page, changed_[i].block);
    GenericXLogFinish(state_);
}

Meta read_meta(Relation index) {
    Meta meta;
    const bool good = call([index, &meta] {
        const Buffer buffer = ReadBuffer(index, kMetaBlock);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const bool valid = inspect(page, kMetaBlock, 0, PageKind::meta) == Found::good;
        if (valid)
            memcpy(&meta, content_of(page), sizeof meta);
        UnlockReleaseBuffer(buffer);
        return valid;
    });
    if (!good || meta.magic != kMetaMagic || meta.segments > kMaxSegments || meta.retired > kMaxRetired)
        throw_damaged(index, kMetaBlock, "its first page is not one of a ticketflow index");
    if (meta.version != kPageVersion)
        throw Failure(Condition::object_not_in_state,
                      std::string("index \"") + RelationGetRelationName(index) + "\" has an unknown format", {},
                      "It was written by another version of ticketflow; REINDEX rebuilds it.");
    return meta;
}

Buffer allocate_page(Relation index) {
    for (;;) {
        const BlockNumber block = GetFreeIndexPage(index);
        if (block == InvalidBlockNumber)
            break;
        // The list is a hint: the stamp on the page decides, under its lock.
        const Buffer buffer = ReadBuffer(index, block);
        if (ConditionalLockBuffer(buffer)) {
            Page page = BufferGetPage(buffer);
            if (PageIsNew(page) || (PageGetSpecialSize(page) == sizeof(PageTail) && tail_of(page)->kind == PageKind::free))
                return buffer;
            LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
        }
        ReleaseBuffer(buffer);
    }
    const bool shared = !RELATION_IS_LOCAL(index);
    if (shared)
        LockRelationForExtension(index, ExclusiveLock);
    const Buffer buffer = ReadBuffer(index, P_NEW);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    if (shared)
        UnlockRelationForExtension(index, ExclusiveLock);
    return buffer;
}

void init_page(Page page, uint64 owner, PageKind kind, const uint8_t *content, size_t size) {
    PageInit(page, BLCKSZ, sizeof(PageTail));
    PageTail &tail = *tail_of(page);
    tail.owner = owner;
    tail.kind = kind;
    tail.version = kPageVersion;
    tail.next = InvalidBlockNumber;
    memcpy(content_of(page), content, size);
    reinterpret_cast<PageHeader>(page)->pd_lower = static_cast<LocationIndex>(SizeOfPageHeaderData + size);
}

BlockNumber write_new_page(Relation index, uint64 owner, PageKind kind, const uint8_t *content, size_t size, BlockNumber next) {
    return call([=] {
        const Buffer buffer = allocate_page(index);
        PageChange change(index);
        Page page = change.new_page(buffer);
        init_page(page, owner, kind, content, size);
        tail_of(page)->next = next;
        change.finish();
        const BlockNumber block = BufferGetBlockNumber(buffer);
        UnlockReleaseBuffer(buffer);
        return block;
    });
}

namespace {

Found copy_page(Relation index, BlockNumber block, uint64 owner, PageKind kind, PageCopy &copy) {
    return call([=, &copy] {
        const Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const Found state = inspect(page, block, owner, kind);
        if (state == Found::good) {
            copy.tail = *tail_of(page);
            copy.used = used_of(page);
            memcpy(copy.content, content_of(page), copy.used);
        }
        UnlockReleaseBuffer(buffer);
        return state;
    });
}

} // namespace

void read_page(Relation index, BlockNumber block, uint64 owner, PageKind kind, PageCopy &copy) {
    check(index, block, copy_page(index, block, owner, kind, copy));
}

void read_pending_page(Relation index, BlockNumber block, uint64 owner, PageCopy &copy) {
    const Found found = copy_page(index, block, owner, PageKind::pending, copy);
    if (found == Found::recycled)
        throw PendingMoved{};
    check(index, block, found);
}

PageSource::PageSource(Relation index, const SegmentEntry &entry)
    : index_(index), owner_(entry.id), size_(entry.size), root_(entry.root), pages_(entry.pages) {
    if (entry.pages != (entry.size + kPageRoom - 1) / kPageRoom || entry.pages > kMapEntries * kMapEntries)
        throw_damaged(index, kMetaBlock, "a segment's size and page count differ");
    blocks_.resize((pages_ + kMapEntries - 1) / kMapEntries);
    trusted_.resize(blocks_.size());
    if (blocks_.size() > 1) {
        PageCopy root;
        read_page(index_, root_, owner_, PageKind::map, root);
        if (root.used != blocks_.size() * sizeof(BlockNumber))
            throw_damaged(index_, root_, "a page map has the wrong size");
        parts_.resize(blocks_.size());
        memcpy(parts_.data(), root.content, root.used);
    } else {
        parts_.assign(1, root_);
    }
}

void PageSource::reopen(Relation index) {
    index_ = index;
    for (std::vector<bool> &part : trusted_)
        part.assign(part.size(), false);
}

void PageSource::load_map(uint32 part) {
    PageCopy copy;
    read_page(index_, parts_[part], owner_, PageKind::map, copy);
    const size_t count = std::min<size_t>(kMapEntries, pages_ - part * kMapEntries);
    if (copy.used != count * sizeof(BlockNumber))
        throw_damaged(index_, parts_[part], "a page map has the wrong size");
    blocks_[part].resize(count);
    trusted_[part].resize(count);
    memcpy(blocks_[part].data(), copy.content, copy.used);
}

BlockNumber PageSource::block_of(uint32 page) {
    const uint32 part = page / kMapEntries;
    if (blocks_[part].empty())
        load_map(part);
    return blocks_[part][page % kMapEntries];
}

std::vector<BlockNumber> PageSource::map_blocks() {
    std::vector<BlockNumber> all;
    if (blocks_.size() > 1)
        all = parts_;
    all.push_back(root_);
    return all;
}

void PageSource::read(uint64_t offset, size_t length, uint8_t *to) {
    while (length > 0) {
        const uint32 page = static_cast<uint32>(offset / kPageRoom);
        const size_t in_page = offset % kPageRoom, part = std::min(length, kPageRoom - in_page);
        const BlockNumber block = block_of(page);
        const uint32 map = page / kMapEntries, entry = page % kMapEntries;
        const bool trusted = trusted_[map][entry];
        const Found found = call([this, block, in_page, part, to, trusted] {
            const Buffer buffer = ReadBuffer(index_, block);
            LockBuffer(buffer, BUFFER_LOCK_SHARE);
            Page content = BufferGetPage(buffer);
            Found state = inspect(content, block, owner_, PageKind::segment, trusted);
            if (state == Found::good && used_of(content) < in_page + part)
                state = Found::damaged;
            if (state == Found::good)
                memcpy(to, content_of(content) + in_page, part);
            UnlockReleaseBuffer(buffer);
            return state;
        });
        check(index_, block, found);
        trusted_[map][entry] = true;
        offset += part;
        to += part;
        length -= part;
    }
}

void PageSink::write(const uint8_t *bytes, size_t length) {
    size_ += length;
    while (length > 0) {
        const size_t part = std::min(length, kPageRoom - page_.size());
        page_.insert(page_.end(), bytes, bytes + part);
        bytes += part;
        length -= part;
        if (page_.size() == kPageRoom) {
            check_for_interrupts();
            blocks_.push_back(write_new_page(index_, owner_, PageKind::segment, page_.data(), page_.size()));
            page_.clear();
        }
    }
}

BlockNumber PageSink::write_map(const std::vector<BlockNumber> &blocks, size_t from, size_t count) {
    return write_new_page(index_, owner_, PageKind::map, reinterpret_cast<const uint8_t *>(blocks.data() + from),
                          count * sizeof(BlockNumber));
}

SegmentEntry PageSink::finish(const engine::Footer &footer) {
    if (!page_.empty())
        blocks_.push_back(write_new_page(index_, owner_, PageKind::segment, page_.data(), page_.size()));
    if (blocks_.size() > kMapEntries * kMapEntries)
        throw Failure(Condition::program_limit_exceeded, "a segment of a ticketflow index cannot have more than 32 GB");
    SegmentEntry entry{};
    std::vector<BlockNumber> parts;
    for (size_t from = 0; from < blocks_.size(); from += kMapEntries)
        parts.push_back(write_map(blocks_, from, std::min(kMapEntries, blocks_.size() - from)));
    entry.root = parts.size() == 1 ? parts[0] : write_map(parts, 0, parts.size());
    entry.id = owner_;
    entry.size = size_;
    entry.pages = static_cast<uint32>(blocks_.size());
    entry.documents = footer.documents;
    entry.nulls = footer.nulls;
    entry.fields = footer.fields;
    for (unsigned field = 0; field < engine::kFields; ++field)
        entry.total_length[field] = footer.total_length[field];
    return entry;
}

} // namespace ticketflow::pg::search
