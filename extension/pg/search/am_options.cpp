#include "pg/search/am_options.h"

#include <charconv>
#include <string>
#include <string_view>

extern "C" {
#include <access/reloptions.h>
#include <utils/guc.h>
}

namespace ticketflow::pg::search {

namespace {

using core::Condition;
using core::Failure;
using core::search::kFields;

struct Parameters { // as PostgreSQL keeps them: varlena header, values, offsets of strings
    int32 vl_len_;
    double k1;
    int pending_pages;
    int b, weights;
};

relopt_kind kind;
char *weights_setting = nullptr;
char *b_setting = nullptr;
double k1_setting = -1;
int least_documents_setting = 0;
uint64 epoch = 0;

constexpr double kDefaultK1 = 1.2;
constexpr const char *kDefaultB = "0.75", *kDefaultWeights = "{1,1,2,3}";
constexpr int kDefaultPendingPages = 64;

// "{D,C,B,A}", or one number for all four.
std::array<double, kFields> parse_four(std::string_view text, double largest, const char *what) {
    const std::string_view whole = text;
    auto refuse = [&](const char *why) {
        throw Failure(Condition::invalid_parameter_value, std::string("invalid value for \"") + what + "\": \"" + std::string(whole) + "\"",
                      why, "Write one number, or four for the labels D, C, B and A: '{0.1,0.2,0.4,1}'.");
    };
    std::array<double, kFields> values{};
    unsigned count = 0;
    const bool braces = !text.empty() && text.front() == '{';
    if (braces) {
        if (text.back() != '}' || text.size() < 2)
            refuse("The closing brace is missing.");
        text = text.substr(1, text.size() - 2);
    }
    for (;;) {
        while (!text.empty() && text.front() == ' ')
            text.remove_prefix(1);
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || !(value >= 0 && value <= largest))
            refuse(largest == 1 ? "Each number must be between 0 and 1." : "Each number must be between 0 and 1000.");
        if (count == kFields)
            refuse("There are more than four numbers.");
        values[count++] = value;
        text.remove_prefix(static_cast<size_t>(end - text.data()));
        while (!text.empty() && text.front() == ' ')
            text.remove_prefix(1);
        if (text.empty())
            break;
        if (text.front() != ',')
            refuse("Numbers are separated by commas.");
        text.remove_prefix(1);
    }
    if (count == 1 && !braces)
        values.fill(values[0]);
    else if (count != kFields)
        refuse("There must be four numbers.");
    return values;
}

void check_weights(const char *value) {
    entry([value] { parse_four(value, 1000, "weights"); });
}
void check_b(const char *value) {
    entry([value] { parse_four(value, 1, "b"); });
}

template <double Largest> bool check_setting(char **value, void **, GucSource) {
    if (**value == '\0')
        return true;
    try {
        parse_four(*value, Largest, Largest == 1 ? "ticketflow.b" : "ticketflow.weights");
        return true;
    } catch (const Failure &failure) {
        // The strings die with the exception: PostgreSQL takes its copies here.
        GUC_check_errmsg_string = pstrdup(failure.message.c_str());
        GUC_check_errdetail_string = pstrdup(failure.detail.c_str());
        GUC_check_errhint_string = pstrdup(failure.hint.c_str());
    } catch (...) {
    }
    return false;
}

void string_was_set(const char *, void *) { ++epoch; }
void real_was_set(double, void *) { ++epoch; }
void int_was_set(int, void *) { ++epoch; }

} // namespace

uint64 settings_epoch() noexcept { return epoch; }

void init() {
    call([] {
        kind = add_reloption_kind();
        add_real_reloption(kind, "k1", "how soon more occurrences of a word stop counting", kDefaultK1, 0, 100, AccessExclusiveLock);
        add_string_reloption(kind, "b", "how much a long field is held against it, 0 to 1: one number, or {D,C,B,A}", kDefaultB, check_b,
                             AccessExclusiveLock);
        add_string_reloption(kind, "weights", "what an occurrence in each label is worth: {D,C,B,A}", kDefaultWeights, check_weights,
                             AccessExclusiveLock);
        add_int_reloption(kind, "pending_pages", "pages of waiting documents after which an insert makes a segment of them",
                          kDefaultPendingPages, 1, 65536, AccessExclusiveLock);
        DefineCustomStringVariable("ticketflow.weights", "Label weights {D,C,B,A} of ranked search, in place of the index's.", nullptr,
                                   &weights_setting, "", PGC_USERSET, 0, check_setting<1000.0>, string_was_set, nullptr);
        DefineCustomStringVariable("ticketflow.b", "Length normalisation of ranked search, in place of the index's.", nullptr, &b_setting, "",
                                   PGC_USERSET, 0, check_setting<1.0>, string_was_set, nullptr);
        DefineCustomRealVariable("ticketflow.k1", "Saturation of ranked search, in place of the index's; -1 takes the index's.", nullptr,
                                 &k1_setting, -1, -1, 100, PGC_USERSET, 0, nullptr, real_was_set, nullptr);
        DefineCustomIntVariable("ticketflow.least_documents", "How rare a word is is reckoned as in at least so many documents.", nullptr,
                                &least_documents_setting, 0, 0, INT_MAX, PGC_USERSET, 0, nullptr, int_was_set, nullptr);
    });
}

// By member, because PostgreSQL 18 has one more.
static relopt_parse_elt element(const char *name, relopt_type type, size_t offset) {
    relopt_parse_elt one{};
    one.optname = name;
    one.opttype = type;
    one.offset = static_cast<int>(offset);
    return one;
}

bytea *parse_options(Datum options, bool validate) {
    static const relopt_parse_elt elements[] = {
        element("k1", RELOPT_TYPE_REAL, offsetof(Parameters, k1)),
        element("b", RELOPT_TYPE_STRING, offsetof(Parameters, b)),
        element("weights", RELOPT_TYPE_STRING, offsetof(Parameters, weights)),
        element("pending_pages", RELOPT_TYPE_INT, offsetof(Parameters, pending_pages)),
    };
    return call([=] { return static_cast<bytea *>(build_reloptions(options, validate, kind, sizeof(Parameters), elements, lengthof(elements))); });
}

core::search::Options options_of(Relation index) {
    const auto *const parameters = reinterpret_cast<const Parameters *>(index->rd_options);
    auto text = [parameters](int Parameters::*member, const char *setting, const char *fallback) -> const char * {
        if (setting && *setting)
            return setting;
        return parameters && parameters->*member ? reinterpret_cast<const char *>(parameters) + parameters->*member : fallback;
    };
    core::search::Options options;
    options.k1 = k1_setting >= 0 ? k1_setting : parameters ? parameters->k1 : kDefaultK1;
    options.b = parse_four(text(&Parameters::b, b_setting, kDefaultB), 1, "b");
    options.weights = parse_four(text(&Parameters::weights, weights_setting, kDefaultWeights), 1000, "weights");
    options.least_documents = least_documents_setting;
    return options;
}

int pending_limit(Relation index) {
    const auto *const parameters = reinterpret_cast<const Parameters *>(index->rd_options);
    return parameters ? parameters->pending_pages : kDefaultPendingPages;
}

} // namespace ticketflow::pg::search
