#include "corpus.h"

#include "core/failure.h"

#include <gtest/gtest.h>

using namespace ticketflow::core::search;
using namespace ticketflow::core::search::testing;

namespace {

std::vector<Hit> all_by_oracle(const std::vector<Segment *> &segments, const PendingSearch *pending, const Query &query,
                               const Model &model) {
    std::vector<Hit> all;
    for (Segment *segment : segments) {
        const std::vector<Hit> some = exhaustive(segment->reader, query, model, nullptr);
        all.insert(all.end(), some.begin(), some.end());
    }
    if (pending) {
        TopK everything(SIZE_MAX, {});
        pending->search(model, everything, nullptr);
        const std::vector<Hit> some = everything.take();
        all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    return all;
}

// In batches of k, each strictly after the last: the way a scan asks.
std::vector<Hit> all_by_engine(const std::vector<Segment *> &segments, const PendingSearch *pending, const Query &query,
                               const Model &model, Resolved &resolved, size_t k) {
    std::vector<Hit> all;
    for (;;) {
        TopK top(k, all.empty() ? std::nullopt : std::optional<Hit>(all.back()));
        for (size_t i = 0; i < segments.size(); ++i)
            SegmentSearch(segments[i]->reader, query, model, resolved.terms[i], top, nullptr, kNoPause).run();
        if (pending)
            pending->search(model, top, nullptr);
        const std::vector<Hit> some = top.take();
        all.insert(all.end(), some.begin(), some.end());
        if (some.size() < k)
            return all;
        k *= 4;
    }
}

void expect_same(const std::vector<Hit> &expected, const std::vector<Hit> &got, const char *what) {
    ASSERT_EQ(expected.size(), got.size()) << what;
    for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(expected[i].score, got[i].score) << what << " rank " << i;
        ASSERT_EQ(expected[i].place, got[i].place) << what << " rank " << i;
    }
}

} // namespace

TEST(SearchEngine, EqualsTheExhaustiveSearchBitByBit) {
    for (unsigned round = 0; round < 6; ++round) {
        Corpus corpus(round);
        const unsigned fields = round % 3 == 0 ? 1 : round % 3 == 1 ? 15 : 9;
        auto first = Segment::of(corpus.documents(3000, fields, 10));
        auto second = Segment::of(corpus.documents(round % 2 ? 500 : 9000, fields, 400));
        for (uint32_t i = 0; i < 300; ++i)
            first->kill(corpus.random() % 3000);
        const std::vector<OwnDocument> waiting = corpus.documents(40, fields, 5000);
        const std::vector<Segment *> segments{first.get(), second.get()};
        for (unsigned i = 0; i < 40; ++i) {
            const Query query = corpus.query(i % 5);
            Resolved resolved(segments, query);
            PendingSearch pending(query);
            for (const OwnDocument &document : waiting) {
                const Bytes record = document.record();
                pending.add(record.data(), record.size(), resolved.statistics);
            }
            Options options;
            if (round % 2)
                options = {0.9, {0.4, 1.0, 0.0, 0.3}, {1.0, 0.5, 2.0, 3.0}};
            const Model model(options, resolved.statistics, query);
            const std::vector<Hit> expected = all_by_oracle(segments, &pending, query, model);
            for (const size_t k : {1, 3, 10, 100, 1000})
                expect_same(expected, all_by_engine(segments, &pending, query, model, resolved, k), "batches");
            if (HasFatalFailure())
                return;
        }
    }
}

TEST(SearchEngine, RanksTheSameHoweverDocumentsAreSpread) {
    Corpus corpus(7);
    std::vector<OwnDocument> documents = corpus.documents(4000, 15, 1);
    OwnDocument null;
    null.place = 77777;
    null.null = true;
    documents.push_back(null);
    auto whole = Segment::of(documents);
    std::vector<std::unique_ptr<Segment>> parts;
    std::vector<SegmentReader *> readers;
    std::vector<std::vector<OwnDocument>> dealt(3);
    for (const OwnDocument &document : documents)
        dealt[corpus.random() % 3].push_back(document);
    for (auto &some : dealt) {
        std::shuffle(some.begin(), some.end(), corpus.random);
        parts.push_back(Segment::of(some));
        readers.push_back(&parts.back()->reader);
    }
    MemorySink sink;
    merge_segments(readers, sink, kNoPause);
    EXPECT_EQ(sink.taken, whole->bytes) << "a merge gives the bytes that a build gives";
}

