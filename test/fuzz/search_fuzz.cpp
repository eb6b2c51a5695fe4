// Mutated segments and records against everything that decodes them; run under AddressSanitizer and UBSan.
//   search_fuzz ROUNDS SEED
// The core is compiled into this one file, so that a copy of it with a planted bug is built by naming another folder.
#include "core/failure.h"
#include "core/search/accumulator.cpp"
#include "core/search/bytes.cpp"
#include "core/search/check.cpp"
#include "core/search/engine.cpp"
#include "core/search/engine_windows.cpp"
#include "core/search/merge.cpp"
#include "core/search/model.cpp"
#include "core/search/pending.cpp"
#include "core/search/posting_cursor.cpp"
#include "core/search/query.cpp"
#include "core/search/record.cpp"
#include "core/search/segment_reader.cpp"
#include "core/search/segment_writer.cpp"

#include "corpus.h"

#include <cstdio>
#include <cstdlib>

using namespace ticketflow::core::search;
using namespace ticketflow::core::search::testing;

namespace {

// A few bytes changed, copied or cut; half of the time where structure is dense.
void mutate(Bytes &bytes, std::mt19937 &random) {
    for (unsigned changes = 1 + random() % 4; changes > 0 && !bytes.empty(); --changes) {
        const size_t tail = random() % 2 ? std::min<size_t>(bytes.size(), 4000) : bytes.size();
        const size_t at = bytes.size() - 1 - random() % tail;
        switch (random() % 6) {
        case 0:
            bytes[at] = static_cast<uint8_t>(random());
            break;
        case 1:
            bytes[at] ^= static_cast<uint8_t>(1u << random() % 8);
            break;
        case 2:
            bytes[at] = random() % 2 ? 0xff : 0;
            break;
        case 3: { // a number of four bytes that is nearly right, or far off
            uint32_t value = 0;
            if (at + 4 > bytes.size())
                break;
            std::memcpy(&value, bytes.data() + at, 4);
            value += random() % 2 ? random() % 9 - 4 : random();
            std::memcpy(bytes.data() + at, &value, 4);
            break;
        }
        case 4: { // a stretch from elsewhere
            const size_t length = std::min<size_t>({1 + random() % 64, bytes.size() - at, bytes.size()});
            const size_t from = random() % (bytes.size() - length + 1);
            std::memmove(bytes.data() + at, bytes.data() + from, length);
            break;
        }
        default:
            if (random() % 20 == 0)
                bytes.resize(at);
        }
    }
}

void use_segment(const Bytes &bytes, const std::vector<Query> &queries, unsigned round) {
    Segment damaged(bytes);
    const Query &asked = queries[round % queries.size()];
    Resolved resolved({&damaged}, asked);
    const Model model({}, resolved.statistics, asked);
    TopK top(10, {});
    SegmentSearch(damaged.reader, asked, model, resolved.terms[0], top, nullptr, kNoPause).run();
    if (round % 3 == 0) {
        check_segment(damaged.reader, [](const std::string &) {}, kNoPause);
        MemorySink sink;
        merge_segments({&damaged.reader}, sink, kNoPause);
    }
}

void use_record(Bytes bytes, const Query &query) {
    const size_t size = bytes.size();
    bytes.shrink_to_fit();
    const RecordView record(bytes.data(), size);
    std::vector<Occurrence> found;
    for (const Slot &slot : query.slots)
        occurrences_in(record, slot, found);
    record.each([](const Word &) {});
}

} // namespace

int main(int count, char **arguments) {
    const unsigned rounds = count > 1 ? static_cast<unsigned>(std::atoi(arguments[1])) : 1000;
    Corpus corpus(count > 2 ? static_cast<unsigned>(std::atoi(arguments[2])) : 1);
    std::vector<Bytes> segments, records;
    for (const unsigned fields : {1u, 9u, 15u})
        segments.push_back(Segment::of(corpus.documents(400, fields, 1))->bytes);
    for (const OwnDocument &document : corpus.documents(20, 15, 1))
        records.push_back(document.record());
    std::vector<Query> queries;
    for (unsigned shape = 0; shape < 5; ++shape)
        queries.push_back(corpus.query(shape));
    unsigned refused = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        Bytes bytes = round % 4 == 3 ? records[corpus.random() % records.size()] : segments[corpus.random() % segments.size()];
        mutate(bytes, corpus.random);
        try {
            round % 4 == 3 ? use_record(bytes, queries[0]) : use_segment(bytes, queries, round);
        } catch (const ticketflow::core::Failure &) {
            ++refused;
        }
    }
    std::printf("%u inputs, %u refused\n", rounds, refused);
}
