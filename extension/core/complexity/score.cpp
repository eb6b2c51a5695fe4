#include "core/complexity/score.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace ticketflow::core::complexity {

namespace {

std::int64_t to_fixed(double x) { return std::llround(x * static_cast<double>(kFixed)); }
double from_fixed(std::int64_t x) { return static_cast<double>(x) / static_cast<double>(kFixed); }

double cut(double x) { return x < -3 ? -3 : x > 3 ? 3 : x; }

std::string decimal(std::int64_t value, int digits) {
    std::int64_t unit = 1;
    for (int i = 0; i < digits; ++i)
        unit *= 10;
    const auto size = value < 0 ? -value : value;
    char out[48];
    std::snprintf(out, sizeof out, "%s%lld.%0*lld", value < 0 ? "-" : "", static_cast<long long>(size / unit), digits,
                  static_cast<long long>(size % unit));
    return out;
}

std::string number(double x) { // counts as integers, shares with three digits
    if (x == std::floor(x) && std::fabs(x) < 1e15)
        return std::to_string(static_cast<long long>(x));
    return decimal(std::llround(x * 1000), 3);
}

constexpr std::array<std::string_view, kStructures> kStructureNames = {
    "words in the title", "words in the description", "no description", "length of the title", "length of the description",
    "code blocks", "links", "stack trace lines", "exceptions named", "errors named", "list items", "questions",
    "title is a question", "steps to reproduce", "exclamation marks", "user story", "title has a prefix",
    "title quotes something", "different words", "average word length", "digits", "share of capitals", "headings"};

} // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
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
std::int64_t Scorer::add_wording(const Model &model, const Group *group, bool of_title, bool tell) {
    const Text &text = of_title ? features_.title : features_.body;
    const std::uint64_t own = group ? hash_bytes(group->name) : 0;
    std::array<double, kBlocks> step{};
    double usual = 0;
    for (std::size_t b = 0; b < kBlocks; ++b) {
        if ((b <= kTitlePart) != of_title)
            continue;
        if (features_.length_squared[b] > 0)
            step[b] = model.gains[b] / std::sqrt(features_.length_squared[b]);
        usual += model.usual[b];
    }
    std::int64_t sum = to_fixed(-usual);
    // Slot 2i is word i with its parts, slot 2i+1 the phrase that begins there.
    std::vector<std::int64_t> of_word(tell ? text.words.size() * 2 : 0);
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
            of_word[term.word * 2 + (term.block == kTitlePhrase || term.block == kBodyPhrase ? 1 : 0)] += part;
    }
    if (!tell)
        return sum;
    Part part{of_title ? "wording of the title" : "wording of the description", "", from_fixed(sum), sum, false, {}};
    std::vector<std::size_t> order(of_word.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    const auto most = std::min<std::size_t>(5, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                      [&](std::size_t a, std::size_t b) {
                          const auto x = std::llabs(of_word[a]), y = std::llabs(of_word[b]);
                          return x != y ? x > y : a < b;
                      });
    for (std::size_t k = 0; k < most && of_word[order[k]] != 0; ++k) {
        const std::size_t word = order[k] / 2;
        const bool phrase = order[k] % 2 && word + 1 < text.words.size();
        part.terms.emplace_back(phrase ? text.phrase(word) : text.view(text.words[word]), of_word[order[k]]);
    }
    part.value = std::to_string(text.words.size());
    parts_.push_back(std::move(part));
    return sum;
}

std::int64_t Scorer::add_structure(const Model &model, const Group *group, bool tell) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kStructures; ++i) {
        const Scaled &scale = model.structure[i];
        const double weight = scale.weight + (group ? group->structure[i] : 0);
        const std::int64_t part = to_fixed(weight * cut((features_.structure[i] - scale.mean) / scale.deviation));
        sum += part;
        if (tell && part != 0)
            parts_.push_back({std::string(kStructureNames[i]), number(features_.counts[i]), weight, part, false, {}});
    }
    return sum;
}

std::int64_t Scorer::add_fields(const Model &model, std::span<const Detail> details, bool tell, bool &learned) {
    std::int64_t sum = 0;
    for (const Field &field : model.fields) {
        const auto found = std::find_if(details.begin(), details.end(), [&](const Detail &d) { return d.name == field.name; });
        if (found == details.end())
            continue;
        double weight = 0, used = 1;
        if (field.number) {
            if (!found->number)
                continue;
            const double x = *found->number > 0 ? *found->number : 0;
            used = cut((natural_log(1 + x) - field.scale.mean) / field.scale.deviation);
            weight = field.scale.weight;
        } else {
            const auto level = field.levels.find(found->text);
            if (level == field.levels.end())
                continue;
            weight = level->second;
        }
        learned = learned || !field.assumed;
        const std::int64_t part = to_fixed(weight * used);
        sum += part;
        if (tell)
            parts_.push_back({field.name, field.number ? number(*found->number) : json_string(found->text), weight, part,
                              field.assumed, {}});
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
    result.expected = model.effort_slope * (result.sum - model.start) + (group ? group->shift : 0);
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
        for (auto &[term, sum] : part.terms)
            sum = std::llround(10 * slope * from_fixed(sum));
    }
    (largest ? largest->tenths : start_tenths_) += left;
}

std::string Scorer::tell_factors(double start) {
    std::stable_sort(parts_.begin(), parts_.end(),
                     [](const Part &a, const Part &b) { return std::llabs(a.tenths) > std::llabs(b.tenths); });
    const auto weight_of = [](double weight) { return decimal(std::llround(weight * 10000), 4); };
    std::string out = "[{\"name\":\"typical ticket\",\"value\":1,\"weight\":" + weight_of(start) +
                      ",\"points\":" + decimal(start_tenths_, 1) + '}';
    for (const Part &part : parts_) {
        if (part.tenths == 0)
            continue;
        out += ",{\"name\":" + json_string(part.name) + ",\"value\":" + part.value + ",\"weight\":" + weight_of(part.weight) +
               ",\"points\":" + decimal(part.tenths, 1);
        if (part.assumed)
            out += ",\"basis\":\"assumed\"";
        if (!part.terms.empty()) {
            out += ",\"terms\":[";
            for (const auto &[term, tenths] : part.terms)
                out += (out.back() == '[' ? "" : ",") + ("{\"term\":" + json_string(term)) + ",\"points\":" + decimal(tenths, 1) + '}';
            out += ']';
        }
        out += '}';
    }
    return out + ']';
}

bool recommend_escalation(int score, std::string_view priority, std::string_view severity, double risk, int threshold) {
    double urgency = 0;
    urgency += priority == "urgent" ? 15 : priority == "high" ? 5 : 0;
    urgency += severity == "critical" ? 15 : severity == "major" ? 5 : 0;
    urgency += 20 * (risk > 1 ? 1 : risk > 0 ? risk : 0);
    return score + urgency >= threshold;
}

} // namespace ticketflow::core::complexity
