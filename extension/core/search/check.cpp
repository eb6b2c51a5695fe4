#include "core/search/check.h"

#include "core/failure.h"
#include "core/search/length.h"
#include "core/search/posting_cursor.h"

namespace ticketflow::core::search {

namespace {

class Checker {
  public:
    Checker(SegmentReader &segment, const std::function<void(const std::string &)> &fault, const std::function<void()> &pause)
        : segment_(segment), fault_(fault), pause_(pause), lengths_(segment.documents()) {}

    void run() {
        check_words();
        check_lengths();
        check_places();
    }

  private:
    void check_words() {
        std::string previous;
        uint64_t words = 0;
        DictionaryCursor cursor(segment_);
        for (cursor.seek({}); cursor.valid(); cursor.next(), ++words) {
            pause_();
            if (words > 0 && cursor.word() <= previous)
                fault_("words are out of order at \"" + cursor.word() + "\"");
            previous = cursor.word();
            try {
                check_word(cursor);
            } catch (const Failure &failure) {
                fault_("word \"" + cursor.word() + "\": " + failure.message);
            }
        }
        if (words != segment_.footer().words)
            fault_("the dictionary has " + std::to_string(words) + " words, not " + std::to_string(segment_.footer().words));
    }

    void check_word(const DictionaryCursor &word) {
        PostingCursor cursor(segment_, word.term());
        uint32_t postings = 0;
        uint64_t positions = 0;
        for (; cursor.document() != kNoDocument; cursor.next(), ++postings) {
            const uint8_t *const codes = segment_.lengths(cursor.document()), *ingredients = cursor.ingredients(cursor.block());
            positions += cursor.positions().size();
            unsigned place = 0;
            for (unsigned field = 0; field < kFields; ++field) {
                if (!(segment_.fields() >> field & 1))
                    continue;
                const uint32_t frequency = cursor.frequency(field);
                if (frequency > 0 && cursor.lengths(field)[cursor.index()] != codes[place])
                    fault_("word \"" + word.word() + "\": a posting names another length than its document has");
                lengths_[cursor.document()][field] += frequency;
                if (frequency > ingredients[1] || (frequency == 1 && codes[place] < ingredients[0]) ||
                    (frequency > 1 && codes[place] < ingredients[2]))
                    fault_("word \"" + word.word() + "\": a posting scores more than its block says");
                ingredients += kIngredients;
                ++place;
            }
            if (cursor.index() + 1 == cursor.count() && cursor.last_of(cursor.block()) != cursor.document())
                fault_("word \"" + word.word() + "\": the skip table names another last document");
        }
        if (postings != word.term().postings)
            fault_("word \"" + word.word() + "\": postings are missing");
        if (positions != word.term().positions_size)
            fault_("word \"" + word.word() + "\": positions do not add up");
    }

    void check_lengths() {
        std::array<uint64_t, kFields> totals{};
        uint32_t wrong = 0;
        for (uint32_t document = 0; document < segment_.documents(); ++document) {
            const uint8_t *code = segment_.lengths(document);
            for (unsigned field = 0; field < kFields; ++field) {
                if (!(segment_.fields() >> field & 1))
                    continue;
                wrong += encode_length(lengths_[document][field]) != *code;
                totals[field] += decode_length(*code++);
            }
        }
        if (wrong > 0)
            fault_("the lengths of " + std::to_string(wrong) + " documents differ from their words");
        if (totals != segment_.footer().total_length)
            fault_("the sums of lengths are wrong");
    }

    void check_places() {
        Tid previous = 0;
        for (uint32_t row = 0; row < segment_.rows(); ++row) {
            if (row % 4096 == 0)
                pause_();
            const Tid place = segment_.place(row);
            if (row > 0 && row != segment_.documents() && place <= previous)
                fault_("rows are out of order at row " + std::to_string(row));
            if ((place & 0xffff) == 0)
                fault_("row " + std::to_string(row) + " has no valid place");
            previous = place;
        }
    }

    SegmentReader &segment_;
    const std::function<void(const std::string &)> &fault_;
    const std::function<void()> &pause_;
    std::vector<std::array<uint32_t, kFields>> lengths_;
};

} // namespace

void check_segment(SegmentReader &segment, const std::function<void(const std::string &)> &fault, const std::function<void()> &pause) {
    try {
        Checker(segment, fault, pause).run();
    } catch (const Failure &failure) {
        fault(failure.message);
    }
}

} // namespace ticketflow::core::search
