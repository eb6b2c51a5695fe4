#include "core/complexity/score.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace ticketflow::core::complexity {

namespace {

std::int64_t to_fixed(double x) { return std::llround(x * static_cast<double>(kFixed)); }
double from_fixed(std::int64_t x) { return static_cast<double>(x) / static_cast<double>(kFixed); }

double cut(double x) { return x < -3 ? -3 : x > 3 ? 3 : x; }

std::optional<double> read_number(std::string_view text) {
    double x = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(x))
        return std::nullopt;
    return x;
}

void append_integer(std::string &out, std::int64_t value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out.append(text, end);
}

void append_decimal(std::string &out, std::int64_t value, int digits) { // value is in units of 10^-digits
    std::int64_t unit = 1;
    for (int i = 0; i < digits; ++i)
        unit *= 10;
    if (value < 0)
        out += '-';
    const auto size = value < 0 ? -value : value;
    append_integer(out, size / unit);
    out += '.';
    for (auto rest = size % unit; unit > 1;) {
        unit /= 10;
        out += static_cast<char>('0' + rest / unit);
        rest %= unit;
    }
}

void append_number(std::string &out, double x) { // counts as integers, anything else with three digits
    if (x == std::floor(x) && std::fabs(x) < 1e15)
        append_integer(out, static_cast<std::int64_t>(x));
    else
        append_decimal(out, std::llround(std::fabs(x) < 1e15 ? x * 1000 : x > 0 ? 1e18 : -1e18), 3);
}

// Structure is told in a few families: what people would call one thing.
enum Family : std::uint8_t { kLength, kTrouble, kOutline, kReferences, kTone, kForm, kFigures, kUrgency, kNames, kFamilies };
constexpr std::array<std::string_view, kFamilies> kFamilyNames = {
    "length of the text", "code, traces and errors", "steps, lists and headings", "links", "questions",
    "form of the text", "digits and capitals", "words of urgency", "systems and versions named"};
constexpr std::array<Family, kStructures> kFamilyOf = {
    kLength, kLength, kLength, kLength, kLength, kTrouble, kReferences, kTrouble, kTrouble, kTrouble,
    kOutline, kTone, kTone, kOutline, kUrgency, kForm, kForm, kForm, kLength, kLength, kFigures, kFigures, kOutline,
    kUrgency, kTone, kNames, kNames, kTrouble};
constexpr bool shown_in_value(std::size_t i) { // what a family's value counts: words, lines, links, …
    return i != kNoBody && i != kTitleBytes && i != kBodyBytes && i != kDistinctWords && i != kWordLength && i != kCapitals &&
           i != kTitleQuestion;
}

// Words that carry a sentence rather than its subject: they count, but nobody wants to read them in a reason.
bool is_filler(std::string_view word) {
    static constexpr std::array<std::string_view, 64> kFillers = {
        "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "do", "does", "for",
        "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "more", "my", "no", "not", "of", "on", "one", "or",
        "our", "out", "should", "so", "some", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "up", "was",
        "we", "were", "when", "which", "will", "with", "would", "you"};
    return word.size() < 2 || word[0] == '#' || std::binary_search(kFillers.begin(), kFillers.end(), word);
}

} // namespace

