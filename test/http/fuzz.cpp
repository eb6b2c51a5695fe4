// Feeds mutated requests to everything that reads them: the HTTP parser, the planner with its query string, bodies and filters,
// tokens, JSON. Sanitizers end the program where something is wrong; so does an invariant that does not hold.
//   http_fuzz ROUNDS [SEED]
#include "auth.h"
#include "call.h"
#include "http_reader.h"
#include "json_scan.h"
#include "sql_filter.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace ticketflow::http;

namespace {

const std::vector<std::string> kSeeds = {
    "GET /rpc/add?a=1&b=2 HTTP/1.1\r\nHost: x\r\nAccept: text/csv;q=0.5, */*\r\nPrefer: count=exact, tx=rollback\r\n\r\n",
    "POST /rpc/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"a\":1,\"b\":[1,{\"c\":2}]}",
    "POST /rpc/add HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 13\r\n\r\na,b\n1,\"x\"\"y\"\n",
    "POST /rpc/vari HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nv=a&v=%7Bb+",
    "GET /rpc/rows?n=in.(1,\"2,3\")&or=(a.eq.1,not.and(b.is.null,c->d->>0.like(any).{a*,b}))&select=x:a->b->>c::text,*&order=a.desc.nullslast&limit=3&offset=1 HTTP/1.1\r\nHost: x\r\nRange: 1-5\r\n\r\n",
    "POST /rpc/rows?label=wfts(english).a%20-b&data=cs.{\"n\":2} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"n\r\n5\r\n\":12}\r\n0\r\n\r\n",
    "POST /rpc/j HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n[[[\"\\ud83d\\ude00\\u0041\",-1.5e+3]]",
    "GET /rpc/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoiYWdlbnQifQ.c2lnbmF0dXJl\r\nCookie: a=b; c=d\r\n\r\n",
    "OPTIONS /rpc/add HTTP/1.0\r\nOrigin: http://x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
};
const std::vector<std::string> kWords = {"not.", "and(", "or(", "(any)", ".", "->>", "->", "::", "\"", "\\", "%00", "%", "{", "}", "[", "]",
                                         "(", ")", ",", "eq.", "in.(", "is.", "fts(", "\\u0000", "\\ud800", "\r\n", "\r\n\r\n", "\xff", "\xc3\xa9",
                                         "9999999999999999999", "-1", "null", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "&", "=", "'"};

std::mt19937_64 generator;
size_t below(size_t limit) { return limit == 0 ? 0 : generator() % limit; }

std::string mutate(std::string text) {
    for (size_t i = 1 + below(6); i > 0; --i) {
        size_t at = below(text.size() + 1);
        switch (below(6)) {
        case 0: text.insert(at, kWords[below(kWords.size())]); break;
        case 1: text.insert(at, 1, char(below(256))); break;
        case 2: text.erase(at, 1 + below(8)); break;
        case 3: if (at < text.size()) text[at] = char(below(256)); break;
        case 4: text.insert(at, text.substr(below(text.size() + 1), below(40))); break;
        default: {
            const std::string &other = kSeeds[below(kSeeds.size())];
            text = text.substr(0, at) + other.substr(below(other.size()));
        }
        }
    }
    return text;
}

void require(bool holds, const char *what, const std::string &input) {
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\ninput: %s\n", what, json_quote(input).c_str());
    std::abort();
}

SchemaCache make_cache() {
    Type integer{"integer", "integer", 'N', {}, {}}, text{"text", "text", 'S', {}, {}}, json{"json", "json", 'U', {}, {}};
    Type list{"text[]", "text[]", 'A', {}, {}}, numbers{"integer[]", "integer[]", 'A', {}, {}};
    auto make = [](const char *name, std::vector<Argument> arguments, bool set) {
        Function function;
        function.schema = "api";
        function.name = name;
        function.arguments = std::move(arguments);
        function.returns_set = function.composite = set;
        return function;
    };
    SchemaCache cache;
    auto &functions = cache.functions["api"];
    functions["add"].push_back(make("add", {{"a", integer, true, false}, {"b", numbers, false, false}}, false));
    functions["vari"].push_back(make("vari", {{"v", list, false, true}}, false));
    functions["j"].push_back(make("j", {{"", json, true, false}}, false));
    Function rows = make("rows", {{"n", integer, false, false}}, true);
    rows.columns = {{"n", integer, {}}, {"label", text, {}}};
    functions["rows"].push_back(rows);
    return cache;
}

// A statement's quotes are balanced and its parameters are those it was given, whatever the request said.
void check_statement(const Call &call, const std::string &input) {
    size_t highest = 0;
    char quote = 0;
    for (size_t i = 0; i < call.sql.size(); ++i) {
        char c = call.sql[i];
        if (quote) {
            bool escaped = quote == '\'' && c == '\\';
            i += escaped;
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '$') {
            highest = std::max(highest, size_t(std::strtoul(call.sql.c_str() + i + 1, nullptr, 10)));
        } else {
            require(c != ';' && !(c == '-' && call.sql.compare(i, 2, "--") == 0), "no second statement, no comment", input);
        }
    }
    require(quote == 0, "quotes are balanced", input);
    require(highest == call.parameters.size(), "each parameter is used", input);
    for (const auto &parameter : call.parameters)
        require(!parameter.text || parameter.binary || parameter.text->find('\0') == std::string::npos, "no NUL byte in a parameter", input);
}

void feed(const std::string &input, const SchemaCache &cache, const Config &config, Authenticator &authenticator, long &planned) {
    RequestReader reader(8192, 4096);
    for (size_t at = 0; at < input.size() && reader.state() != RequestReader::State::failed;) {
        auto [data, size] = reader.space();
        size_t count = std::min({size, input.size() - at, size_t(1) + below(200)});
        std::memcpy(data, input.data() + at, count);
        at += count;
        reader.received(count);
        reader.expects_continue();
        while (reader.state() == RequestReader::State::complete) {
            Request request = reader.take();
            try {
                authenticator.identify(request, 1790000000);
            } catch (const Error &error) {
                require(scan_json(error.body()).has_value(), "an error's body is JSON", input);
            }
            try {
                Call call = plan_call(request, cache, config);
                check_statement(call, input);
                ++planned;
            } catch (const Error &error) {
                require(error.status >= 300 && error.status < 600 && scan_json(error.body()).has_value(), "an error is an answer", input);
            }
            reader.next();
        }
    }
    if (auto value = scan_json(input); value && value->kind == JsonKind::object)
        json_members(*value);
}

} // namespace

int main(int argc, char **argv) {
    long rounds = argc > 1 ? std::atol(argv[1]) : 10000, planned = 0;
    generator.seed(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    auto config = std::make_shared<Config>();
    config->db_anon_role = "anon";
    config->jwt_secret = "a secret of more than thirty-two bytes, for tests";
    config->db_plan_enabled = true;
    config->finish();
    auto keys = std::make_shared<KeySet>(load_keys(*config));
    Authenticator authenticator(config, keys);
    SchemaCache cache = make_cache();
    for (long i = 0; i < rounds; ++i)
        feed(i < long(kSeeds.size()) ? kSeeds[size_t(i)] : mutate(kSeeds[below(kSeeds.size())]), cache, *config, authenticator, planned);
    std::printf("%ld inputs, %ld calls planned\n", rounds, planned);
    return planned > 0 ? 0 : 1;
}
