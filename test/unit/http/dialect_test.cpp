// What a request means, without a database: its query string, body, function and the statement that comes of it.
#include "batch.h"
#include "call.h"
#include "json_scan.h"
#include "lookup.h"
#include "roles.h"

#include <gtest/gtest.h>

using namespace ticketflow::http;

namespace {

SchemaCache make_cache() {
    Type integer{"integer", "integer", 'N', {}, {}}, text{"text", "text", 'S', {}, {}}, json{"json", "json", 'U', {}, {}};
    auto make = [](const char *name, std::vector<Argument> arguments, bool set, char volatility = 's') {
        Function function;
        function.schema = "api";
        function.name = name;
        function.arguments = std::move(arguments);
        function.returns_set = function.composite = set;
        function.volatility = volatility;
        return function;
    };
    SchemaCache cache;
    auto &functions = cache.functions["api"];
    functions["add"] = {make("add", {{"a", integer, true, false}, {"b", integer, true, false}}, false)};
    functions["ov"] = {make("ov", {}, false), make("ov", {{"a", integer, true, false}}, false),
                       make("ov", {{"a", integer, true, false}, {"b", text, false, false}}, false)};
    functions["j"] = {make("j", {{"", json, true, false}}, false)};
    functions["write"] = {make("write", {{"a\"b", text, false, false}}, true, 'v')};
    Function rows = make("rows", {}, true);
    rows.columns = {{"n", integer, {}}, {"label", text, {}}};
    functions["rows"] = {rows};
    cache.roles["slow"].settings = {{"statement_timeout", "1s"}};
    cache.roles["strict"].isolation = "Serializable";
    return cache;
}

Request request(const std::string &method, const std::string &target, const std::string &body = "", Headers headers = {}) {
    Request out;
    out.method = method;
    out.target = target;
    out.body = body;
    out.headers = std::move(headers);
    return out;
}

const SchemaCache kCache = make_cache();

Config make_config() {
    Config config;
    config.db_anon_role = "anon";
    config.finish();
    return config;
}
const Config kConfig = make_config();

Call plan(const Request &request) { return plan_call(request, kCache, kConfig); }
std::string sql(const std::string &target) { return plan(request("GET", target)).sql; }
std::string code(const Request &request) {
    try {
        plan(request);
        return "";
    } catch (const Error &error) {
        return error.code;
    }
}

std::string joined(const Batch &batch) {
    std::string out;
    for (const auto &step : batch.steps)
        out += (out.empty() ? "" : "\n") + (step.role.empty() ? "" : step.role + "> ") + step.sql;
    return out;
}
bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace

TEST(HttpText, JsonQuotes) {
    EXPECT_EQ(json_quote(""), "\"\"");
    EXPECT_EQ(json_quote("a\"b\\c\n\r\t\x01/"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001/\"");
    EXPECT_EQ(json_quote("€😀"), "\"€😀\"");
    EXPECT_EQ(json_quote("a\xff\xc3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(json_quote("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"") << "a surrogate is no character";
    EXPECT_EQ(json_quote(std::string("a\0b", 3)), "\"a\\u0000b\"");
    // Every byte at every place of what is looked at eight bytes at a time.
    for (int byte = 0; byte < 256; ++byte)
        for (size_t at = 0; at < 20; ++at) {
            std::string before(at, '~'), after(19 - at, ' ');
            std::string alone = json_quote(std::string(1, char(byte)));
            EXPECT_EQ(json_quote(before + char(byte) + after), '"' + before + alone.substr(1, alone.size() - 2) + after + '"') << byte << " at " << at;
        }
}

TEST(HttpText, SqlQuotes) {
    EXPECT_EQ(quote_ident("a\"b\"\""), "\"a\"\"b\"\"\"\"\"");
    EXPECT_EQ(quote_ident(""), "\"\"");
    EXPECT_EQ(quote_literal("o'hara"), "'o''hara'");
    EXPECT_EQ(quote_literal("a\\'b"), " E'a\\\\''b'");
    EXPECT_EQ(percent_decode("a+b%20%e2%82%ac%zz%", true), "a b €%zz%");
    EXPECT_EQ(base64url_decode(base64url_encode("any bytes \xff\x01")), "any bytes \xff\x01");
    EXPECT_FALSE(base64url_decode("a"));
    EXPECT_FALSE(base64url_decode("ab=="));
}

TEST(HttpJson, ScansWhatIsJsonAndNothingElse) {
    for (const char *good : {"{}", " [1, -2.5e+3, true, null, \"\\ud83d\\ude00\"] ", "\"x\"", "0", "{\"a\":{\"b\":[]}}"})
        EXPECT_TRUE(scan_json(good)) << good;
    for (const char *bad : {"", "{", "{a:1}", "[1,]", "01", "1.", "+1", "nul", "\"\n\"", "\"\\x\"", "{\"a\":1,}", "1 2", "'a'", "[1}", "-"})
        EXPECT_FALSE(scan_json(bad)) << bad;
    EXPECT_FALSE(scan_json(std::string(5000, '['))) << "no stack is deep enough";
    EXPECT_EQ(json_unquote("\"a\\u20ac\\n\\ud83d\\ude00\""), "a€\n😀");
}

TEST(HttpLookup, NamesDecide) {
    EXPECT_EQ(plan(request("GET", "/rpc/ov")).function->arguments.size(), 0u);
    EXPECT_EQ(plan(request("GET", "/rpc/ov?a=1&b=2")).function->arguments.size(), 2u);
    EXPECT_EQ(code(request("GET", "/rpc/ov?a=1")), "PGRST203") << "b has a default, so two match";
    EXPECT_EQ(code(request("GET", "/rpc/ov?c=1")), "PGRST202");
    EXPECT_EQ(code(request("GET", "/rpc/add?a=1")), "PGRST202");
    EXPECT_EQ(code(request("POST", "/rpc/j", "[1")), "PGRST102");
    EXPECT_EQ(plan(request("POST", "/rpc/j", " 5 ")).parameters[0].text, " 5 ");
    EXPECT_EQ(code(request("PUT", "/rpc/add")), "PGRST101");
    EXPECT_EQ(code(request("GET", "/rpc/")), "PGRST125");
    EXPECT_EQ(code(request("GET", "/rpc/a%2fb")), "PGRST125");
    EXPECT_GT(similarity("search_task", "search_tasks"), 0.9);
    EXPECT_EQ(similarity("", ""), 1);
    EXPECT_EQ(similarity("abc", "xyz"), 0);
}

TEST(HttpStatement, ParametersAndQuotes) {
    Call call = plan(request("POST", "/rpc/write?n=eq.1;--&order=label.desc", "{\"a\\\"b\":\"'; DROP TABLE x; --\"}"));
    EXPECT_EQ(call.parameters.size(), 2u);
    EXPECT_EQ(call.parameters[0].text, "'; DROP TABLE x; --");
    EXPECT_TRUE(has(call.sql, "\"a\"\"b\" := $1::text")) << call.sql;
    EXPECT_FALSE(has(call.sql, "DROP"));
    EXPECT_FALSE(call.read_only);
    EXPECT_TRUE(plan(request("GET", "/rpc/write")).read_only) << "GET never writes";
    EXPECT_TRUE(plan(request("POST", "/rpc/rows")).read_only) << "nor does what is stable";
}

TEST(HttpStatement, FiltersBecomeConditions) {
    EXPECT_TRUE(has(sql("/rpc/rows?n=gt.1&label=not.is.null"), "WHERE \"rows\".\"n\" > $1 AND NOT (\"rows\".\"label\" IS NULL)"));
    EXPECT_TRUE(has(sql("/rpc/rows?or=(n.eq.1,and(n.gt.3,n.lt.5))"), "(\"rows\".\"n\" = $1 OR (\"rows\".\"n\" > $2 AND \"rows\".\"n\" < $3))"));
    EXPECT_TRUE(has(sql("/rpc/rows?n=eq(any).{1,2}"), "= ANY ($1)"));
    EXPECT_TRUE(has(sql("/rpc/rows?select=x:n::text&order=label.desc.nullslast&limit=2&offset=1"), "ORDER BY \"rows\".\"label\" DESC NULLS LAST LIMIT 2 OFFSET 1"));
    EXPECT_TRUE(has(sql("/rpc/rows?label=fts(english).x"), "to_tsvector($1::regconfig")) << sql("/rpc/rows?label=fts(english).x");
    for (const char *bad : {"n=eq", "n=is.maybe", "n=foo(any).1", "or=(n.eq.1", "or=n.eq.1", "and=()", "select=n(", "order=n.up", "n=eq(some).{}"})
        EXPECT_TRUE(code(request("POST", std::string("/rpc/rows?") + bad, "{}")).starts_with("PGRST")) << bad;
    std::string deep = "or=";
    for (int i = 0; i < 100; ++i)
        deep += "(and";
    EXPECT_EQ(code(request("GET", "/rpc/rows?" + deep)), "PGRST100");
}

TEST(HttpPreferences, TheFirstOfEachCounts) {
    Preferences p = parse_preferences(request("GET", "/", "", {{"prefer", "count=exact, tx=rollback"}, {"prefer", "count=planned,handling=strict,bar=1"}}));
    EXPECT_EQ(p.count, "exact");
    EXPECT_EQ(p.transaction, "rollback");
    EXPECT_TRUE(p.strict());
    EXPECT_EQ(p.invalid, std::vector<std::string>{"bar=1"});
    auto accepts = parse_accept(request("GET", "/", "", {{"accept", "text/csv;q=0.5, */*;q=0.1, Application/JSON"}}));
    ASSERT_EQ(accepts.size(), 3u);
    EXPECT_EQ(accepts[0].type, "application/json");
    EXPECT_EQ(accepts[2].type, "*/*");
}

TEST(HttpErrors, StatusOfEveryClass) {
    auto status = [](const char *state, const char *message = "", bool known = true) { return status_of_sqlstate(state, message, known); };
    for (auto [state, want] : {std::pair{"08006", 503}, {"09000", 500}, {"0L000", 403}, {"0P000", 403}, {"23503", 409}, {"23505", 409}, {"23502", 400},
                               {"23514", 400}, {"23P01", 400}, {"25006", 405}, {"25001", 500}, {"21000", 500}, {"22P02", 400}, {"28000", 403}, {"2D000", 500},
                               {"38000", 500}, {"39000", 500}, {"3B000", 500}, {"40001", 500}, {"40P01", 500}, {"53400", 500}, {"53300", 503}, {"54000", 500},
                               {"55P03", 500}, {"57P01", 503}, {"57014", 500}, {"58000", 500}, {"F0000", 500}, {"HV000", 500}, {"P0001", 400}, {"P0002", 500},
                               {"XX000", 500}, {"42883", 404}, {"42P01", 404}, {"42P17", 500}, {"42703", 400}, {"42501", 403}, {"PT402", 402}, {"PT40A", 500},
                               {"PT099", 500}, {"01000", 400}})
        EXPECT_EQ(status(state), want) << state;
    EXPECT_EQ(status("42501", "", false), 401);
    EXPECT_EQ(status("22023", "role \"x\" does not exist"), 401);
    EXPECT_EQ(status("21000", "DELETE requires a WHERE clause"), 400);
    EXPECT_EQ(status("42883", "function xmlagg(text) does not exist"), 406);
}

TEST(HttpBatch, OneTripAndItsRoles) {
    Request get = request("GET", "/rpc/rows", "", {{"host", "x"}, {"cookie", "a=b"}, {"x-two", "1"}, {"x-two", "2"}});
    Call call = plan(get);
    Identity anonymous{"anon", "{\"role\":\"anon\"}", "", "", {}, false};
    Batch batch = make_batch(kConfig, kCache, get, anonymous, call, "anon");
    ASSERT_EQ(batch.steps.size(), 3u) << joined(batch);
    EXPECT_EQ(batch.role_step, Batch::kNone);
    EXPECT_EQ(batch.steps[1].role, "anon") << "the plan is for this role";
    EXPECT_TRUE(has(batch.steps[0].sql, "set_config('transaction_read_only', $2, true)"));
    EXPECT_TRUE(has(batch.steps[0].sql, "set_config('role', $10, true)")) << batch.steps[0].sql;
    EXPECT_EQ(batch.steps[0].parameters[4].text, "{\"host\":\"x\",\"x-two\":\"1\"}");
    EXPECT_EQ(batch.steps[0].parameters[5].text, "{\"a\":\"b\"}");
}

TEST(HttpBatch, TheDatabaseDecides) {
    Config config = make_config();
    config.db_authenticate = "public.who";
    Request get = request("GET", "/rpc/rows");
    Call call = plan(get);
    Identity person{"anon", "{}", "ada", "", 12.5, true};
    Batch batch = make_batch(config, kCache, get, person, call, "slow");
    ASSERT_EQ(batch.role_step, 1u);
    EXPECT_TRUE(has(batch.steps[1].sql, "1 / (pg_catalog.current_setting('role') = $3::text)::integer")) << batch.steps[1].sql;
    EXPECT_FALSE(has(batch.steps[0].sql, "set_config('role'"));
    EXPECT_TRUE(has(batch.steps[0].sql, "statement_timeout")) << "of the role that is expected";
    EXPECT_EQ(batch.steps[2].role, "slow");
    Batch question = make_question(config, get, person, call);
    EXPECT_EQ(question.steps.size(), 2u);
    EXPECT_TRUE(has(question.steps[1].sql, "SELECT pg_catalog.current_setting('role') FROM"));
    RoleMemory memory;
    EXPECT_EQ(memory.find(person), nullptr);
    memory.learn(person, "slow");
    Identity key{"", "{}", "", "ada", {}, true};
    EXPECT_EQ(memory.find(key), nullptr) << "a key is no name";
    EXPECT_EQ(*memory.find(person), "slow");
    memory.forget(person);
    EXPECT_EQ(memory.find(person), nullptr);
}

TEST(HttpBatch, TransactionsOfTheirOwn) {
    Request post = request("POST", "/rpc/write", "{}", {{"accept", "application/vnd.pgrst.object+json"}});
    Call call = plan(post);
    Identity identity{"strict", "{}", "", "", {}, true};
    Batch batch = make_batch(kConfig, kCache, post, identity, call, "strict");
    EXPECT_TRUE(batch.decide) << "the rows are counted before the commit";
    EXPECT_EQ(batch.steps[0].sql, "BEGIN ISOLATION LEVEL serializable READ WRITE");
    EXPECT_FALSE(has(joined(batch), "COMMIT"));
    call.rollback = true;
    batch = make_batch(kConfig, kCache, post, identity, call, "strict");
    EXPECT_TRUE(has(joined(batch), "SET CONSTRAINTS ALL IMMEDIATE\nROLLBACK"));
}

TEST(HttpBatch, ManySettingsAndNoNul) {
    Config config = make_config();
    for (int i = 0; i < 200; ++i)
        config.app_settings.emplace_back("app.settings.s" + std::to_string(i), "it's");
    Request get = request("GET", "/rpc/rows");
    Call call = plan(get);
    Identity identity{"anon", "{}", "", "", {}, false};
    std::string text = make_batch(config, kCache, get, identity, call, "anon").steps[0].sql;
    size_t calls = 0;
    for (size_t at = 0; (at = text.find("num_nulls(", at)) != std::string::npos; ++at)
        ++calls;
    EXPECT_EQ(calls, 3u) << "PostgreSQL takes a hundred arguments";
    identity.user = std::string("ada\0x", 5);
    EXPECT_THROW(make_batch(config, kCache, get, identity, call, "anon"), Error);
}
