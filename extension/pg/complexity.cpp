// complexity: complexity_score() and its kin in SQL.
#include "pg/complexity.h"
#include "pg/datum.h"

#include "core/complexity/score.h"

#include <cmath>
#include <cstring>
#include <list>
#include <memory>

extern "C" {
#include <access/detoast.h>
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <utils/jsonb.h>
#include <utils/numeric.h>
}

namespace ticketflow::pg {

using namespace core::complexity;

namespace {

constexpr std::size_t kHeaderSize = 13; // magic, version and checksum: names a model's content
constexpr std::size_t kCachedModels = 4;

struct Cached {
    std::string key, bytes;
    std::shared_ptr<const Model> model;
};

std::list<Cached> &cache() {
    static std::list<Cached> models; // newest use first
    return models;
}

std::string_view bytes_of(Datum value) {
    bytea *const plain = call([value] { return DatumGetByteaPP(value); });
    return {VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain)};
}

// What a call site keeps between calls: the toasted model it saw last, so that the same one is not fetched again.
struct Site {
    TupleDesc result;
    char pointer[sizeof(varatt_external)];
    bool has_pointer;
    char key[kHeaderSize];
};

Site &site_of(FunctionCallInfo fcinfo) {
    if (!fcinfo->flinfo->fn_extra)
        fcinfo->flinfo->fn_extra = call([fcinfo] { return MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site)); });
    return *static_cast<Site *>(fcinfo->flinfo->fn_extra);
}

// A stored model is known by its head. One that was passed in by value is compared whole: anybody can make such a head.
std::shared_ptr<const Model> cached(std::string_view key, const std::string_view *bytes) {
    auto &models = cache();
    for (auto it = models.begin(); it != models.end(); ++it) {
        if (it->key == key && (!bytes || it->bytes == *bytes)) {
            models.splice(models.begin(), models, it);
            return it->model;
        }
    }
    return nullptr;
}

std::shared_ptr<const Model> remember(const std::string &key, std::string_view bytes) {
    auto model = std::make_shared<const Model>(Model::decode(bytes));
    auto &models = cache();
    models.push_front({key, std::string(bytes), model});
    if (models.size() > kCachedModels)
        models.pop_back();
    return model;
}

std::shared_ptr<const Model> model_of(Site &site, Datum value) {
    auto *const raw = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
    if (!VARATT_IS_EXTERNAL_ONDISK(raw)) {
        const std::string_view bytes = bytes_of(value);
        std::string key(bytes.substr(0, kHeaderSize));
        auto model = cached(key, &bytes);
        return model ? model : remember(key, bytes);
    }
    if (site.has_pointer && std::memcmp(site.pointer, VARDATA_EXTERNAL(raw), sizeof site.pointer) == 0)
        if (auto model = cached({site.key, sizeof site.key}, nullptr))
            return model;

    bytea *const head = call([value] { return DatumGetByteaPSlice(value, 0, kHeaderSize); });
    std::string key(VARDATA_ANY(head), VARSIZE_ANY_EXHDR(head));
    key.resize(kHeaderSize);
    auto model = cached(key, nullptr);
    if (!model)
        model = remember(key, bytes_of(value));
    site.has_pointer = true;
    std::memcpy(site.pointer, VARDATA_EXTERNAL(raw), sizeof site.pointer);
    std::memcpy(site.key, key.data(), sizeof site.key);
    return model;
}

const std::shared_ptr<const Model> &shipped() {
    static const std::shared_ptr<const Model> model(&cold_start_model(), [](const Model *) {});
    return model;
}

struct JsonMember {
    const char *key, *text;
    int key_size, text_size;
    bool number;
};
struct JsonMembers {
    JsonMember *at;
    int size;
    bool flat;
};

JsonMembers read_members(Datum value) {
    return call([value] {
        Jsonb *const json = DatumGetJsonbP(value);
        JsonMembers members{nullptr, 0, JB_ROOT_IS_OBJECT(json)};
        if (!members.flat)
            return members;
        members.at = static_cast<JsonMember *>(palloc(sizeof(JsonMember) * (JB_ROOT_COUNT(json) + 1)));
        JsonbIterator *it = JsonbIteratorInit(&json->root);
        JsonbValue v;
        JsonbIteratorToken token;
        while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE) {
            JsonMember &member = members.at[members.size];
            if (token == WJB_KEY) {
                member = {v.val.string.val, nullptr, v.val.string.len, 0, false};
            } else if (token == WJB_VALUE) {
                if (v.type == jbvString) {
                    member.text = v.val.string.val;
                    member.text_size = v.val.string.len;
                } else if (v.type == jbvNumeric) {
                    member.text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
                    member.text_size = static_cast<int>(strlen(member.text));
                    member.number = true;
                } else if (v.type == jbvBool) {
                    member.text = v.val.boolean ? "true" : "false";
                    member.text_size = static_cast<int>(strlen(member.text));
                } else if (v.type != jbvNull) {
                    members.flat = false;
                    return members;
                }
                if (member.text)
                    ++members.size;
            }
        }
        return members;
    });
}

} // namespace

// Model and words are UTF-8; databases in other encodings convert on the way in and out. SQL_ASCII says nothing of what
// bytes mean: they stay as they are.
static bool needs_no_conversion() { return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII; }

std::string_view to_utf8(std::string_view text) {
    if (text.empty() || needs_no_conversion())
        return text;
    const char *const converted = call([text] {
        return pg_server_to_any(text.data(), static_cast<int>(text.size()), PG_UTF8);
    });
    return converted == text.data() ? text : std::string_view(converted);
}

