// The pending list: a chain of pages that documents are appended to, each in one WAL record.
#include "core/search/record.h"
#include "pg/search/am_maintain.h"

namespace ticketflow::pg::search {

namespace {

enum class Appended { done, no_room, changed };

// The common case: the record fits on the last page.
Appended append_to_tail(Relation index, const ChainEntry &chain, const engine::Bytes &record) {
    const uint8_t *const bytes = record.data();
    const size_t size = record.size();
    return call([=] {
        const Buffer buffer = ReadBuffer(index, chain.tail);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        Page page = BufferGetPage(buffer);
        if (!is_sound(page, chain.tail))
            PageChange(index).page(buffer); // says so
        const PageTail &tail = *tail_of(page);
        Appended result = Appended::done;
        if (tail.owner != chain.id || tail.kind != PageKind::pending || tail.closed || tail.next != InvalidBlockNumber)
            result = Appended::changed;
        else if (used_of(page) + size > kPageRoom)
            result = Appended::no_room;
        if (result == Appended::done) {
            PageChange change(index);
            Page copy = change.page(buffer);
            memcpy(content_of(copy) + used_of(copy), bytes, size);
            reinterpret_cast<PageHeader>(copy)->pd_lower += static_cast<LocationIndex>(size);
            change.finish();
        }
        UnlockReleaseBuffer(buffer);
        return result;
    });
}

// Gives back a page that was not linked, unless a sweep has done so and it has another owner by now.
void free_page(Relation index, BlockNumber block, uint64 owner) {
    call([=] {
        const Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        const PageTail &tail = *tail_of(BufferGetPage(buffer));
        if (tail.owner == owner && tail.kind == PageKind::pending) {
            PageChange change(index);
            tail_of(change.page(buffer))->kind = PageKind::free;
            change.finish();
        }
        UnlockReleaseBuffer(buffer);
    });
}

// Writes the record on pages of its own, then links them in one record: first page, list, last page.
bool append_pages(Relation index, const ChainEntry &chain, const engine::Bytes &record) {
    std::vector<BlockNumber> blocks;
    for (size_t part = (record.size() + kPageRoom - 1) / kPageRoom; part-- > 0;) // from the last, so that each knows the next
        blocks.push_back(write_new_page(index, chain.id, PageKind::pending, record.data() + part * kPageRoom,
                                        std::min(kPageRoom, record.size() - part * kPageRoom),
                                        blocks.empty() ? InvalidBlockNumber : blocks.back()));
    const BlockNumber first = blocks.back(), last = blocks.front();
    const uint32 count = static_cast<uint32>(blocks.size());
    const uint64 id = chain.id;
    const bool linked = call([=] {
        const Buffer meta_buffer = ReadBuffer(index, kMetaBlock);
        LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
        const ChainEntry current = reinterpret_cast<Meta *>(content_of(BufferGetPage(meta_buffer)))->pending;
        if (current.id == id) {
            Buffer tail_buffer = InvalidBuffer;
            if (current.tail != InvalidBlockNumber) {
                tail_buffer = ReadBuffer(index, current.tail);
                LockBuffer(tail_buffer, BUFFER_LOCK_EXCLUSIVE);
            }
            PageChange change(index);
            Meta &meta = *reinterpret_cast<Meta *>(content_of(change.page(meta_buffer)));
            if (tail_buffer != InvalidBuffer)
                tail_of(change.page(tail_buffer))->next = first;
            else
                meta.pending.head = first;
            meta.pending.tail = last;
            meta.pending.pages += count;
            change.finish();
            if (tail_buffer != InvalidBuffer)
                UnlockReleaseBuffer(tail_buffer);
        }
        UnlockReleaseBuffer(meta_buffer);
        return current.id == id;
    });
    if (!linked) // the list was sealed meanwhile
        for (const BlockNumber block : blocks)
            free_page(index, block, id);
    return linked;
}

} // namespace

void append_record(Relation index, const engine::Bytes &record) {
    for (;;) {
        check_for_interrupts();
        const ChainEntry chain = read_meta(index).pending;
        if (chain.tail != InvalidBlockNumber && record.size() <= kPageRoom) {
            const Appended result = append_to_tail(index, chain, record);
            if (result == Appended::done)
                return;
            if (result == Appended::changed)
                continue;
        }
        if (append_pages(index, chain, record))
            return;
    }
}

void each_record(Relation index, const ChainEntry &chain, const std::function<void(const uint8_t *, size_t)> &f) {
    PageCopy page;
    engine::Bytes waiting; // a record that goes over several pages
    uint32 pages = 0;
    for (BlockNumber block = chain.id ? chain.head : InvalidBlockNumber; block != InvalidBlockNumber; block = page.tail.next) {
        check_for_interrupts();
        read_pending_page(index, block, chain.id, page);
        if (++pages > MaxBlockNumber / 2)
            throw_damaged(index, block, "the pending list is a circle");
        const uint8_t *at = page.content;
        size_t left = page.used;
        if (!waiting.empty()) {
            waiting.insert(waiting.end(), at, at + left);
            at = waiting.data();
            left = waiting.size();
        }
        while (left >= sizeof(engine::RecordHead)) {
            const uint32 size = engine::load<uint32>(at);
            if (size < sizeof(engine::RecordHead))
                throw_damaged(index, block, "a pending document has no size");
            if (size > left)
                break;
            f(at, size);
            at += size;
            left -= size;
        }
        engine::Bytes rest(at, at + left);
        waiting.swap(rest);
    }
    if (!waiting.empty())
        throw_damaged(index, chain.tail, "the pending list ends within a document");
}

} // namespace ticketflow::pg::search
