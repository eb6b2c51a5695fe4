#include "core/search/merge.h"

#include <memory>

namespace ticketflow::core::search {

namespace {

constexpr uint32_t kGone = UINT32_MAX;

// The living rows of several segments, in order of place: first those with a document, then those without.
class Rows {
  public:
    struct Row {
        unsigned segment;
        uint32_t number;
        Tid place;
    };

    Rows(const std::vector<SegmentReader *> &segments, bool nulls) : segments_(segments), nulls_(nulls) {
        for (unsigned i = 0; i < segments.size(); ++i) {
            heads_.push_back({i, nulls ? segments[i]->documents() : 0, 0});
            settle(heads_[i]);
        }
    }
    bool next(Row &row) {
        Row *least = nullptr;
        for (Row &head : heads_)
            if (head.number != kGone && (!least || head.place < least->place))
                least = &head;
        if (!least)
            return false;
        row = *least;
        ++least->number;
        settle(*least);
        return true;
    }

  private:
    void settle(Row &head) {
        SegmentReader &segment = *segments_[head.segment];
        const uint32_t end = nulls_ ? segment.rows() : segment.documents();
        while (head.number < end && segment.dead(head.number))
            ++head.number;
        if (head.number >= end)
            head.number = kGone;
        else
            head.place = segment.place(head.number);
    }

    const std::vector<SegmentReader *> &segments_;
    const bool nulls_;
    std::vector<Row> heads_;
};

class Merger {
  public:
    Merger(const std::vector<SegmentReader *> &segments, Sink &sink, const std::function<void()> &pause)
        : segments_(segments), sink_(sink), pause_(pause), numbers_(segments.size()) {}

    Footer run() {
        for (SegmentReader *segment : segments_) {
            fields_ |= segment->fields();
            stripped_ |= segment->stripped();
        }
        number_documents();
        SegmentWriter writer(sink_, fields_, lengths_);
        merge_words(writer);
        uint32_t nulls = 0;
        Rows::Row row;
        for (Rows rows(segments_, true); rows.next(row);)
            ++nulls;
        Rows documents(segments_, false), rest(segments_, true);
        return writer.finish(documents_, nulls, stripped_, [&]() -> Tid {
            Rows::Row next;
            if (!documents.next(next) && !rest.next(next))
                corrupted("rows vanished during a merge");
            return next.place;
        });
    }

  private:
    void number_documents() {
        for (size_t i = 0; i < segments_.size(); ++i)
            numbers_[i].assign(segments_[i]->documents(), kGone);
        Rows::Row row;
        for (Rows rows(segments_, false); rows.next(row);) {
            if (documents_ % 8192 == 0)
                pause_();
            numbers_[row.segment][row.number] = documents_++;
            SegmentReader &segment = *segments_[row.segment];
            const uint8_t *const lengths = segment.lengths(row.number);
            unsigned place = 0;
            for (unsigned field = 0; field < kFields; ++field) {
                const bool has = segment.fields() >> field & 1;
                if (fields_ >> field & 1)
                    lengths_.push_back(has ? lengths[place] : 0);
                place += has;
            }
        }
    }

    void merge_words(SegmentWriter &writer) {
        std::vector<DictionaryCursor> cursors;
        for (SegmentReader *segment : segments_) {
            cursors.emplace_back(*segment);
            cursors.back().seek({});
        }
        std::vector<unsigned> same;
        for (uint64_t words = 0;; ++words) {
            if (words % 64 == 0)
                pause_();
            same.clear();
            for (unsigned i = 0; i < cursors.size(); ++i) {
                if (!cursors[i].valid())
                    continue;
                const int order = same.empty() ? 0 : cursors[i].word().compare(cursors[same[0]].word());
                if (order < 0)
                    same.clear();
                if (order <= 0)
                    same.push_back(i);
            }
            if (same.empty())
                return;
            merge_postings(writer, cursors, same);
            for (const unsigned i : same)
                cursors[i].next();
        }
    }

    void merge_postings(SegmentWriter &writer, const std::vector<DictionaryCursor> &cursors, const std::vector<unsigned> &same) {
        struct Part {
            PostingCursor postings;
            const std::vector<uint32_t> *numbers;
            uint32_t document;
        };
        std::vector<std::unique_ptr<Part>> parts;
        auto settle = [](Part &part) {
            while ((part.document = part.postings.document()) != kNoDocument &&
                   (part.document = (*part.numbers)[part.document]) == kGone)
                part.postings.next();
        };
        for (const unsigned i : same) {
            parts.push_back(std::make_unique<Part>(PostingCursor(*segments_[i], cursors[i].term()), &numbers_[i], 0));
            settle(*parts.back());
        }
        bool begun = false;
        for (uint32_t done = 0;; ++done) {
            Part *least = nullptr;
            for (const auto &part : parts)
                if (part->document != kNoDocument && (!least || part->document < least->document))
                    least = part.get();
            if (!least)
                break;
            if (!begun)
                writer.begin_word(cursors[same[0]].word());
            begun = true;
            if (done % 65536 == 65535)
                pause_();
            writer.add({least->document, least->postings.frequencies()}, least->postings.positions());
            least->postings.next();
            settle(*least);
        }
        if (begun)
            writer.end_word();
    }

    const std::vector<SegmentReader *> &segments_;
    Sink &sink_;
    const std::function<void()> &pause_;
    std::vector<std::vector<uint32_t>> numbers_; // old to new, a segment
    Bytes lengths_;
    uint32_t documents_ = 0;
    FieldMask fields_ = 0;
    bool stripped_ = false;
};

} // namespace

Footer merge_segments(std::vector<SegmentReader *> segments, Sink &sink, const std::function<void()> &pause) {
    return Merger(segments, sink, pause).run();
}

} // namespace ticketflow::core::search