TEST(SearchEngine, MergeDropsDeadRows) {
    Corpus corpus(8);
    const std::vector<OwnDocument> documents = corpus.documents(2000, 9, 1);
    std::vector<OwnDocument> living;
    auto segment = Segment::of(documents);
    for (uint32_t i = 0; i < documents.size(); ++i) {
        if (i % 3 == 0)
            segment->kill(i);
        else
            living.push_back(documents[i]);
    }
    MemorySink sink;
    merge_segments({&segment->reader}, sink, kNoPause);
    EXPECT_EQ(sink.taken, Segment::of(living)->bytes);
}

TEST(SearchEngine, EmptyAndStripped) {
    auto empty = Segment::of({});
    EXPECT_EQ(empty->reader.documents(), 0u);
    Term term;
    EXPECT_FALSE(empty->reader.find("x", term));
    OwnDocument one; // a dictionary of one leaf
    one.place = 65537;
    one.words["only"][0] = {1};
    EXPECT_TRUE(Segment::of({one})->reader.find("only", term));
    Corpus corpus(3);
    std::vector<OwnDocument> documents = corpus.documents(300, 1, 1);
    for (OwnDocument &document : documents)
        document.stripped = true;
    auto stripped = Segment::of(documents);
    EXPECT_TRUE(stripped->reader.stripped());
}

TEST(SearchLength, CodesAreMonotonicAndClose) {
    uint8_t previous = 0;
    for (uint32_t length = 0; length < 600000; ++length) {
        const uint8_t code = encode_length(length);
        ASSERT_GE(code, previous);
        previous = code;
        if (length < 524288) {
            ASSERT_LE(decode_length(code), length);
            ASSERT_GE(decode_length(code) * 1.0626 + 1, length);
        }
    }
    for (unsigned code = 0; code < 256; ++code)
        EXPECT_EQ(encode_length(decode_length(static_cast<uint8_t>(code))), code);
}

// Flips bytes of a segment: every reader either works or throws, and never reads outside (run under ASan to see that).
TEST(SearchDecoder, DamageIsFoundOrHarmless) {
    Corpus corpus(11);
    auto good = Segment::of(corpus.documents(700, 11, 1));
    const Query query = corpus.query(0), boolean = corpus.query(3);
    unsigned refused = 0;
    for (unsigned round = 0; round < 1500; ++round) {
        Bytes bytes = good->bytes;
        for (unsigned flips = 1 + corpus.random() % 4; flips > 0; --flips) {
            // Half of the damage goes where structure is dense: the last part holds dictionary, places and footer.
            const size_t tail = corpus.random() % 2 ? std::min<size_t>(bytes.size(), 9000) : bytes.size();
            bytes[bytes.size() - 1 - corpus.random() % tail] = static_cast<uint8_t>(corpus.random());
        }
        if (round % 50 == 0)
            bytes.resize(corpus.random() % bytes.size());
        try {
            Segment damaged(bytes);
            const Query &asked = round % 2 ? query : boolean;
            Resolved resolved({&damaged}, asked);
            const Model model({}, resolved.statistics, asked);
            TopK top(10, {});
            SegmentSearch(damaged.reader, asked, model, resolved.terms[0], top, nullptr, kNoPause).run();
            MemorySink sink;
            merge_segments({&damaged.reader}, sink, kNoPause);
        } catch (const ticketflow::core::Failure &) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 400u);
}

// A word in 70,000 documents, in its own dictionary of one word: counts, offsets and blocks beyond 16 bits.
TEST(SearchEngine, CountsBeyondSixteenBits) {
    Accumulator accumulator;
    const std::string positions(1, '\1');
    for (uint32_t i = 0; i < 70000 * 2; ++i) {
        const Word word{"all", {1, 0, 0, 0}, positions};
        accumulator.add({(Tid{i} / 100) << 16 | (i % 100 + 1), false, false, {encode_length(1 + i % 50), 0, 0, 0}, std::span(&word, 1)});
    }
    MemorySink sink;
    accumulator.write(sink);
    Segment segment(std::move(sink.taken));
    Query query;
    const unsigned slot = query.slot("all", false, kAllFields);
    query.slots[slot].count = 1;
    query.gate.set_root(query.gate.word(slot));
    query.finish();
    Resolved resolved({&segment}, query);
    EXPECT_EQ(resolved.statistics.postings[0], 140000u);
    const Model model({}, resolved.statistics, query);
    expect_same(all_by_oracle({&segment}, nullptr, query, model), all_by_engine({&segment}, nullptr, query, model, resolved, 5000), "one word");
}