Datum make_jsonb(const std::string &json) {
    return call([&json] {
        char *text = const_cast<char *>(json.c_str());
        if (!needs_no_conversion())
            text = pg_any_to_server(text, static_cast<int>(json.size()), PG_UTF8);
        return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
    });
}

void read_details(Datum value, std::vector<Detail> &details) {
    const JsonMembers members = read_members(value);
    if (!members.flat)
        throw core::Failure(core::Condition::invalid_parameter_value, "details must be a JSON object of plain values", {},
                            "For example: {\"assignment_group\": \"network\", \"reassignments\": 2}.");
    for (int i = 0; i < members.size; ++i) {
        const JsonMember &m = members.at[i];
        Detail detail{std::string(to_utf8({m.key, static_cast<std::size_t>(m.key_size)})),
                      std::string(to_utf8({m.text, static_cast<std::size_t>(m.text_size)})), {}};
        if (m.number) {
            const double x = std::strtod(m.text, nullptr);
            detail.number = std::isfinite(x) ? x : x > 0 ? 1e300 : 0;
        }
        details.push_back(std::move(detail));
    }
}

namespace {

struct Arguments { // title, description, category, priority, severity, details, threshold, model
    std::string_view text[5];
    std::vector<Detail> details;
    double risk = 0;
    int threshold = 70;
    std::shared_ptr<const Model> model;
};

Arguments read_arguments(FunctionCallInfo fcinfo, Site &site) {
    Arguments a;
    for (int i = 0; i < 5; ++i)
        if (!PG_ARGISNULL(i))
            a.text[i] = to_utf8(text_view(PG_GETARG_DATUM(i)));
    constexpr const char *kNames[] = {"category", "priority", "severity"};
    for (int i = 2; i < 5; ++i)
        if (!PG_ARGISNULL(i))
            a.details.push_back({kNames[i - 2], std::string(a.text[i]), {}});
    if (!PG_ARGISNULL(5))
        read_details(PG_GETARG_DATUM(5), a.details);
    for (const Detail &detail : a.details) {
        if (detail.name != "sla_risk")
            continue;
        if (!detail.number)
            throw core::Failure(core::Condition::invalid_parameter_value, "sla_risk must be a number", {},
                                "It is the share of the time until the due date that has passed, 0 to 1.");
        a.risk = *detail.number;
    }
    if (!PG_ARGISNULL(6))
        a.threshold = PG_GETARG_INT32(6);
    if (a.threshold < 0 || a.threshold > 100)
        throw core::Failure(core::Condition::invalid_parameter_value, "threshold must be between 0 and 100", {},
                            "It is a score; 70 means: harder than 70 % of tickets.");
    a.model = PG_ARGISNULL(7) ? shipped() : model_of(site, PG_GETARG_DATUM(7));
    return a;
}

Datum make_row(FunctionCallInfo fcinfo, Site &site, Datum *values, bool *nulls) {
    return call([&] {
        if (!site.result) {
            TupleDesc result;
            get_call_result_type(fcinfo, nullptr, &result); // OUT parameters: always composite
            const MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
            site.result = BlessTupleDesc(CreateTupleDescCopy(result));
            MemoryContextSwitchTo(old);
        }
        return HeapTupleGetDatum(heap_form_tuple(site.result, values, nulls));
    });
}

Scorer &scorer() {
    static Scorer one;
    return one;
}

} // namespace

} // namespace ticketflow::pg

using namespace ticketflow::pg;

TICKETFLOW_FUNCTION(ticketflow_complexity_score) {
    Site &site = site_of(fcinfo);
    const Arguments a = read_arguments(fcinfo, site);
    const auto score = scorer().score(*a.model, a.text[0], a.text[1], a.details);
    Datum values[3] = {};
    bool nulls[3] = {true, true, true};
    if (score) {
        nulls[0] = nulls[1] = nulls[2] = false;
        values[0] = Int32GetDatum(score->score);
        values[1] = make_jsonb(score->factors);
        values[2] = BoolGetDatum(recommend_escalation(score->score, a.text[3], a.text[4], a.risk, a.threshold));
    }
    return make_row(fcinfo, site, values, nulls);
}

TICKETFLOW_FUNCTION(ticketflow_complexity_effort) {
    Site &site = site_of(fcinfo);
    const Arguments a = read_arguments(fcinfo, site);
    const auto score = scorer().score(*a.model, a.text[0], a.text[1], a.details, false);
    Datum values[4] = {};
    bool nulls[4] = {true, true, true, true};
    if (score) {
        nulls[0] = nulls[1] = nulls[2] = nulls[3] = false;
        constexpr double kShares[] = {0.5, 0.25, 0.75};
        for (int i = 0; i < 3; ++i)
            values[i] = Float8GetDatum(score->effort->at(score->sum, kShares[i]));
        values[3] = make_text(a.model->effort_unit);
    }
    return make_row(fcinfo, site, values, nulls);
}

TICKETFLOW_FUNCTION(ticketflow_complexity_model_info) {
    Site &site = site_of(fcinfo);
    const auto model = PG_ARGISNULL(0) ? shipped() : model_of(site, PG_GETARG_DATUM(0));
    return make_jsonb(model->provenance);
}

TICKETFLOW_FUNCTION(ticketflow_complexity_escalation) {
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const auto text = [fcinfo](int i) { return PG_ARGISNULL(i) ? std::string_view() : text_view(PG_GETARG_DATUM(i)); };
    PG_RETURN_BOOL(recommend_escalation(PG_GETARG_INT32(0), text(1), text(2), PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3),
                                        PG_ARGISNULL(4) ? 70 : PG_GETARG_INT32(4)));
}