void append_json_string(std::string &out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += "01"[c >> 4];
            out += "0123456789abcdef"[c & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

std::string json_string(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

double rank_of(const Model &model, double sum) {
    const auto &t = model.thresholds;
    const auto above = static_cast<std::size_t>(std::upper_bound(t.begin(), t.end(), sum) - t.begin());
    if (above == 0)
        return 0;
    if (above == t.size())
        return 100;
    const double low = t[above - 1], high = t[above];
    return static_cast<double>(above) - 0.5 + (high > low ? (sum - low) / (high - low) : 0);
}

// The words of one text: those of the model and, where it knows the group, the group's own.
std::int64_t Scorer::add_wording(const Model &model, const Group *group, bool title, bool tell) {
    const Text &text = title ? features_.title : features_.body;
    const std::uint64_t own = group ? hash_bytes(group->name) : 0;
    std::array<double, kBlocks> step{};
    double usual = 0;
    for (std::size_t b = 0; b < kBlocks; ++b) {
        if (of_title(b) != title)
            continue;
        if (features_.length_squared[b] > 0)
            step[b] = model.gains[b] / std::sqrt(features_.length_squared[b]);
        usual += model.usual[b];
    }
    std::int64_t sum = to_fixed(-usual);
    // Slot 2i is word i with its parts, slot 2i+1 the phrase that begins there.
    of_word_.assign(tell ? text.words.size() * 2 : 0, 0);
    for (const Feature &term : features_.terms) {
        if (step[term.block] == 0)
            continue;
        double weight = model.hash_weight(term.hash);
        if (group)
            weight += model.hash_weight(group_hash(term.hash, own));
        if (weight == 0)
            continue;
        const std::int64_t part = to_fixed(weight * term.value * step[term.block]);
        sum += part;
        if (tell)
            of_word_[term.word * 2 + (term.block == kTitlePhrase || term.block == kBodyPhrase ? 1 : 0)] += part;
    }
    if (tell) {
        Part part;
        part.name = title ? "wording of the title" : "wording of the description";
        part.number = static_cast<double>(text.words.size());
        part.sum = sum;
        choose_terms(part, text, of_word_);
        parts_.push_back(part);
    }
    return sum;
}

// The words and phrases that moved the sum most, largest first.
void Scorer::choose_terms(Part &part, const Text &text, const std::vector<std::int64_t> &of_word) const {
    for (std::size_t i = 0; i < of_word.size(); ++i) {
        const auto size = std::llabs(of_word[i]);
        if (size <= std::llabs(part.terms.back().sum))
            continue;
        const std::size_t word = i / 2;
        const bool phrase = i % 2 && word + 1 < text.words.size();
        if (is_filler(text.view(text.words[word])) && (!phrase || is_filler(text.view(text.words[word + 1]))))
            continue;
        std::size_t at = kTerms - 1;
        for (; at > 0 && size > std::llabs(part.terms[at - 1].sum); --at)
            part.terms[at] = part.terms[at - 1];
        part.terms[at] = {phrase ? text.phrase(word) : text.view(text.words[word]), of_word[i]};
    }
}

std::int64_t Scorer::add_structure(const Model &model, const Group *group, bool tell) {
    std::array<Part, kFamilies> families{};
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kStructures; ++i) {
        const Scaled &scale = model.structure[i];
        const double weight = scale.weight + (group ? group->structure[i] : 0);
        const std::int64_t part = to_fixed(weight * cut((features_.structure[i] - scale.mean) / scale.deviation));
        sum += part;
        families[kFamilyOf[i]].sum += part;
        if (shown_in_value(i))
            families[kFamilyOf[i]].number += features_.counts[i];
    }
    for (std::size_t f = 0; tell && f < kFamilies; ++f) {
        families[f].name = kFamilyNames[f];
        parts_.push_back(families[f]);
    }
    return sum;
}

// The level of a field that a value means: as it is told, or as the number it is.
const std::pair<const std::string, double> *Scorer::level_of(const Field &field, const Detail &detail) {
    auto found = field.levels.find(detail.text);
    if (found == field.levels.end() && detail.number)
        found = field.levels.find(number_text(*detail.number));
    return found == field.levels.end() ? nullptr : &*found;
}

std::int64_t Scorer::add_fields(const Model &model, std::span<const Detail> details, bool tell, bool &learned) {
    std::int64_t sum = 0;
    paired_.clear();
    for (const Field &field : model.fields) {
        const auto found = std::find_if(details.begin(), details.end(), [&](const Detail &d) { return d.name == field.name; });
        if (found == details.end())
            continue;
        const auto number = field.number ? found->number ? found->number : read_number(found->text) : std::nullopt;
        const auto *level = level_of(field, number && !found->number ? Detail{{}, found->text, number} : *found);
        if (!number && !level)
            continue;
        std::int64_t part = level ? to_fixed(level->second) : 0;
        if (number)
            part += to_fixed(field.scale.weight * cut((natural_log(1 + std::max(*number, 0.0)) - field.scale.mean) / field.scale.deviation));
        learned = learned || !field.assumed;
        sum += part;
        if (level && field.paired && paired_.size() < kMostPairedFields)
            paired_.push_back({&field.name, &level->first, parts_.size()});
        if (tell) {
            Part told;
            told.name = field.name;
            told.text = found->text;
            told.is_text = !found->number;
            told.number = found->number.value_or(0);
            told.assumed = field.assumed;
            told.sum = part;
            parts_.push_back(told);
        }
    }
    return sum + add_pairs(model, tell);
}

// What two values mean together is told half with one and half with the other.
std::int64_t Scorer::add_pairs(const Model &model, bool tell) {
    std::int64_t sum = 0;
    if (model.pairs.empty())
        return sum;
    for (std::size_t a = 0; a < paired_.size(); ++a) {
        for (std::size_t b = a + 1; b < paired_.size(); ++b) {
            const double weight = model.pair_weight(pair_hash(*paired_[a].field, *paired_[a].level, *paired_[b].field, *paired_[b].level));
            if (weight == 0)
                continue;
            const std::int64_t part = to_fixed(weight), half = part / 2;
            sum += part;
            if (tell) {
                parts_[paired_[a].part].sum += half;
                parts_[paired_[b].part].sum += part - half;
            }
        }
    }
    return sum;
}

std::optional<Score> Scorer::score(const Model &model, std::string_view title, std::string_view body,
                                   std::span<const Detail> details, bool tell) {
    features_.read(title, body);
    parts_.clear();
    const Group *group = nullptr;
    for (const Detail &detail : details)
        if (!model.group_field.empty() && detail.name == model.group_field)
            for (const Group &candidate : model.groups)
                if (candidate.name == detail.text)
                    group = &candidate;

    bool known = features_.has_text();
    std::int64_t total = 0;
    if (known) {
        total += add_wording(model, group, true, tell);
        total += add_wording(model, group, false, tell);
        total += add_structure(model, group, tell);
    }
    total += add_fields(model, details, tell, known);
    if (!known)
        return std::nullopt;

    Score result;
    result.sum = model.start + from_fixed(total);
    result.score = static_cast<int>(std::upper_bound(model.thresholds.begin(), model.thresholds.end(), result.sum) -
                                    model.thresholds.begin());
    result.effort = group ? &group->effort : &model.effort;
    if (tell) {
        share_points(model, total, result.score);
        result.factors = tell_factors(model.start);
    }
    return result;
}

// Each part gets its share of the way from a typical ticket to this one; the mean slope on that way turns sums into
// points. Rounding to tenths leaves a little, which the largest part takes, so that points add up to the score.
void Scorer::share_points(const Model &model, std::int64_t total, int score) {
    const auto &t = model.thresholds;
    double way = from_fixed(total);
    const double least = (t[74] - t[24]) / 8;
    double slope = 0;
    if (std::fabs(way) > least)
        slope = (score - rank_of(model, model.start)) / way;
    else if (least > 0)
        slope = (rank_of(model, model.start + least) - rank_of(model, model.start - least)) / (2 * least);
    start_tenths_ = std::llround(10 * rank_of(model, model.start));
    std::int64_t left = 10 * score - start_tenths_;
    Part *largest = nullptr;
    for (Part &part : parts_) {
        part.tenths = std::llround(10 * slope * from_fixed(part.sum));
        left -= part.tenths;
        if (!largest || std::llabs(part.sum) > std::llabs(largest->sum))
            largest = &part;
        for (Term &term : part.terms)
            term.tenths = std::llround(10 * slope * from_fixed(term.sum));
    }
    (largest ? largest->tenths : start_tenths_) += left;
}

std::string Scorer::tell_factors(double start) {
    std::stable_sort(parts_.begin(), parts_.end(),
                     [](const Part &a, const Part &b) { return std::llabs(a.tenths) > std::llabs(b.tenths); });
    std::string out;
    out.reserve(2048);
    const auto add_points = [&out](std::int64_t sum, std::int64_t tenths) {
        out += ",\"weight\":";
        append_decimal(out, std::llround(from_fixed(sum) * 10000), 4);
        out += ",\"points\":";
        append_decimal(out, tenths, 1);
    };
    out += "[{\"name\":\"typical ticket\",\"value\":1";
    add_points(to_fixed(start), start_tenths_);
    out += '}';
    for (const Part &part : parts_) {
        if (part.tenths == 0)
            continue;
        out += ",{\"name\":";
        append_json_string(out, part.name);
        out += ",\"value\":";
        if (part.is_text)
            append_json_string(out, part.text);
        else
            append_number(out, part.number);
        add_points(part.sum, part.tenths);
        if (part.assumed)
            out += ",\"basis\":\"assumed\"";
        if (!part.terms[0].text.empty()) {
            out += ",\"terms\":";
            char before = '[';
            for (const Term &term : part.terms) {
                if (term.text.empty())
                    break;
                out += before;
                out += "{\"term\":";
                append_json_string(out, term.text);
                out += ",\"points\":";
                append_decimal(out, term.tenths, 1);
                out += '}';
                before = ',';
            }
            out += ']';
        }
        out += '}';
    }
    return out += ']';
}

bool recommend_escalation(int score, std::string_view priority, std::string_view severity, double risk, int threshold) {
    double urgency = 0;
    urgency += priority == "urgent" ? 15 : priority == "high" ? 5 : 0;
    urgency += severity == "critical" ? 15 : severity == "major" ? 5 : 0;
    urgency += 20 * (risk > 1 ? 1 : risk > 0 ? risk : 0);
    return score + urgency >= threshold;
}

} // namespace ticketflow::core::complexity
