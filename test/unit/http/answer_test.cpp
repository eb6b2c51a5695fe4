// What goes back, and what bounds it: heads, spools, rates, settings.
#include "answer.h"
#include "config.h"
#include "metrics.h"
#include "rate_limit.h"
#include "spool.h"

#include <gtest/gtest.h>

using namespace ticketflow::http;

TEST(HttpAnswer, NoHeaderStartsAnother) {
    Answer answer;
    answer.reason = "Gone\r\nX-Evil: 1";
    answer.headers = {{"X-A", "1\r\nX-B: 2"}, {"X-C\r\nX-D", "3"}};
    answer.text = "body";
    std::string head = head_of(answer, true, "now");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 Gone  X-Evil: 1\r\n")) << head;
    EXPECT_EQ(head.find("\nX-B"), std::string::npos);
    EXPECT_EQ(head.find("\nX-D"), std::string::npos);
    EXPECT_TRUE(head.ends_with("Content-Length: 4\r\n\r\n"));
    EXPECT_TRUE(head_of(answer, false, "now").ends_with("Connection: close\r\n\r\n"));
    answer.bodiless = true;
    EXPECT_EQ(head_of(answer, true, "now").find("Content-Length"), std::string::npos);
}

TEST(HttpAnswer, NamesHaveNoCase) {
    Answer answer;
    answer.set("Content-Type", "a");
    answer.set("content-type", "b");
    EXPECT_EQ(answer.headers.size(), 1u);
    EXPECT_TRUE(answer.has("CONTENT-TYPE"));
    EXPECT_EQ(answer.headers[0].second, "b");
}

TEST(HttpAnswer, AnErrorHasFourKeys) {
    Answer answer = answer_from(Error{418, "TF418", "a \"teapot\"", {}, "pour", {{"Retry-After", "1"}}, {}});
    EXPECT_EQ(answer.text, "{\"code\":\"TF418\",\"message\":\"a \\\"teapot\\\"\",\"details\":null,\"hint\":\"pour\"}");
    EXPECT_TRUE(answer.has("Retry-After"));
    EXPECT_EQ(answer.headers[1].second, "PostgREST; error=TF418");
}

TEST(HttpSpool, MovesToAFileAndBackUnchanged) {
    for (size_t limit : {size_t(10), size_t(100000)}) {
        Spool spool(limit);
        std::string all;
        for (int i = 0; i < 2000; ++i) {
            std::string piece = std::to_string(i) + ",";
            all += piece;
            ASSERT_TRUE(spool.append(piece));
        }
        ASSERT_TRUE(spool.finish());
        EXPECT_EQ(spool.size(), all.size());
        EXPECT_EQ(spool.open(), limit == 10);
        std::string got = spool.open() ? std::string(all.size(), '\0') : spool.take_memory();
        if (spool.open()) {
            EXPECT_EQ(spool.read(0, got.data(), got.size()), long(all.size()));
        }
        EXPECT_EQ(got, all);
    }
}

TEST(HttpSpool, MovedAwayItIsEmpty) {
    Spool spool(4);
    ASSERT_TRUE(spool.append("longer than four"));
    Spool other(std::move(spool));
    EXPECT_TRUE(other.open());
    EXPECT_FALSE(spool.open());
    EXPECT_EQ(other.size(), 16u);
}

TEST(HttpRateLimit, ABucketForEachClient) {
    RateLimit limit;
    int admitted = 0;
    for (int i = 0; i < 10; ++i)
        admitted += limit.admit("a", 100.0, 1, 3);
    EXPECT_EQ(admitted, 3);
    EXPECT_TRUE(limit.admit("b", 100.0, 1, 3)) << "another has her own";
    EXPECT_FALSE(limit.admit("a", 100.5, 1, 3));
    EXPECT_TRUE(limit.admit("a", 101.1, 1, 3)) << "one a second comes back";
    EXPECT_TRUE(limit.admit("a", 0, 0, 3)) << "no limit";
    EXPECT_TRUE(limit.admit("c", 100.0, 0.001, 1));
    EXPECT_FALSE(limit.admit("c", 100.0, 0.001, 1)) << "nothing is left";
    limit.forgive("c");
    EXPECT_TRUE(limit.admit("c", 100.0, 0.001, 1)) << "what was forgiven does not count";
}

TEST(HttpConfig, SettingsAndTheirMistakes) {
    Config config = load_config("", {"db-schemas=a, b", "db-schema-aliases=public:a", "app.settings.x=1"});
    EXPECT_EQ(config.schemas, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(config.aliases.at("public"), "a");
    EXPECT_EQ(config.app_settings.size(), 1u);
    for (const char *bad : {"nope=1", "db-pool=0", "db-pool=many", "db-prepared-statements=maybe", "db-tx-end=later", "db-schemas=", "server-tls-key=x", "plain"})
        EXPECT_THROW(load_config("", {bad}), ConfigError) << bad;
    EXPECT_EQ(dump_config(load_config("", {"jwt-secret=very secret words that nobody may read"})).find("nobody"), std::string::npos);
}

TEST(HttpMetrics, BucketsAddUpAndNamesAreQuoted) {
    Metrics metrics;
    metrics.observe("a\"b\n", "GET", 200, 0.004, 10, "");
    metrics.observe("a\"b\n", "GET", 500, 3, 10, "57014");
    std::string text = metrics.text({}, 4);
    auto has = [&](const char *line) { return text.find(std::string(line) + "\n") != std::string::npos; };
    EXPECT_TRUE(has("ticketflow_http_requests_total{function=\"a\\\"b \",method=\"GET\",status=\"200\"} 1")) << text;
    EXPECT_TRUE(has("ticketflow_http_duration_seconds_bucket{function=\"a\\\"b \",le=\"0.0025\"} 0"));
    EXPECT_TRUE(has("ticketflow_http_duration_seconds_bucket{function=\"a\\\"b \",le=\"0.005\"} 1"));
    EXPECT_TRUE(has("ticketflow_http_duration_seconds_bucket{function=\"a\\\"b \",le=\"+Inf\"} 2"));
    EXPECT_TRUE(has("ticketflow_db_errors_total{class=\"57\"} 1"));
}
